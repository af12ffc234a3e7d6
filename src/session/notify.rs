//! Sends an alert from a command that does not unseal the vault. The alert goes only to the channels in this
//! machine's configuration file.

use crate::alert::{Alerts, Notice};
use crate::aws::preload::{Preload, runtime};
use crate::config::Config;
use crate::error::Result;
use crate::events::Events;
use crate::gate::SessionId;
use crate::ledger::{Ledger, VaultFacts};
use crate::session::announce::{Announcer, Ending};
use crate::session::log::Log;
use crate::terminal::print;
use crate::terminal::signals::SessionSignals;
use crate::vault::target::TargetId;

/// The content of an alert, and the ledger in which the alert is recorded.
pub(crate) struct LocalNotice<'a> {
    pub(crate) vault: &'a VaultFacts,
    pub(crate) target: &'a TargetId,
    pub(crate) session: Option<SessionId>,
    pub(crate) ledger: &'a Ledger,
    pub(crate) events: Events,
}

/// Sends the alert and waits for the channels' answers. If the alert cannot be sent, prints a warning.
pub(crate) fn notify_local(local: &LocalNotice<'_>, config: Config, ending: Ending) {
    if let Err(error) = notify(local, config, ending) {
        print::warning(format_args!("the alert could not be sent: {}", error.what));
    }
}

fn notify(local: &LocalNotice<'_>, config: Config, ending: Ending) -> Result<()> {
    let runtime = runtime()?;
    let aws = Preload::start().config(&runtime);
    let alerts = Alerts::new(Vec::new(), config.alerts, config.command, aws.without_credentials());
    let notice = Notice { session: local.session, ..Notice::of(local.vault, local.target) };
    let result = runtime.block_on(async {
        let mut signals = SessionSignals::new()?;
        let log = Log::new(aws.clock.clone(), local.ledger, local.events);
        let announcer = Announcer::new(&log, alerts, notice);
        announcer.announce_end(ending, false, &mut signals).await;
        Ok(())
    });
    runtime.shutdown_background();
    result
}
