//! `open`: from unsealed credentials to a closed window; one file for each lane.

mod gate;
mod records;
mod role;

use std::path::PathBuf;
use std::time::Duration;

use crate::alert::Alerts;
use crate::aws::clients::AwsConfig;
use crate::aws::emergency::EmergencyUser;
use crate::aws::fault_injection::InjectedFaults;
use crate::aws::preload::{Preload, runtime};
use crate::aws::signin::sign_in;
use crate::config::Config;
use crate::custody::approval::Approved;
use crate::error::{Error, Result, Status};
use crate::events::Events;
use crate::gate::open::{HandOut, Stop};
use crate::gate::{SessionId, Window};
use crate::ledger::{Ledger, VaultFacts};
use crate::session::announce::{Announcer, Ending};
use crate::session::context::{IntendedSession, RunContext};
use crate::session::log::Log;
use crate::session::messages;
use crate::session::outcome::{Advice, RunOutcome};
use crate::session::runner::{Opened, Runner};
use crate::session::work::Work;
use crate::terminal::signals;
use crate::terminal::signals::SessionSignals;
use crate::vault::payload::{AccessKey, Channel, Mfa, SealedTarget, Way};
use crate::vault::target::TargetId;
use gate::open_gate;
use role::open_role;

/// An opening that a quorum approved.
#[derive(Debug)]
pub(crate) struct ApprovedOpening {
    pub(crate) vault: VaultFacts,
    /// Session, window and reason, as the custodians signed them.
    pub(crate) approved: Approved,
    /// The user, with its keys. Each key is dropped as soon as it is not needed.
    pub(crate) target: SealedTarget,
    pub(crate) work: Work,
    pub(crate) ledger: Ledger,
    pub(crate) events: Events,
    /// The vault of the lane static for the same account, if there is one.
    pub(crate) static_vault: Option<PathBuf>,
    /// The vault's channels.
    pub(crate) alerts: Vec<Channel>,
    pub(crate) config: Config,
    /// The fault that a drill injects.
    pub(crate) faults: InjectedFaults,
    pub(crate) preload: Preload,
}

/// Opens, keeps the window, and closes it.
///
/// # Errors
/// With status 10 if access may be open; with any other status, nothing is enabled.
pub(crate) fn open(mut opening: ApprovedOpening) -> Result<()> {
    opening.check()?;
    let runtime = runtime()?;
    let mut signals = {
        let _guard = runtime.enter();
        SessionSignals::new()?
    };
    // A signal before `SessionSignals` listened.
    if let Some(signal) = signals::pending() {
        return Err(Error::interrupted(signal, "nothing was written to AWS"));
    }
    let mut aws = opening.preload.config(&runtime);
    if opening.faults.any() {
        aws = aws.with_faults(&opening.faults);
    }
    let result = runtime.block_on(opening.run(&aws, &mut signals));
    runtime.shutdown_background();
    result
}

impl ApprovedOpening {
    fn check(&self) -> Result<()> {
        self.work.check()?;
        let request = self.approved.request();
        if Duration::from_secs(request.window) > self.target.max_window.duration() {
            return Err(
                Error::usage("the window is longer than the vault allows").next("ask for a shorter one")
            );
        }
        if request.vault_id != self.vault.vault_id || request.targets != [self.target.summary()] {
            return Err(Error::usage("the custodians approved another target than the one to open"));
        }
        Ok(())
    }

    async fn run(self, aws: &AwsConfig, signals: &mut SessionSignals) -> Result<()> {
        let intent = records::intent(&self);
        let id = TargetId::from(&self.target);
        let notice = records::notice(&self.vault, &id, &self.approved);
        let alerts =
            Alerts::new(self.alerts, self.config.alerts, self.config.command, aws.without_credentials());
        let log = Log::new(aws.clock.clone(), &self.ledger, self.events);
        let announcer = Announcer::new(&log, alerts, notice);
        let request = self.approved.request();
        let SealedTarget { regions, grant, way, emergency: key, mfa, .. } = self.target;
        let run = OpenRun {
            aws,
            log: &log,
            announcer: &announcer,
            intent: IntendedSession { session: request.session, record: &intent },
            target: &id,
            regions: &regions,
            grant: &grant,
            window: Duration::from_secs(request.window),
            work: &self.work,
            faults: &self.faults,
        };
        let emergency = EmergencyKey { key, mfa };
        let vault = self.vault.path.as_path();
        let (outcome, how_to_close) = match way {
            Way::Gate(keepers) => open_gate(&run, vault, keepers, emergency, signals).await?,
            Way::Static(role) => open_role(&run, vault, role, emergency, signals).await,
        };
        let advice = Advice { how_to_close, static_vault: self.static_vault };
        run.conclude(&outcome, &advice, signals).await
    }
}

/// The emergency user's secrets.
struct EmergencyKey {
    key: AccessKey,
    mfa: Option<Mfa>,
}

/// Everything about an opening except its credentials.
struct OpenRun<'a> {
    aws: &'a AwsConfig,
    log: &'a Log<'a>,
    announcer: &'a Announcer<'a>,
    intent: IntendedSession<'a>,
    target: &'a TargetId,
    regions: &'a [String],
    grant: &'a [serde_json::Value],
    /// The window's length.
    window: Duration,
    work: &'a Work,
    faults: &'a InjectedFaults,
}

impl<'a> OpenRun<'a> {
    fn session(&self) -> SessionId {
        self.intent.session
    }

    /// The region of the probe, and of STS.
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

    fn context(&self, user: &'a EmergencyUser) -> RunContext<'a> {
        let runner = Runner::new(self.log, self.work, Some(user));
        RunContext::new(self.log, self.announcer, runner, Some(self.intent))
    }

    /// Signs in to the console, if the work needs it.
    async fn sign_in(&self, window: Window, user: &EmergencyUser) -> Result<Opened, Stop> {
        let console_link = match self.work {
            Work::Console => Some(sign_in(user, &self.target.partition).await?),
            Work::Hold | Work::Command(_) | Work::Shell => None,
        };
        Ok(Opened { window, console_link })
    }

    /// Records, prints and announces how it ended.
    async fn conclude(
        &self,
        outcome: &RunOutcome,
        advice: &Advice,
        signals: &mut SessionSignals,
    ) -> Result<()> {
        if let Some((probed, cause)) = outcome.closed_because() {
            self.log.closed(self.session(), probed, &cause);
        }
        let result = outcome.result(advice, self.log.now());
        if let Some(error) = result.as_ref().err().filter(|error| error.status == Status::MayBeOpen) {
            // The commands that close come before the wait for the channels.
            self.log.say(&error.to_string());
        }
        let cause = || messages::cause(outcome.end.cause());
        let detail = result.as_ref().map_or_else(|error| error.what.clone(), |()| cause());
        let until = outcome.window.map(|window| window.until);
        let ending = Ending { about: outcome.about(), detail, until };
        self.announcer.announce_end(ending, outcome.was_stopped, signals).await;
        result
    }
}
