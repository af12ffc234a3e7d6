//! `ledger verify`: the first bad record, or where the ledger stands.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::{args, input};
use crate::error::{Error, Result};
use crate::ledger::verify::{self, CopiedRecord, SignedStatements};
use crate::ledger::{self, Chain, Damage, Head, Ledger, Shipped};
use crate::terminal::{note, print};
use crate::vault::file::Vault;

/// The largest copy that is read, in bytes.
const LARGEST: usize = 512 * 1024 * 1024;

/// How one ledger stands.
#[derive(Serialize)]
struct Verified {
    file: PathBuf,
    /// None while it has no record.
    ledger: Option<String>,
    records: u64,
    sha256: String,
    words: String,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    /// Lines that were never finished.
    torn: Vec<usize>,
    #[serde(flatten)]
    signed: SignedStatements,
    /// Records since the head that was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    since_head: Option<u64>,
    /// Records beyond the copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    beyond_copy: Option<u64>,
}

/// Verifies each; all are looked at, and the first that is damaged decides.
pub fn run(arguments: &args::LedgerVerify) -> Result<()> {
    let head = arguments.head.as_deref().map(|text| {
        verify::ExpectedHead::parse(text).ok_or_else(|| {
            Error::usage("--head is neither six words nor 64 hex digits")
                .next("put the words in quotes; the number of records and a colon may stand before them")
        })
    });
    let head = head.transpose()?;
    let vaults = arguments.vaults.iter().map(|path| input::vault(path)).collect::<Result<Vec<_>>>()?;
    let paths = if arguments.ledgers.is_empty() {
        vec![Ledger::at_default().path()]
    } else {
        arguments.ledgers.clone()
    };
    let mut outcomes = Vec::new();
    for path in paths {
        outcomes.push(one(arguments, head.as_ref(), path, &vaults));
    }
    let unknown = head.as_ref().and_then(|head| unknown(head, &outcomes));
    let mut bad = None;
    for outcome in outcomes {
        match outcome {
            Ok(verified) if arguments.json => print::exact(&(json(&verified)? + "\n"))?,
            Ok(verified) => print::result(&text(&verified, !vaults.is_empty()))?,
            Err(Bad { file, damage: Some(damage), error }) if arguments.json => {
                print::exact(&(json(&Damaged { file, damage })? + "\n"))?;
                bad = bad.or(Some(error));
            }
            Err(Bad { error, .. }) if bad.is_none() => bad = Some(error),
            Err(Bad { error, .. }) => note(&error.what),
        }
    }
    bad.map_or(Ok(()), |error| Err(*error))?;
    unknown.map_or(Ok(()), Err)
}

/// The first bad record of a ledger, for machines.
#[derive(Serialize)]
struct Damaged {
    file: PathBuf,
    damage: Damage,
}

/// Why a ledger does not verify; where it is damaged, the first bad record.
struct Bad {
    file: PathBuf,
    damage: Option<Damage>,
    error: Box<Error>,
}

impl Bad {
    fn damaged(file: &Path, damage: Damage) -> Self {
        Self { file: file.to_owned(), error: Box::new(damage.error(file)), damage: Some(damage) }
    }
}

fn one(
    arguments: &args::LedgerVerify,
    head: Option<&verify::ExpectedHead>,
    file: PathBuf,
    vaults: &[Vault],
) -> Result<Verified, Bad> {
    let named = !arguments.ledgers.is_empty();
    let failed = |error| Bad { file: file.clone(), damage: None, error: Box::new(error) };
    let damaged = |damage| Bad::damaged(&file, damage);
    // Before the ledger, which may grow meanwhile.
    let shipped = Shipped::beside(&file);
    let (chain, damage) = ledger::read_file(&file, named).map_err(failed)?;
    let missed = || shipped.map_or(Ok(()), |shipped| shipped.check(&chain)).err();
    let damage = damage.or_else(missed);
    if let Some(gone) = damage.clone().filter(|_| chain.links.is_empty()) {
        return Err(damaged(gone));
    }
    let copy = match (copy(arguments, &chain), &damage) {
        // What the chain shows needs no copy.
        (Err(_), Some(broken)) => return Err(damaged(broken.clone())),
        (copy, _) => copy.map_err(failed)?,
    };
    let compared = copy.as_deref().map(|copy| verify::against(&chain, copy)).transpose();
    // Where the chain breaks and where the copy differs: the earlier one is the first that is bad.
    let beyond_copy = match (damage, compared) {
        (Some(broken), Err(other)) if other.seq < broken.seq => return Err(damaged(other)),
        (Some(broken), _) => return Err(damaged(broken)),
        (None, compared) => compared.map_err(damaged)?,
    };
    let signed = verify::signed(&chain, vaults).map_err(damaged)?;
    copy.map_or(Ok(()), |copy| whole(&copy)).map_err(failed)?;
    let Head { seq: records, sha256 } = chain.head();
    let at = |link: &ledger::Link| link.entry.at;
    Ok(Verified {
        ledger: chain.id(),
        records,
        sha256: hex::encode(sha256),
        words: chain.head().words(),
        first: chain.links.first().map(at),
        last: chain.links.last().map(at),
        since_head: head.and_then(|head| head.since(&chain)),
        torn: chain.torn,
        signed,
        beyond_copy,
        file,
    })
}

