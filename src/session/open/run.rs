//! The parts of an opening that are the same in both lanes. These parts handle no secrets.

use std::time::Duration;

use crate::aws::clients::AwsConfig;
use crate::aws::emergency::EmergencyUser;
use crate::aws::fault_injection::InjectedFaults;
use crate::aws::signin::sign_in;
use crate::error::{Error, Result, Status};
use crate::gate::open::{HandOut, Stop};
use crate::gate::{SessionId, Window};
use crate::session::announce::{Announcer, Ending};
use crate::session::context::{IntendedSession, RunContext};
use crate::session::log::Log;
use crate::session::messages;
use crate::session::outcome::{Advice, RunOutcome, SpentUse, WindowEnd};
use crate::session::runner::{Opened, Runner};
use crate::session::work::Work;
use crate::terminal::signals::SessionSignals;
use crate::vault::payload::{AccessKey, Mfa};
use crate::vault::target::TargetId;

/// The emergency user's secrets.
pub(super) struct EmergencyKey {
    pub(super) key: AccessKey,
    pub(super) mfa: Option<Mfa>,
}

/// The inputs of an opening, except its credentials.
pub(super) struct OpenRun<'a> {
    pub(super) aws: &'a AwsConfig,
    pub(super) log: &'a Log<'a>,
    pub(super) announcer: &'a Announcer<'a>,
    pub(super) intent: IntendedSession<'a>,
    pub(super) target: &'a TargetId,
    pub(super) regions: &'a [String],
    pub(super) grant: &'a [serde_json::Value],
    /// Whether the custodians approved that the user has a second, inactive access key.
    pub(super) allows_extra_key: bool,
    /// The window's duration.
    pub(super) window: Duration,
    pub(super) work: &'a Work,
    pub(super) runbook: &'a str,
    /// The AWS profile with which the operator can close access, if it is known.
    pub(super) close_profile: Option<&'a str>,
    pub(super) faults: &'a InjectedFaults,
}

impl<'a> OpenRun<'a> {
    pub(super) fn session(&self) -> SessionId {
        self.intent.session
    }

    /// Returns the region in which the program calls STS and probes the credentials.
    pub(super) fn region(&self) -> &str {
        self.regions.first().map_or("us-east-1", String::as_str)
    }

    pub(super) fn hand_out(&self) -> HandOut {
        match self.work {
            Work::Hold => HandOut::Nothing,
            Work::Command(_) | Work::Shell => HandOut::Session,
            Work::Console => HandOut::Console,
        }
    }

    pub(super) fn context(&self, user: &'a EmergencyUser) -> RunContext<'a> {
        let runner = Runner::new(self.log, self.work, Some(user));
        RunContext::new(self.log, self.announcer, runner, Some(self.intent))
    }

    /// Signs in to the console if `--console` was given.
    pub(super) async fn sign_in(&self, window: Window, user: &EmergencyUser) -> Result<Opened, Stop> {
        let console_link = match self.work {
            Work::Console => Some(sign_in(user, &self.target.partition).await?),
            Work::Hold | Work::Command(_) | Work::Shell => None,
        };
        let runbook = self.runbook.to_owned();
        Ok(Opened { session: self.session(), window, console_link, runbook })
    }

    /// Records, prints and announces how the run ended.
    pub(super) async fn conclude(
        &self,
        outcome: &RunOutcome,
        advice: &Advice,
        spent: &SpentUse<'_>,
        signals: &mut SessionSignals,
    ) -> Result<WindowEnd> {
        if let Some((probed, cause)) = outcome.closed_because() {
            self.log.closed(self.session(), probed, &cause);
        }
        let mut result = outcome.result(advice, self.log.now());
        if let Some(summary) = outcome.summary(spent) {
            self.log.say(&summary);
        }
        if let Err(error) = &result
            && error.status == Status::MayBeOpen
        {
            // The error has the commands that close access. The program prints the error before it waits for the alert
            // channels.
            self.log.say(&error.to_string());
            result = result.map_err(Error::shown);
        }
        let cause = || messages::cause(outcome.end.cause());
        let detail = result.as_ref().map_or_else(|error| error.what.clone(), |()| cause());
        let until = outcome.open_until();
        let ending = Ending { topic: outcome.topic(), detail, until };
        self.announcer.announce_end(ending, outcome.was_stopped, signals).await;
        result.map(|()| outcome.window_end())
    }
}
