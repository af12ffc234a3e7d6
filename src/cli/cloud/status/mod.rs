//! `status`: shows whether a window might be open, which session opened it, and when it ends. The status comes from
//! the ledgers and, with `--profile`, from IAM.

mod readiness_text;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::args::StatusArgs;
use super::shipping;
use crate::aws::ReadCopy;
use crate::cli::input;
use crate::config::Config;
use crate::error::{Error, Result, Status};
use crate::events::{self, Event, ShippedCopy};
use crate::gate::SessionId;
use crate::gate::observed::UserState;
use crate::ledger::{
    self, Entry, LastSession, Ledger, Merged, Readiness, Record, StatusSource, TargetState, TargetStatus,
};
use crate::session::{self, StatusQuery};
use crate::terminal::{print, warning};
use crate::time_text;
use crate::vault::file::Vault;
use crate::vault::manifest;
use crate::vault::target::TargetId;

/// The validated arguments of `status`.
struct StatusRequest {
    path: Option<PathBuf>,
    vault: Option<Vault>,
    profile: Option<String>,
    json: bool,
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
        let Ledgers { own, entries, copy, mut unread } = Ledgers::read();
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
        let mut standings = Vec::new();
        for (StatusQuery { target, lane, .. }, seen) in asked.into_iter().zip(seen) {
            let last = known.iter().find(|last| last.is_of(&target, lane));
            let standing = TargetStatus::of(target, lane, last, seen.as_ref(), now);
            let this_machine =
                standing.session.is_some_and(|session| own.iter().flatten().any(|own| *own == session));
            standings.push(TargetStatus { this_machine, ..standing });
        }
        let kept = self.vault.as_ref().filter(|vault| vault.manifest.drill_of.is_none());
        let readiness = kept.map(|vault| Readiness::of(&entries, &vault.manifest, now));
        self.print(&standings, copy.as_ref(), readiness.as_ref(), now)?;
        self.verdict(&standings, unread, readiness.as_ref())
    }

    /// Returns the state of each user in IAM, and the current time by AWS's clock. Without `--profile`, or if AWS
    /// does not answer, the time comes from the local clock.
    fn look(&self, asked: &[StatusQuery], unread: &mut Option<Error>) -> (Vec<Option<UserState>>, Timestamp) {
        let mut warn = |error: Error| {
            warning(&error.what);
            *unread = Some(error);
        };
        let not_asked = || (asked.iter().map(|_| None).collect(), Timestamp::now());
        let Some(profile) = &self.profile else { return not_asked() };
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
                warn(error.next("use a profile that is allowed to read the user"));
            }
        }
        (seen, now)
    }

    fn print(
        &self,
        standings: &[TargetStatus],
        copy: Option<&Result<ReadCopy, String>>,
        readiness: Option<&Readiness>,
        now: Timestamp,
    ) -> Result<()> {
        if self.json {
            let may_be_open = standings.iter().any(|standing| standing.may_be_open);
            let shipped_copy = copy.map(|copy| ShippedCopy {
                read: copy.is_ok(),
                records: copy.as_ref().map_or(0, |copy| copy.records),
                why: copy.as_ref().err().map(String::as_str),
            });
            let event = Event::Status { may_be_open, targets: standings, shipped_copy, readiness };
            return print::exact(&(events::line(now, event)? + "\n"));
        }
        let copy =
            copy.map(|copy| format!("shipped copy {}\n", shipping::copy_text(copy))).unwrap_or_default();
        let readiness = readiness.map(|readiness| readiness_text::text(readiness, now)).unwrap_or_default();
        print::result(&(text(standings, self.profile.is_some()) + &copy + &readiness))
    }

    /// Fails with status 10 if a window might be open. Fails with status 1 if a user is not at rest, a source could
    /// not be read, or a task is overdue.
    fn verdict(
        &self,
        standings: &[TargetStatus],
        unread: Option<Error>,
        readiness: Option<&Readiness>,
    ) -> Result<()> {
        let how_to_close =
            |of: &TargetStatus| session::how_to_close(self.path.as_deref(), &of.target, of.lane);
        if let Some(open) = standings.iter().find(|standing| standing.may_be_open) {
            let what = format!("access may be open on user {}", open.target.user);
            return Err(Error::new(Status::MayBeOpen, what).until(open.until).next(how_to_close(open)));
        }
        if let Some(standing) = standings.iter().find(|standing| standing.state == TargetState::NotAtRest) {
            return Err(Error::failed(format!("user {} is not at rest", standing.target.user))
                .next(how_to_close(standing)));
        }
        unread.map_or(Ok(()), Err)?;
        if let Some(standing) = standings.iter().find(|standing| standing.state == TargetState::Unknown) {
            return Err(self.unknown(standing));
        }
        match readiness.map(|readiness| readiness.overdue.as_slice()) {
            None | Some([]) => Ok(()),
            Some([first, ..]) => Err(Error::failed("a task is overdue for this vault").next(first.clone())),
        }
    }
}

