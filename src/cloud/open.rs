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
/// By its status, whether anything is enabled: [`Status::MayBeOpen`] alone says that something may be.
pub fn open(mut opening: Opening) -> Result<()> {
    opening.work.check()?;
    if opening.window > opening.target.max_window.duration() {
        return Err(Error::usage("the window is longer than the vault allows").next("ask for a shorter one"));
    }
    let runtime = runtime()?;
    let mut signals = {
        let _guard = runtime.enter();
        Signals::new()?
    };
    if let Some(number) = (opening.stopped)() {
        return Err(stopped(number, "nothing was written to AWS"));
    }
    let base = opening.warm.base(&runtime);
    let result = runtime.block_on(keep(&base, opening, &mut signals));
    runtime.shutdown_background();
    result
}

async fn keep(base: &Base, opening: Opening, signals: &mut Signals) -> Result<()> {
    let session = SessionId::random();
    let intent = intent(session, &opening);
    let Opening { vault, target, window, work, ledger, .. } = opening;
    let (place, expected) = (place(&target), expected(&target));
    // The opener's key lives in this client alone, and the client in the sequence that drops it.
    let opener = CloudOpener::new(base, &place, target.opener);
    let closer = CloudCloser::new(base, &place, &target.closer);
    let emergency = CloudEmergency::new(base, &place.region, &target.emergency);
    drop((target.closer, target.emergency));

    let how_to_close = HowToClose {
        vault: vault.path,
        target: target.name.clone(),
        partition: place.partition,
        user: place.user,
        key: Some(expected.key.clone()),
    };
    let mut stage = Stage::new(base.clock.clone(), &ledger, how_to_close);
    stage.session = Some(session);
    stage.emergency = Some(&emergency);
    *stage.intent.borrow_mut() = Some(intent);
    let plan = Plan {
        expected: &expected,
        account: &target.account,
        grant: &target.grant,
        regions: &target.regions,
        session,
        window,
        hand_out: !matches!(work, Work::Hold),
    };
    let trail = Trail::default();
    let keys = [expected.key.clone()];
    let closing = Closing {
        closer: &closer,
        emergency: &emergency,
        deny: &expected.deny,
        keys: Some(&keys),
        own: true,
    };
    let opening = caught(open_gate(opener, &closer, &emergency, &plan, &trail, &stage));
    let end = drive(&stage, &trail, opening, &closing, &work, signals).await;
    finish(&stage, &trail, session, end)
}

fn place(target: &Target) -> Place {
    Place {
        partition: target.partition.clone(),
        region: target.regions.first().cloned().unwrap_or_default(),
        user: target.user.clone(),
        boundary: Some(target.boundary.clone()),
    }
}

fn expected(target: &Target) -> Expected {
    Expected {
        user: target.user.clone(),
        deny: deny_all(&target.partition),
        boundary: target.boundary.clone(),
        boundary_sha256: target.boundary_sha256,
        key: target.emergency.id.clone(),
    }
}

/// What is recorded before the first call.
fn intent(session: SessionId, opening: &Opening) -> Record {
    let Opening { vault, target, window, reason, .. } = opening;
    Record::Intent {
        session,
        vault: vault.vault_id.clone(),
        epoch: vault.epoch,
        sha256: hex::encode(vault.sha256),
        target: TargetFacts {
            name: target.name.clone(),
            partition: target.partition.clone(),
            account: target.account.clone(),
            user: target.user.clone(),
        },
        window: window.as_secs(),
        reason: reason.clone(),
    }
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
