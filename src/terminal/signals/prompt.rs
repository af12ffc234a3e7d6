//! Signals while people are asked: the last one is kept, and a pipe that every wait polls becomes readable.

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::SIGCONT;

use crate::error::{Error, Result};
use crate::signal::Signal;

static CAUGHT: OnceLock<PromptSignals> = OnceLock::new();

struct PromptSignals {
    number: Arc<AtomicUsize>,
    pipe: UnixStream,
    continued: UnixStream,
}

/// Catches INT, QUIT, TERM, HUP and CONT until the process ends.
///
/// # Errors
/// If the system refuses.
pub fn catch() -> Result<()> {
    if CAUGHT.get().is_none() {
        let caught =
            register().map_err(|e| Error::failed(format!("cannot catch signals: {e}")).caused_by(e))?;
        let _ = CAUGHT.set(caught);
    }
    Ok(())
}

fn register() -> std::io::Result<PromptSignals> {
    let (pipe, write) = UnixStream::pair()?;
    let number = Arc::new(AtomicUsize::new(0));
    for signal in Signal::ALL.map(Signal::number) {
        // In this order: once the pipe is readable, the number is set.
        signal_hook::flag::register_usize(signal.into(), Arc::clone(&number), signal.into())?;
        signal_hook::low_level::pipe::register(signal.into(), write.try_clone()?)?;
    }
    let (continued, write) = UnixStream::pair()?;
    continued.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(SIGCONT, write)?;
    Ok(PromptSignals { number, pipe, continued })
}

/// The last signal that came.
pub fn pending() -> Option<Signal> {
    Signal::from_number(CAUGHT.get()?.number.load(Ordering::SeqCst))
}

/// Readable after the process was stopped and continued; the reader empties it.
pub fn continued() -> Option<&'static UnixStream> {
    CAUGHT.get().map(|caught| &caught.continued)
}

/// Readable once a signal came.
pub fn pipe() -> Option<BorrowedFd<'static>> {
    CAUGHT.get().map(|caught| caught.pipe.as_fd())
}
