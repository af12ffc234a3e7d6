//! The events of `--json`: one JSON object per line on stdout. Writing an event never delays a close.

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
    /// A custodian's token signed the approval.
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
        /// The number of shares given so far.
        given: usize,
        /// The number of shares that are needed.
        needed: u8,
    },
    /// An alert was sent to a channel; `acknowledged` is the result.
    Alert {
        /// The topic of the alert.
        topic: AlertTopic,
        /// The channel's name.
        channel: &'a str,
        /// The channel is sealed in the vault; otherwise it is from this machine's configuration.
        sealed: bool,
        /// The channel acknowledged the alert.
        acknowledged: bool,
        /// The id that the receiver gave the alert, or the reason why the alert was not acknowledged.
        detail: &'a str,
    },
    /// The quorum is complete. The session is in the ledger.
    Intent {
        /// The session.
        session: SessionId,
        /// The vault's id.
        vault: &'a str,
        /// The target's user.
        target: &'a TargetId,
        /// The window's duration, T1 − T0, in seconds.
        window: u64,
        /// The operator's reason.
        reason: &'a str,
    },
    /// T0 and T1 are set; nothing has been written to AWS yet.
    Window {
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
    /// A warning that states the time left.
    TimeLeft {
        /// The time left, in whole minutes.
        minutes: u64,
    },
    /// The close began.
    Closing,
    /// Access is proven closed.
    Closed {
        /// The session, if it is known.
        session: Option<SessionId>,
        /// A probe proved that access is closed; otherwise only reading IAM did.
        probed: bool,
        /// Why the window ended.
        cause: String,
    },
    /// A drill has ended.
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
        readiness: Option<&'a crate::ledger::Readiness>,
    },
    /// The program exits. This is the last event.
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

/// One line: the version of the format, the time, and the event.
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
/// If the event cannot be serialized as JSON; no such event is known.
pub fn line(at: Timestamp, event: Event<'_>) -> Result<String> {
    serde_json::to_string(&Line { v: 1, at, event })
        .map_err(|e| Error::failed(format!("an event cannot be written: {e}")))
}

impl Events {
    /// Returns the output that writes events to stdout if `wanted` is true, and writes nothing otherwise.
    pub fn to_stdout(wanted: bool) -> Self {
        Self(wanted)
    }

    /// Returns the output that writes nothing.
    pub fn none() -> Self {
        Self(false)
    }

    /// Reports whether events are written. If they are, nothing else is written to stdout.
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

    /// Writes the last event, with the program's result.
    pub fn exit(self, result: Result<(), &Error>) {
        let status = result.err().map_or(0, |error| error.status.code());
        let what = result.err().map(|error| error.what.as_str());
        let next = result.err().and_then(|error| error.next.as_deref());
        let until = result.err().and_then(|error| error.until);
        debug_assert!(until.is_none() || status == Status::MayBeOpen.code());
        self.emit(Timestamp::now(), Event::Exit { status, what, next, until });
    }
}
