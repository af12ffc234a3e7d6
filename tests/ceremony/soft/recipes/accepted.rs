//! Vaults that a reader must accept.

use super::super::random;
use breakglass::vault::file::Vault;
use sha2::{Digest as _, Sha256};

use super::super::vector::Vector;
use super::super::{ChallengeToken, Person};
use super::*;

pub(super) fn good() -> Vec<Entry> {
    vec![
        success(
            "two_of_two",
            "the smallest possible vault: it has two custodians, and both are needed to open it",
            Recipe::default(),
        ),
        success(
            "two_of_three",
            "any two of the three custodians can open the vault",
            with! { custodians: 3 },
        ),
        success(
            "two_of_three_armored",
            "any two of the three custodians can open the vault, and the file is armored",
            with! { custodians: 3, armor: Some(|text| text) },
        ),
        success(
            "nine_of_sixteen",
            "the vault has 16 custodians, the most allowed, and the order of their shares does not matter",
            with! { custodians: 16, threshold: 9 },
        ),
        success(
            "two_tokens",
            "each custodian has two tokens, and either token opens the custodian's share",
            with! { tokens: 2 },
        ),
        success(
            "grease",
            "the header's last stanza is a grease stanza: its type ends in `-grease`",
            with! { stanzas: |s| s.push(grease()) },
        ),
        success(
            "later_epoch",
            "the vault replaces an earlier vault and has new credentials",
            with! { manifest: |m| {
                m["epoch"] = 7.into();
                m["credentials_epoch"] = 3.into();
                m["replaces"] = hex::encode(random::<32>()).into();
            } },
        ),
        success(
            "reseal_before",
            "the vault of the vector `reseal_after` replaces this vault of epoch 1",
            Recipe::default(),
        ),
        success(
            "reseal_after",
            "this vault replaces the vault of the vector `reseal_before`: `vault_id` is the same, the epoch is one higher, and the field `replaces` has the digest of that vector's file",
            with! { manifest: |m| {
                let path = crate::soft::vector::directory().join("reseal_before.txt");
                let before = Vector::parse(&std::fs::read_to_string(path).unwrap()).file;
                let replaced = Vault::parse(&before).unwrap().manifest;
                m["vault_id"] = replaced.vault_id.into();
                m["epoch"] = (replaced.epoch + 1).into();
                m["credentials_epoch"] = (replaced.epoch + 1).into();
                m["replaces"] = hex::encode(Sha256::digest(&before)).into();
            } },
        ),
        success(
            "drill_pair_vault",
            "the drill vault of the vector `drill_pair_drill` is sealed together with this vault of epoch 2",
            with! { credentials: alerts, manifest: second_epoch },
        ),
        success(
            "drill_pair_drill",
            "this drill vault is sealed together with the vault of the vector `drill_pair_vault`: the enrolments, the label, the threshold, the alert channels, the runbook and both epochs are the same",
            with! {
                people: enrolled_in_the_vault,
                credentials: |c| {
                    alerts(c);
                    let target = &mut c["targets"][0];
                    (target["name"], target["user"]) = ("drill".into(), "drill".into());
                    (target["grant"], target["may_outlive"]) = (json!([]), json!([]));
                    for role in ["opener", "closer", "emergency"] {
                        target[role]["access_key_id"] = format!("AKIADRILL{:0>11}", role.to_uppercase()).into();
                    }
                },
                manifest: |m| {
                    second_epoch(m);
                    m["replaces"] = Value::Null;
                    let vault = Vault::parse(&drilled().file).unwrap().manifest;
                    m["drill_of"] = vault.vault_id.into();
                    for (entry, enrolled) in m["custodians"].as_array_mut().unwrap().iter_mut().zip(vault.custodians) {
                        *entry = serde_json::to_value(enrolled).unwrap();
                        entry.as_object_mut().unwrap().remove("commitment");
                    }
                },
            },
        ),
        success(
            "drill",
            "the vault is a drill vault: its grant is empty, so only the probe is allowed",
            with! {
                credentials: |c| c["targets"][0]["grant"] = json!([]),
                manifest: |m| m["drill_of"] = hex::encode(random::<16>()).into(),
            },
        ),
        success(
            "drill_later_epoch",
            "the drill vault is sealed with a vault of epoch 2; a drill vault of any epoch replaces no vault",
            with! {
                credentials: |c| c["targets"][0]["grant"] = json!([]),
                manifest: |m| {
                    m["drill_of"] = hex::encode(random::<16>()).into();
                    m["epoch"] = 2.into();
                },
            },
        ),
        success(
            "alerts",
            "alert channels of every kind, with and without their optional fields",
            with! { credentials: alerts },
        ),
        success(
            "mfa",
            "the user of the target has an MFA device",
            with! { credentials: |c| mfa(&mut c["targets"][0]) },
        ),
        success(
            "lane_static",
            "the vault has the lane `static`: the target has a role instead of a gate",
            with! { credentials: |c| role(&mut c["targets"][0]), manifest: |m| m["lane"] = "static".into() },
        ),
        success(
            "longest_fields",
            "the label and the user have 64 characters, the names have 32, and the numbers have the most digits",
            with! {
                credentials: |c| {
                    c["targets"][0]["name"] = "t".repeat(32).into();
                    c["targets"][0]["user"] = "u+=,.@_-".repeat(8).into();
                    c["targets"][0]["max_window"] = "12h".into();
                },
                manifest: |m| {
                    m["label"] = format!("{}~", " ".repeat(63)).into();
                    m["epoch"] = u32::MAX.into();
                    m["credentials_epoch"] = u32::MAX.into();
                    m["replaces"] = hex::encode(random::<32>()).into();
                    m["custodians"][1]["name"] = format!("9{}", "._-".repeat(11))[..32].into();
                },
            },
        ),
        success(
            "no_padding",
            "the payload's JSON fills the last block exactly, so no space follows the JSON",
            with! { sealed: |s| filler(s, 8192) },
        ),
        success("two_chunks", "the payload needs two STREAM chunks", with! { sealed: |s| filler(s, 65537) }),
        success(
            "one_full_chunk",
            "the payload fills exactly one STREAM chunk",
            with! { sealed: |s| filler(s, 65536) },
        ),
    ]
}

