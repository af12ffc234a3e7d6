//! `close`: ends what a run left behind, from any machine, with a quorum's closer or anybody's own profile.

use std::cell::Cell;

use jiff::Timestamp;

use crate::alert::{Alerts, Notice};
use crate::config::Config;
use crate::error::{Error, Result, Status};
use crate::events::{Event, Events};
use crate::gate::host::Reporter;
use crate::gate::iam::{Caller, Closer, Emergency};
use crate::gate::open::other_account;
use crate::gate::policy::{ParsedGate, parse_gate};
use crate::gate::snapshot::AccessState;
use crate::gate::{OpenProgress, SessionId};
use crate::ledger::{AlertTopic, LastSession, Ledger, Record, VaultFacts};
use crate::vault::payload::{Channel, Gatekeepers, Target, Way};
use crate::window::{Cause, End};

use crate::aws::clients::AwsConfig;
use crate::aws::emergency::{EmergencyUser, NoEmergencyKey, SessionCall};
use crate::aws::preload::{Preload, runtime};
use crate::aws::principals::{IamCloser, Place};
use crate::aws::profile::provider;
use crate::session::announce::Telling;
use crate::session::closer::Closing as Shut;
use crate::session::context::Stage;
use crate::session::driver::shut;
use crate::session::messages::{self, HowToClose};
use crate::terminal::print;
use crate::terminal::signals::SessionSignals;
use crate::vault::target::{TargetId, deny_all_arn};

/// A close that a quorum has agreed to.
#[derive(Debug)]
pub struct Closing {
    /// The vault it came from.
    pub vault: VaultFacts,
    /// The user, with the closer's and the emergency key; the opener is dropped at once.
    pub target: Target,
    /// Somebody else's window too.
    pub force: bool,
    /// Where it is recorded.
    pub ledger: Ledger,
    /// Where it is told to machines.
    pub events: Events,
    /// The sealed channels.
    pub alerts: Vec<Channel>,
    /// What this machine adds.
    pub config: Config,
    /// What was made ready meanwhile.
    pub preload: Preload,
}

/// A close with ambient credentials.
#[derive(Debug)]
pub struct CloseByProfile {
    /// The vault that names the user.
    pub vault: VaultFacts,
    /// The user.
    pub target: TargetId,
    /// The target's regions.
    pub regions: Vec<String>,
    /// The profile in the shared AWS configuration.
    pub profile: String,
    /// Somebody else's window too.
    pub force: bool,
    /// Where it is recorded.
    pub ledger: Ledger,
    /// Where it is told to machines.
    pub events: Events,
    /// What this machine adds: the sealed channels stay sealed.
    pub config: Config,
}

/// Shuts the user with the vault's closer, and proves it with the probe.
///
/// # Errors
/// With status 10 unless access is proven shut.
pub fn close_with_quorum(closing: Closing) -> Result<()> {
    let Closing { vault, target, force, ledger, events, alerts, config, mut preload } = closing;
    let Way::Gate(Gatekeepers { opener, closer, .. }) = target.way else {
        return Err(Error::usage("a role's session cannot be closed before its time"));
    };
    drop(opener);
    let runtime = runtime()?;
    let base = preload.base(&runtime);
    let place = Place {
        partition: target.partition,
        region: target.regions.first().cloned().unwrap_or_default(),
        user: target.user,
        boundary: None,
    };
    let keys = [target.emergency.id.clone()];
    let emergency =
        EmergencyUser::new(&base, &place.region, &target.emergency, None, SessionCall::GetSessionToken);
    let own_closer = IamCloser::new(&base, &place, &closer);
    drop((closer, target.emergency, target.mfa));
    let alerts = Alerts::new(alerts, config.alerts, config.command, base.without_credentials());
    let asked = Asked {
        alerts: Cell::new(alerts),
        vault,
        target: target.name,
        profile: None,
        place,
        account: target.account,
        force,
        ledger,
        events,
        keys: Some(&keys),
    };
    let result = runtime.block_on(asked.shut(&base, &own_closer, &emergency));
    runtime.shutdown_background();
    result
}

