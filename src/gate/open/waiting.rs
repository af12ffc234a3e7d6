//! Waits during an opening until AWS shows or accepts a change. Each wait has a time limit.

use std::future::Future;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::stop::{Stop, refused};
use crate::gate::host::{Clock, Patience, Reporter};
use crate::gate::iam::Probed;

/// How many probes in a row AWS must accept before a change counts as in effect everywhere. One accepted probe is not
/// enough, because IAM is eventually consistent.
const IN_A_ROW: u32 = 3;
pub(super) const BETWEEN_PROBES: Duration = Duration::from_millis(250);
/// The longest wait until IAM shows a write.
pub(super) const READ_BACK: SignedDuration = SignedDuration::from_secs(30);
/// The longest wait until AWS accepts the key or the AWS session.
const ACCEPTED: SignedDuration = SignedDuration::from_mins(2);

/// Fails if the operator asked to stop or if T1 has passed. The opening calls this function only at points where a stop
/// is safe.
pub(super) fn go_on(host: &(impl Clock + Patience), until: Timestamp) -> std::result::Result<(), Stop> {
    if host.interrupted() || host.now() >= until { Err(Stop::Interrupted) } else { Ok(()) }
}

/// Probes until AWS accepts the credential several times in a row. `what` names the credential in messages.
pub(in crate::gate) async fn until_accepted<F: Future<Output = Option<Probed>>>(
    what: &str,
    host: &(impl Clock + Patience + Reporter),
    until: Timestamp,
    probe: impl Fn() -> F,
) -> std::result::Result<(), Stop> {
    let limit = TimeLimit::new(host, ACCEPTED);
    let mut in_a_row = 0;
    let mut reported = 0;
    loop {
        let probed =
            probe().await.unwrap_or_else(|| Probed::Unclear("there are no credentials to probe with".into()));
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
            return Err(refused(format!("AWS did not accept {what} within {waited} s: {why}"))
                .next("ask an AWS administrator what denies sns:ListTopics: a boundary, the role's policy or an SCP")
                .into());
        }
        if waited > reported && (reported == 0 || waited >= reported + 5) {
            reported = waited;
            host.say(&format!("gate: waiting until AWS accepts {what} everywhere, {waited} s so far"));
        }
        host.pause(BETWEEN_PROBES).await;
    }
}

/// The time limit of one wait, measured by AWS's clock.
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
