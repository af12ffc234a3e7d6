//! Errors in the payload.

use super::super::random;
use super::*;

pub(super) fn payload() -> Vec<Entry> {
    fails! { "open":
        ("mac_changed", "header's MAC does not match", "a MAC of the right form and a wrong value", with! {
            mac: |mac| format!("{}{}", if mac.starts_with('A') { "B" } else { "A" }, &mac[1..]) }),
        ("grease_changed", "header's MAC does not match", "grease that the MAC does not cover", with! {
            stanzas: |s| s.push(grease()),
            file: |f| { let at = position(f, b"grease a ") + 7; f[at] = b'b'; } }),
        ("key_of_another_polynomial", "header's MAC does not match", "shares that fit their commitments and are not of one polynomial", with! {
            dealt: |shares| shares[1] = random() }),
        ("nonce_changed", "payload does not decrypt", "a bit of the payload's nonce", with! {
            file: |f| { let at = f.len() - 4096 - 16 - 1; f[at] ^= 1; } }),
        ("payload_changed", "payload does not decrypt", "a bit of the payload", with! {
            file: |f| { let at = f.len() - 2000; f[at] ^= 1; } }),
        ("payload_tag_changed", "payload does not decrypt", "the last bit of the file", with! {
            file: |f| { let at = f.len() - 1; f[at] ^= 1; } }),
        ("payload_not_json", "the sealed payload is not valid", "spaces only", with! { plain: |p| p.fill(b' ') }),
        ("padding_zeros", "the sealed payload is not valid", "zeros instead of spaces", with! {
            plain: |p| for byte in p.iter_mut().rev() { if *byte == b' ' { *byte = 0 } else { break } } }),
        ("padding_block", "its padding", "a block of spaces too many", with! {
            plain: |p| p.resize(p.len() + 4096, b' ') }),
        ("payload_space_first", "canonical form", "a space before the JSON", with! {
            plain: |p| { p.pop(); p.insert(0, b' '); } }),
        ("payload_order", "canonical form", "fields in another order", with! {
            plain: |p| { let end = position(p, b"} ");
                p.copy_within(1..end - 12, 13); p[1..13].copy_from_slice(b"\"version\":1,"); } }),
        ("payload_unknown_field", "unknown field `note`", "a field that version 1 does not have", with! {
            sealed: |s| s["note"] = "x".into() }),
        ("payload_runbook_missing", "canonical form", "no runbook: it is empty when there is none", with! {
            sealed: |s| drop(s.as_object_mut().unwrap().remove("runbook")) }),
        ("payload_version", "its version is 2", "version 2", with! { sealed: |s| s["version"] = 2.into() }),
        ("payload_other_account", "do not match the manifest", "credentials of another account than the manifest's", with! {
            sealed: |s| { s["targets"][0]["account"] = "999988887777".into();
                s["targets"][0]["boundary"] = "arn:aws:iam::999988887777:policy/Ceiling".into(); } }),
        ("payload_other_grant", "do not match the manifest", "a wider grant than the manifest's digest", with! {
            sealed: |s| s["targets"][0]["grant"][0]["Action"] = json!(["*"]) }),
        ("payload_other_lane", "do not match the manifest", "a role where the manifest's lane is gate", with! {
            credentials: |c| role(&mut c["targets"][0]) }),
        ("payload_two_lanes", "two lanes", "a gate and a role in one vault", with! {
            credentials: |c| {
                let mut other = c["targets"][0].clone();
                role(&mut other);
                other["name"] = "other".into();
                c["targets"].as_array_mut().unwrap().push(other);
            } }),
        ("payload_drill", "grants more than the probe", "a drill vault with a grant", with! {
            manifest: |m| m["drill_of"] = hex::encode(random::<16>()).into() }),
        ("payload_mfa_unlisted", "do not match the manifest", "an MFA device that the manifest does not mention", with! {
            sealed: |s| mfa(&mut s["targets"][0]) }),
        ("payload_role_and_gate", "unknown field `boundary`", "a role and a boundary in one target", with! {
            credentials: |c| {
                let target = &mut c["targets"][0];
                let boundary = target["boundary"].clone();
                role(target);
                target["boundary"] = boundary;
            }, manifest: |m| { m["lane"] = "static".into(); m["targets"][0].as_object_mut().unwrap().remove("boundary"); } }),
        ("payload_role_without_mfa", "missing field `mfa`", "a role without an MFA device", with! {
            credentials: |c| role(&mut c["targets"][0]), manifest: |m| m["lane"] = "static".into(),
            sealed: |s| drop(s["targets"][0].as_object_mut().unwrap().remove("mfa")) }),
        ("payload_opener_missing", "missing field `opener`", "a gate without an opener", with! {
            sealed: |s| drop(s["targets"][0].as_object_mut().unwrap().remove("opener")) }),
        ("surplus_share", "header's MAC does not match", "three shares that fit their commitments; two of them open the vault, the third is not of their polynomial", with! {
            custodians: 3, dealt: |shares| shares[2] = random() }),
        ("payload_surrogate", "the sealed payload is not valid", "half of a surrogate pair in a string", with! {
            plain: |p| { let at = position(p, b"1. Tell"); p[at..at + 6].copy_from_slice(b"\\ud800"); } }),
        ("payload_grant_not_object", "expected an object", "a statement of the grant that is a string", with! {
            credentials: |c| c["targets"][0]["grant"] = json!(["ec2:*"]) }),
        ("payload_grant_field_twice", "duplicate field", "a field of a statement twice", with! {
            plain: |p| { let at = position(p, b"\"Sid\":\"Repair\"");
                p[at..at + 14].copy_from_slice(b"\"Effect\":\"Not\""); } }),
        ("payload_grant_number", "canonical form", "an integer that is not a double: 2^53 + 1", with! {
            credentials: |c| c["targets"][0]["grant"][0]["n"] = 9_007_199_254_740_992_u64.into(),
            plain: |p| { let at = position(p, b"9007199254740992") + 15; p[at] = b'3'; } }),
        ("payload_grant_depth", "the sealed payload is not valid", "a grant in which the payload's JSON is nested 128 deep", with! {
            credentials: |c| c["targets"][0]["grant"] = nested(128) }),
        ("payload_seed_trailing_bits", "not base32", "a bit in a TOTP seed that its last character does not need", with! {
            credentials: |c| { mfa(&mut c["targets"][0]);
                c["targets"][0]["mfa"]["totp_seed"] = "EXAMPLESEED234567EXAMPLESF".into(); } }),
        ("payload_seed", "not base32", "a TOTP seed with a digit that base32 does not have", with! {
            credentials: |c| { mfa(&mut c["targets"][0]);
                c["targets"][0]["mfa"]["totp_seed"] = "EXAMPLESEED23456789EXAMPLESEED23".into(); } }),
        ("payload_mfa_account", "the MFA device is not a device of this account", "an MFA device of another account", with! {
            credentials: |c| { mfa(&mut c["targets"][0]);
                c["targets"][0]["mfa"]["serial_number"] = "arn:aws:iam::999988887777:mfa/emergency".into(); } }),
        ("payload_boundary", "the boundary is not a policy of this account", "a boundary of another account", with! {
            sealed: |s| s["targets"][0]["boundary"] = "arn:aws:iam::999988887777:policy/Ceiling".into() }),
        ("payload_key_id", "access key ID", "an access key id in small letters", with! {
            sealed: |s| s["targets"][0]["opener"]["access_key_id"] = "akiaexampleopener000".into() }),
        ("payload_key_secret", "secret access key", "a secret access key of 39 characters", with! {
            sealed: |s| s["targets"][0]["closer"]["secret_access_key"] = "s".repeat(39).into() }),
        ("payload_key_twice", "access key", "opener and closer are one key", with! {
            sealed: |s| s["targets"][0]["opener"] = s["targets"][0]["closer"].clone() }),
    }
}