/// Returns the vector `drill_pair_vault`. The drill vault of the vector `drill_pair_drill` is sealed together with this
/// vault.
fn drilled() -> Vector {
    Vector::load("drill_pair_vault")
}

/// The vault and the drill vault that the vectors of statements are about.
pub(super) fn for_statements() -> Vec<Entry> {
    vec![
        success(
            "statement_vault",
            "the vectors of statements are about this vault; the lines `signing` have the signing keys",
            with! {
                custodians: 3,
                tokens: 2,
                people: |people| people[1].challenge_tokens.push(ChallengeToken::new(20_000_002)),
                credentials: two_targets,
                manifest: second_epoch,
            },
        ),
        success(
            "statement_drill",
            "the drill vault that is sealed together with the vault of the vector `statement_vault`",
            with! {
                custodians: 3,
                tokens: 2,
                people: enrolled_for_statements,
                credentials: |c| {
                    let target = &mut c["targets"][0];
                    (target["name"], target["user"]) = ("drill".into(), "drill".into());
                    (target["grant"], target["may_outlive"]) = (json!([]), json!([]));
                    for role in ["opener", "closer", "emergency"] {
                        target[role]["access_key_id"] = format!("AKIADRILL{:0>11}", role.to_uppercase()).into();
                    }
                },
                manifest: |m| {
                    second_epoch(m);
                    m["replaces"] = Value::Null;
                    let vault = Vault::parse(&Vector::load("statement_vault").file).unwrap().manifest;
                    m["drill_of"] = vault.vault_id.into();
                    for (entry, enrolled) in m["custodians"].as_array_mut().unwrap().iter_mut().zip(vault.custodians) {
                        *entry = serde_json::to_value(enrolled).unwrap();
                        entry.as_object_mut().unwrap().remove("commitment");
                    }
                },
            },
        ),
    ]
}

