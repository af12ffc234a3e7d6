//! Every call matched against the session: whose, what for, and whether it was in its time.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::cloudtrail::{CloudTrailEvent, session_name};
use super::session_records::{SessionRecords, by_session};
use crate::gate::SessionId;
use crate::ledger::{Entry, Record};
use crate::vault::manifest::Manifest;

/// How long before T0 the first call may be, in seconds: the one whose answer says when T0 is.
const LEAD: i64 = 60;

/// How far our record may be behind AWS's clock, in seconds: it is taken from a `Date`, which has whole ones.
const BEHIND: i64 = 1;

/// How long after its T1 another session may still be tidied up, in seconds.
const TIDIED: i64 = 60 * 60;

/// Who called.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Caller {
    /// The opener's key.
    Opener,
    /// The closer's key.
    Closer,
    /// The emergency user's own key.
    Emergency,
    /// A session that was issued to the work: by its key, or by the name that only this opening gave.
    Issued,
    /// The emergency user, with a key that this session does not know.
    User,
    /// Somebody else, who changed the emergency user.
    Somebody,
}

/// What for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallPurpose {
    /// The gate's own: reads, and the writes that open and close.
    Gate,
    /// `sns:ListTopics`, which shows whether it is open or shut; AWS refuses it where it is shut.
    Probe,
    /// The work in the window.
    Work,
    /// Nothing that this principal has to do, or not any more: the opener once the window is open.
    Unexpected,
}

/// When, as seen from this session.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallTiming {
    /// In its time: the gate's calls from the intent to the close, the work from T0 to T1 and before the close.
    Inside,
    /// Before that.
    Before,
    /// After that.
    After,
    /// In the time of another session of the same user.
    OtherSession,
}

/// One call that CloudTrail recorded.
#[derive(Clone, Debug, Serialize)]
pub struct ApiCall {
    /// When AWS received it, in whole seconds.
    pub at: Timestamp,
    /// CloudTrail's id of it.
    pub event_id: String,
    /// Who.
    pub principal: Caller,
    /// The access key that signed it.
    pub access_key_id: Option<String>,
    /// Who, as CloudTrail says it.
    pub user: Option<String>,
    /// `iam.amazonaws.com`.
    pub source: String,
    /// `PutUserPolicy`.
    pub name: String,
    /// Where.
    pub region: String,
    /// AWS's error code, where AWS refused.
    pub error: Option<String>,
    /// What for.
    pub kind: CallPurpose,
    /// When, as seen from this session.
    pub place: CallTiming,
    /// From where.
    pub address: Option<String>,
    /// With what.
    pub agent: Option<String>,
    /// The inline policy that it wrote, as AWS received it.
    pub policy: Option<String>,
    /// The other session in whose time it was.
    pub other_session: Option<SessionId>,
}

/// From when to when, in whole seconds; both belong to it.
#[derive(Clone, Copy)]
struct Seconds {
    from: i64,
    until: i64,
}

/// What a call is matched against.
pub(super) struct CallMatcher<'a> {
    own: &'a SessionRecords<'a>,
    issued: Vec<&'a str>,
    /// The last second in which the opener has something to do: from then on the window is open.
    opener: Option<i64>,
    /// Of the gate's own calls.
    gate: Seconds,
    /// Of the work.
    work: Option<Seconds>,
    others: Vec<OtherSession<'a>>,
    manifest: Option<&'a Manifest>,
}

/// Another session of the same user.
struct OtherSession<'a> {
    own: SessionRecords<'a>,
    issued: Vec<&'a str>,
    times: Seconds,
    /// A quorum approved it; looked at once it would excuse a call.
    approved: OnceCell<bool>,
}

impl ApiCall {
    /// It is to be accounted for.
    pub fn is_outside(&self) -> bool {
        matches!(self.place, CallTiming::Before | CallTiming::After)
    }

    /// It was this session's and in its time.
    pub fn is_own(&self) -> bool {
        self.place == CallTiming::Inside
    }

    /// AWS refused what was no probe.
    pub fn is_refused(&self) -> bool {
        self.error.is_some() && self.kind != CallPurpose::Probe
    }
}

