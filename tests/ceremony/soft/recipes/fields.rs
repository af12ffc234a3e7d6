//! Values of the manifest outside their accepted form, one field each.

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
    value.as_object_mut().unwrap().remove(field).expect("the field");
}

pub(super) fn of_the_manifest() -> Vec<Entry> {
    const TIME: &str = "is not a UTC time";
    let mut all = values! { "parse" manifest root;
        ("alerts_null", "the manifest is not valid", "alerts is null: it is left out where there are no channels", "alerts" = Value::Null),
        ("alerts_name_empty", "alert channel", "an alert channel without a name", "alerts" = json!([""])),
        ("alerts_name_long", "alert channel", "an alert channel's name of 33 characters", "alerts" = json!(["a".repeat(33)])),
        ("created_month", TIME, "the month 13", "created" = "2026-13-01T02:17:00Z"),
        ("created_hour", TIME, "the hour 24", "created" = "2026-11-22T24:00:00Z"),
        ("created_lower_case", TIME, "t and z in lower case", "created" = "2026-11-22t02:17:00z"),
        ("created_no_leap_year", TIME, "the 29th of February 2100", "created" = "2100-02-29T02:17:00Z"),
        ("epoch_negative", "the manifest is not valid", "epoch -1", "epoch" = -1),
        ("epoch_fraction", "the manifest is not valid", "epoch 1.5", "epoch" = 1.5),
        ("label_null", "the manifest is not valid", "a label of null", "label" = Value::Null),
        ("label_delete", "the label", "the character 0x7f in the label", "label" = "a\u{7f}"),
        ("lane_capitals", "unknown variant", "the lane in capitals", "lane" = "GATE"),
        ("threshold_string", "the manifest is not valid", "a threshold as a string", "threshold" = "2"),
        ("vault_id_capitals", "vault_id is not 16 bytes", "a vault id in capital hex", "vault_id" = "AB".repeat(16)),
        ("version_string", "the manifest is not valid", "a version as a string", "version" = "1"),
        ("targets_null", "the manifest is not valid", "targets is null", "targets" = Value::Null),
    };
    all.extend(fails! { "parse":
        ("replaces_capitals", "replaces is not 32 bytes", "a digest in capital hex", with! {
            manifest: |m| { m["epoch"] = 2.into(); m["replaces"] = "AB".repeat(32).into(); } }),
        ("one_custodian", "2 of 1 custodians", "one custodian", with! { custodians: 1 }),
        ("targets_257", "1 to 256 targets", "a target too many", with! { manifest: |m| {
            let mut one = m["targets"][0].clone();
            (one["grant"], one["may_outlive"], one["regions"]) = (json!([]), json!([]), json!(["r"]));
            let named = |n| { let mut target = one.clone(); target["name"] = format!("t{n}").into(); target };
            m["targets"] = (0..257).map(named).collect();
        } }),
    });
    all
}

/// JSON that is not in canonical form.
pub(super) fn json_of_the_manifest() -> Vec<Entry> {
    fails! { "parse":
        ("manifest_byte_order_mark", "the manifest is not valid", "a byte order mark before it", with! {
            text: |text| format!("\u{feff}{text}") }),
        ("manifest_escaped_slash", "not in canonical form", "an escaped slash in a string", with! {
            manifest: |m| m["label"] = "a/b".into(), text: |text| text.replace("\"a/b\"", "\"a\\/b\"") }),
        ("manifest_escaped_name", "not in canonical form", "an escaped letter in the name of a field", with! {
            text: |text| text.replace("\"version\"", "\"\\u0076ersion\"") }),
        ("manifest_exponent", "the manifest is not valid", "1e0 for 1", with! {
            text: |text| text.replace("\"version\":1", "\"version\":1e0") }),
        ("manifest_leading_zero", "the manifest is not valid", "01 for 1", with! {
            text: |text| text.replace("\"version\":1", "\"version\":01") }),
        ("manifest_surrogate", "the manifest is not valid", "half of a surrogate pair in the label", with! {
            text: |text| text.replace("\"production", "\"\\ud800roduction") }),
        ("custodian_field_order", "not in canonical form", "fields of a custodian in another order", with! {
            text: |text| text.replacen("\"index\":1,\"name\":\"alice\"", "\"name\":\"alice\",\"index\":1", 1) }),
        ("custodian_field_twice", "duplicate field `index`", "the index of a custodian twice", with! {
            text: |text| text.replacen("\"index\":1", "\"index\":1,\"index\":1", 1) }),
        ("target_field_twice", "duplicate field `user`", "the user of a target twice", with! {
            text: |text| text.replacen("\"user\":\"emergency\"", "\"user\":\"emergency\",\"user\":\"emergency\"", 1) }),
    }
}

