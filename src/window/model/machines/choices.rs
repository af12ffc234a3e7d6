//! Computes the next steps that are possible in a state of the exploration.

use super::explore::{Choice, Explorer, State};
use super::history::HistoryId;
use super::iam::{Request, World, seconds};
use super::view::Phase;

/// The duration of an uninterrupted pause, in seconds. The pause is longer than the longest time limit of a sequence,
/// which is two minutes.
const LONG: i64 = 121;

impl Explorer {
    /// Returns the possible next steps (choices) in a state. The list is empty if all processes have ended.
    pub(super) fn choices(&self, state: State) -> Vec<Choice> {
        let alive: Vec<_> = self.alive(state).collect();
        if alive.is_empty() {
            return Vec::new();
        }
        if let Some(repeated) = self.repeated(&alive) {
            return vec![repeated];
        }
        if let Some(woken) = self.woken(state, &alive) {
            return woken;
        }
        if let Some(&(0, first)) = alive.first()
            && self.history(0, first).length < self.bound.lead
            && self.facts(0, first).phase == Phase::Opening
        {
            return self.steps(state, &alive[..1]);
        }
        let mut choices = self.steps(state, &alive);
        if choices.is_empty() {
            choices.push(Choice::Wait);
        } else if state.jumps > 0 {
            choices.push(Choice::Stall);
            if self.next_end(state).is_some() {
                choices.push(Choice::ToEnd);
            }
        }
        if !state.killed {
            choices.extend(alive.iter().map(|(process, _)| Choice::Kill(*process)));
        }
        choices
    }

    /// Returns the next step of a process that repeats a probe although the process already got the answer that it
    /// waits for. Each repetition has the same result until another process changes the answer to the probe. The
    /// exploration therefore does not interrupt the repetitions.
    fn repeated(&self, alive: &[(u8, HistoryId)]) -> Option<Choice> {
        let is_repeating =
            |(process, history): &&(u8, HistoryId)| self.processes[usize::from(*process)].repeats(*history);
        let &(process, history) = alive.iter().find(is_repeating)?;
        let history = self.history(process, history);
        let call = history.waiting.iter().find(|(_, request)| !matches!(request, Request::Pause(_)));
        let id = history.pauses().or(call.map(|(id, _)| *id))?;
        Some(Choice::Step(process, id))
    }

    /// If the pause of a process is over, returns the choices for this process: to continue before all other steps, or
    /// to sleep until the clock moves. Other orders give the same results, because the end of a pause changes only the
    /// paused process.
    fn woken(&self, state: State, alive: &[(u8, HistoryId)]) -> Option<Vec<Choice>> {
        alive.iter().find_map(|&(process, history)| {
            let id = self.history(process, history).pauses()?;
            if state.asleep[usize::from(process)] || self.is_idle(process, history, state.world) {
                return None;
            }
            let sleeps = (state.jumps > 0).then_some(Choice::Sleep(process));
            Some(std::iter::once(Choice::Step(process, id)).chain(sleeps).collect())
        })
    }

    fn steps(&self, state: State, alive: &[(u8, HistoryId)]) -> Vec<Choice> {
        let of = |&(process, history): &(u8, HistoryId)| {
            let history = self.history(process, history);
            let is_over = history.facts.until.is_some_and(|until| state.world.clock >= until);
            history.waiting.iter().filter_map(move |&(id, request)| match request {
                Request::Pause(_) => None,
                Request::Hold if !is_over => self.bound.quits.then_some(Choice::Quit(process, id)),
                _ => Some(Choice::Step(process, id)),
            })
        };
        alive.iter().flat_map(of).collect()
    }

    /// Whether the process would learn nothing new if its pause ended now.
    fn is_idle(&self, process: u8, history: HistoryId, world: World) -> bool {
        let histories = &self.processes[usize::from(process)];
        let issued = histories.of(history).facts.issued;
        histories.is_idle(history, world.clock, |request| self.iam.carry_out(world, request, issued).1)
    }

    /// Returns the next end of a window: the end in the gate, or T1 of a process that has not ended.
    pub(super) fn next_end(&self, state: State) -> Option<i64> {
        let gate = state.world.user.gate.map(|id| seconds(self.iam.gate(id).until));
        let own = self.alive(state).filter_map(|(process, history)| self.facts(process, history).until);
        own.chain(gate).filter(|end| *end > state.world.clock).min()
    }

    /// Returns the time at which the next process continues. Used when all processes are waiting for the clock.
    pub(super) fn next_wake(&self, state: State) -> i64 {
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
}
