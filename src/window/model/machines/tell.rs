//! Describes the results of an exploration: the number of states and schedules, and a schedule step by step.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use super::explore::{Choice, Explorer, Place, State};
use super::facts::Event;
use super::history::Histories;
use super::iam::{Answer, Request, Seen};
use super::process::Ended;

/// The statistics of one exploration.
pub(super) struct Counts {
    pub(super) states: usize,
    steps: usize,
    /// The number of schedules, from the start to the end of all processes.
    schedules: f64,
    deepest: usize,
    /// The number of final states: all processes have ended.
    finals: usize,
    /// How many different series of answers each process got.
    histories: Vec<usize>,
    /// How often a process ended in each way, counted over all final states.
    ends: BTreeMap<Ended, usize>,
    pub(super) killed: usize,
}

impl Counts {
    pub(super) fn has(&self, ended: Ended) -> bool {
        self.ends.contains_key(&ended)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, steps, schedules, deepest, finals, histories, ends, killed } = self;
        write!(
            f,
            "{states} states, {steps} steps, {schedules:.2e} schedules of up to {deepest} steps, {finals} last states \
             ({ends:?}, killed {killed}), histories {histories:?}"
        )
    }
}

impl Explorer {
    pub(super) fn counts(&self) -> Counts {
        let (mut ends, mut killed) = (BTreeMap::new(), 0);
        for over in self.finals.iter().flat_map(|state| self.ends(self.states[*state as usize])) {
            match over.report {
                Some(report) => *ends.entry(report.ended).or_insert(0) += 1,
                None => killed += 1,
            }
        }
        Counts {
            states: self.states.len(),
            steps: self.edges.len(),
            schedules: self.schedules(),
            deepest: self.deepest(),
            finals: self.finals.len(),
            histories: self.processes.iter().map(Histories::len).collect(),
            ends,
            killed,
        }
    }

    /// Counts the paths from the first state to a last state.
    fn schedules(&self) -> f64 {
        let mut waits = vec![0_u32; self.states.len()];
        for (_, to) in &self.edges {
            waits[*to as usize] += 1;
        }
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

    /// Returns the length of the shortest schedule to the deepest state.
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
