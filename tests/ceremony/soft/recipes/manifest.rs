//! Errors in the manifest: its JSON, and its own fields.

use super::super::random;
use super::*;

pub(super) fn manifest() -> Vec<Entry> {
    fails! { "parse":
        ("manifest_not_json", "the manifest is not valid", "the manifest is cut off", with! {
            text: |mut text| { text.pop(); text } }),
        ("manifest_order", "not in canonical form", "fields in another order", with! {
            text: |text| { let rest = text.replace(",\"version\":1}", "}"); format!("{{\"version\":1,{}", &rest[1..]) } }),
        ("manifest_space", "not in canonical form", "a space after a colon", with! {
            text: |text| text.replace("\"version\":1", "\"version\": 1") }),
        ("manifest_line_end", "not in canonical form", "a line end after it", with! { text: |text| text + "\n" }),
        ("manifest_escape", "not in canonical form", "an escaped letter in a string", with! {
            text: |text| text.replace("\"production", "\"\\u0070roduction") }),
        ("manifest_number", "the manifest is not valid", "1.0 for 1", with! {
            text: |text| text.replace("\"version\":1", "\"version\":1.0") }),
        ("manifest_unknown_field", "unknown field `note`", "a field that version 1 does not have", with! {
            manifest: |m| m["note"] = "x".into() }),
        ("manifest_field_missing", "missing field `label`", "no label", with! {
            manifest: |m| drop(m.as_object_mut().unwrap().remove("label")) }),
        ("manifest_null_missing", "not in canonical form", "the field replaces is missing: it is null if there is none", with! {
            manifest: |m| drop(m.as_object_mut().unwrap().remove("replaces")) }),
        ("manifest_field_twice", "duplicate field `version`", "version twice", with! {
            text: |text| text.replace("\"version\":1", "\"version\":1,\"version\":1") }),
        ("manifest_version_member", "its version is 2", "version 2 in a v1 stanza", with! {
            manifest: |m| m["version"] = 2.into() }),
        ("threshold_zero", "must be at least 2", "M = 0", with! { manifest: |m| m["threshold"] = 0.into() }),
        ("threshold_one", "must be at least 2", "M = 1", with! { manifest: |m| m["threshold"] = 1.into() }),
        ("threshold_above", "3 of 2 custodians", "M = 3 of N = 2", with! { manifest: |m| m["threshold"] = 3.into() }),
        ("seventeen_custodians", "2 of 17 custodians", "one custodian too many", with! { custodians: 17 }),
        ("index_gap", "indexes are not 1, 2, 3", "custodians 1 and 3", with! {
            manifest: |m| m["custodians"][1]["index"] = 3.into() }),
        ("index_swapped", "indexes are not 1, 2, 3", "custodian 2 before custodian 1", with! {
            manifest: |m| m["custodians"].as_array_mut().unwrap().swap(0, 1) }),
        ("commitment_missing", "commitment is not 32 bytes", "a custodian without a commitment", with! {
            committed: |m| drop(m["custodians"][1].as_object_mut().unwrap().remove("commitment")) }),
        ("commitment_null", "not in canonical form", "a commitment of null", with! {
            committed: |m| m["custodians"][1]["commitment"] = Value::Null }),
        ("commitment_capitals", "commitment is not 32 bytes", "a commitment in capitals", with! {
            committed: |m| m["custodians"][1]["commitment"] = "A".repeat(64).into() }),
        ("custodian_name_twice", "custodian name bob appears twice", "two custodians with the same name", with! {
            manifest: |m| m["custodians"][0]["name"] = "bob".into() }),
        ("enrolment_twice", "enrolment", "two custodians with the same enrolment", with! {
            manifest: |m| m["custodians"][0]["enrolment"] = m["custodians"][1]["enrolment"].clone() }),
        ("part_twice", "part age1", "two custodians with the same part", with! {
            manifest: |m| m["custodians"][0]["part"] = m["custodians"][1]["part"].clone() }),
        ("serial_twice", "token 10000020 appears twice", "two custodians of one token", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["serial"] = m["custodians"][1]["tokens"][0]["serial"].clone() }),
        ("token_key_twice", "token key age1tag1", "two custodians of one decryption key", with! {
            manifest: |m| {
                m["custodians"][0]["tokens"][0]["recipient"] = m["custodians"][1]["tokens"][0]["recipient"].clone();
            } }),
        ("no_tokens", "has 0 tokens", "a custodian without a token", with! {
            manifest: |m| m["custodians"][0]["tokens"] = json!([]) }),
        ("nine_tokens", "has 9 tokens", "a custodian with one token too many", with! { tokens: 9 }),
        ("no_targets", "1 to 256 targets", "no target", with! { manifest: |m| m["targets"] = json!([]) }),
        ("target_twice", "target name prod appears twice", "two targets with the same name", with! {
            manifest: |m| { let again = m["targets"][0].clone(); m["targets"].as_array_mut().unwrap().push(again); } }),
    }
}

