//! The command `close` closes a window that another run left open. The command uses either an AWS profile or the
//! closer's key in the vault, which a quorum must unseal.

use std::time::Duration;

use jiff::Timestamp;

use crate::alert::{Alerts, Notice};
use crate::aws::clients::AwsConfig;
use crate::aws::emergency::{EmergencyUser, NoEmergencyKey, SessionCall};
use crate::aws::preload::{Preload, runtime};
use crate::aws::principals::IamCloser;
use crate::aws::profile::provider;
use crate::config::Config;
use crate::error::{Error, Result, Status};
use crate::events::{Event, Events};
use crate::gate::iam::{Caller, Closer, Emergency};
use crate::gate::observed::{Scope, UserState, observe_complete};
use crate::gate::open::other_account;
use crate::gate::policy::{ParsedGate, parse_gate};
use crate::gate::{OpenProgress, SessionId};
use crate::ledger::{AlertTopic, LastSession, Ledger, Record, VaultFacts};
use crate::session::announce::{Announcer, Ending};
use crate::session::closer::CloseGate;
use crate::session::context::RunContext;
use crate::session::driver::Run;
use crate::session::how_to_close::HowToClose;
use crate::session::log::Log;
use crate::session::messages;
use crate::session::outcome::RunOutcome;
use crate::session::release::Release;
use crate::session::runner::Runner;
use crate::session::work::Work;
use crate::terminal::signals::SessionSignals;
use crate::time_text;
use crate::vault::payload::{Channel, Gatekeepers, SealedTarget, Way};
use crate::vault::target::TargetId;
use crate::window::{Cause, End};

/// A request to close a window with a vault that a quorum of custodians has unsealed.
#[derive(Debug)]
pub(crate) struct QuorumClose {
    pub(crate) vault: VaultFacts,
    /// The emergency user, with the closer's key and the emergency key.
    pub(crate) target: SealedTarget,
    /// Whether to close even if another machine opened the window, or if the user's state cannot be read.
    pub(crate) force: bool,
    pub(crate) ledger: Ledger,
    pub(crate) events: Events,
    /// The alert channels that are sealed in the vault.
    pub(crate) alerts: Vec<Channel>,
    pub(crate) release: Release,
    pub(crate) config: Config,
    pub(crate) preload: Preload,
}

/// A request to close a window with the credentials of an AWS profile. The vault stays sealed, so no alert is sent over
/// the alert channels in the vault.
#[derive(Debug)]
pub(crate) struct ProfileClose {
    pub(crate) vault: VaultFacts,
    pub(crate) target: TargetId,
    pub(crate) regions: Vec<String>,
    /// The name of a profile in the shared AWS configuration.
    pub(crate) profile: String,
    /// Whether to close even if another machine opened the window, or if the user's state cannot be read.
    pub(crate) force: bool,
    pub(crate) ledger: Ledger,
    pub(crate) events: Events,
    pub(crate) config: Config,
}

/// How the program confirmed that access is closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Proof {
    /// AWS refused the emergency key in a probe.
    Probed,
    /// IAM shows that `AWSDenyAll` is attached and the key is inactive.
    ReadBack,
}

/// Closes access with the vault's closer, and proves with the emergency key that access is closed.
///
/// # Errors
/// The error has exit status 10 if access is not proven closed.
pub(crate) fn close_with_quorum(request: QuorumClose) -> Result<Proof> {
    let QuorumClose { vault, target, force, ledger, events, alerts, release, config, mut preload } = request;
    let id = TargetId::from(&target);
    let Way::Gate(Gatekeepers { opener, closer, .. }) = target.way else {
        return Err(Error::usage("a role's session cannot be closed before it expires"));
    };
    drop(opener);
    let runtime = runtime()?;
    let aws = traced(&preload.config(&runtime), &ledger, &id);
    let region = target.regions.first().map_or("", String::as_str);
    let key = target.emergency.id.clone();
    let emergency = EmergencyUser::new(&aws, region, &target.emergency, None, SessionCall::GetSessionToken);
    let iam = IamCloser::new(&aws, &id, region, &closer);
    drop((closer, target.emergency, target.mfa));
    let close = Close {
        log: Log::new(aws.clock.clone(), &ledger, events),
        ledger: &ledger,
        vault: &vault,
        target: &id,
        profile: None,
        suggested: config.close_profile.as_deref(),
        force,
        key: Some(&key),
        release: Some(&release),
    };
    let alerts = Alerts::new(alerts, config.alerts, config.command, aws.without_credentials());
    let result = runtime.block_on(close.run(&iam, &emergency, alerts));
    runtime.shutdown_background();
    result
}

