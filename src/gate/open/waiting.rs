//! How long open waits for AWS, and when it stops waiting.

use std::future::Future;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Stop, refused};
use crate::gate::host::{Clock, Patience, Reporter};
use crate::gate::iam::Probed;

/// Successes in a row after which a change counts as seen everywhere.
const IN_A_ROW: u32 = 3;
pub(super) const BETWEEN_PROBES: Duration = Duration::from_millis(250);
/// How long AWS may take to show a write, and to let the key in.
pub(super) const READ_BACK: SignedDuration = SignedDuration::from_secs(30);
const LET_IN: SignedDuration = SignedDuration::from_mins(2);

/// A safe place to stop.
pub(super) fn go_on(host: &(impl Clock + Patience), until: Timestamp) -> std::result::Result<(), Stop> {
    if host.interrupted() || host.now() >= until { Err(Stop::Interrupted) } else { Ok(()) }
}

/// Probes until several successes in a row.
pub(in crate::gate) async fn let_in<F: Future<Output = Option<Probed>>>(
    whom: &str,
    host: &(impl Clock + Patience + Reporter),
    until: Timestamp,
    probe: impl Fn() -> F,
) -> std::result::Result<(), Stop> {
    let limit = TimeLimit::new(host, LET_IN);
    let mut in_a_row = 0;
    let mut said = 0;
    loop {
        let probed =
            probe().await.unwrap_or_else(|| Probed::Unclear("there is nothing to probe with".into()));
        in_a_row = if probed == Probed::Open { in_a_row + 1 } else { 0 };
        if in_a_row == IN_A_ROW {
            return Ok(());
        }
        go_on(host, until)?;
        let waited = limit.seconds(host);
        if limit.is_over(host) {
            let why = match probed {
                Probed::Unclear(why) => why,
                _ => "AWS still refuses it".into(),
            };
            return Err(refused(format!("AWS did not let {whom} in within {waited} s: {why}"))
                .next("let an AWS administrator see what denies sns:ListTopics there: a boundary, a role's policy, an SCP")
                .into());
        }
        if waited > said && (said == 0 || waited >= said + 5) {
            said = waited;
            host.say(&format!("gate: waiting for AWS to let {whom} in everywhere, {waited} s so far"));
        }
        host.pause(BETWEEN_PROBES).await;
    }
}

/// A wait with a limit, by AWS's clock.
pub(super) struct TimeLimit {
    since: Timestamp,
    limit: SignedDuration,
}

impl TimeLimit {
    pub(super) fn new(host: &impl Clock, limit: SignedDuration) -> Self {
        Self { since: host.now(), limit }
    }

    fn seconds(&self, host: &impl Clock) -> i64 {
        host.now().duration_since(self.since).as_secs()
    }

    pub(super) fn is_over(&self, host: &impl Clock) -> bool {
        host.now().duration_since(self.since) >= self.limit
    }
}
