//! The events that `--json` prints: one JSON object per line on stdout. A blocked stdout never delays a close.

use jiff::Timestamp;
use serde::Serialize;

use crate::error::{Error, Result, Status};
use crate::gate::SessionId;
use crate::ledger::AlertTopic;
use crate::terminal::print;
use crate::vault::target::TargetId;

/// Writes events to stdout if the user passed `--json`. Otherwise writes no events.
#[derive(Clone, Copy, Debug)]
pub struct Events(bool);

/// Whether the program could read the copies of the ledgers in the S3 bucket.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ShippedCopy<'a> {
    pub read: bool,
    /// The number of records in the copies.
    pub records: usize,
    /// Why the copies were not read.
    pub why: Option<&'a str>,
}

/// One event. In JSON, the fields have the same names as here.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event<'a> {
    /// A custodian approved an opening: the custodian's token signed the approval.
    Approval {
        /// The session that the custodian approved to open.
        session: SessionId,
        /// The custodian's name.
        custodian: &'a str,
    },
    /// A custodian's token signed the request to close access.
    CloseApproval {
        /// The session to close, if it is known.
        session: Option<SessionId>,
        /// The custodian's name.
        custodian: &'a str,
    },
    /// A custodian gave their share.
    Share {
        /// The custodian's name.
        custodian: &'a str,
        /// The number of shares given so far.
        given: usize,
        /// The number of shares that are needed to open the vault.
        needed: u8,
    },
    /// An alert was sent to a channel. The field `acknowledged` shows whether the receiver got the alert.
    Alert {
        /// The topic of the alert.
        topic: AlertTopic,
        /// The channel's name.
        channel: &'a str,
        /// Whether the channel is sealed in the vault. A channel that is not sealed is from this machine's
        /// configuration file.
        sealed: bool,
        /// Whether the channel acknowledged the alert.
        acknowledged: bool,
        /// The receiver's answer to the alert, or the reason why the receiver did not acknowledge the alert.
        detail: &'a str,
    },
    /// The quorum is complete. The ledger now has a record of the planned opening (the intent).
    Intent {
        /// The session.
        session: SessionId,
        /// The vault's id.
        vault: &'a str,
        /// The target: the IAM user that the opening enables.
        target: &'a TargetId,
        /// The duration of the window (T1 − T0), in seconds.
        window: u64,
        /// The operator's reason.
        reason: &'a str,
    },
    /// The start (T0) and the end (T1) of the window are known. The program has not yet written anything to AWS.
    Window {
        /// The session.
        session: SessionId,
        /// The start of the window (T0).
        from: Timestamp,
        /// The end of the window (T1).
        until: Timestamp,
    },
    /// The window is open: AWS accepts the credentials.
    Opened {
        /// The session.
        session: SessionId,
        /// The start of the window (T0).
        from: Timestamp,
        /// The end of the window (T1).
        until: Timestamp,
    },
    /// A warning that the window ends soon.
    TimeLeft {
        /// The time left, in whole minutes.
        minutes: u64,
    },
    /// The program has started to close access.
    Closing,
    /// The program has proven that access is closed.
    Closed {
        /// The session, if it is known.
        session: Option<SessionId>,
        /// Whether AWS refused a probe: a test call with the emergency credentials. If false, only IAM shows that
        /// access is closed.
        probed: bool,
        /// Why the window ended.
        cause: String,
    },
    /// A drill has ended.
    Drill {
        /// The drill's session.
        session: SessionId,
        /// Whether every step of the drill had the expected result.
        passed: bool,
        /// The path of the file with the drill's signed result. The field is `None` if no custodian signed the result.
        evidence: Option<&'a std::path::Path>,
    },
    /// The result of the command `status`.
    Status {
        /// Whether a window may be open for at least one target. `None` if this is not known.
        may_be_open: Option<bool>,
        /// The status of each target.
        targets: &'a [crate::ledger::TargetStatus],
        /// Whether the program could read the copies of the ledgers in the S3 bucket. `None` if no bucket is
        /// configured.
        #[serde(skip_serializing_if = "Option::is_none")]
        shipped_copy: Option<ShippedCopy<'a>>,
        /// The readiness of the vault: past drills, overdue tasks and similar facts. `None` if the command line named
        /// no vault.
        #[serde(skip_serializing_if = "Option::is_none")]
        readiness: Option<&'a crate::ledger::Readiness>,
    },
    /// The program exits. `Exit` is the last event.
    Exit {
        /// The exit status.
        status: u8,
        /// The message of the error that ended the program.
        #[serde(skip_serializing_if = "Option::is_none")]
        what: Option<&'a str>,
        /// What the operator should do next, after the error.
        #[serde(skip_serializing_if = "Option::is_none")]
        next: Option<&'a str>,
        /// The end of the window (T1), if access might be open until then.
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
}

/// One line of output. `v` is the version of the format, and `at` is the time of the event.
#[derive(Serialize)]
struct Line<'a> {
    v: u8,
    at: Timestamp,
    #[serde(flatten)]
    event: Event<'a>,
}

/// Returns the output line of one event, without the line feed at the end.
///
/// # Errors
/// Fails if the event cannot be serialized as JSON. The events of this file can always be serialized.
pub fn line(at: Timestamp, event: Event<'_>) -> Result<String> {
    serde_json::to_string(&Line { v: 1, at, event })
        .map_err(|e| Error::failed(format!("an event cannot be written: {e}")))
}

impl Events {
    /// Returns an [`Events`] that writes to stdout if `wanted` is true, and writes nothing if `wanted` is false.
    pub fn to_stdout(wanted: bool) -> Self {
        Self(wanted)
    }

    /// Returns an [`Events`] that writes nothing.
    pub fn none() -> Self {
        Self(false)
    }

    /// Reports whether events are written to stdout. If they are, the program writes nothing else to stdout.
    pub fn are_wanted(self) -> bool {
        self.0
    }

    /// Writes an event. `at` is the time when the event happened.
    pub fn emit(self, at: Timestamp, event: Event<'_>) {
        if self.0
            && let Ok(line) = line(at, event)
        {
            print::event(&line);
        }
    }

    /// Writes the last event, [`Event::Exit`], from the program's result.
    pub fn exit(self, result: Result<(), &Error>) {
        let status = result.err().map_or(0, |error| error.status.code());
        let what = result.err().map(|error| error.what.as_str());
        let next = result.err().and_then(|error| error.next.as_deref());
        let until = result.err().and_then(|error| error.until);
        debug_assert!(until.is_none() || status == Status::MayBeOpen.code());
        self.emit(Timestamp::now(), Event::Exit { status, what, next, until });
    }
}
