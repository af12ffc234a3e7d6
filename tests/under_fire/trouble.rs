//! The columns of the table: the faults that a call can have.

use std::time::Duration;

use rig::proxy::Fault;

use crate::rows::{Job, Row};

/// A fault, which is one column of the table.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Trouble {
    /// AWS denies this call, and every later call with the same action and key.
    Refused,
    /// AWS throttles three calls in a row.
    Throttled,
    /// AWS answers with an internal failure once.
    Broken,
    /// The answer takes two seconds.
    Slow,
    /// The answer arrives after the program has stopped waiting.
    Silent,
    /// The call takes effect, and the answer is lost.
    ReplyLost,
    /// The answer is lost, and the call takes effect two seconds later.
    Late,
    /// The answer is lost, and the call takes effect four seconds later. The operator stops the program before the
    /// call takes effect, so that the call arrives after the close.
    LateAfterTerm,
    /// The connection breaks before the call is delivered.
    Cut,
    /// The network is cut from this call on, and the operator does not wait for the proof that access is closed.
    Gone,
    /// AWS's clock is ten minutes ahead of this machine's clock. If the call is a write, the answer is also lost.
    Behind,
    /// AWS's clock is ten minutes behind this machine's clock. If the call is a write, the answer is also lost.
    Ahead,
    /// The program is killed during the call.
    Killed,
    /// The program is stopped during the call until T1 has passed.
    Stopped,
}

impl Trouble {
    pub const ALL: [Self; 14] = [
        Self::Refused,
        Self::Throttled,
        Self::Broken,
        Self::Slow,
        Self::Silent,
        Self::ReplyLost,
        Self::Late,
        Self::LateAfterTerm,
        Self::Cut,
        Self::Gone,
        Self::Behind,
        Self::Ahead,
        Self::Killed,
        Self::Stopped,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Throttled => "throttled",
            Self::Broken => "500",
            Self::Slow => "slow",
            Self::Silent => "silent",
            Self::ReplyLost => "no reply",
            Self::Late => "late",
            Self::LateAfterTerm => "late+end",
            Self::Cut => "cut",
            Self::Gone => "gone",
            Self::Behind => "-10min",
            Self::Ahead => "+10min",
            Self::Killed => "KILL",
            Self::Stopped => "STOP",
        }
    }

    /// Returns whether this fault is tested in this call. Cells that would repeat other cells are left out. For a read,
    /// a lost answer and a late arrival have the same result as a cut connection. AWS's clock is set for the complete
    /// run, so a wrong clock is tested in only one read. The program makes several rounds of concurrent IAM reads. In
    /// the first round, every read is tested; in later rounds, only `GetUser` and `GetUserPolicy`. A fault that affects
    /// all concurrent reads is tested only with `GetUser` and `GetUserPolicy`.
    pub fn befalls(self, row: &Row) -> bool {
        let answers = !row.is_side_by_side() || ["GetUser", "GetUserPolicy"].contains(&row.action.as_str());
        match self {
            Self::LateAfterTerm => row.enables(),
            Self::ReplyLost | Self::Late | Self::Silent => row.write || row.action == "GetSessionToken",
            Self::Behind | Self::Ahead => row.write || row.action == "GetCallerIdentity",
            Self::Gone | Self::Stopped => answers,
            Self::Killed => true,
            _ => answers || row.nth == 1,
        }
    }

    /// Returns how many seconds AWS's clock is ahead of this machine's clock.
    pub fn clock(self) -> i64 {
        match self {
            Self::Behind => 600,
            Self::Ahead => -600,
            _ => 0,
        }
    }

    /// Returns the fault that the proxy injects.
    pub fn fault(self, row: &Row) -> Option<Fault> {
        Some(match self {
            Self::Refused => Fault::Refused,
            Self::Throttled => Fault::Throttled(3),
            Self::Broken => Fault::Broken(1),
            Self::Slow => Fault::Slow(Duration::from_secs(2)),
            Self::Silent => Fault::Slow(Duration::from_secs(10)),
            Self::ReplyLost => Fault::ReplyLost,
            Self::Behind | Self::Ahead if row.write => Fault::ReplyLost,
            Self::Behind | Self::Ahead => return None,
            Self::Late => Fault::Late(Duration::from_secs(2)),
            Self::LateAfterTerm => Fault::Late(Duration::from_secs(4)),
            Self::Cut => Fault::Cut,
            Self::Gone => Fault::Gone,
            Self::Killed | Self::Stopped => Fault::Hold,
        })
    }

    /// Returns the duration of the window in seconds. The fault `Silent` needs a longer window.
    pub fn window(self, job: Job) -> i64 {
        match (self, job) {
            (Self::Stopped, _) => 6,
            (Self::Silent, _) | (_, Job::Close) => 14,
            _ => 9,
        }
    }

    /// Returns the estimated duration of a cell in seconds. The test runs the longest cells first.
    pub fn lasts(self) -> u32 {
        match self {
            Self::Refused => 60,
            Self::Silent => 20,
            Self::Late | Self::LateAfterTerm | Self::Stopped | Self::ReplyLost => 10,
            Self::Throttled | Self::Slow => 5,
            _ => 2,
        }
    }

    /// Returns whether the fault is temporary. After a temporary fault, the program must prove that access is closed.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Refused | Self::Gone | Self::Killed)
    }
}
