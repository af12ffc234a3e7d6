//! What outside help shows of a chain that is whole in itself: signed heads, a head that was read aloud, a copy.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;
use serde_json::Value;

use super::chain::{Chain, Head, Link, Piece, is_hex_of, lines};
use super::damage::Damage;
use super::record::Record;
use crate::custody::statement::LedgerHead;
use crate::gate::SessionId;
use crate::vault::dsse::Envelope;
use crate::vault::file::Vault;
use crate::vault::words;

/// What the custodians' signatures say.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Signed {
    /// Statements that custodians signed.
    pub statements: usize,
    /// Of these, with a head that the chain had before them.
    pub heads: usize,
    /// Of these, with a signature that holds by a vault's manifest.
    pub signatures: usize,
    /// Openings of the very vaults that were given: each has as many valid approvals before it as it takes custodians.
    pub openings: usize,
}

/// Checks every signed statement: where it says that the ledger stood, and its signature where `vaults` name the key.
///
/// # Errors
/// The first record whose statement contradicts the chain, or is not signed by whom it names.
pub fn signed(chain: &Chain, vaults: &[Vault]) -> Result<Signed, Damage> {
    let mut signed = Signed::default();
    for link in &chain.links {
        let Some(envelope) = link.entry.record.envelope() else { continue };
        let statement = envelope.payload().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        let statement = statement.ok_or_else(|| Damage::of(link, "what was signed cannot be read"))?;
        signed.statements += 1;
        signed.heads += usize::from(stood(chain, link, &statement)?);
        signed.signatures += usize::from(holds(link, &statement, vaults)?);
    }
    signed.openings = openings(chain, vaults)?;
    Ok(signed)
}

/// Every opening of one of these vaults was approved by a quorum, before it and in just what it says; how many there are.
fn openings(chain: &Chain, vaults: &[Vault]) -> Result<usize, Damage> {
    let mut count = 0;
    let mut approvals: HashMap<SessionId, Vec<(&str, &Envelope)>> = HashMap::new();
    for link in &chain.links {
        if let Record::Approval { session, custodian, envelope, .. } = &link.entry.record {
            approvals.entry(*session).or_default().push((custodian, envelope));
        }
        let Some(intent) = link.entry.record.intent() else { continue };
        let Some(vault) = vaults.iter().find(|vault| is_hex_of(intent.sha256, &vault.sha256)) else {
            continue;
        };
        let manifest = &vault.manifest;
        let own = approvals.get(&intent.session).into_iter().flatten();
        let valid: BTreeSet<_> = own
            .filter(|(custodian, envelope)| intent.approved(custodian, envelope, manifest).is_ok())
            .map(|(custodian, _)| custodian)
            .collect();
        let (valid, needed) = (valid.len(), usize::from(manifest.threshold.get()));
        if valid < needed {
            let what = format!("{valid} valid approvals of just this are before it, and it takes {needed}");
            return Err(Damage::of(link, what));
        }
        count += 1;
    }
    Ok(count)
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
pub struct Named {
    /// How many records the ledger had, where that was said too.
    pub records: Option<u64>,
    /// 64 hex digits or six words.
    digest: String,
}

impl Named {
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
pub type Copied = (u64, [u8; 32]);

/// The records of a copy in JSON Lines.
pub fn copied(bytes: &[u8]) -> Vec<Copied> {
    use sha2::{Digest as _, Sha256};
    let lines = lines(bytes).filter(|line| !line.is_empty() && !matches!(Piece::of(line), Piece::Torn));
    (0..).zip(lines.map(|line| Sha256::digest(line).into())).collect()
}

/// Compares with a copy of the first records; how many the chain has beyond it.
///
/// # Errors
/// The first record that the copy has otherwise, or has and the chain has not.
pub fn against(chain: &Chain, copy: &[Copied]) -> Result<u64, Damage> {
    let Head { seq: all, .. } = chain.head();
    let mut beyond = all;
    for (seq, sha256) in copy {
        let link = usize::try_from(*seq).ok().and_then(|at| chain.links.get(at));
        let Some(link) = link else {
            return Err(Damage::missing(*seq, "the copy has it, this ledger does not: its end was cut off"));
        };
        if link.sha256 != *sha256 {
            return Err(Damage::of(link, "the copy has it otherwise"));
        }
        beyond = beyond.min(all - seq - 1);
    }
    Ok(beyond)
}
