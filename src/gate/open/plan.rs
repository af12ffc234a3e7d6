//! The plan of an opening.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::gate::observed::Expected;
use crate::gate::policy::Gate;
use crate::gate::session::SessionId;

/// The access to open: the user, the grant, the window and the credentials to issue.
#[derive(Debug)]
pub struct OpenPlan<'a> {
    /// The user's properties that the vault records.
    pub expected: &'a Expected,
    /// The id of the AWS account to which the opener must belong: twelve digits.
    pub account: &'a str,
    /// The statements of the sealed grant.
    pub grant: &'a [Value],
    /// The AWS regions in which the grant applies.
    pub regions: &'a [String],
    /// Whether the grant requires a session that was issued with MFA.
    pub mfa: bool,
    /// The id of the session that is being opened.
    pub session: SessionId,
    /// The duration of the window: T1 − T0.
    pub window: Duration,
    /// The credentials that are issued for use during the window.
    pub hand_out: HandOut,
    /// The command that closes a window of another session, for messages.
    pub close: &'a str,
}

/// The kind of the credentials that are issued for use during the window.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HandOut {
    /// No credentials are issued; the program only keeps the window open.
    Nothing,
    /// An AWS session of the emergency user.
    Session,
    /// A federated AWS session, which can sign in to the console. A session policy ends the federated session at T1.
    Console,
}

impl<'a> OpenPlan<'a> {
    /// Returns the gate for the window from T0 to T1.
    pub(super) fn gate(&self, from: Timestamp, until: Timestamp) -> Gate<'a> {
        let Self { session, grant, regions, mfa, .. } = *self;
        Gate { session, from, until, grant, regions, mfa }
    }
}
