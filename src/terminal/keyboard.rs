//! The keyboard and the countdown line of a held window; the terminal is as before when it is dropped.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::process::getpgrp;
use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcgetpgrp, tcgetwinsize,
    tcsetattr,
};

/// A key is noticed this late at most.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// A terminal that is ours.
pub(crate) struct Keyboard {
    terminal: File,
    was: Termios,
}

impl Keyboard {
    /// `None` where there is no terminal, or somebody else works on it.
    pub(crate) fn open() -> Option<Self> {
        // Opened anew, so that not to wait for keys is a property of this descriptor alone.
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).ok()?;
        let terminal = File::options().read(true).write(true).custom_flags(flags).open("/dev/tty").ok()?;
        if tcgetpgrp(&terminal).ok()? != getpgrp() {
            return None;
        }
        let was = tcgetattr(&terminal).ok()?;
        let mut keys = was.clone();
        keys.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        let keyboard = Self { terminal, was };
        tcsetattr(&keyboard.terminal, OptionalActions::Now, &keys).ok()?;
        Some(keyboard)
    }

    /// Returns when `q` is pressed.
    pub(crate) async fn quit(&self) {
        loop {
            tokio::time::sleep(BETWEEN_LOOKS).await;
            let mut keys = [0; 64];
            // Reading in the background would stop this process.
            let ours = tcgetpgrp(&self.terminal).is_ok_and(|group| group == getpgrp());
            let read = if ours { (&self.terminal).read(&mut keys).unwrap_or(0) } else { 0 };
            if keys[..read].iter().any(|key| matches!(key, b'q' | b'Q')) {
                return;
            }
        }
    }

    /// Writes the line over the one before.
    pub(crate) fn show(&self, line: &str) {
        // A line that wraps could not be written over.
        let columns = tcgetwinsize(&self.terminal).map_or(80, |size| usize::from(size.ws_col)).max(2);
        let line: String = line.chars().take(columns - 1).collect();
        let _ = write!(&self.terminal, "\r{line}\x1b[K");
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        let _ = write!(&self.terminal, "\r\x1b[K");
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        self.clear();
        let _ = tcflush(&self.terminal, QueueSelector::IFlush);
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.was);
    }
}
