//! What ends the access of a run, in either lane, and what is said of it.

use super::emergency::CloudEmergency;
use super::stage::Stage;
use super::words;
use crate::error::Error;
use crate::gate::close::{Outcome, Shutting, close};
use crate::gate::iam::{Closer, Emergency, World};
use crate::gate::{Trail, role};

/// What ends the access of a run.
pub(super) trait Shut {
    /// True when it is proven shut.
    async fn shut(&self, stage: &Stage<'_>, trail: &Trail) -> bool;

    /// What is still to be done, for whoever does not want to wait.
    fn what_is_left(&self) -> &'static str;
}

/// What it takes to shut the user.
pub(super) struct Closing<'a, C, E> {
    pub(super) closer: &'a C,
    pub(super) emergency: &'a E,
    pub(super) deny: &'a str,
    pub(super) keys: Option<&'a [String]>,
    /// A close of one's own window leaves another's alone.
    pub(super) own: bool,
}

impl<C: Closer, E: Emergency> Shut for Closing<'_, C, E> {
    async fn shut(&self, stage: &Stage<'_>, trail: &Trail) -> bool {
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
pub(super) struct LettingGo<'a>(pub(super) &'a CloudEmergency);

impl Shut for LettingGo<'_> {
    async fn shut(&self, stage: &Stage<'_>, _: &Trail) -> bool {
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
            let theirs = format!("the window of session {session}, open until {}", words::clock(until));
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
