//! The signals that end a command.

use std::fmt;

/// A signal that asks this program to end.
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

    /// The number that POSIX gives it; a shell reports 128 more as the exit status.
    pub fn number(self) -> u8 {
        self as u8
    }

    pub fn from_number(number: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|signal| usize::from(signal.number()) == number)
    }

    /// Whether the terminal sends it to the whole foreground process group, on Ctrl-C or Ctrl-\.
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
