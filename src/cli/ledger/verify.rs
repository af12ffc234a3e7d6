//! `ledger verify`: checks ledgers. For a valid ledger, prints the head. For a damaged ledger, prints the first bad
//! record.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::args::LedgerVerifyArgs;
use crate::cli::cloud::ShippedCopy;
use crate::cli::input;
use crate::error::{Error, Result};
use crate::ledger::verify::{self, CopiedRecord, ExpectedHead, SignedStatements};
use crate::ledger::{self, Chain, Damage, Head, Ledger, Shipped};
use crate::terminal::{note, print};
use crate::time_text;
use crate::vault::file::Vault;

/// The maximum length of the file with the copy, in bytes.
const LARGEST: usize = 512 * 1024 * 1024;

/// The result for one valid ledger.
#[derive(Serialize)]
struct Verified {
    file: PathBuf,
    /// The ledger's id. The field is `None` if the ledger has no records.
    ledger: Option<String>,
    records: u64,
    sha256: String,
    words: String,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    /// The numbers of the incomplete lines, counted from 1.
    torn: Vec<usize>,
    #[serde(flatten)]
    signed: SignedStatements,
    /// The number of records that follow the head from `--head`.
    #[serde(skip_serializing_if = "Option::is_none")]
    since_head: Option<u64>,
    /// The number of records in the ledger that follow the last record of the copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    since_copy: Option<u64>,
}

/// Verifies each ledger. The first damaged ledger decides the exit status.
pub fn run(arguments: LedgerVerifyArgs) -> Result<()> {
    VerifyRequest::new(arguments)?.run()
}

/// The validated arguments of `ledger verify`. The head has been parsed, and the vaults have been read.
struct VerifyRequest {
    ledgers: Vec<PathBuf>,
    /// Whether the ledgers were given with `--ledger`. A ledger that was given with `--ledger` must exist.
    named: bool,
    head: Option<ExpectedHead>,
    copy: Option<PathBuf>,
    shipped: ShippedCopy,
    vaults: Vec<Vault>,
    json: bool,
}

impl VerifyRequest {
    fn new(arguments: LedgerVerifyArgs) -> Result<Self> {
        let LedgerVerifyArgs { mut ledgers, head, copy, shipped, vaults, json } = arguments;
        let head = head.as_deref().map(expected_head).transpose()?;
        let vaults = vaults.iter().map(|path| input::vault(path)).collect::<Result<_>>()?;
        let named = !ledgers.is_empty();
        if !named {
            ledgers.push(Ledger::at_default().path());
        }
        Ok(Self { ledgers, named, head, copy, shipped, vaults, json })
    }

