//! Closes the access that a run has opened. The two lanes close access in different ways.

use jiff::Timestamp;

use crate::aws::emergency::EmergencyUser;
use crate::gate::close::{CloseOutcome, CloseRequest, close};
use crate::gate::iam::{Closer, Emergency};
use crate::gate::{OpenProgress, SessionId, role};
use crate::session::context::RunContext;
use crate::session::log::Log;
use crate::time_text;

pub(crate) trait CloseStrategy {
    /// Closes access and proves that access is closed. `until` is T1; `None` if T1 is not known.
    async fn close(
        &self,
        context: &RunContext<'_>,
        progress: &OpenProgress,
        until: Option<Timestamp>,
    ) -> CloseOutcome;

    /// Describes the remaining steps of the close to an operator who pressed Ctrl-C during the close.
    fn remaining(&self) -> &'static str;
}

/// Closes access in the lane `gate`, through IAM.
pub(crate) struct CloseGate<'a, C, E> {
    pub(crate) closer: &'a C,
    pub(crate) emergency: &'a E,
    pub(crate) deny: &'a str,
    pub(crate) keys: Option<&'a [String]>,
    /// The session whose window is closed. If this field is `None`, the window of any session is closed.
    pub(crate) session: Option<SessionId>,
}

impl<C: Closer, E: Emergency> CloseStrategy for CloseGate<'_, C, E> {
    async fn close(
        &self,
        context: &RunContext<'_>,
        progress: &OpenProgress,
        until: Option<Timestamp>,
    ) -> CloseOutcome {
        let Self { deny, keys, session, .. } = *self;
        let request = CloseRequest { deny, keys, session, until };
        context.log.say("close: attaching AWSDenyAll, deactivating the key");
        let outcome = close(self.closer, self.emergency, &request, progress.pending(), context).await;
        say(context.log, &outcome, "AWS refuses the key and the session issued with it");
        outcome
    }

    fn remaining(&self) -> &'static str {
        "AWSDenyAll has to be attached, the key deactivated, and both proven"
    }
}

/// Ends access in the lane `static`: drops the credentials of the role's session. AWS ends that session at T1.
pub(crate) struct DropRoleSession<'a>(pub(crate) &'a EmergencyUser);

impl CloseStrategy for DropRoleSession<'_> {
    async fn close(
        &self,
        context: &RunContext<'_>,
        _: &OpenProgress,
        until: Option<Timestamp>,
    ) -> CloseOutcome {
        context.log.say("close: dropping the role's session");
        let outcome = role::end(self.0, until, context).await;
        say(context.log, &outcome, "AWS refuses the role's session");
        outcome
    }

    fn remaining(&self) -> &'static str {
        "no probe has yet proven that AWS refuses the role's session"
    }
}

/// Prints the outcome of a close. `refused` is the text to print if probes proved that access is closed.
fn say(log: &Log<'_>, outcome: &CloseOutcome, refused: &str) {
    match outcome {
        CloseOutcome::Closed { probed: true, untidy: None } => log.say(&format!("close: closed; {refused}")),
        CloseOutcome::Closed { probed: false, untidy: None } => {
            log.say("close: closed; confirmed by reading IAM (the emergency key was not tried)");
        }
        CloseOutcome::TakenOver { session, until } => {
            let until = time_text::local(*until);
            log.say(&format!("close: the window of session {session}, open until {until}, was left alone"));
        }
        CloseOutcome::Closed { .. } | CloseOutcome::Unproven { .. } => {}
    }
}
