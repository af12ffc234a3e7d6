//! Errors in a target's entry.

use super::*;

fn remove(manifest: &mut Value, field: &str) {
    manifest["targets"][0].as_object_mut().unwrap().remove(field);
}

pub(super) fn targets() -> Vec<Entry> {
    fails! { "parse":
        ("account", "not an AWS account ID", "an account of 11 digits", with! {
            manifest: |m| m["targets"][0]["account"] = "11112222333".into() }),
        ("partition_unknown", "not an AWS partition", "a partition that version 1 does not know", with! {
            manifest: |m| m["targets"][0]["partition"] = "aws-moon".into() }),
        ("user_path", "not an IAM user name", "a user with a path", with! {
            manifest: |m| m["targets"][0]["user"] = "ops/emergency".into() }),
        ("no_regions", "1 to 32 regions", "no region", with! { manifest: |m| m["targets"][0]["regions"] = json!([]) }),
        ("region_twice", "region eu-west-1 appears twice", "a region twice", with! {
            manifest: |m| m["targets"][0]["regions"] = json!(["eu-west-1", "eu-west-1"]) }),
        ("region_escape", "is not an AWS region", "an escape character in a region that is there twice", with! {
            manifest: |m| m["targets"][0]["regions"] = json!(["\u{1b}[2J", "\u{1b}[2J"]) }),
        ("target_name_escape", "target name", "an escape character in a name that is there twice", with! {
            manifest: |m| {
                m["targets"][0]["name"] = "\u{1b}[2J".into();
                let again = m["targets"][0].clone();
                m["targets"].as_array_mut().unwrap().push(again);
            } }),
        ("window_form", "not in canonical form", "60m for 1h", with! {
            manifest: |m| m["targets"][0]["max_window"] = "60m".into() }),
        ("window_long", "longer than 12h", "a window of 12 hours and a second", with! {
            manifest: |m| m["targets"][0]["max_window"] = "12h1s".into() }),
        ("mfa_missing", "missing field `mfa`", "a target without mfa", with! {
            manifest: |m| remove(m, "mfa") }),
        ("console_missing", "missing field `console`", "a target without console", with! {
            manifest: |m| remove(m, "console") }),
        ("repairs_identity_missing", "missing field `repairs_identity`", "a target without repairs_identity", with! {
            manifest: |m| remove(m, "repairs_identity") }),
        ("may_outlive_missing", "missing field `may_outlive`", "a target without may_outlive", with! {
            manifest: |m| remove(m, "may_outlive") }),
        ("grant_missing", "missing field `grant`", "a target without the summary of its grant", with! {
            manifest: |m| remove(m, "grant") }),
        ("repairs_identity_number", "expected a boolean", "repairs_identity of 0", with! {
            manifest: |m| m["targets"][0]["repairs_identity"] = 0.into() }),
        ("console_number", "expected a boolean", "console of 1", with! {
            manifest: |m| m["targets"][0]["console"] = 1.into() }),
        ("repairs_without_mfa", "repairs identities without MFA", "a target that repairs identities without MFA", with! {
            manifest: |m| m["targets"][0]["repairs_identity"] = true.into() }),
        ("may_outlive_order", "an action of may_outlive", "actions that are not sorted", with! {
            manifest: |m| m["targets"][0]["may_outlive"] = json!(["s3:GetDataAccess", "kms:CreateGrant"]) }),
        ("may_outlive_twice", "an action of may_outlive", "an action twice", with! {
            manifest: |m| m["targets"][0]["may_outlive"] = json!(["kms:CreateGrant", "kms:CreateGrant"]) }),
        ("may_outlive_capitals", "an action of may_outlive", "a service in capitals", with! {
            manifest: |m| m["targets"][0]["may_outlive"] = json!(["KMS:CreateGrant"]) }),
        ("may_outlive_no_service", "an action of may_outlive", "an action without a service", with! {
            manifest: |m| m["targets"][0]["may_outlive"] = json!(["CreateGrant"]) }),
        ("may_outlive_wild_service", "an action of may_outlive", "a service with a wildcard", with! {
            manifest: |m| m["targets"][0]["may_outlive"] = json!(["k*:CreateGrant"]) }),
        ("may_outlive_character", "an action of may_outlive", "a dash in an action", with! {
            manifest: |m| m["targets"][0]["may_outlive"] = json!(["kms:Create-Grant"]) }),
        ("may_outlive_long", "an action of may_outlive", "an action of 129 characters", with! {
            manifest: |m| m["targets"][0]["may_outlive"] = json!([format!("z:{}", "A".repeat(127))]) }),
        ("may_outlive_65", "more than 64 actions", "65 actions", with! {
            manifest: |m| m["targets"][0]["may_outlive"] = (0..65).map(|n| Value::from(format!("a-{n:02}:X"))).collect() }),
        ("grant_order", "the summary of its grant is not valid", "entries that are not sorted", with! {
            manifest: |m| m["targets"][0]["grant"].as_array_mut().unwrap().swap(0, 1) }),
        ("grant_access_order", "the summary of its grant is not valid", "write before read", with! {
            manifest: |m| m["targets"][0]["grant"] = json!([
                {"access": "write", "conditions": [], "service": "s3"}, {"access": "read", "conditions": [], "service": "s3"}]) }),
        ("grant_entry_twice", "the summary of its grant is not valid", "two entries with the same service and access", with! {
            manifest: |m| m["targets"][0]["grant"] = json!([
                {"access": "read", "conditions": [], "service": "s3"}, {"access": "read", "conditions": ["aws:a"], "service": "s3"}]) }),
        ("grant_service_capitals", "the summary of its grant is not valid", "a service in capitals", with! {
            manifest: |m| m["targets"][0]["grant"][0]["service"] = "EC2".into() }),
        ("grant_service_empty", "the summary of its grant is not valid", "a service without a name", with! {
            manifest: |m| m["targets"][0]["grant"][0]["service"] = "".into() }),
        ("grant_service_long", "the summary of its grant is not valid", "a service of 127 characters", with! {
            manifest: |m| m["targets"][0]["grant"][0]["service"] = "a".repeat(127).into() }),
        ("grant_access_unknown", "unknown variant", "an access that version 1 does not have", with! {
            manifest: |m| m["targets"][0]["grant"][0]["access"] = "all".into() }),
        ("grant_condition_capitals", "the summary of its grant is not valid", "a condition key in capitals", with! {
            manifest: |m| m["targets"][0]["grant"][0]["conditions"] = json!(["AWS:SourceIp"]) }),
        ("grant_condition_order", "the summary of its grant is not valid", "condition keys that are not sorted", with! {
            manifest: |m| m["targets"][0]["grant"][0]["conditions"] = json!(["aws:b", "aws:a"]) }),
        ("grant_condition_twice", "the summary of its grant is not valid", "a condition key twice", with! {
            manifest: |m| m["targets"][0]["grant"][0]["conditions"] = json!(["aws:a", "aws:a"]) }),
        ("grant_condition_space", "the summary of its grant is not valid", "a space in a condition key", with! {
            manifest: |m| m["targets"][0]["grant"][0]["conditions"] = json!(["aws: a"]) }),
        ("grant_condition_long", "the summary of its grant is not valid", "a condition key of 129 characters", with! {
            manifest: |m| m["targets"][0]["grant"][0]["conditions"] = json!(["a".repeat(129)]) }),
        ("grant_unknown_field", "unknown field `resources`", "a field of an entry that version 1 does not have", with! {
            manifest: |m| m["targets"][0]["grant"][0]["resources"] = "*".into() }),
        ("grant_257", "the summary of its grant is not valid", "257 entries", with! {
            manifest: |m| m["targets"][0]["grant"] = (0..257)
                .map(|n| json!({"access": "read", "conditions": [], "service": format!("s{n:03}")})).collect() }),
        ("static_without_mfa", "of the lane static needs MFA", "the lane static without MFA", with! {
            manifest: |m| m["lane"] = "static".into() }),
        ("grant_digest", "grant_sha256 is not 32 bytes", "a digest of 33 bytes", with! {
            manifest: |m| m["targets"][0]["grant_sha256"] = "00".repeat(33).into() }),
    }
}
