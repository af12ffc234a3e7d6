//! The recipes of all vectors that are vaults. An entry has the steps that make the vault, and the expected result.
//! Most vaults have exactly one fault.

use age_core::format::Stanza;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use serde_json::{Value, json};

use super::forge::{self, Recipe};
use super::vector::Custodian;

/// Creates a recipe: the named steps replace the default steps.
macro_rules! with {
    ($($step:ident: $edit:expr),* $(,)?) => { Recipe { $($step: $edit,)* ..Recipe::default() } };
}

/// Creates entries that fail at the given step. An item has a name, an error text, a comment and a recipe.
macro_rules! fails {
    ($step:literal: $(($name:literal, $message:expr, $comment:literal, $recipe:expr)),* $(,)?) => {
        vec![$(damaged($step, $name, $message, $comment, $recipe)),*]
    };
}

/// Creates entries that fail at the given step because one field has a wrong value. The function `$place` finds the
/// JSON object that has the field. The step `$hook` changes either the manifest or the payload.
macro_rules! values {
    ($step:literal $hook:ident $place:path; $(($name:literal, $message:expr, $comment:literal, $field:literal = $value:expr)),* $(,)?) => {
        vec![$(damaged($step, $name, $message, $comment, with! {
            $hook: |root| $place(root)[$field] = Value::from($value)
        })),*]
    };
}

mod accepted;
mod channels;
mod custodians;
mod encodings;
mod fields;
mod file;
mod header;
mod keys;
mod lengths;
mod limits;
mod manifest;
mod opening;
mod order;
mod payload;
mod sealed;
mod shares;
mod streams;
mod targets;
mod texts;
mod urls;
mod zero;

/// Describes a vector, and how to make its file.
pub struct Entry {
    pub name: &'static str,
    pub expect: &'static str,
    pub step: &'static str,
    /// The index of the custodian whose words, token or share cause the failure. Empty if no custodian causes the
    /// failure.
    pub at_fault: &'static str,
    pub message: &'static str,
    pub comment: &'static str,
    /// The kind of file that the reader expects: `vault` or `drill`. Empty if the reader accepts both kinds of files.
    pub wanted: &'static str,
    /// Whether the file is compressed in the vector.
    pub compressed: bool,
    pub recipe: Recipe,
    /// Changes the custodians that the vector file lists, for example the words that alice types.
    pub known: fn(&mut [Custodian]),
}

/// All recipes.
pub fn all() -> Vec<Entry> {
    let groups = [
        accepted::good(),
        accepted::edges(),
        accepted::challenge_tokens(),
        accepted::grants(),
        accepted::for_statements(),
        header::header(),
        manifest::manifest(),
        manifest::fields(),
        custodians::custodians(),
        custodians::challenge_tokens(),
        targets::targets(),
        shares::halves(),
        shares::shares(),
        payload::payload(),
        payload::differences(),
        payload::statements(),
        channels::channels(),
        file::file(),
        file::armor(),
        opening::custody(),
        opening::entries_changed(),
        opening::kinds(),
        limits::limits(),
        lengths::lengths(),
        limits::channels_and_texts(),
        encodings::header_lines(),
        encodings::header_bodies(),
        encodings::bodies(),
        encodings::arguments(),
        encodings::points_of_halves(),
        zero::zero(),
        zero::bit_255(),
        fields::of_the_manifest(),
        fields::json_of_the_manifest(),
        fields::of_a_custodian(),
        fields::of_a_token(),
        fields::of_a_target(),
        fields::durations(),
        keys::recipients(),
        keys::signing_keys(),
        keys::challenge_tokens(),
        sealed::of_the_payload(),
        sealed::of_a_target(),
        sealed::of_credentials(),
        sealed::exposed(),
        sealed::of_statements(),
        texts::texts(),
        texts::numbers(),
        urls::urls(),
        urls::topics_and_keys(),
        urls::mails(),
        urls::others(),
        streams::streams(),
        streams::lengths(),
        streams::armored(),
        order::order(),
        order::words(),
    ];
    groups.into_iter().flatten().collect()
}

fn success(name: &'static str, comment: &'static str, recipe: Recipe) -> Entry {
    entry("success", "", name, "", comment, recipe)
}

fn entry(
    expect: &'static str,
    step: &'static str,
    name: &'static str,
    message: &'static str,
    comment: &'static str,
    recipe: Recipe,
) -> Entry {
    Entry {
        name,
        expect,
        step,
        at_fault: "",
        message,
        comment,
        wanted: "",
        compressed: false,
        recipe,
        known: |_| {},
    }
}

fn damaged(
    step: &'static str,
    name: &'static str,
    message: &'static str,
    comment: &'static str,
    recipe: Recipe,
) -> Entry {
    entry("damaged", step, name, message, comment, recipe)
}

fn grease() -> Stanza {
    Stanza { tag: "]8k-grease".into(), args: vec!["a".into(), "~!".into()], body: vec![7; 33] }
}

/// Sets a runbook of such a length that the payload's JSON has `length` bytes.
pub fn filler(sealed: &mut Value, length: usize) {
    sealed["runbook"] = "".into();
    let bare = forge::jcs(sealed).len();
    sealed["runbook"] = "r".repeat(length - bare).into();
}

fn mfa(target: &mut Value) {
    target["mfa"] = json!({
        "serial_number": "arn:aws:iam::111122223333:mfa/emergency", "totp_seed": "EXAMPLESEED234567EXAMPLESEED2345",
    });
}

/// Returns a grant that makes the payload's JSON `depth` levels deep. The payload, the targets, the target, the grant
/// and the statement are five levels. Nested arrays in the statement are the other levels.
fn nested(depth: usize) -> Value {
    let inner = (5..depth).fold(Value::from(0), |inner, _| json!([inner]));
    json!([{"Effect": "Deny", "Action": "ec2:*", "Resource": "*", "n": inner}])
}

fn slack(url: &str) -> Value {
    json!({"name": "chat", "kind": "slack", "url": url})
}

/// Adds one channel of each kind, and a second mail channel.
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

fn copy(stanza: &Stanza) -> Stanza {
    Stanza { tag: stanza.tag.clone(), args: stanza.args.clone(), body: stanza.body.clone() }
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

fn position(haystack: &[u8], needle: &[u8]) -> usize {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
        .expect("the text should be in the file")
}
