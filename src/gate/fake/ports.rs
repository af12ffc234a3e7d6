//! Implements the gate's traits for AWS and the application with the user in memory.

use jiff::Timestamp;

use super::calls::{fault, turn};
use super::*;

/// The opener of a [`FakeUser`]. Dropping the opener sets the user's field `opener_gone`.
pub(crate) struct OpenerOf<'a>(pub(crate) &'a FakeUser);

impl Drop for OpenerOf<'_> {
    fn drop(&mut self) {
        self.0.opener_gone.set(true);
    }
}

impl Caller for OpenerOf<'_> {
    async fn identify(&self) -> std::result::Result<Identity, Fault> {
        let user = self.0;
        let (sent, asked_at) = (user.clock.get(), user.boot_time());
        let wrong = user.call("GetCallerIdentity");
        user.travel().await;
        let time = user.clock.get();
        user.travel().await;
        if let Some(wrong) = wrong {
            return Err(fault(wrong));
        }
        // The date in AWS's answer is later than the sending of the request. The simulated machine cannot measure the
        // time between the sending and AWS's date.
        user.ahead.set(time.duration_since(sent).as_secs());
        user.dated.set(Some(time));
        Ok(Identity { account: ACCOUNT.into(), time, asked_at })
    }
}

impl Opener for OpenerOf<'_> {
    async fn read(&self) -> Snapshot {
        self.0.snapshot("Read").await
    }

    async fn put_gate(&self, document: &str) -> Write {
        assert!(self.0.intended.get(), "the intent must be recorded before the gate is written");
        let document = serde_json::from_str(document).expect("JSON");
        self.0.write("PutUserPolicy", Change::Gate(Some(document))).await
    }

    async fn lift_deny(&self) -> Write {
        self.0.write("DetachUserPolicy", Change::Deny(false)).await
    }
}

impl Closer for FakeUser {
    async fn read_access_state(&self) -> AccessState {
        self.snapshot("ReadAccess").await.access
    }

    async fn attach_deny(&self) -> Write {
        self.write("AttachUserPolicy", Change::Deny(true)).await
    }

    async fn switch_key(&self, id: &str, active: bool) -> Write {
        if self.may_not_switch.get() {
            return Err(Fault::Refused("AccessDenied".into()));
        }
        if id == EXTRA_KEY {
            self.call("SwitchExtraKey");
            self.extra_key.set(Some(active));
            return Ok(());
        }
        self.write(if active { "Activate" } else { "Deactivate" }, Change::Key(active)).await
    }
}

impl Emergency for FakeUser {
    async fn probe_key(&self) -> Option<Probed> {
        let wrong = self.call("ProbeKey");
        self.travel().await;
        let probed = match wrong {
            Some(wrong) => Probed::Unclear(fault(wrong).to_string()),
            None if !self.key_of(JUDGE) => Probed::KeyRefused,
            None if self.allowed() => Probed::Open,
            None => Probed::Refused,
        };
        self.travel().await;
        Some(probed)
    }

    fn ready_in(&self) -> Duration {
        if self.codes.get() && self.calls.borrow().contains(&"GetSessionToken") {
            Duration::from_secs(20)
        } else {
            Duration::ZERO
        }
    }

    async fn issue_session(&self, _: &Wanted<'_>) -> Write {
        let wrong = self.call("GetSessionToken");
        self.travel().await;
        let issued = match wrong {
            Some(wrong) => Err(fault(wrong)),
            None if !self.key_of(JUDGE) => Err(Fault::Refused("InvalidClientTokenId".into())),
            None => Ok(()),
        };
        self.travel().await;
        self.session.set(self.session.get() || issued.is_ok());
        issued
    }

    async fn probe_session(&self) -> Option<Probed> {
        if !self.session.get() {
            return None;
        }
        let wrong = self.call("ProbeSession");
        self.travel().await;
        let probed = match wrong {
            Some(wrong) => Probed::Unclear(fault(wrong).to_string()),
            None if self.allowed() => Probed::Open,
            None => Probed::Refused,
        };
        self.travel().await;
        Some(probed)
    }
}

impl Clock for FakeUser {
    fn now(&self) -> Timestamp {
        later(self.clock.get(), self.ahead.get())
    }

    async fn pause(&self, time: Duration) {
        let seconds = i64::try_from(time.as_secs().max(1)).expect("short");
        if !self.stepwise.get() {
            return self.advance(seconds);
        }
        let (until, wakings) = (self.awake.get() + seconds, self.wakings.get());
        turn(|| self.awake.get() >= until || self.wakings.get() != wakings).await;
    }
}

impl Patience for FakeUser {
    async fn given_up(&self) {
        turn(|| self.gave_up.get()).await;
    }

    fn interrupted(&self) -> bool {
        self.stop_at.get().is_some_and(|at| self.calls.borrow().len() >= at)
    }

    fn gave_up(&self) -> bool {
        self.gave_up.get()
    }
}

impl Reporter for FakeUser {
    fn say(&self, line: &str) {
        self.words.borrow_mut().push(line.to_owned());
    }
}

impl OpenHooks for FakeUser {
    async fn alert(&self) -> Result<()> {
        self.alerted.set(true);
        if self.unacknowledged.get() { Err(Error::failed("no channel acknowledged")) } else { Ok(()) }
    }

    fn record_intent(&self) -> Result<()> {
        assert!(self.alerted.get(), "the alert must be sent before the intent is recorded");
        if self.intended.replace(true) {
            return Err(Error::failed("an intent was already recorded"));
        }
        Ok(())
    }

    fn record_window(&self, window: &Window) -> Result<()> {
        self.window.set(Some(*window));
        Ok(())
    }

    fn record_enabling(&self) -> Result<()> {
        assert!(self.window.get().is_some(), "the window must be recorded before access is enabled");
        Ok(())
    }
}

impl Children for FakeUser {
    async fn end_children(&self) {
        self.dismiss();
        turn(|| !self.stepwise.get() || self.are_children_gone()).await;
        self.children_ended.set(true);
    }
}
