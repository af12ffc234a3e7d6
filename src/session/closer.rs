//! What ends the access of a run, in either lane, and what is said of it.

use crate::aws::emergency::EmergencyUser;
use crate::error::Error;
use crate::gate::close::{Outcome, Shutting, close};
use crate::gate::host::Reporter;
use crate::gate::iam::{Closer, Emergency};
use crate::gate::{OpenProgress, role};
use crate::session::context::Stage;
use crate::session::messages;

/// What ends the access of a run.
pub(crate) trait Shut {
    /// True when it is proven shut.
    async fn shut(&self, stage: &Stage<'_>, trail: &OpenProgress) -> bool;

    /// What is still to be done, for whoever does not want to wait.
    fn what_is_left(&self) -> &'static str;
}

/// What it takes to shut the user.
pub(crate) struct Closing<'a, C, E> {
    pub(crate) closer: &'a C,
    pub(crate) emergency: &'a E,
    pub(crate) deny: &'a str,
    pub(crate) keys: Option<&'a [String]>,
    /// A close of one's own window leaves another's alone.
    pub(crate) own: bool,
}

impl<C: Closer, E: Emergency> Shut for Closing<'_, C, E> {
    async fn shut(&self, stage: &Stage<'_>, trail: &OpenProgress) -> bool {
        let shutting = Shutting {
            deny: self.deny,
            keys: self.keys,
            session: stage.session.filter(|_| self.own),
            until: stage.until.get(),
        };
        stage.say("close: attaching AWSDenyAll, deactivating the key");
        let outcome = close(self.closer, self.emergency, &shutting, trail.pending(), stage).await;
        said(stage, outcome, "AWS refuses the key and what was issued with it")
    }

    fn what_is_left(&self) -> &'static str {
        "AWSDenyAll has to be attached, the key deactivated, and both proven"
    }
}

/// A role's session is let go of; the rest is AWS's.
pub(crate) struct LettingGo<'a>(pub(crate) &'a EmergencyUser);

impl Shut for LettingGo<'_> {
    async fn shut(&self, stage: &Stage<'_>, _: &OpenProgress) -> bool {
        stage.say("close: letting go of the role's session");
        let outcome = role::end(self.0, stage.until.get(), stage).await;
        said(stage, outcome, "AWS refuses the role's session")
    }

    fn what_is_left(&self) -> &'static str {
        "that AWS refuses the role's session has to be proven"
    }
}

/// `refused`: what a probe has shown.
fn said(stage: &Stage<'_>, outcome: Outcome, refused: &str) -> bool {
    match outcome {
        Outcome::Shut { probed, untidy: None } => {
            let how =
                if probed { refused } else { "AWSDenyAll and the inactive key were read back, not probed" };
            stage.say(&format!("close: shut; {how}"));
            stage.shut_by_probe(probed);
            true
        }
        Outcome::Shut { probed, untidy: Some(why) } => {
            stage.shut_by_probe(probed);
            let error = Error::failed(format!("access is refused, but the user is not at rest: {why}"));
            *stage.failure.borrow_mut() = Some(error.next(stage.how_to_close.commands()));
            true
        }
        Outcome::TakenOver { session, until } => {
            let theirs = format!("the window of session {session}, open until {}", messages::clock(until));
            stage.say(&format!("close: {theirs}, was left alone"));
            *stage.theirs.borrow_mut() = Some(theirs);
            stage.shut_by_probe(false);
            true
        }
        Outcome::Unproven { why, .. } => {
            stage.unproven(why);
            false
        }
    }
}
