//! The terminal, lent to another process group.

use std::fs::File;

use nix::sys::signal::{SigSet, Signal as Number};
use rustix::process::{Pid, getpgrp};
use rustix::termios::{tcgetpgrp, tcsetpgrp};

use super::modes::SavedModes;

/// The terminal, lent to another process group; taken back, with its modes, when dropped.
pub(crate) struct Foreground {
    modes: SavedModes,
    ours: Pid,
    /// After the modes: they are set while this process is still in the background.
    _blocked: BlockedTtou,
}

impl Foreground {
    /// `None` if there is no terminal, or this process is in the background itself.
    pub(crate) fn give(to: Pid) -> Option<Self> {
        let terminal = File::options().read(true).write(true).open("/dev/tty").ok()?;
        let ours = getpgrp();
        if tcgetpgrp(&terminal).ok()? != ours {
            return None;
        }
        let lent = Self { modes: SavedModes::of(terminal).ok()?, ours, _blocked: BlockedTtou::new()? };
        // Drops unread input, so that the program does not read a custodian's PIN and a shell does not run or save it.
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

/// SIGTTOU, blocked: it would stop this process in the background when it takes the terminal back or, under TOSTOP,
/// when it warns.
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