/// Closes access with a profile's credentials, and confirms by reading IAM that access is closed.
///
/// # Errors
/// The error has exit status 10 if IAM does not show that access is closed.
pub(crate) fn close_with_profile(request: ProfileClose) -> Result<Proof> {
    let ProfileClose { vault, target, regions, profile, force, ledger, events, config } = request;
    let runtime = runtime()?;
    let aws = traced(&Preload::start().config(&runtime), &ledger, &target);
    let region = regions.first().map_or("", String::as_str);
    let provider = provider(&profile, &runtime)?;
    let iam = IamCloser::with_config(&aws, &target, region, |region, tries| {
        aws.with_provider(provider.clone(), region, tries)
    });
    let close = Close {
        log: Log::new(aws.clock.clone(), &ledger, events),
        ledger: &ledger,
        vault: &vault,
        target: &target,
        profile: Some(&profile),
        suggested: Some(&profile),
        force,
        key: None,
        release: None,
    };
    let alerts = Alerts::new(Vec::new(), config.alerts, config.command, aws.without_credentials());
    let result = runtime.block_on(close.run(&iam, &NoEmergencyKey, alerts));
    runtime.shutdown_background();
    result
}

/// Looks in the ledger for a session that is not recorded as closed. If the ledger has such a session, every AWS call
/// of the close contains the session's id. Does not wait if another process has locked the ledger.
fn traced(aws: &AwsConfig, ledger: &Ledger, target: &TargetId) -> AwsConfig {
    let open = ledger.impatient().unclosed(&target.account, &target.user).unwrap_or_default();
    open.last().map_or_else(|| aws.clone(), |last| aws.for_session(last.session))
}

struct Close<'a> {
    log: Log<'a>,
    ledger: &'a Ledger,
    vault: &'a VaultFacts,
    target: &'a TargetId,
    profile: Option<&'a str>,
    /// The AWS profile that the suggested commands for closing use.
    suggested: Option<&'a str>,
    force: bool,
    /// The id of the sealed key, if it is known.
    key: Option<&'a str>,
    /// The custodians who gave shares. `None` for a close with a profile.
    release: Option<&'a Release>,
}

/// Why the program did not start to close.
enum Refusal {
    /// The credentials belong to another AWS account, or another machine opened the window. No session of this
    /// machine is affected.
    NotOurs(Error),
    /// Access might still be open, so an alert is sent.
    Unclear(Error),
}

/// The window to close. `gate` is the window that IAM shows. `until` is T1 of the last known window, from IAM or from
/// the ledger.
struct Existing {
    gate: Option<ParsedGate>,
    /// Whether this machine opened the window.
    is_own: bool,
    until: Option<Timestamp>,
}

