//! Catches signals while the program prompts people, and keeps the last signal. Each signal also makes a pipe readable,
//! and every wait at the terminal polls that pipe.

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
/// Fails if a signal handler cannot be registered.
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
        // The handler that sets the number runs before the handler that writes to the pipe, so the number is always
        // set when the pipe is readable.
        signal_hook::flag::register_usize(signal.into(), Arc::clone(&number), signal.into())?;
        signal_hook::low_level::pipe::register(signal.into(), write.try_clone()?)?;
    }
    let (continued, write) = UnixStream::pair()?;
    continued.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(SIGCONT, write)?;
    Ok(PromptSignals { number, pipe, continued })
}

/// Returns the last signal that was caught.
pub fn pending() -> Option<Signal> {
    Signal::from_number(CAUGHT.get()?.number.load(Ordering::SeqCst))
}

/// Returns a socket that becomes readable when the process continues after a stop. The caller must read all bytes
/// from the socket.
pub fn continued() -> Option<&'static UnixStream> {
    CAUGHT.get().map(|caught| &caught.continued)
}

/// Returns a descriptor that becomes readable when a signal is caught.
pub fn pipe() -> Option<BorrowedFd<'static>> {
    CAUGHT.get().map(|caught| caught.pipe.as_fd())
}
