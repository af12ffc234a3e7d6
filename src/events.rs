//! Events for machines: one JSON object a line on stdout, where that was asked for; they hold nothing up either.

use jiff::Timestamp;
use serde::Serialize;

use crate::error::{Error, Result, Status};
use crate::gate::SessionId;
use crate::ledger::AlertTopic;
use crate::terminal::print;
use crate::vault::target::TargetId;

/// Where events go: to stdout, or nowhere.
#[derive(Clone, Copy, Debug)]
pub struct Events(bool);

/// What happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event<'a> {
    /// A custodian's token signed.
    Approval {
        /// What for.
        session: SessionId,
        /// Who.
        custodian: &'a str,
    },
    /// A custodian gave their share.
    Share {
        /// Who.
        custodian: &'a str,
        /// How many have.
        given: usize,
        /// How many it takes.
        needed: u8,
    },
    /// A channel was told, or was not.
    Told {
        /// What about.
        about: AlertTopic,
        /// Its name.
        channel: &'a str,
        /// It is sealed in the vault; else it is of this machine's configuration.
        sealed: bool,
        /// It has acknowledged.
        acknowledged: bool,
        /// The receiver's own name for it, or why not.
        detail: &'a str,
    },
    /// The quorum is full; from here the session has a name.
    Intent {
        /// The session.
        session: SessionId,
        /// The vault's id.
        vault: &'a str,
        /// The user.
        target: &'a TargetId,
        /// Seconds.
        window: u64,
        /// Why.
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
    /// AWS lets the credentials in.
    Opened {
        /// The session.
        session: SessionId,
        /// T0.
        from: Timestamp,
        /// T1.
        until: Timestamp,
    },
    /// So much time is left.
    Left {
        /// Whole minutes.
        minutes: u64,
    },
    /// The close began.
    Closing,
    /// Access is shut, and that is proven.
    Closed {
        /// The session, if it is known.
        session: Option<SessionId>,
        /// By the probe; else by reading back.
        probed: bool,
        /// Why it ended.
        cause: String,
    },
    /// A drill is over.
    Drill {
        /// The drill's session.
        session: SessionId,
        /// Everything went as it has to.
        passed: bool,
        /// The signed evidence; nobody signed without it.
        evidence: Option<&'a std::path::Path>,
    },
    /// Every target that was asked about.
    Status {
        /// A window may be open on one of them.
        may_be_open: bool,
        /// One by one.
        targets: &'a [crate::ledger::TargetStatus],
        /// How the vault is kept, where one was named.
        #[serde(skip_serializing_if = "Option::is_none")]
        upkeep: Option<&'a crate::ledger::Readiness>,
    },
    /// The last one: how the program exits.
    Exit {
        /// The exit status.
        status: u8,
        /// What went wrong.
        #[serde(skip_serializing_if = "Option::is_none")]
        what: Option<&'a str>,
        /// What to do next.
        #[serde(skip_serializing_if = "Option::is_none")]
        next: Option<&'a str>,
        /// Until when access may be open, where it may be.
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
}

/// One line.
#[derive(Serialize)]
struct Line<'a> {
    v: u8,
    at: Timestamp,
    #[serde(flatten)]
    event: Event<'a>,
}

/// One event as it is written, without the end of its line.
///
/// # Errors
/// Never, as far as is known: every event can be written as JSON.
pub fn line(at: Timestamp, event: Event<'_>) -> Result<String> {
    serde_json::to_string(&Line { v: 1, at, event })
        .map_err(|e| Error::failed(format!("an event cannot be written: {e}")))
}

impl Events {
    /// To stdout, if they are `wanted`.
    pub fn to_stdout(wanted: bool) -> Self {
        Self(wanted)
    }

    /// Nobody wants any.
    pub fn none() -> Self {
        Self(false)
    }

    /// Stdout is theirs alone.
    pub fn are_wanted(self) -> bool {
        self.0
    }

    /// Writes one, which happened at `at`.
    pub fn emit(self, at: Timestamp, event: Event<'_>) {
        if self.0
            && let Ok(line) = line(at, event)
        {
            print::event(&line);
        }
    }

    /// Writes how the program exits.
    pub fn exit(self, result: Result<(), &Error>) {
        let status = result.err().map_or(0, |error| error.status.code());
        let what = result.err().map(|error| error.what.as_str());
        let next = result.err().and_then(|error| error.next.as_deref());
        let until = result.err().and_then(|error| error.until);
        debug_assert!(until.is_none() || status == Status::MayBeOpen.code());
        self.emit(Timestamp::now(), Event::Exit { status, what, next, until });
    }
}
