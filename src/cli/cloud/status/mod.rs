//! `status`: shows whether a window might be open, which session opened it, and when it ends. The status comes from
//! the ledgers and, with `--profile`, from IAM.

mod readiness_text;
mod target_text;

use std::ffi::OsStr;
use std::path::PathBuf;

use super::args::StatusArgs;
use super::shipping;
use crate::aws::ReadCopy;
use crate::cli::input;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::events::{self, Event, ShippedCopy};
use crate::gate::SessionId;
use crate::gate::observed::UserState;
use crate::ledger::{
    self, ClockSource, ClockTime, Entry, LastSession, Ledger, Merged, Readiness, Record, TargetState,
    TargetStatus,
};
use crate::placeholder::{self, PROFILE, VAULT, VAULT_IS};
use crate::session::{self, StatusQuery};
use crate::shell;
use crate::terminal::{print, warning};
use crate::vault::file::Vault;
use crate::vault::manifest::{self, Lane};

/// Explains [`PROFILE`] in a command that reads the user from IAM.
const PROFILE_READS: &str = "NAME is an AWS profile that is allowed to read the user";

/// The validated arguments of `status`.
struct StatusRequest {
    path: Option<PathBuf>,
    vault: Option<Vault>,
    profile: Option<String>,
    json: bool,
}

/// What IAM showed to the profile.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Seen {
    /// IAM was not asked, or did not answer.
    Nothing,
    /// Only users of another account.
    OtherUsers,
    /// The user, or that the profile is not allowed to read the user.
    ThisUser,
}

/// Prints the status of each emergency user. If IAM or a ledger cannot be read, the status comes from the other
/// sources.
pub fn run(arguments: StatusArgs) -> Result<()> {
    let StatusArgs { vault: path, profile, json } = arguments;
    let vault = path.as_deref().map(input::vault).transpose()?;
    StatusRequest { path, vault, profile, json: json.json }.run()
}

impl StatusRequest {
    fn run(&self) -> Result<()> {
        let Ledgers { own, entries, copy, close_profile, mut unread } = Ledgers::read();
        if let Some(error) = unread.take_if(|_| own.is_none() && self.profile.is_none()) {
            return Err(error);
        }
        if let Some(error) = &unread {
            warning(&error.what);
        }
        let known = ledger::last(&entries);
        let asked = asked(self.vault.as_ref(), &known);
        if let Some(error) = unread.take_if(|_| asked.is_empty()) {
            return Err(error);
        }
        let (seen, now) = self.look(&asked, &mut unread);
        let answered = if seen.iter().any(Option::is_some) { Seen::OtherUsers } else { Seen::Nothing };
        let mut standings = Vec::new();
        for (query, seen) in asked.into_iter().zip(seen) {
            let StatusQuery { target, lane, .. } = &query;
            let last = known.iter().find(|last| last.is_of(target, *lane));
            let standing = TargetStatus::of(target.clone(), *lane, last, seen.as_ref(), now);
            let this_machine =
                standing.session.is_some_and(|session| own.iter().flatten().any(|own| *own == session));
            let seen = if seen.is_some() { Seen::ThisUser } else { answered };
            let next = self.next(&query, &standing, last, (seen, close_profile.as_deref()));
            standings.push(TargetStatus { this_machine, next, ..standing });
        }
        let kept = self.vault.as_ref().filter(|vault| vault.manifest.drill_of.is_none());
        let readiness = kept.map(|vault| Readiness::of(&entries, &vault.manifest, now.time));
        self.print(&standings, copy.as_ref(), readiness.as_ref(), now)?;
        self.verdict(&standings, unread, readiness.as_ref())
    }

    /// Returns the state of each user in IAM, and the current time. The time is AWS's time if IAM was read, or if the
    /// end of a role's session depends on it; otherwise, or if AWS does not answer, it is the time of the local clock.
    fn look(&self, asked: &[StatusQuery], unread: &mut Option<Error>) -> (Vec<Option<UserState>>, ClockTime) {
        let (seen, now) = self.look_at_iam(asked, unread);
        let role = asked.iter().find(|query| query.lane == Lane::Static);
        let now = match role.filter(|_| now.clock == ClockSource::Local) {
            None => now,
            Some(query) => session::aws_time(&query.region).map_or_else(
                |fault| {
                    warning(format_args!("AWS's time could not be read: {fault}"));
                    now
                },
                ClockTime::aws,
            ),
        };
        (seen, now)
    }

