//! Tests which records count as a use of a vault. Only records with the signatures of a quorum count.

use breakglass::custody::statement::LedgerHead;
use breakglass::custody::statement::approval::Request;
use breakglass::custody::statement::close::ClosePurpose;
use breakglass::custody::statement::request;
use breakglass::gate::SessionId;
use breakglass::ledger::{Entry, KnownVault, Principals, Record, SharePurpose, Uses};
use breakglass::secret::SecretText;
use breakglass::vault::dsse::Envelope;
use breakglass::vault::file::Vault;
use breakglass::vault::manifest::Manifest;
use breakglass::vault::target::TargetId;
use jiff::Timestamp;

use crate::soft::forge::Recipe;
use crate::soft::{Person, people};

/// A vault and its custodians. Two custodians can open the vault.
struct Signers {
    people: Vec<Person>,
    vault: Vault,
}

impl Signers {
    fn new() -> Self {
        let people = people(2, 1);
        let vault = Vault::parse(&Recipe::default().make(&people).file).expect("a vault");
        Self { people, vault }
    }

    fn manifest(&self) -> &Manifest {
        &self.vault.manifest
    }

    fn name(&self, at: usize) -> String {
        self.manifest().custodians[at].name.clone()
    }

    fn request(&self, session: SessionId) -> Request {
        let manifest = self.manifest();
        Request {
            again: None,
            credentials_epoch: manifest.credentials_epoch,
            drill_of: None,
            endpoints: Vec::new(),
            epoch: manifest.epoch,
            extra_key: None,
            lane: manifest.lane,
            network: None,
            no_alert: None,
            older_epoch: None,
            reason: "INC-1".into(),
            session,
            targets: manifest.targets.clone(),
            vault_id: manifest.vault_id.clone(),
            window: 1800,
        }
    }

    fn intent(&self, request: &Request) -> Record {
        let target = &self.manifest().targets[0];
        Record::Intent {
            session: request.session,
            vault: request.vault_id.clone(),
            epoch: request.epoch.into(),
            credentials_epoch: request.credentials_epoch.into(),
            sha256: hex::encode(self.vault.sha256),
            lane: request.lane,
            target: TargetId::from(target),
            regions: target.regions.clone(),
            principals: Box::new(Principals::default()),
            window: request.window,
            reason: request.reason.clone(),
            again: None,
            no_alert: None,
            drill_of: None,
            extra_key: None,
            older_epoch: None,
            endpoints: Vec::new(),
            network: None,
        }
    }

    fn approval(&self, at: usize, request: &Request) -> Record {
        let custodian = &self.manifest().custodians[at];
        let owner = (custodian, &custodian.tokens[0]);
        let mut token = self.people[at].tokens[0].clone();
        let pin = SecretText::copy_of("no PIN");
        let envelope =
            request::sign(&self.vault, request, owner, (now(), head()), &mut token, &pin, &mut || {});
        Record::Approval {
            session: request.session,
            vault: request.vault_id.clone(),
            credentials_epoch: request.credentials_epoch.into(),
            custodian: self.name(at),
            envelope: envelope.expect("a signature"),
        }
    }

    /// Returns a custodian's signed statement of a close.
    fn closing(&self, at: usize) -> Envelope {
        let manifest = self.manifest();
        let purpose = ClosePurpose {
            endpoints: Vec::new(),
            epoch: manifest.epoch,
            network: None,
            session: None,
            targets: manifest.targets.clone(),
            vault_id: manifest.vault_id.clone(),
        };
        let custodian = &manifest.custodians[at];
        let owner = (custodian, &custodian.tokens[0]);
        let mut token = self.people[at].tokens[0].clone();
        let pin = SecretText::copy_of("no PIN");
        request::sign(&self.vault, &purpose, owner, (now(), head()), &mut token, &pin, &mut || {})
            .expect("a signature")
    }

    /// Returns the records of a close: for each custodian, a share and the statement that `signer` signed.
    fn close(&self, signers: &[(usize, usize)]) -> Vec<Record> {
        let manifest = self.manifest();
        let (vault, credentials_epoch) = (manifest.vault_id.clone(), u64::from(manifest.credentials_epoch));
        let of = |&(at, signer): &(usize, usize)| {
            let (vault, custodian) = (vault.clone(), self.name(at));
            let envelope = self.closing(signer);
            let signed = Record::CloseApproval {
                session: None,
                vault: vault.clone(),
                credentials_epoch,
                custodian: custodian.clone(),
                envelope,
            };
            let purpose = SharePurpose::Close;
            [signed, Record::Share { session: None, vault, credentials_epoch, custodian, purpose }]
        };
        signers.iter().flat_map(of).collect()
    }
}

fn now() -> Timestamp {
    "2026-11-22T02:17:00Z".parse().expect("an instant")
}

fn head() -> LedgerHead {
    LedgerHead { seq: 0, sha256: "00".repeat(32) }
}

fn entries(records: &[&[Record]]) -> Vec<Entry> {
    let numbered = records.concat().into_iter().zip(0_u64..);
    numbered
        .map(|(record, seq)| Entry { v: 1, seq, prev: String::new(), torn: None, at: now(), record })
        .collect()
}