    fn run(&self) -> Result<()> {
        let outcomes: Vec<_> = self.ledgers.iter().map(|file| self.verify(file)).collect();
        let unknown = self.head.as_ref().and_then(|head| unknown(head, &outcomes));
        let mut bad = None;
        for outcome in outcomes {
            match outcome {
                Ok(verified) if self.json => print::exact(&(json(&verified)? + "\n"))?,
                Ok(verified) => print::result(&text(&verified, !self.vaults.is_empty()))?,
                Err(Bad { file, damage: Some(damage), error }) if self.json => {
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

    fn verify(&self, file: &Path) -> Result<Verified, Bad> {
        let failed = |error| Bad { file: file.to_owned(), damage: None, error: Box::new(error) };
        let damaged = |damage| Bad::damaged(file, damage);
        // The file with the number of copied records is read before the ledger. If this file were read later, another
        // process could have appended and copied records in between, and records would seem to be missing.
        let shipped = Shipped::beside(file);
        let (chain, damage) = ledger::read_file(file, self.named).map_err(failed)?;
        let missed = || shipped.map_or(Ok(()), |shipped| shipped.check(&chain)).err();
        let damage = damage.or_else(missed);
        if let Some(gone) = damage.clone().filter(|_| chain.links.is_empty()) {
            return Err(damaged(gone));
        }
        let copy = match (self.copy(&chain), &damage) {
            // Damage in the chain is reported even if the copy cannot be read.
            (Err(_), Some(broken)) => return Err(damaged(broken.clone())),
            (copy, _) => copy.map_err(failed)?,
        };
        let compared = copy.as_deref().map(|copy| verify::against(&chain, copy)).transpose();
        // If the chain is damaged at one record, and the copy differs from the ledger at another record, the program
        // reports the earlier of these two records.
        let since_copy = match (damage, compared) {
            (Some(broken), Err(other)) if other.seq < broken.seq => return Err(damaged(other)),
            (Some(broken), _) => return Err(damaged(broken)),
            (None, compared) => compared.map_err(damaged)?,
        };
        let signed = verify::signed(&chain, &self.vaults).map_err(damaged)?;
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
            since_head: self.head.as_ref().and_then(|head| head.since(&chain)),
            torn: chain.torn,
            signed,
            since_copy,
            file: file.to_owned(),
        })
    }

    fn copy(&self, chain: &Chain) -> Result<Option<Vec<CopiedRecord>>> {
        if let Some(copy) = self.shipped.read(chain)? {
            return Ok(Some(copy));
        }
        let Some(path) = &self.copy else { return Ok(None) };
        let copy = verify::copied(&input::read(path, LARGEST)?).map_err(|line| {
            Error::usage(format!("line {line} of {} is not a record: the copy is damaged", path.display()))
                .next("name a valid copy")
        })?;
        if copy.is_empty() {
            let what = format!("{} has no records: it is not a copy of a ledger", path.display());
            return Err(Error::usage(what).next("name a copy of this ledger"));
        }
        Ok(Some(copy))
    }
}

/// The first bad record of a ledger, as JSON.
#[derive(Serialize)]
struct Damaged {
    file: PathBuf,
    damage: Damage,
}

/// The error for a ledger that is not valid. If the ledger is damaged, `damage` is the first bad record.
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

fn expected_head(text: &str) -> Result<ExpectedHead> {
    ExpectedHead::parse(text).ok_or_else(|| {
        Error::usage("--head is neither six words nor 64 hex digits").next(
            "put the six words in quotes; you can put the number of records and a colon before the words",
        )
    })
}

/// Fails if records are missing in the copy. The comparison cannot check the records that the copy lacks.
fn whole(copy: &[CopiedRecord]) -> Result<()> {
    let holes = verify::holes(copy);
    let Some(first) = holes.first() else { return Ok(()) };
    let what =
        format!("the copy is incomplete: {} records are missing, the first is record {first}", holes.len());
    Err(Error::failed(what).next("remove shipped.json and ship again: breakglass ledger ship"))
}

/// Returns an error if a ledger does not contain the head from `--head`. If one file contains the head, every file with
/// the same ledger id must contain it. If no file contains the head, the error is about the longest ledger.
fn unknown(head: &ExpectedHead, outcomes: &[Result<Verified, Bad>]) -> Option<Error> {
    let all: Vec<_> = outcomes.iter().flatten().collect();
    let knows = all.iter().find(|verified| verified.since_head.is_some());
    let mut without = all.iter().filter(|verified| verified.since_head.is_none());
    let records = match knows {
        Some(knows) => without.find(|verified| verified.ledger == knows.ledger)?.records,
        None => without.map(|verified| verified.records).max()?,
    };
    let why = match head.records {
        Some(then) if then > records => {
            format!(
                "{then} records are expected, but the ledger has {records}: the records from record {records} on were \
                 cut off"
            )
        }
        Some(then) => {
            format!(
                "record {} or an earlier record was changed, and the chain rebuilt",
                then.saturating_sub(1)
            )
        }
        None => format!(
            "the records from record {records} on were cut off, or a record was changed and the chain rebuilt"
        ),
    };
    let error = Error::damaged(format!("the ledger does not contain the given head: {why}"));
    Some(error.next("compare the ledger with a copy to find the record, with the option --copy or --shipped"))
}

fn json(verified: &impl Serialize) -> Result<String> {
    serde_json::to_string(verified).map_err(|e| Error::failed(format!("the result cannot be written: {e}")))
}

fn text(verified: &Verified, with_vaults: bool) -> String {
    let Verified { file, records, sha256, words, signed, .. } = verified;
    let mut text = format!("{}: OK: {records} records, chain intact\n", file.display());
    if let (Some(first), Some(last), Some(id)) = (verified.first, verified.last, &verified.ledger) {
        let _ =
            writeln!(text, "  ledger     {id}, from {} to {}", time_text::utc(first), time_text::utc(last));
    }
    let _ = writeln!(text, "  head       {words}\n             {sha256}");
    let SignedStatements { statements, heads, signatures, openings } = signed;
    let by_key = if with_vaults {
        format!(
            "{signatures} signatures valid, {} by keys that are not in these vaults; {openings} openings each \
             approved by a quorum",
            statements - signatures
        )
    } else {
        "signatures not checked: name the vaults with --vault".into()
    };
    if *statements > 0 {
        let _ = writeln!(
            text,
            "  signed     {statements} statements, {heads} of them with an earlier head; {by_key}"
        );
    }
    for line in &verified.torn {
        let _ = writeln!(
            text,
            "  torn       line {line} is incomplete; it is not a record, and no record chains to it"
        );
    }
    if let Some(since) = verified.since_head {
        let _ = writeln!(text, "  given head is in the chain; {since} records follow it");
    }
    if let Some(since) = verified.since_copy {
        let _ = writeln!(text, "  copy       matches; {since} records are not in it");
    }
    text
}
