//! The tty: prompts without echo, answers a character at a time, restored on every way out.

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr, tcgetwinsize,
    tcsetattr,
};
use zeroize::Zeroizing;

use super::signals;
use crate::error::{Error, Result};
use crate::secret::SecretText;
use crate::signal::Signal;

/// What a person typed.
pub enum Typed {
    /// A line, maybe an empty one.
    Line(SecretText),
    /// The end of input (Ctrl-D, or the terminal went away).
    End,
}

/// Why a wait ended without an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stop {
    /// The waker was used.
    Woken,
    /// The deadline passed.
    Deadline,
    /// This signal came.
    Signal(Signal),
}

/// The controlling terminal, without echo until it is dropped.
pub struct Terminal {
    tty: File,
    saved: Termios,
    quiet: Termios,
    woken: UnixStream,
    waker: UnixStream,
    /// Characters of the line that stands.
    standing: usize,
}

/// Ends a wait from another thread.
pub struct Waker(UnixStream);

impl Clone for Waker {
    fn clone(&self) -> Self {
        Self(self.0.try_clone().expect("a socket can be duplicated"))
    }
}

impl Waker {
    /// Ends the wait that is on, or the next one.
    pub fn wake(&self) {
        let _ = (&self.0).write(&[1]);
    }
}

impl Terminal {
    /// Opens the controlling terminal and switches its echo off.
    ///
    /// # Errors
    /// [`crate::error::Status::Usage`] without a terminal.
    pub fn open() -> Result<Self> {
        signals::catch()?;
        let none = |e: io::Error| {
            Error::usage(format!("there is no terminal to ask at: {e}"))
                .next("run it at a terminal: prompts are never answered from a pipe or a file")
        };
        let tty = OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(none)?;
        let saved = tcgetattr(&tty).map_err(|e| none(e.into()))?;
        let mut quiet = saved.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON);
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        // A shell that takes the terminal back in the middle of a prompt would bring the echo back with it.
        quiet.special_codes[SpecialCodeIndex::VSUSP] = 0;
        tcsetattr(&tty, OptionalActions::Now, &quiet).map_err(|e| none(e.into()))?;
        let (woken, waker) = UnixStream::pair().map_err(none)?;
        woken.set_nonblocking(true).and_then(|()| waker.set_nonblocking(true)).map_err(none)?;
        Ok(Self { tty, saved, quiet, woken, waker, standing: 0 })
    }

    /// A handle that ends waits from other threads.
    ///
    /// # Panics
    /// When the process has no file descriptor left.
    pub fn waker(&self) -> Waker {
        Waker(self.waker.try_clone().expect("a socket can be duplicated"))
    }

    /// Asks without echo. Waking does not disturb the answer.
    ///
    /// # Errors
    /// [`Stop::Deadline`] or [`Stop::Signal`].
    pub fn ask(&mut self, prompt: &str, until: Option<Instant>) -> Result<Typed, Stop> {
        self.converse(prompt, until, false)
    }

    /// Waits for the waker, or for a line.
    ///
    /// # Errors
    /// Any [`Stop`].
    pub fn wait(&mut self, prompt: &str, until: Option<Instant>) -> Result<Typed, Stop> {
        self.converse(prompt, until, true)
    }

    /// Asks with echo, for what is no secret.
    ///
    /// # Errors
    /// [`Stop::Signal`].
    pub fn ask_openly(&mut self, prompt: &str) -> Result<Typed, Stop> {
        let _ = tcsetattr(&self.tty, OptionalActions::Now, &self.saved);
        self.put(prompt);
        let answer = self.read_openly();
        let _ = tcsetattr(&self.tty, OptionalActions::Now, &self.quiet);
        answer
    }

    /// Writes a line that stands until [`Terminal::erase`].
    pub fn put(&mut self, text: &str) {
        self.standing += text.chars().count();
        self.write(text);
    }

    /// Shows lines that stay: what somebody is about to put their hand to, wherever standard error goes.
    pub fn show(&mut self, text: &str) {
        self.erase();
        self.write(&format!("{text}\n"));
    }

    /// Erases the line that stands, over as many rows as it took.
    pub fn erase(&mut self) {
        let columns = tcgetwinsize(&self.tty).map_or(80, |size| usize::from(size.ws_col).max(1));
        let above = std::mem::take(&mut self.standing).saturating_sub(1) / columns;
        if std::env::var_os("TERM").is_some_and(|term| term == "dumb") {
            self.write("\n");
        } else if above == 0 {
            self.write("\r\x1b[2K");
        } else {
            self.write(&format!("\r\x1b[{above}A\x1b[J"));
        }
    }

    /// How many rows the terminal has; many when it does not say.
    pub(super) fn rows(&self) -> usize {
        tcgetwinsize(&self.tty)
            .map_or(0, |size| usize::from(size.ws_row))
            .checked_sub(1)
            .map_or(100, |rows| rows + 1)
    }

    /// Writes as it is.
    pub(super) fn write(&mut self, text: &str) {
        let _ = self.tty.write_all(text.as_bytes());
    }

    fn converse(&mut self, prompt: &str, until: Option<Instant>, wakeable: bool) -> Result<Typed, Stop> {
        let ahead = self.typed_ahead();
        self.put(prompt);
        let stop = Rc::new(Cell::new(None));
        let typed = match self.keys(until, wakeable, &stop) {
            Ok(keys) => {
                let keys = Keys { ahead, quiet: Some(self.quiet.clone()), ..keys };
                let config = rpassword::ConfigBuilder::new().input_reader(keys).output_discard().build();
                rpassword::read_password_with_config(config).map(Zeroizing::new)
            }
            Err(e) => Err(e),
        };
        self.erase();
        match (stop.get(), typed) {
            (Some(stop), _) => Err(stop),
            (None, Ok(line)) => Ok(Typed::Line(SecretText::copy_of(&line))),
            (None, Err(_)) => Ok(Typed::End),
        }
    }

    /// Passes over line ends that were typed before there was a prompt: the second half of a pasted CR LF, an
    /// impatient Enter. An empty answer has to be meant. The first other key is kept.
    fn typed_ahead(&mut self) -> Option<u8> {
        let mut key = [0];
        loop {
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            let ready = poll(&mut [PollFd::new(&self.tty, PollFlags::IN)], Some(&now));
            if !matches!(ready, Ok(1..)) || !matches!(self.tty.read(&mut key), Ok(1)) {
                return None;
            }
            if !matches!(key[0], b'\r' | b'\n') {
                return Some(key[0]);
            }
        }
    }

    fn keys(
        &self,
        until: Option<Instant>,
        wakeable: bool,
        stop: &Rc<Cell<Option<Stop>>>,
    ) -> io::Result<Keys> {
        let woken = if wakeable { Some(self.woken.try_clone()?) } else { None };
        Ok(Keys { tty: self.tty.try_clone()?, woken, until, stop: Rc::clone(stop), ahead: None, quiet: None })
    }

    fn read_openly(&self) -> Result<Typed, Stop> {
        let stop = Rc::new(Cell::new(None));
        let Ok(mut keys) = self.keys(None, false, &stop) else { return Ok(Typed::End) };
        let mut line = Vec::new();
        let mut byte = [0];
        while let Ok(1) = keys.read(&mut byte) {
            if byte[0] == b'\n' {
                return Ok(Typed::Line(SecretText::copy_of(&String::from_utf8_lossy(&line))));
            }
            line.push(byte[0]);
        }
        stop.get().map_or(Ok(Typed::End), Err)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A PIN that was typed once too often must not reach the shell that reads here next.
        let _ = tcflush(&self.tty, QueueSelector::IFlush);
        let _ = tcsetattr(&self.tty, OptionalActions::Now, &self.saved);
    }
}

