//! Awaits two futures on one thread, without an async runtime.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use super::host::Patience;

/// Polls both futures until both are ready, and returns both results.
pub async fn join<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut from_a, mut from_b) = (None, None);
    poll_fn(|cx| {
        if from_a.is_none()
            && let Poll::Ready(out) = a.as_mut().poll(cx)
        {
            from_a = Some(out);
        }
        if from_b.is_none()
            && let Poll::Ready(out) = b.as_mut().poll(cx)
        {
            from_b = Some(out);
        }
        match (from_a.take(), from_b.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            (a, b) => {
                (from_a, from_b) = (a, b);
                Poll::Pending
            }
        }
    })
    .await
}

/// Returns the result of the call, or `None` if the operator stops waiting before the answer arrives. Does not start
/// the call if the operator has already stopped waiting.
pub async fn unless_given_up<T>(host: &impl Patience, call: impl Future<Output = T>) -> Option<T> {
    if host.gave_up() { None } else { within(pin!(call), host.given_up()).await }
}

/// Returns the result of `a`, or `None` if `limit` is ready first. The caller can continue to poll `a` later.
pub async fn within<A: Future>(mut a: Pin<&mut A>, limit: impl Future) -> Option<A::Output> {
    let mut limit = pin!(limit);
    poll_fn(|cx| match a.as_mut().poll(cx) {
        Poll::Ready(out) => Poll::Ready(Some(out)),
        Poll::Pending => limit.as_mut().poll(cx).map(|_| None),
    })
    .await
}