/// Shuts the user with a profile's credentials; proof is what IAM shows.
///
/// # Errors
/// With status 10 unless access is proven shut.
pub fn close_with_profile(closing: CloseByProfile) -> Result<()> {
    let CloseByProfile { vault, target, regions, profile, force, ledger, events, config } = closing;
    let TargetId { name, partition, account, user } = target;
    let runtime = runtime()?;
    let base = Preload::start().base(&runtime);
    let place =
        Place { partition, region: regions.first().cloned().unwrap_or_default(), user, boundary: None };
    let provider = provider(&profile, &runtime)?;
    let closer = IamCloser::with_config(&base, &place, |region, tries| {
        base.with_provider(provider.clone(), region, tries)
    });
    let profile = Some(profile.as_str());
    let alerts =
        Cell::new(Alerts::new(Vec::new(), config.alerts, config.command, base.without_credentials()));
    let asked =
        Asked { alerts, vault, target: name, profile, place, account, force, ledger, events, keys: None };
    let result = runtime.block_on(asked.shut(&base, &closer, &NoEmergencyKey));
    runtime.shutdown_background();
    result
}

/// A close and whom it is about.
struct Asked<'a> {
    /// Taken by the stage.
    alerts: Cell<Alerts>,
    vault: VaultFacts,
    target: String,
    profile: Option<&'a str>,
    place: Place,
    account: String,
    force: bool,
    ledger: Ledger,
    events: Events,
    keys: Option<&'a [String]>,
}

