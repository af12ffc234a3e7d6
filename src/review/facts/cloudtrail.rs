//! What CloudTrail is asked and what it answers, whoever asks it; everything in it was written by strangers.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::session_records::SessionRecords;
use crate::error::Result;
use crate::gate::SessionId;
use crate::ledger::Entry;

/// How late CloudTrail may be.
pub(super) const LATE: SignedDuration = SignedDuration::from_mins(15);
/// How long its event history is.
pub(in crate::review) const HISTORY: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How long before the session and after its end calls are looked for.
const BEFORE: SignedDuration = SignedDuration::from_mins(15);
const AFTER: SignedDuration = SignedDuration::from_hours(24);

/// What to ask for: whose calls, from when to when, where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CloudTrailQuery {
    /// The account.
    pub account: String,
    /// Its partition.
    pub partition: String,
    /// Where the grant holds; the partition's IAM region comes on top.
    pub regions: Vec<String>,
    /// Access key ids.
    pub keys: Vec<String>,
    /// Users' and sessions' names.
    pub names: Vec<String>,
    /// Whom somebody may have acted on: the emergency user. IAM's region alone knows.
    pub resources: Vec<String>,
    /// From when.
    pub from: Timestamp,
    /// Until when, unless now is earlier.
    pub until: Timestamp,
}

impl CloudTrailQuery {
    /// For one session.
    ///
    /// # Errors
    /// Usage, when the session is not in the ledger.
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
            names: vec![intent.target.user.clone(), session_name(session)],
            resources: vec![intent.target.user.clone()],
            from: own.at.min(own.from().unwrap_or(own.at)).saturating_add(-BEFORE).unwrap_or(own.at),
            until: end.saturating_add(AFTER).unwrap_or(end),
        })
    }
}

/// The name that sessions of a role and of a federated user carry.
pub(super) fn session_name(session: SessionId) -> String {
    format!("breakglass-{session}")
}

/// What was asked and answered.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CloudTrailResult {
    /// When, by AWS's clock.
    pub at: Timestamp,
    /// From when on.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Where.
    pub regions: Vec<RegionResult>,
    /// What it answered, each event once.
    pub events: Vec<CloudTrailEvent>,
}

/// One region's answer.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct RegionResult {
    /// Which.
    pub region: String,
    /// Why it did not tell everything.
    pub error: Option<String>,
    /// How many calls it told of that no region before it did.
    pub calls: usize,
    /// How many requests that took.
    pub requests: u32,
}

/// One call as CloudTrail recorded it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CloudTrailEvent {
    /// CloudTrail's id of it.
    pub id: String,
    /// When AWS received it, in whole seconds.
    pub at: Timestamp,
    /// `PutUserPolicy`.
    pub name: String,
    /// `iam.amazonaws.com`.
    pub source: String,
    /// Where.
    pub region: String,
    /// Which access key signed it.
    pub key: Option<String>,
    /// Who.
    pub who: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// With what.
    pub agent: Option<String>,
    /// AWS's error code.
    pub error: Option<String>,
    /// The IAM user that it was done to.
    pub on: Option<String>,
    /// The inline policy that it wrote.
    pub policy: Option<String>,
}

impl CloudTrailEvent {
    /// Of CloudTrail's own record: JSON of event version 1.x. `None` when it has no id, time or name.
    pub fn parse(text: &str) -> Option<Self> {
        let event: Value = serde_json::from_str(text).ok()?;
        let text = |path: &str| event.pointer(path).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            id: text("/eventID")?,
            at: text("/eventTime")?.parse().ok()?,
            name: text("/eventName")?,
            source: text("/eventSource").unwrap_or_default(),
            region: text("/awsRegion").unwrap_or_default(),
            key: text("/userIdentity/accessKeyId"),
            who: text("/userIdentity/userName").or_else(|| text("/userIdentity/arn").map(|arn| last(&arn))),
            address: text("/sourceIPAddress"),
            agent: text("/userAgent"),
            error: text("/errorCode"),
            on: text("/requestParameters/userName"),
            policy: text("/requestParameters/policyDocument"),
        })
    }
}

/// `session` of `arn:aws:sts::…:assumed-role/Role/session`.
fn last(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or(arn).to_owned()
}