fn two_targets(credentials: &mut Value) {
    let mut second = credentials["targets"][0].clone();
    (second["name"], second["account"]) = ("batch".into(), "444455556666".into());
    second["boundary"] = "arn:aws:iam::444455556666:policy/Ceiling".into();
    credentials["targets"].as_array_mut().unwrap().push(second);
}

/// Gives the custodians the words and the keys of the custodians in `statement_vault`.
fn enrolled_for_statements(people: &mut [Person]) {
    let vector = Vector::load("statement_vault");
    let manifest = Vault::parse(&vector.file).unwrap().manifest;
    let key = |text: &str| p256::SecretKey::from_slice(&hex::decode(text).unwrap()).unwrap();
    for ((person, known), entry) in people.iter_mut().zip(&vector.custodians).zip(&manifest.custodians) {
        person.words.clone_from(&known.words);
        person.enrolment = hex::decode(&entry.enrolment).unwrap().try_into().unwrap();
        for ((token, (_, decryption)), (_, signing)) in
            person.tokens.iter_mut().zip(&known.tokens).zip(&known.signing)
        {
            (token.decryption, token.signing) = (key(decryption), key(signing));
        }
        for ((serial, secret), token) in known.tokens.iter().zip(&entry.tokens).skip(known.signing.len()) {
            let fields = serde_json::to_value(token).unwrap();
            let challenge =
                |field: &str| hex::decode(fields[field].as_str().unwrap()).unwrap().try_into().unwrap();
            person.challenge_tokens.push(ChallengeToken {
                serial: *serial,
                secret: hex::decode(secret).unwrap().try_into().unwrap(),
                challenges: [challenge("decryption_challenge"), challenge("signing_challenge")],
            });
        }
    }
}

/// Gives the custodians the words and the decryption keys of the custodians in `drill_pair_vault`. The vector has no
/// signing keys, so the manifest copies each custodian's entry from that vault.
fn enrolled_in_the_vault(people: &mut [Person]) {
    let vector = drilled();
    let manifest = Vault::parse(&vector.file).unwrap().manifest;
    for ((person, known), entry) in people.iter_mut().zip(&vector.custodians).zip(&manifest.custodians) {
        person.words.clone_from(&known.words);
        person.enrolment = hex::decode(&entry.enrolment).unwrap().try_into().unwrap();
        for (token, (serial, key)) in person.tokens.iter_mut().zip(&known.tokens) {
            token.serial = *serial;
            token.decryption = p256::SecretKey::from_slice(&hex::decode(key).unwrap()).unwrap();
        }
    }
}

/// Raises both epochs to 2.
fn second_epoch(manifest: &mut Value) {
    (manifest["epoch"], manifest["credentials_epoch"]) = (2.into(), 2.into());
    manifest["replaces"] = hex::encode(random::<32>()).into();
}

fn only_challenge_for_bob(people: &mut [Person]) {
    people[1].tokens.clear();
    people[1].challenge_tokens.push(ChallengeToken::new(20_000_002));
}

/// Valid vaults with values at the limits.
pub(super) fn edges() -> Vec<Entry> {
    vec![
        success(
            "alerts_elsewhere",
            "the partition, region and account of an SNS topic differ from those of the target",
            with! { credentials: |c| {
                alerts(c);
                c["alerts"][0]["topic_arn"] = "arn:aws-us-gov:sns:us-gov-west-1:999988887777:oncall".into();
            } },
        ),
        success(
            "grant_depth",
            "the grant nests the payload's JSON 127 levels deep",
            with! { credentials: |c| c["targets"][0]["grant"] = nested(127) },
        ),
        success(
            "mfa_seed_26",
            "a TOTP seed has 26 characters, and the two unused bits of the last character are zero",
            with! { credentials: |c| {
                mfa(&mut c["targets"][0]);
                c["targets"][0]["mfa"]["totp_seed"] = "EXAMPLESEED234567EXAMPLESE".into();
            } },
        ),
    ]
}

