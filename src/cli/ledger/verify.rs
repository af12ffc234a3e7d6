//! `ledger verify`: the first bad record, or where the ledger stands.

use std::fmt::Write as _;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::{args, input, output};
use crate::error::{Error, Result};
use crate::ledger::verify::{self, Copied, Signed};
use crate::ledger::{self, Chain, Damage, Head, Ledger, Shipped};
use crate::terminal::note;
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
    signed: Signed,
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
        verify::Named::parse(text).ok_or_else(|| {
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
    let all = outcomes.iter().flatten();
    let unknown = head.as_ref().filter(|_| !all.clone().any(|verified| verified.since_head.is_some()));
    let records = all.map(|verified| verified.records).max().unwrap_or_default();
    let unknown = unknown.map(|head| head_is_unknown(head, records));
    let mut bad = None;
    for outcome in outcomes {
        match outcome {
            Ok(verified) if arguments.json => output::print(&(json(&verified)? + "\n"))?,
            Ok(verified) => output::print(&text(&verified, !vaults.is_empty()))?,
            Err(error) if bad.is_none() => bad = Some(error),
            Err(error) => note(&error.what),
        }
    }
    bad.map_or(Ok(()), Err)?;
    unknown.map_or(Ok(()), Err)
}

fn one(
    arguments: &args::LedgerVerify,
    head: Option<&verify::Named>,
    file: PathBuf,
    vaults: &[Vault],
) -> Result<Verified> {
    let named = !arguments.ledgers.is_empty();
    let chain = ledger::read_file(&file, named)?;
    let damage = |damage: Damage| damage.error(&file);
    Shipped::beside(&file).map_or(Ok(()), |shipped| shipped.check(&chain)).map_err(damage)?;
    let copy = copy(arguments, &chain)?;
    let beyond_copy = copy.map(|copy| verify::against(&chain, &copy)).transpose().map_err(damage)?;
    let signed = verify::signed(&chain, vaults).map_err(damage)?;
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

fn copy(arguments: &args::LedgerVerify, chain: &Chain) -> Result<Option<Vec<Copied>>> {
    #[cfg(feature = "cloud")]
    if arguments.shipped {
        let config = crate::config::Config::load()?;
        let ship = config.ship.ok_or_else(|| {
            Error::usage("no bucket is configured that the ledger was shipped to")
                .next("give a copy with --copy")
        })?;
        return crate::cloud::shipped(&ship, chain).map(Some);
    }
    let _ = chain;
    let Some(path) = &arguments.copy else { return Ok(None) };
    let copy = verify::copied(&input::read(path, LARGEST)?);
    if copy.is_empty() {
        return Err(Error::usage(format!("{} has no record: it is no copy of a ledger", path.display()))
            .next("name a copy that was made of this ledger"));
    }
    Ok(Some(copy))
}

/// `records`: how many there are now.
fn head_is_unknown(head: &verify::Named, records: u64) -> Error {
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
    Error::damaged(format!("the ledger never had this head: {why}"))
        .next("compare it with a copy, which names the record: --copy FILE or --shipped")
}

fn json(verified: &Verified) -> Result<String> {
    serde_json::to_string(verified).map_err(|e| Error::failed(format!("the result cannot be written: {e}")))
}

fn text(verified: &Verified, with_vaults: bool) -> String {
    let Verified { file, records, sha256, words, signed, .. } = verified;
    let mut text = format!("{}: {records} records, each chains to the one before\n", file.display());
    if let (Some(first), Some(last), Some(id)) = (verified.first, verified.last, &verified.ledger) {
        let _ = writeln!(text, "  ledger     {id}, from {first} to {last}");
    }
    let _ = writeln!(text, "  head       {words}\n             {sha256}");
    let Signed { statements, heads, signatures, openings } = signed;
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
