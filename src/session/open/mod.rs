//! `open`: from unsealed credentials to a window, and out of it again; one file for each lane.

mod gate;
mod role;

use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;

use crate::alert::{Alerts, Notice};
use crate::config::Config;
use crate::custody::approval::{Approved, Request};
use crate::error::{Error, Result};
use crate::events::{Event, Events};
use crate::gate::open::{HandOut, Stop};
use crate::gate::{OpenProgress, SessionId, Window};
use crate::ledger::{AlertTopic, Ledger, Principals, Record, VaultFacts};
use crate::vault::payload::{AccessKey, Channel, Gatekeepers, Mfa, Target, Way};
use crate::window::{Cause, End};

use crate::aws::clients::AwsConfig;
use crate::aws::emergency::EmergencyUser;
use crate::aws::fault_injection::InjectedFaults;
use crate::aws::preload::{Preload, runtime};
use crate::aws::signin::sign_in;
use crate::session::announce::Telling;
use crate::session::context::Stage;
use crate::session::driver::Opening as Running;
use crate::session::messages;
use crate::session::work::child::Work;
use crate::signal::Signal;
use crate::terminal::signals::SessionSignals;
use crate::vault::target::TargetId;

/// A window that a quorum has agreed to.
#[derive(Debug)]
pub struct Opening {
    /// The vault it came from.
    pub vault: VaultFacts,
    /// What a quorum has signed: session, window, reason.
    pub approved: Approved,
    /// The user, with its keys; each is dropped as soon as it has done its work.
    pub target: Target,
    /// What the window is for.
    pub work: Work,
    /// Where it is recorded.
    pub ledger: Ledger,
    /// Where it is told to machines.
    pub events: Events,
    /// The vault that needs no control plane of IAM, if there is one for the same account.
    pub static_vault: Option<PathBuf>,
    /// The sealed channels.
    pub alerts: Vec<Channel>,
    /// What this machine adds.
    pub config: Config,
    /// What a drill makes fail; nothing otherwise.
    pub injected: InjectedFaults,
    /// What was made ready meanwhile.
    pub preload: Preload,
    /// The signal that came before this listens for signals itself.
    pub stopped: fn() -> Option<Signal>,
}

impl Opening {
    /// T1 − T0.
    fn window(&self) -> Duration {
        Duration::from_secs(self.approved.request().window)
    }
}

/// Opens, keeps the window, closes it.
///
/// # Errors
/// By its status, whether anything is enabled: [`Status::MayBeOpen`] alone says that something may be.
pub fn open(mut opening: Opening) -> Result<()> {
    opening.work.check()?;
    let request = opening.approved.request();
    if opening.window() > opening.target.max_window.duration() {
        return Err(Error::usage("the window is longer than the vault allows").next("ask for a shorter one"));
    }
    if request.vault_id != opening.vault.vault_id || request.targets != [opening.target.summary()] {
        return Err(Error::usage("what was approved is another target than what was opened"));
    }
    let runtime = runtime()?;
    let mut signals = {
        let _guard = runtime.enter();
        SessionSignals::new()?
    };
    if let Some(signal) = (opening.stopped)() {
        return Err(Error::interrupted(signal, "nothing was written to AWS"));
    }
    let faults = opening.injected.clone();
    let mut base = opening.preload.base(&runtime);
    if faults.any() {
        base = base.with_faults(&faults);
    }
    let result = runtime.block_on(keep(&base, opening, &faults, &mut signals));
    runtime.shutdown_background();
    result
}

/// An opening without its secrets.
struct Scene<'a> {
    base: &'a AwsConfig,
    session: SessionId,
    intent: Record,
    vault: PathBuf,
    target: TargetId,
    regions: Vec<String>,
    grant: Vec<serde_json::Value>,
    window: Duration,
    work: Work,
    ledger: Ledger,
    events: Events,
    static_vault: Option<PathBuf>,
    faults: &'a InjectedFaults,
    /// Taken by the stage.
    telling: Cell<Telling>,
}

/// The emergency user's own secrets.
struct Emergency {
    key: AccessKey,
    mfa: Option<Mfa>,
}

