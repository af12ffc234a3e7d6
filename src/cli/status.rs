//! `status`: may a window be open, whose, until when; from this machine's ledger, and from IAM where that is asked.

use jiff::Timestamp;
use std::fmt::Write as _;

use super::{args, input, output};
use crate::cloud::{self, Asked};
use crate::error::{Error, Result, Status};
use crate::events::{Event, Events};
use crate::ledger::{self, Last, Ledger, Seen, Source, Standing, State, TargetFacts};
use crate::terminal::note;
use crate::vault::manifest;

/// Prints it; the exit status says it too.
pub fn run(arguments: &args::Status) -> Result<()> {
    let known = ledger::last(&Ledger::at_default().entries()?);
    let asked = asked(arguments, &known)?;
    let (seen, now) = match &arguments.profile {
        Some(profile) => cloud::look(profile, &asked)?,
        None => (asked.iter().map(|_| Ok(Seen::NotAsked)).collect(), Timestamp::now()),
    };
    let mut unread = None;
    let mut standings = Vec::new();
    for (Asked { target, lane, .. }, seen) in asked.into_iter().zip(seen) {
        let seen = seen.unwrap_or_else(|why| {
            let what = format!("user {} in account {} could not be read: {why}", target.user, target.account);
            note(&what);
            unread = Some(Error::failed(what).next("use a profile that may read the user"));
            Seen::NotAsked
        });
        let last = known.iter().find(|last| last.is_of(&target, lane));
        standings.push(Standing::of(target, lane, last, &seen, now));
    }
    if arguments.json {
        let may_be_open = standings.iter().any(|standing| standing.may_be_open);
        Events::to_stdout(true).emit(now, Event::Status { may_be_open, targets: &standings });
    } else {
        output::print(&text(&standings))?;
    }
    verdict(arguments, &standings, unread)
}

/// Whom it is about: the vault's targets, or every user that was ever opened from here.
fn asked(arguments: &args::Status, known: &[Last]) -> Result<Vec<Asked>> {
    let Some(path) = &arguments.vault else {
        let of = |last: &Last| Asked {
            target: last.target.clone(),
            region: cloud::iam_region(&last.target.partition).to_owned(),
            lane: last.lane,
        };
        return Ok(known.iter().map(of).collect());
    };
    let vault = input::vault(path)?;
    let lane = vault.manifest.lane;
    let of = |target: &manifest::Target| {
        let manifest::Target { name, partition, account, user, regions, .. } = target.clone();
        let region = regions.into_iter().next().unwrap_or_default();
        Asked { target: TargetFacts { name, partition, account, user }, region, lane }
    };
    Ok(vault.manifest.targets.iter().map(of).collect())
}

fn text(standings: &[Standing]) -> String {
    if standings.is_empty() {
        return "no window was ever opened from this machine\n".into();
    }
    let mut text = String::new();
    for standing in standings {
        let Standing { target, session, until, .. } = standing;
        let until = until.map_or_else(String::new, |until| format!(" {}", cloud::clock_words(until)));
        let session = session.map_or_else(String::new, |session| {
            format!(
                ", session {session} of {}",
                if standing.own { "this machine" } else { "another machine" }
            )
        });
        let state = match standing.state {
            State::Closed => "closed".to_owned(),
            State::Open => format!("MAY BE OPEN until{until}{session}"),
            State::Unproven => {
                format!("its end,{until}, has passed, but nobody has proven that it is shut{session}")
            }
            State::Untidy => "not open, but not at rest: AWSDenyAll is missing or a key is active".to_owned(),
        };
        let source = match standing.source {
            Source::Iam => "IAM says so",
            Source::Ledger => "this machine's ledger says so; IAM was not asked",
        };
        let _ = writeln!(
            text,
            "{}: user {} in account {}: {state} ({source})",
            target.name, target.user, target.account
        );
    }
    text
}

/// 10 while one may be open; 1 when something has to be tidied up, or could not be read.
fn verdict(arguments: &args::Status, standings: &[Standing], unread: Option<Error>) -> Result<()> {
    if let Some(open) = standings.iter().find(|standing| standing.may_be_open) {
        let Standing { target, until, .. } = open;
        let how = cloud::how_to_close(arguments.vault.as_deref(), target, open.lane);
        let error =
            Error::new(Status::MayBeOpen, format!("access may be open on user {}", target.user)).next(how);
        return Err(Error { until: *until, ..error });
    }
    if let Some(untidy) = standings.iter().find(|standing| standing.state == State::Untidy) {
        return Err(Error::failed(format!("user {} is not at rest", untidy.target.user))
            .next(cloud::how_to_close(arguments.vault.as_deref(), &untidy.target, untidy.lane)));
    }
    unread.map_or(Ok(()), Err)
}