pub(super) fn of_a_custodian() -> Vec<Entry> {
    let mut all = values! { "parse" manifest custodian;
        ("custodian_unknown_field", "unknown field `note`", "a field of a custodian that version 1 does not have", "note" = "x"),
        ("custodian_name_empty", "custodian name", "a custodian without a name", "name" = ""),
        ("custodian_name_long", "custodian name", "a custodian's name of 33 characters", "name" = "a".repeat(33)),
        ("custodian_name_not_ascii", "custodian name", "a letter that is not ASCII in a custodian's name", "name" = "zoë"),
        ("custodian_name_dot", "custodian name", "a custodian's name that starts with a dot", "name" = ".alice"),
        ("custodian_enrolment_short", "enrolment is not 16 bytes", "an enrolment's id of 15 bytes", "enrolment" = "00".repeat(15)),
        ("custodian_enrolment_capitals", "enrolment is not 16 bytes", "an enrolment's id in capital hex", "enrolment" = "AB".repeat(16)),
        ("enrolment_sha256_short", "enrolment_sha256 is not 32 bytes", "the digest of an enrolment with 31 bytes", "enrolment_sha256" = "00".repeat(31)),
        ("enrolment_sha256_capitals", "enrolment_sha256 is not 32 bytes", "the digest of an enrolment in capital hex", "enrolment_sha256" = "AB".repeat(32)),
        ("fingerprint_checked_null", "the manifest is not valid", "fingerprint_checked is null", "fingerprint_checked" = Value::Null),
        ("index_string", "the manifest is not valid", "an index as a string", "index" = "1"),
    };
    all.extend(fails! { "parse":
        ("custodian_field_missing", "missing field `fingerprint_checked`", "a custodian without fingerprint_checked", with! {
            manifest: |m| without(custodian(m), "fingerprint_checked") }),
        ("commitment_short", "commitment is not 32 bytes", "a commitment of 31 bytes", with! {
            committed: |m| custodian(m)["commitment"] = "00".repeat(31).into() }),
    });
    all
}