async fn keep(
    base: &AwsConfig,
    opening: Opening,
    faults: &InjectedFaults,
    signals: &mut SessionSignals,
) -> Result<()> {
    let (session, window) = (opening.approved.request().session, opening.window());
    let intent = intent(&opening);
    let target = TargetId::from(&opening.target);
    let Target { regions, grant, way, emergency, mfa, .. } = opening.target;
    let emergency = Emergency { key: emergency, mfa };
    let notice = notice(&opening.vault, &target, &opening.approved);
    let Opening { work, ledger, events, static_vault, alerts, config, .. } = opening;
    let alerts = Alerts::new(alerts, config.alerts, config.command, base.without_credentials());
    let telling = Cell::new(Telling::new(alerts, notice));
    let vault = opening.vault.path;
    let scene = Scene {
        base,
        session,
        intent,
        vault,
        target,
        regions,
        grant,
        window,
        work,
        ledger,
        events,
        static_vault,
        faults,
        telling,
    };
    match way {
        Way::Gate(gatekeepers) => gate::keep(scene, gatekeepers, emergency, signals).await,
        Way::Static(role) => role::keep(scene, role, emergency, signals).await,
    }
}

impl Scene<'_> {
    /// Where the probe asks, and sessions are issued.
    fn region(&self) -> &str {
        self.regions.first().map_or("us-east-1", String::as_str)
    }

    fn hand_out(&self) -> HandOut {
        match self.work {
            Work::Hold => HandOut::Nothing,
            Work::Command(_) | Work::Shell => HandOut::Session,
            Work::Console => HandOut::Console,
        }
    }

    fn stage<'s>(&'s self, emergency: &'s EmergencyUser, how: messages::HowToClose) -> Stage<'s> {
        let mut stage = Stage::new(self.base.clock.clone(), &self.ledger, self.events, how);
        stage.session = Some(self.session);
        stage.faults = Some(self.faults);
        stage.telling = self.telling.take();
        stage.emergency = Some(emergency);
        *stage.intent.borrow_mut() = Some(self.intent.clone());
        stage
    }

    /// The opening as the loop runs it; with the link to the console, where that is what it is for.
    fn running<'r>(
        &'r self,
        stage: &'r Stage<'_>,
        opening: impl Future<Output = Result<Window, Stop>> + 'r,
    ) -> Running<'r> {
        crate::session::driver::caught(async move {
            let opened = opening.await?;
            if let (Work::Console, Some(emergency)) = (&self.work, stage.emergency) {
                let link = sign_in(emergency, &self.target.partition).await?;
                *stage.link.borrow_mut() = Some(link);
            }
            Ok(opened)
        })
    }
}

/// What every notice of this opening says.
fn notice(vault: &VaultFacts, target: &TargetId, approved: &Approved) -> Notice {
    let Request { session, reason, again, no_alert, window, drill_of, .. } = approved.request().clone();
    Notice {
        drill: drill_of.is_some(),
        session: Some(session),
        reason: Some(reason),
        again,
        no_alert,
        window: Some(window),
        approved_by: approved.custodians().to_vec(),
        ..Notice::of(vault, target)
    }
}

/// The end of a window, as people are told of it.
fn about(end: End, trail: &OpenProgress) -> AlertTopic {
    match end {
        End::Shut(_) if trail.lifted() => AlertTopic::Closed,
        End::MayBeOpen(_) if trail.lifted() => AlertTopic::MayBeOpen,
        End::Untouched(_) | End::Shut(_) | End::MayBeOpen(_) => AlertTopic::NotOpened,
    }
}

/// The end of a window as an exit status; people are told.
async fn end_with(
    scene: &Scene<'_>,
    stage: &Stage<'_>,
    trail: &OpenProgress,
    end: End,
    signals: &mut SessionSignals,
) -> Result<()> {
    let result = finish(scene, stage, trail, end);
    let detail = result.as_ref().map_or_else(|error| error.what.clone(), |()| messages::cause(end.cause()));
    stage.say_what_may_be_open(&result);
    stage.tell_last(about(end, trail), Some(detail), signals).await;
    result
}

