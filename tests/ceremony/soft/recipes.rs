//! Every vector of a vault: how it is made, and the expected result. One failure each.

use age_core::format::Stanza;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use serde_json::{Value, json};

use super::forge::{self, Recipe};
use super::random;
use super::vector::Custodian;

/// A vector to be made.
pub struct Entry {
    pub name: &'static str,
    pub expect: &'static str,
    pub at: &'static str,
    /// The index of the custodian at fault, if any.
    pub who: &'static str,
    pub says: &'static str,
    pub comment: &'static str,
    /// `vault` or `drill`, if the reader means one of them.
    pub meant: &'static str,
    pub recipe: Recipe,
    /// The custodians in the vector's head.
    pub known: fn(&mut [Custodian]),
}

/// All custodians.
pub fn all() -> Vec<Entry> {
    let groups = [
        good(),
        edges(),
        header(),
        manifest(),
        fields(),
        custodians(),
        targets(),
        halves(),
        shares(),
        payload(),
        channels(),
        file(),
        armor(),
        custody(),
        entries_changed(),
        kinds(),
    ];
    groups.into_iter().flatten().collect()
}

fn success(name: &'static str, comment: &'static str, recipe: Recipe) -> Entry {
    entry("success", "", name, "", comment, recipe)
}

fn entry(
    expect: &'static str,
    at: &'static str,
    name: &'static str,
    says: &'static str,
    comment: &'static str,
    recipe: Recipe,
) -> Entry {
    Entry { name, expect, at, who: "", says, comment, meant: "", recipe, known: |_| {} }
}

fn damaged(
    at: &'static str,
    name: &'static str,
    says: &'static str,
    comment: &'static str,
    recipe: Recipe,
) -> Entry {
    entry("damaged", at, name, says, comment, recipe)
}

/// A recipe that differs from the default in the named steps.
macro_rules! with {
    ($($step:ident: $edit:expr),* $(,)?) => { Recipe { $($step: $edit,)* ..Recipe::default() } };
}

/// Entries that fail at one step: name, error text, comment, recipe.
macro_rules! fails {
    ($at:literal: $(($name:literal, $says:literal, $comment:literal, $recipe:expr)),* $(,)?) => {
        vec![$(damaged($at, $name, $says, $comment, $recipe)),*]
    };
}

fn grease() -> Stanza {
    Stanza { tag: "]8k-grease".into(), args: vec!["a".into(), "~!".into()], body: vec![7; 33] }
}

fn filler(sealed: &mut Value, length: usize) {
    sealed["runbook"] = "".into();
    let bare = forge::jcs(sealed).len();
    sealed["runbook"] = "r".repeat(length - bare).into();
}

