//! Compares each CloudTrail event with the session. Finds the caller and the purpose of the call, and whether the
//! call was made during the session.

use std::cell::OnceCell;

use jiff::Timestamp;
use serde::Serialize;

use super::cloudtrail::{CloudTrailEvent, session_name};
use super::session_records::{SessionRecords, by_session};
use crate::gate::SessionId;
use crate::ledger::{Entry, Record};
use crate::vault::manifest::Manifest;

/// The first call of the session can be up to this many seconds before T0. T0 is the time in AWS's answer to the
/// first call.
const LEAD: i64 = 60;

/// How many seconds the ledger's times can be behind CloudTrail's times. The ledger's times come from AWS's HTTP
/// header `Date`, which has only whole seconds.
const BEHIND: i64 = 1;

/// Another session can be closed after its T1. A call counts as part of such a late close up to this many seconds
/// after T1.
const TIDIED: i64 = 60 * 60;

/// The caller of an API call.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerKind {
    Opener,
    Closer,
    /// The emergency user, with its long-term access key.
    Emergency,
    /// The operator, with credentials that were issued for the window. Issued credentials are recognised by their
    /// access key id or by the session's name in AWS.
    Issued,
    /// The emergency user, with an access key whose id is not in the ledger.
    UnknownKey,
    /// Another principal, which changed the emergency user.
    Other,
}

/// The purpose of a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallPurpose {
    /// The call was made to read, open or close the gate.
    Gate,
    /// The call is a probe: `sns:ListTopics`, which AWS refuses when access is closed.
    Probe,
    /// Any other call with the issued credentials.
    Work,
    /// A call that the program never makes with this key. Every call of the opener is unexpected after access is
    /// open.
    Unexpected,
}

/// The time of a call, compared with the time of this session.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallTiming {
    /// The call was made during this session. For calls of the gate, the time of the session is from the intent to
    /// the close. For calls with issued credentials, the time of the session is from T0 to T1 or to an earlier close.
    Inside,
    Before,
    After,
    /// The call belongs to another approved session of the emergency user.
    OtherSession,
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
    /// The error code, if AWS refused the call.
    pub error: Option<String>,
    pub kind: CallPurpose,
    pub when: CallTiming,
    /// The source address.
    pub source_address: Option<String>,
    /// The user agent.
    pub user_agent: Option<String>,
    /// The inline policy that the call wrote.
    pub policy: Option<String>,
    /// The session to which the call belongs, if `when` is [`CallTiming::OtherSession`].
    pub other_session: Option<SessionId>,
}

/// A range of whole seconds since 1970. It includes both ends.
#[derive(Clone, Copy)]
struct Seconds {
    from: i64,
    until: i64,
}

/// Compares CloudTrail events with one session.
pub(super) struct CallMatcher<'a> {
    own: &'a SessionRecords<'a>,
    issued: Vec<&'a str>,
    /// The last second in which the program uses the opener. After this second, access is open.
    opener: Option<i64>,
    /// The time in which calls of the gate are expected.
    gate: Seconds,
    /// The time in which calls with the issued credentials are expected.
    work: Option<Seconds>,
    others: Vec<OtherSession<'a>>,
    manifest: Option<&'a Manifest>,
}

/// Another session of the emergency user.
struct OtherSession<'a> {
    own: SessionRecords<'a>,
    issued: Vec<&'a str>,
    times: Seconds,
    /// Whether a quorum approved the other session. The value is computed only if a call can belong to the other
    /// session.
    approved: OnceCell<bool>,
}

impl ApiCall {
    /// Reports whether the call was made before or after this session, and does not belong to another session.
    pub fn is_outside(&self) -> bool {
        matches!(self.when, CallTiming::Before | CallTiming::After)
    }

    /// Reports whether the call was made during this session.
    pub fn is_inside(&self) -> bool {
        self.when == CallTiming::Inside
    }

    /// Reports whether AWS refused the call. Returns false for a probe.
    pub fn is_refused(&self) -> bool {
        self.error.is_some() && self.kind != CallPurpose::Probe
    }
}

