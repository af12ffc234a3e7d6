//! Vaults with a fault in a target's entry in the manifest.

use super::*;

fn remove(manifest: &mut Value, field: &str) {
    manifest["targets"][0].as_object_mut().unwrap().remove(field);
}

pub(super) fn targets() -> Vec<Entry> {
    fails! { "parse":
        ("account", "not an AWS account ID", "a target's account has 11 digits instead of 12", with! {
            manifest: |m| m["targets"][0]["account"] = "11112222333".into() }),
        ("partition_unknown", "not an AWS partition",
            "a target's partition is `aws-moon`, which version 1 does not define", with! {
            manifest: |m| m["targets"][0]["partition"] = "aws-moon".into() }),
        ("user_path", "not an IAM user name", "a target's user has a path", with! {
            manifest: |m| m["targets"][0]["user"] = "ops/emergency".into() }),
        ("no_regions", "1 to 32 regions",
            "a target has no region", with! { manifest: |m| m["targets"][0]["regions"] = json!([]) }),
        ("region_twice", "region eu-west-1 appears twice", "a target has the same region twice", with! {
            manifest: |m| m["targets"][0]["regions"] = json!(["eu-west-1", "eu-west-1"]) }),
        ("region_escape", "is not an AWS region",
            "a target has the same region twice, and the region contains the control character ESC", with! {
            manifest: |m| m["targets"][0]["regions"] = json!(["\u{1b}[2J", "\u{1b}[2J"]) }),
        ("target_name_escape", "target name",
            "two targets have the same name, and the name contains the control character ESC", with! {
            manifest: |m| {
                m["targets"][0]["name"] = "\u{1b}[2J".into();
                let again = m["targets"][0].clone();
                m["targets"].as_array_mut().unwrap().push(again);
            } }),
        ("window_form", "not in canonical form",
            "a longest window of one hour is written `60m` instead of `1h`", with! {
            manifest: |m| m["targets"][0]["max_window"] = "60m".into() }),
        ("window_long", "longer than 12h",
            "the longest window is 12 hours and one second, one second too long", with! {
            manifest: |m| m["targets"][0]["max_window"] = "12h1s".into() }),
        ("mfa_missing", "missing field `mfa`", "a target in the manifest has no field `mfa`", with! {
            manifest: |m| remove(m, "mfa") }),
        ("console_missing", "missing field `console`", "a target in the manifest has no field `console`", with! {
            manifest: |m| remove(m, "console") }),
        ("repairs_identity_missing", "missing field `repairs_identity`",
            "a target in the manifest has no field `repairs_identity`", with! {
            manifest: |m| remove(m, "repairs_identity") }),
        ("may_outlive_missing", "missing field `may_outlive`",
            "a target in the manifest has no field `may_outlive`", with! {
            manifest: |m| remove(m, "may_outlive") }),
        ("grant_missing", "missing field `grant`", "a target in the manifest has no summary of its grant", with! {
            manifest: |m| remove(m, "grant") }),
        ("repairs_identity_number", "expected a boolean",
            "the field `repairs_identity` in the manifest is 0 instead of a boolean", with! {
            manifest: |m| m["targets"][0]["repairs_identity"] = 0.into() }),
        ("console_number", "expected a boolean",
            "the field `console` in the manifest is 1 instead of a boolean", with! {
            manifest: |m| m["targets"][0]["console"] = 1.into() }),
        ("repairs_without_mfa", "repairs identities without MFA",
            "a target in the manifest repairs identities without MFA", with! {
            manifest: |m| m["targets"][0]["repairs_identity"] = true.into() }),
        ("may_outlive_order", "an action of may_outlive",
            "the actions of `may_outlive` in the manifest are not sorted", with! {
            manifest: |m| m["targets"][0]["may_outlive"] = json!(["s3:GetDataAccess", "kms:CreateGrant"]) }),
        ("may_outlive_twice", "an action of may_outlive",
            "the field `may_outlive` contains the same action twice", with! {
            manifest: |m| m["targets"][0]["may_outlive"] = json!(["kms:CreateGrant", "kms:CreateGrant"]) }),
        ("may_outlive_capitals", "an action of may_outlive",
            "the service of an action in `may_outlive` is in capital letters", with! {
            manifest: |m| m["targets"][0]["may_outlive"] = json!(["KMS:CreateGrant"]) }),
        ("may_outlive_no_service", "an action of may_outlive", "an action in `may_outlive` has no service", with! {
            manifest: |m| m["targets"][0]["may_outlive"] = json!(["CreateGrant"]) }),
        ("may_outlive_wild_service", "an action of may_outlive",
            "the service of an action in `may_outlive` has a wildcard", with! {
            manifest: |m| m["targets"][0]["may_outlive"] = json!(["k*:CreateGrant"]) }),
        ("may_outlive_character", "an action of may_outlive", "an action in `may_outlive` contains a dash", with! {
            manifest: |m| m["targets"][0]["may_outlive"] = json!(["kms:Create-Grant"]) }),
        ("may_outlive_long", "an action of may_outlive",
            "an action in `may_outlive` has 129 characters, one too many", with! {
            manifest: |m| m["targets"][0]["may_outlive"] = json!([format!("z:{}", "A".repeat(127))]) }),
        ("may_outlive_65", "more than 64 actions", "the field `may_outlive` has 65 actions, one too many", with! {
            manifest: |m| m["targets"][0]["may_outlive"] = (0..65).map(|n| Value::from(format!("a-{n:02}:X"))).collect() }),
        ("grant_order", "the summary of its grant is not valid",
            "the entries of a grant's summary are not sorted", with! {
            manifest: |m| m["targets"][0]["grant"].as_array_mut().unwrap().swap(0, 1) }),
        ("grant_access_order", "the summary of its grant is not valid",
            "in the summary of a grant, the entry with the access `write` is before the entry with `read`", with! {
            manifest: |m| m["targets"][0]["grant"] = json!([
                {"access": "write", "conditions": [], "service": "s3"}, {"access": "read", "conditions": [], "service": "s3"}]) }),
        ("grant_entry_twice", "the summary of its grant is not valid",
            "the summary of a grant has two entries with the same service and access", with! {
            manifest: |m| m["targets"][0]["grant"] = json!([
                {"access": "read", "conditions": [], "service": "s3"}, {"access": "read", "conditions": ["aws:a"], "service": "s3"}]) }),
        ("grant_service_capitals", "the summary of its grant is not valid",
            "a service in the summary of a grant is in capital letters", with! {
            manifest: |m| m["targets"][0]["grant"][0]["service"] = "EC2".into() }),
        ("grant_service_empty", "the summary of its grant is not valid",
            "a service in the summary of a grant is empty", with! {
            manifest: |m| m["targets"][0]["grant"][0]["service"] = "".into() }),
        ("grant_service_long", "the summary of its grant is not valid",
            "a service in the summary of a grant has 127 characters, one too many", with! {
            manifest: |m| m["targets"][0]["grant"][0]["service"] = "a".repeat(127).into() }),
        ("grant_access_unknown", "unknown variant",
            "the access of an entry in the summary of a grant has a value that version 1 does not define", with! {
            manifest: |m| m["targets"][0]["grant"][0]["access"] = "all".into() }),
        ("grant_condition_capitals", "the summary of its grant is not valid",
            "a condition key in the summary of a grant is in capital letters", with! {
            manifest: |m| m["targets"][0]["grant"][0]["conditions"] = json!(["AWS:SourceIp"]) }),
        ("grant_condition_order", "the summary of its grant is not valid",
            "the condition keys in the summary of a grant are not sorted", with! {
            manifest: |m| m["targets"][0]["grant"][0]["conditions"] = json!(["aws:b", "aws:a"]) }),
        ("grant_condition_twice", "the summary of its grant is not valid",
            "an entry in the summary of a grant has the same condition key twice", with! {
            manifest: |m| m["targets"][0]["grant"][0]["conditions"] = json!(["aws:a", "aws:a"]) }),
        ("grant_condition_space", "the summary of its grant is not valid",
            "a condition key in the summary of a grant contains a space", with! {
            manifest: |m| m["targets"][0]["grant"][0]["conditions"] = json!(["aws: a"]) }),
        ("grant_condition_long", "the summary of its grant is not valid",
            "a condition key in the summary of a grant has 129 characters, one too many", with! {
            manifest: |m| m["targets"][0]["grant"][0]["conditions"] = json!(["a".repeat(129)]) }),
        ("grant_unknown_field", "unknown field `resources`",
            "an entry in the summary of a grant has a field that version 1 does not define", with! {
            manifest: |m| m["targets"][0]["grant"][0]["resources"] = "*".into() }),
        ("grant_257", "the summary of its grant is not valid",
            "the summary of a grant has 257 entries, one too many", with! {
            manifest: |m| m["targets"][0]["grant"] = (0..257)
                .map(|n| json!({"access": "read", "conditions": [], "service": format!("s{n:03}")})).collect() }),
        ("static_without_mfa", "of the lane static needs MFA",
            "the vault has the lane `static`, but a target has no MFA device", with! {
            manifest: |m| m["lane"] = "static".into() }),
        ("grant_digest", "grant_sha256 is not 32 bytes", "the digest of a grant has 33 bytes instead of 32", with! {
            manifest: |m| m["targets"][0]["grant_sha256"] = "00".repeat(33).into() }),
    }
}