    fn look_at_iam(
        &self,
        asked: &[StatusQuery],
        unread: &mut Option<Error>,
    ) -> (Vec<Option<UserState>>, ClockTime) {
        let mut warn = |error: Error| {
            warning(&error.what);
            *unread = Some(error);
        };
        let not_asked = || (asked.iter().map(|_| None).collect(), ClockTime::local());
        let Some(profile) = self.profile.as_ref().filter(|_| !asked.is_empty()) else { return not_asked() };
        let (seen, now) = match session::read_status(profile, asked) {
            Ok(read) => read,
            Err(error) => {
                warn(error);
                return not_asked();
            }
        };
        for (StatusQuery { target, .. }, seen) in asked.iter().zip(&seen) {
            if let Some(UserState::Unknown(failed)) = seen {
                let why = failed.first().map(|failed| failed.fault.to_string()).unwrap_or_default();
                let (user, account) = (&target.user, &target.account);
                let error =
                    Error::failed(format!("user {user} in account {account} could not be read: {why}"));
                warn(error.next(may_not_read(profile, user)));
            }
        }
        (seen, now)
    }

    fn print(
        &self,
        standings: &[TargetStatus],
        copy: Option<&Result<ReadCopy, String>>,
        readiness: Option<&Readiness>,
        now: ClockTime,
    ) -> Result<()> {
        if self.json {
            let shipped_copy = copy.map(|copy| ShippedCopy {
                read: copy.is_ok(),
                records: copy.as_ref().map_or(0, |copy| copy.records),
                why: copy.as_ref().err().map(String::as_str),
            });
            let may_be_open = TargetStatus::any_may_be_open(standings);
            let event = Event::Status { may_be_open, targets: standings, shipped_copy, readiness };
            return print::exact(&(events::line(now.time, event)? + "\n"));
        }
        let copy =
            copy.map(|copy| format!("shipped copy {}\n", shipping::copy_text(copy))).unwrap_or_default();
        let readiness =
            readiness.map(|readiness| readiness_text::text(readiness, now.time)).unwrap_or_default();
        print::result(&(target_text::text(standings, self.profile.is_some()) + &copy + &readiness))
    }

    /// Fails with the exit status of the targets' states. Fails with status 1 also if no target is known, if a source
    /// could not be read, or if a task is overdue.
    fn verdict(
        &self,
        standings: &[TargetStatus],
        unread: Option<Error>,
        readiness: Option<&Readiness>,
    ) -> Result<()> {
        let worst = TargetStatus::worst(standings);
        if let Some(failed) = worst.filter(|worst| worst.state != TargetState::Unknown) {
            return Err(target_text::error(failed));
        }
        // The error of a source says more than a state that is not known.
        unread.map_or(Ok(()), Err)?;
        if let Some(unknown) = worst {
            return Err(target_text::error(unknown));
        }
        if standings.is_empty() {
            let what = "no session is recorded on this machine; whether access is open is not known";
            return Err(Error::failed(what).next(self.ask_iam(None, false)));
        }
        match readiness.map(|readiness| readiness.overdue.as_slice()) {
            None | Some([]) => Ok(()),
            Some([first, ..]) => Err(Error::failed("a task is overdue for this vault").next(first.clone())),
        }
    }

    /// Returns the next step for a target: the commands that close access, or the command that shows the state.
    fn next(
        &self,
        query: &StatusQuery,
        standing: &TargetStatus,
        last: Option<&LastSession>,
        (seen, close_profile): (Seen, Option<&str>),
    ) -> Option<String> {
        let StatusQuery { target, region, lane } = query;
        standing.state.failure()?;
        if standing.state != TargetState::Unknown {
            let role = last.and_then(|last| last.role.clone());
            let profile = self.profile.as_deref().or(close_profile);
            return Some(session::how_to_close(self.path.as_deref(), (target, *lane), role, profile));
        }
        Some(match (lane, &self.profile) {
            (Lane::Static, _) => session::find_role_sessions(target, region),
            (Lane::Gate, Some(profile)) if seen == Seen::ThisUser => may_not_read(profile, &target.user),
            (Lane::Gate, Some(profile)) if seen == Seen::Nothing => self.ask_iam(Some(profile), true),
            // The profile is of another account.
            (Lane::Gate, Some(_)) => self.ask_iam(None, true),
            (Lane::Gate, None) => self.ask_iam(close_profile, true),
        })
    }

