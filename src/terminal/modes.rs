//! Changes the terminal's modes and restores them.

use std::fs::File;
use std::io;

use rustix::termios::{OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr};

/// A terminal and its modes. When this value is dropped, the modes are restored.
pub(super) struct SavedModes {
    terminal: File,
    saved: Termios,
}

impl SavedModes {
    pub(super) fn of(terminal: File) -> io::Result<Self> {
        let saved = tcgetattr(&terminal)?;
        Ok(Self { terminal, saved })
    }

    #[allow(dead_code, reason = "only the modules `keyboard` and `foreground` of the full build use this")]
    pub(super) fn terminal(&self) -> &File {
        &self.terminal
    }

    /// Applies `change` to a copy of the saved modes, sets the terminal to the new modes, and returns them.
    pub(super) fn change(&self, change: impl FnOnce(&mut Termios)) -> io::Result<Termios> {
        let mut modes = self.saved.clone();
        change(&mut modes);
        tcsetattr(&self.terminal, OptionalActions::Now, &modes)?;
        Ok(modes)
    }

    pub(super) fn restore(&self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.saved);
    }

    /// Discards unread input, so that no other program reads it. The input can be a PIN that a custodian typed a
    /// second time.
    pub(super) fn drop_input(&self) {
        let _ = tcflush(&self.terminal, QueueSelector::IFlush);
    }
}

impl Drop for SavedModes {
    fn drop(&mut self) {
        self.restore();
    }
}
