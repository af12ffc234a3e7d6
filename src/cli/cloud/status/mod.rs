//! `status`: may a window be open, whose, until when; from this machine's ledger, and from IAM where that is asked.

mod upkeep_words;

use jiff::Timestamp;
use std::fmt::Write as _;

use crate::cli::{args, input};
use crate::config::Config;
use crate::error::{Error, Result, Status};
use crate::events::{self, Event};
use crate::gate::SessionId;
use crate::gate::observed::UserState;
use crate::ledger::{
    self, Entry, LastSession, Ledger, Merged, Readiness, Record, StatusSource, TargetState, TargetStatus,
};
use crate::session::{self, StatusQuery};
use crate::terminal::{print, warning};
use crate::vault::file::Vault;
use crate::vault::manifest;

/// Prints it; the exit status says it too. Where IAM cannot be asked, the ledgers still say what they know, and where a
/// ledger cannot be read, the others and IAM do.
pub fn run(arguments: &args::Status) -> Result<()> {
    let vault = arguments.vault.as_deref().map(input::vault).transpose()?;
    let Read { own, entries, mut unread } = Read::now();
    if let Some(error) = unread.take_if(|_| own.is_none() && arguments.profile.is_none()) {
        return Err(error);
    }
    if let Some(error) = &unread {
        warning(&error.what);
    }
    let own = own.unwrap_or_default();
    let known = ledger::last(&entries);
    let asked = asked(vault.as_ref(), &known);
    if let Some(error) = unread.take_if(|_| asked.is_empty()) {
        return Err(error);
    }
    let not_asked = || (asked.iter().map(|_| None).collect(), Timestamp::now());
    let (seen, now): (Vec<Option<UserState>>, _) = match &arguments.profile {
        Some(profile) => session::read_status(profile, &asked).unwrap_or_else(|error| {
            warning(&error.what);
            unread = Some(error);
            not_asked()
        }),
        None => not_asked(),
    };
    let mut standings = Vec::new();
    for (StatusQuery { target, lane, .. }, seen) in asked.into_iter().zip(seen) {
        if let Some(UserState::Unknown(failed)) = &seen {
            let why = failed.first().map(|failed| failed.fault.to_string()).unwrap_or_default();
            let what = format!("user {} in account {} could not be read: {why}", target.user, target.account);
            warning(&what);
            unread = Some(Error::failed(what).next("use a profile that may read the user"));
        }
        let last = known.iter().find(|last| last.is_of(&target, lane));
        let standing = TargetStatus::of(target, lane, last, seen.as_ref(), now);
        let own = standing.session.is_some_and(|session| own.contains(&session));
        standings.push(TargetStatus { own, ..standing });
    }
    let kept = vault.as_ref().filter(|vault| vault.manifest.drill_of.is_none());
    let upkeep = kept.map(|vault| Readiness::of(&entries, &vault.manifest, now));
    if arguments.json {
        let may_be_open = standings.iter().any(|standing| standing.may_be_open);
        let event = Event::Status { may_be_open, targets: &standings, upkeep: upkeep.as_ref() };
        print::exact(&(events::line(now, event)? + "\n"))?;
    } else {
        let kept = upkeep.as_ref().map(|upkeep| upkeep_words::text(upkeep, now)).unwrap_or_default();
        print::result(&(text(&standings, arguments.profile.is_some()) + &kept))?;
    }
    verdict(arguments, &standings, unread, upkeep.as_ref())
}

/// What the ledgers that this machine sees say.
struct Read {
    /// The sessions of this machine's own; `None` when that could not be read.
    own: Option<Vec<SessionId>>,
    /// All records, by time.
    entries: Vec<Entry>,
    /// The first that could not be read, the configuration that names them included: then nobody knows that all is well.
    unread: Option<Error>,
}

impl Read {
    fn now() -> Self {
        let ledger = Ledger::at_default();
        let (others, no_config) = match Config::load() {
            Ok(config) => (config.ledgers, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let intended = |entry: &Entry| match entry.record {
            Record::Intent { session, .. } => Some(session),
            _ => None,
        };
        let (own, seen, unread) = match ledger.entries() {
            Ok(own) => match ledger.entries_with(&others) {
                Ok(seen) => (Some(own.iter().filter_map(intended).collect()), seen, None),
                Err(error) => (None, Merged::default(), Some(error)),
            },
            Err(error) => (None, ledger::read_all(&others), Some(error)),
        };
        let entries = seen.entries();
        let wrong = seen.files.into_iter().find_map(|file| file.wrong);
        Self { own, entries, unread: unread.or(no_config).or(wrong) }
    }
}

/// Whom it is about: the vault's targets, or every user that was ever opened as far as these ledgers know.
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
    let of = |target: &manifest::Target| {
        let region = target.regions.first().cloned().unwrap_or_default();
        StatusQuery { target: target.into(), region, lane }
    };
    vault.manifest.targets.iter().map(of).collect()
}

fn text(standings: &[TargetStatus], iam_was_asked: bool) -> String {
    if standings.is_empty() {
        return "no window was ever opened from this machine\n".into();
    }
    let mut text = String::new();
    for standing in standings {
        let TargetStatus { target, session, until, .. } = standing;
        let until = until.map_or_else(String::new, |until| format!(" {}", session::clock_words(until)));
        let session = session.map_or_else(String::new, |session| {
            format!(
                ", session {session} of {}",
                if standing.own { "this machine" } else { "another machine" }
            )
        });
        let state = match standing.state {
            TargetState::Closed => "closed".to_owned(),
            TargetState::Open if until.is_empty() => {
                "MAY BE OPEN, behind a gate that does not say its end".to_owned()
            }
            TargetState::Open => format!("MAY BE OPEN until{until}{session}"),
            TargetState::Unproven => {
                format!("its end,{until}, has passed, but nobody has proven that it is shut{session}")
            }
            TargetState::Untidy => {
                "not open, but not at rest: AWSDenyAll is missing or a key is active".to_owned()
            }
        };
        let source = match standing.source {
            StatusSource::Iam => "IAM says so",
            StatusSource::Ledger if iam_was_asked => "the ledgers here say so; IAM does not tell",
            StatusSource::Ledger => "the ledgers here say so; IAM was not asked",
        };
        let _ = writeln!(
            text,
            "{}: user {} in account {}: {state} ({source})",
            target.name, target.user, target.account
        );
    }
    text
}

/// 10 while one may be open; 1 when something has to be tidied up, could not be read, or is overdue.
fn verdict(
    arguments: &args::Status,
    standings: &[TargetStatus],
    unread: Option<Error>,
    upkeep: Option<&Readiness>,
) -> Result<()> {
    if let Some(open) = standings.iter().find(|standing| standing.may_be_open) {
        let TargetStatus { target, until, .. } = open;
        let how = session::how_to_close(arguments.vault.as_deref(), target, open.lane);
        let what = format!("access may be open on user {}", target.user);
        return Err(Error::new(Status::MayBeOpen, what).until(*until).next(how));
    }
    if let Some(untidy) = standings.iter().find(|standing| standing.state == TargetState::Untidy) {
        return Err(Error::failed(format!("user {} is not at rest", untidy.target.user))
            .next(session::how_to_close(arguments.vault.as_deref(), &untidy.target, untidy.lane)));
    }
    unread.map_or(Ok(()), Err)?;
    match upkeep.map(|upkeep| upkeep.overdue.as_slice()) {
        None | Some([]) => Ok(()),
        Some([first, ..]) => Err(Error::failed("something is overdue for this vault").next(first.clone())),
    }
}
