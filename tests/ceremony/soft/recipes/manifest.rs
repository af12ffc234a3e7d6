//! Vaults with a fault in the manifest: in its JSON, or in a field at the top level.

use super::super::random;
use super::*;

pub(super) fn manifest() -> Vec<Entry> {
    fails! { "parse":
        ("manifest_not_json", "the manifest is not valid", "the manifest's JSON is cut off", with! {
            text: |mut text| { text.pop(); text } }),
        ("manifest_order", "not in canonical form", "the fields of the manifest are in the wrong order", with! {
            text: |text| { let rest = text.replace(",\"version\":1}", "}"); format!("{{\"version\":1,{}", &rest[1..]) } }),
        ("manifest_space", "not in canonical form", "a space follows a colon in the manifest", with! {
            text: |text| text.replace("\"version\":1", "\"version\": 1") }),
        ("manifest_line_end", "not in canonical form",
            "a line end follows the manifest's JSON", with! { text: |text| text + "\n" }),
        ("manifest_escape", "not in canonical form", "a letter in a string of the manifest is escaped", with! {
            text: |text| text.replace("\"production", "\"\\u0070roduction") }),
        ("manifest_number", "the manifest is not valid", "the number 1 in the manifest is written `1.0`", with! {
            text: |text| text.replace("\"version\":1", "\"version\":1.0") }),
        ("manifest_unknown_field", "unknown field `note`",
            "the manifest has a field that version 1 does not define", with! {
            manifest: |m| m["note"] = "x".into() }),
        ("manifest_field_missing", "missing field `label`", "the manifest has no label", with! {
            manifest: |m| drop(m.as_object_mut().unwrap().remove("label")) }),
        ("manifest_null_missing", "not in canonical form",
            "the field `replaces` is missing; in a vault that replaces no other vault, the field must be null",
            with! {
            manifest: |m| drop(m.as_object_mut().unwrap().remove("replaces")) }),
        ("manifest_field_twice", "duplicate field `version`", "the manifest has the field `version` twice", with! {
            text: |text| text.replace("\"version\":1", "\"version\":1,\"version\":1") }),
        ("manifest_version_member", "its version is 2",
            "the manifest's stanza has the version `v1`, but the field `version` in the manifest is 2", with! {
            manifest: |m| m["version"] = 2.into() }),
        ("threshold_zero", "must be at least 2",
            "the threshold M is 0", with! { manifest: |m| m["threshold"] = 0.into() }),
        ("threshold_one", "must be at least 2",
            "the threshold M is 1", with! { manifest: |m| m["threshold"] = 1.into() }),
        ("threshold_above", "3 of 2 custodians",
            "the threshold is 3, but the vault has only 2 custodians", with! { manifest: |m| m["threshold"] = 3.into() }),
        ("seventeen_custodians", "2 of 17 custodians",
            "the vault has 17 custodians, one too many", with! { custodians: 17 }),
        ("index_gap", "indexes are not 1, 2, 3", "the custodians have the indexes 1 and 3", with! {
            manifest: |m| m["custodians"][1]["index"] = 3.into() }),
        ("index_swapped", "indexes are not 1, 2, 3", "custodian 2 is before custodian 1 in the manifest", with! {
            manifest: |m| m["custodians"].as_array_mut().unwrap().swap(0, 1) }),
        ("commitment_missing", "commitment is not 32 bytes", "a custodian has no commitment", with! {
            committed: |m| drop(m["custodians"][1].as_object_mut().unwrap().remove("commitment")) }),
        ("commitment_null", "not in canonical form", "the commitment of a custodian is null", with! {
            committed: |m| m["custodians"][1]["commitment"] = Value::Null }),
        ("commitment_capitals", "commitment is not 32 bytes",
            "the commitment of a custodian is in capital hex", with! {
            committed: |m| m["custodians"][1]["commitment"] = "A".repeat(64).into() }),
        ("custodian_name_twice", "custodian name bob appears twice", "two custodians have the same name", with! {
            manifest: |m| m["custodians"][0]["name"] = "bob".into() }),
        ("enrolment_twice", "enrolment", "two custodians have the same enrolment", with! {
            manifest: |m| m["custodians"][0]["enrolment"] = m["custodians"][1]["enrolment"].clone() }),
        ("part_twice", "part age1", "two custodians have the same part", with! {
            manifest: |m| m["custodians"][0]["part"] = m["custodians"][1]["part"].clone() }),
        ("serial_twice", "token 10000020 appears twice",
            "the tokens of two custodians have the same serial number", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["serial"] = m["custodians"][1]["tokens"][0]["serial"].clone() }),
        ("token_key_twice", "token key age1tag1", "the tokens of two custodians have the same decryption key", with! {
            manifest: |m| {
                m["custodians"][0]["tokens"][0]["recipient"] = m["custodians"][1]["tokens"][0]["recipient"].clone();
            } }),
        ("no_tokens", "has 0 tokens", "a custodian has no token", with! { people: |people| people[0].tokens.clear() }),
        ("nine_tokens", "has 9 tokens", "a custodian has nine tokens, one too many", with! { tokens: 9 }),
        ("no_targets", "1 to 256 targets",
            "the manifest has no target", with! { manifest: |m| m["targets"] = json!([]) }),
        ("target_twice", "target name prod appears twice", "two targets have the same name", with! {
            manifest: |m| { let again = m["targets"][0].clone(); m["targets"].as_array_mut().unwrap().push(again); } }),
    }
}

