//! Describes the results of an exploration: the number of states and schedules, and a schedule step by step.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::explore::{Choice, Explorer, Place, State};
use super::history::Event;
use super::iam::{Answer, Request, Seen};
use super::process::Ended;

/// The numbers of one exploration.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) states: usize,
    pub(super) steps: usize,
    /// The number of schedules, from the start to the end of all processes.
    pub(super) schedules: f64,
    pub(super) deepest: usize,
    pub(super) finals: usize,
    pub(super) histories: Vec<usize>,
    /// How often the processes ended in each way in the last states. `None` stands for killed.
    pub(super) ends: BTreeMap<(usize, Option<Ended>, bool), usize>,
}

impl Explorer {
    pub(super) fn counts(&self) -> Counts {
        let mut ends = BTreeMap::new();
        for state in &self.finals {
            for over in self.ends(self.states[*state as usize]) {
                let ended = over.report.as_ref().map(|report| report.ended);
                let was_open = over.report.as_ref().is_some_and(|report| report.was_open);
                *ends.entry((over.process, ended, was_open)).or_insert(0) += 1;
            }
        }
        Counts {
            states: self.states.len(),
            steps: self.edges.len(),
            schedules: self.schedules(),
            deepest: self.deepest(),
            finals: self.finals.len(),
            histories: self.processes.iter().map(super::history::Histories::len).collect(),
            ends,
        }
    }

    /// Counts the paths from the first state to a last state.
    fn schedules(&self) -> f64 {
        let mut waits = vec![0_u32; self.states.len()];
        self.edges.iter().for_each(|(_, to)| waits[*to as usize] += 1);
        let mut paths = vec![0.0; self.states.len()];
        paths[0] = 1.0;
        let mut ready = vec![0_u32];
        while let Some(at) = ready.pop() {
            for to in self.following(at) {
                paths[to as usize] += paths[at as usize];
                waits[to as usize] -= 1;
                if waits[to as usize] == 0 {
                    ready.push(to);
                }
            }
        }
        self.finals.iter().map(|last| paths[*last as usize]).sum()
    }

    fn following(&self, at: u32) -> impl Iterator<Item = u32> {
        let from = self.edges.partition_point(|(of, _)| *of < at);
        self.edges[from..].iter().take_while(move |(of, _)| *of == at).map(|(_, to)| *to)
    }

    pub(super) fn path_len(&self) -> usize {
        self.deepest()
    }

    /// Returns the number of steps to the last state that was found.
    fn deepest(&self) -> usize {
        self.path(u32::try_from(self.states.len() - 1).expect("few states")).len()
    }

    fn path(&self, mut state: u32) -> Vec<(State, Choice)> {
        let mut path = Vec::new();
        while state != 0 {
            let (before, choice) = self.found_by[state as usize];
            path.push((self.states[before as usize], choice));
            state = before;
        }
        path.reverse();
        path
    }

    /// Describes the shortest schedule to a state, with one line for each step.
    pub(super) fn schedule(&mut self, to: u32) -> String {
        let mut text = String::new();
        for (state, choice) in self.path(to) {
            let line = self.line(state, choice);
            let (next, _) = self.apply(state, choice);
            writeln!(text, "  {:>5} s  {line}{}", state.world.clock, self.change(state, next))
                .expect("a string");
        }
        let last = self.states[to as usize];
        writeln!(text, "  {:>5} s  {}", last.world.clock, self.user(last.world.user)).expect("a string");
        text
    }

    fn line(&self, state: State, choice: Choice) -> String {
        let name = |process: u8| ['A', 'B', 'C'][usize::from(process)];
        match choice {
            Choice::Step(process, id) => {
                let (asked, issued) = self.asked(state, process, id);
                let (_, answer) = self.iam.carry_out(state.world, asked, issued);
                let gate = |id| format!("{:02x}", self.iam.gate(id).session.to_string().as_bytes()[0]);
                let asked = match asked {
                    Request::PutGate(id) => format!("PutGate (session {}…)", gate(id)),
                    other => format!("{other:?}"),
                };
                match answer {
                    Answer::Seen(user) => format!("{} {asked}: {}", name(process), self.user(user)),
                    answer => format!("{} {asked}: {answer:?}", name(process)),
                }
            }
            Choice::Quit(process, _) => format!("{}'s operator ends the window", name(process)),
            Choice::Slow(process, _) => format!("{}'s call takes more than 2 s", name(process)),
            Choice::Sleep(process) => format!("{} sleeps", name(process)),
            Choice::Kill(process) => format!("{} is killed", name(process)),
            Choice::ToEnd => "the clock moves to the next end of a window".into(),
            Choice::Stall => "all processes stall for 40 s".into(),
            Choice::Wait => "all processes wait".into(),
        }
    }

    fn asked(&self, state: State, process: u8, id: u16) -> (Request, bool) {
        let Place::Alive(history) = state.places[usize::from(process)] else {
            panic!("the process has ended")
        };
        let history = self.processes[usize::from(process)].of(history);
        let event = Event { request: id, answer: Answer::Done, now: state.world.clock };
        (history.request(event), history.facts.issued)
    }

    fn change(&self, before: State, after: State) -> String {
        let mut text = String::new();
        for (place, (was, is)) in before.places.into_iter().zip(after.places).enumerate() {
            if let (Place::Alive(_), Place::Over(id)) = (was, is)
                && let Some(report) = &self.overs[usize::from(id)].report
            {
                let name = ['A', 'B', 'C'][place];
                write!(text, "\n           {name} ends: {report:?}").expect("a string");
            }
        }
        text
    }

    fn user(&self, Seen { gate, denied, active }: Seen) -> String {
        let gate = gate.map(|id| self.iam.gate(id)).map_or("no gate".into(), |gate| {
            format!("gate of {} until {} s", &gate.session.to_string()[..2], super::iam::seconds(gate.until))
        });
        let deny = if denied { "denied" } else { "not denied" };
        format!("{gate}, {deny}, key {}", if active { "active" } else { "inactive" })
    }
}