/// How many calls there are that `is` holds for.
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

    /// The calls of those whose calls are reviewed, by time.
    pub(super) fn calls<'e>(&self, events: impl Iterator<Item = &'e CloudTrailEvent>) -> Vec<ApiCall> {
        let mut calls: Vec<_> = events.filter_map(|event| self.call(event)).collect();
        calls.sort_by(|a, b| (a.at, &a.event_id).cmp(&(b.at, &b.event_id)));
        calls
    }

    /// `None` when it is nobody's whose calls are reviewed.
    fn call(&self, event: &CloudTrailEvent) -> Option<ApiCall> {
        let principal = self.principal(event)?;
        let is_late =
            principal == Caller::Opener && self.opener.is_some_and(|last| event.at.as_second() > last);
        let kind = if is_late { CallPurpose::Unexpected } else { kind(principal, event) };
        let (place, other_session) = self.place(principal, kind, event);
        Some(ApiCall {
            at: event.at,
            event_id: event.id.clone(),
            principal,
            access_key_id: event.key.clone(),
            user: event.who.clone(),
            source: event.source.clone(),
            name: event.name.clone(),
            region: event.region.clone(),
            error: event.error.clone(),
            kind,
            place,
            address: event.address.clone(),
            agent: event.agent.clone(),
            policy: event.policy.clone(),
            other_session,
        })
    }

    fn principal(&self, event: &CloudTrailEvent) -> Option<Caller> {
        let principals = self.own.intent.principals;
        let key = event.key.as_deref();
        let is = |own: Option<&str>| own.is_some() && own == key;
        if is(principals.opener.as_deref()) {
            Some(Caller::Opener)
        } else if is(principals.closer.as_deref()) {
            Some(Caller::Closer)
        } else if is(Some(&principals.emergency)) {
            Some(Caller::Emergency)
        } else if key.is_some_and(|key| self.issued.contains(&key))
            || event.who.as_deref() == Some(&session_name(self.own.intent.session))
        {
            Some(Caller::Issued)
        } else if event.who.as_ref() == Some(&self.own.intent.target.user) {
            Some(Caller::User)
        } else {
            let changes = event.on.as_ref() == Some(&self.own.intent.target.user) && !reads(&event.name);
            changes.then_some(Caller::Somebody)
        }
    }

    fn place(
        &self,
        principal: Caller,
        kind: CallPurpose,
        event: &CloudTrailEvent,
    ) -> (CallTiming, Option<SessionId>) {
        let at = event.at.as_second();
        let times = match kind {
            CallPurpose::Work => self.work,
            // The long-term key and the opener are out of hand once the window is open.
            CallPurpose::Gate | CallPurpose::Probe | CallPurpose::Unexpected => Some(self.gate),
        };
        let others = || {
            self.others.iter().find(|other| {
                let is_its = event.key.as_deref().is_some_and(|key| other.issued.contains(&key))
                    || (principal != Caller::Issued && other.times.holds(at));
                is_its && other.is_approved(self.manifest)
            })
        };
        match times {
            Some(times) if times.holds(at) && principal != Caller::User => (CallTiming::Inside, None),
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

/// From the intent to the last close on record; without one, to T1. The intent's time may be of a clock that is wrong,
/// T0 is AWS's own.
fn gate(own: &SessionRecords<'_>) -> Seconds {
    let intent = own.at.as_second();
    let from = own.from().map_or(intent, |t0| intent.clamp(t0.as_second() - LEAD, t0.as_second()));
    let end = own.end().map_or(from, |end| end.as_second() + BEHIND);
    Seconds { from, until: end.max(from) }
}

impl OtherSession<'_> {
    /// A session that no quorum approved is no excuse for a call; without a manifest nobody can tell.
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

/// The same of another session, whose close on record nobody has signed: tidied up is soon after T1.
fn of_another(own: &SessionRecords<'_>) -> Seconds {
    let Seconds { from, until } = gate(own);
    Seconds { from, until: own.until().map_or(from, |t1| until.min(t1.as_second() + TIDIED)) }
}

/// From T0 to T1, or to the close before it.
fn work(own: &SessionRecords<'_>) -> Option<Seconds> {
    let (t0, t1) = own.from().zip(own.until())?;
    let closed = own.closed().map(|(at, ..)| at).filter(|_| !own.is_static());
    let until = closed.map_or(t1.as_second(), |closed| t1.as_second().min(closed.as_second() + BEHIND));
    Some(Seconds { from: t0.as_second(), until })
}

fn reads(name: &str) -> bool {
    name.starts_with("Get") || name.starts_with("List")
}

/// What a call is for, by who made it.
fn kind(principal: Caller, event: &CloudTrailEvent) -> CallPurpose {
    let service = event.source.strip_suffix(".amazonaws.com").unwrap_or(&event.source);
    let name = event.name.as_str();
    match (principal, service, name) {
        (Caller::Opener, "iam", "PutUserPolicy" | "DetachUserPolicy")
        | (Caller::Closer | Caller::Somebody, "iam", "AttachUserPolicy" | "UpdateAccessKey")
        | (Caller::Opener | Caller::Closer | Caller::Emergency, "sts", "GetCallerIdentity")
        | (Caller::Emergency, "sts", "GetSessionToken" | "GetFederationToken" | "AssumeRole") => {
            CallPurpose::Gate
        }
        (Caller::Opener | Caller::Closer, "iam", _) if reads(name) => CallPurpose::Gate,
        (Caller::Emergency | Caller::Issued, "sns", "ListTopics") => CallPurpose::Probe,
        (Caller::Issued, ..) => CallPurpose::Work,
        // A session of the user's own key that the record does not know: the work of another opening, or a stranger's.
        _ => CallPurpose::Unexpected,
    }
}
