//! Finds out whether the credentials of a vault are spent, and whether a later epoch of the vault was opened. Only
//! records with the signatures of a quorum count, so a record without signatures cannot make a vault unusable.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use super::intent::Intent;
use super::known_vault::KnownVault;
use super::record::{Entry, Record, SharePurpose};
use crate::custody::statement::Statement;
use crate::custody::statement::close::CloseStatement;
use crate::error::Error;
use crate::gate::SessionId;
use crate::time_text;
use crate::vault::dsse::Envelope;
use crate::vault::manifest::Manifest;

/// The use that has spent the credentials: an opening, or a close for which a quorum gave shares.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct SpentBy {
    /// The session that was opened or closed. `None` for a close if the session was not known.
    pub session: Option<SessionId>,
    pub at: Timestamp,
    pub purpose: SharePurpose,
}

impl SpentBy {
    /// Describes the use of the credentials. The returned text follows the word *because* or a colon.
    pub fn what(&self) -> String {
        let session = self.session.map(|session| format!("session {session}"));
        match self.purpose {
            SharePurpose::Open => format!("{} has opened them", session.unwrap_or_default()),
            SharePurpose::Close => {
                let what =
                    session.map_or_else(|| "access".into(), |session| format!("the window of {session}"));
                format!("a quorum gave its shares on {} to close {what}", time_text::date(self.at))
            }
        }
    }
}

/// Returns the error for credentials that are spent.
pub fn is_spent(by: &SpentBy) -> Error {
    let what = format!("these credentials are spent: {}; nothing was enabled", by.what());
    Error::failed(what).next(
        "rotate and reseal; to use the credentials again now, pass --again \"reason\", which custodians sign",
    )
}

/// A record of a use that does not count, because too few custodians signed the record.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct UnsignedUse {
    /// The number of the record in its ledger.
    pub seq: u64,
    pub session: Option<SessionId>,
    pub purpose: SharePurpose,
    /// The epoch of the vault in an intent. `None` for a close.
    pub epoch: Option<u64>,
    /// The number of custodians with a valid signature.
    pub signed: usize,
    /// The number of signatures that are needed.
    pub needed: usize,
}

/// The result of a search for a use of credentials: the last use that counts, and all later uses that do not count.
#[derive(Debug)]
pub struct FoundUse<T> {
    pub counted: Option<T>,
    /// The file whose manifest checked the signatures, if this file is not the vault that is in use.
    pub checked_with: Option<PathBuf>,
    pub unsigned: Vec<UnsignedUse>,
}

impl<T> Default for FoundUse<T> {
    fn default() -> Self {
        Self { counted: None, checked_with: None, unsigned: Vec::new() }
    }
}

/// The uses of vaults in the ledgers, and the vaults for checking who signed each use.
pub struct Uses<'a> {
    entries: &'a [Entry],
    approvals: HashMap<SessionId, Vec<(&'a str, &'a Envelope)>>,
    vaults: &'a [KnownVault],
}

impl<'a> Uses<'a> {
    /// Prepares a search in `entries`. `vaults` has the vault that is in use, and can have other vault files.
    pub fn of(entries: &'a [Entry], vaults: &'a [KnownVault]) -> Self {
        let mut approvals: HashMap<_, Vec<_>> = HashMap::new();
        for entry in entries {
            if let Record::Approval { session, custodian, envelope, .. } = &entry.record {
                approvals.entry(*session).or_default().push((custodian.as_str(), envelope));
            }
        }
        Self { entries, approvals, vaults }
    }

    /// Returns whether the intent counts: a quorum of the custodians of one manifest approved exactly this intent.
    /// Without vaults, no signature can be checked, so every intent counts.
    pub fn counts(&self, intent: &Intent<'_>) -> bool {
        self.vaults.is_empty() || self.quorum(intent).is_ok()
    }

    /// Returns the last opening of the vault's credentials. If there is no opening, returns the last close by a quorum.
    pub fn spent(&self, of: &Manifest) -> FoundUse<SpentBy> {
        let credentials = (of.vault_id.as_str(), u64::from(of.credentials_epoch));
        let opened = self.last_intent(|intent| (intent.vault, intent.credentials_epoch) == credentials);
        let closed = self.closed(of);
        let opened_by = opened.counted.map(|(at, intent)| SpentBy {
            session: Some(intent.session),
            at,
            purpose: SharePurpose::Open,
        });
        FoundUse {
            counted: opened_by.or(closed.counted),
            checked_with: opened.checked_with.or(closed.checked_with),
            unsigned: [opened.unsigned, closed.unsigned].concat(),
        }
    }

    /// Returns the highest opened epoch of the vault, if this epoch is later than the epoch of `of`.
    pub fn later_epoch(&self, of: &Manifest) -> FoundUse<u64> {
        let is_later = |intent: &Intent<'_>| intent.vault == of.vault_id && intent.epoch > of.epoch.into();
        let mut found = FoundUse::default();
        for (entry, intent) in self.intents().filter(|(_, intent)| is_later(intent)) {
            match self.quorum(&intent) {
                Ok(vault) if found.counted < Some(intent.epoch) => {
                    found.counted = Some(intent.epoch);
                    found.checked_with = vault.path().map(Path::to_owned);
                }
                Ok(_) => {}
                Err(signed) => found.unsigned.push(unsigned(entry, &intent, signed)),
            }
        }
        found
    }

