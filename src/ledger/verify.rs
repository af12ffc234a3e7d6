//! What outside help shows of a chain that is whole in itself: signed heads, a head that was read aloud, a copy.

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

/// What the custodians' signatures say.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SignedStatements {
    /// Statements that custodians signed.
    pub statements: usize,
    /// Of these, with a head that the chain had before them.
    pub heads: usize,
    /// Of these, with a signature that holds by a vault's manifest.
    pub signatures: usize,
    /// Openings of the very vaults that were given: each has as many valid approvals before it as it takes custodians.
    pub openings: usize,
}

/// Checks what each session's records say of one another, every signed statement, where it says that the ledger stood,
/// and its signature where `vaults` name the key.
///
/// # Errors
/// The first record that contradicts another, or whose statement is not signed by whom it names.
pub fn signed(chain: &Chain, vaults: &[Vault]) -> Result<SignedStatements, Damage> {
    let links: Vec<_> = chain.links.iter().filter(|link| link.entry.record.envelope().is_some()).collect();
    let judged: Result<Vec<_>, _> = par_map(&links, |link| judge(chain, link, vaults)).into_iter().collect();
    let (sessions, openings) = (sessions(chain), openings(chain, vaults));
    // The first of all that is wrong.
    let wrong = [sessions.as_ref().err(), judged.as_ref().err(), openings.as_ref().err()];
    if let Some(first) = wrong.into_iter().flatten().min_by_key(|damage| damage.seq) {
        return Err(first.clone());
    }
    let judged = judged?;
    Ok(SignedStatements {
        statements: judged.len(),
        heads: judged.iter().filter(|judged| judged.head).count(),
        signatures: judged.iter().filter(|judged| judged.signature).count(),
        openings: openings?,
    })
}

/// What one statement is worth.
struct Judged {
    head: bool,
    signature: bool,
}

fn judge(chain: &Chain, link: &Link, vaults: &[Vault]) -> Result<Judged, Damage> {
    let envelope = link.entry.record.envelope();
    let statement = envelope.and_then(|envelope| serde_json::from_slice::<Value>(&envelope.payload()?).ok());
    let statement = statement.ok_or_else(|| Damage::of(link, "what was signed cannot be read"))?;
    Ok(Judged { head: stood(chain, link, &statement)?, signature: holds(link, &statement, vaults)? })
}

/// Does it for each, on all processors; the answers in their order.
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

