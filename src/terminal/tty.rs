//! Prompts at the controlling terminal.
//!
//! - Prompts are written to `/dev/tty`. Answers are read from `/dev/tty`, never from stdin, a pipe or a file.
//!
//! - Typed characters are not shown, except by [`Terminal::ask_openly`], which is for answers that are not secret.
//!
//! - A prompt is erased when it is answered. Only the lines of [`Terminal::show`] and the prompts and answers of
//!   [`Terminal::ask_openly`] stay on the screen.
//!
//! - A signal ends every wait for an answer. Some waits also have a deadline, or end when another thread calls
//!   [`Waker::wake`].
//!
//! - When the terminal is dropped, unread input is discarded and the terminal's modes are restored.

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetwinsize, tcsetattr};
use zeroize::Zeroizing;

use super::keys::{Keys, NoAnswer, Waker};
use super::modes::SavedModes;
use super::print::width;
use super::signals;
use super::wrap::{rows, wrapped};
use crate::error::{Error, Result};
use crate::secret::SecretText;

/// A person's answer to a prompt.
pub enum Reply {
    /// A line, which can be empty.
    Line(SecretText),
    /// The end of input: the person pressed Ctrl-D, or the terminal was closed.
    End,
}

/// The controlling terminal. Echo is off until this value is dropped.
pub struct Terminal {
    tty: File,
    modes: SavedModes,
    /// The terminal modes of a hidden prompt: without echo, line editing and suspend key.
    quiet: Termios,
    woken: UnixStream,
    waker: UnixStream,
    /// The wrapped text of the prompts that are on the screen now.
    standing: String,
}

impl Terminal {
    /// Opens the controlling terminal and switches its echo off.
    ///
    /// # Errors
    /// Returns [`crate::error::Status::Usage`] if there is no terminal.
    pub fn open() -> Result<Self> {
        signals::catch()?;
        Self::opened().map_err(|e| {
            Error::usage(format!("there is no terminal for the prompts: {e}"))
                .next("run the command at a terminal: prompts are never answered from a pipe or a file")
                .caused_by(e)
        })
    }

