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
    /// The user's properties as they were sealed.
    pub expected: &'a Expected,
    /// The id of the account that the opener must belong to: twelve digits.
    pub account: &'a str,
    /// The statements of the sealed grant.
    pub grant: &'a [Value],
    /// The regions in which the grant holds.
    pub regions: &'a [String],
    /// Whether the grant demands a session that was issued with MFA.
    pub mfa: bool,
    /// The id of the session that is being opened.
    pub session: SessionId,
    /// The duration of the window: T1 − T0.
    pub window: Duration,
    /// The credentials that are issued for use during the window.
    pub hand_out: HandOut,
}

/// The kind of the credentials that are issued for use during the window.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HandOut {
    /// No credentials are issued; the window is only held open.
    Nothing,
    /// An AWS session of the emergency user.
    Session,
    /// A federated AWS session, which can sign in to the console. A session policy ends this AWS session at T1.
    Console,
}

impl<'a> OpenPlan<'a> {
    /// Returns the gate for the window from T0 to T1.
    pub(super) fn gate(&self, from: Timestamp, until: Timestamp) -> Gate<'a> {
        let Self { session, grant, regions, mfa, .. } = *self;
        Gate { session, from, until, grant, regions, mfa }
    }
}