impl StatusRequest {
    /// Returns the error of a target whose state neither a ledger nor IAM shows.
    fn unknown(&self, standing: &TargetStatus) -> Error {
        let TargetId { user, account, .. } = &standing.target;
        let vault = self.path.as_deref().unwrap_or(Path::new("VAULT")).display();
        let next = match &self.profile {
            None => format!("ask IAM: breakglass status {vault} --profile NAME"),
            Some(_) => "use a profile that is allowed to read the user".to_owned(),
        };
        Error::failed(format!("whether access is open on user {user} in account {account} is not known"))
            .next(next)
    }
}

/// The records of all ledgers that this machine can read.
struct Ledgers {
    /// The sessions in this machine's ledger; `None` if that ledger could not be read.
    own: Option<Vec<SessionId>>,
    /// The records of all ledgers, ordered by time.
    entries: Vec<Entry>,
    /// The copies of ledgers in the bucket, or why they were not read. `None` if no bucket is configured.
    copy: Option<Result<ReadCopy, String>>,
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
        let others = config.ledgers;
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
        Self { own, entries, copy, unread: unread.or(no_config).or(wrong) }
    }
}

/// Returns the users to show: the vault's targets or, without a vault, every user in the ledgers.
fn asked(vault: Option<&Vault>, known: &[LastSession]) -> Vec<StatusQuery> {
    let Some(vault) = vault else {
        let of = |last: &LastSession| StatusQuery {
            target: last.target.clone(),
            region: last.target.iam_region().to_owned(),
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

fn text(standings: &[TargetStatus], iam_was_asked: bool) -> String {
    if standings.is_empty() {
        return "no session recorded on this machine\n".into();
    }
    let mut text = String::new();
    for standing in standings {
        let TargetStatus { target, session, until, .. } = standing;
        let until = until.map_or_else(String::new, |until| format!(" {}", time_text::local(until)));
        let session = session.map_or_else(String::new, |session| {
            format!(
                ", session {session} of {}",
                if standing.this_machine { "this machine" } else { "another machine" }
            )
        });
        let state = match standing.state {
            TargetState::Closed => "closed".to_owned(),
            TargetState::Open if until.is_empty() => "MAY BE OPEN, and its end is not known".to_owned(),
            TargetState::Open => format!("MAY BE OPEN until{until}{session}"),
            TargetState::Unproven => {
                format!("NOT PROVEN CLOSED; the window's end,{until}, has passed{session}")
            }
            TargetState::Unknown => "UNKNOWN; no session of this user is recorded here".to_owned(),
            TargetState::NotAtRest => {
                "not open, but not at rest: AWSDenyAll is missing or a key is active".to_owned()
            }
        };
        let source = match standing.source {
            StatusSource::Iam => "from IAM",
            StatusSource::Ledger if iam_was_asked => "from the ledgers; IAM does not show the state",
            StatusSource::Ledger => "from the ledgers; IAM was not asked",
        };
        let _ = writeln!(
            text,
            "{}: user {} in account {}: {state} ({source})",
            target.name, target.user, target.account
        );
    }
    text
}