/// Counts the calls for which `is` returns true.
pub(in crate::review) fn count(calls: &[ApiCall], is: impl Fn(&ApiCall) -> bool) -> usize {
    calls.iter().filter(|call| is(call)).count()
}

impl<'a> CallMatcher<'a> {
    pub(super) fn of(own: &'a SessionRecords<'a>, all: &'a [Entry], manifest: Option<&'a Manifest>) -> Self {
        let principals = own.intent.principals;
        let others = by_session(all).into_values().filter_map(SessionRecords::among).filter(|other| {
            other.intent.session != own.intent.session
                && other.intent.principals.emergency == principals.emergency
        });
        let mut others: Vec<_> = others
            .map(|own| {
                let (issued, times) = (own.issued().collect(), of_another(&own));
                OtherSession { own, issued, times, approved: OnceCell::new() }
            })
            .collect();
        others.sort_by_key(|other| other.times.from);
        Self {
            own,
            issued: own.issued().collect(),
            opener: own.opened().map(|opened| opened.as_second() + BEHIND),
            gate: gate(own),
            work: work(own),
            others,
            manifest,
        }
    }

    /// Returns the calls that concern this session, in order of time.
    pub(super) fn calls<'e>(&self, events: impl Iterator<Item = &'e CloudTrailEvent>) -> Vec<ApiCall> {
        let mut calls: Vec<_> = events.filter_map(|event| self.call(event)).collect();
        calls.sort_by(|a, b| (a.at, &a.event_id).cmp(&(b.at, &b.event_id)));
        calls
    }

    /// Returns the call of an event. Returns `None` if the event does not concern this session.
    fn call(&self, event: &CloudTrailEvent) -> Option<ApiCall> {
        let principal = self.principal(event)?;
        let is_late =
            principal == CallerKind::Opener && self.opener.is_some_and(|last| event.at.as_second() > last);
        let kind = if is_late { CallPurpose::Unexpected } else { kind(principal, event) };
        let (when, other_session) = self.timing(principal, kind, event);
        Some(ApiCall {
            at: event.at,
            event_id: event.id.clone(),
            principal,
            access_key_id: event.key.clone(),
            user: event.who.clone(),
            event_source: event.event_source.clone(),
            event_name: event.event_name.clone(),
            region: event.region.clone(),
            error: event.error.clone(),
            kind,
            when,
            source_address: event.source_address.clone(),
            user_agent: event.user_agent.clone(),
            policy: event.policy.clone(),
            other_session,
        })
    }

    fn principal(&self, event: &CloudTrailEvent) -> Option<CallerKind> {
        let principals = self.own.intent.principals;
        let key = event.key.as_deref();
        let is = |known: Option<&str>| known.is_some() && known == key;
        if is(principals.opener.as_deref()) {
            Some(CallerKind::Opener)
        } else if is(principals.closer.as_deref()) {
            Some(CallerKind::Closer)
        } else if is(Some(&principals.emergency)) {
            Some(CallerKind::Emergency)
        } else if key.is_some_and(|key| self.issued.contains(&key))
            || event.who.as_deref() == Some(&session_name(self.own.intent.session))
        {
            Some(CallerKind::Issued)
        } else if event.who.as_ref() == Some(&self.own.intent.target.user) {
            Some(CallerKind::UnknownKey)
        } else {
            let changes =
                event.on.as_ref() == Some(&self.own.intent.target.user) && !reads(&event.event_name);
            changes.then_some(CallerKind::Other)
        }
    }

    fn timing(
        &self,
        principal: CallerKind,
        kind: CallPurpose,
        event: &CloudTrailEvent,
    ) -> (CallTiming, Option<SessionId>) {
        let at = event.at.as_second();
        let times = match kind {
            CallPurpose::Work => self.work,
            // The long-term key and the opener's key are only in the program. The operator's command does not get
            // them.
            CallPurpose::Gate | CallPurpose::Probe | CallPurpose::Unexpected => Some(self.gate),
        };
        let others = || {
            self.others.iter().find(|other| {
                let is_theirs = event.key.as_deref().is_some_and(|key| other.issued.contains(&key))
                    || (principal != CallerKind::Issued && other.times.holds(at));
                is_theirs && other.is_approved(self.manifest)
            })
        };
        match times {
            Some(times) if times.holds(at) && principal != CallerKind::UnknownKey => {
                (CallTiming::Inside, None)
            }
            _ if let Some(other) = others() => (CallTiming::OtherSession, Some(other.own.intent.session)),
            Some(times) if times.holds(at) => (CallTiming::Inside, None),
            Some(times) if at > times.until => (CallTiming::After, None),
            _ => (CallTiming::Before, None),
        }
    }
}

