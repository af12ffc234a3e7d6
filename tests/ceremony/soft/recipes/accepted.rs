//! Vaults that a reader must accept.

use super::super::random;
use breakglass::vault::file::Vault;
use sha2::{Digest as _, Sha256};

use super::super::vector::{self, Vector};
use super::super::{ChallengeToken, Person};
use super::*;

pub(super) fn good() -> Vec<Entry> {
    vec![
        success("two_of_two", "the smallest vault", Recipe::default()),
        success("two_of_three", "any two of three open it", with! { custodians: 3 }),
        success(
            "two_of_three_armored",
            "the same kind in armor",
            with! { custodians: 3, armor: Some(|text| text) },
        ),
        success(
            "nine_of_sixteen",
            "the most custodians; the order in which they come does not matter",
            with! { custodians: 16, threshold: 9 },
        ),
        success("two_tokens", "either token of a custodian opens their share", with! { tokens: 2 }),
        success(
            "grease",
            "one stanza whose type ends in -grease, last",
            with! { stanzas: |s| s.push(grease()) },
        ),
        success(
            "later_epoch",
            "a vault that replaces another, with new credentials",
            with! { manifest: |m| {
                m["epoch"] = 7.into();
                m["credentials_epoch"] = 3.into();
                m["replaces"] = hex::encode(random::<32>()).into();
            } },
        ),
        success("reseal_before", "a vault that reseal_after replaces", Recipe::default()),
        success(
            "reseal_after",
            "a reseal of reseal_before: the same vault_id, the next epoch, the digest of the file",
            with! { manifest: |m| {
                let path = vector::directory().join("reseal_before.txt");
                let before = Vector::parse(&std::fs::read_to_string(path).unwrap()).file;
                let replaced = Vault::parse(&before).unwrap().manifest;
                m["vault_id"] = replaced.vault_id.into();
                m["epoch"] = (replaced.epoch + 1).into();
                m["credentials_epoch"] = (replaced.epoch + 1).into();
                m["replaces"] = hex::encode(Sha256::digest(&before)).into();
            } },
        ),
        success(
            "drill",
            "a drill vault: it grants nothing but the probe",
            with! {
                credentials: |c| c["targets"][0]["grant"] = json!([]),
                manifest: |m| m["drill_of"] = hex::encode(random::<16>()).into(),
            },
        ),
        success(
            "alerts",
            "every kind of alert channel, with and without what is optional",
            with! { credentials: alerts },
        ),
        success(
            "mfa",
            "a target whose user has an MFA device",
            with! { credentials: |c| mfa(&mut c["targets"][0]) },
        ),
        success(
            "lane_static",
            "a role instead of a gate",
            with! { credentials: |c| role(&mut c["targets"][0]), manifest: |m| m["lane"] = "static".into() },
        ),
        success(
            "longest_fields",
            "a label of 64, names of 32 and a user of 64 characters, the widest numbers",
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
                    m["custodians"][1]["name"] = format!("9{}", "._-".repeat(11))[..32].into();
                },
            },
        ),
        success(
            "no_padding",
            "the JSON fills its last block: not one space",
            with! { sealed: |s| filler(s, 8192) },
        ),
        success(
            "two_chunks",
            "the payload is longer than one STREAM chunk",
            with! { sealed: |s| filler(s, 65537) },
        ),
        success(
            "one_full_chunk",
            "the payload is exactly one STREAM chunk",
            with! { sealed: |s| filler(s, 65536) },
        ),
    ]
}

fn only_challenge_for_bob(people: &mut [Person]) {
    people[1].tokens.clear();
    people[1].challenge_tokens.push(ChallengeToken::new(20_000_002));
}

/// Valid values at the edge of what is accepted.
pub(super) fn edges() -> Vec<Entry> {
    vec![
        success(
            "alerts_elsewhere",
            "an SNS topic in another partition, region and account than the target's",
            with! { credentials: |c| {
                alerts(c);
                c["alerts"][0]["topic_arn"] = "arn:aws-us-gov:sns:us-gov-west-1:999988887777:oncall".into();
            } },
        ),
        success(
            "grant_depth",
            "a grant in which the payload's JSON is nested 127 deep",
            with! { credentials: |c| c["targets"][0]["grant"] = nested(127) },
        ),
        success(
            "mfa_seed_26",
            "a TOTP seed of 26 characters, whose last one carries two bits that are zero",
            with! { credentials: |c| {
                mfa(&mut c["targets"][0]);
                c["targets"][0]["mfa"]["totp_seed"] = "EXAMPLESEED234567EXAMPLESE".into();
            } },
        ),
    ]
}

