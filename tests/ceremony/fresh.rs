//! Checks that each vault has new random values. Also checks which values a drill vault takes from its production
//! vault, and which values a reseal keeps.

use std::collections::BTreeSet;

use breakglass::secret::Secret;
use breakglass::vault::file::{self, Vault};
use breakglass::vault::manifest::{Custodian, Manifest};
use breakglass::vault::payload::{Input, Payload};
use breakglass::vault::quorum::{self, KEY, Share};
use rig::site::Site;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::PROGRAM;
use crate::soft::forge::{self, Recipe};
use crate::soft::vector::{self, Vector};
use crate::soft::{Person, people};

/// The random values of one vault: the file key, both halves of each share, and the commitments.
struct Drawn {
    key: [u8; KEY],
    halves: Vec<[[u8; KEY]; 2]>,
    commitments: Vec<Option<String>>,
}

/// Seals a vault, and opens the vault to get the vault's random values.
fn sealed(people: &[Person], manifest: &Manifest, payload: &Payload) -> Drawn {
    let sealed = file::seal(manifest, payload).expect("the vault should be sealed");
    let vault = Vault::parse(&sealed.binary).expect("the file should be a valid vault");
    let key = *quorum::combine(&sealed.shares.iter().collect::<Vec<_>>()).expose();
    let halves = people.iter().zip(&sealed.shares).map(|(person, share)| {
        let identity = crate::soft::part(&person.words)
            .expect("the custodian's words should be valid")
            .identity(&person.enrolment);
        let b = *identity
            .unwrap(&vault.halves(share.index).expect("the share should have two halves").part)
            .expect("the part's half should decrypt")
            .expose();
        let a = std::array::from_fn(|i| share.value.expose()[i] ^ b[i]);
        [a, b]
    });
    let halves = halves.collect();
    let commitments =
        vault.manifest.custodians.iter().map(|custodian| custodian.commitment.clone()).collect();
    Drawn { key, halves, commitments }
}

#[test]
fn each_vault_has_a_new_file_key_new_halves_and_new_commitments() {
    let people = people(2, 1);
    let made = Recipe::default().make(&people);
    let vault = Vault::parse(&made.file).expect("the file should be a valid vault");
    let payload = Payload::from_sealed(&made.plain).expect("the payload should be valid");
    let all: Vec<_> = (0..8).map(|_| sealed(&people, &vault.manifest, &payload)).collect();
    let keys: BTreeSet<_> = all.iter().map(|drawn| drawn.key).collect();
    assert_eq!(keys.len(), all.len(), "a file key should never be used twice");
    let halves: BTreeSet<_> = all.iter().flat_map(|drawn| drawn.halves.iter().flatten()).collect();
    assert_eq!(halves.len(), 8 * 2 * 2, "a half should never be used twice");
    let commitments: BTreeSet<_> = all.iter().flat_map(|drawn| &drawn.commitments).collect();
    assert_eq!(commitments.len(), 8 * 2, "commitments should differ between vaults and custodians");
}

#[test]
fn a_drill_vault_is_sealed_together_with_its_production_vault() {
    let site = Site::enrolled(PROGRAM, &["alice", "bob", "carol"]);
    let mut payload = forge::credentials();
    let mut drill = payload["targets"][0].clone();
    drill["user"] = "drill".into();
    drill["grant"] = json!([]);
    drill["may_outlive"] = json!([]);
    for role in ["opener", "closer", "emergency"] {
        drill[role]["access_key_id"] = format!("AKIADRILL{:0>11}", role.to_uppercase()).into();
    }
    payload["drill"] = drill;
    payload["targets"][0]["may_outlive"] = json!(["ec2:*", "ecs:UpdateService*"]);
    payload["alerts"] = json!([{"name": "chat", "kind": "slack", "url": "https://hooks.example.org/x"}]);
    let finished = site.try_seal("prod.age", payload.to_string().as_bytes(), 2, &[]);
    assert!(finished.status.success(), "{}", String::from_utf8_lossy(&finished.stderr));
    let read = |name: &str| {
        Vault::parse(&std::fs::read(site.path(name)).expect(name))
            .expect("the file should be a valid vault")
            .manifest
    };
    let (vault, drill) = (read("prod.age"), read("prod.drill.age"));
    assert_eq!((&vault.label, vault.threshold.get()), (&drill.label, drill.threshold.get()));
    assert_eq!((vault.epoch, vault.credentials_epoch), (drill.epoch, drill.credentials_epoch));
    assert_eq!(vault.alerts, drill.alerts);
    assert_eq!(drill.drill_of.as_ref(), Some(&vault.vault_id));
    assert_eq!((&drill.replaces, drill.targets.len()), (&None, 1));
    assert_ne!(vault.vault_id, drill.vault_id);
    for (one, other) in vault.custodians.iter().zip(&drill.custodians) {
        assert_eq!((&one.name, &one.enrolment, &one.tokens), (&other.name, &other.enrolment, &other.tokens));
        assert_ne!(one.commitment, other.commitment);
    }
    assert_eq!(vault.custodians.len(), drill.custodians.len());
}