impl Asked<'_> {
    async fn shut<E: Emergency>(&self, base: &AwsConfig, closer: &IamCloser, emergency: &E) -> Result<()> {
        let mut signals = SessionSignals::new()?;
        let how = HowToClose {
            vault: self.vault.path.clone(),
            target: self.target.clone(),
            partition: self.place.partition.clone(),
            user: self.place.user.clone(),
            key: self.keys.and_then(|keys| keys.first().cloned()),
            role: None,
        };
        let mut stage = Stage::new(base.clock.clone(), &self.ledger, self.events, how);
        let own = self.own_sessions(&stage);
        stage.until.set(own.iter().filter_map(|last| last.until).max());
        let last = own.last().map(|last| last.session);
        stage.telling = Telling::new(self.alerts.take(), self.notice(last, false));
        let found = match self.may_be_closed(closer, &stage).await {
            Ok(found) => found,
            Err(error) => {
                // Another's window that was left alone is their business; a close that could not begin is everybody's.
                if !stage.doubt.borrow().is_empty() {
                    stage.tell_last(AlertTopic::MayBeOpen, Some(error.what.clone()), &mut signals).await;
                }
                return Err(error);
            }
        };
        let deny = deny_all_arn(&self.place.partition);
        let closing = Shut { closer, emergency, deny: &deny, keys: self.keys, own: false };
        let end = shut(&stage, &OpenProgress::default(), &closing, &mut signals, Cause::Asked).await;
        let found = found.map(|found| found.session);
        let own = own.into_iter().map(|last| last.session).filter(|own| Some(*own) != found);
        // The user is shut, and with it every session on it.
        let sessions: Vec<_> = own.chain(found).collect();
        let forced = found.is_some_and(|found| !self.knows(found));
        stage.telling.is_about(self.notice(sessions.last().copied(), forced));
        let result = self.finish(&stage, &sessions, end);
        stage.say_what_may_be_open(&result);
        let about = if matches!(end, End::Shut(_)) { AlertTopic::Closed } else { AlertTopic::MayBeOpen };
        let detail =
            result.as_ref().map_or_else(|error| error.what.clone(), |()| messages::cause(Cause::Asked));
        stage.tell_last(about, Some(detail), &mut signals).await;
        result
    }

    /// This machine's ledger intended the session; one that cannot be read says nothing.
    fn knows(&self, session: SessionId) -> bool {
        self.ledger.hurried().knows_session(session).unwrap_or(false)
    }

    /// What the notice of this close says.
    fn notice(&self, session: Option<SessionId>, forced: bool) -> Notice {
        let target = TargetId {
            name: self.target.clone(),
            partition: self.place.partition.clone(),
            account: self.account.clone(),
            user: self.place.user.clone(),
        };
        Notice { session, forced, ..Notice::of(&self.vault, &target) }
    }

    /// The window that is there, if it may be closed: one's own, or by force another's.
    async fn may_be_closed(&self, closer: &IamCloser, stage: &Stage<'_>) -> Result<Option<ParsedGate>> {
        let now = || stage.clock.now();
        let doubt = |why: &str| {
            stage.unproven(why.to_owned());
            stage.how_to_close.may_be_open(why, stage.until.get(), now())
        };

        match closer.identify().await {
            Ok(identity) if identity.account != self.account => {
                return Err(other_account(&identity.account, &self.account));
            }
            Ok(_) => {}
            // Whose the vault's own closer is, the vault says: STS is not needed to close.
            Err(fault) if self.profile.is_none() => {
                stage.say(&format!("warning: asking AWS for the time failed: {fault}; closing all the same"));
            }
            Err(fault) => return Err(doubt(&fault.to_string())),
        }
        let access = closer.read_access_state().await;
        if let Some(ParsedGate { until, .. }) =
            access.gate.as_ref().ok().and_then(Option::as_ref).and_then(parse_gate)
        {
            stage.until.set(Some(until));
        }
        let found = gate_ahead(&access, &deny_all_arn(&self.place.partition), now());
        let found = match found {
            Ok(found) => found,
            Err(_) if self.force => None,
            Err(why) => {
                let error =
                    doubt(&format!("the user's state could not be read ({why}), so nothing was done"));
                return Err(error.next(stage.how_to_close.by_force(self.profile)));
            }
        };
        if let Some(ParsedGate { session, until }) = found {
            // By force it is closed whosever it is: then nobody is asked whose.
            if !self.force && !self.knows(session) {
                let what = format!(
                    "session {session} is somebody else's window, open until {}; it was left alone",
                    messages::clock(until)
                );
                let next = stage.how_to_close.by_force(self.profile);
                return Err(Error::new(Status::MayBeOpen, what).until(Some(until)).next(next));
            }
        }
        Ok(found)
    }

    fn finish(&self, stage: &Stage<'_>, sessions: &[SessionId], end: End) -> Result<()> {
        if !matches!(end, End::Shut(_)) {
            let doubt = stage.doubt.take();
            return Err(stage.how_to_close.may_be_open(&doubt, stage.until.get(), stage.clock.now()));
        }
        let probed = stage.probed.get().unwrap_or(false);
        let cause = messages::cause(Cause::Asked);
        for &session in sessions {
            stage.record(Record::Closed { session, probed, cause: cause.clone() });
        }
        stage.emit(Event::Closed { session: sessions.last().copied(), probed, cause });
        if let Some(error) = stage.failure.take() {
            return Err(error);
        }
        let how = if probed { "probed" } else { "read back, not probed" };
        let (user, account) = (&self.place.user, &self.account);
        if self.events.are_wanted() {
            return Ok(());
        }
        print::result(&format!("shut: user {user} in account {account} ({how})\n"))
    }

    /// The sessions of this ledger that were not closed; a damaged ledger stops no close.
    fn own_sessions(&self, stage: &Stage<'_>) -> Vec<LastSession> {
        self.ledger.hurried().unclosed(&self.account, &self.place.user).unwrap_or_else(|error| {
            stage.say(&format!("warning: {}", error.what));
            Vec::new()
        })
    }
}

/// A gate whose end is ahead on a user that is not at rest: open, or being opened.
pub(crate) fn gate_ahead(
    access: &AccessState,
    deny: &str,
    now: Timestamp,
) -> std::result::Result<Option<ParsedGate>, String> {
    for fault in [access.attached.as_ref().err(), access.keys.as_ref().err(), access.gate.as_ref().err()] {
        fault.map_or(Ok(()), |fault| Err(fault.to_string()))?;
    }
    let gate = access.gate.as_ref().ok().and_then(Option::as_ref);
    let found = gate.and_then(parse_gate).filter(|found| found.until > now);
    Ok(found.filter(|_| !access.is_at_rest(deny)))
}
