//! Compares a valid chain with three kinds of evidence: the ledger heads in signed statements, a head that a person
//! noted, and a copy of the ledger.

use std::collections::{BTreeSet, HashMap};
use std::panic::resume_unwind;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::chain::{Chain, Head};
use super::damage::Damage;
use super::line::{Link, ParsedLine, is_hex_of, lines};
use super::record::Record;
use crate::custody::statement::LedgerHead;
use crate::gate::SessionId;
use crate::vault::dsse::Envelope;
use crate::vault::file::Vault;
use crate::vault::words;

/// The number of signed statements in the ledger, and the results of checking the statements.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SignedStatements {
    /// The number of statements that custodians signed.
    pub statements: usize,
    /// The number of statements with a ledger head that matches the chain.
    pub heads: usize,
    /// The number of statements whose signature was checked with the key in the manifest of a given vault.
    pub signatures: usize,
    /// The number of openings of the given vault files. In the ledger, a quorum's approvals precede each of these
    /// openings.
    pub openings: usize,
}

/// Checks that the records of each session do not contradict each other, and that the ledger head in each signed
/// statement matches the chain. Also checks the signature if one of `vaults` has the signer's key.
///
/// # Errors
/// [`Damage`], which describes the first record that contradicts another record, or that has a statement without its
/// custodian's signature.
pub fn signed(chain: &Chain, vaults: &[Vault]) -> Result<SignedStatements, Damage> {
    let links: Vec<_> = chain.links.iter().filter(|link| link.entry.record.envelope().is_some()).collect();
    let checked: Result<Vec<_>, _> =
        par_map(&links, |link| check_statement(chain, link, vaults)).into_iter().collect();
    let (sessions, openings) = (sessions(chain), openings(chain, vaults));
    // If several checks fail, the damage with the lowest record number counts.
    let wrong = [sessions.as_ref().err(), checked.as_ref().err(), openings.as_ref().err()];
    if let Some(first) = wrong.into_iter().flatten().min_by_key(|damage| damage.seq) {
        return Err(first.clone());
    }
    let checked = checked?;
    Ok(SignedStatements {
        statements: checked.len(),
        heads: checked.iter().filter(|checked| checked.head).count(),
        signatures: checked.iter().filter(|checked| checked.signature).count(),
        openings: openings?,
    })
}

/// The results of checking one signed statement.
struct CheckedStatement {
    head: bool,
    signature: bool,
}

fn check_statement(chain: &Chain, link: &Link, vaults: &[Vault]) -> Result<CheckedStatement, Damage> {
    let envelope = link.entry.record.envelope();
    let statement = envelope.and_then(|envelope| serde_json::from_slice::<Value>(&envelope.payload()?).ok());
    let statement = statement.ok_or_else(|| Damage::of(link, "the signed statement cannot be read"))?;
    Ok(CheckedStatement {
        head: check_head(chain, link, &statement)?,
        signature: check_signature(link, &statement, vaults)?,
    })
}

/// Calls `of` for each item, in parallel on all processors. Returns the results in the order of the items.
fn par_map<T: Sync, R: Send>(all: &[T], of: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let size = all.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let of = &of;
        let parts = all.chunks(size).map(|part| scope.spawn(move || part.iter().map(of).collect::<Vec<_>>()));
        let parts: Vec<_> = parts.collect();
        let joined = parts.into_iter().map(|part| part.join().unwrap_or_else(|panic| resume_unwind(panic)));
        joined.flatten().collect()
    })
}

