//! The records of a ledger. They contain no secret.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::facts::Principals;
use crate::custody::statement::network::{CustomEndpoint, NetworkPath};
use crate::gate::SessionId;
use crate::vault::dsse::Envelope;
use crate::vault::manifest::Lane;
use crate::vault::target::TargetId;

/// The purpose of a share.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SharePurpose {
    Open,
    Close,
}

/// The topic of an alert.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertTopic {
    /// Access is about to be opened.
    Opening,
    /// An alert announced an opening, but access was not opened; nothing is enabled.
    NotOpened,
    Closed,
    /// It is not proven that access is closed.
    MayBeOpen,
}

/// One event of a session. The variants and their fields are the JSON of the file.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
#[allow(clippy::large_enum_variant, reason = "records are few, and most are read one at a time")]
pub enum Record {
    /// A custodian's token signed the request, before it gave its share.
    Approval {
        session: SessionId,
        /// The vault's id.
        vault: String,
        credentials_epoch: u64,
        custodian: String,
        envelope: Envelope,
    },
    /// A custodian's share was given to this process; it counts as released until the credentials are rotated.
    Share {
        /// None for a share that was given to close.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionId>,
        /// The vault's id.
        vault: String,
        credentials_epoch: u64,
        custodian: String,
        purpose: SharePurpose,
    },
    /// An alert was sent to one channel, whether or not the receiver acknowledged it.
    Alert {
        /// None if the alert is about the close of a window that no session in this ledger has opened.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionId>,
        topic: AlertTopic,
        channel: String,
        /// Whether the channel is sealed in the vault; otherwise it is from this machine's configuration.
        sealed: bool,
        sent: Timestamp,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        acknowledged: Option<Timestamp>,
        /// The receiver's id for the alert, if it returned one. With the id, the receiver can look the alert up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        receipt: Option<String>,
        /// The answer, or why there was no acknowledgement.
        detail: String,
    },
    /// The intent of a session; written before the first write to AWS.
    Intent {
        session: SessionId,
        /// The vault's id.
        vault: String,
        epoch: u64,
        credentials_epoch: u64,
        /// SHA-256 of the vault file, hex.
        sha256: String,
        lane: Lane,
        target: TargetId,
        /// The regions that the grant allows.
        #[serde(default)]
        regions: Vec<String>,
        #[serde(default)]
        principals: Box<Principals>,
        /// The duration of the window, in seconds.
        window: u64,
        reason: String,
        /// The reason to use spent credentials again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again: Option<String>,
        /// The reason to open without an acknowledged alert.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        no_alert: Option<String>,
        /// In a drill, the id of the vault that the drill is for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        drill_of: Option<String>,
        /// The reason to open although the user has another access key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extra_key: Option<String>,
        /// The reason to open a vault that was replaced by a later epoch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        older_epoch: Option<String>,
        /// The custom AWS endpoints, if any were set.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        endpoints: Vec<CustomEndpoint>,
        /// The settings of the network, if they are not the defaults.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        network: Option<Box<NetworkPath>>,
    },
    /// When the window begins and ends; fixed before the first write to AWS.
    Window {
        session: SessionId,
        /// T0.
        from: Timestamp,
        /// T1.
        until: Timestamp,
    },
    /// The write that enables access is sent next: from here on access may be open, even if no later record says so.
    Enabling { session: SessionId },
    /// AWS accepted the key.
    Opened {
        session: SessionId,
        /// T0.
        from: Timestamp,
        /// T1.
        until: Timestamp,
    },
    /// AWS session credentials were issued for use during the window.
    Issued {
        session: SessionId,
        /// The access key id of the issued credentials, which CloudTrail records with each call.
        access_key_id: String,
    },
    /// Access is closed.
    Closed {
        session: SessionId,
        /// Whether AWS refused a probe with the key; otherwise the close was only read from IAM.
        probed: bool,
        /// Why the session ended.
        cause: String,
    },
    /// A drill ended.
    Drill {
        session: SessionId,
        /// The id of the vault that the drill is for.
        vault: String,
        /// Whether the outcome was the expected one.
        passed: bool,
        /// The injected failures.
        injected: Vec<String>,
        /// The custodians who gave a share.
        custodians: Vec<String>,
        /// The evidence, signed by a custodian; `None` if it was not signed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        envelope: Option<Envelope>,
    },
    /// A custodian signed a review.
    Review {
        session: SessionId,
        custodian: String,
        /// The signed statement, which contains the packet's digest.
        envelope: Envelope,
    },
}

impl Record {
    /// Returns the kind as it is in the JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Approval { .. } => "approval",
            Self::Share { .. } => "share",
            Self::Alert { .. } => "alert",
            Self::Intent { .. } => "intent",
            Self::Window { .. } => "window",
            Self::Enabling { .. } => "enabling",
            Self::Opened { .. } => "opened",
            Self::Issued { .. } => "issued",
            Self::Closed { .. } => "closed",
            Self::Drill { .. } => "drill",
            Self::Review { .. } => "review",
        }
    }

    /// Returns the session of the record, if it has one.
    pub fn session(&self) -> Option<SessionId> {
        match self {
            Self::Share { session, .. } | Self::Alert { session, .. } => *session,
            Self::Approval { session, .. }
            | Self::Intent { session, .. }
            | Self::Window { session, .. }
            | Self::Enabling { session }
            | Self::Opened { session, .. }
            | Self::Issued { session, .. }
            | Self::Closed { session, .. }
            | Self::Drill { session, .. }
            | Self::Review { session, .. } => Some(*session),
        }
    }

    /// Returns the envelope that a custodian's token signed, if the record has one.
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
    /// The version of the format: 1.
    pub v: u8,
    /// The number of the record, from 0.
    pub seq: u64,
    /// Hex SHA-256 of the previous record's line; zeros for the first record.
    pub prev: String,
    /// Hex SHA-256 of the torn lines between the previous record and this record, with their newlines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub torn: Option<String>,
    /// The time of the event, by AWS's clock if that is known, otherwise by the local clock.
    pub at: Timestamp,
    #[serde(flatten)]
    pub record: Record,
}
