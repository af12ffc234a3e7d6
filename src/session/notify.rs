//! What is told from where no payload is opened: only the channels that are configured there.

use crate::alert::{Alerts, Notice};
use crate::aws::clients::AwsConfig;
use crate::aws::preload::{Preload, runtime};
use crate::config::Config;
use crate::error::Result;
use crate::events::Events;
use crate::gate::SessionId;
use crate::ledger::{AlertTopic, Ledger, VaultFacts};
use crate::session::announce::Telling;
use crate::session::context::Stage;
use crate::session::messages::HowToClose;
use crate::terminal::print;
use crate::terminal::signals::SessionSignals;
use crate::vault::manifest::Lane;
use crate::vault::target::TargetId;

/// Whom it is about, and where it goes.
#[derive(Debug)]
pub struct Tidings<'a> {
    /// The vault that names the user.
    pub vault: &'a VaultFacts,
    /// The user.
    pub target: TargetId,
    /// The session, if one is known.
    pub session: Option<SessionId>,
    /// Where it is recorded.
    pub ledger: &'a Ledger,
    /// Where it is told to machines.
    pub events: Events,
    /// The channels.
    pub config: Config,
}

impl Tidings<'_> {
    /// Tells them, and waits a little for what they answer. That it cannot be told is a warning: nothing depends on it.
    pub fn tell(self, about: AlertTopic, detail: &str) {
        if let Err(error) = self.all(about, detail) {
            print::warning(format_args!("nobody was told: {}", error.what));
        }
    }

    fn all(self, about: AlertTopic, detail: &str) -> Result<()> {
        let runtime = runtime()?;
        let base: AwsConfig = Preload::start().base(&runtime);
        let how = HowToClose::of(&self.vault.path, &self.target, Lane::Gate);
        let notice = Notice { session: self.session, ..Notice::of(self.vault, &self.target) };
        let alerts =
            Alerts::new(Vec::new(), self.config.alerts, self.config.command, base.without_credentials());
        let told = runtime.block_on(async {
            let mut stage = Stage::new(base.clock.clone(), self.ledger, self.events, how);
            stage.telling = Telling::new(alerts, notice);
            let mut signals = SessionSignals::new()?;
            stage.tell_last(about, Some(detail.to_owned()), &mut signals).await;
            Ok(())
        });
        runtime.shutdown_background();
        told
    }
}