/// Checks that each session has only one intent, that the intent precedes the opening, and that the window has the
/// intended duration.
fn sessions(chain: &Chain) -> Result<(), Damage> {
    let mut windows: HashMap<SessionId, u64> = HashMap::new();
    for link in &chain.links {
        let record = &link.entry.record;
        match record {
            Record::Intent { session, window, .. } if windows.insert(*session, *window).is_some() => {
                return Err(Damage::of(link, "its session already has an intent"));
            }
            Record::Window { session, from, until } | Record::Opened { session, from, until } => {
                let window = windows.get(session).ok_or_else(|| Damage::of(link, UNINTENDED))?;
                let actual = until.duration_since(*from).as_secs();
                if u64::try_from(actual) != Ok(*window) {
                    let what = format!("its window lasts {actual} s, but the intent requested {window} s");
                    return Err(Damage::of(link, what));
                }
            }
            Record::Enabling { session } | Record::Issued { session, .. }
                if !windows.contains_key(session) =>
            {
                return Err(Damage::of(link, UNINTENDED));
            }
            _ => {}
        }
    }
    Ok(())
}

const UNINTENDED: &str = "its session has no intent before it";

/// Checks every opening of the given vaults: a quorum must have approved exactly the opening's intent in advance.
/// Returns the number of openings of the given vaults.
fn openings(chain: &Chain, vaults: &[Vault]) -> Result<usize, Damage> {
    let mut approvals: HashMap<SessionId, Vec<(&str, &Envelope)>> = HashMap::new();
    let mut intended = Vec::new();
    for link in &chain.links {
        if let Record::Approval { session, custodian, envelope, .. } = &link.entry.record {
            approvals.entry(*session).or_default().push((custodian, envelope));
        }
        let Some(intent) = link.entry.record.intent() else { continue };
        if let Some(vault) = vaults.iter().find(|vault| is_hex_of(intent.sha256, &vault.sha256)) {
            let signed = approvals.get(&intent.session).cloned().unwrap_or_default();
            intended.push((link, intent, signed, &vault.manifest));
        }
    }
    let valid = par_map(&intended, |(_, intent, signed, manifest)| intent.approvers(signed, manifest).len());
    for ((link, _, _, manifest), valid) in intended.iter().zip(&valid) {
        let needed = usize::from(manifest.threshold.get());
        if *valid < needed {
            let what = format!(
                "{valid} valid approvals of exactly this request precede it, but {needed} are needed"
            );
            return Err(Damage::of(link, what));
        }
    }
    Ok(intended.len())
}

/// Checks that the ledger head in the signed statement is a head of the chain. Returns false if the statement has no
/// head.
fn check_head(chain: &Chain, link: &Link, statement: &Value) -> Result<bool, Damage> {
    let named = statement.pointer("/predicate/ledger").cloned();
    let named = named.and_then(|head| serde_json::from_value::<LedgerHead>(head).ok());
    let Some(LedgerHead { seq, sha256 }) = named else {
        return match link.entry.record {
            Record::Approval { .. } | Record::CloseApproval { .. } => {
                Err(Damage::of(link, "the signed statement does not have a ledger head"))
            }
            _ => Ok(false),
        };
    };
    let before = usize::try_from(seq).ok().filter(|_| seq <= link.entry.seq);
    match before.map(|before| chain.head_before(before)) {
        Some(head) if is_hex_of(&sha256, &head.sha256) => Ok(true),
        _ => Err(Damage::of(
            link,
            format!(
                "the signed statement has a different head after {seq} records: one of them was changed and the chain rebuilt"
            ),
        )),
    }
}

/// Checks that a token of the custodian signed the statement. Returns false if no given vault has the signer's key.
/// If the statement is about one of `vaults`, that vault must have the signer's key.
fn check_signature(link: &Link, statement: &Value, vaults: &[Vault]) -> Result<bool, Damage> {
    let Some(envelope) = link.entry.record.envelope() else { return Ok(false) };
    let custodian = match &link.entry.record {
        Record::Approval { custodian, .. }
        | Record::CloseApproval { custodian, .. }
        | Record::Review { custodian, .. } => Some(custodian),
        _ => None,
    };
    let custodians = vaults.iter().flat_map(|vault| &vault.manifest.custodians);
    let mut keys = custodians
        .filter(|listed| custodian.is_none_or(|name| *name == listed.name))
        .flat_map(|listed| &listed.tokens);
    if keys.any(|token| envelope.is_signed_by(&token.signing_key)) {
        return Ok(true);
    }
    let of = statement.pointer("/subject/0/digest/sha256").and_then(Value::as_str).unwrap_or_default();
    if vaults.iter().any(|vault| is_hex_of(of, &vault.sha256)) {
        return Err(Damage::of(
            link,
            "its signature is not from a token that the vault lists for its custodian",
        ));
    }
    Ok(false)
}

