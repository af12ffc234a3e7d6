//! The facts about a process: what the process has done, and what the process has read.

use super::iam::Answer;
use super::process::Report;
use super::view::Phase;

/// An answer to one request.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Event {
    pub(super) request: u16,
    pub(super) answer: Answer,
    /// AWS's clock, in seconds since the start.
    pub(super) now: i64,
}

/// What a process has done and read so far.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each field is one fact, and all combinations are possible"
)]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Facts {
    pub(super) phase: Phase,
    /// Whether the opening sent the write that detaches `AWSDenyAll`.
    pub(super) lifted: bool,
    /// T1 of the process's window, in seconds since the start.
    pub(super) until: Option<i64>,
    /// Whether the process has an AWS session (temporary credentials).
    pub(super) issued: bool,
    /// Whether the process detached `AWSDenyAll` and has not attached `AWSDenyAll` again.
    pub(super) is_lifted: bool,
    /// Whether the last read showed the open window of another session.
    pub(super) sees_other: bool,
    /// Whether two reads showed that another process ended or replaced the process's open window.
    pub(super) sees_end: bool,
    /// Whether the process sent a write although the process's last read showed the open window of another session.
    pub(super) ends_other: bool,
}

/// A process that has ended. `report` is `None` if the process was killed.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Over {
    pub(super) process: usize,
    pub(super) facts: Facts,
    pub(super) report: Option<Report>,
}