/// Values of the manifest that are not those of the payload.
pub(super) fn differences() -> Vec<Entry> {
    fails! { "open":
        ("payload_other_name", "do not match the manifest", "another target's name than in the manifest", with! {
            manifest: |m| m["targets"][0]["name"] = "Prod".into() }),
        ("payload_other_user", "do not match the manifest", "another user than in the manifest", with! {
            manifest: |m| m["targets"][0]["user"] = "Emergency".into() }),
        ("payload_other_partition", "do not match the manifest", "another partition than in the manifest", with! {
            manifest: |m| m["targets"][0]["partition"] = "aws-cn".into() }),
        ("payload_other_regions", "do not match the manifest", "the regions in another order than in the manifest", with! {
            manifest: |m| m["targets"][0]["regions"].as_array_mut().unwrap().swap(0, 1) }),
        ("payload_other_window", "do not match the manifest", "another longest window than in the manifest", with! {
            manifest: |m| m["targets"][0]["max_window"] = "2h".into() }),
        ("payload_other_digest", "do not match the manifest", "another grant_sha256 than that of the grant", with! {
            manifest: |m| m["targets"][0]["grant_sha256"] = "0".repeat(64).into() }),
        ("payload_other_console", "do not match the manifest", "the manifest says that there is a console", with! {
            manifest: |m| m["targets"][0]["console"] = true.into() }),
        ("payload_console_unlisted", "do not match the manifest", "a grant that allows a console, and the manifest does not say so", with! {
            credentials: |c| c["targets"][0]["grant"][0]["Action"] = json!(["sts:GetFederationToken"]),
            manifest: |m| m["targets"][0]["console"] = false.into() }),
        ("payload_other_mfa", "do not match the manifest", "the manifest says that there is an MFA device", with! {
            manifest: |m| m["targets"][0]["mfa"] = true.into() }),
        ("payload_other_repairs", "do not match the manifest", "a target that repairs identities, and the manifest does not say so", with! {
            credentials: |c| { mfa(&mut c["targets"][0]); c["targets"][0]["repairs_identity"] = true.into(); },
            manifest: |m| m["targets"][0]["repairs_identity"] = false.into() }),
        ("payload_other_may_outlive", "do not match the manifest", "an action that may outlive the window, and the manifest does not say so", with! {
            manifest: |m| m["targets"][0]["may_outlive"] = json!([]) }),
        ("payload_summary_access", "do not match the manifest", "a summary that says read where the grant allows write", with! {
            manifest: |m| m["targets"][0]["grant"][0]["access"] = "read".into() }),
        ("payload_summary_entry", "do not match the manifest", "a summary without a service that the grant allows", with! {
            manifest: |m| drop(m["targets"][0]["grant"].as_array_mut().unwrap().remove(0)) }),
        ("payload_summary_conditions", "do not match the manifest", "a summary with a condition that the grant does not have", with! {
            manifest: |m| m["targets"][0]["grant"][0]["conditions"] = json!(["aws:sourceip"]) }),
        ("payload_targets_order", "do not match the manifest", "targets in another order than in the manifest", with! {
            credentials: |c| {
                let mut other = c["targets"][0].clone();
                other["name"] = "other".into();
                c["targets"].as_array_mut().unwrap().push(other);
            }, sealed: |s| s["targets"].as_array_mut().unwrap().swap(0, 1) }),
    }
}

