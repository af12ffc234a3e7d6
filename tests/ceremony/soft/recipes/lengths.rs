//! Vaults whose header, manifest or payload has the maximum length, or is one byte longer.

use std::sync::Mutex;

use breakglass::vault::file::MAX_HEADER;
use breakglass::vault::{manifest, payload};

use super::*;

/// The users of the targets in the manifest that was made last. The payload gets the same users.
static USERS: Mutex<Vec<Value>> = Mutex::new(Vec::new());

pub(super) fn lengths() -> Vec<Entry> {
    let compressed = |entry: Entry| Entry { compressed: true, ..entry };
    vec![
        compressed(success(
            "header_longest",
            "the header has 524288 bytes; the argument of its grease stanza makes it so long",
            with! { stanzas: |s| s.push(grease()), header: |header| lengthened(&header, MAX_HEADER) },
        )),
        compressed(damaged(
            "parse",
            "header_too_long",
            "header is cut short or too long",
            "the header has 524289 bytes",
            with! { stanzas: |s| s.push(grease()), header: |header| lengthened(&header, MAX_HEADER + 1) },
        )),
        compressed(success(
            "manifest_longest",
            "the manifest has 262144 bytes",
            with! { credentials: many, manifest: |m| fill(m, manifest::MAX_BYTES), sealed: same_users },
        )),
        compressed(damaged(
            "parse",
            "manifest_too_long",
            "longer than 262144 bytes",
            "the manifest has 262145 bytes",
            with! { credentials: many, manifest: |m| fill(m, manifest::MAX_BYTES + 1), sealed: same_users },
        )),
        success(
            "payload_longest",
            "the payload has 524288 bytes, without padding",
            with! { sealed: |sealed| filler(sealed, payload::MAX_BYTES) },
        ),
        damaged(
            "parse",
            "payload_too_long",
            "cut short, or something was appended",
            "the payload has 524289 bytes, and then padding",
            with! { sealed: |sealed| filler(sealed, payload::MAX_BYTES + 1) },
        ),
    ]
}

/// Lengthens the argument of the grease stanza, so that the header with its last line has the given length.
fn lengthened(header: &str, length: usize) -> String {
    // The last line is `--- `, 43 characters of base64, and a line end.
    let missing = length - header.len() - 48;
    header.replacen("-grease a", &format!("-grease a{}", "a".repeat(missing)), 1)
}

/// Replaces the target by 160 targets with 32 long regions each.
fn many(credentials: &mut Value) {
    let mut one = credentials["targets"][0].clone();
    one["regions"] = (0..32).map(|n| Value::from(format!("{n:02}-{}", "r".repeat(29)))).collect();
    let named = |n| {
        let mut target = one.clone();
        target["name"] = format!("t{n:03}").into();
        target
    };
    credentials["targets"] = (0..160).map(named).collect();
}

/// Lengthens the users of targets, until the manifest has the given length.
fn fill(manifest: &mut Value, length: usize) {
    // The manifest does not have its two commitments yet, so their length is added here.
    let now = |manifest: &Value| forge::jcs(manifest).len() + 2 * r#""commitment":"","#.len() + 128;
    let mut place = 0;
    while now(manifest) < length {
        let user = "u".repeat(64.min("emergency".len() + length - now(manifest)));
        manifest["targets"][place]["user"] = user.into();
        place += 1;
    }
    assert_eq!(now(manifest), length);
    let users = manifest["targets"].as_array().unwrap().iter().map(|target| target["user"].clone());
    *USERS.lock().unwrap() = users.collect();
}

fn same_users(sealed: &mut Value) {
    for (target, user) in sealed["targets"].as_array_mut().unwrap().iter_mut().zip(&*USERS.lock().unwrap()) {
        target["user"] = user.clone();
    }
}
