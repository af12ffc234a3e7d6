//! Vaults with one field of the manifest that does not have the accepted form.

use super::*;

fn root(manifest: &mut Value) -> &mut Value {
    manifest
}

fn custodian(manifest: &mut Value) -> &mut Value {
    &mut manifest["custodians"][0]
}

fn token(manifest: &mut Value) -> &mut Value {
    &mut manifest["custodians"][0]["tokens"][0]
}

fn target(manifest: &mut Value) -> &mut Value {
    &mut manifest["targets"][0]
}

fn entry_of_grant(manifest: &mut Value) -> &mut Value {
    &mut manifest["targets"][0]["grant"][0]
}

fn without(value: &mut Value, field: &str) {
    value.as_object_mut().unwrap().remove(field).expect("the field should exist");
}

pub(super) fn of_the_manifest() -> Vec<Entry> {
    const TIME: &str = "is not a UTC time";
    let mut all = values! { "parse" manifest root;
        ("alerts_null", "the manifest is not valid",
            "the field `alerts` in the manifest is null; without channels, the field must be left out",
            "alerts" = Value::Null),
        ("alerts_name_empty", "alert channel", "the name of an alert channel is empty", "alerts" = json!([""])),
        ("alerts_name_long", "alert channel",
            "the name of an alert channel has 33 characters, one too many", "alerts" = json!(["a".repeat(33)])),
        ("created_month", TIME, "the month of the creation time is 13", "created" = "2026-13-01T02:17:00Z"),
        ("created_hour", TIME, "the hour of the creation time is 24", "created" = "2026-11-22T24:00:00Z"),
        ("created_lower_case", TIME,
            "the letters `T` and `Z` of the creation time are in lower case", "created" = "2026-11-22t02:17:00z"),
        ("created_no_leap_year", TIME,
            "the creation time is the 29th of February 2100, which does not exist", "created" = "2100-02-29T02:17:00Z"),
        ("label_null", "the manifest is not valid", "the label of the vault is null", "label" = Value::Null),
        ("label_delete", "the label", "the label contains the control character 0x7f", "label" = "a\u{7f}"),
        ("lane_capitals", "unknown variant", "the lane is GATE, in capital letters", "lane" = "GATE"),
        ("threshold_string", "the manifest is not valid",
            "the threshold is a string instead of a number", "threshold" = "2"),
        ("vault_id_capitals", "vault_id is not 16 bytes",
            "the vault id is in capital hex", "vault_id" = "AB".repeat(16)),
        ("version_string", "the manifest is not valid",
            "the manifest's version is a string instead of a number", "version" = "1"),
        ("targets_null", "the manifest is not valid",
            "the field `targets` in the manifest is null", "targets" = Value::Null),
    };
    all.extend(fails! { "parse":
        ("replaces_capitals", "replaces is not 32 bytes",
            "the digest in the field `replaces` is in capital hex", with! {
            manifest: |m| { m["epoch"] = 2.into(); m["replaces"] = "AB".repeat(32).into(); } }),
        ("one_custodian", "2 of 1 custodians", "the vault has only one custodian", with! { custodians: 1 }),
        ("targets_257", "1 to 256 targets", "the manifest has 257 targets, one too many", with! { manifest: |m| {
            let mut one = m["targets"][0].clone();
            (one["grant"], one["may_outlive"], one["regions"]) = (json!([]), json!([]), json!(["r"]));
            let named = |n| { let mut target = one.clone(); target["name"] = format!("t{n}").into(); target };
            m["targets"] = (0..257).map(named).collect();
        } }),
    });
    all
}

/// Vaults whose manifest is not canonical JSON.
pub(super) fn json_of_the_manifest() -> Vec<Entry> {
    fails! { "parse":
        ("manifest_byte_order_mark", "the manifest is not valid",
            "the manifest starts with a byte order mark", with! {
            text: |text| format!("\u{feff}{text}") }),
        ("manifest_escaped_slash", "not in canonical form", "a slash in a string of the manifest is escaped", with! {
            manifest: |m| m["label"] = "a/b".into(), text: |text| text.replace("\"a/b\"", "\"a\\/b\"") }),
        ("manifest_escaped_name", "not in canonical form",
            "a letter in the name of a field of the manifest is escaped", with! {
            text: |text| text.replace("\"version\"", "\"\\u0076ersion\"") }),
        ("manifest_exponent", "the manifest is not valid", "the number 1 in the manifest is written `1e0`", with! {
            text: |text| text.replace("\"version\":1", "\"version\":1e0") }),
        ("manifest_leading_zero", "the manifest is not valid", "the number 1 in the manifest is written `01`", with! {
            text: |text| text.replace("\"version\":1", "\"version\":01") }),
        ("manifest_surrogate", "the manifest is not valid", "the label contains half of a surrogate pair", with! {
            text: |text| text.replace("\"production", "\"\\ud800roduction") }),
        ("custodian_field_order", "not in canonical form", "the fields of a custodian are in the wrong order", with! {
            text: |text| text.replacen("\"index\":1,\"name\":\"alice\"", "\"name\":\"alice\",\"index\":1", 1) }),
        ("custodian_field_twice", "duplicate field `index`",
            "a custodian's entry has the field `index` twice", with! {
            text: |text| text.replacen("\"index\":1", "\"index\":1,\"index\":1", 1) }),
        ("target_field_twice", "duplicate field `user`",
            "a target in the manifest has the field `user` twice", with! {
            text: |text| text.replacen("\"user\":\"emergency\"", "\"user\":\"emergency\",\"user\":\"emergency\"", 1) }),
    }
}