/// Errors in statements of a grant, and in what goes with them.
pub(super) fn statements() -> Vec<Entry> {
    fails! { "open":
        ("payload_statement_effect", "has no Effect of Allow or Deny", "an effect in small letters", with! {
            credentials: |c| c["targets"][0]["grant"][0]["Effect"] = "allow".into() }),
        ("payload_statement_no_effect", "has no Effect of Allow or Deny", "a statement without an effect", with! {
            credentials: |c| drop(c["targets"][0]["grant"][0].as_object_mut().unwrap().remove("Effect")) }),
        ("payload_statement_no_action", "needs either Action or NotAction", "a statement without actions", with! {
            credentials: |c| drop(c["targets"][0]["grant"][0].as_object_mut().unwrap().remove("Action")) }),
        ("payload_statement_both", "needs either Action or NotAction", "a statement with Action and NotAction", with! {
            credentials: |c| c["targets"][0]["grant"][0]["NotAction"] = "iam:*".into() }),
        ("payload_statement_empty", "needs Action as a string or a list of strings", "an empty list of actions", with! {
            credentials: |c| c["targets"][0]["grant"][0]["Action"] = json!([]) }),
        ("payload_statement_number", "needs Action as a string or a list of strings", "a number among the actions", with! {
            credentials: |c| c["targets"][0]["grant"][0]["Action"] = json!(["ec2:*", 1]) }),
        ("payload_action_no_service", "not an IAM action", "an action without a service", with! {
            credentials: |c| c["targets"][0]["grant"][0]["Action"] = json!("RebootInstances") }),
        ("payload_action_character", "not an IAM action", "a dash in an action", with! {
            credentials: |c| c["targets"][0]["grant"][0]["Action"] = json!("ec2:Reboot-Instances") }),
        ("payload_action_long", "not an IAM action", "an action of 129 characters", with! {
            credentials: |c| c["targets"][0]["grant"][0]["Action"] = json!(format!("ec2:{}", "R".repeat(125))) }),
        ("payload_condition_form", "not an object of operators with keys", "a condition that is an array", with! {
            credentials: |c| c["targets"][0]["grant"][0]["Condition"] = json!([]) }),
        ("payload_condition_no_keys", "not an object of operators with keys", "an operator without keys", with! {
            credentials: |c| c["targets"][0]["grant"][0]["Condition"] = json!({"Bool": {}}) }),
        ("payload_condition_key_deny", "not an object of operators with keys", "a space in a condition key of a Deny, which the summary ignores", with! {
            credentials: |c| c["targets"][0]["grant"][3]["Condition"] = json!({"Bool": {"aws: x": "true"}}) }),
        ("payload_static_grant", "the sealed payload is not valid", "a grant that is an object, in the lane static", with! {
            credentials: |c| { role(&mut c["targets"][0]); c["targets"][0]["grant"] = json!({}); },
            manifest: |m| m["lane"] = "static".into() }),
        ("payload_targets_number", "the sealed payload is not valid", "a number where the targets belong", with! {
            sealed: |s| s["targets"] = 1.into() }),
        ("payload_condition_key", "not an object of operators with keys", "a space in a condition key", with! {
            sealed: |s| s["targets"][0]["grant"][0]["Condition"] = json!({"Bool": {"aws: x": "true"}}) }),
        ("payload_may_outlive_order", "an action of may_outlive", "actions that are not sorted", with! {
            sealed: |s| s["targets"][0]["may_outlive"] = json!(["s3:GetDataAccess", "kms:CreateGrant"]) }),
        ("payload_repairs_without_mfa", "has no MFA device", "a target that repairs identities without MFA", with! {
            sealed: |s| s["targets"][0]["repairs_identity"] = true.into() }),
    }
}