/// Valid vaults with various grants. The manifest of each vault has the summary of the grant.
pub(super) fn grants() -> Vec<Entry> {
    vec![
        success(
            "console",
            "the grant allows `sts:GetFederationToken` through a pattern",
            with! { credentials: |c| c["targets"][0]["grant"] = json!([
            {"Effect": "Allow", "Action": ["S3:Get*", "sts:?etFederation*"], "Resource": "*"}]),
            manifest: |m| m["targets"][0]["console"] = true.into() },
        ),
        success(
            "grant_not_action",
            "the grant allows everything except some services, so its summary has the service `*` with the access `write`, and `console` is true",
            with! { credentials: |c| c["targets"][0]["grant"] = json!([
            {"Effect": "Allow", "NotAction": ["iam:*", "sts:Assume*"], "Resource": "*"}]),
            manifest: |m| m["targets"][0]["console"] = true.into() },
        ),
        success(
            "grant_not_action_console",
            "the grant allows everything except some actions, one of which is `sts:GetFederationToken`, so `console` is false",
            with! { credentials: |c| c["targets"][0]["grant"] = json!([
            {"Effect": "Allow", "NotAction": ["iam:*", "sts:*Token"], "Resource": "*"}]),
                manifest: |m| m["targets"][0]["console"] = false.into() },
        ),
        success(
            "grant_denied_console",
            "the grant denies `sts:GetFederationToken`, but the summary ignores a `Deny`, so `console` is true",
            with! { credentials: |c| c["targets"][0]["grant"] = json!([
            {"Effect": "Allow", "Action": "sts:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "sts:GetFederationToken", "Resource": "*"}]) },
        ),
        success(
            "grant_reads",
            "actions that begin with `Get`, `List` or `Describe`, in any letter case, are reads; others are writes",
            with! { credentials: |c| c["targets"][0]["grant"] = json!([
            {"Effect": "Allow", "Action": ["a:Get*", "b:LISTx", "c:describe?", "d:G*", "e:?et", "f:BatchGetItem", "*:Get*"],
                "Resource": "*"}]),
                manifest: |m| m["targets"][0]["console"] = true.into() },
        ),
        success(
            "grant_conditions",
            "the summary has the condition keys that all statements about the same service and access have",
            with! { credentials: |c| c["targets"][0]["grant"] = json!([
            {"Effect": "Allow", "Action": "a:X", "Resource": "*", "Condition": {"Bool": {"aws:B": "true", "aws:A": "true"}}},
            {"Effect": "Allow", "Action": "A:Y", "Resource": "*", "Condition": {"Null": {"AWS:a": "true"}, "Bool": {"aws:C": "true"}}},
            {"Effect": "Allow", "Action": ["b:X", "a:Get"], "Resource": "*", "Condition": {"Bool": {"aws:B": "true"}}},
            {"Effect": "Allow", "Action": "b:Z", "Resource": "*"}]) },
        ),
        success(
            "repairs_identity",
            "the target repairs identities, and its user has an MFA device",
            with! { credentials: |c| {
                mfa(&mut c["targets"][0]);
                c["targets"][0]["repairs_identity"] = true.into();
                c["targets"][0]["grant"] = json!([{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]);
            } },
        ),
        success(
            "may_outlive",
            "the field `may_outlive` has 64 actions, some with wildcards, and the longest has 128 characters",
            with! { credentials: |c| {
                let mut all: Vec<String> = (0..63).map(|n| format!("a-{n:02}:*?X")).collect();
                all.push(format!("z:{}", "A".repeat(126)));
                c["targets"][0]["may_outlive"] = json!(all);
            } },
        ),
    ]
}

/// Valid vaults with challenge-response tokens.
pub(super) fn challenge_tokens() -> Vec<Entry> {
    vec![
        success(
            "challenge_token",
            "alice has a PIV token and a challenge-response token, and either token opens her share",
            with! { people: |people| people[0].challenge_tokens.push(ChallengeToken::new(20_000_001)) },
        ),
        success(
            "challenge_only",
            "bob has only a challenge-response token, which is allowed for at most M - 1 custodians",
            with! { people: only_challenge_for_bob },
        ),
    ]
}
