//! Reads keys from the terminal. A signal, a deadline or another thread can end the wait for a key.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, Termios, tcsetattr};

use super::signals;
use crate::signal::Signal;

/// The reason why a wait ended without an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NoAnswer {
    /// Another thread called [`Waker::wake`].
    Woken,
    Deadline,
    Signal(Signal),
}

/// A handle with which another thread can end a wait.
pub struct Waker(pub(super) UnixStream);

impl Clone for Waker {
    fn clone(&self) -> Self {
        Self(self.0.try_clone().expect("the process should have a free file descriptor"))
    }
}

impl Waker {
    /// Ends the current wait or, if no wait is running, the next one.
    pub fn wake(&self) {
        let _ = (&self.0).write(&[1]);
    }
}

pub(super) struct Keys {
    pub(super) tty: File,
    /// A socket that becomes readable when [`Waker::wake`] is called. The field is `None` if no waker can end this
    /// wait.
    pub(super) woken: Option<UnixStream>,
    pub(super) until: Option<Instant>,
    /// The reason why the wait for a key ended without a key. A read that fails because the wait ended sets this field.
    pub(super) ended: Rc<Cell<Option<NoAnswer>>>,
    /// A key that was typed before the prompt was shown.
    pub(super) ahead: Option<u8>,
    /// The terminal modes that are set again when the process continues after a stop. The field is `None` if the
    /// prompt uses the terminal's usual modes.
    pub(super) quiet: Option<Termios>,
}

impl Read for Keys {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let (Some(key), Some(first)) = (self.ahead.take(), buffer.first_mut()) {
            *first = key;
            return Ok(1);
        }
        match self.wait()? {
            None => match self.tty.read(buffer) {
                Ok(0) | Err(_) => Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    // If a person pastes words from a table, the words are separated by tabs. The hidden prompt would
                    // drop tabs, so tabs become spaces.
                    buffer[..n].iter_mut().filter(|key| **key == b'\t').for_each(|key| *key = b' ');
                    Ok(n)
                }
            },
            Some(ended) => {
                self.ended.set(Some(ended));
                Err(io::ErrorKind::Other.into())
            }
        }
    }
}

impl Keys {
    /// Waits for a key. Returns `None` if a key can be read, or the reason why the wait ended without a key.
    fn wait(&self) -> io::Result<Option<NoAnswer>> {
        loop {
            if let Some(signal) = signals::pending() {
                return Ok(Some(NoAnswer::Signal(signal)));
            }
            let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Ok(Some(NoAnswer::Deadline));
            }
            let continued = signals::continued();
            let mut fds = vec![PollFd::from_borrowed_fd(self.tty.as_fd(), PollFlags::IN)];
            fds.extend(continued.map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)));
            fds.extend(signals::pipe().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
            fds.extend(self.woken.as_ref().map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)));
            let timeout = left.and_then(|left| Timespec::try_from(left).ok());
            match poll(&mut fds, timeout.as_ref()) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(e) => return Err(e.into()),
            }
            // While this process was stopped, the shell might have changed the terminal's modes.
            if continued.is_some_and(|mut fd| matches!(fd.read(&mut [0; 16]), Ok(1..))) {
                if let Some(quiet) = &self.quiet {
                    let _ = tcsetattr(&self.tty, OptionalActions::Now, quiet);
                }
                continue;
            }
            let woken = self.woken.is_some() && fds.last().is_some_and(|fd| !fd.revents().is_empty());
            let typed = !fds[0].revents().is_empty();
            if typed {
                return Ok(None);
            }
            if woken {
                let _ = self.woken.as_ref().map(|mut fd| fd.read(&mut [0; 64]));
                return Ok(Some(NoAnswer::Woken));
            }
        }
    }
}
