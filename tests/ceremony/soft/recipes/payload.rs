//! Vaults with a fault in the payload.

use super::super::random;
use super::*;

pub(super) fn payload() -> Vec<Entry> {
    fails! { "open":
        ("mac_changed", "header's MAC does not match", "the MAC has the right form but a wrong value", with! {
            mac: |mac| format!("{}{}", if mac.starts_with('A') { "B" } else { "A" }, &mac[1..]) }),
        ("grease_changed", "header's MAC does not match",
            "the grease stanza was changed after the MAC was computed", with! {
            stanzas: |s| s.push(grease()),
            file: |f| { let at = position(f, b"grease a ") + 7; f[at] = b'b'; } }),
        ("key_of_another_polynomial", "header's MAC does not match",
            "the shares match their commitments but are not points of one polynomial", with! {
            dealt: |shares| shares[1] = random() }),
        ("nonce_changed", "payload does not decrypt", "one bit of the payload's nonce was changed", with! {
            file: |f| { let at = f.len() - 4096 - 16 - 1; f[at] ^= 1; } }),
        ("payload_changed", "payload does not decrypt", "one bit of the encrypted payload was changed", with! {
            file: |f| { let at = f.len() - 2000; f[at] ^= 1; } }),
        ("payload_tag_changed", "payload does not decrypt", "the last bit of the file was changed", with! {
            file: |f| { let at = f.len() - 1; f[at] ^= 1; } }),
        ("payload_not_json", "the sealed payload is not valid",
            "the payload contains only spaces", with! { plain: |p| p.fill(b' ') }),
        ("padding_zeros", "the sealed payload is not valid",
            "the payload is padded with zero bytes instead of spaces", with! {
            plain: |p| for byte in p.iter_mut().rev() { if *byte == b' ' { *byte = 0 } else { break } } }),
        ("padding_block", "its padding", "the payload has one block of spaces too many", with! {
            plain: |p| p.resize(p.len() + 4096, b' ') }),
        ("payload_space_first", "canonical form", "a space is before the payload's JSON", with! {
            plain: |p| { p.pop(); p.insert(0, b' '); } }),
        ("payload_order", "canonical form", "the fields of the payload are in the wrong order", with! {
            plain: |p| { let end = position(p, b"} ");
                p.copy_within(1..end - 12, 13); p[1..13].copy_from_slice(b"\"version\":1,"); } }),
        ("payload_unknown_field", "unknown field `note`",
            "the payload has a field that version 1 does not define", with! {
            sealed: |s| s["note"] = "x".into() }),
        ("payload_runbook_missing", "canonical form",
            "the field `runbook` is missing; without a runbook, the field must be an empty string", with! {
            sealed: |s| drop(s.as_object_mut().unwrap().remove("runbook")) }),
        ("payload_version", "its version is 2",
            "the payload's version is 2", with! { sealed: |s| s["version"] = 2.into() }),
        ("payload_other_account", "do not match the manifest",
            "the payload and the manifest have different accounts for a target", with! {
            sealed: |s| { s["targets"][0]["account"] = "999988887777".into();
                s["targets"][0]["boundary"] = "arn:aws:iam::999988887777:policy/Ceiling".into(); } }),
        ("payload_other_grant", "do not match the manifest",
            "the payload's grant is wider than the grant whose digest is in the manifest", with! {
            sealed: |s| s["targets"][0]["grant"][0]["Action"] = json!(["*"]) }),
        ("payload_other_lane", "do not match the manifest",
            "a target in the payload has a role, but the manifest has the lane `gate`", with! {
            credentials: |c| role(&mut c["targets"][0]) }),
        ("payload_two_lanes", "two lanes",
            "one target of the vault has a gate, and another target has a role", with! {
            credentials: |c| {
                let mut other = c["targets"][0].clone();
                role(&mut other);
                other["name"] = "other".into();
                c["targets"].as_array_mut().unwrap().push(other);
            } }),
        ("payload_drill", "grants more than the probe", "a drill vault has a grant that is not empty", with! {
            manifest: |m| m["drill_of"] = hex::encode(random::<16>()).into() }),
        ("payload_mfa_unlisted", "do not match the manifest",
            "the payload has an MFA device, but the manifest says that there is none", with! {
            sealed: |s| mfa(&mut s["targets"][0]) }),
        ("payload_role_and_gate", "unknown field `boundary`",
            "a target has both a role and a permissions boundary", with! {
            credentials: |c| {
                let target = &mut c["targets"][0];
                let boundary = target["boundary"].clone();
                role(target);
                target["boundary"] = boundary;
            }, manifest: |m| { m["lane"] = "static".into(); m["targets"][0].as_object_mut().unwrap().remove("boundary"); } }),
        ("payload_role_without_mfa", "missing field `mfa`", "a target with a role has no MFA device", with! {
            credentials: |c| role(&mut c["targets"][0]), manifest: |m| m["lane"] = "static".into(),
            sealed: |s| drop(s["targets"][0].as_object_mut().unwrap().remove("mfa")) }),
        ("payload_opener_missing", "missing field `opener`", "a target of the lane `gate` has no opener", with! {
            sealed: |s| drop(s["targets"][0].as_object_mut().unwrap().remove("opener")) }),
        ("surplus_share", "header's MAC does not match",
            "three shares match their commitments, but the third share is not a point of the vault's polynomial", with! {
            custodians: 3, dealt: |shares| shares[2] = random() }),
        ("payload_surrogate", "the sealed payload is not valid",
            "a string in the payload contains half of a surrogate pair", with! {
            plain: |p| { let at = position(p, b"1. Tell"); p[at..at + 6].copy_from_slice(b"\\ud800"); } }),
        ("payload_grant_not_object", "expected an object",
            "a statement of the grant is a string instead of an object", with! {
            credentials: |c| c["targets"][0]["grant"] = json!(["ec2:*"]) }),
        ("payload_grant_field_twice", "duplicate field", "a statement of the grant has the same field twice", with! {
            plain: |p| { let at = position(p, b"\"Sid\":\"Repair\"");
                p[at..at + 14].copy_from_slice(b"\"Effect\":\"Not\""); } }),
        ("payload_grant_number", "canonical form",
            "the grant contains the integer 2^53 + 1, which a double cannot represent", with! {
            credentials: |c| c["targets"][0]["grant"][0]["n"] = 9_007_199_254_740_992_u64.into(),
            plain: |p| { let at = position(p, b"9007199254740992") + 15; p[at] = b'3'; } }),
        ("payload_grant_depth", "the sealed payload is not valid",
            "the grant nests the payload's JSON 128 levels deep, one too many", with! {
            credentials: |c| c["targets"][0]["grant"] = nested(128) }),
        ("payload_seed_trailing_bits", "not base32",
            "the unused bits of the last character of a TOTP seed are not zero", with! {
            credentials: |c| { mfa(&mut c["targets"][0]);
                c["targets"][0]["mfa"]["totp_seed"] = "EXAMPLESEED234567EXAMPLESF".into(); } }),
        ("payload_seed", "not base32", "a TOTP seed contains a digit that base32 does not have", with! {
            credentials: |c| { mfa(&mut c["targets"][0]);
                c["targets"][0]["mfa"]["totp_seed"] = "EXAMPLESEED23456789EXAMPLESEED23".into(); } }),
        ("payload_mfa_account", "the MFA device is not a device of this account",
            "the MFA device belongs to an account that is not the target's account", with! {
            credentials: |c| { mfa(&mut c["targets"][0]);
                c["targets"][0]["mfa"]["serial_number"] = "arn:aws:iam::999988887777:mfa/emergency".into(); } }),
        ("payload_boundary", "the boundary is not a policy of this account",
            "the permissions boundary belongs to an account that is not the target's account", with! {
            sealed: |s| s["targets"][0]["boundary"] = "arn:aws:iam::999988887777:policy/Ceiling".into() }),
        ("payload_key_id", "access key ID", "an access key id is in lower case", with! {
            sealed: |s| s["targets"][0]["opener"]["access_key_id"] = "akiaexampleopener000".into() }),
        ("payload_emergency_key_id", "access key ID",
            "the id of the emergency user's access key is in lower case", with! {
            sealed: |s| s["targets"][0]["emergency"]["access_key_id"] = "akiaexampleemergency".into() }),
        ("payload_key_secret", "secret access key", "a secret access key has 39 characters instead of 40", with! {
            sealed: |s| s["targets"][0]["closer"]["secret_access_key"] = "s".repeat(39).into() }),
        ("payload_key_twice", "access key", "the opener and the closer have the same access key", with! {
            sealed: |s| s["targets"][0]["opener"] = s["targets"][0]["closer"].clone() }),
    }
}