/// A copy with holes proves nothing of what it has not.
fn whole(copy: &[CopiedRecord]) -> Result<()> {
    let holes = verify::holes(copy);
    let Some(first) = holes.first() else { return Ok(()) };
    let what =
        format!("the copy has not all: {} records are missing in it, the first is {first}", holes.len());
    Err(Error::failed(what).next("take shipped.json away and ship again: breakglass ledger ship"))
}

fn copy(arguments: &args::LedgerVerify, chain: &Chain) -> Result<Option<Vec<CopiedRecord>>> {
    #[cfg(feature = "cloud")]
    if arguments.shipped {
        let config = crate::config::Config::load()?;
        let ship = config.ship.ok_or_else(|| {
            Error::usage("no bucket is configured that the ledger was shipped to")
                .next("give a copy with --copy")
        })?;
        return crate::aws::shipped(&ship, chain).map(Some);
    }
    let _ = chain;
    let Some(path) = &arguments.copy else { return Ok(None) };
    let copy = verify::copied(&input::read(path, LARGEST)?).map_err(|line| {
        Error::usage(format!("line {line} of {} is no record: the copy itself is damaged", path.display()))
            .next("name a copy that is whole")
    })?;
    if copy.is_empty() {
        return Err(Error::usage(format!("{} has no record: it is no copy of a ledger", path.display()))
            .next("name a copy that was made of this ledger"));
    }
    Ok(Some(copy))
}

/// A ledger that has to have had the head and never did: the one ledger, each copy of the one that had it, or all of them.
fn unknown(head: &verify::ExpectedHead, outcomes: &[Result<Verified, Bad>]) -> Option<Error> {
    let all: Vec<_> = outcomes.iter().flatten().collect();
    let knows = all.iter().find(|verified| verified.since_head.is_some());
    let mut without = all.iter().filter(|verified| verified.since_head.is_none());
    let records = match knows {
        Some(knows) => without.find(|verified| verified.ledger == knows.ledger)?.records,
        None => without.map(|verified| verified.records).max()?,
    };
    let why = match head.records {
        Some(then) if then > records => {
            format!("it had {then} records, and has {records}: from record {records} on its end was cut off")
        }
        Some(then) => {
            format!("record {} or one before it was changed, and the chain made anew", then.saturating_sub(1))
        }
        None => format!(
            "its end was cut off from record {records} on, or a record was changed and the chain made anew"
        ),
    };
    let error = Error::damaged(format!("the ledger never had this head: {why}"));
    Some(error.next("compare it with a copy, which names the record: --copy FILE or --shipped"))
}

fn json(verified: &impl Serialize) -> Result<String> {
    serde_json::to_string(verified).map_err(|e| Error::failed(format!("the result cannot be written: {e}")))
}

fn text(verified: &Verified, with_vaults: bool) -> String {
    let Verified { file, records, sha256, words, signed, .. } = verified;
    let mut text = format!("{}: {records} records, each chains to the one before\n", file.display());
    if let (Some(first), Some(last), Some(id)) = (verified.first, verified.last, &verified.ledger) {
        let _ = writeln!(text, "  ledger     {id}, from {first} to {last}");
    }
    let _ = writeln!(text, "  head       {words}\n             {sha256}");
    let SignedStatements { statements, heads, signatures, openings } = signed;
    let of_keys = if with_vaults {
        format!(
            "{signatures} signatures hold, {} are of keys that these vaults do not name; {openings} openings were each \
             approved by a quorum",
            statements - signatures
        )
    } else {
        "signatures not checked: name their vaults with --vault".into()
    };
    if *statements > 0 {
        let _ = writeln!(
            text,
            "  signed     {statements} statements, {heads} of them name an earlier head; {of_keys}"
        );
    }
    for line in &verified.torn {
        let _ = writeln!(
            text,
            "  torn       line {line} was never finished; it is no record, and none chains to it"
        );
    }
    if let Some(since) = verified.since_head {
        let _ = writeln!(text, "  given head is in the chain, {since} records since");
    }
    if let Some(beyond) = verified.beyond_copy {
        let _ = writeln!(text, "  copy       is the same; {beyond} records are not in it");
    }
    text
}