impl Seconds {
    fn holds(self, at: i64) -> bool {
        (self.from..=self.until).contains(&at)
    }
}

/// Returns the period from the intent to the last recorded close. If no close is recorded, the period ends at T1. The
/// time in the intent can be wrong, because the local clock can be wrong. The start of the period is therefore
/// limited: it is at most [`LEAD`] seconds before T0, and not after T0.
fn gate(own: &SessionRecords<'_>) -> Seconds {
    let intent = own.at.as_second();
    let from = own.from().map_or(intent, |t0| intent.clamp(t0.as_second() - LEAD, t0.as_second()));
    let end = own.end().map_or(from, |end| end.as_second() + BEHIND);
    Seconds { from, until: end.max(from) }
}

impl OtherSession<'_> {
    /// Reports whether a quorum approved the session. A call belongs to another session only if that session was
    /// approved. Without a manifest, every session counts as approved.
    fn is_approved(&self, manifest: Option<&Manifest>) -> bool {
        let Some(manifest) = manifest else { return true };
        *self.approved.get_or_init(|| {
            let signed = self.own.entries.iter().filter_map(|entry| match &entry.record {
                Record::Approval { custodian, envelope, .. } => Some((custodian.as_str(), envelope)),
                _ => None,
            });
            let approvers = self.own.intent.approvers(&signed.collect::<Vec<_>>(), manifest);
            approvers >= usize::from(manifest.threshold.get())
        })
    }
}

/// Returns the period of another session, computed like [`gate`]. The record of the other session's close is not
/// signed, so the period ends at most [`TIDIED`] seconds after T1.
fn of_another(own: &SessionRecords<'_>) -> Seconds {
    let Seconds { from, until } = gate(own);
    Seconds { from, until: own.until().map_or(from, |t1| until.min(t1.as_second() + TIDIED)) }
}

/// Returns the period from T0 to T1. If access was closed before T1, the period ends at the close.
fn work(own: &SessionRecords<'_>) -> Option<Seconds> {
    let (t0, t1) = own.from().zip(own.until())?;
    let closed = own.closed().map(|(at, ..)| at).filter(|_| !own.is_static());
    let until = closed.map_or(t1.as_second(), |closed| t1.as_second().min(closed.as_second() + BEHIND));
    Some(Seconds { from: t0.as_second(), until })
}

fn reads(name: &str) -> bool {
    name.starts_with("Get") || name.starts_with("List")
}

/// Decides the purpose of a call from the caller and the action.
fn kind(principal: CallerKind, event: &CloudTrailEvent) -> CallPurpose {
    let service = event.event_source.strip_suffix(".amazonaws.com").unwrap_or(&event.event_source);
    let name = event.event_name.as_str();
    match (principal, service, name) {
        (CallerKind::Opener, "iam", "PutUserPolicy" | "DetachUserPolicy")
        | (CallerKind::Closer | CallerKind::Other, "iam", "AttachUserPolicy" | "UpdateAccessKey")
        | (CallerKind::Opener | CallerKind::Closer | CallerKind::Emergency, "sts", "GetCallerIdentity")
        | (CallerKind::Emergency, "sts", "GetSessionToken" | "GetFederationToken" | "AssumeRole") => {
            CallPurpose::Gate
        }
        (CallerKind::Opener | CallerKind::Closer, "iam", _) if reads(name) => CallPurpose::Gate,
        (CallerKind::Emergency | CallerKind::Issued, "sns", "ListTopics") => CallPurpose::Probe,
        (CallerKind::Issued, ..) => CallPurpose::Work,
        // Any other call is unexpected. An example is a call with temporary credentials of the user that are not in
        // the ledger. Such a call might have been made in another session or by an attacker.
        _ => CallPurpose::Unexpected,
    }
}