pub(super) fn of_a_custodian() -> Vec<Entry> {
    let mut all = values! { "parse" manifest custodian;
        ("custodian_unknown_field", "unknown field `note`",
            "a custodian's entry has a field that version 1 does not define", "note" = "x"),
        ("custodian_name_empty", "custodian name", "the name of a custodian is empty", "name" = ""),
        ("custodian_name_long", "custodian name",
            "a custodian's name has 33 characters, one too many", "name" = "a".repeat(33)),
        ("custodian_name_not_ascii", "custodian name",
            "a custodian's name contains a letter that is not ASCII", "name" = "zoë"),
        ("custodian_name_dot", "custodian name", "a custodian's name starts with a dot", "name" = ".alice"),
        ("custodian_enrolment_short", "enrolment is not 16 bytes",
            "the id of an enrolment has 15 bytes instead of 16", "enrolment" = "00".repeat(15)),
        ("custodian_enrolment_capitals", "enrolment is not 16 bytes",
            "the id of an enrolment is in capital hex", "enrolment" = "AB".repeat(16)),
        ("enrolment_sha256_short", "enrolment_sha256 is not 32 bytes",
            "the digest of an enrolment has 31 bytes instead of 32", "enrolment_sha256" = "00".repeat(31)),
        ("enrolment_sha256_capitals", "enrolment_sha256 is not 32 bytes",
            "the digest of an enrolment is in capital hex", "enrolment_sha256" = "AB".repeat(32)),
        ("fingerprint_checked_null", "the manifest is not valid",
            "the field `fingerprint_checked` of a custodian is null", "fingerprint_checked" = Value::Null),
        ("index_string", "the manifest is not valid",
            "a custodian's index is a string instead of a number", "index" = "1"),
    };
    all.extend(fails! { "parse":
        ("custodian_field_missing", "missing field `fingerprint_checked`",
            "a custodian's entry has no field `fingerprint_checked`", with! {
            manifest: |m| without(custodian(m), "fingerprint_checked") }),
        ("commitment_short", "commitment is not 32 bytes",
            "a custodian's commitment has 31 bytes instead of 32", with! {
            committed: |m| custodian(m)["commitment"] = "00".repeat(31).into() }),
    });
    all
}

pub(super) fn of_a_token() -> Vec<Entry> {
    const SLOT: &str = "not a retired PIV slot";
    let mut all = values! { "parse" manifest token;
        ("token_unknown_field", "unknown field `note`",
            "a token has a field that version 1 does not define", "note" = "x"),
        ("token_null_field", "not in canonical form",
            "the field `slot` of a PIV token is null; a PIV token must not have this field", "slot" = Value::Null),
        ("token_attestation_null", "the manifest is not valid",
            "the attestation of a token is null", "attestation" = Value::Null),
        ("token_firmware_256", "firmware version",
            "a number in a token's firmware version is 256, one above the limit", "firmware" = "5.256.2"),
        ("token_firmware_four", "firmware version",
            "a token's firmware version has four numbers instead of three", "firmware" = "5.7.2.1"),
        ("token_serial_negative", "the manifest is not valid", "a token's serial number is -1", "serial" = -1),
        ("slot_81", SLOT, "a token's slot is 81; the first retired slot is 82", "decryption_slot" = "81"),
        ("slot_96", SLOT, "a token's slot is 96; the last retired slot is 95", "signing_slot" = "96"),
    };
    all.extend(fails! { "parse":
        ("token_kind_missing", "missing field `kind`", "a token has no field `kind`", with! {
            manifest: |m| without(token(m), "kind") }),
        ("token_slot_missing", "has fields of another kind, or lacks one", "a PIV token has no signing slot", with! {
            manifest: |m| without(token(m), "signing_slot") }),
        ("token_serial_twice", "appears twice", "a custodian has two tokens with the same serial number", with! {
            tokens: 2, manifest: |m| m["custodians"][0]["tokens"][1]["serial"] = m["custodians"][0]["tokens"][0]["serial"].clone() }),
    });
    all
}

