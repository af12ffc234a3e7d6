//! What happens to one call.

use std::time::Duration;

use rig::proxy::Fault;

use crate::rows::{Job, Row};

/// One column of the table.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Trouble {
    /// It and every later one of its kind: access denied.
    Refused,
    /// Three in a row.
    Throttled,
    /// An internal failure, once.
    Broken,
    /// The answer takes two seconds.
    Slow,
    /// The answer takes longer than the program waits for it.
    Silent,
    /// Done, without an answer.
    ReplyLost,
    /// No answer, and done two seconds later.
    Late,
    /// The same, four seconds later, and meanwhile the operator wants to stop: it arrives after the close.
    LateAfterTerm,
    /// The connection breaks before it is delivered.
    Cut,
    /// The network is gone from here on, and the operator does not wait for a proof.
    Gone,
    /// AWS's clock is ten minutes ahead of this machine's; a write's answer is lost as well.
    Behind,
    /// It is ten minutes behind.
    Ahead,
    /// The program is killed while the call is on its way.
    Killed,
    /// It is stopped there until T1 has passed.
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

    /// Which calls it is tried on. What is left out is what another field shows: to a read, a lost answer, a late
    /// arrival and a cut are one and the same; the clock is the whole run's, not one call's; and of reads that go out
    /// side by side one answers for its round where each had its turn in the first, or where all are cut off.
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

    /// How far AWS's clock is ahead of this machine's.
    pub fn clock(self) -> i64 {
        match self {
            Self::Behind => 600,
            Self::Ahead => -600,
            _ => 0,
        }
    }

    /// What is done to the call.
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

    /// The window, in seconds; `Silent` leaves room for what comes after.
    pub fn window(self, job: Job) -> i64 {
        match (self, job) {
            (Self::Stopped, _) => 6,
            (Self::Silent, _) | (_, Job::Close) => 14,
            _ => 9,
        }
    }

    /// Seconds that a cell may take, as a guess for their order.
    pub fn lasts(self) -> u32 {
        match self {
            Self::Refused => 60,
            Self::Silent => 20,
            Self::Late | Self::LateAfterTerm | Self::Stopped | Self::ReplyLost => 10,
            Self::Throttled | Self::Slow => 5,
            _ => 2,
        }
    }

    /// Whether the program must end with certainty: a single fault is over by then.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Refused | Self::Gone | Self::Killed)
    }
}
