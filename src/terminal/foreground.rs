//! The terminal, lent to another process group.

use std::fs::File;

use nix::sys::signal::{SigSet, Signal as Number};
use rustix::process::{Pid, getpgrp};
use rustix::termios::{
    OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcgetpgrp, tcsetattr, tcsetpgrp,
};

/// The terminal, lent to another process group; taken back, as it was, when dropped.
pub(crate) struct Foreground {
    terminal: File,
    own: Pid,
    was: Termios,
}

impl Foreground {
    /// `None` where there is no terminal, or it is not ours to give.
    pub(crate) fn give(to: Pid) -> Option<Self> {
        let terminal = File::options().read(true).write(true).open("/dev/tty").ok()?;
        let own = getpgrp();
        if tcgetpgrp(&terminal).ok()? != own {
            return None;
        }
        let was = tcgetattr(&terminal).ok()?;
        // From here this process is in the background: without this it would be stopped when it takes
        // the terminal back, or, under TOSTOP, when it warns.
        ttou().thread_block().ok()?;
        let lent = Self { terminal, own, was };
        // What custodians typed too much is not the program's to read, nor a shell's to run and remember.
        let _ = tcflush(&lent.terminal, QueueSelector::IFlush);
        tcsetpgrp(&lent.terminal, to).ok()?;
        Some(lent)
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        let _ = tcsetpgrp(&self.terminal, self.own);
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.was);
        let _ = ttou().thread_unblock();
    }
}

fn ttou() -> SigSet {
    SigSet::from_iter([Number::SIGTTOU])
}