#[test]
fn a_drill_vault_has_the_runbook_and_the_alerts_of_its_production_vault() {
    let mut payload = forge::credentials();
    let mut drill: Value = payload["targets"][0].clone();
    drill["user"] = "drill".into();
    drill["grant"] = json!([]);
    for role in ["opener", "closer", "emergency"] {
        drill[role]["access_key_id"] = format!("AKIADRILL{:0>11}", role.to_uppercase()).into();
    }
    payload["drill"] = drill;
    payload["alerts"] = json!([{"name": "chat", "kind": "slack", "url": "https://hooks.example.org/x"}]);
    let Input { payload, drill } =
        Input::parse(payload.to_string().as_bytes()).expect("the credentials should be valid");
    let drill = drill.expect("the credentials should have a drill's payload");
    assert_eq!(payload.runbook, drill.runbook);
    assert!(!payload.runbook.is_empty());
    assert_eq!(payload.channels(), drill.channels());
}

#[test]
fn the_vector_of_a_drill_vault_matches_the_vector_of_its_production_vault() {
    let read = |name: &str| {
        let path = vector::directory().join(name).with_extension("txt");
        let vector = Vector::parse(&std::fs::read_to_string(path).expect(name));
        let vault = Vault::parse(&vector.file).expect("the file should be a valid vault");
        let shares: Vec<_> = vector
            .custodians
            .iter()
            .map(|c| {
                let value: [u8; KEY] =
                    hex::decode(&c.share).expect("a share should be hex").try_into().expect("16 bytes");
                Share { index: c.index, value: Secret::copy_of(&value) }
            })
            .collect();
        let payload = vault.open(&shares.iter().collect::<Vec<_>>()).expect("the vault should open");
        let sealed = payload.to_sealed();
        let json: Value = serde_json::from_slice(sealed.expose()).expect("the payload should be JSON");
        (vector.key, vault.manifest, json)
    };
    let (vault_key, vault, sealed) = read("drill_pair_vault");
    let (drill_key, drill, practised) = read("drill_pair_drill");
    assert_eq!(drill.drill_of.as_ref(), Some(&vault.vault_id));
    assert_eq!((&vault.label, vault.threshold.get()), (&drill.label, drill.threshold.get()));
    assert_eq!((vault.epoch, vault.credentials_epoch), (drill.epoch, drill.credentials_epoch));
    assert_eq!((&vault.alerts, &sealed["alerts"]), (&drill.alerts, &practised["alerts"]));
    assert_eq!(sealed["runbook"], practised["runbook"]);
    assert_ne!((vault_key, &vault.vault_id), (drill_key, &drill.vault_id));
    assert_eq!(vault.custodians.len(), drill.custodians.len());
    for (one, other) in vault.custodians.iter().zip(&drill.custodians) {
        assert_ne!(one.commitment, other.commitment);
        assert_eq!(one, &Custodian { commitment: one.commitment.clone(), ..other.clone() });
    }
    let (target, other) = (&sealed["targets"][0], &practised["targets"][0]);
    assert_ne!(target["user"], other["user"]);
    assert_eq!(other["grant"], json!([]));
    let keys = |target: &Value| {
        ["opener", "closer", "emergency"].map(|role| target[role]["access_key_id"].to_string())
    };
    let of_the_vault = keys(target);
    assert!(keys(other).iter().all(|key| !of_the_vault.contains(key)));
}

#[test]
fn the_vector_of_a_resealed_vault_matches_the_vector_of_the_replaced_vault() {
    let read = |name: &str| {
        let path = vector::directory().join(name).with_extension("txt");
        Vector::parse(&std::fs::read_to_string(path).expect(name))
    };
    let (before, after) = (read("reseal_before"), read("reseal_after"));
    let manifest =
        |vector: &Vector| Vault::parse(&vector.file).expect("the file should be a valid vault").manifest;
    let (old, new) = (manifest(&before), manifest(&after));
    assert_eq!(old.vault_id, new.vault_id);
    assert_eq!(old.epoch + 1, new.epoch);
    assert_eq!(new.replaces, Some(hex::encode(Sha256::digest(&before.file))));
    assert_ne!(before.key, after.key);
}