#[test]
fn an_intent_counts_only_with_a_quorum_of_valid_approvals() {
    let signers = Signers::new();
    let manifest = signers.manifest();
    let (one, other) = (SessionId::from_bytes([1; 8]), SessionId::from_bytes([2; 8]));
    let request = signers.request(one);
    let intent = [signers.intent(&request)];
    let (alice, bob) = (signers.approval(0, &request), signers.approval(1, &request));
    let longer = signers.approval(1, &Request { window: 3600, ..request.clone() });
    let elsewhere = signers.approval(1, &signers.request(other));
    let mut forged = bob.clone();
    if let Record::Approval { custodian, .. } = &mut forged {
        *custodian = signers.name(0);
    }
    for (approvals, signed, what) in [
        (vec![], 0, "no approval"),
        (vec![alice.clone()], 1, "one approval"),
        (vec![alice.clone(), alice.clone()], 1, "one custodian twice"),
        (vec![alice.clone(), longer], 1, "an approval of another request"),
        (vec![alice.clone(), elsewhere], 1, "an approval of another session"),
        (vec![alice.clone(), forged], 1, "an approval under another name"),
    ] {
        let entries = entries(&[&approvals, &intent]);
        let vaults = [KnownVault::in_use(manifest.clone())];
        let found = Uses::of(&entries, &vaults).spent(manifest);
        assert!(found.counted.is_none(), "{what} should not count");
        let unsigned = found.unsigned.first().expect("the intent should be named");
        assert_eq!((unsigned.session, unsigned.signed, unsigned.needed), (Some(one), signed, 2), "{what}");
        let as_intent = entries.last().and_then(|entry| entry.record.intent()).expect("an intent");
        assert!(Uses::of(&entries, &[]).counts(&as_intent), "without a vault, every intent should count");
    }
    let entries = entries(&[&[alice, bob], &intent]);
    let vaults = [KnownVault::in_use(manifest.clone())];
    let uses = Uses::of(&entries, &vaults);
    assert_eq!(uses.spent(manifest).counted.map(|by| by.session), Some(Some(one)));

    // An earlier epoch of the vault has the same custodians, so the manifest of the earlier epoch can check the
    // approvals.
    let earlier = Manifest { epoch: 0, credentials_epoch: 0, ..manifest.clone() };
    let vaults = [KnownVault::in_use(earlier.clone())];
    let uses = Uses::of(&entries, &vaults);
    assert_eq!(uses.later_epoch(&earlier).counted, Some(manifest.epoch.into()));
    assert!(uses.spent(&earlier).counted.is_none(), "the earlier epoch has different credentials");
}

#[test]
fn a_close_counts_only_with_the_signatures_and_shares_of_a_quorum() {
    let signers = Signers::new();
    let manifest = signers.manifest();
    let vaults = [KnownVault::in_use(manifest.clone())];
    let spent = |records: &[Record]| {
        let entries = entries(&[records]);
        let found = Uses::of(&entries, &vaults).spent(manifest);
        (found.counted.map(|by| by.purpose), found.unsigned.first().map(|of| of.signed))
    };
    let whole = signers.close(&[(0, 0), (1, 1)]);
    assert_eq!(spent(&whole), (Some(SharePurpose::Close), None));
    assert_eq!(spent(&whole[..2]), (None, None), "one share opens nothing");
    assert_eq!(spent(&[whole[0].clone(), whole[2].clone()]), (None, None), "a signature is not a share");
    let shares = [whole[1].clone(), whole[3].clone()];
    assert_eq!(spent(&shares), (None, Some(0)), "shares without signatures are only named");
    let one_signer = signers.close(&[(0, 0), (1, 0)]);
    assert_eq!(spent(&one_signer), (None, Some(1)), "alice's signature does not count for bob");
}

/// A change to a vault, after its custodians signed.
type Change = fn(&mut Vault);

/// A vault is not signed, so another vault file can have any keys. It checks only the uses of exactly this file, and only
/// if a custodian of the vault in use approved the use too.
#[test]
fn another_vault_file_checks_only_its_own_uses_and_needs_a_custodian_of_the_vault_in_use() {
    let ours = Signers::new();
    let genuine = ours.manifest();
    let changes: [(&str, bool, Change, bool); 6] = [
        ("the file of the use", true, |_| {}, true),
        ("a file whose custodians are all others", false, |_| {}, false),
        ("a vault with another id", true, |file| file.manifest.vault_id = "f".repeat(32), false),
        ("a vault of another epoch", true, |file| file.manifest.epoch += 1, false),
        ("a vault with other credentials", true, |file| file.manifest.credentials_epoch += 1, false),
        ("a file with another digest", true, |file| file.sha256[0] ^= 1, false),
    ];
    for ((what, shared, change, counts), is_later) in
        changes.into_iter().flat_map(|row| [(row, true), (row, false)])
    {
        let mut other = Signers::new();
        if shared {
            other.people[0] = ours.people[0].clone();
            other.vault.manifest.custodians[0] = genuine.custodians[0].clone();
        }
        other.vault.manifest.vault_id.clone_from(&genuine.vault_id);
        other.vault.manifest.epoch = genuine.epoch + 1;
        other.vault.manifest.credentials_epoch = genuine.credentials_epoch + u32::from(is_later);
        let request = other.request(SessionId::from_bytes([3; 8]));
        let records = [other.approval(0, &request), other.approval(1, &request), other.intent(&request)];
        let entries = entries(&[&records]);
        change(&mut other.vault);
        let vaults =
            [KnownVault::in_use(genuine.clone()), KnownVault::other("other.age".into(), other.vault)];
        let uses = Uses::of(&entries, &vaults);
        let (found, checked_with, unsigned) = if is_later {
            let found = uses.later_epoch(genuine);
            (found.counted.is_some(), found.checked_with, found.unsigned.len())
        } else {
            let found = uses.spent(genuine);
            (found.counted.is_some(), found.checked_with, found.unsigned.len())
        };
        assert_eq!(found, counts, "{what}, later: {is_later}");
        let named = counts.then(|| std::path::PathBuf::from("other.age"));
        assert_eq!(checked_with, named, "{what}: the file that checked the signatures should be named");
        assert_eq!(unsigned, usize::from(!counts), "{what}: a use that does not count should be named");
    }
}