/// The tty as a reader that a signal, a deadline or the waker ends.
struct Keys {
    tty: File,
    woken: Option<UnixStream>,
    until: Option<Instant>,
    stop: Rc<Cell<Option<Stop>>>,
    /// A key that was typed before the prompt stood.
    ahead: Option<u8>,
    /// How the terminal is meant to be while these keys are read; `None` where it is as it was.
    quiet: Option<Termios>,
}

impl Read for Keys {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let (Some(key), Some(first)) = (self.ahead.take(), buffer.first_mut()) {
            *first = key;
            return Ok(1);
        }
        match self.wait() {
            Ok(None) => match self.tty.read(buffer) {
                Ok(0) | Err(_) => Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    // Words pasted from a table; a hidden line drops control characters.
                    buffer[..n].iter_mut().filter(|key| **key == b'\t').for_each(|key| *key = b' ');
                    Ok(n)
                }
            },
            Ok(Some(stop)) => {
                self.stop.set(Some(stop));
                Err(io::ErrorKind::Other.into())
            }
            Err(e) => Err(e),
        }
    }
}

impl Keys {
    /// `None` when a key can be read.
    fn wait(&self) -> io::Result<Option<Stop>> {
        loop {
            if let Some(signal) = signals::pending() {
                return Ok(Some(Stop::Signal(signal)));
            }
            let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Ok(Some(Stop::Deadline));
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
            // A shell has set the terminal as it likes it while this process was stopped.
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
                return Ok(Some(Stop::Woken));
            }
        }
    }
}