/// Grants and their summaries.
pub(super) fn grants() -> Vec<Entry> {
    vec![
        success(
            "console",
            "a grant that allows sts:GetFederationToken through a pattern",
            with! { credentials: |c| c["targets"][0]["grant"] = json!([
            {"Effect": "Allow", "Action": ["S3:Get*", "sts:?etFederation*"], "Resource": "*"}]),
            manifest: |m| m["targets"][0]["console"] = true.into() },
        ),
        success(
            "grant_not_action",
            "a grant of everything but some services: its summary is * with the access write, and it allows a console",
            with! { credentials: |c| c["targets"][0]["grant"] = json!([
            {"Effect": "Allow", "NotAction": ["iam:*", "sts:Assume*"], "Resource": "*"}]),
            manifest: |m| m["targets"][0]["console"] = true.into() },
        ),
        success(
            "grant_not_action_console",
            "a grant of everything but some actions, sts:GetFederationToken among them: no console",
            with! { credentials: |c| c["targets"][0]["grant"] = json!([
            {"Effect": "Allow", "NotAction": ["iam:*", "sts:*Token"], "Resource": "*"}]),
                manifest: |m| m["targets"][0]["console"] = false.into() },
        ),
        success(
            "grant_denied_console",
            "a Deny of sts:GetFederationToken is ignored: the summary can say more than the grant allows, never less",
            with! { credentials: |c| c["targets"][0]["grant"] = json!([
            {"Effect": "Allow", "Action": "sts:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "sts:GetFederationToken", "Resource": "*"}]) },
        ),
        success(
            "grant_reads",
            "actions whose names begin with Get, List or Describe are reads, in any case; others are writes",
            with! { credentials: |c| c["targets"][0]["grant"] = json!([
            {"Effect": "Allow", "Action": ["a:Get*", "b:LISTx", "c:describe?", "d:G*", "e:?et", "f:BatchGetItem", "*:Get*"],
                "Resource": "*"}]),
                manifest: |m| m["targets"][0]["console"] = true.into() },
        ),
        success(
            "grant_conditions",
            "the condition keys that every statement of a service and access has",
            with! { credentials: |c| c["targets"][0]["grant"] = json!([
            {"Effect": "Allow", "Action": "a:X", "Resource": "*", "Condition": {"Bool": {"aws:B": "true", "aws:A": "true"}}},
            {"Effect": "Allow", "Action": "A:Y", "Resource": "*", "Condition": {"Null": {"AWS:a": "true"}, "Bool": {"aws:C": "true"}}},
            {"Effect": "Allow", "Action": ["b:X", "a:Get"], "Resource": "*", "Condition": {"Bool": {"aws:B": "true"}}},
            {"Effect": "Allow", "Action": "b:Z", "Resource": "*"}]) },
        ),
        success(
            "repairs_identity",
            "a grant that repairs identities, with MFA",
            with! { credentials: |c| {
                mfa(&mut c["targets"][0]);
                c["targets"][0]["repairs_identity"] = true.into();
                c["targets"][0]["grant"] = json!([{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]);
            } },
        ),
        success(
            "may_outlive",
            "64 actions that may outlive the window, the longest of 128 characters, with wildcards",
            with! { credentials: |c| {
                let mut all: Vec<String> = (0..63).map(|n| format!("a-{n:02}:*?X")).collect();
                all.push(format!("z:{}", "A".repeat(126)));
                c["targets"][0]["may_outlive"] = json!(all);
            } },
        ),
    ]
}

/// Challenge-response tokens.
pub(super) fn challenge_tokens() -> Vec<Entry> {
    vec![
        success(
            "challenge_token",
            "alice has a PIV token and a challenge-response token; either opens her share",
            with! { people: |people| people[0].challenge_tokens.push(ChallengeToken::new(20_000_001)) },
        ),
        success(
            "challenge_only",
            "bob has only a challenge-response token, as at most M - 1 custodians may",
            with! { people: only_challenge_for_bob },
        ),
    ]
}
