//! The command `open`: opens a window with the unsealed credentials, keeps the window open, and closes the window.
//! `gate.rs` implements the lane `gate`, and `role.rs` implements the lane `static`.

mod gate;
mod records;
mod role;
mod run;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::alert::Alerts;
use crate::aws::clients::AwsConfig;
use crate::aws::fault_injection::InjectedFaults;
use crate::aws::preload::{Preload, runtime};
use crate::config::Config;
use crate::custody::statement::approval::{Approved, Request};
use crate::error::{Error, Result};
use crate::events::Events;
use crate::ledger::{Ledger, VaultFacts};
use crate::session::announce::Announcer;
use crate::session::context::IntendedSession;
use crate::session::log::Log;
use crate::session::outcome::{Advice, SpentUse, WindowEnd};
use crate::session::work::Work;
use crate::shell;
use crate::terminal::signals;
use crate::terminal::signals::SessionSignals;
use crate::vault::payload::{Channel, SealedTarget, Way};
use crate::vault::target::TargetId;
use gate::open_gate;
use role::open_role;
use run::{EmergencyKey, OpenRun};

/// An opening that a quorum of custodians approved.
#[derive(Debug)]
pub(crate) struct ApprovedOpening {
    pub(crate) vault: VaultFacts,
    /// The request that the custodians signed: session, window, reason, and other fields.
    pub(crate) approved: Approved,
    /// The emergency user, with all keys. The program drops each key as soon as the key is not needed.
    pub(crate) target: SealedTarget,
    pub(crate) work: Work,
    pub(crate) ledger: Ledger,
    pub(crate) events: Events,
    /// The path of a vault of the lane `static` for the same AWS account, if there is such a vault.
    pub(crate) static_vault: Option<PathBuf>,
    /// The alert channels that are sealed in the vault.
    pub(crate) alerts: Vec<Channel>,
    /// The vault's instructions for the operator. The instructions are shown when the window opens.
    pub(crate) runbook: String,
    pub(crate) config: Config,
    /// The faults that a drill injects into AWS calls.
    pub(crate) faults: InjectedFaults,
    pub(crate) preload: Preload,
}

/// Opens a window, keeps the window open until a cause ends it, and closes access.
///
/// # Errors
/// The error has exit status 10 if access might still be open. With every other exit status, access is not open.
pub(crate) fn open(mut opening: ApprovedOpening) -> Result<WindowEnd> {
    opening.check()?;
    let runtime = runtime()?;
    let mut signals = {
        let _guard = runtime.enter();
        SessionSignals::new()?
    };
    // A signal can arrive before `SessionSignals` is created.
    if let Some(signal) = signals::pending() {
        return Err(Error::interrupted(signal, "nothing was written to AWS"));
    }
    let session = opening.approved.request().session;
    let mut aws = opening.preload.config(&runtime).for_session(session);
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
                Error::usage("the window is longer than the vault allows").next("ask for a shorter window")
            );
        }
        if request.vault_id != self.vault.vault_id || request.targets != [self.target.summary()] {
            return Err(Error::usage("the custodians approved a different vault or target"));
        }
        Ok(())
    }

    async fn run(self, aws: &AwsConfig, signals: &mut SessionSignals) -> Result<WindowEnd> {
        let intent = records::intent(&self.vault, &self.target, &self.approved);
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
            allows_extra_key: request.extra_key.is_some(),
            window: Duration::from_secs(request.window),
            work: &self.work,
            runbook: &self.runbook,
            close_profile: self.config.close_profile.as_deref(),
            faults: &self.faults,
        };
        let emergency = EmergencyKey { key, mfa };
        let vault = self.vault.path.as_path();
        let (outcome, how_to_close) = match way {
            Way::Gate(keepers) => open_gate(&run, vault, keepers, emergency, signals).await,
            Way::Static(role) => open_role(&run, vault, role, emergency, signals).await,
        };
        let open_static = self.static_vault.as_deref().map(|vault| open_command(vault, request));
        let advice = Advice { how_to_close, open_static };
        let use_of = SpentUse {
            session: request.session,
            vault: &self.vault.path,
            is_drill: request.drill_of.is_some(),
        };
        run.conclude(&outcome, &advice, &use_of, signals).await
    }
}

/// Returns the command that opens another vault with the same window and reason.
fn open_command(vault: &Path, request: &Request) -> String {
    let (vault, reason) = (shell::path(vault), shell::word(OsStr::new(&request.reason)));
    format!("breakglass open {vault} --for {}s --reason {}", request.window, reason.to_string_lossy())
}