/// A ledger head that a person noted from an alert, from an approval or from an earlier `ledger verify`.
#[derive(Clone, Debug)]
pub struct ExpectedHead {
    /// The number of records, if the person noted the number.
    pub records: Option<u64>,
    /// The digest of the last record: 64 hex digits or six words.
    digest: String,
}

impl ExpectedHead {
    /// Parses six words or 64 hex digits, optionally with a number of records and a colon before them.
    pub fn parse(text: &str) -> Option<Self> {
        let (records, digest) = match text.split_once(':') {
            Some((records, digest)) => (Some(records.trim().parse().ok()?), digest),
            None => (None, text),
        };
        let digest = digest.trim().to_owned();
        let hex = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_one = hex || digest.split_whitespace().count() == words::WORDS;
        is_one.then_some(Self { records, digest })
    }

    /// Returns how many records the chain has after this head. Returns `None` if the chain does not have this head.
    pub fn since(&self, chain: &Chain) -> Option<u64> {
        let mut digest = [0; 32];
        let is_hex = hex::decode_to_slice(&self.digest, &mut digest).is_ok();
        let names = |of: &[u8; 32]| if is_hex { digest == *of } else { words::matches(of, &self.digest) };
        let all = chain.links.len();
        let fits = |at: usize| self.records.is_none_or(|records| records == at as u64);
        (0..=all)
            .rev()
            .find(|&at| fits(at) && names(&chain.head_before(at).sha256))
            .map(|at| (all - at) as u64)
    }
}

/// One record of a copy of the ledger: the record's number, and the SHA-256 of its line.
pub type CopiedRecord = (u64, [u8; 32]);

/// Parses a copy of the ledger in JSON Lines.
///
/// # Errors
/// Returns the number of the first line that is not a record.
pub fn copied(bytes: &[u8]) -> Result<Vec<CopiedRecord>, usize> {
    let mut copied = Vec::new();
    for (line, number) in lines(bytes).zip(1..) {
        match ParsedLine::of(line) {
            ParsedLine::Record(_) => copied.push((copied.len() as u64, Sha256::digest(line).into())),
            ParsedLine::Torn => {}
            ParsedLine::Invalid if line.is_empty() => {}
            ParsedLine::Invalid => return Err(number),
        }
    }
    Ok(copied)
}

/// Returns the numbers of the records that the copy lacks before its last record.
pub fn holes(copy: &[CopiedRecord]) -> Vec<u64> {
    let has: BTreeSet<_> = copy.iter().map(|(seq, _)| *seq).collect();
    (0..has.last().copied().unwrap_or_default()).filter(|seq| !has.contains(seq)).collect()
}

/// Compares the chain with a copy. Returns how many records the chain has after the last record of the copy.
///
/// # Errors
/// [`Damage`], which describes the first record that differs from the copy, or that exists only in the copy.
pub fn against(chain: &Chain, copy: &[CopiedRecord]) -> Result<u64, Damage> {
    let Head { seq: all, .. } = chain.head();
    let mut beyond = all;
    for (seq, sha256) in copy {
        let link = usize::try_from(*seq).ok().and_then(|at| chain.links.get(at));
        let Some(link) = link else {
            return Err(Damage::missing(
                *seq,
                "the copy has this record, but the ledger does not: the ledger's end was cut off",
            ));
        };
        if link.sha256 != *sha256 {
            return Err(Damage::of(
                link,
                "the copy has a different record: the ledger or the copy was changed",
            ));
        }
        beyond = beyond.min(all - seq - 1);
    }
    Ok(beyond)
}