/// Vaults whose manifest and payload have different values.
pub(super) fn differences() -> Vec<Entry> {
    fails! { "open":
        ("payload_other_name", "do not match the manifest",
            "the payload and the manifest have different names for a target", with! {
            manifest: |m| m["targets"][0]["name"] = "Prod".into() }),
        ("payload_other_user", "do not match the manifest",
            "the payload and the manifest have different users for a target", with! {
            manifest: |m| m["targets"][0]["user"] = "Emergency".into() }),
        ("payload_other_partition", "do not match the manifest",
            "the payload and the manifest have different partitions for a target", with! {
            manifest: |m| m["targets"][0]["partition"] = "aws-cn".into() }),
        ("payload_other_regions", "do not match the manifest",
            "the payload and the manifest have the regions of a target in different orders", with! {
            manifest: |m| m["targets"][0]["regions"].as_array_mut().unwrap().swap(0, 1) }),
        ("payload_other_window", "do not match the manifest",
            "the payload and the manifest have different longest windows for a target", with! {
            manifest: |m| m["targets"][0]["max_window"] = "2h".into() }),
        ("payload_other_digest", "do not match the manifest",
            "`grant_sha256` in the manifest is not the digest of the payload's grant", with! {
            manifest: |m| m["targets"][0]["grant_sha256"] = "0".repeat(64).into() }),
        ("payload_other_console", "do not match the manifest",
            "the manifest says that the grant allows a console, but the grant does not", with! {
            manifest: |m| m["targets"][0]["console"] = true.into() }),
        ("payload_console_unlisted", "do not match the manifest",
            "the grant allows a console, but the manifest says that the grant does not", with! {
            credentials: |c| c["targets"][0]["grant"][0]["Action"] = json!(["sts:GetFederationToken"]),
            manifest: |m| m["targets"][0]["console"] = false.into() }),
        ("payload_other_mfa", "do not match the manifest",
            "the manifest says that the user has an MFA device, but the payload has none", with! {
            manifest: |m| m["targets"][0]["mfa"] = true.into() }),
        ("payload_other_repairs", "do not match the manifest",
            "a target in the payload repairs identities, but the manifest says that the target does not", with! {
            credentials: |c| { mfa(&mut c["targets"][0]); c["targets"][0]["repairs_identity"] = true.into(); },
            manifest: |m| m["targets"][0]["repairs_identity"] = false.into() }),
        ("payload_other_may_outlive", "do not match the manifest",
            "the payload lists an action that can outlive the window, but the manifest does not list this action",
            with! {
            manifest: |m| m["targets"][0]["may_outlive"] = json!([]) }),
        ("payload_summary_access", "do not match the manifest",
            "the access in the manifest's summary is `read`, but the grant allows writes", with! {
            manifest: |m| m["targets"][0]["grant"][0]["access"] = "read".into() }),
        ("payload_summary_entry", "do not match the manifest",
            "the grant allows a service that is missing from the summary in the manifest", with! {
            manifest: |m| drop(m["targets"][0]["grant"].as_array_mut().unwrap().remove(0)) }),
        ("payload_summary_conditions", "do not match the manifest",
            "the summary in the manifest has a condition key that the grant does not have", with! {
            manifest: |m| m["targets"][0]["grant"][0]["conditions"] = json!(["aws:sourceip"]) }),
        ("payload_targets_order", "do not match the manifest",
            "the payload and the manifest have the targets in different orders", with! {
            credentials: |c| {
                let mut other = c["targets"][0].clone();
                other["name"] = "other".into();
                c["targets"].as_array_mut().unwrap().push(other);
            }, sealed: |s| s["targets"].as_array_mut().unwrap().swap(0, 1) }),
    }
}

