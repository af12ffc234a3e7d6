//! The records of a ledger. No record contains a secret.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::facts::Principals;
use crate::custody::statement::network::{CustomEndpoint, NetworkPath};
use crate::gate::SessionId;
use crate::vault::dsse::Envelope;
use crate::vault::manifest::Lane;
use crate::vault::target::TargetId;

/// The purpose for which a custodian gave a share.
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
    /// A quorum has given shares to close access, and the program is closing access.
    Closing,
    /// An earlier alert announced an opening, but access was not opened.
    NotOpened,
    Closed,
    /// Access might be open: it is not proven that access is closed.
    MayBeOpen,
}

/// One event of a session. The ledger's JSON uses the names of these variants and fields, so renaming one changes the
/// file format.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
#[allow(clippy::large_enum_variant, reason = "records are few, and most are read one at a time")]
pub enum Record {
    /// A custodian's token signed the request to open. The custodian gives a share only after the signature.
    Approval {
        session: SessionId,
        /// The vault's id.
        vault: String,
        credentials_epoch: u64,
        custodian: String,
        envelope: Envelope,
    },
    /// A custodian's token signed the statement of a close. The custodian gives a share after the signature.
    #[serde(rename = "close_approval")]
    CloseApproval {
        /// The session to close, if it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionId>,
        /// The vault's id.
        vault: String,
        credentials_epoch: u64,
        custodian: String,
        envelope: Envelope,
    },
    /// A custodian gave a share to this process. The share counts as released until the credentials are rotated.
    Share {
        /// The session to open or to close. `None` if the share was given for a close and the session is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionId>,
        /// The vault's id.
        vault: String,
        credentials_epoch: u64,
        custodian: String,
        purpose: SharePurpose,
    },
    /// An alert was sent over one channel, with or without an acknowledgement.
    Alert {
        /// The session of the alert. `None` if the alert is about the close of a window that this machine's ledger does
        /// not have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionId>,
        topic: AlertTopic,
        channel: String,
        /// Whether the channel is sealed in the vault. A channel that is not sealed is from this machine's
        /// configuration.
        sealed: bool,
        sent: Timestamp,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        acknowledged: Option<Timestamp>,
        /// The id that the receiver gave to the alert, if the receiver returned an id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        receipt: Option<String>,
        /// The receiver's answer, or why there was no acknowledgement.
        detail: String,
    },
    /// The intent of a session. The intent is recorded before the first write to AWS.
    Intent {
        session: SessionId,
        /// The vault's id.
        vault: String,
        epoch: u64,
        credentials_epoch: u64,
        /// SHA-256 of the vault file, in hex.
        sha256: String,
        lane: Lane,
        target: TargetId,
        /// The regions that the grant allows.
        regions: Vec<String>,
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
        /// The reason to open although the user has a second, inactive access key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extra_key: Option<String>,
        /// The reason to open a vault that a later epoch has replaced.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        older_epoch: Option<String>,
        /// The custom AWS endpoints, if any were set.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        endpoints: Vec<CustomEndpoint>,
        /// The network settings, if they differ from the defaults.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        network: Option<Box<NetworkPath>>,
    },
    /// The start and the end of the window. The start and the end are recorded before the first write to AWS.
    Window {
        session: SessionId,
        /// T0.
        from: Timestamp,
        /// T1.
        until: Timestamp,
    },
    /// The next write to AWS will enable access. After the record `enabling`, access might be open, even without a
    /// record `opened`.
    Enabling { session: SessionId },
    /// Access is open: AWS accepted the key.
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
        /// Whether AWS refused a probe. Without a refused probe, the program only read from IAM that access is closed.
        probed: bool,
        /// Why the session ended.
        cause: String,
    },
    /// A drill ended.
    Drill {
        session: SessionId,
        /// The id of the vault that the drill is for.
        vault: String,
        /// Whether the drill had the expected outcome.
        passed: bool,
        /// The injected failures.
        injected: Vec<String>,
        /// The custodians who gave a share.
        custodians: Vec<String>,
        /// The drill's result, signed by a custodian. `None` if no custodian signed the result.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        envelope: Option<Envelope>,
    },
    /// A custodian signed a review.
    Review {
        session: SessionId,
        custodian: String,
        /// The signed statement, which contains the digest of the review's packet.
        envelope: Envelope,
    },
}

impl Record {
    /// Returns the record's kind, as written in the JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Approval { .. } => "approval",
            Self::CloseApproval { .. } => "close_approval",
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
            Self::CloseApproval { session, .. }
            | Self::Share { session, .. }
            | Self::Alert { session, .. } => *session,
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
            Self::Approval { envelope, .. }
            | Self::CloseApproval { envelope, .. }
            | Self::Review { envelope, .. } => Some(envelope),
            Self::Drill { envelope, .. } => envelope.as_ref(),
            _ => None,
        }
    }
}

/// One line of the ledger file, which contains one record.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Entry {
    /// The version of the line's format, which is 1.
    pub v: u8,
    /// The number of the record, counted from 0.
    pub seq: u64,
    /// SHA-256 of the previous record's line, in hex. In the first record, all digits of `prev` are zero.
    pub prev: String,
    /// SHA-256, in hex, of the torn lines and their newlines between the previous record and this record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub torn: Option<String>,
    /// The time of the event, by AWS's clock if AWS's time is known, otherwise by the local clock.
    pub at: Timestamp,
    #[serde(flatten)]
    pub record: Record,
}
