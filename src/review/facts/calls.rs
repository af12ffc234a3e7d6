//! Matches every CloudTrail event against the session: the caller, the purpose, and whether the call was in its time.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::cloudtrail::{CloudTrailEvent, session_name};
use super::session_records::{SessionRecords, by_session};
use crate::gate::SessionId;
use crate::ledger::{Entry, Record};
use crate::vault::manifest::Manifest;

/// How long before T0 the first call can be, in seconds. T0 is taken from the answer to the first call.
const LEAD: i64 = 60;

/// How far the ledger's times can be behind CloudTrail's, in seconds. The ledger has AWS's time from an HTTP `Date`,
/// which has whole seconds.
const BEHIND: i64 = 1;

/// How long after its T1 another session can still be closed, in seconds.
const TIDIED: i64 = 60 * 60;

/// The caller of an API call.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerKind {
    Opener,
    Closer,
    /// The emergency user's access key.
    Emergency,
    /// Credentials that were issued for use during the window. They are recognised by their access key id or by the
    /// name of this session.
    Issued,
    /// The emergency user, with a key that the ledger does not have.
    UnknownKey,
    /// Someone else, who changed the emergency user.
    Other,
}

/// The purpose of a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallPurpose {
    /// The gate: reads, and the writes that open and close.
    Gate,
    /// `sns:ListTopics`, which AWS refuses when access is closed.
    Probe,
    /// Any other call with the issued credentials.
    Work,
    /// A call that the tool never makes with this key; for the opener, any call once access is open.
    Unexpected,
}

/// Whether a call was in the time of this session.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallTiming {
    /// In the time of this session: for the gate from the intent to the close, for issued credentials from T0 to T1 or
    /// the close.
    Inside,
    Before,
    After,
    /// In the time of another approved session of the same user.
    OtherSession,
}

/// A CloudTrail event that is about this session.
#[derive(Clone, Debug, Serialize)]
pub struct ApiCall {
    /// The time of the call, in whole seconds.
    pub at: Timestamp,
    pub event_id: String,
    pub principal: CallerKind,
    pub access_key_id: Option<String>,
    /// The name of the user or session in CloudTrail.
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
    /// The other session, for [`CallTiming::OtherSession`].
    pub other_session: Option<SessionId>,
}

/// A range of whole seconds, both ends included.
#[derive(Clone, Copy)]
struct Seconds {
    from: i64,
    until: i64,
}

/// Matches CloudTrail events against a session.
pub(super) struct CallMatcher<'a> {
    own: &'a SessionRecords<'a>,
    issued: Vec<&'a str>,
    /// The last second in which the opener is used; afterwards access is open.
    opener: Option<i64>,
    /// When calls of the gate are expected.
    gate: Seconds,
    /// When calls with the issued credentials are expected.
    work: Option<Seconds>,
    others: Vec<OtherSession<'a>>,
    manifest: Option<&'a Manifest>,
}

/// Another session of the same user.
struct OtherSession<'a> {
    own: SessionRecords<'a>,
    issued: Vec<&'a str>,
    times: Seconds,
    /// Whether a quorum approved it; computed only when it would excuse a call.
    approved: OnceCell<bool>,
}

impl ApiCall {
    /// Returns whether the call was outside the time of this session and of every other session.
    pub fn is_outside(&self) -> bool {
        matches!(self.when, CallTiming::Before | CallTiming::After)
    }

    /// Returns whether the call was in the time of this session.
    pub fn is_inside(&self) -> bool {
        self.when == CallTiming::Inside
    }

    /// Returns whether AWS refused the call, and it was not a probe.
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

    /// Returns the calls that are about this session, by time.
    pub(super) fn calls<'e>(&self, events: impl Iterator<Item = &'e CloudTrailEvent>) -> Vec<ApiCall> {
        let mut calls: Vec<_> = events.filter_map(|event| self.call(event)).collect();
        calls.sort_by(|a, b| (a.at, &a.event_id).cmp(&(b.at, &b.event_id)));
        calls
    }

    /// `None` if the event is not about this session.
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
            // Only this program has the long-term key and the opener's key; the command in the window has neither.
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

/// Returns the time from the intent to the last recorded close, otherwise to T1. T0 corrects the time of the intent,
/// because the local clock can be wrong.
fn gate(own: &SessionRecords<'_>) -> Seconds {
    let intent = own.at.as_second();
    let from = own.from().map_or(intent, |t0| intent.clamp(t0.as_second() - LEAD, t0.as_second()));
    let end = own.end().map_or(from, |end| end.as_second() + BEHIND);
    Seconds { from, until: end.max(from) }
}

impl OtherSession<'_> {
    /// Returns whether a quorum approved the session. Only an approved session excuses a call. Without a manifest,
    /// every session counts as approved.
    fn is_approved(&self, manifest: Option<&Manifest>) -> bool {
        let Some(manifest) = manifest else { return true };
        *self.approved.get_or_init(|| {
            let signed = self.own.entries.iter().filter_map(|entry| match &entry.record {
                Record::Approval { custodian, envelope, .. } => {
                    self.own.intent.approved(custodian, envelope, manifest).ok().map(|_| custodian)
                }
                _ => None,
            });
            signed.collect::<BTreeSet<_>>().len() >= usize::from(manifest.threshold.get())
        })
    }
}

/// Returns the time as [`gate`] does, but for another session. That session's close is not signed, so it counts only
/// until [`TIDIED`] after T1.
fn of_another(own: &SessionRecords<'_>) -> Seconds {
    let Seconds { from, until } = gate(own);
    Seconds { from, until: own.until().map_or(from, |t1| until.min(t1.as_second() + TIDIED)) }
}

/// Returns the time from T0 to T1, or to the close before it.
fn work(own: &SessionRecords<'_>) -> Option<Seconds> {
    let (t0, t1) = own.from().zip(own.until())?;
    let closed = own.closed().map(|(at, ..)| at).filter(|_| !own.is_static());
    let until = closed.map_or(t1.as_second(), |closed| t1.as_second().min(closed.as_second() + BEHIND));
    Some(Seconds { from: t0.as_second(), until })
}

fn reads(name: &str) -> bool {
    name.starts_with("Get") || name.starts_with("List")
}

/// Decides the purpose of a call from its caller.
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
        // For example, a call with temporary credentials of the user that are not in the ledger. They can be from
        // another session or from an attacker.
        _ => CallPurpose::Unexpected,
    }
}
