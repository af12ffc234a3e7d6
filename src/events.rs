//! Events of `--json`: one JSON object per line on stdout. Writing them never delays a close.

use jiff::Timestamp;
use serde::Serialize;

use crate::error::{Error, Result, Status};
use crate::gate::SessionId;
use crate::ledger::AlertTopic;
use crate::terminal::print;
use crate::vault::target::TargetId;

/// The output for events: stdout, or none.
#[derive(Clone, Copy, Debug)]
pub struct Events(bool);

/// One event. The names of its fields are the names in JSON.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event<'a> {
    /// A custodian approved: their token signed.
    Approval {
        /// The session that was approved.
        session: SessionId,
        /// The custodian's name.
        custodian: &'a str,
    },
    /// A custodian gave their share.
    Share {
        /// The custodian's name.
        custodian: &'a str,
        /// How many shares were given so far.
        given: usize,
        /// How many shares are needed.
        needed: u8,
    },
    /// A channel was sent an alert, with or without success.
    Told {
        /// The topic of the alert.
        about: AlertTopic,
        /// The channel's name.
        channel: &'a str,
        /// The channel is sealed in the vault; otherwise it is from this machine's configuration.
        sealed: bool,
        /// The channel acknowledged the alert.
        acknowledged: bool,
        /// The receiver's id of the alert, or why it was not acknowledged.
        detail: &'a str,
    },
    /// The quorum is complete, and the session has its id.
    Intent {
        /// The session.
        session: SessionId,
        /// The vault's id.
        vault: &'a str,
        /// The target's user.
        target: &'a TargetId,
        /// T1 − T0, in seconds.
        window: u64,
        /// The operator's reason.
        reason: &'a str,
    },
    /// T0 and T1 are fixed, before the first write.
    Ends {
        /// The session.
        session: SessionId,
        /// T0.
        from: Timestamp,
        /// T1.
        until: Timestamp,
    },
    /// AWS accepts the credentials.
    Opened {
        /// The session.
        session: SessionId,
        /// T0.
        from: Timestamp,
        /// T1.
        until: Timestamp,
    },
    /// A warning of the time left.
    Left {
        /// Whole minutes.
        minutes: u64,
    },
    /// The close began.
    Closing,
    /// Access is proven closed.
    Closed {
        /// The session, if it is known.
        session: Option<SessionId>,
        /// Proven by probes; otherwise by reading IAM.
        probed: bool,
        /// Why the window ended.
        cause: String,
    },
    /// A drill ended.
    Drill {
        /// The drill's session.
        session: SessionId,
        /// Every step had the expected result.
        passed: bool,
        /// The file of the signed evidence; `None` if it was not signed.
        evidence: Option<&'a std::path::Path>,
    },
    /// The status of targets.
    Status {
        /// A window may be open on at least one target.
        may_be_open: bool,
        /// The status of each target.
        targets: &'a [crate::ledger::TargetStatus],
        /// The vault's readiness, if a vault was named.
        #[serde(skip_serializing_if = "Option::is_none")]
        upkeep: Option<&'a crate::ledger::Readiness>,
    },
    /// The program exits: the last event.
    Exit {
        /// The exit status.
        status: u8,
        /// The error's message.
        #[serde(skip_serializing_if = "Option::is_none")]
        what: Option<&'a str>,
        /// The error's next step.
        #[serde(skip_serializing_if = "Option::is_none")]
        next: Option<&'a str>,
        /// T1, if access may be open until then.
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
}

/// One line: version of the format, time, event.
#[derive(Serialize)]
struct Line<'a> {
    v: u8,
    at: Timestamp,
    #[serde(flatten)]
    event: Event<'a>,
}

/// Returns the line of one event, without its line feed.
///
/// # Errors
/// If the event cannot be written as JSON, which is not known to happen.
pub fn line(at: Timestamp, event: Event<'_>) -> Result<String> {
    serde_json::to_string(&Line { v: 1, at, event })
        .map_err(|e| Error::failed(format!("an event cannot be written: {e}")))
}

impl Events {
    /// Returns the output to stdout, or none unless `wanted`.
    pub fn to_stdout(wanted: bool) -> Self {
        Self(wanted)
    }

    /// Returns the output that writes nothing.
    pub fn none() -> Self {
        Self(false)
    }

    /// Whether events are written; then nothing else is written to stdout.
    pub fn are_wanted(self) -> bool {
        self.0
    }

    /// Writes an event that happened at `at`.
    pub fn emit(self, at: Timestamp, event: Event<'_>) {
        if self.0
            && let Ok(line) = line(at, event)
        {
            print::event(&line);
        }
    }

    /// Writes the last event. `result`: the program's.
    pub fn exit(self, result: Result<(), &Error>) {
        let status = result.err().map_or(0, |error| error.status.code());
        let what = result.err().map(|error| error.what.as_str());
        let next = result.err().and_then(|error| error.next.as_deref());
        let until = result.err().and_then(|error| error.until);
        debug_assert!(until.is_none() || status == Status::MayBeOpen.code());
        self.emit(Timestamp::now(), Event::Exit { status, what, next, until });
    }
}
