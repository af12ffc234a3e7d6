//! The exploration of every interleaving within a bound, breadth first, so that the first schedule that breaks a
//! promise is a shortest one.

use std::collections::hash_map::Entry;
use std::rc::Rc;

use super::hash::QuickMap;
use super::history::{Event, Facts, Histories, History, HistoryId};
use super::iam::{Answer, Iam, Request, Seen, World, seconds};
use super::process::{Report, Role};
use super::promises::{Broken, Promises};
use super::view::Phase;

/// A pause of a process that nothing interrupts lasts longer than the longest limit of a sequence, which is two
/// minutes.
const LONG: i64 = 121;
/// A stall that is longer than the limits of the read-backs, which are at most 30 seconds.
const STALL: i64 = 40;

/// The bound of an exploration.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) roles: Vec<Role>,
    /// Whether the first process opens its window before the other processes start.
    pub(super) leads: bool,
    /// How often the clock moves although a process could go on.
    pub(super) jumps: u8,
    /// How often a call takes so long that a pause beside the call ends first.
    pub(super) slow: u8,
    /// Whether a repeated probe is not interrupted.
    pub(super) repeats: bool,
    /// Whether the operators can end their windows before T1.
    pub(super) quits: bool,
    /// Whether one process can be killed.
    pub(super) kills: bool,
}

/// One step of a schedule. The number of a process is its position in [`Bound::roles`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Choice {
    /// The request of the process is carried out and answered.
    Step(u8, u16),
    /// The operator ends the window.
    Quit(u8, u16),
    /// The process sleeps until the clock moves.
    Sleep(u8),
    /// A pause ends before the call beside it is answered.
    Slow(u8, u16),
    Kill(u8),
    /// The clock moves to the next end of a window.
    ToEnd,
    /// The clock moves by [`STALL`].
    Stall,
    /// No process can go on, and the clock moves to the next end of a pause or a window.
    Wait,
}

/// Where a process is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Place {
    Alive(HistoryId),
    Over(u16),
}

/// A process that has ended. `report` is `None` if the process was killed.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Over {
    pub(super) process: usize,
    pub(super) facts: Facts,
    pub(super) report: Option<Report>,
}

/// The state of all processes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct State {
    pub(super) world: World,
    pub(super) places: [Place; 3],
    jumps: u8,
    slow: u8,
    /// Whether each process sleeps until the clock moves.
    asleep: [bool; 3],
    killed: bool,
}

/// The states that the exploration has found.
pub(super) struct Explorer {
    pub(super) bound: Bound,
    pub(super) iam: Rc<Iam>,
    pub(super) processes: Vec<Histories>,
    pub(super) overs: Vec<Over>,
    over_ids: QuickMap<Over, u16>,
    pub(super) states: Vec<State>,
    /// The state and the choice from which each state was found first.
    pub(super) found_by: Vec<(u32, Choice)>,
    ids: QuickMap<State, u32>,
    /// The edges of the graph, from each state to the states that follow it.
    pub(super) edges: Vec<(u32, u32)>,
    pub(super) finals: Vec<u32>,
    pub(super) promises: Promises,
}

impl Explorer {
    pub(super) fn new(bound: &Bound, iam: &Rc<Iam>, user: Seen, promises: Promises) -> Self {
        let roles = bound.roles.iter();
        let mut this = Self {
            bound: bound.clone(),
            iam: iam.clone(),
            processes: roles.map(|role| Histories::new(*role, iam.clone())).collect(),
            overs: Vec::new(),
            over_ids: QuickMap::default(),
            states: Vec::new(),
            found_by: Vec::new(),
            ids: QuickMap::default(),
            edges: Vec::new(),
            finals: Vec::new(),
            promises,
        };
        let world = World { user, clock: 0 };
        let start = State {
            world,
            places: [Place::Alive(0); 3],
            jumps: bound.jumps,
            slow: bound.slow,
            asleep: [false; 3],
            killed: !bound.kills,
        };
        this.note(start, (0, Choice::Wait));
        this
    }