impl Close<'_> {
    async fn run<E: Emergency>(&self, iam: &IamCloser, emergency: &E, alerts: Alerts) -> Result<Proof> {
        let mut signals = SessionSignals::new()?;
        let ours = self.unclosed_sessions();
        let last = ours.last().map(|last| last.session);
        let known_end = ours.iter().filter_map(|last| last.until).max();
        let mut announcer = Announcer::new(&self.log, alerts, self.notice(last, false));
        announcer.announce_closing(self.release.map(Release::detail));
        let Existing { gate, is_own, until } = match self.existing(iam, known_end).await {
            Ok(existing) => existing,
            Err(Refusal::NotOurs(error)) => {
                announcer.settle(AlertTopic::Closing, Duration::MAX, &mut signals).await;
                return Err(error);
            }
            Err(Refusal::Unclear(error)) => {
                let ending =
                    Ending { topic: AlertTopic::MayBeOpen, detail: error.what.clone(), until: error.until };
                announcer.announce_end(ending, false, &mut signals).await;
                return Err(error);
            }
        };
        let found = gate.map(|gate| gate.session);
        // A close ends all sessions of the user, so every session is recorded as closed.
        let others = ours.into_iter().map(|last| last.session).filter(|session| Some(*session) != found);
        let sessions: Vec<_> = others.chain(found).collect();
        let forced = found.is_some() && !is_own;
        announcer.set_session(sessions.last().copied(), forced);
        let context = RunContext::new(&self.log, &announcer, Runner::new(&self.log, &Work::Hold, None), None);
        let deny = self.target.deny_all_arn();
        let strategy = CloseGate { closer: iam, emergency, deny: &deny, key: self.key, session: None };
        let run = Run { context: &context, progress: &OpenProgress::default(), strategy: &strategy, until };
        let outcome = run.close(Cause::Asked, &mut signals).await;
        let result = self.finish(&outcome, &sessions, until);
        announcer.announce_end(ending(&outcome, &result, until), false, &mut signals).await;
        result
    }

    /// Reports whether this machine's ledger has the session's intent. Returns false if the ledger cannot be read.
    fn knows(&self, session: SessionId) -> bool {
        self.ledger.hurried().knows_session(session).unwrap_or(false)
    }

    /// Reports whether this machine's ledger records that the session was about to enable access. Returns false if
    /// the ledger cannot be read.
    fn enabled(&self, session: SessionId) -> bool {
        self.ledger.hurried().enabled_session(session).unwrap_or(false)
    }

    fn notice(&self, session: Option<SessionId>, forced: bool) -> Notice {
        let approved_by = self.release.map(|release| release.signed_by.clone()).unwrap_or_default();
        Notice { session, forced, approved_by, ..Notice::of(self.vault, self.target) }
    }

    fn how_to_close(&self) -> HowToClose {
        let key = self.key.map(str::to_owned);
        let profile = self.suggested.map(str::to_owned);
        HowToClose { vault: self.vault.path.clone(), target: self.target.clone(), key, role: None, profile }
    }

    /// Reads from IAM which window is open. Without `--force`, refuses to close a window that another machine opened.
    async fn existing(&self, iam: &IamCloser, known_end: Option<Timestamp>) -> Result<Existing, Refusal> {
        let how = self.how_to_close();
        self.check_account(iam).await.map_err(|refusal| match refusal {
            Refusal::Unclear(error) => {
                Refusal::Unclear(how.may_be_open(&error.what, known_end, self.log.now()))
            }
            Refusal::NotOurs(error) => Refusal::NotOurs(error),
        })?;
        let access = iam.read_access_state().await;
        let written = access.gate.as_ref().ok().and_then(Option::as_ref).and_then(parse_gate);
        let until = written.map(|found| found.until).or(known_end);
        let deny = self.target.deny_all_arn();
        let state = observe_complete(&access, &Scope { deny: &deny, keys: None }, self.log.now());
        // If this machine wrote a gate but did not enable access, the gate replaced the gate of another machine's
        // window.
        let (gate, is_own) = match state {
            UserState::Open { session, until } => {
                (Some(ParsedGate { session, until }), self.enabled(session))
            }
            UserState::Opening { session, until } => {
                (Some(ParsedGate { session, until }), self.knows(session))
            }
            UserState::Unknown(unread) | UserState::NotAtRest(unread) if !self.force => {
                let why = unread.first().map(|unread| unread.fault.to_string()).unwrap_or_default();
                let what = format!("the user's state could not be read ({why}), so nothing was done");
                let error = how.may_be_open(&what, until, self.log.now());
                return Err(Refusal::Unclear(error.next(how.by_force())));
            }
            UserState::AtRest
            | UserState::Unbounded
            | UserState::Untidy(_)
            | UserState::Drifted(_)
            | UserState::NotAtRest(_)
            | UserState::Unknown(_) => (None, false),
        };
        match gate {
            Some(ParsedGate { session, until }) if !self.force && !is_own => {
                let end = time_text::local(until);
                let what = format!(
                    "another machine opened a window: the gate of session {session} is in place until {end}; the window was left alone"
                );
                let error = Error::new(Status::MayBeOpen, what).next(how.by_force());
                Err(Refusal::NotOurs(error.until(Some(until))))
            }
            gate => Ok(Existing { gate, is_own, until }),
        }
    }

    /// Checks that the credentials belong to the target's account, and measures AWS's time.
    async fn check_account(&self, iam: &IamCloser) -> Result<(), Refusal> {
        match iam.identify().await {
            Ok(identity) if identity.account != self.target.account => {
                Err(Refusal::NotOurs(other_account(&identity.account, &self.target.account)))
            }
            Ok(_) => Ok(()),
            // The vault contains the account of the closer's key, so a close with the vault does not depend on STS.
            Err(fault) if self.profile.is_none() => {
                self.log.say(&format!("warning: could not get AWS's time: {fault}; closing anyway"));
                Ok(())
            }
            Err(fault) => Err(Refusal::Unclear(Error::failed(fault.to_string()))),
        }
    }

    /// Records in the ledger which sessions are closed, and returns the result of the command `close`.
    fn finish(
        &self,
        outcome: &RunOutcome,
        sessions: &[SessionId],
        until: Option<Timestamp>,
    ) -> Result<Proof> {
        let Some((probed, cause)) = outcome.closed_because() else {
            let error = self.how_to_close().may_be_open(&outcome.doubt(), until, self.log.now());
            self.log.say(&error.to_string());
            return Err(error.shown());
        };
        for &session in sessions {
            self.log.record(Record::Closed { session, probed, cause: cause.clone() });
        }
        self.log.emit(Event::Closed { session: sessions.last().copied(), probed, cause });
        match outcome.untidy(&self.how_to_close()) {
            Some(error) => Err(error),
            None => Ok(if probed { Proof::Probed } else { Proof::ReadBack }),
        }
    }

    /// Returns the sessions of this machine that the ledger does not record as closed. If the ledger is damaged,
    /// prints a warning and returns an empty list, because the close must continue.
    fn unclosed_sessions(&self) -> Vec<LastSession> {
        let TargetId { account, user, .. } = self.target;
        self.ledger.hurried().unclosed(account, user).unwrap_or_else(|error| {
            self.log.say(&format!("warning: {}", error.what));
            Vec::new()
        })
    }
}

fn ending(outcome: &RunOutcome, result: &Result<Proof>, until: Option<Timestamp>) -> Ending {
    let topic =
        if matches!(outcome.end, End::Closed(_)) { AlertTopic::Closed } else { AlertTopic::MayBeOpen };
    let detail = result.as_ref().map_or_else(|error| error.what.clone(), |_| messages::cause(Cause::Asked));
    Ending { topic, detail, until }
}
