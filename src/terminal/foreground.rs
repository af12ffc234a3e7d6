//! Makes another process group the terminal's foreground group, and later restores this process's group.

use std::fs::File;

use nix::sys::signal::{SigSet, Signal as Number};
use rustix::process::{Pid, getpgrp};
use rustix::termios::{tcgetpgrp, tcsetpgrp};

use super::modes::SavedModes;

/// A terminal whose foreground group is another process group. When this value is dropped, this process's group
/// becomes the foreground group again, and the terminal's modes are restored.
pub(crate) struct Foreground {
    modes: SavedModes,
    ours: Pid,
    /// Rust drops fields in the order of their declaration. This field is declared after `modes`, so SIGTTOU is still
    /// blocked while the drop of `modes` sets the terminal's modes.
    _blocked: BlockedTtou,
}

impl Foreground {
    /// Makes the process group `to` the foreground group. Returns `None` if there is no terminal, or this process is
    /// not in the foreground.
    pub(crate) fn give(to: Pid) -> Option<Self> {
        let terminal = File::options().read(true).write(true).open("/dev/tty").ok()?;
        let ours = getpgrp();
        if tcgetpgrp(&terminal).ok()? != ours {
            return None;
        }
        let lent = Self { modes: SavedModes::of(terminal).ok()?, ours, _blocked: BlockedTtou::new()? };
        // Discards unread input, because it can be a custodian's PIN. Otherwise, the command could read the PIN, and
        // a shell would run the PIN as a command and save it in the history.
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

/// Blocks SIGTTOU until this value is dropped. A background process that makes itself the foreground group gets
/// SIGTTOU, which would stop the process. If the terminal's mode TOSTOP is set, SIGTTOU would also stop this process
/// when it prints a warning.
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
