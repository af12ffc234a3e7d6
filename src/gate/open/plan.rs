//! The plan of an opening.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::gate::observed::Expected;
use crate::gate::policy::Gate;
use crate::gate::session::SessionId;

/// What to open.
#[derive(Debug)]
pub struct OpenPlan<'a> {
    /// The user's properties as they were sealed.
    pub expected: &'a Expected,
    /// The account that the opener must be in: twelve digits.
    pub account: &'a str,
    /// The sealed statements.
    pub grant: &'a [Value],
    /// The regions in which the grant holds.
    pub regions: &'a [String],
    /// Whether the grant demands a session with MFA.
    pub mfa: bool,
    /// The id of this opening.
    pub session: SessionId,
    /// T1 − T0.
    pub window: Duration,
    /// The credentials that are issued for use during the window.
    pub hand_out: HandOut,
}

/// The credentials that are issued for use during the window.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HandOut {
    /// None: the window is only held open.
    Nothing,
    /// A session of the user.
    Session,
    /// A federated session, which can sign in to the console. A session policy repeats the end of the window.
    Console,
}

impl<'a> OpenPlan<'a> {
    /// Returns the gate from T0 to T1.
    pub(super) fn gate(&self, from: Timestamp, until: Timestamp) -> Gate<'a> {
        let Self { session, grant, regions, mfa, .. } = *self;
        Gate { session, from, until, grant, regions, mfa }
    }
}
