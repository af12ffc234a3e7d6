//! The period in which access was enabled, according to the ledger and according to CloudTrail, and whether the period
//! was within the window.

use jiff::Timestamp;
use serde::Serialize;

use super::calls::{ApiCall, CallerKind};
use super::session_records::SessionRecords;

/// The window, and the period in which access was enabled.
#[derive(Clone, Debug, Serialize)]
pub struct WindowFacts {
    /// The time when the intent was recorded.
    pub intended: Timestamp,
    /// The requested duration of the window, in seconds.
    pub requested_seconds: u64,
    /// T0.
    pub from: Option<Timestamp>,
    /// T1.
    pub until: Option<Timestamp>,
    /// The time when the program was about to send the write that enables access.
    pub enabling: Option<Timestamp>,
    /// The time when AWS accepted the key.
    pub opened: Option<Timestamp>,
    /// The time when the program confirmed that access was closed.
    pub closed: Option<Timestamp>,
    /// Whether a probe proved that access was closed. Without a probe, the program only read IAM.
    pub probed: Option<bool>,
    /// The reason why the session ended.
    pub cause: Option<String>,
    /// The period in which access was enabled, according to the ledger.
    pub enabled: Option<EnabledSpan>,
    /// The period in which access was enabled, according to CloudTrail. The period starts at the call
    /// `DetachUserPolicy`, and ends at the call `AttachUserPolicy` or at T1.
    pub enabled_by_aws: Option<EnabledSpan>,
    /// Whether `enabled` and `enabled_by_aws` are both between T0 and T1.
    pub within_window: Option<bool>,
    /// The last gate policy that AWS received, from CloudTrail. The policy shows exactly which access was enabled.
    pub policy: Option<String>,
}

/// A period in which access was enabled.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct EnabledSpan {
    pub from: Timestamp,
    pub until: Timestamp,
    pub seconds: i64,
    pub ended_by: EndedBy,
}

/// What ended the access.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    Close,
    /// AWS ended the access at T1.
    T1,
    NotEnded,
}

impl EnabledSpan {
    fn of(from: Timestamp, closed: Option<Timestamp>, t1: Timestamp, now: Timestamp) -> Self {
        let (until, ended_by) = match closed.filter(|closed| *closed < t1) {
            Some(closed) => (closed, EndedBy::Close),
            None if now < t1 => (now, EndedBy::NotEnded),
            None => (t1, EndedBy::T1),
        };
        Self { from, until, seconds: until.duration_since(from).as_secs().max(0), ended_by }
    }
}

impl WindowFacts {
    pub(super) fn of(own: &SessionRecords<'_>, calls: &[ApiCall], now: Timestamp) -> Self {
        let closed = own.closed();
        let mut window = Self {
            intended: own.at,
            requested_seconds: own.intent.window,
            from: own.from(),
            until: own.until(),
            enabling: own.enabling(),
            opened: own.opened(),
            closed: closed.map(|(at, ..)| at),
            probed: closed.map(|(_, probed, _)| probed),
            cause: closed.map(|(.., cause)| cause.to_owned()),
            enabled: None,
            enabled_by_aws: None,
            within_window: None,
            policy: gate_policy(calls),
        };
        window.enabled = window
            .enabling
            .zip(window.until)
            .map(|(from, t1)| EnabledSpan::of(from, window.closed.filter(|_| !own.is_static()), t1, now));
        window.enabled_by_aws = window.by_aws(calls, now);
        window.within_window = window.from.zip(window.until).and_then(|(t0, t1)| {
            let spans = [window.enabled, window.enabled_by_aws];
            let is_within = |span: &EnabledSpan| span.from.as_second() >= t0.as_second() && span.until <= t1;
            window.enabled.or(window.enabled_by_aws).map(|_| spans.iter().flatten().all(is_within))
        });
        window
    }

    fn by_aws(&self, calls: &[ApiCall], now: Timestamp) -> Option<EnabledSpan> {
        let found = |principals: &[CallerKind], name: &str, since: Option<Timestamp>| {
            let is = |call: &&ApiCall| {
                principals.contains(&call.principal)
                    && call.event_name == name
                    && call.error.is_none()
                    && (call.is_inside() || call.principal == CallerKind::Other)
                    && since.is_none_or(|since| call.at >= since)
            };
            calls.iter().filter(is).map(|call| call.at).min()
        };
        let detached = found(&[CallerKind::Opener], "DetachUserPolicy", None)?;
        let closers = [CallerKind::Closer, CallerKind::Other];
        let attached = found(&closers, "AttachUserPolicy", Some(detached));
        Some(EnabledSpan::of(detached, attached, self.until?, now))
    }
}

fn gate_policy(calls: &[ApiCall]) -> Option<String> {
    let ours =
        |call: &&ApiCall| call.principal == CallerKind::Opener && call.is_inside() && call.error.is_none();
    calls.iter().filter(ours).filter_map(|call| call.policy.clone()).next_back()
}
