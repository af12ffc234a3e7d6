//! Futures for the event loop: optional futures and optional timers.

use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use crate::boot_clock::Instant;

/// A future whose output is `None` if the wrapped future panicked. The future runs on the current thread.
pub(super) type Caught<'a, T> = Pin<Box<dyn Future<Output = Option<T>> + 'a>>;

/// Wraps a future and catches its panics.
pub(super) fn caught<'a, T: 'a>(future: impl Future<Output = T> + 'a) -> Caught<'a, T> {
    let mut inner = Box::pin(future);
    Box::pin(poll_fn(move |cx| match catch_unwind(AssertUnwindSafe(|| inner.as_mut().poll(cx))) {
        Ok(Poll::Ready(out)) => Poll::Ready(Some(out)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(None),
    }))
}

/// Returns the output of the future. Never returns if there is no future.
pub(super) async fn output<T>(future: &mut Option<Caught<'_, T>>) -> Option<T> {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

/// Returns after `time` has passed since `since`. Never returns if `since` is `None`.
pub(super) async fn passed(since: Option<tokio::time::Instant>, time: Duration) {
    match since {
        Some(since) => tokio::time::sleep_until(since + time).await,
        None => pending().await,
    }
}

/// Sleeps until the deadline. The one-second tick alone could notice the deadline up to a second late. The timer stands
/// still while the machine is suspended, so after a suspend the tick notices the deadline first.
pub(super) async fn reached(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep(deadline.since(Instant::now())).await,
        None => pending().await,
    }
}
