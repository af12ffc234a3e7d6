//! The states of the emergency user over time, computed from the calls that took effect.

use rig::aws::{DENY_ALL, GATE, utc};
use rig::proxy::Seen;
use serde_json::Value;

/// The state of the emergency user at one time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct State {
    pub denied: bool,
    pub active: bool,
    /// The end of the window in the gate, in IAM's format.
    pub until: Option<String>,
}

impl State {
    /// Returns whether the key is active and `AWSDenyAll` is detached. If so, only the times in the gate limit the use
    /// of the key.
    pub fn is_usable(&self) -> bool {
        !self.denied && self.active
    }
}

/// The states of the user, each with the time at which the state began, by AWS's clock.
pub type History = Vec<(i64, State)>;

/// Returns the states that result from applying these calls to `start`.
pub fn of(start: State, from: i64, effects: &[Seen]) -> History {
    let mut history = vec![(from, start)];
    for call in effects.iter().filter(|call| call.is_done() && call.is_write()) {
        let (_, mut state) = history.last().expect("the history should begin with the start state").clone();
        let names = |name: &str, wanted: &str| call.params.get(name).is_some_and(|given| given == wanted);
        match call.action.as_str() {
            "AttachUserPolicy" if names("PolicyArn", DENY_ALL) => state.denied = true,
            "DetachUserPolicy" if names("PolicyArn", DENY_ALL) => state.denied = false,
            "UpdateAccessKey" => state.active = names("Status", "Active"),
            "PutUserPolicy" if names("PolicyName", GATE) => {
                state.until = end_of(&call.params["PolicyDocument"]);
            }
            other => panic!("{other} is not a write of this program: {:?}", call.params),
        }
        let at = call.effect.as_ref().expect("the call should have taken effect").at;
        history.push((at, state));
    }
    history
}

/// Returns the end of a gate's window. Every Allow must have the same end as the Deny whose Sid ends with `Late`;
/// otherwise returns `None`.
pub fn end_of(document: &str) -> Option<String> {
    let document: Value = serde_json::from_str(document).expect("a policy document should be JSON");
    let statements = document["Statement"].as_array().expect("a policy should have a list of statements");
    let late = statements.iter().find(|s| s["Sid"].as_str().is_some_and(|sid| sid.ends_with("Late")))?;
    let until = late["Condition"]["DateGreaterThanEquals"]["aws:CurrentTime"].as_str()?;
    let bounded = |s: &Value| {
        s["Effect"] == "Deny" || s["Condition"]["DateLessThan"]["aws:CurrentTime"].as_str() == Some(until)
    };
    let ends = late["Effect"] == "Deny" && late["Action"] == "*" && late["Resource"] == "*";
    (ends && statements.iter().all(bounded)).then(|| until.to_owned())
}

/// Describes the first state in which the key could be used although the gate had no end or ended after `latest`.
/// Returns `None` if there is no such state.
pub fn unbounded(history: &History, latest: i64) -> Option<String> {
    let bad = |state: &State| state.until.as_ref().is_none_or(|until| *until > utc(latest));
    let found = history.iter().find(|(_, state)| state.is_usable() && bad(state))?;
    Some(format!(
        "from {} on, the key could be used while the end in the gate was {:?}; the latest allowed end is {}",
        utc(found.0),
        found.1.until,
        utc(latest)
    ))
}

/// Returns the state of the user at an instant.
pub fn at(history: &History, instant: i64) -> &State {
    let reached = history.iter().rev().find(|(from, _)| *from <= instant);
    &reached.unwrap_or(&history[0]).1
}
