//! Gives the terminal's foreground to another process group, and takes it back.

use std::fs::File;

use nix::sys::signal::{SigSet, Signal as Number};
use rustix::process::{Pid, getpgrp};
use rustix::termios::{tcgetpgrp, tcsetpgrp};

use super::modes::SavedModes;

/// The terminal while another process group is in its foreground. When this is dropped, this process takes the
/// foreground back and restores the terminal's modes.
pub(crate) struct Foreground {
    modes: SavedModes,
    ours: Pid,
    /// Declared after `modes`, so that SIGTTOU is still blocked when `modes` is dropped and sets the terminal's modes.
    _blocked: BlockedTtou,
}

impl Foreground {
    /// Makes the process group `to` the foreground group. Returns `None` if there is no terminal, or this process is
    /// not in the foreground itself.
    pub(crate) fn give(to: Pid) -> Option<Self> {
        let terminal = File::options().read(true).write(true).open("/dev/tty").ok()?;
        let ours = getpgrp();
        if tcgetpgrp(&terminal).ok()? != ours {
            return None;
        }
        let lent = Self { modes: SavedModes::of(terminal).ok()?, ours, _blocked: BlockedTtou::new()? };
        // Drops unread input: it can be a custodian's PIN, which the command would read, or a shell would run and save.
        lent.modes.drop_input();
        tcsetpgrp(lent.modes.terminal(), to).ok()?;
        Some(lent)
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        let _ = tcsetpgrp(self.modes.terminal(), self.ours);
    }
}

/// Blocks SIGTTOU until it is dropped. In the background, the signal would stop this process when it takes the terminal
/// back or, if the terminal's mode TOSTOP is set, when it prints a warning.
struct BlockedTtou;

impl BlockedTtou {
    fn new() -> Option<Self> {
        Self::set().thread_block().ok().map(|()| Self)
    }

    fn set() -> SigSet {
        SigSet::from_iter([Number::SIGTTOU])
    }
}

impl Drop for BlockedTtou {
    fn drop(&mut self) {
        let _ = Self::set().thread_unblock();
    }
}
