//! `open`: from unsealed credentials to a window, and out of it again.

use std::time::Duration;

use crate::error::{Error, Result, Status};
use crate::gate::open::{Plan, open as open_gate};
use crate::gate::rest::{Expected, deny_all};
use crate::gate::{SessionId, Trail};
use crate::ledger::{Ledger, Record, TargetFacts, VaultFacts};
use crate::vault::payload::Target;
use crate::window::{Cause, End};

use super::child::Work;
use super::clients::Base;
use super::driver::{Closing, caught, drive};
use super::principals::{CloudCloser, CloudEmergency, CloudOpener, Place};
use super::signals::Signals;
use super::stage::Stage;
use super::warm::{Warm, runtime};
use super::words::{self, HowToClose};

/// A window that a quorum has agreed to.
#[derive(Debug)]
pub struct Opening {
    /// The vault it came from.
    pub vault: VaultFacts,
    /// The user, with the three keys; each is dropped as soon as it has done its work.
    pub target: Target,
    /// T1 − T0.
    pub window: Duration,
    /// Why.
    pub reason: String,
    /// What the window is for.
    pub work: Work,
    /// Where it is recorded.
    pub ledger: Ledger,
    /// What was made ready meanwhile.
    pub warm: Warm,
    /// The signal that came before this listens for signals itself.
    pub stopped: fn() -> Option<u8>,
}

/// Opens the gate, keeps the window, closes it.
///
/// # Errors
/// By its status, whether anything is enabled: see section 6 of the design.
pub fn open(opening: Opening) -> Result<()> {
    opening.work.check()?;
    let Opening { vault, target, window, reason, work, ledger, warm, stopped: signal } = opening;
    if window > target.max_window.duration() {
        return Err(Error::usage("the window is longer than the vault allows").next("ask for a shorter one"));
    }
    let runtime = runtime()?;
    let mut signals = {
        let _guard = runtime.enter();
        Signals::new()?
    };
    if let Some(number) = signal() {
        return Err(stopped(number, "nothing was written to AWS"));
    }
    let base = warm.base(&runtime);
    let keep = keep(&base, vault, target, window, reason, &work, &ledger, &mut signals);
    let result = runtime.block_on(keep);
    runtime.shutdown_background();
    result
}

#[allow(clippy::too_many_arguments)]
async fn keep(
    base: &Base,
    vault: VaultFacts,
    target: Target,
    window: Duration,
    reason: String,
    work: &Work,
    ledger: &Ledger,
    signals: &mut Signals,
) -> Result<()> {
    let Target { name, partition, account, regions, user, boundary, boundary_sha256, grant, .. } = target;
    let region = regions.first().cloned().unwrap_or_default();
    let place = Place { partition, region, user, boundary: Some(boundary.clone()) };
    let key = target.emergency.id.clone();
    let expected = Expected {
        user: place.user.clone(),
        deny: deny_all(&place.partition),
        boundary,
        boundary_sha256,
        key: key.clone(),
    };
    // The opener's key lives in this client alone, and the client in the sequence that drops it.
    let opener = CloudOpener::new(base, &place, target.opener);
    let closer = CloudCloser::new(base, &place, &target.closer);
    let emergency = CloudEmergency::new(base, &place.region, &target.emergency);
    drop((target.closer, target.emergency));

    let session = SessionId::random();
    let how_to_close = HowToClose {
        vault: vault.path,
        target: name.clone(),
        partition: place.partition.clone(),
        user: place.user.clone(),
        key: Some(key.clone()),
    };
    let mut stage = Stage::new(base.clock.clone(), ledger, how_to_close);
    stage.session = Some(session);
    stage.emergency = Some(&emergency);
    *stage.intent.borrow_mut() = Some(Record::Intent {
        session,
        vault: vault.vault_id,
        epoch: vault.epoch,
        sha256: hex::encode(vault.sha256),
        target: TargetFacts {
            name,
            partition: place.partition.clone(),
            account: account.clone(),
            user: place.user.clone(),
        },
        window: window.as_secs(),
        reason,
    });
    let plan = Plan {
        expected: &expected,
        account: &account,
        grant: &grant,
        regions: &regions,
        session,
        window,
        hand_out: !matches!(work, Work::Hold),
    };
    let trail = Trail::default();
    let keys = [key];
    let closing = Closing {
        closer: &closer,
        emergency: &emergency,
        deny: &expected.deny,
        keys: Some(&keys),
        own: true,
    };
    let opening = caught(open_gate(opener, &closer, &emergency, &plan, &trail, &stage));
    let end = drive(&stage, &trail, opening, &closing, work, signals).await;
    finish(&stage, &trail, session, end)
}

/// The end of a window as an exit status.
fn finish(stage: &Stage<'_>, trail: &Trail, session: SessionId, end: End) -> Result<()> {
    let failure = stage.failure.take();
    match end {
        End::Untouched(Cause::Signal(number)) => Err(stopped(number, "nothing was written to AWS")),
        End::Untouched(_) => match failure {
            Some(error) => Err(and(error, "nothing was written to AWS")),
            None => Err(Error::failed("stopped before anything was written to AWS")),
        },
        End::Shut(cause) => {
            let probed = stage.probed.get().unwrap_or(false);
            stage.record(Record::Closed { session, probed, cause: words::cause(cause) });
            match (cause, failure) {
                (Cause::Signal(number), None) => Err(stopped(number, "access is closed, and that is proven")),
                (Cause::Panicked, _) => {
                    Err(Error::failed("this program broke; access is closed, and that is proven"))
                }
                (_, Some(error)) => Err(and(error, "access is shut, and that is proven")),
                (_, None) if !stage.opened.get() => {
                    Err(Error::refused("the window's time was over before it was open; access is shut")
                        .next("open again with a longer window"))
                }
                (_, None) => Ok(()),
            }
        }
        End::MayBeOpen(cause) if !trail.lifted() => {
            let doubt = stage.doubt.take();
            let what = failure.map_or_else(|| words::cause(cause), |error| error.what);
            Err(Error::refused(format!(
                "{what}; access was never enabled: AWSDenyAll was not detached, but the user is not tidy: {doubt}"
            ))
            .next("run breakglass close when AWS can be reached"))
        }
        End::MayBeOpen(cause) => {
            let doubt = stage.doubt.take();
            let mut why = failure.map_or_else(|| words::cause(cause), |error| error.what);
            if !doubt.is_empty() {
                why = format!("{why}; {doubt}");
            }
            Err(stage.how_to_close.may_be_open(&why, trail.until(), stage.clock.now()))
        }
    }
}

fn and(mut error: Error, more: &str) -> Error {
    error.what = format!("{}; {more}", error.what);
    error
}

fn stopped(number: u8, what: &str) -> Error {
    Error::new(Status::Signal(number), format!("ended by {}; {what}", words::signal(number)))
}
