//! A call in CloudTrail that concerns the session: the caller, the purpose, the time, the answer and the session id.

use jiff::Timestamp;
use serde::Serialize;

use super::carried_id::CarriedId;
use crate::gate::SessionId;

/// The caller of an API call.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerKind {
    Opener,
    Closer,
    /// The emergency user, with its long-term access key.
    Emergency,
    /// The operator, with credentials that were issued for the window. The program recognises these credentials by the
    /// access key id or by the session's name in AWS.
    Issued,
    /// The emergency user, with an access key whose id is not in the ledger.
    UnknownKey,
    /// Another AWS principal that changed the emergency user.
    Other,
}

/// The purpose of a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallPurpose {
    /// The program's call to read the user, to open the gate or to close the gate.
    Gate,
    /// The call is a probe: `sns:ListTopics`, which AWS refuses when access is closed.
    Probe,
    /// Any other call with the issued credentials.
    Work,
    /// A call that the program never makes with this key. After access is open, every call of the opener is unexpected.
    Unexpected,
}

/// Whether a call was made during this session, during another session, or at another time.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallTiming {
    /// The call was made during this session. For the program's own calls, the session lasts from the intent to the
    /// close. For calls with issued credentials, the session lasts from T0 to T1 or to an earlier close.
    Inside,
    Before,
    After,
    /// The call belongs to another approved session of the emergency user.
    OtherSession,
}

/// AWS's answer to a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallAnswer {
    Accepted,
    /// AWS answered with an error that the program expects: the refusal of a probe, or `NoSuchEntity` for a read. For
    /// example, a user without a console password has no login profile.
    ExpectedError,
    /// AWS refused the call, or answered with another error.
    Refused,
}

/// A call in CloudTrail that concerns this session.
#[derive(Clone, Debug, Serialize)]
pub struct ApiCall {
    /// The time of the call, in whole seconds.
    pub at: Timestamp,
    pub event_id: String,
    pub principal: CallerKind,
    pub access_key_id: Option<String>,
    /// The name of the IAM user or AWS session, from CloudTrail.
    pub user: Option<String>,
    /// The service, such as `iam.amazonaws.com`.
    pub event_source: String,
    /// The action, such as `PutUserPolicy`.
    pub event_name: String,
    pub region: String,
    /// The error code, if AWS answered with an error.
    pub error: Option<String>,
    pub answer: CallAnswer,
    pub kind: CallPurpose,
    pub when: CallTiming,
    /// The source address.
    pub source_address: Option<String>,
    /// The user agent.
    pub user_agent: Option<String>,
    /// The inline policy that the call wrote.
    pub policy: Option<String>,
    /// The AWS service that made the call for the caller, such as `cloudformation.amazonaws.com`.
    pub invoked_by: Option<String>,
    /// The session to which the call belongs, if `when` is [`CallTiming::OtherSession`].
    pub other_session: Option<SessionId>,
    /// How the session id in the call compares with the id of this session.
    pub carried_id: CarriedId,
    /// The session id in the call.
    pub carried_session: Option<SessionId>,
}

impl ApiCall {
    /// Reports whether the call was made outside of this session and does not belong to another session.
    pub fn is_outside(&self) -> bool {
        matches!(self.when, CallTiming::Before | CallTiming::After)
    }

    /// Reports whether the call was made during this session.
    pub fn is_inside(&self) -> bool {
        self.when == CallTiming::Inside
    }

    /// Reports whether AWS refused the call. Returns false for an error that the program expects.
    pub fn is_refused(&self) -> bool {
        self.answer == CallAnswer::Refused
    }

    /// Reports whether the call was made during this session but contains the id of another session.
    pub fn has_other_id(&self) -> bool {
        self.is_inside() && self.carried_id == CarriedId::Other
    }

    /// Reports whether the call was made during this session but contains no session id.
    pub fn lacks_id(&self) -> bool {
        self.is_inside() && self.carried_id == CarriedId::Missing
    }
}

/// Counts the calls for which `is` returns true.
pub(in crate::review) fn count(calls: &[ApiCall], is: impl Fn(&ApiCall) -> bool) -> usize {
    calls.iter().filter(|call| is(call)).count()
}