    fn opened() -> io::Result<Self> {
        let tty = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
        let modes = SavedModes::of(tty.try_clone()?)?;
        let quiet = modes.change(|modes| {
            modes.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON);
            modes.special_codes[SpecialCodeIndex::VMIN] = 1;
            modes.special_codes[SpecialCodeIndex::VTIME] = 0;
            // Ctrl-Z is disabled, because it would return the terminal to the shell during a prompt, and the shell
            // would switch echo on.
            modes.special_codes[SpecialCodeIndex::VSUSP] = 0;
        })?;
        let (woken, waker) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        waker.set_nonblocking(true)?;
        Ok(Self { tty, modes, quiet, woken, waker, standing: String::new() })
    }

    /// Returns a handle with which another thread can end a wait.
    ///
    /// # Panics
    /// Panics if the process has no file descriptor left.
    pub fn waker(&self) -> Waker {
        Waker(self.waker.try_clone().expect("the process should have a free file descriptor"))
    }

    /// Asks for an answer without showing the typed characters. A [`Waker`] does not end the wait for the answer.
    ///
    /// # Errors
    /// Returns [`NoAnswer::Deadline`] or [`NoAnswer::Signal`].
    pub fn ask(&mut self, prompt: &str, until: Option<Instant>) -> Result<Reply, NoAnswer> {
        self.converse(prompt, until, false)
    }

    /// Asks for an answer without showing the typed characters. Waits until a line is typed or a [`Waker`] ends the
    /// wait.
    ///
    /// # Errors
    /// Returns any of the errors in [`NoAnswer`].
    pub fn wait(&mut self, prompt: &str, until: Option<Instant>) -> Result<Reply, NoAnswer> {
        self.converse(prompt, until, true)
    }

    /// Asks for an answer that is not secret, and shows the typed characters. The prompt and the answer stay on the
    /// screen.
    ///
    /// # Errors
    /// Returns [`NoAnswer::Signal`].
    pub fn ask_openly(&mut self, prompt: &str) -> Result<Reply, NoAnswer> {
        self.modes.restore();
        self.put(prompt);
        let answer = self.read_openly();
        let _ = tcsetattr(&self.tty, OptionalActions::Now, &self.quiet);
        if !matches!(answer, Ok(Reply::Line(_))) {
            self.write("\n");
        }
        self.standing.clear();
        answer
    }

    /// Writes a prompt. The prompt stays on the screen until [`Terminal::erase`] is called.
    pub fn put(&mut self, text: &str) {
        let text = wrapped(text, self.columns());
        self.write(&text);
        self.standing += &text;
    }

    /// Shows lines that stay on the screen, such as the request to approve. The lines are shown even if stderr is
    /// redirected.
    pub fn show(&mut self, text: &str) {
        self.erase();
        let text = wrapped(text, self.columns());
        self.write(&format!("{text}\n"));
    }

    /// Erases all rows of the prompts that are on the screen.
    pub fn erase(&mut self) {
        let above = rows(&std::mem::take(&mut self.standing), self.columns()) - 1;
        if std::env::var_os("TERM").is_some_and(|term| term == "dumb") {
            self.write("\n");
        } else if above == 0 {
            self.write("\r\x1b[2K");
        } else {
            self.write(&format!("\r\x1b[{above}A\x1b[J"));
        }
    }

    /// Returns the terminal's number of rows, or 100 if the terminal does not report it.
    pub(super) fn rows(&self) -> usize {
        let rows = tcgetwinsize(&self.tty).map_or(0, |size| usize::from(size.ws_row));
        if rows == 0 { 100 } else { rows }
    }

    fn columns(&self) -> usize {
        width(&self.tty).unwrap_or(80)
    }

    /// Writes without wrapping.
    pub(super) fn write(&mut self, text: &str) {
        let _ = self.tty.write_all(text.as_bytes());
    }

    fn converse(&mut self, prompt: &str, until: Option<Instant>, wakeable: bool) -> Result<Reply, NoAnswer> {
        let ahead = self.typed_ahead();
        self.put(prompt);
        let ended = Rc::new(Cell::new(None));
        let typed = match self.keys(until, wakeable, &ended) {
            Ok(keys) => {
                let keys = Keys { ahead, quiet: Some(self.quiet.clone()), ..keys };
                let config = rpassword::ConfigBuilder::new().input_reader(keys).output_discard().build();
                rpassword::read_password_with_config(config).map(Zeroizing::new)
            }
            Err(e) => Err(e),
        };
        self.erase();
        match (ended.get(), typed) {
            (Some(ended), _) => Err(ended),
            (None, Ok(line)) => Ok(Reply::Line(SecretText::copy_of(&line))),
            (None, Err(_)) => Ok(Reply::End),
        }
    }

    /// Discards line ends that were typed before the prompt was shown, such as the LF of a pasted CR LF. Such line
    /// ends would otherwise count as an empty answer that the person did not intend. Returns the first key that is
    /// not a line end.
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
        ended: &Rc<Cell<Option<NoAnswer>>>,
    ) -> io::Result<Keys> {
        let woken = if wakeable { Some(self.woken.try_clone()?) } else { None };
        Ok(Keys {
            tty: self.tty.try_clone()?,
            woken,
            until,
            ended: Rc::clone(ended),
            ahead: None,
            quiet: None,
        })
    }

    fn read_openly(&self) -> Result<Reply, NoAnswer> {
        let ended = Rc::new(Cell::new(None));
        let Ok(mut keys) = self.keys(None, false, &ended) else { return Ok(Reply::End) };
        let mut line = Vec::new();
        let mut byte = [0];
        while let Ok(1) = keys.read(&mut byte) {
            if byte[0] == b'\n' {
                return Ok(Reply::Line(SecretText::copy_of(&String::from_utf8_lossy(&line))));
            }
            line.push(byte[0]);
        }
        ended.get().map_or(Ok(Reply::End), Err)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.modes.drop_input();
    }
}