pub(super) fn of_a_target() -> Vec<Entry> {
    const ACCOUNT: &str = "not an AWS account ID";
    const USER: &str = "not an IAM user name";
    const REGION: &str = "is not an AWS region";
    let mut all = values! { "parse" manifest target;
        ("target_unknown_field", "unknown field `note`",
            "a target in the manifest has a field that version 1 does not define", "note" = "x"),
        ("target_name_empty", "target name", "the name of a target is empty", "name" = ""),
        ("target_name_long", "target name",
            "a target's name has 33 characters, one too many", "name" = "a".repeat(33)),
        ("target_name_start", "target name", "a target's name starts with an underscore", "name" = "_prod"),
        ("account_long", ACCOUNT, "a target's account has 13 digits instead of 12", "account" = "1111222233334"),
        ("account_letter", ACCOUNT, "a target's account contains a letter", "account" = "11112222333x"),
        ("partition_capitals", "not an AWS partition",
            "a target's partition is in capital letters", "partition" = "AWS"),
        ("user_null", "the manifest is not valid", "a target's user is null", "user" = Value::Null),
        ("user_empty", USER, "a target's user is empty", "user" = ""),
        ("user_long", USER, "a target's user has 65 characters, one too many", "user" = "u".repeat(65)),
        ("user_space", USER, "a target's user contains a space", "user" = "emergency user"),
        ("regions_33", "1 to 32 regions",
            "a target has 33 regions, one too many", "regions" = (0..33).map(|n| Value::from(format!("r-{n}"))).collect::<Value>()),
        ("region_empty", REGION, "a region of a target is empty", "regions" = json!([""])),
        ("region_long", REGION, "a region has 33 characters, one too many", "regions" = json!(["r".repeat(33)])),
        ("region_capitals", REGION, "a region is in capital letters", "regions" = json!(["EU-WEST-1"])),
        ("region_underscore", REGION, "a region contains an underscore", "regions" = json!(["eu_west_1"])),
        ("mfa_string", "expected a boolean",
            "the field `mfa` of a target is a string instead of a boolean", "mfa" = "false"),
        ("grant_null", "the manifest is not valid", "the summary of a grant is null", "grant" = Value::Null),
        ("grant_sha256_capitals", "grant_sha256 is not 32 bytes",
            "the digest of a grant is in capital hex", "grant_sha256" = "AB".repeat(32)),
        ("may_outlive_no_action", "an action of may_outlive",
            "an entry of `may_outlive` has a service but no action", "may_outlive" = json!(["kms:"])),
        ("may_outlive_service_empty", "an action of may_outlive",
            "an entry of `may_outlive` has an empty service", "may_outlive" = json!([":CreateGrant"])),
        ("may_outlive_two_colons", "an action of may_outlive",
            "an entry of `may_outlive` has two colons", "may_outlive" = json!(["kms:Create:Grant"])),
    };
    all.extend(values! { "parse" manifest entry_of_grant;
        ("grant_service_character", "the summary of its grant is not valid",
            "a service in the summary of a grant contains an underscore", "service" = "e_2"),
        ("grant_conditions_null", "the manifest is not valid",
            "the conditions of an entry in a grant's summary are null", "conditions" = Value::Null),
        ("grant_condition_empty", "the summary of its grant is not valid",
            "a condition key in the summary of a grant is empty", "conditions" = json!([""])),
        ("grant_condition_not_ascii", "the summary of its grant is not valid",
            "a condition key in the summary of a grant contains a letter that is not ASCII", "conditions" = json!(["aws:é"])),
    });
    all.extend(fails! { "parse":
        ("grant_field_missing", "missing field `conditions`",
            "an entry in the summary of a grant has no conditions", with! {
            manifest: |m| without(entry_of_grant(m), "conditions") }),
        ("target_field_missing", "missing field `account`", "a target in the manifest has no account", with! {
            manifest: |m| without(target(m), "account") }),
    });
    all
}

/// Vaults with a duration that does not have the accepted form.
pub(super) fn durations() -> Vec<Entry> {
    const FORM: &str = "not in canonical form";
    const INVALID: &str = "a duration like";
    values! { "parse" manifest target;
        ("window_zero", INVALID, "the longest window is 0 seconds", "max_window" = "0s"),
        ("window_empty", INVALID, "the longest window is an empty string", "max_window" = ""),
        ("window_sixty_minutes", FORM,
            "a duration of two hours is written `1h60m` instead of `2h`", "max_window" = "1h60m"),
        ("window_sixty_seconds", FORM,
            "a duration of one minute is written `60s` instead of `1m`", "max_window" = "60s"),
        ("window_leading_zero", FORM,
            "a duration of one hour is written `01h` instead of `1h`", "max_window" = "01h"),
        ("window_zero_unit", FORM, "a duration of one hour is written `1h0m` instead of `1h`", "max_window" = "1h0m"),
        ("window_order", INVALID, "a duration has minutes before hours", "max_window" = "1m1h"),
        ("window_no_unit", INVALID, "a duration has no unit", "max_window" = "3600"),
        ("window_space", INVALID, "a duration has a space between its units", "max_window" = "1h 1m"),
    }
}