/// A session is intended once, before anything is done in it, and its end is as far from its beginning as was intended.
fn sessions(chain: &Chain) -> Result<(), Damage> {
    let mut windows: HashMap<SessionId, u64> = HashMap::new();
    for link in &chain.links {
        let record = &link.entry.record;
        match record {
            Record::Intent { session, window, .. } if windows.insert(*session, *window).is_some() => {
                return Err(Damage::of(link, "the session was intended before"));
            }
            Record::Ends { session, from, until } | Record::Opened { session, from, until } => {
                let window = windows.get(session).ok_or_else(|| Damage::of(link, UNINTENDED))?;
                let own = until.duration_since(*from).as_secs();
                if u64::try_from(own) != Ok(*window) {
                    let what = format!("its window has {own} s, and {window} s were intended");
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

const UNINTENDED: &str = "the session was not intended before";

/// Every opening of one of these vaults was approved by a quorum, before it and in just what it says; how many there are.
fn openings(chain: &Chain, vaults: &[Vault]) -> Result<usize, Damage> {
    let mut approvals: HashMap<SessionId, Vec<(&str, &Envelope)>> = HashMap::new();
    let mut intended = Vec::new();
    for link in &chain.links {
        if let Record::Approval { session, custodian, envelope, .. } = &link.entry.record {
            approvals.entry(*session).or_default().push((custodian, envelope));
        }
        let Some(intent) = link.entry.record.intent() else { continue };
        if let Some(vault) = vaults.iter().find(|vault| is_hex_of(intent.sha256, &vault.sha256)) {
            let own = approvals.get(&intent.session).cloned().unwrap_or_default();
            intended.push((link, intent, own, &vault.manifest));
        }
    }
    let valid = par_map(&intended, |(_, intent, own, manifest)| {
        let valid = own.iter().filter(|(name, envelope)| intent.approved(name, envelope, manifest).is_ok());
        valid.map(|(name, _)| name).collect::<BTreeSet<_>>().len()
    });
    for ((link, _, _, manifest), valid) in intended.iter().zip(&valid) {
        let needed = usize::from(manifest.threshold.get());
        if *valid < needed {
            let what = format!("{valid} valid approvals of just this are before it, and it takes {needed}");
            return Err(Damage::of(link, what));
        }
    }
    Ok(intended.len())
}

/// The head that was signed was the chain's; false when none was signed.
fn stood(chain: &Chain, link: &Link, statement: &Value) -> Result<bool, Damage> {
    let named = statement.pointer("/predicate/ledger").cloned();
    let named = named.and_then(|head| serde_json::from_value::<LedgerHead>(head).ok());
    let Some(LedgerHead { seq, sha256 }) = named else {
        return match link.entry.record {
            Record::Approval { .. } => Err(Damage::of(link, "what was signed names no head of the ledger")),
            _ => Ok(false),
        };
    };
    let before = usize::try_from(seq).ok().filter(|_| seq <= link.entry.seq);
    match before.map(|before| chain.head_before(before)) {
        Some(head) if is_hex_of(&sha256, &head.sha256) => Ok(true),
        _ => Err(Damage::of(
            link,
            format!(
                "what was signed names another head after {seq} records: one of these was changed and the chain made anew"
            ),
        )),
    }
}

/// A key of the custodian signed it; false when no vault at hand tells. Of the very vault that it names it has to.
fn holds(link: &Link, statement: &Value, vaults: &[Vault]) -> Result<bool, Damage> {
    let Some(envelope) = link.entry.record.envelope() else { return Ok(false) };
    let who = match &link.entry.record {
        Record::Approval { custodian, .. } | Record::Review { custodian, .. } => Some(custodian),
        _ => None,
    };
    let custodians = vaults.iter().flat_map(|vault| &vault.manifest.custodians);
    let mut keys = custodians.filter(|of| who.is_none_or(|who| *who == of.name)).flat_map(|of| &of.tokens);
    if keys.any(|token| envelope.is_signed_by(&token.signing_key)) {
        return Ok(true);
    }
    let of = statement.pointer("/subject/0/digest/sha256").and_then(Value::as_str).unwrap_or_default();
    if vaults.iter().any(|vault| is_hex_of(of, &vault.sha256)) {
        return Err(Damage::of(link, "its signature is of no token that the vault names for its custodian"));
    }
    Ok(false)
}

/// A head as somebody has it from an alert, an approval or an earlier look.
#[derive(Clone, Debug)]
pub struct ExpectedHead {
    /// How many records the ledger had, where that was said too.
    pub records: Option<u64>,
    /// 64 hex digits or six words.
    digest: String,
}

impl ExpectedHead {
    /// `six words`, 64 hex digits, or either after a number of records and a colon.
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

    /// How many records the chain has had since; `None` when it never had it.
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

/// One record of a copy: its number and SHA-256 of its line.
pub type CopiedRecord = (u64, [u8; 32]);

/// The records of a copy in JSON Lines.
///
/// # Errors
/// The number of the first line that is no record.
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

/// Records before the copy's last that it has not.
pub fn holes(copy: &[CopiedRecord]) -> Vec<u64> {
    let has: BTreeSet<_> = copy.iter().map(|(seq, _)| *seq).collect();
    (0..has.last().copied().unwrap_or_default()).filter(|seq| !has.contains(seq)).collect()
}

/// Compares with a copy of the first records; how many the chain has beyond it.
///
/// # Errors
/// The first record that the copy has otherwise, or has and the chain has not.
pub fn against(chain: &Chain, copy: &[CopiedRecord]) -> Result<u64, Damage> {
    let Head { seq: all, .. } = chain.head();
    let mut beyond = all;
    for (seq, sha256) in copy {
        let link = usize::try_from(*seq).ok().and_then(|at| chain.links.get(at));
        let Some(link) = link else {
            return Err(Damage::missing(*seq, "the copy has it, this ledger does not: its end was cut off"));
        };
        if link.sha256 != *sha256 {
            return Err(Damage::of(link, "the copy has it otherwise: one of them was changed"));
        }
        beyond = beyond.min(all - seq - 1);
    }
    Ok(beyond)
}
