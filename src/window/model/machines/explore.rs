//! Explores every interleaving of the processes within a bound. The exploration is breadth-first, so the first schedule
//! that breaks a promise is a shortest schedule.

use std::collections::hash_map::Entry;
use std::rc::Rc;

use super::facts::{Event, Facts, Over};
use super::hash::QuickMap;
use super::history::{Histories, History, HistoryId};
use super::iam::{Answer, Iam, Seen, World};
use super::process::{Report, Role};
use super::promises::{Broken, Promises};

/// The duration of a stall, in seconds. A stall is longer than the time limits for reading IAM back, which are at most
/// 30 seconds.
const STALL: i64 = 40;

/// The limits of an exploration.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) roles: Vec<Role>,
    /// How many answers the first process gets before the other processes start. The other processes start earlier if
    /// the first process's window is open.
    pub(super) lead: u16,
    /// How often the clock moves although a process could continue.
    pub(super) jumps: u8,
    /// Whether the operators can end their windows before T1.
    pub(super) quits: bool,
    /// Whether one process can be killed.
    pub(super) kills: bool,
}

/// One step of a schedule. The number of a process is its position in [`Bound::roles`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Choice {
    /// IAM carries out and answers one request of the process.
    Step(u8, u16),
    /// The operator ends the window.
    Quit(u8, u16),
    /// The process sleeps until the clock moves.
    Sleep(u8),
    Kill(u8),
    /// The clock moves to the next end of a window.
    ToEnd,
    /// The clock moves by [`STALL`].
    Stall,
    /// All processes are waiting, so the clock moves to the next end of a pause or of a window.
    Wait,
}

/// Where a process is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Place {
    Alive(HistoryId),
    Over(u16),
}

/// The state of all processes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct State {
    pub(super) world: World,
    pub(super) places: [Place; 3],
    /// How often the clock can still jump.
    pub(super) jumps: u8,
    /// Whether each process sleeps until the clock moves.
    pub(super) asleep: [bool; 3],
    /// Whether the one allowed kill has been used.
    pub(super) killed: bool,
}

/// The states that the exploration has found.
pub(super) struct Explorer {
    pub(super) bound: Bound,
    pub(super) iam: Rc<Iam>,
    pub(super) processes: Vec<Histories>,
    pub(super) overs: Vec<Over>,
    over_ids: QuickMap<Over, u16>,
    pub(super) states: Vec<State>,
    /// For each state, the previous state and the choice by which the state was found first.
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
            asleep: [false; 3],
            killed: !bound.kills,
        };
        this.note(start, (0, Choice::Wait));
        this
    }

    /// Explores every schedule. Panics if there are more states than `most`.
    pub(super) fn explore(&mut self, most: usize) {
        let mut at = 0;
        while at < self.states.len() {
            assert!(self.states.len() < most, "there are more than {most} states");
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

    pub(super) fn history(&self, process: u8, history: HistoryId) -> &History {
        self.processes[usize::from(process)].of(history)
    }

    pub(super) fn alive(&self, state: State) -> impl Iterator<Item = (u8, HistoryId)> {
        (0..).zip(state.places).take(self.processes.len()).filter_map(|(process, place)| match place {
            Place::Alive(history) => Some((process, history)),
            Place::Over(_) => None,
        })
    }

    pub(super) fn facts(&self, process: u8, history: HistoryId) -> Facts {
        self.processes[usize::from(process)].of(history).facts
    }

    /// Returns the state after the choice, and the promises that this step breaks.
    pub(super) fn apply(&mut self, state: State, choice: Choice) -> (State, Vec<Broken>) {
        let mut next = state;
        match choice {
            Choice::Step(process, id) => return self.step(state, process, id, None),
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
                next.world.clock =
                    self.next_end(state).expect("a jump to an end should have an end in the future");
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

    /// Returns [`Place::Over`] for an ended process. Two ended processes get the same id if their facts and reports are
    /// equal, even if their histories differ.
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
        for broken in broken {
            self.promises.note(broken, id);
        }
    }

    /// Returns the processes that have ended.
    pub(super) fn ends(&self, state: State) -> impl Iterator<Item = Over> {
        state.places.into_iter().take(self.processes.len()).filter_map(|place| match place {
            Place::Over(id) => Some(self.overs[usize::from(id)].clone()),
            Place::Alive(_) => None,
        })
    }
}
