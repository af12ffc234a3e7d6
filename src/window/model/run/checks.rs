//! The properties that hold during a run and after its end.

use std::time::Duration;

use super::{Phase, Run};
use crate::gate::Window;
use crate::gate::close::CloseOutcome;
use crate::gate::host::Clock;
use crate::window::End;

impl Run {
    /// Checks the first property: while AWS accepts the credentials, the policies in IAM end the access at T1 or
    /// earlier.
    pub(in crate::window::model) fn is_bounded(&self, window: u32) {
        let user = &self.user;
        assert!(!user.endless.get(), "the key was usable while no policy in IAM ended the access");
        if user.accepts() {
            let end =
                user.dated.get().expect("AWS should have reported T0") + Duration::from_secs(window.into());
            let until = user.window.get().map(|window| window.until);
            assert_eq!(until, Some(end), "T1 should be T0 plus the window's duration");
            assert_eq!(user.written_end(), Some(end), "the gate in IAM should end at T1");
            assert!(
                user.effective_end().is_some_and(|until| until <= end),
                "the gate in effect ends after T1"
            );
            assert!(user.clock.get() < end, "AWS accepts the credentials after T1");
        }
        match self.phase {
            Phase::Open => {
                assert!(
                    user.opener_gone.get(),
                    "the opener still exists, so it could change the end of the access"
                );
                assert_eq!(
                    self.progress.pending(),
                    None,
                    "a write of the opening is pending although the window is open"
                );
                assert!(
                    self.deadline.is_some_and(|deadline| self.now() < deadline),
                    "the window is open after the deadline"
                );
            }
            Phase::Opening => assert!(!self.child),
            Phase::Closing
                if self.deadline.is_some_and(|deadline| self.now() >= deadline) && !self.broken =>
            {
                assert!(user.dismissed.get().is_some() || !self.child, "the child process runs after T1");
            }
            Phase::Closing | Phase::Over(_) | Phase::Killed => {}
        }
    }

    /// Checks that the run ended in the state that it reported.
    pub(in crate::window::model) fn ended_truly(&self) {
        let user = &self.user;
        let writes = ["PutUserPolicy", "Activate", "DetachUserPolicy"];
        match self.phase {
            Phase::Over(End::Untouched(_)) => {
                assert!(
                    !user.calls.borrow().iter().any(|call| writes.contains(call)),
                    "the run reported that it wrote nothing, but it wrote to IAM"
                );
            }
            Phase::Over(End::Closed(_)) => {
                assert!(!user.accepts(), "the run reported closed access, but access is open");
            }
            Phase::Over(End::MayBeOpen(_)) | Phase::Killed => {}
            Phase::Opening | Phase::Open | Phase::Closing => panic!("the run has not ended"),
        }
        assert!(
            self.phase == Phase::Killed || user.dismissed.get().is_some(),
            "the child process still runs"
        );
    }

    /// If the run reported closed access, checks that access stays closed, even if a late write takes effect.
    pub(in crate::window::model) fn stays_ended(&self) {
        let said_shut = match self.phase {
            Phase::Over(End::Closed(_) | End::Untouched(_)) => true,
            Phase::Over(End::MayBeOpen(_)) => !self.progress.lifted(),
            _ => false,
        };
        assert!(
            !(said_shut && self.user.accepts()),
            "the run reported closed access, but access has opened again"
        );
        let user = &self.user;
        // The program watches for late writes until T1. The program compares T1 with `user.now()`, this machine's
        // estimate of AWS's time.
        let before_its_end = user.window.get().is_some_and(|Window { until, .. }| user.now() < until);
        if before_its_end
            && matches!(&self.outcome, Some(CloseOutcome::Closed { refusals, untidy: None }) if refusals.probed())
        {
            assert!(
                user.denied.get() && !user.active.get(),
                "after a proven close, the user should stay at rest until T1"
            );
        }
    }
}