/// What is recorded before the first call.
fn intent(opening: &Opening) -> Record {
    let Opening { vault, target, approved, .. } = opening;
    let request = approved.request().clone();
    Record::Intent {
        session: request.session,
        vault: vault.vault_id.clone(),
        epoch: vault.epoch,
        credentials_epoch: vault.credentials_epoch,
        sha256: hex::encode(vault.sha256),
        lane: target.lane(),
        target: TargetId::from(target),
        regions: target.regions.clone(),
        principals: Box::new(principals(target)),
        window: request.window,
        reason: request.reason,
        again: request.again,
        no_alert: request.no_alert,
        drill_of: request.drill_of,
        endpoint: request.endpoint,
    }
}

/// Whose calls AWS will show.
fn principals(target: &Target) -> Principals {
    let emergency = target.emergency.id.clone();
    match &target.way {
        Way::Gate(Gatekeepers { opener, closer, .. }) => Principals {
            emergency,
            opener: Some(opener.id.clone()),
            closer: Some(closer.id.clone()),
            role: None,
        },
        Way::Static(role) => Principals { emergency, role: Some(role.clone()), ..Principals::default() },
    }
}

/// The end of a window as an exit status.
fn finish(scene: &Scene<'_>, stage: &Stage<'_>, trail: &OpenProgress, end: End) -> Result<()> {
    let failure = stage.failure.take().map(|error| scene.or_static(error, stage));
    match end {
        End::Untouched(cause) => {
            if stage.until.get().is_some() {
                closed(stage, false, "nothing was written to AWS".into());
            }
            match (cause, failure) {
                (Cause::Signal(signal), _) => Err(Error::interrupted(signal, "nothing was written to AWS")),
                (_, Some(error)) => Err(error.and("nothing was written to AWS")),
                (_, None) => {
                    Err(Error::failed("stopped before anything was written to AWS").next("open again"))
                }
            }
        }
        End::Shut(cause) => {
            closed(stage, stage.probed.get().unwrap_or(false), messages::cause(cause));
            match (cause, failure) {
                (Cause::Signal(signal), None) => Err(Error::interrupted(signal, &stage.is_over())),
                (Cause::Panicked, _) => {
                    Err(Error::failed(format!("this program broke; {}", stage.is_over())))
                }
                (_, Some(error)) => Err(error.and(&stage.is_over())),
                (_, None) if !stage.opened.get() => {
                    Err(Error::refused("the window's time was over before it was open; access is shut")
                        .next("open again with a longer window"))
                }
                (_, None) => Ok(()),
            }
        }
        End::MayBeOpen(cause) if !trail.lifted() => {
            let doubt = stage.doubt.take();
            let next = failure.as_ref().and_then(|error| error.next.clone());
            let what = failure.map_or_else(|| messages::cause(cause), |error| error.what);
            let next = next.filter(|_| stage.no_control_plane.get());
            Err(Error::refused(format!(
                "{what}; access was never enabled: AWSDenyAll was not detached, but the user is not tidy: {doubt}"
            ))
            .next(next.unwrap_or_else(|| "run breakglass close when AWS can be reached".into())))
        }
        End::MayBeOpen(cause) => {
            let doubt = stage.doubt.take();
            let mut why = failure.map_or_else(|| messages::cause(cause), |error| error.what);
            if !doubt.is_empty() {
                why = format!("{why}; {doubt}");
            }
            Err(stage.how_to_close.may_be_open(&why, trail.until(), stage.clock.now()))
        }
    }
}

/// On record, and told.
fn closed(stage: &Stage<'_>, probed: bool, cause: String) {
    if let Some(session) = stage.session {
        stage.record(Record::Closed { session, probed, cause: cause.clone() });
        stage.emit(Event::Closed { session: Some(session), probed, cause });
    }
}

impl Scene<'_> {
    /// Where IAM does not do it, another vault may.
    fn or_static(&self, error: Error, stage: &Stage<'_>) -> Error {
        if !stage.no_control_plane.get() {
            return error;
        }
        let Some(vault) = &self.static_vault else {
            let next = error.next.clone().unwrap_or_else(|| "let an AWS administrator look at IAM".into());
            return error.next(format!(
                "{next}; no static vault of account {} lies beside this one",
                self.target.account
            ));
        };
        let vault = messages::quoted(vault);
        error.next(format!(
            "open the static vault, which needs no IAM write: breakglass open {vault} --for TIME --reason WHY"
        ))
    }
}