    /// Explores every schedule, or if `first` is true, only until a schedule breaks a promise.
    pub(super) fn explore(&mut self, most: usize, first: bool) {
        let mut at = 0;
        while at < self.states.len() && !(first && !self.promises.broken.is_empty()) {
            if self.states.len() >= most {
                println!("STOPPED at depth {}", self.path_len());
                let mut phases = std::collections::BTreeMap::new();
                for s in &self.states {
                    let p: Vec<String> = s
                        .places
                        .iter()
                        .enumerate()
                        .take(self.processes.len())
                        .map(|(i, p)| match p {
                            Place::Alive(h) => format!(
                                "{:?} {:?}",
                                self.processes[i].of(*h).facts.phase,
                                self.processes[i].of(*h).waiting.first().map(|w| w.1)
                            ),
                            Place::Over(_) => "over".into(),
                        })
                        .collect();
                    *phases.entry((s.world.clock, p)).or_insert(0) += 1;
                }
                let mut v: Vec<_> = phases.into_iter().map(|(a, b)| (b, a)).collect();
                v.sort();
                for x in v.iter().rev().take(25) {
                    println!("{x:?}");
                }
                return;
            }
            let id = u32::try_from(at).expect("few states");
            let choices = self.choices(self.states[at]);
            if choices.is_empty() {
                self.finals.push(id);
                self.check_final(id);
            }
            for choice in choices {
                let (next, broken) = self.apply(self.states[at], choice);
                let next = self.note(next, (id, choice));
                self.edges.push((id, next));
                for broken in broken {
                    self.promises.note(broken, next);
                }
            }
            at += 1;
        }
    }

