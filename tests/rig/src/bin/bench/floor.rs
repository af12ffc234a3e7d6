//! Measures the shortest possible duration of an opening: the time of the card, and the time of the AWS round trips
//! that must be sequential.

use std::time::Duration;

use rig::aws::Account;
use rig::proxy::{Seen, replay};

use super::median;

/// A round trip: calls that are sent concurrently. The next round trip can start only after all these calls are
/// answered.
pub(crate) struct RoundTrip {
    /// The calls' names.
    pub(crate) name: String,
    /// The time of the slowest call. To measure the time, each call is sent alone over an open connection.
    pub(crate) time: Duration,
}

/// Returns the round trips of an opening. The function measures the time of each round trip by sending the recorded
/// requests again, without the program.
pub(crate) fn round_trips(account: &Account, calls: &[Seen], runs: usize) -> Vec<RoundTrip> {
    let steps = steps(calls);
    let times: Vec<Vec<Duration>> = (0..runs)
        .map(|_| {
            let times = steps.iter().map(|step| replay(account, step).into_iter().max().unwrap_or_default());
            let times = times.collect();
            account.put_to_rest();
            times
        })
        .collect();
    let time = |step: usize| median(times.iter().map(|run| run[step]).collect());
    steps.iter().enumerate().map(|(place, step)| RoundTrip { name: name(step), time: time(place) }).collect()
}

/// Groups calls into round trips. A call belongs to the current round trip if the call arrived before any call of the
/// round trip was answered. Several consecutive probes with the same key count as one round trip.
fn steps(calls: &[Seen]) -> Vec<Vec<&Seen>> {
    let mut steps: Vec<Vec<&Seen>> = Vec::new();
    for call in calls {
        let together =
            |step: &Vec<&Seen>| step.iter().all(|other| other.answered.is_none_or(|at| call.came < at));
        match steps.last_mut() {
            Some(step) if together(step) => step.push(call),
            _ => steps.push(vec![call]),
        }
    }
    steps.dedup_by(|later, earlier| {
        later.len() == 1 && earlier.len() == 1 && is_repeated(later[0], earlier[0])
    });
    steps
}

fn is_repeated(later: &Seen, earlier: &Seen) -> bool {
    later.action == "ListTopics" && (&later.action, &later.key) == (&earlier.action, &earlier.key)
}

fn name(step: &[&Seen]) -> String {
    let mut names: Vec<_> = step.iter().map(|call| call.action.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    match names.as_slice() {
        [one] => (*one).to_owned(),
        [first, ..] => format!("{first} and {} more reads", step.len() - 1),
        [] => String::new(),
    }
}
