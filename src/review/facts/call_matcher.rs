//! Compares each CloudTrail event with the session. Finds the caller and the purpose of the call. Also finds whether
//! the call was made during the session, and whether the call contains the session's id.

use std::cell::OnceCell;

use super::calls::{ApiCall, CallAnswer, CallPurpose, CallTiming, CallerKind};
use super::carried_id::{CarriedId, carried};
use super::cloudtrail::CloudTrailEvent;
use super::session_records::{SessionRecords, by_session};
use crate::gate::SessionId;
use crate::ledger::Entry;
use crate::vault::manifest::Manifest;

/// How many seconds before T0 the first call of the session can be. T0 is the time in AWS's answer to the first call.
const LEAD: i64 = 60;

/// How many seconds a time in the ledger can be behind the time in CloudTrail. The ledger's times come from AWS's HTTP
/// header `Date`, which has only whole seconds.
const BEHIND: i64 = 1;

/// How many seconds after another session's T1 a call can still be part of a late close of that session.
const TIDIED: i64 = 60 * 60;

/// A range of whole seconds since 1970, including both ends.
#[derive(Clone, Copy)]
struct Seconds {
    from: i64,
    until: i64,
}

/// Compares CloudTrail events with one session.
pub(super) struct CallMatcher<'a> {
    own: &'a SessionRecords<'a>,
    issued: Vec<&'a str>,
    /// The last second in which the program uses the opener. After the last use of the opener, access is open.
    opener: Option<i64>,
    /// The period in which calls that read, open or close the gate are expected.
    gate: Seconds,
    /// The period in which calls with the issued credentials are expected.
    work: Option<Seconds>,
    others: Vec<OtherSession<'a>>,
    manifest: Option<&'a Manifest>,
}

/// Another session of the emergency user.
struct OtherSession<'a> {
    own: SessionRecords<'a>,
    issued: Vec<&'a str>,
    times: Seconds,
    /// Whether a quorum approved the other session. The answer is computed only when needed, because checking
    /// signatures takes time.
    approved: OnceCell<bool>,
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
        let carried_session = carried(&event.session_ids, self.own.intent.session);
        let (when, other_session) = self.timing(principal, kind, event, carried_session);
        let is_expected = principal != CallerKind::Other && event.invoked_by.is_none();
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
            answer: answer(principal, kind, event),
            kind,
            when,
            source_address: event.source_address.clone(),
            user_agent: event.user_agent.clone(),
            policy: event.policy.clone(),
            invoked_by: event.invoked_by.clone(),
            other_session,
            carried_id: CarriedId::of(carried_session, self.own.intent.session, is_expected),
            carried_session,
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
            || event.who.as_deref() == Some(&self.own.intent.session.traced())
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

    /// Finds out whether the call was made during this session, or belongs to another session. `carried` is the session
    /// id in the call.
    fn timing(
        &self,
        principal: CallerKind,
        kind: CallPurpose,
        event: &CloudTrailEvent,
        carried: Option<SessionId>,
    ) -> (CallTiming, Option<SessionId>) {
        let at = event.at.as_second();
        let times = match kind {
            CallPurpose::Work => self.work,
            // Only the program uses the long-term key and the opener's key. The operator's command gets neither key.
            CallPurpose::Gate | CallPurpose::Probe | CallPurpose::Unexpected => Some(self.gate),
        };
        let holds = times.is_some_and(|times| times.holds(at));
        // Two sessions can overlap by some seconds. A call with the id of another approved session belongs to that
        // session.
        let is_ours = holds
            && principal != CallerKind::UnknownKey
            && (principal == CallerKind::Issued || carried.is_none_or(|id| id == self.own.intent.session));
        match times {
            _ if is_ours => (CallTiming::Inside, None),
            _ if let Some(other) = self.other(principal, event, carried) => {
                (CallTiming::OtherSession, Some(other.own.intent.session))
            }
            _ if holds => (CallTiming::Inside, None),
            Some(times) if at > times.until => (CallTiming::After, None),
            _ => (CallTiming::Before, None),
        }
    }

    /// Returns the other approved session to which the call belongs. A call that contains a session id belongs to no
    /// session with another id.
    fn other(
        &self,
        principal: CallerKind,
        event: &CloudTrailEvent,
        carried: Option<SessionId>,
    ) -> Option<&OtherSession<'a>> {
        self.others.iter().find(|other| {
            let is_key = event.key.as_deref().is_some_and(|key| other.issued.contains(&key));
            let is_theirs =
                is_key || (principal != CallerKind::Issued && other.times.holds(event.at.as_second()));
            is_theirs
                && carried.is_none_or(|id| id == other.own.intent.session)
                && other.is_approved(self.manifest)
        })
    }
}

impl Seconds {
    fn holds(self, at: i64) -> bool {
        (self.from..=self.until).contains(&at)
    }
}

/// Returns the period from the intent to the last recorded close. If no close is recorded, the period ends at T1. The
/// intent's time comes from the local clock, which can be wrong. The period therefore starts at most [`LEAD`] seconds
/// before T0, and not after T0.
fn gate(own: &SessionRecords<'_>) -> Seconds {
    let intent = own.at.as_second();
    let from = own.from().map_or(intent, |t0| intent.clamp(t0.as_second() - LEAD, t0.as_second()));
    let end = own.end().map_or(from, |end| end.as_second() + BEHIND);
    Seconds { from, until: end.max(from) }
}

impl OtherSession<'_> {
    /// Reports whether a quorum approved the session. Without a manifest, every session counts as approved.
    fn is_approved(&self, manifest: Option<&Manifest>) -> bool {
        let Some(manifest) = manifest else { return true };
        *self.approved.get_or_init(|| self.own.intent.has_quorum(&self.own.entries, manifest))
    }
}

/// Returns the period of another session, computed as in [`gate`]. No signature protects the record of that session's
/// close, so the period ends at most [`TIDIED`] seconds after T1.
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
        // All other calls are unexpected, for example a call with temporary credentials of the user that are not in the
        // ledger. A call with unknown credentials can come from another session or from an attacker.
        _ => CallPurpose::Unexpected,
    }
}

/// Returns AWS's answer to a call.
fn answer(principal: CallerKind, kind: CallPurpose, event: &CloudTrailEvent) -> CallAnswer {
    let is_own_read = matches!(principal, CallerKind::Opener | CallerKind::Closer)
        && kind == CallPurpose::Gate
        && reads(&event.event_name);
    match event.error.as_deref() {
        None => CallAnswer::Accepted,
        Some("NoSuchEntity" | "NoSuchEntityException") if is_own_read => CallAnswer::ExpectedError,
        Some(_) if kind == CallPurpose::Probe => CallAnswer::ExpectedError,
        Some(_) => CallAnswer::Refused,
    }
}
