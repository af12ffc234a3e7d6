//! The CloudTrail query of a review, and the query's result. All text in the result is untrusted.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::carried_id;
use super::session_records::SessionRecords;
use crate::error::Result;
use crate::gate::SessionId;
use crate::ledger::Entry;

/// The longest delay between a call and the call's event in CloudTrail.
pub(super) const LATE: SignedDuration = SignedDuration::from_mins(15);
/// How long CloudTrail's event history keeps events.
pub(in crate::review) const HISTORY: SignedDuration = SignedDuration::from_hours(90 * 24);
/// The query starts this long before the session.
const BEFORE: SignedDuration = SignedDuration::from_mins(15);
/// The query ends this long after the end of the session.
const AFTER: SignedDuration = SignedDuration::from_hours(24);

/// The properties of the calls to look up in CloudTrail.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CloudTrailQuery {
    pub account: String,
    pub partition: String,
    /// The AWS regions that the grant allows. The lookup also covers the region that has the partition's IAM events.
    pub regions: Vec<String>,
    /// Access key ids.
    pub keys: Vec<String>,
    /// Names of IAM users and AWS sessions.
    pub names: Vec<String>,
    /// The name of the emergency user. With the user's name, the lookup finds calls of other principals that changed
    /// the user. The name is looked up only in the region that has the IAM events.
    pub resources: Vec<String>,
    pub from: Timestamp,
    /// The end of the time range. If this time is in the future, the lookup ends at the current time.
    pub until: Timestamp,
}

impl CloudTrailQuery {
    /// Returns the query for one session.
    ///
    /// # Errors
    /// The error has the status `Usage` if the session is not in the ledger.
    pub fn of(session: SessionId, entries: &[Entry]) -> Result<Self> {
        let own = SessionRecords::of(session, entries)?;
        let intent = &own.intent;
        let principals = [Some(&intent.principals.emergency), intent.principals.opener.as_ref()];
        let keys = principals.into_iter().chain([intent.principals.closer.as_ref()]).flatten();
        let keys = keys.map(String::as_str).chain(own.issued());
        let mut all: Vec<String> = keys.filter(|key| !key.is_empty()).map(str::to_owned).collect();
        all.dedup();
        let end = own.end().unwrap_or(own.at).max(own.at);
        Ok(Self {
            account: intent.target.account.clone(),
            partition: intent.target.partition.clone(),
            regions: intent.regions.to_vec(),
            keys: all,
            names: vec![intent.target.user.clone(), session.traced()],
            resources: vec![intent.target.user.clone()],
            from: own.at.min(own.from().unwrap_or(own.at)).saturating_add(-BEFORE).unwrap_or(own.at),
            until: end.saturating_add(AFTER).unwrap_or(end),
        })
    }
}

/// The result of a CloudTrail query.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CloudTrailResult {
    /// The time of the query, by AWS's clock.
    pub at: Timestamp,
    pub from: Timestamp,
    pub until: Timestamp,
    pub regions: Vec<RegionResult>,
    /// The events, without duplicates.
    pub events: Vec<CloudTrailEvent>,
}

/// The result of a CloudTrail query in one region.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegionResult {
    pub region: String,
    /// The reason why the region's result is incomplete.
    pub error: Option<String>,
    /// The number of events that CloudTrail returned for this region, without events that an earlier region returned,
    /// too.
    pub events: usize,
    /// The number of requests that were sent to the region.
    pub requests: u32,
}

/// One CloudTrail event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CloudTrailEvent {
    pub id: String,
    /// The time of the call, in whole seconds.
    pub at: Timestamp,
    /// The action, such as `PutUserPolicy`.
    pub event_name: String,
    /// The service, such as `iam.amazonaws.com`.
    pub event_source: String,
    pub region: String,
    /// The id of the access key that signed the call.
    pub key: Option<String>,
    /// The name of the IAM user or AWS session.
    pub who: Option<String>,
    /// The source address.
    pub source_address: Option<String>,
    /// The user agent.
    pub user_agent: Option<String>,
    /// The session ids in the call, without duplicates.
    pub session_ids: Vec<SessionId>,
    /// The AWS service that made the call for the caller, such as `cloudformation.amazonaws.com`.
    pub invoked_by: Option<String>,
    /// The error code.
    pub error: Option<String>,
    /// The name of the IAM user that the call reads or changes.
    pub on: Option<String>,
    /// The inline policy that the call wrote.
    pub policy: Option<String>,
}

impl CloudTrailEvent {
    /// Parses the JSON of a CloudTrail event, version 1.x. Returns `None` if the event has no id, no time or no name.
    pub fn parse(text: &str) -> Option<Self> {
        let event: Value = serde_json::from_str(text).ok()?;
        let text = |path: &str| event.pointer(path).and_then(Value::as_str).map(str::to_owned);
        let by_service = text("/userIdentity/type").filter(|kind| kind == "AWSService");
        Some(Self {
            id: text("/eventID")?,
            at: text("/eventTime")?.parse().ok()?,
            event_name: text("/eventName")?,
            event_source: text("/eventSource").unwrap_or_default(),
            region: text("/awsRegion").unwrap_or_default(),
            key: text("/userIdentity/accessKeyId"),
            who: text("/userIdentity/userName").or_else(|| text("/userIdentity/arn").map(|arn| last(&arn))),
            source_address: text("/sourceIPAddress"),
            user_agent: text("/userAgent"),
            session_ids: carried_id::ids(&event),
            invoked_by: text("/userIdentity/invokedBy").or(by_service),
            error: text("/errorCode"),
            on: text("/requestParameters/userName"),
            policy: text("/requestParameters/policyDocument"),
        })
    }
}

/// Returns the last part of an ARN: `session` for `arn:aws:sts::…:assumed-role/Role/session`.
fn last(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or(arn).to_owned()
}