/// Vaults with a fault in a statement of a grant, or in a related field.
pub(super) fn statements() -> Vec<Entry> {
    fails! { "open":
        ("payload_statement_effect", "has no Effect of Allow or Deny",
            "the `Effect` of a statement is in lower case", with! {
            credentials: |c| c["targets"][0]["grant"][0]["Effect"] = "allow".into() }),
        ("payload_statement_no_effect", "has no Effect of Allow or Deny",
            "a statement of the grant has no `Effect`", with! {
            credentials: |c| drop(c["targets"][0]["grant"][0].as_object_mut().unwrap().remove("Effect")) }),
        ("payload_statement_no_action", "needs either Action or NotAction",
            "a statement of the grant has no `Action`", with! {
            credentials: |c| drop(c["targets"][0]["grant"][0].as_object_mut().unwrap().remove("Action")) }),
        ("payload_statement_both", "needs either Action or NotAction",
            "a statement of the grant has both `Action` and `NotAction`", with! {
            credentials: |c| c["targets"][0]["grant"][0]["NotAction"] = "iam:*".into() }),
        ("payload_statement_empty", "needs Action as a string or a list of strings",
            "the `Action` of a statement is an empty list", with! {
            credentials: |c| c["targets"][0]["grant"][0]["Action"] = json!([]) }),
        ("payload_statement_number", "needs Action as a string or a list of strings",
            "the `Action` of a statement is a list that contains a number", with! {
            credentials: |c| c["targets"][0]["grant"][0]["Action"] = json!(["ec2:*", 1]) }),
        ("payload_action_no_service", "not an IAM action", "an action in the grant has no service", with! {
            credentials: |c| c["targets"][0]["grant"][0]["Action"] = json!("RebootInstances") }),
        ("payload_action_character", "not an IAM action", "an action in the grant contains a dash", with! {
            credentials: |c| c["targets"][0]["grant"][0]["Action"] = json!("ec2:Reboot-Instances") }),
        ("payload_action_long", "not an IAM action",
            "an action in the grant has 129 characters, one too many", with! {
            credentials: |c| c["targets"][0]["grant"][0]["Action"] = json!(format!("ec2:{}", "R".repeat(125))) }),
        ("payload_condition_form", "is not in the form {condition operator: {condition key: value}}",
            "the `Condition` of a statement is an array instead of an object", with! {
            credentials: |c| c["targets"][0]["grant"][0]["Condition"] = json!([]) }),
        ("payload_condition_no_keys", "is not in the form {condition operator: {condition key: value}}",
            "an operator in the `Condition` of a statement has no condition keys", with! {
            credentials: |c| c["targets"][0]["grant"][0]["Condition"] = json!({"Bool": {}}) }),
        ("payload_condition_key_deny", "is not in the form {condition operator: {condition key: value}}",
            "a condition key of a `Deny` contains a space; a reader must refuse the key although the summary ignores a `Deny`", with! {
            credentials: |c| c["targets"][0]["grant"][3]["Condition"] = json!({"Bool": {"aws: x": "true"}}) }),
        ("payload_static_grant", "the sealed payload is not valid",
            "the vault has the lane `static`, and a grant is an object instead of an array", with! {
            credentials: |c| { role(&mut c["targets"][0]); c["targets"][0]["grant"] = json!({}); },
            manifest: |m| m["lane"] = "static".into() }),
        ("payload_targets_number", "the sealed payload is not valid",
            "the field `targets` in the payload is a number", with! {
            sealed: |s| s["targets"] = 1.into() }),
        ("payload_condition_key", "is not in the form {condition operator: {condition key: value}}",
            "a condition key in the grant contains a space", with! {
            sealed: |s| s["targets"][0]["grant"][0]["Condition"] = json!({"Bool": {"aws: x": "true"}}) }),
        ("payload_may_outlive_order", "an action of may_outlive",
            "the actions of `may_outlive` in the payload are not sorted", with! {
            sealed: |s| s["targets"][0]["may_outlive"] = json!(["s3:GetDataAccess", "kms:CreateGrant"]) }),
        ("payload_repairs_without_mfa", "has no MFA device",
            "a target in the payload repairs identities without an MFA device", with! {
            sealed: |s| s["targets"][0]["repairs_identity"] = true.into() }),
    }
}