    /// Returns the command that asks IAM. `recorded` is whether the ledgers name a user; then the command needs no
    /// vault.
    fn ask_iam(&self, profile: Option<&str>, recorded: bool) -> String {
        let vault = match &self.path {
            Some(path) => format!(" {}", shell::path(path)),
            None if recorded => String::new(),
            None => format!(" {VAULT}"),
        };
        let explained = placeholder::explained(&[
            (self.path.is_none() && !recorded).then_some(VAULT_IS),
            profile.is_none().then_some(PROFILE_READS),
        ]);
        let profile = profile.map_or_else(|| PROFILE.into(), |name| shell::word(OsStr::new(name)));
        format!("ask IAM: breakglass status{vault} --profile {}{explained}", profile.to_string_lossy())
    }
}

/// Returns the next step if a profile is not allowed to read a user.
fn may_not_read(profile: &str, user: &str) -> String {
    format!(
        "allow the profile {profile} iam:GetUserPolicy, iam:ListAttachedUserPolicies and iam:ListAccessKeys on user \
         {user}, or ask with another profile"
    )
}

/// The records of all ledgers that this machine can read.
struct Ledgers {
    /// The sessions in this machine's ledger; `None` if that ledger could not be read.
    own: Option<Vec<SessionId>>,
    /// The records of all ledgers, ordered by time.
    entries: Vec<Entry>,
    /// The copies of ledgers in the bucket, or why they were not read. `None` if no bucket is configured.
    copy: Option<Result<ReadCopy, String>>,
    /// The profile in the configuration with which the operator can close access.
    close_profile: Option<String>,
    /// The error of a ledger or of the configuration that could not be read. The configuration lists the ledgers of
    /// other machines.
    unread: Option<Error>,
}

impl Ledgers {
    fn read() -> Self {
        let ledger = Ledger::at_default();
        let (config, no_config) = match Config::load() {
            Ok(config) => (config, None),
            Err(error) => (Config::default(), Some(error)),
        };
        let copy = shipping::read_copy(&config, &ledger).map(shipping::CopyReading::finish);
        let copies =
            copy.as_ref().and_then(|copy| Some(copy.as_ref().ok()?.ledgers.clone())).unwrap_or_default();
        let (others, close_profile) = (config.ledgers, config.close_profile);
        let intended = |entry: &Entry| match entry.record {
            Record::Intent { session, .. } => Some(session),
            _ => None,
        };
        let (own, seen, unread) = match ledger.entries() {
            Ok(own) => match ledger.entries_with_copies(&others, copies) {
                Ok(seen) => (Some(own.iter().filter_map(intended).collect()), seen, None),
                Err(error) => (None, Merged::default(), Some(error)),
            },
            Err(error) => (None, ledger::read_all_with(&others, copies), Some(error)),
        };
        let entries = seen.entries();
        let wrong = seen.files.into_iter().find_map(|file| file.wrong);
        Self { own, entries, copy, close_profile, unread: unread.or(no_config).or(wrong) }
    }
}

/// Returns the users to show: the vault's targets or, without a vault, every user in the ledgers.
fn asked(vault: Option<&Vault>, known: &[LastSession]) -> Vec<StatusQuery> {
    let Some(vault) = vault else {
        let of = |last: &LastSession| StatusQuery {
            target: last.target.clone(),
            region: last.region.clone().unwrap_or_else(|| last.target.iam_region().to_owned()),
            lane: last.lane,
        };
        return known.iter().map(of).collect();
    };
    let lane = vault.manifest.lane;
    let of = |target: &manifest::TargetSummary| {
        let region = target.regions.first().cloned().unwrap_or_default();
        StatusQuery { target: target.into(), region, lane }
    };
    vault.manifest.targets.iter().map(of).collect()
}