/// Sets the epoch. Also sets the field `replaces`, because every vault with a later epoch than 1 replaces another
/// vault.
fn later(manifest: &mut Value, epoch: Value) {
    manifest["epoch"] = epoch;
    manifest["replaces"] = hex::encode(random::<32>()).into();
}

pub(super) fn fields() -> Vec<Entry> {
    const REPLACES: &str = "if and only if its epoch is above 1 and it is not a drill vault";
    fails! { "parse":
        ("vault_id_short", "vault_id is not 16 bytes", "the vault id has 15 bytes instead of 16", with! {
            manifest: |m| m["vault_id"] = "00".repeat(15).into() }),
        ("label_empty", "the label",
            "the label of the vault is empty", with! { manifest: |m| m["label"] = "".into() }),
        ("label_long", "the label", "the label has 65 characters, one too many", with! {
            manifest: |m| m["label"] = "l".repeat(65).into() }),
        ("label_very_long", "the label",
            "the label has 5000 characters; the error message must not repeat all of them", with! {
            manifest: |m| m["label"] = "l".repeat(5_000).into() }),
        ("label_escape", "the label", "the label contains the control character ESC", with! {
            manifest: |m| m["label"] = "a\u{1b}[2Jb".into() }),
        ("label_not_ascii", "the label", "the label contains a letter that is not ASCII", with! {
            manifest: |m| m["label"] = "é".into() }),
        ("created_fraction", "is not a UTC time", "the creation time has a fraction of a second", with! {
            manifest: |m| m["created"] = "2026-11-22T02:17:00.5Z".into() }),
        ("created_offset", "is not a UTC time", "the creation time has an offset instead of `Z`", with! {
            manifest: |m| m["created"] = "2026-11-22T02:17:00+00:00".into() }),
        ("created_no_day", "is not a UTC time",
            "the creation time is the 30th of February, which does not exist", with! {
            manifest: |m| m["created"] = "2026-02-30T02:17:00Z".into() }),
        ("created_year_zero", "is not a UTC time", "the year of the creation time is 0", with! {
            manifest: |m| m["created"] = "0000-11-22T02:17:00Z".into() }),
        ("created_year_9999", "is not a UTC time", "the year of the creation time is 9999", with! {
            manifest: |m| m["created"] = "9999-11-22T02:17:00Z".into() }),
        ("created_leap_second", "is not a UTC time",
            "the creation time is the leap second at the end of 2016", with! {
            manifest: |m| m["created"] = "2016-12-31T23:59:60Z".into() }),
        ("created_before_zero", "is not a UTC time", "the year of the creation time is negative", with! {
            manifest: |m| m["created"] = "-000001-11-22T02:17:00Z".into() }),
        ("epoch_zero", "an epoch is 0, or credentials_epoch is greater than epoch", "the epoch of the vault is 0", with! {
            manifest: |m| later(m, 0.into()) }),
        ("credentials_epoch_zero", "an epoch is 0, or credentials_epoch is greater than epoch", "the credentials epoch is 0", with! {
            manifest: |m| m["credentials_epoch"] = 0.into() }),
        ("credentials_epoch_ahead", "an epoch is 0, or credentials_epoch is greater than epoch",
            "the credentials epoch is greater than the epoch", with! {
            manifest: |m| m["credentials_epoch"] = 2.into() }),
        ("epoch_negative", "the manifest is not valid", "the epoch of the vault is -1", with! {
            manifest: |m| later(m, (-1).into()) }),
        ("epoch_fraction", "the manifest is not valid", "the epoch of the vault is 1.5", with! {
            manifest: |m| later(m, 1.5.into()) }),
        ("epoch_too_wide", "the manifest is not valid", "the epoch is 2^32, one above the limit", with! {
            manifest: |m| later(m, 4_294_967_296_u64.into()) }),
        ("lane_unknown", "unknown variant", "the lane has a value that version 1 does not define", with! {
            manifest: |m| m["lane"] = "ferry".into() }),
        ("alerts_empty", "not in canonical form",
            "the field `alerts` in the manifest is empty; without channels, the field must be left out", with! {
            manifest: |m| m["alerts"] = json!([]) }),
        ("alerts_name", "alert channel", "the name of an alert channel contains a space", with! {
            manifest: |m| m["alerts"] = json!(["on call"]) }),
        ("alerts_twice", "alert channel", "two alert channels have the same name", with! {
            manifest: |m| m["alerts"] = json!(["oncall", "oncall"]) }),
        ("alerts_seventeen", "more than 16 alert channels", "the vault has 17 alert channels, one too many", with! {
            manifest: |m| m["alerts"] = (0..17).map(|n| Value::from(format!("c{n}"))).collect() }),
        ("drill_of_short", "drill_of is not 16 bytes",
            "the vault id in `drill_of` has 15 bytes instead of 16", with! {
            manifest: |m| m["drill_of"] = "00".repeat(15).into() }),
        ("drill_of_null", "not in canonical form",
            "the field `drill_of` is null; outside a drill vault, the field must be left out", with! {
            manifest: |m| m["drill_of"] = Value::Null }),
        ("drill_of_itself", "a drill of itself",
            "a drill vault has the same id in the fields `drill_of` and `vault_id`", with! {
            manifest: |m| m["drill_of"] = m["vault_id"].clone() }),
        ("drill_two_targets", "exactly one target", "a drill vault has two targets", with! {
            credentials: |c| {
                c["targets"][0]["grant"] = json!([]);
                let mut other = c["targets"][0].clone();
                other["name"] = "other".into();
                c["targets"].as_array_mut().unwrap().push(other);
            },
            manifest: |m| m["drill_of"] = hex::encode(random::<16>()).into() }),
        ("drill_replaces", REPLACES, "a drill vault replaces another vault", with! {
            credentials: |c| c["targets"][0]["grant"] = json!([]),
            manifest: |m| {
                m["drill_of"] = hex::encode(random::<16>()).into();
                m["epoch"] = 2.into();
                m["replaces"] = hex::encode(random::<32>()).into();
            } }),
        ("replaces_first_epoch", REPLACES, "a vault of epoch 1 replaces another vault", with! {
            manifest: |m| m["replaces"] = hex::encode(random::<32>()).into() }),
        ("replaces_missing_later_epoch", REPLACES,
            "a vault of epoch 2 that is not a drill vault replaces no vault", with! {
            manifest: |m| m["epoch"] = 2.into() }),
        ("replaces_short", "replaces is not 32 bytes",
            "the digest in the field `replaces` has 31 bytes instead of 32", with! {
            manifest: |m| m["replaces"] = "00".repeat(31).into() }),
    }
}
