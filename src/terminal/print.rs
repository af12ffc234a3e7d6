//! Prints lines for people and scripts: results to stdout, everything else to stderr. Prompts are in `tty.rs`.
//!
//! - Text for people is wrapped at words, but only if its stream is a terminal. A line that is indented by four spaces
//!   is a command to paste and is not wrapped.
//!
//! - If the output (a terminal or a pipe) is blocked, only results and the last error wait until the output accepts
//!   text again. Every other line is discarded after 200 ms, so that blocked output does not delay a close.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags, fstat};
use rustix::termios::tcgetwinsize;

pub use super::wrap::hung;
use super::wrap::wrapped;
use crate::error::{Error, Result};

/// The longest wait for a terminal or a pipe that is blocked.
const PATIENCE: Duration = Duration::from_millis(200);

/// Prints a message that does not belong to a session. The message goes to stderr, as `breakglass: …`.
pub fn note(text: &str) {
    progress(&format!("breakglass: {text}"));
}

/// Prints `warning: …` on stderr.
pub fn warning(text: impl std::fmt::Display) {
    progress(&format!("warning: {text}"));
}

/// Prints one step of a session on stderr. `text` starts with a tag, such as `gate:`.
pub fn progress(text: &str) {
    let _ = briefly(io::stderr(), "/proc/self/fd/2", &for_people(text, io::stderr()));
}

/// Prints on stderr the error that ends the program. Waits while output to the terminal is stopped (Ctrl-S).
///
/// If the error is already on the screen, prints only a line that refers to it.
pub fn error(error: &Error) {
    let text = if error.is_shown {
        format!("breakglass: exit status {}: the message above says what to do", error.status.code())
    } else {
        format!("breakglass: {error}")
    };
    let _ = writeln!(io::stderr(), "{}", for_people(&text, io::stderr()));
}

/// Prints a result for people on stdout.
///
/// # Errors
/// Fails if stdout cannot be written. If stdout is a pipe that its reader has closed, the text is discarded without an
/// error.
pub fn result(text: &str) -> Result<()> {
    exact(&for_people(text, io::stdout()))
}

/// Prints a result for programs on stdout, without wrapping.
///
/// # Errors
/// Fails if stdout cannot be written. If stdout is a pipe that its reader has closed, the text is discarded without an
/// error.
pub fn exact(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => {
            written.map_err(|e| Error::failed(format!("cannot write to standard output: {e}")).caused_by(e))
        }
    }
}

/// Prints an event for programs on stdout, without wrapping.
pub fn event(line: &str) {
    let _ = briefly(io::stdout(), "/proc/self/fd/1", line);
}

/// Writes to the controlling terminal, even if stderr is redirected. Replaces the countdown line if one is shown.
///
/// # Errors
/// Fails if there is no terminal, or if the terminal does not accept the text within 200 ms.
pub fn on_terminal(text: &str) -> io::Result<()> {
    within_patience(unblocking("/dev/tty")?, format!("\r\x1b[K{text}").as_bytes())
}

/// Returns the width of a table on stdout: the terminal's width, but at least 80 and at most 160 columns. If stdout
/// is not a terminal, the width is 80.
pub fn columns() -> usize {
    width(io::stdout()).unwrap_or_default().clamp(80, 160)
}

fn for_people(text: &str, stream: impl AsFd) -> String {
    width(stream).map_or_else(|| text.to_owned(), |columns| wrapped(text, columns))
}

/// Returns the terminal's width in columns. Returns `None` if the stream is not a terminal, or if the terminal reports
/// no width.
pub(super) fn width(stream: impl AsFd) -> Option<usize> {
    tcgetwinsize(stream).ok().map(|size| usize::from(size.ws_col)).filter(|&columns| columns > 0)
}

fn briefly(mut to: impl Write + AsFd, path: &str, text: &str) -> io::Result<()> {
    let line = format!("{text}\n");
    let fills_up = fstat(&to).is_ok_and(|stat| {
        matches!(FileType::from_raw_mode(stat.st_mode), FileType::CharacterDevice | FileType::Fifo)
    });
    match fills_up.then(|| unblocking(path)) {
        Some(Ok(ours)) => within_patience(ours, line.as_bytes()),
        Some(Err(_)) | None => to.write_all(line.as_bytes()).and_then(|()| to.flush()),
    }
}

/// Opens the file again, so that `O_NONBLOCK` applies to the new descriptor only.
fn unblocking(path: &str) -> io::Result<std::fs::File> {
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or_default();
    OpenOptions::new().write(true).custom_flags(flags).open(path)
}

fn within_patience(mut to: impl Write + AsFd, mut bytes: &[u8]) -> io::Result<()> {
    let until = Instant::now() + PATIENCE;
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(e);
                }
                let timeout = Timespec::try_from(left).ok();
                let _ = poll(&mut [PollFd::new(&to, PollFlags::OUT)], timeout.as_ref());
            }
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