fn good() -> Vec<Entry> {
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
            "longest_members",
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

/// Valid values at the edge of what is accepted.
fn edges() -> Vec<Entry> {
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

fn mfa(target: &mut Value) {
    target["mfa"] = json!({
        "serial_number": "arn:aws:iam::111122223333:mfa/emergency", "totp_seed": "EXAMPLESEED234567EXAMPLESEED2345",
    });
}

/// A grant in which a payload is nested this deep: payload, targets, target, grant, statement, and arrays in it.
fn nested(depth: usize) -> Value {
    let inner = (5..depth).fold(Value::from(0), |inner, _| json!([inner]));
    json!([{ "n": inner }])
}

fn slack(url: &str) -> Value {
    json!({"name": "chat", "kind": "slack", "url": url})
}

/// One channel of each kind, and a second mail channel.
fn alerts(credentials: &mut Value) {
    let key = json!({"access_key_id": "AKIAEXAMPLEPUBLISHER", "secret_access_key": "EXAMPLE/publisher/".to_owned() + &"p".repeat(22)});
    credentials["alerts"] = json!([
        {"name": "topic", "kind": "sns", "timeout": "20s", "topic_arn": "arn:aws:sns:eu-west-1:111122223333:oncall", "key": key},
        {"name": "pager", "kind": "pagerduty", "routing_key": "EXAMPLEroutingkeyEXAMPLErouting0"},
        slack("https://hooks.example.org/services/T0/B0/EXAMPLE"),
        {"name": "security.team", "kind": "webhook", "url": "http://127.0.0.1:8080/alert?to=1", "timeout": "1m",
            "secret": "whsec_RVhBTVBMRS1FWEFNUExFLUVYQU1QTEUt"},
        {"name": "mail", "kind": "smtp", "host": "mail.example.org", "port": 465, "tls": "implicit",
            "username": "breakglass", "password": "EXAMPLE password", "from": "breakglass@example.org",
            "to": ["oncall@example.org", "security@example.org"]},
        {"name": "relay", "kind": "smtp", "host": "localhost", "port": 25, "tls": "none",
            "from": "breakglass@example.org", "to": ["oncall@example.org"]},
    ]);
}

fn role(target: &mut Value) {
    mfa(target);
    target["role"] = "arn:aws:iam::111122223333:role/Emergency".into();
    let members = target.as_object_mut().unwrap();
    for gates in ["boundary", "boundary_sha256", "opener", "closer"] {
        members.remove(gates);
    }
}

fn header() -> Vec<Entry> {
    fails! { "parse":
        ("age_version", "not an age v1 file", "age-encryption.org/v2", with! {
            header: |h| h.replace("org/v1", "org/v2") }),
        ("ordinary_age_file", "not a breakglass vault", "an age file to one X25519 recipient", with! {
            stanzas: |s| *s = vec![Stanza { tag: "X25519".into(),
                args: vec![BASE64_STANDARD_NO_PAD.encode([9; 32])], body: vec![0; 32] }] }),
        ("manifest_version", "does not know the format", "-> breakglass/manifest v2", with! {
            stanzas: |s| s[0].args = vec!["v2".into()] }),
        ("manifest_argument", "does not know the format", "an argument after v1", with! {
            stanzas: |s| s[0].args.push("v1".into()) }),
        ("manifest_second", "not a breakglass vault", "the manifest is not the first stanza", with! {
            stanzas: |s| s.swap(0, 1) }),
        ("manifest_twice", "out of order", "the manifest is there twice", with! {
            stanzas: |s| { let twice = copy(&s[0]); s.insert(1, twice); s.pop(); } }),
        ("share_missing", "exactly one share per custodian", "the last share is missing", with! {
            stanzas: |s| drop(s.pop()) }),
        ("share_missing_grease", "out of order", "grease stands where the last share belongs", with! {
            stanzas: |s| { s.pop(); s.push(grease()); } }),
        ("share_twice", "out of order", "the first share is there twice, the second is missing", with! {
            stanzas: |s| s[2] = copy(&s[1]) }),
        ("share_additional", "exactly one share per custodian", "a third share for two custodians", with! {
            stanzas: |s| { let mut more = copy(&s[2]); more.args = vec!["3".into()]; s.push(more); } }),
        ("shares_swapped", "out of order", "share 2 before share 1", with! { stanzas: |s| s.swap(1, 2) }),
        ("share_index_zero", "out of order", "the shares count from 0", with! {
            stanzas: |s| { s[1].args = vec!["0".into()]; s[2].args = vec!["1".into()]; } }),
        ("share_index_leading_zero", "out of order", "share 01", with! {
            stanzas: |s| s[1].args = vec!["01".into()] }),
        ("share_argument", "out of order", "an argument after the index", with! {
            stanzas: |s| s[1].args.push("1".into()) }),
        ("recipient_additional", "exactly one share per custodian", "an X25519 stanza beside the shares would open without a quorum", with! {
            stanzas: |s| s.push(Stanza { tag: "X25519".into(),
                args: vec![BASE64_STANDARD_NO_PAD.encode([9; 32])], body: vec![0; 32] }) }),
        ("grease_twice", "exactly one share per custodian", "two grease stanzas", with! {
            stanzas: |s| s.extend([grease(), grease()]) }),
        ("grease_first", "not a breakglass vault", "grease before the manifest", with! {
            stanzas: |s| s.insert(0, grease()) }),
        ("grease_between", "exactly one share per custodian", "grease between the shares", with! {
            stanzas: |s| s.insert(2, grease()) }),
        ("body_without_short_line", "not in canonical form", "a body of whole lines without the empty one after it", with! {
            stanzas: |s| s.push(Stanza { tag: "x-grease".into(), args: vec![], body: vec![7; 48] }),
            header: |h| h.replace("\n\n", "\n") }),
        ("body_line_wrapped_early", "header of this age file is damaged", "a body line of 63 columns", with! {
            header: |h| { let at = h.find("v1\n-> breakglass").unwrap() + 31; format!("{}\n{}", &h[..at], &h[at..]) } }),
        ("body_trailing_bits", "header of this age file is damaged", "a body whose last character carries bits that are no part of it", with! {
            stanzas: |s| s.push(Stanza { tag: "x-grease".into(), args: vec![], body: vec![0; 1] }),
            header: |h| h.replace("\nAA\n", "\nAB\n") }),
        ("body_padded", "header of this age file is damaged", "a body with base64 padding", with! {
            stanzas: |s| s.push(Stanza { tag: "x-grease".into(), args: vec![], body: vec![0; 1] }),
            header: |h| h.replace("\nAA\n", "\nAA==\n") }),
        ("header_crlf", "not an age v1 file", "lines end in CR LF", with! {
            header: |h| h.replace('\n', "\r\n") }),
        ("stanza_space", "header of this age file is damaged", "two spaces between type and index", with! {
            header: |h| h.replace("share 2", "share  2") }),
        ("stanza_trailing_space", "header of this age file is damaged", "a space at the end of a stanza's first line", with! {
            header: |h| h.replace("share 2\n", "share 2 \n") }),
        ("mac_trailing_bits", "header of this age file is damaged", "the MAC's last character carries bits that are no part of it", with! {
            mac: |mac| { let last = mac.as_bytes()[42]; format!("{}{}", &mac[..42], char::from(last + 1)) } }),
        ("mac_short", "last line of its header is not in canonical form", "the MAC is 31 bytes", with! {
            mac: |mac| { let bytes = BASE64_STANDARD_NO_PAD.decode(mac).unwrap();
                BASE64_STANDARD_NO_PAD.encode(&bytes[..31]) } }),
        ("mac_padded", "last line of its header is not in canonical form", "the MAC has base64 padding", with! { mac: |mac| format!("{mac}=") }),
    }
}

fn copy(stanza: &Stanza) -> Stanza {
    Stanza { tag: stanza.tag.clone(), args: stanza.args.clone(), body: stanza.body.clone() }
}

fn manifest() -> Vec<Entry> {
    fails! { "parse":
        ("manifest_not_json", "the manifest is not valid", "the manifest is cut off", with! {
            text: |mut text| { text.pop(); text } }),
        ("manifest_order", "not in canonical form", "members in another order", with! {
            text: |text| { let rest = text.replace(",\"version\":1}", "}"); format!("{{\"version\":1,{}", &rest[1..]) } }),
        ("manifest_space", "not in canonical form", "a space after a colon", with! {
            text: |text| text.replace("\"version\":1", "\"version\": 1") }),
        ("manifest_line_end", "not in canonical form", "a line end after it", with! { text: |text| text + "\n" }),
        ("manifest_escape", "not in canonical form", "an escaped letter in a string", with! {
            text: |text| text.replace("\"production", "\"\\u0070roduction") }),
        ("manifest_number", "the manifest is not valid", "1.0 for 1", with! {
            text: |text| text.replace("\"version\":1", "\"version\":1.0") }),
        ("manifest_unknown_member", "unknown field `note`", "a member that version 1 does not have", with! {
            manifest: |m| m["note"] = "x".into() }),
        ("manifest_member_missing", "missing field `label`", "no label", with! {
            manifest: |m| drop(m.as_object_mut().unwrap().remove("label")) }),
        ("manifest_null_missing", "not in canonical form", "no member replaces: it is null when there is none", with! {
            manifest: |m| drop(m.as_object_mut().unwrap().remove("replaces")) }),
        ("manifest_member_twice", "duplicate field `version`", "version twice", with! {
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
        ("custodian_name_twice", "custodian name bob appears twice", "two custodians of one name", with! {
            manifest: |m| m["custodians"][0]["name"] = "bob".into() }),
        ("enrolment_twice", "enrolment", "two custodians of one enrolment", with! {
            manifest: |m| m["custodians"][0]["enrolment"] = m["custodians"][1]["enrolment"].clone() }),
        ("part_twice", "part age1", "two custodians of one part", with! {
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
        ("target_twice", "target name prod appears twice", "two targets of one name", with! {
            manifest: |m| { let again = m["targets"][0].clone(); m["targets"].as_array_mut().unwrap().push(again); } }),
    }
}

fn fields() -> Vec<Entry> {
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
        ("created_before_nought", "is not a UTC time", "a year before 0", with! {
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
        ("alerts_twice", "alert channel", "two alert channels of one name", with! {
            manifest: |m| m["alerts"] = json!(["oncall", "oncall"]) }),
        ("alerts_seventeen", "more than 16 alert channels", "a channel too many", with! {
            manifest: |m| m["alerts"] = (0..17).map(|n| Value::from(format!("c{n}"))).collect() }),
        ("drill_of_short", "drill_of is not 16 bytes", "the id of a drill's vault with 15 bytes", with! {
            manifest: |m| m["drill_of"] = "00".repeat(15).into() }),
        ("drill_of_null", "not in canonical form", "drill_of of null: it is left out where there is no drill", with! {
            manifest: |m| m["drill_of"] = Value::Null }),
        ("drill_of_itself", "a drill of itself", "a drill of its own vault id", with! {
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

fn custodians() -> Vec<Entry> {
    fails! { "parse":
        ("custodian_name", "custodian name", "a name with a space", with! {
            manifest: |m| m["custodians"][0]["name"] = "alice b".into() }),
        ("custodian_name_start", "custodian name", "a name that starts with a dash", with! {
            manifest: |m| m["custodians"][0]["name"] = "-alice".into() }),
        ("part_capitals", "not an age mlkem768x25519 recipient", "a part's recipient in capitals", with! {
            manifest: |m| m["custodians"][0]["part"] = upper(&m["custodians"][0]["part"]) }),
        ("part_checksum", "not an age mlkem768x25519 recipient", "a part's recipient with a wrong checksum", with! {
            manifest: |m| m["custodians"][0]["part"] = other_end(&m["custodians"][0]["part"]) }),
        ("part_trailing_bits", "not an age mlkem768x25519 recipient", "a bit in a part's recipient that its last character does not need", with! {
            manifest: |m| m["custodians"][0]["part"] = forge::with_trailing_bit(&m["custodians"][0]["part"]) }),
        ("part_short", "not an age mlkem768x25519 recipient", "a part's key of 1215 bytes", with! {
            manifest: |m| {
                let key = forge::part_key(&m["custodians"][0]["part"]);
                m["custodians"][0]["part"] = forge::part_recipient("age1pq", &key[..1215]);
            } }),
        ("part_prefix", "not an age mlkem768x25519 recipient", "a part's key under age1tagpq1", with! {
            manifest: |m| {
                let key = forge::part_key(&m["custodians"][0]["part"]);
                m["custodians"][0]["part"] = forge::part_recipient("age1tagpq", &key);
            } }),
        ("part_x25519", "not an age mlkem768x25519 recipient", "a recipient of age's type X25519, which is not post-quantum", with! {
            manifest: |m| m["custodians"][0]["part"] = forge::part_recipient("age", &[9; 32]) }),
        ("part_modulus", "not an age mlkem768x25519 recipient", "a coefficient of q in the ML-KEM key of a part", with! {
            manifest: |m| {
                let mut key = forge::part_key(&m["custodians"][0]["part"]);
                (key[0], key[1]) = (0x01, key[1] & 0xf0 | 0x0d);
                m["custodians"][0]["part"] = forge::part_recipient("age1pq", &key);
            } }),
        ("part_small_order", "not an age mlkem768x25519 recipient", "the X25519 key of a part is of small order", with! {
            manifest: |m| {
                let mut key = forge::part_key(&m["custodians"][0]["part"]);
                key[1184..].fill(0);
                m["custodians"][0]["part"] = forge::part_recipient("age1pq", &key);
            } }),
        ("part_not_reduced", "not an age mlkem768x25519 recipient", "an X25519 coordinate of p + 2 in the key of a part", with! {
            manifest: |m| {
                let mut key = forge::part_key(&m["custodians"][0]["part"]);
                key[1184..].fill(0xff);
                (key[1184], key[1215]) = (0xef, 0x7f);
                m["custodians"][0]["part"] = forge::part_recipient("age1pq", &key);
            } }),
        ("part_bit_255", "not an age mlkem768x25519 recipient", "bit 255 set in the X25519 coordinate of a part", with! {
            manifest: |m| {
                let mut key = forge::part_key(&m["custodians"][0]["part"]);
                key[1215] |= 0x80;
                m["custodians"][0]["part"] = forge::part_recipient("age1pq", &key);
            } }),
        ("token_recipient_trailing_bits", "not an age p256tag recipient", "a bit in a token's recipient that its last character does not need", with! {
            manifest: |m| {
                let token = &mut m["custodians"][0]["tokens"][0]["recipient"];
                *token = forge::with_trailing_bit(token);
            } }),
        ("token_recipient_prefix", "not an age p256tag recipient", "age1yubikey1 instead of age1tag1", with! {
            manifest: |m| {
                let token = &mut m["custodians"][0]["tokens"][0]["recipient"];
                let (_, point) = bech32::decode(token.as_str().unwrap()).unwrap();
                let hrp = bech32::Hrp::parse_unchecked("age1yubikey");
                *token = bech32::encode::<bech32::Bech32>(hrp, &point).unwrap().into();
            } }),
        ("token_recipient_bech32m", "not an age p256tag recipient", "a recipient in Bech32m", with! {
            manifest: |m| {
                let token = &mut m["custodians"][0]["tokens"][0]["recipient"];
                let (hrp, point) = bech32::decode(token.as_str().unwrap()).unwrap();
                *token = bech32::encode::<bech32::Bech32m>(hrp, &point).unwrap().into();
            } }),
        ("token_recipient_no_point", "not an age p256tag recipient", "a compressed point that is not on the curve", with! {
            manifest: |m| {
                let hrp = bech32::Hrp::parse_unchecked("age1tag");
                let point = [[2].as_slice(), &[0xff; 32]].concat();
                m["custodians"][0]["tokens"][0]["recipient"] =
                    bech32::encode::<bech32::Bech32>(hrp, &point).unwrap().into();
            } }),
        ("signing_key", "a signing key is not a P-256 public key", "a signing key that is cut off", with! {
            manifest: |m| {
                let key = m["custodians"][0]["tokens"][0]["signing_key"].as_str().unwrap()[4..].to_owned();
                m["custodians"][0]["tokens"][0]["signing_key"] = key.into();
            } }),
        ("slot_capitals", "not a retired PIV slot", "slot 8A", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["decryption_slot"] = "8A".into() }),
        ("slot_not_retired", "not a retired PIV slot", "slot 9d", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["decryption_slot"] = "9d".into() }),
        ("slot_twice", "both keys of a token are in the same slot", "both keys in slot 83", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["decryption_slot"] = "83".into() }),
        ("token_kind_unknown", "unknown variant", "a kind that version 1 does not have", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["kind"] = "ring".into() }),
        ("attestation_unknown", "unknown variant", "an attestation that version 1 does not have", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["attestation"] = "self".into() }),
        ("token_firmware", "firmware version", "a firmware version of two numbers", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["firmware"] = "5.7".into() }),
        ("token_firmware_missing", "missing field `firmware`", "a token without its firmware version", with! {
            manifest: |m| drop(m["custodians"][0]["tokens"][0].as_object_mut().unwrap().remove("firmware")) }),
        ("serial_too_wide", "the manifest is not valid", "a serial number of 2^32", with! {
            manifest: |m| m["custodians"][0]["tokens"][0]["serial"] = 4_294_967_296_u64.into() }),
    }
}

fn targets() -> Vec<Entry> {
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
        ("mfa_false", "not in canonical form", "mfa of false: it is left out where there is no MFA", with! {
            manifest: |m| m["targets"][0]["mfa"] = false.into() }),
        ("static_without_mfa", "of the lane static needs MFA", "the lane static without MFA", with! {
            manifest: |m| m["lane"] = "static".into() }),
        ("grant_digest", "grant_sha256 is not 32 bytes", "a digest of 33 bytes", with! {
            manifest: |m| m["targets"][0]["grant_sha256"] = "00".repeat(33).into() }),
    }
}

fn upper(text: &Value) -> Value {
    text.as_str().unwrap().to_uppercase().into()
}

fn other_end(text: &Value) -> Value {
    let text = text.as_str().unwrap();
    let (rest, last) = text.split_at(text.len() - 1);
    format!("{rest}{}", if last == "q" { "p" } else { "q" }).into()
}

fn first(entry: &Value) -> bool {
    entry["index"] == 1
}

/// Changes the encapsulation of a part's half.
fn with_enc(half: &mut Stanza, change: fn(&mut [u8])) {
    let mut enc = BASE64_STANDARD_NO_PAD.decode(&half.args[0]).unwrap();
    change(&mut enc);
    half.args = vec![BASE64_STANDARD_NO_PAD.encode(enc)];
}

fn halves() -> Vec<Entry> {
    fails! { "parse":
        ("half_missing", "share of alice is not valid: its body", "a share without its part half", with! {
            halves: |entry, inner| if first(entry) { inner.pop(); } }),
        ("half_additional", "share of alice is not valid: it contains more", "a stanza after the part half", with! {
            halves: |entry, inner| if first(entry) { let again = copy(&inner[1]); inner.push(again); } }),
        ("halves_swapped", "share of alice is not valid: the part's half", "the part half first", with! {
            halves: |entry, inner| if first(entry) { inner.swap(0, 1); } }),
        ("tokens_swapped", "a token's half is not a p256tag stanza for that token", "token halves in another order than the manifest's", with! {
            tokens: 2, halves: |entry, inner| if first(entry) { inner.swap(0, 1); } }),
        ("token_half_type", "a token's half is not a p256tag stanza", "another type than p256tag", with! {
            halves: |entry, inner| if first(entry) { inner[0].tag = "piv-p256".into(); } }),
        ("token_half_hint", "a token's half is not a p256tag stanza for that token", "a hint of another token", with! {
            halves: |entry, inner| if first(entry) { inner[0].args[0] = "AAAAAA".into(); } }),
        ("token_half_off_curve", "a token's half is not a p256tag stanza", "an ephemeral point off the curve, with its proper hint", with! {
            halves: |entry, inner| if first(entry) {
                let mut enc = BASE64_STANDARD_NO_PAD.decode(&inner[0].args[1]).unwrap();
                enc[64] ^= 1;
                inner[0].args = vec![forge::hint(entry, &enc), BASE64_STANDARD_NO_PAD.encode(enc)];
            } }),
        ("token_half_compressed", "a token's half is not a p256tag stanza", "a compressed ephemeral point, with its proper hint", with! {
            halves: |entry, inner| if first(entry) {
                let enc = BASE64_STANDARD_NO_PAD.decode(&inner[0].args[1]).unwrap();
                let enc = [&[2 + (enc[64] & 1)], &enc[1..33]].concat();
                inner[0].args = vec![forge::hint(entry, &enc), BASE64_STANDARD_NO_PAD.encode(enc)];
            } }),
        ("token_half_short", "a token's half is not a p256tag stanza", "a sealed half of 31 bytes", with! {
            halves: |entry, inner| if first(entry) { inner[0].body.pop(); } }),
        ("part_half_short", "the part's half is not an mlkem768x25519 stanza", "a sealed half of 31 bytes", with! {
            halves: |entry, inner| if first(entry) { inner[1].body.pop(); } }),
        ("part_half_enc_short", "the part's half is not an mlkem768x25519 stanza", "an encapsulation of 1119 bytes", with! {
            halves: |entry, inner| if first(entry) { inner[1].args = vec![BASE64_STANDARD_NO_PAD.encode([9; 1119])]; } }),
        ("part_half_x25519", "the part's half is not an mlkem768x25519 stanza", "a stanza of age's type X25519, which is not post-quantum", with! {
            halves: |entry, inner| if first(entry) {
                (inner[1].tag, inner[1].args) = ("X25519".into(), vec![BASE64_STANDARD_NO_PAD.encode([9; 32])]);
            } }),
        ("part_half_argument", "the part's half is not an mlkem768x25519 stanza", "an argument too many", with! {
            halves: |entry, inner| if first(entry) { inner[1].args.push("x".into()); } }),
    }
}

fn shares() -> Vec<Entry> {
    let by_bob = ["share_of_another_key"];
    let who = |name| if by_bob.contains(&name) { "2" } else { "1" };
    halves_and_commitments().into_iter().map(|entry| Entry { who: who(entry.name), ..entry }).collect()
}

fn halves_and_commitments() -> Vec<Entry> {
    fails! { "share":
        ("token_half_changed", "the share of alice does not match", "a bit of the token's sealed half", with! {
            halves: |entry, inner| if first(entry) { inner[0].body[3] ^= 1; } }),
        ("part_half_changed", "the share of alice does not match", "a bit of the part's sealed half", with! {
            halves: |entry, inner| if first(entry) { inner[1].body[3] ^= 1; } }),
        ("part_half_ml_kem_changed", "the share of alice does not match", "a bit of the encapsulation's ML-KEM ciphertext", with! {
            halves: |entry, inner| if first(entry) { with_enc(&mut inner[1], |enc| enc[3] ^= 1); } }),
        ("part_half_x25519_changed", "the share of alice does not match", "a bit of the encapsulation's X25519 key", with! {
            halves: |entry, inner| if first(entry) { with_enc(&mut inner[1], |enc| enc[1091] ^= 1); } }),
        ("part_half_small_order", "the share of alice does not match", "the encapsulation's X25519 key is zero", with! {
            halves: |entry, inner| if first(entry) { with_enc(&mut inner[1], |enc| enc[1088..].fill(0)); } }),
        ("share_of_another_key", "the share of bob does not match", "a share whose halves are sound and whose value is not the committed one", with! {
            shares: |shares| shares[1] = random() }),
        ("shares_exchanged", "the share of alice does not match", "each custodian is given the other's share", with! {
            shares: |shares| shares.swap(0, 1) }),
        ("commitment_changed", "the share of alice does not match", "a commitment to something else", with! {
            committed: |m| m["custodians"][0]["commitment"] = "0".repeat(64).into() }),
        ("label_changed", "the share of alice does not match", "another label than was committed to", with! {
            committed: |m| m["label"] = "staging, all regions".into() }),
        ("account_changed", "the share of alice does not match", "another account than was committed to", with! {
            committed: |m| m["targets"][0]["account"] = "999988887777".into() }),
        ("grant_changed", "the share of alice does not match", "another grant than was committed to", with! {
            committed: |m| m["targets"][0]["grant_sha256"] = "0".repeat(64).into() }),
        ("epoch_changed", "the share of alice does not match", "a later epoch than was committed to", with! {
            committed: |m| m["epoch"] = 2.into() }),
        ("vault_id_changed", "the share of alice does not match", "another vault id than was committed to", with! {
            committed: |m| m["vault_id"] = "0".repeat(32).into() }),
        ("threshold_changed", "the share of alice does not match", "fewer custodians than were committed to", with! {
            custodians: 3, threshold: 3, committed: |m| m["threshold"] = 2.into() }),
        ("other_custodian_changed", "the share of alice does not match", "another custodian's entry than was committed to", with! {
            committed: |m| m["custodians"][1]["name"] = "bobby".into() }),
    }
}

fn payload() -> Vec<Entry> {
    fails! { "open":
        ("mac_changed", "header's MAC does not match", "a MAC of the right form and a wrong value", with! {
            mac: |mac| format!("{}{}", if mac.starts_with('A') { "B" } else { "A" }, &mac[1..]) }),
        ("grease_changed", "header's MAC does not match", "grease that the MAC does not cover", with! {
            stanzas: |s| s.push(grease()),
            file: |f| { let at = position(f, b"grease a ") + 7; f[at] = b'b'; } }),
        ("key_of_another_polynomial", "header's MAC does not match", "shares that fit their commitments and are of no one polynomial", with! {
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
        ("payload_order", "canonical form", "members in another order", with! {
            plain: |p| { let end = position(p, b"} ");
                p.copy_within(1..end - 12, 13); p[1..13].copy_from_slice(b"\"version\":1,"); } }),
        ("payload_unknown_member", "unknown field `note`", "a member that version 1 does not have", with! {
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
        ("payload_mfa_unsaid", "do not match the manifest", "an MFA device that the manifest does not tell of", with! {
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
        ("payload_grant_member_twice", "duplicate field", "a member of a statement twice", with! {
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

fn channels() -> Vec<Entry> {
    fails! { "open":
        ("payload_alerts_unsaid", "do not match the manifest", "an alert channel that the manifest does not tell of", with! {
            sealed: |s| s["alerts"] = json!([slack("https://hooks.example.org/services/T0/B0/EXAMPLE")]) }),
        ("payload_alerts_missing", "do not match the manifest", "an alert channel in the manifest alone", with! {
            manifest: |m| m["alerts"] = json!(["oncall"]) }),
        ("payload_alerts_order", "do not match the manifest", "alert channels in another order than the manifest's", with! {
            credentials: alerts, sealed: |s| s["alerts"].as_array_mut().unwrap().swap(0, 1) }),
        ("payload_alerts_empty", "canonical form", "alerts without a channel: they are left out where there are none", with! {
            sealed: |s| s["alerts"] = json!([]) }),
        ("payload_alert_kind", "the sealed payload is not valid", "a kind of channel that version 1 does not have", with! {
            credentials: |c| { alerts(c); c["alerts"][2]["kind"] = "pigeon".into(); } }),
        ("payload_alert_member", "the sealed payload is not valid", "a webhook's secret in a Slack channel", with! {
            credentials: |c| { alerts(c); c["alerts"][2]["secret"] = "whsec_".into(); } }),
        ("payload_alert_timeout", "longer than 60s", "a channel that may take 61 seconds", with! {
            credentials: |c| { alerts(c); c["alerts"][0]["timeout"] = "1m1s".into(); } }),
        ("payload_alert_topic", "not the ARN of an SNS topic", "a queue where a topic belongs", with! {
            credentials: |c| { alerts(c); c["alerts"][0]["topic_arn"] = "arn:aws:sqs:eu-west-1:111122223333:oncall".into(); } }),
        ("payload_alert_fifo", "not the ARN of an SNS topic", "a topic whose messages are ordered in groups", with! {
            credentials: |c| { alerts(c); c["alerts"][0]["topic_arn"] = "arn:aws:sns:eu-west-1:111122223333:oncall.fifo".into(); } }),
        ("payload_alert_routing_key", "routing key", "a routing key of 31 characters", with! {
            credentials: |c| { alerts(c); c["alerts"][1]["routing_key"] = "r".repeat(31).into(); } }),
        ("payload_alert_http", "allowed for loopback only", "a webhook without TLS on another machine", with! {
            credentials: |c| { alerts(c); c["alerts"][2]["url"] = "http://hooks.example.org/services/T0/B0/EXAMPLE".into(); } }),
        ("payload_alert_user", "its URL is not valid", "a user's name in a URL", with! {
            credentials: |c| { alerts(c); c["alerts"][2]["url"] = "https://user@hooks.example.org/".into(); } }),
        ("payload_alert_host", "its URL is not valid", "a URL with a port and no host", with! {
            credentials: |c| { alerts(c); c["alerts"][2]["url"] = "https://:443/".into(); } }),
        ("payload_alert_port", "its URL is not valid", "port 65536 in a URL", with! {
            credentials: |c| { alerts(c); c["alerts"][2]["url"] = "https://hooks.example.org:65536/".into(); } }),
        ("payload_alert_control", "without control characters", "a C1 control character in a password", with! {
            credentials: |c| { alerts(c); c["alerts"][4]["password"] = "EXAMPLE\u{85}password".into(); } }),
        ("payload_alert_secret", "its secret is not", "a webhook's secret of 23 bytes", with! {
            credentials: |c| { alerts(c); c["alerts"][3]["secret"] = "whsec_RVhBTVBMRS1FWEFNUExFLUVYQU1QTEU=".into(); } }),
        ("payload_alert_misplaced", "a secret is in its name, which is public", "a routing key as a channel's name", with! {
            credentials: |c| { alerts(c); c["alerts"][1]["name"] = c["alerts"][1]["routing_key"].clone(); } }),
        ("payload_alert_mail_plain", "allowed for loopback only", "mail without TLS to another machine", with! {
            credentials: |c| { alerts(c); c["alerts"][4]["tls"] = "none".into(); } }),
        ("payload_alert_mail_address", "not a mail address", "two receivers in one", with! {
            credentials: |c| { alerts(c); c["alerts"][4]["to"] = json!(["a@example.org,b@example.org"]); } }),
        ("payload_alert_mail_login", "the sealed payload is not valid", "a password without a name", with! {
            credentials: |c| { alerts(c); drop(c["alerts"][4].as_object_mut().unwrap().remove("username")); } }),
    }
}

fn position(haystack: &[u8], needle: &[u8]) -> usize {
    haystack.windows(needle.len()).position(|window| window == needle).expect("it is there")
}

fn file() -> Vec<Entry> {
    fails! { "parse":
        ("empty", "not an age v1 file", "nothing at all", with! { file: |f| f.clear() }),
        ("header_only", "cut short", "no payload", with! { file: |f| { let end = position(f, b"\n--- ") + 49; f.truncate(end); } }),
        ("cut_by_one", "cut short", "the last byte is missing", with! { file: |f| { f.pop(); } }),
        ("one_more", "something was appended", "a byte after the payload", with! { file: |f| f.push(b'\n') }),
        ("block_missing", "cut short", "no block at all is sealed", with! { plain: |p| p.clear() }),
        ("payload_half_a_block", "cut short", "a payload that is not whole blocks", with! { plain: |p| p.truncate(2048) }),
        ("empty_last_chunk", "cut short, or something was appended", "a STREAM whose last chunk is empty", with! {
            sealed: |s| filler(s, 65536), file: |f| f.extend([0; 16]) }),
    }
}

fn armor() -> Vec<Entry> {
    type Edit = fn(String) -> String;
    let edits: [(&str, &str, &str, Edit); 11] = [
        ("armor_space_before", "not an age v1 file", "a line end before the armor", |text| {
            format!("\n{text}")
        }),
        ("armor_after", "armor", "a line end after the armor", |text| text + "\n"),
        ("armor_garbage_after", "armor", "text after the armor", |text| text + "x\n"),
        ("armor_no_line_end", "armor", "no line end after the last line", |text| text.trim_end().to_owned()),
        ("armor_crlf", "armor", "lines end in CR LF", |text| text.replace('\n', "\r\n")),
        ("armor_long_line", "armor", "a line of 128 columns", |text| {
            text.replacen('\n', "\r", 1).replacen('\n', "", 1).replace('\r', "\n")
        }),
        ("armor_end_missing", "armor", "the last line is missing", |text| {
            text.replace("-----END AGE ENCRYPTED FILE-----\n", "")
        }),
        ("armor_end_other", "armor", "another last line", |text| {
            text.replace("-----END AGE", "-----END  AGE")
        }),
        ("armor_empty_line", "armor", "an empty line after the first", |text| text.replacen('\n', "\n\n", 1)),
        ("armor_not_base64", "armor", "a character that is not base64", |text| {
            text.replacen("\nYWdl", "\nYW*l", 1)
        }),
        ("armor_url_alphabet", "armor", "the alphabet of base64url", |text| {
            let (head, rest) = text.split_at(35);
            let (body, tail) = rest.split_at(rest.len() - 34);
            format!("{head}{}{tail}", body.replace('+', "-").replace('/', "_"))
        }),
    ];
    edits
        .into_iter()
        .map(|(name, says, comment, edit)| damaged("parse", name, says, comment, with! { armor: Some(edit) }))
        .collect()
}

fn custody() -> Vec<Entry> {
    let other = |name, expect, at: &'static str, comment, known| Entry {
        who: if at.is_empty() { "" } else { "1" },
        known,
        ..entry(expect, at, name, "", comment, with! { custodians: 3 })
    };
    vec![
        other("words_of_another", "words of another", "words", "alice types the words of carol", |known| {
            let (own, others) = known.split_at_mut(1);
            own[0].words.clone_from(&others[1].words);
        }),
        other("words_of_nobody", "words of nobody", "words", "alice types words of another vault", |known| {
            known[0].words.clone_from(&super::people(1, 0)[0].words);
        }),
        other(
            "words_no_part",
            "no part",
            "words",
            "alice's first word is another: the checksum does not hold",
            |known| {
                known[0].words = "abandon ".repeat(11) + "abandon";
            },
        ),
        other(
            "words_abbreviated",
            "success",
            "",
            "words in capitals, cut to four letters, and spaced out",
            |known| {
                known[0].words = abbreviated(&known[0].words, 4).to_uppercase().replace(' ', "  ");
            },
        ),
        other(
            "words_of_three_letters",
            "no part",
            "words",
            "alice's first word is cut to three letters",
            |known| {
                known[0].words = "aba".to_owned() + &" abandon".repeat(10) + " about";
            },
        ),
        other("words_eleven", "no part", "words", "alice's last word is missing", |known| {
            let end = known[0].words.rfind(' ').unwrap();
            known[0].words.truncate(end);
        }),
        other("token_of_another", "another token", "token", "alice uses the token of carol", |known| {
            let (own, others) = known.split_at_mut(1);
            own[0].tokens.clone_from(&others[1].tokens);
        }),
        other("token_of_nobody", "another token", "token", "a token of another serial number", |known| {
            known[0].tokens[0].0 = 99_999_999;
        }),
        other(
            "token_key_replaced",
            "another token",
            "token",
            "alice's token, and another key in its slot",
            |known| {
                known[0].tokens[0].1 = hex::encode(random::<32>());
            },
        ),
    ]
}

/// The words, each cut to this many letters.
fn abbreviated(words: &str, letters: usize) -> String {
    let cut = |word: &str| word[..word.len().min(letters)].to_owned();
    words.split(' ').map(cut).collect::<Vec<_>>().join(" ")
}

/// Changes of a custodian's entry that appear as other words or another token.
fn entries_changed() -> Vec<Entry> {
    let alice = |expect, at, name, comment, recipe| Entry {
        who: "1",
        ..entry(expect, at, name, "", comment, recipe)
    };
    vec![
        alice(
            "words of nobody",
            "words",
            "part_changed",
            "another part than alice's in her entry",
            with! { committed: |m| m["custodians"][0]["part"] = super::people(1, 0)[0].entry(1).part.into() },
        ),
        alice(
            "words of nobody",
            "words",
            "enrolment_changed",
            "another enrolment's id than alice's in her entry",
            with! { committed: |m| m["custodians"][0]["enrolment"] = "0".repeat(32).into() },
        ),
        alice(
            "words of another",
            "words",
            "enrolments_exchanged",
            "the enrolments and parts of alice and bob are exchanged",
            with! { committed: |m| for field in ["enrolment", "part"] {
                let of_alice = m["custodians"][0][field].clone();
                m["custodians"][0][field] = m["custodians"][1][field].clone();
                m["custodians"][1][field] = of_alice;
            } },
        ),
        alice(
            "another token",
            "token",
            "serial_changed",
            "another serial number than that of alice's token in her entry",
            with! { committed: |m| m["custodians"][0]["tokens"][0]["serial"] = 99_999_999.into() },
        ),
        alice(
            "another token",
            "token",
            "decryption_slot_changed",
            "another slot than that of alice's decryption key in her entry",
            with! { committed: |m| m["custodians"][0]["tokens"][0]["decryption_slot"] = "84".into() },
        ),
        alice(
            "another token",
            "token",
            "token_recipient_changed",
            "another decryption key than that of alice's token in her entry, with its proper hint",
            with! {
                committed: |m| m["custodians"][0]["tokens"][0]["recipient"] = stranger().into(),
                halves: |entry, inner| if first(entry) {
                    let enc = BASE64_STANDARD_NO_PAD.decode(&inner[0].args[1]).unwrap();
                    inner[0].args[0] = forge::hint(&json!({"tokens": [{"recipient": stranger()}]}), &enc);
                },
            },
        ),
    ]
}

/// The recipient of a token that belongs to no custodian.
fn stranger() -> String {
    let key = p256::SecretKey::from_slice(&[9; 32]).unwrap();
    super::SoftToken { serial: 1, signing: key.clone(), decryption: key }.entry().recipient
}

/// A drill vault where a vault is meant, and the reverse.
fn kinds() -> Vec<Entry> {
    let drill = || {
        with! {
            credentials: |c| c["targets"][0]["grant"] = json!([]),
            manifest: |m| m["drill_of"] = hex::encode(random::<16>()).into(),
        }
    };
    let other = |name, comment, meant, recipe| Entry {
        meant,
        ..entry("another kind", "parse", name, "", comment, recipe)
    };
    vec![
        other("drill_for_vault", "a drill vault where a vault is meant", "vault", drill()),
        other("vault_for_drill", "a vault where a drill vault is meant", "drill", Recipe::default()),
    ]
}
