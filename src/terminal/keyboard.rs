//! Reads the key `q` and shows the countdown line. The program does this while a window is held open without a
//! command.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::process::getpgrp;
use rustix::termios::{LocalModes, tcgetpgrp};

use super::modes::SavedModes;
use super::print::width;
use super::wrap::wrapped;

/// The interval at which the keyboard is polled.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// A terminal that is read key by key without echo. When this value is dropped, the terminal's modes are restored.
pub(crate) struct Keyboard {
    modes: SavedModes,
}

impl Keyboard {
    /// Opens the controlling terminal. Returns `None` if there is no terminal, or this process is not in the
    /// terminal's foreground.
    pub(crate) fn open() -> Option<Self> {
        // The terminal is opened again, so that O_NONBLOCK applies only to the new descriptor.
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).ok()?;
        let terminal = File::options().read(true).write(true).custom_flags(flags).open("/dev/tty").ok()?;
        if tcgetpgrp(&terminal).ok()? != getpgrp() {
            return None;
        }
        let keyboard = Self { modes: SavedModes::of(terminal).ok()? };
        let keys = |modes: &mut rustix::termios::Termios| {
            modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        };
        keyboard.modes.change(keys).ok()?;
        Some(keyboard)
    }

    /// Waits until the key `q` is pressed.
    pub(crate) async fn quit(&self) {
        loop {
            tokio::time::sleep(BETWEEN_LOOKS).await;
            let mut keys = [0; 64];
            // A background process that reads from the terminal gets SIGTTIN, which would stop the process.
            let is_ours = tcgetpgrp(self.terminal()).is_ok_and(|group| group == getpgrp());
            let read = if is_ours { self.terminal().read(&mut keys).unwrap_or(0) } else { 0 };
            if keys[..read].iter().any(|key| matches!(key, b'q' | b'Q')) {
                return;
            }
        }
    }

    /// Replaces the countdown line with `line`. If `line` does not fit in one row, it is cut off after a word.
    pub(crate) fn show(&self, line: &str) {
        let columns = width(self.terminal()).unwrap_or(80).max(2);
        let line = wrapped(line, columns - 1);
        let row: String = line.lines().next().unwrap_or_default().chars().take(columns - 1).collect();
        let _ = write!(self.terminal(), "\r{row}\x1b[K");
    }

    /// Erases the countdown line.
    pub(crate) fn clear(&self) {
        let _ = write!(self.terminal(), "\r\x1b[K");
    }

    fn terminal(&self) -> &File {
        self.modes.terminal()
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        self.clear();
        self.modes.drop_input();
    }
}
