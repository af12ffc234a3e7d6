//! The records and what they say; nothing secret.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::facts::Principals;
use crate::gate::SessionId;
use crate::vault::dsse::Envelope;
use crate::vault::manifest::Lane;
use crate::vault::target::TargetId;

/// What a share was given for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SharePurpose {
    /// To open.
    Open,
    /// To close.
    Close,
}

/// What people are told about.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertTopic {
    /// A window is about to be opened.
    Opening,
    /// It was not opened after all; nothing is enabled.
    NotOpened,
    /// Access is shut.
    Closed,
    /// It is not proven that access is shut.
    MayBeOpen,
}

/// One thing that happened.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Record {
    /// A custodian's token has signed what is to be opened; before it gives its share.
    Approval {
        /// The session.
        session: SessionId,
        /// The vault's id.
        vault: String,
        /// The epoch of its credentials.
        credentials_epoch: u64,
        /// Who.
        custodian: String,
        /// What they signed.
        envelope: Envelope,
    },
    /// A custodian's share was given to this process: it stays a share until the credentials are rotated.
    Share {
        /// The session that it was given for; a close has none of its own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionId>,
        /// The vault's id.
        vault: String,
        /// The epoch of its credentials.
        credentials_epoch: u64,
        /// Who.
        custodian: String,
        /// What for.
        to: SharePurpose,
    },
    /// One channel was told, or was not.
    Told {
        /// The session; a close of nobody's window has none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionId>,
        /// What about.
        about: AlertTopic,
        /// The channel's name.
        channel: String,
        /// It is sealed in the vault; else it is of this machine's configuration.
        sealed: bool,
        /// When it was sent.
        sent: Timestamp,
        /// When it acknowledged.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        acknowledged: Option<Timestamp>,
        /// The receiver's own id for it, where it gave one: who asks the receiver can name it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        receipt: Option<String>,
        /// What it answered, or why it did not acknowledge.
        detail: String,
    },
    /// Before the first write to AWS: the session is one's own from here.
    Intent {
        /// The session.
        session: SessionId,
        /// The vault's id.
        vault: String,
        /// The vault's epoch.
        epoch: u64,
        /// The epoch of its credentials.
        credentials_epoch: u64,
        /// SHA-256 of the vault, hex.
        sha256: String,
        /// How the window is made.
        lane: Lane,
        /// The user.
        target: TargetId,
        /// Where the grant holds.
        #[serde(default)]
        regions: Vec<String>,
        /// Whose calls AWS will show.
        #[serde(default)]
        principals: Box<Principals>,
        /// The window's length in seconds.
        window: u64,
        /// Why.
        reason: String,
        /// Why once more, after an opening before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again: Option<String>,
        /// Why without an alert that was acknowledged.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        no_alert: Option<String>,
        /// A drill: the id of the vault that is practised for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        drill_of: Option<String>,
        /// Where AWS was taken to be, in words; none where that was AWS's own addresses.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        endpoint: Option<String>,
    },
    /// When it will end, whatever happens: fixed before the first write to AWS.
    Ends {
        /// The session.
        session: SessionId,
        /// T0.
        from: Timestamp,
        /// T1.
        until: Timestamp,
    },
    /// The write that enables goes out now: from here on access may be there, whatever is recorded after it.
    Enabling {
        /// The session.
        session: SessionId,
    },
    /// AWS let the key in.
    Opened {
        /// The session.
        session: SessionId,
        /// T0.
        from: Timestamp,
        /// T1.
        until: Timestamp,
    },
    /// A session of AWS's was issued to the work in the window.
    Issued {
        /// The session.
        session: SessionId,
        /// The issued session's access key id: AWS's record of what was done names it.
        access_key_id: String,
    },
    /// Access is shut.
    Closed {
        /// The session.
        session: SessionId,
        /// By the probe, or only by reading back.
        probed: bool,
        /// Why it ended.
        cause: String,
    },
    /// A drill is over.
    Drill {
        /// The drill's session.
        session: SessionId,
        /// The id of the vault that was practised for.
        vault: String,
        /// Everything went as it should.
        passed: bool,
        /// What was made to fail.
        injected: Vec<String>,
        /// Who gave a share.
        custodians: Vec<String>,
        /// The evidence, signed by a custodian; `None` when nobody signed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        envelope: Option<Envelope>,
    },
    /// A use was reviewed.
    Review {
        /// The session.
        session: SessionId,
        /// Who signed.
        custodian: String,
        /// What they signed: it holds the packet's digest.
        envelope: Envelope,
    },
}

impl Record {
    /// Its kind, as it is written.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Approval { .. } => "approval",
            Self::Share { .. } => "share",
            Self::Told { .. } => "told",
            Self::Intent { .. } => "intent",
            Self::Ends { .. } => "ends",
            Self::Enabling { .. } => "enabling",
            Self::Opened { .. } => "opened",
            Self::Issued { .. } => "issued",
            Self::Closed { .. } => "closed",
            Self::Drill { .. } => "drill",
            Self::Review { .. } => "review",
        }
    }

    /// The session that it is of, if it is of one.
    pub fn session(&self) -> Option<SessionId> {
        match self {
            Self::Share { session, .. } | Self::Told { session, .. } => *session,
            Self::Approval { session, .. }
            | Self::Intent { session, .. }
            | Self::Ends { session, .. }
            | Self::Enabling { session }
            | Self::Opened { session, .. }
            | Self::Issued { session, .. }
            | Self::Closed { session, .. }
            | Self::Drill { session, .. }
            | Self::Review { session, .. } => Some(*session),
        }
    }

    /// What a custodian's token signed, if it holds such.
    pub fn envelope(&self) -> Option<&Envelope> {
        match self {
            Self::Approval { envelope, .. } | Self::Review { envelope, .. } => Some(envelope),
            Self::Drill { envelope, .. } => envelope.as_ref(),
            _ => None,
        }
    }
}

/// One line of the file.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Entry {
    /// The format: 1.
    pub v: u8,
    /// Counted from 0.
    pub seq: u64,
    /// SHA-256 of the line before, hex; zeros for the first.
    pub prev: String,
    /// SHA-256, hex, of what stands between that line and this one, their ends included: lines that were never finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub torn: Option<String>,
    /// When, by the best clock at hand.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub record: Record,
}