pub(super) fn fields() -> Vec<Entry> {
    fails! { "parse":
        ("vault_id_short", "vault_id is not 16 bytes", "a vault id of 15 bytes", with! {
            manifest: |m| m["vault_id"] = "00".repeat(15).into() }),
        ("label_empty", "the label", "an empty label", with! { manifest: |m| m["label"] = "".into() }),
        ("label_long", "the label", "a label of 65 characters", with! {
            manifest: |m| m["label"] = "l".repeat(65).into() }),
        ("label_very_long", "the label", "a label of 5000 characters: its message is short", with! {
            manifest: |m| m["label"] = "l".repeat(5_000).into() }),
        ("label_escape", "the label", "an escape character in the label", with! {
            manifest: |m| m["label"] = "a\u{1b}[2Jb".into() }),
        ("label_not_ascii", "the label", "a letter that is not ASCII in the label", with! {
            manifest: |m| m["label"] = "é".into() }),
        ("created_fraction", "is not a UTC time", "a fraction of a second", with! {
            manifest: |m| m["created"] = "2026-11-22T02:17:00.5Z".into() }),
        ("created_offset", "is not a UTC time", "an offset instead of Z", with! {
            manifest: |m| m["created"] = "2026-11-22T02:17:00+00:00".into() }),
        ("created_no_day", "is not a UTC time", "the 30th of February", with! {
            manifest: |m| m["created"] = "2026-02-30T02:17:00Z".into() }),
        ("created_year_zero", "is not a UTC time", "the year 0", with! {
            manifest: |m| m["created"] = "0000-11-22T02:17:00Z".into() }),
        ("created_year_9999", "is not a UTC time", "the year 9999", with! {
            manifest: |m| m["created"] = "9999-11-22T02:17:00Z".into() }),
        ("created_leap_second", "is not a UTC time", "a leap second that was", with! {
            manifest: |m| m["created"] = "2016-12-31T23:59:60Z".into() }),
        ("created_before_zero", "is not a UTC time", "a year before 0", with! {
            manifest: |m| m["created"] = "-000001-11-22T02:17:00Z".into() }),
        ("epoch_zero", "epochs do not count from 1", "epoch 0", with! {
            manifest: |m| m["epoch"] = 0.into() }),
        ("credentials_epoch_zero", "epochs do not count from 1", "credentials epoch 0", with! {
            manifest: |m| m["credentials_epoch"] = 0.into() }),
        ("credentials_epoch_ahead", "epochs do not count from 1", "a credentials epoch ahead of the epoch", with! {
            manifest: |m| m["credentials_epoch"] = 2.into() }),
        ("epoch_too_wide", "the manifest is not valid", "an epoch of 2^32", with! {
            manifest: |m| m["epoch"] = 4_294_967_296_u64.into() }),
        ("lane_unknown", "unknown variant", "a lane that version 1 does not have", with! {
            manifest: |m| m["lane"] = "ferry".into() }),
        ("alerts_empty", "not in canonical form", "alerts without a channel: they are left out where there are none", with! {
            manifest: |m| m["alerts"] = json!([]) }),
        ("alerts_name", "alert channel", "a space in the name of an alert channel", with! {
            manifest: |m| m["alerts"] = json!(["on call"]) }),
        ("alerts_twice", "alert channel", "two alert channels with the same name", with! {
            manifest: |m| m["alerts"] = json!(["oncall", "oncall"]) }),
        ("alerts_seventeen", "more than 16 alert channels", "a channel too many", with! {
            manifest: |m| m["alerts"] = (0..17).map(|n| Value::from(format!("c{n}"))).collect() }),
        ("drill_of_short", "drill_of is not 16 bytes", "the id of a drill's vault with 15 bytes", with! {
            manifest: |m| m["drill_of"] = "00".repeat(15).into() }),
        ("drill_of_null", "not in canonical form", "drill_of is null: it is left out where there is no drill", with! {
            manifest: |m| m["drill_of"] = Value::Null }),
        ("drill_of_itself", "a drill of itself", "a drill vault whose drill_of is its vault_id", with! {
            manifest: |m| m["drill_of"] = m["vault_id"].clone() }),
        ("drill_two_targets", "exactly one target", "a drill vault with two targets", with! {
            credentials: |c| {
                c["targets"][0]["grant"] = json!([]);
                let mut other = c["targets"][0].clone();
                other["name"] = "other".into();
                c["targets"].as_array_mut().unwrap().push(other);
            },
            manifest: |m| m["drill_of"] = hex::encode(random::<16>()).into() }),
        ("drill_replaces", "replaces no vault", "a drill vault that replaces another", with! {
            credentials: |c| c["targets"][0]["grant"] = json!([]),
            manifest: |m| {
                m["drill_of"] = hex::encode(random::<16>()).into();
                m["epoch"] = 2.into();
                m["replaces"] = hex::encode(random::<32>()).into();
            } }),
        ("replaces_first_epoch", "replaces no vault", "a vault of epoch 1 that replaces another", with! {
            manifest: |m| m["replaces"] = hex::encode(random::<32>()).into() }),
        ("replaces_short", "replaces is not 32 bytes", "a digest of 31 bytes", with! {
            manifest: |m| m["replaces"] = "00".repeat(31).into() }),
    }
}