    fn intents(&self) -> impl DoubleEndedIterator<Item = (&'a Entry, Intent<'a>)> {
        self.entries.iter().filter_map(|entry| Some((entry, entry.record.intent()?)))
    }

    fn last_intent(&self, is_of: impl Fn(&Intent<'_>) -> bool) -> FoundUse<(Timestamp, Intent<'a>)> {
        let mut found = FoundUse::default();
        for (entry, intent) in self.intents().rev().filter(|(_, intent)| is_of(intent)) {
            match self.quorum(&intent) {
                Ok(vault) => {
                    found.counted = Some((entry.at, intent));
                    found.checked_with = vault.path().map(Path::to_owned);
                    break;
                }
                Err(signed) => found.unsigned.push(unsigned(entry, &intent, signed)),
            }
        }
        found
    }

    /// Checks that a quorum approved the intent, and, if another vault checks this, that one of the approvals is by a
    /// custodian of the vault in use. Returns the vault whose manifest showed this. The error has the highest
    /// number of valid approvals under one manifest, and the number of approvals that this manifest needs.
    fn quorum(&self, intent: &Intent<'_>) -> Result<&'a KnownVault, (usize, usize)> {
        let signed = self.approvals.get(&intent.session).map(Vec::as_slice).unwrap_or_default();
        let mut most = (0, 0);
        let in_use = self.vaults.iter().find(|vault| vault.path().is_none());
        // Two vaults with different ids can contain the same access key, so the vault's id does not matter here.
        let is_ours = in_use.is_some_and(|vault| !intent.approvers(signed, &vault.manifest).is_empty());
        for vault in self.vaults.iter().filter(|vault| vault.can_check(intent)) {
            let needed = usize::from(vault.manifest.threshold.get());
            let valid = intent.approvers(signed, &vault.manifest).len();
            if valid >= needed && is_ours {
                return Ok(vault);
            }
            if vault.path().is_some() {
                continue;
            }
            most = most.max((valid, needed));
        }
        Err(most)
    }

    /// Returns the last close by a quorum. A close by a quorum decrypts the vault. The close counts if each custodian
    /// of a quorum signed the statement of a close and then gave a share.
    fn closed(&self, of: &Manifest) -> FoundUse<SpentBy> {
        let credentials = (of.vault_id.as_str(), u64::from(of.credentials_epoch));
        let mut signed: Vec<&str> = Vec::new();
        let mut given: BTreeMap<&str, &Entry> = BTreeMap::new();
        for entry in self.entries {
            match &entry.record {
                Record::CloseApproval { vault, credentials_epoch, custodian, envelope, .. }
                    if (vault.as_str(), *credentials_epoch) == credentials
                        && self.has_signed(of, custodian, envelope) =>
                {
                    signed.push(custodian);
                }
                Record::Share {
                    vault, credentials_epoch, custodian, purpose: SharePurpose::Close, ..
                } if (vault.as_str(), *credentials_epoch) == credentials => {
                    given.insert(custodian, entry);
                }
                _ => {}
            }
        }
        let needed = usize::from(of.threshold.get());
        let Some(last) = given.values().max_by_key(|entry| entry.at).filter(|_| given.len() >= needed) else {
            return FoundUse::default();
        };
        let session = last.record.session();
        let signed = given.keys().filter(|name| signed.contains(name)).count();
        if signed >= needed {
            let by = SpentBy { session, at: last.at, purpose: SharePurpose::Close };
            return FoundUse { counted: Some(by), ..FoundUse::default() };
        }
        let unsigned =
            UnsignedUse { seq: last.seq, session, purpose: SharePurpose::Close, epoch: None, signed, needed };
        FoundUse { unsigned: vec![unsigned], ..FoundUse::default() }
    }

    fn has_signed(&self, of: &Manifest, custodian: &str, envelope: &Envelope) -> bool {
        let same_credentials = |vault: &&KnownVault| {
            let Manifest { vault_id, credentials_epoch, .. } = &vault.manifest;
            (vault_id, credentials_epoch) == (&of.vault_id, &of.credentials_epoch)
        };
        self.vaults.iter().filter(same_credentials).any(|vault| {
            Statement::<CloseStatement>::signed_for(&vault.manifest, envelope).is_ok_and(|statement| {
                statement.predicate.custodian == custodian
                    && vault.is_in_use_or(|sha256| statement.subject().digest.sha256 == sha256)
            })
        })
    }
}

fn unsigned(entry: &Entry, intent: &Intent<'_>, (signed, needed): (usize, usize)) -> UnsignedUse {
    UnsignedUse {
        seq: entry.seq,
        session: Some(intent.session),
        purpose: SharePurpose::Open,
        epoch: Some(intent.epoch),
        signed,
        needed,
    }
}

impl UnsignedUse {
    /// Describes the record and states that the record does not count.
    pub fn what(&self) -> String {
        let Self { seq, session, purpose, epoch, signed, needed } = self;
        let session = session.map_or_else(String::new, |session| format!(" (session {session})"));
        let epoch = epoch.map_or_else(String::new, |epoch| format!(" of epoch {epoch}"));
        let (what, signature) = match purpose {
            SharePurpose::Open => ("an opening", "approvals"),
            SharePurpose::Close => ("a quorum's shares for a close", "signatures"),
        };
        format!(
            "record {seq}{session} of a ledger shows {what}{epoch}, but {signed} of {needed} {signature} are valid; the \
             record does not count"
        )
    }
}
