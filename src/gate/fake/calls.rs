//! The calls to the user in memory: their duration, and the faults that are injected into them.

use std::future::poll_fn;
use std::panic::resume_unwind;
use std::task::Poll;

use super::{Change, FakeUser, later};
use crate::gate::fault::{Fault, Write};

/// A fault that a test injects into one call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wrong {
    Refused,
    Throttled,
    /// The call takes effect, but its answer is lost.
    ReplyLost,
    /// The call has no effect, and its answer is lost.
    RequestLost,
    /// The answer of the call is lost, and the call takes effect [`FakeUser::late_by`] seconds later.
    Late,
}

pub(crate) const ALL_WRONG: [Wrong; 5] =
    [Wrong::Refused, Wrong::Throttled, Wrong::ReplyLost, Wrong::RequestLost, Wrong::Late];

impl FakeUser {
    /// Waits for the time that a request or an answer needs.
    pub(super) async fn travel(&self) {
        if self.stepwise.get() {
            let until = self.awake.get() + self.latency.get();
            let mut under_way = true;
            turn(|| !std::mem::take(&mut under_way) && self.awake.get() >= until).await;
        }
    }

    /// Counts the call, and returns the fault that is injected into this call, if any.
    pub(super) fn call(&self, name: &'static str) -> Option<Wrong> {
        if self.breaks.take() {
            resume_unwind(Box::new("an injected panic"));
        }
        let number = self.calls.borrow().len();
        self.calls.borrow_mut().push(name);
        if self.extra_key_from.get() == Some(number) {
            self.extra_key.set(Some(true));
        }
        if let Some((_, act)) = self.meanwhile.get().filter(|(at, _)| *at == number) {
            act(self);
        }
        let (at, wrong) = self.wrong.get()?;
        (number == at || (self.lasting.get() && number > at)).then_some(wrong)
    }

    pub(super) async fn write(&self, name: &'static str, change: Change) -> Write {
        let wrong = self.call(name);
        let mut flight = Flight { user: self, carries: Some(change) };
        self.travel().await;
        let done = flight.carries.take().map_or(Ok(()), |change| self.arrive(wrong, change));
        self.travel().await;
        done
    }

    fn arrive(&self, wrong: Option<Wrong>, change: Change) -> Write {
        let lost = || Err(Fault::Unknown("the connection was cut".into()));
        match wrong {
            None => {
                self.apply(change);
                Ok(())
            }
            Some(Wrong::Refused) => Err(Fault::Refused("AccessDenied".into())),
            Some(Wrong::Throttled) => Err(Fault::Throttled("Throttling".into())),
            Some(Wrong::ReplyLost) => {
                self.apply(change);
                lost()
            }
            Some(Wrong::RequestLost) => lost(),
            Some(Wrong::Late) => {
                self.arrive_late(change);
                lost()
            }
        }
    }

    pub(super) fn arrive_late(&self, change: Change) {
        self.late.borrow_mut().push((later(self.clock.get(), self.late_by.get()), change));
    }
}

/// A write that was sent but not yet carried out. If the call is cancelled, the write takes effect late.
struct Flight<'a> {
    user: &'a FakeUser,
    carries: Option<Change>,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if let Some(change) = self.carries.take() {
            self.user.arrive_late(change);
        }
    }
}

/// Waits until `is_so` returns true.
pub(super) async fn turn(mut is_so: impl FnMut() -> bool) {
    poll_fn(|_| if is_so() { Poll::Ready(()) } else { Poll::Pending }).await;
}

pub(super) fn fault(wrong: Wrong) -> Fault {
    match wrong {
        Wrong::Refused => Fault::Refused("AccessDenied".into()),
        Wrong::Throttled => Fault::Throttled("Throttling".into()),
        _ => Fault::Unknown("the connection was cut".into()),
    }
}
