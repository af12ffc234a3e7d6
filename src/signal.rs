//! The signals that ask a command to end.

use std::fmt;

/// A signal that asks the program to end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Signal {
    Hup = 1,
    Int = 2,
    Quit = 3,
    Term = 15,
}

impl Signal {
    pub const ALL: [Self; 4] = [Self::Hup, Self::Int, Self::Quit, Self::Term];

    /// Returns the signal's number in POSIX. A shell adds 128 to this number to get the exit status of a process that
    /// the signal ended.
    pub fn number(self) -> u8 {
        self as u8
    }

    pub fn from_number(number: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|signal| usize::from(signal.number()) == number)
    }

    /// Reports whether a terminal sends this signal when the operator presses Ctrl-C or Ctrl-\. The terminal sends
    /// the signal to every process in the foreground process group.
    pub fn is_typed(self) -> bool {
        matches!(self, Self::Int | Self::Quit)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hup => "SIGHUP",
            Self::Int => "SIGINT",
            Self::Quit => "SIGQUIT",
            Self::Term => "SIGTERM",
        })
    }
}
