//! Tests the opening sequence and the closing sequence with an emergency user in memory: the order of the calls, and a
//! fault at each call.

mod closing;
mod opening;
mod two_machines;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::close::{CloseOutcome, CloseRequest, close};
use super::fake::{ACCOUNT, ALL_WRONG, EXTRA_KEY, FakeUser, KEY, Lag, OpenerOf, Wrong, now};
use super::open::{HandOut, OpenPlan, Stop, open};
use super::policy::{Gate, parse_gate};
use super::{OpenProgress, SessionId, Window};
use crate::error::Status;

const WINDOW: Duration = Duration::from_mins(30);

fn session() -> SessionId {
    SessionId::from_bytes([0x7f; 8])
}

fn grant() -> Vec<Value> {
    vec![json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})]
}

fn try_open(user: &FakeUser, progress: &OpenProgress, account: &str) -> Result<Window, Stop> {
    let plan = OpenPlan {
        expected: &FakeUser::expected(),
        account,
        grant: &grant(),
        regions: &["eu-west-1".into()],
        mfa: false,
        session: session(),
        window: WINDOW,
        hand_out: HandOut::Session,
        close: "breakglass close prod.age --force",
    };
    now(open(OpenerOf(user), user, user, &plan, progress, user))
}

/// Returns T1 of the window that the opening recorded.
fn end_of(user: &FakeUser) -> Option<Timestamp> {
    user.window.get().map(|window| window.until)
}

fn try_close(user: &FakeUser, progress: &OpenProgress) -> CloseOutcome {
    let expected = FakeUser::expected();
    let request = CloseRequest {
        deny: &expected.deny,
        key: Some(KEY),
        session: Some(session()),
        lifted: progress.lifted(),
        until: end_of(user),
    };
    now(close(user, user, &request, progress.pending(), user))
}

fn is_probed(outcome: &CloseOutcome) -> bool {
    matches!(outcome, CloseOutcome::Closed { refusals, untidy: None } if refusals.probed())
}

fn is_closed(outcome: &CloseOutcome) -> bool {
    matches!(outcome, CloseOutcome::Closed { untidy: None, .. })
}

fn refusal(result: Result<Window, Stop>) -> crate::error::Error {
    match result {
        Err(Stop::Failed(error) | Stop::ControlPlane(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// Writes the gate of another session. The gate ends after `seconds`.
fn foreign_gate(user: &FakeUser, seconds: i64) {
    let gate = Gate {
        session: SessionId::from_bytes([1; 8]),
        from: user.clock.get(),
        until: user.clock.get().checked_add(jiff::SignedDuration::from_secs(seconds)).expect("an instant"),
        grant: &grant(),
        regions: &["eu-west-1".into()],
        mfa: false,
    };
    *user.gate.borrow_mut() = Some(gate.document());
}