pub(super) fn of_a_token() -> Vec<Entry> {
    const SLOT: &str = "not a retired PIV slot";
    let mut all = values! { "parse" manifest token;
        ("token_unknown_field", "unknown field `note`", "a field of a token that version 1 does not have", "note" = "x"),
        ("token_null_field", "not in canonical form", "a null in a field of the other kind", "slot" = Value::Null),
        ("token_attestation_null", "the manifest is not valid", "an attestation of null", "attestation" = Value::Null),
        ("token_firmware_256", "firmware version", "a number of 256 in a firmware version", "firmware" = "5.256.2"),
        ("token_firmware_four", "firmware version", "a firmware version of four numbers", "firmware" = "5.7.2.1"),
        ("token_serial_negative", "the manifest is not valid", "a serial number of -1", "serial" = -1),
        ("slot_81", SLOT, "slot 81, the one before the first retired slot", "decryption_slot" = "81"),
        ("slot_96", SLOT, "slot 96, the one after the last retired slot", "signing_slot" = "96"),
    };
    all.extend(fails! { "parse":
        ("token_kind_missing", "missing field `kind`", "a token without a kind", with! {
            manifest: |m| without(token(m), "kind") }),
        ("token_slot_missing", "has fields of another kind, or lacks one", "a PIV token without its signing slot", with! {
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
        ("target_unknown_field", "unknown field `note`", "a field of a target that version 1 does not have", "note" = "x"),
        ("target_name_empty", "target name", "a target without a name", "name" = ""),
        ("target_name_long", "target name", "a target's name of 33 characters", "name" = "a".repeat(33)),
        ("target_name_start", "target name", "a target's name that starts with an underscore", "name" = "_prod"),
        ("account_long", ACCOUNT, "an account of 13 digits", "account" = "1111222233334"),
        ("account_letter", ACCOUNT, "a letter in an account", "account" = "11112222333x"),
        ("partition_capitals", "not an AWS partition", "a partition in capitals", "partition" = "AWS"),
        ("user_null", "the manifest is not valid", "a user of null", "user" = Value::Null),
        ("user_empty", USER, "a user without a name", "user" = ""),
        ("user_long", USER, "a user's name of 65 characters", "user" = "u".repeat(65)),
        ("user_space", USER, "a space in a user's name", "user" = "emergency user"),
        ("regions_33", "1 to 32 regions", "33 regions", "regions" = (0..33).map(|n| Value::from(format!("r-{n}"))).collect::<Value>()),
        ("region_empty", REGION, "a region without a name", "regions" = json!([""])),
        ("region_long", REGION, "a region of 33 characters", "regions" = json!(["r".repeat(33)])),
        ("region_capitals", REGION, "a region in capitals", "regions" = json!(["EU-WEST-1"])),
        ("region_underscore", REGION, "an underscore in a region", "regions" = json!(["eu_west_1"])),
        ("mfa_string", "expected a boolean", "mfa as a string", "mfa" = "false"),
        ("grant_null", "the manifest is not valid", "the summary of a grant is null", "grant" = Value::Null),
        ("grant_sha256_capitals", "grant_sha256 is not 32 bytes", "the digest of a grant in capital hex", "grant_sha256" = "AB".repeat(32)),
        ("may_outlive_no_action", "an action of may_outlive", "a service without an action", "may_outlive" = json!(["kms:"])),
        ("may_outlive_service_empty", "an action of may_outlive", "an action with an empty service", "may_outlive" = json!([":CreateGrant"])),
        ("may_outlive_two_colons", "an action of may_outlive", "an action with two colons", "may_outlive" = json!(["kms:Create:Grant"])),
    };
    all.extend(values! { "parse" manifest entry_of_grant;
        ("grant_service_character", "the summary of its grant is not valid", "an underscore in a service", "service" = "e_2"),
        ("grant_conditions_null", "the manifest is not valid", "the conditions of an entry are null", "conditions" = Value::Null),
        ("grant_condition_empty", "the summary of its grant is not valid", "an empty condition key", "conditions" = json!([""])),
        ("grant_condition_not_ascii", "the summary of its grant is not valid", "a letter that is not ASCII in a condition key", "conditions" = json!(["aws:é"])),
    });
    all.extend(fails! { "parse":
        ("grant_field_missing", "missing field `conditions`", "an entry without its conditions", with! {
            manifest: |m| without(entry_of_grant(m), "conditions") }),
        ("target_field_missing", "missing field `account`", "a target without its account", with! {
            manifest: |m| without(target(m), "account") }),
    });
    all
}

/// Durations in other forms than the accepted one.
pub(super) fn durations() -> Vec<Entry> {
    const FORM: &str = "not in canonical form";
    const INVALID: &str = "a duration like";
    values! { "parse" manifest target;
        ("window_zero", INVALID, "a window of 0 seconds", "max_window" = "0s"),
        ("window_empty", INVALID, "an empty duration", "max_window" = ""),
        ("window_sixty_minutes", FORM, "1h60m for 2h", "max_window" = "1h60m"),
        ("window_sixty_seconds", FORM, "60s for 1m", "max_window" = "60s"),
        ("window_leading_zero", FORM, "01h for 1h", "max_window" = "01h"),
        ("window_zero_unit", FORM, "1h0m for 1h", "max_window" = "1h0m"),
        ("window_order", INVALID, "minutes before hours", "max_window" = "1m1h"),
        ("window_no_unit", INVALID, "a duration without a unit", "max_window" = "3600"),
        ("window_space", INVALID, "a space between two units", "max_window" = "1h 1m"),
    }
}