    fn note(&mut self, state: State, found_by: (u32, Choice)) -> u32 {
        let next = u32::try_from(self.states.len()).expect("few states");
        match self.ids.entry(state) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(free) => {
                free.insert(next);
                self.states.push(state);
                self.found_by.push(found_by);
                next
            }
        }
    }

    /// Returns the choices of a state. The list is empty if all processes have ended.
    ///
    /// The end of a pause changes nothing but the process that pauses. A process that is not to sleep until the clock
    /// moves therefore goes on at once, before all other steps.
    fn choices(&self, state: State) -> Vec<Choice> {
        let mut alive: Vec<_> = self.alive(state).collect();
        if self.bound.leads
            && let Some(&(0, first)) = alive.first()
            && self.facts(0, first).phase == Phase::Opening
        {
            alive.truncate(1);
        }
        let mut choices = Vec::new();
        let repeating = alive.iter().filter(|(process, history)| {
            self.bound.repeats && self.processes[usize::from(*process)].repeats(*history)
        });
        for &(process, history) in repeating {
            let history = self.history(process, history);
            if let Some(id) = history.pauses() {
                choices.push(Choice::Step(process, id));
                return choices;
            }
            let probes = history.waiting.iter().find(|(_, request)| !matches!(request, Request::Pause(_)));
            choices.extend(probes.iter().map(|(id, _)| Choice::Step(process, *id)));
            return choices;
        }
        for &(process, history) in &alive {
            if let Some(id) = self.history(process, history).pauses()
                && !state.asleep[usize::from(process)]
                && !self.is_idle(process, history, state.world)
            {
                choices.push(Choice::Step(process, id));
                if state.jumps > 0 {
                    choices.push(Choice::Sleep(process));
                }
                return choices;
            }
        }
        for &(process, history) in &alive {
            let history = self.history(process, history);
            let others = history.pauses().is_none();
            choices.extend(history.waiting.iter().filter_map(|&(id, request)| match request {
                Request::Pause(_) => (others && state.slow > 0).then_some(Choice::Slow(process, id)),
                Request::Hold if history.facts.until.is_some_and(|until| state.world.clock >= until) => {
                    Some(Choice::Step(process, id))
                }
                Request::Hold => self.bound.quits.then_some(Choice::Quit(process, id)),
                _ => Some(Choice::Step(process, id)),
            }));
        }
        if alive.is_empty() {
            return choices;
        }
        if choices.is_empty() {
            choices.push(Choice::Wait);
        } else if state.jumps > 0 {
            choices.push(Choice::Stall);
            if self.next_end(state).is_some() {
                choices.push(Choice::ToEnd);
            }
        }
        let all_started = !self.bound.leads || alive.len() == self.alive(state).count();
        if !state.killed && all_started {
            choices.extend(alive.iter().map(|(process, _)| Choice::Kill(*process)));
        }
        choices
    }

    /// Whether the process would learn nothing new if its pause ended now.
    fn is_idle(&self, process: u8, history: HistoryId, world: World) -> bool {
        let histories = &self.processes[usize::from(process)];
        let issued = histories.of(history).facts.issued;
        histories.is_idle(history, world.clock, |request| self.iam.carry_out(world, request, issued).1)
    }

    fn history(&self, process: u8, history: HistoryId) -> &History {
        self.processes[usize::from(process)].of(history)
    }

    pub(super) fn alive(&self, state: State) -> impl Iterator<Item = (u8, HistoryId)> {
        (0..).zip(state.places).take(self.processes.len()).filter_map(|(process, place)| match place {
            Place::Alive(history) => Some((process, history)),
            Place::Over(_) => None,
        })
    }

    /// Returns the next end of a window: the end in the gate, or T1 of a process that has not ended.
    fn next_end(&self, state: State) -> Option<i64> {
        let gate = state.world.user.gate.map(|id| seconds(self.iam.gate(id).until));
        let own = self.alive(state).filter_map(|(process, history)| self.facts(process, history).until);
        own.chain(gate).filter(|end| *end > state.world.clock).min()
    }

    fn facts(&self, process: u8, history: HistoryId) -> Facts {
        self.processes[usize::from(process)].of(history).facts
    }

    /// Returns the time at which the next process goes on, if no process can go on now.
    fn next_wake(&self, state: State) -> i64 {
        let wakes = self.alive(state).filter_map(|(process, history)| {
            let history = self.processes[usize::from(process)].of(history);
            let holds = history.waiting.iter().any(|(_, request)| *request == Request::Hold);
            if holds && !self.processes[usize::from(process)].is_ended(state.world.user) {
                history.facts.until
            } else {
                Some(state.world.clock + LONG)
            }
        });
        wakes.min().expect("a process that waits")
    }

    /// Returns the state after the choice, and the promises that this step breaks.
    pub(super) fn apply(&mut self, state: State, choice: Choice) -> (State, Vec<Broken>) {
        let mut next = state;
        match choice {
            Choice::Step(process, id) => return self.step(state, process, id, None),
            Choice::Slow(process, id) => {
                return self.step(State { slow: state.slow - 1, ..state }, process, id, None);
            }
            Choice::Sleep(process) => next.asleep[usize::from(process)] = true,
            Choice::Quit(process, id) => return self.step(state, process, id, Some(Answer::Quit)),
            Choice::Kill(process) => {
                next.killed = true;
                if let Place::Alive(history) = state.places[usize::from(process)] {
                    let facts = self.facts(process, history);
                    next.places[usize::from(process)] = self.over(process, facts, None);
                }
            }
            Choice::ToEnd => {
                next.jumps -= 1;
                next.world.clock = self.next_end(state).expect("an end in the future");
            }
            Choice::Stall => {
                next.jumps -= 1;
                next.world.clock += STALL;
            }
            Choice::Wait => next.world.clock = self.next_wake(state),
        }
        if next.world.clock != state.world.clock {
            next.asleep = [false; 3];
        }
        let broken = self.bounded(next);
        (next, broken)
    }

    fn step(
        &mut self,
        state: State,
        process: u8,
        request: u16,
        answer: Option<Answer>,
    ) -> (State, Vec<Broken>) {
        let index = usize::from(process);
        let Place::Alive(history) = state.places[index] else { panic!("the process has ended") };
        let before = self.processes[index].of(history);
        let was = before.facts;
        let asked = Event { request, answer: Answer::Done, now: state.world.clock };
        let (world, answered) = self.iam.carry_out(state.world, before.request(asked), before.facts.issued);
        let event = Event { answer: answer.unwrap_or(answered), ..asked };
        let after = self.processes[index].after(history, event);
        let mut next = State { world, ..state };
        let history = self.processes[index].of(after);
        let (facts, report) = (history.facts, history.report.clone());
        let mut broken = self.bounded(next);
        broken.extend(Promises::step(
            &self.iam,
            world,
            self.processes[index].role,
            (&was, &facts),
            report.as_ref(),
        ));
        next.places[index] = match report {
            Some(report) => self.over(process, facts, Some(report)),
            None => Place::Alive(after),
        };
        (next, broken)
    }

    /// Returns the place of a process that has ended. The place does not depend on the history, but only on what
    /// matters after the end.
    fn over(&mut self, process: u8, facts: Facts, report: Option<Report>) -> Place {
        let facts = Facts { sees_other: false, ..facts };
        let over = Over { process: process.into(), facts, report };
        let next = u16::try_from(self.overs.len()).expect("few ends");
        let overs = &mut self.overs;
        Place::Over(*self.over_ids.entry(over.clone()).or_insert_with(|| {
            overs.push(over);
            next
        }))
    }

    fn bounded(&mut self, state: State) -> Vec<Broken> {
        self.promises.bounded(&self.iam, state.world)
    }

    fn check_final(&mut self, id: u32) {
        let state = self.states[id as usize];
        let roles: Vec<_> = self.processes.iter().map(|process| process.role).collect();
        let overs: Vec<_> = self.ends(state).collect();
        let broken = Promises::at_end(&self.iam, state.world, &roles, &overs);
        broken.into_iter().for_each(|broken| self.promises.note(broken, id));
    }

    /// Returns the processes that have ended.
    pub(super) fn ends(&self, state: State) -> impl Iterator<Item = Over> {
        state.places.into_iter().take(self.processes.len()).filter_map(|place| match place {
            Place::Over(id) => Some(self.overs[usize::from(id)].clone()),
            Place::Alive(_) => None,
        })
    }
}
