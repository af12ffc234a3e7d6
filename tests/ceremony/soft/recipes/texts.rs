//! Vaults with a payload whose JSON is not in canonical form.

use super::*;

/// Replaces text in the padded payload, and keeps the length of the payload.
fn replace(plain: &mut Vec<u8>, from: &str, to: &str) {
    let (at, length) = (position(plain, from.as_bytes()), plain.len());
    plain.splice(at..at + from.len(), to.bytes());
    assert!(
        plain[plain.len() - 8..].iter().all(|byte| *byte == b' '),
        "the padding should have room for the new text"
    );
    plain.resize(length, b' ');
}

/// Adds the field `n` to the first statement of the grant.
fn with_n(payload: &mut Value, n: impl Into<Value>) {
    payload["targets"][0]["grant"][0]["n"] = n.into();
}

pub(super) fn texts() -> Vec<Entry> {
    const FORM: &str = "canonical form";
    fails! { "open":
        ("payload_line_end", "the sealed payload is not valid",
            "a line end is between the payload's JSON and the spaces after it", with! {
            plain: |p| { let end = p.iter().rposition(|b| *b == b'}').unwrap(); p[end + 1] = b'\n'; } }),
        ("payload_byte_order_mark", "the sealed payload is not valid",
            "a byte order mark is before the payload's JSON", with! {
            plain: |p| replace(p, "{\"runbook\"", "\u{feff}{\"runbook\"") }),
        ("payload_not_utf8", "the sealed payload is not valid",
            "a string in the payload contains a byte that is not UTF-8", with! {
            plain: |p| { let at = position(p, b"1. Tell"); p[at] = 0xff; } }),
        ("payload_field_twice", "duplicate field `version`", "the payload has the field `version` twice", with! {
            plain: |p| replace(p, "\"version\":1", "\"version\":1,\"version\":1") }),
        ("payload_escape", FORM, "a letter in a string of the payload is escaped", with! {
            plain: |p| replace(p, "1. Tell", "1. \\u0054ell") }),
        ("payload_escaped_slash", FORM, "a slash in a string of the payload is escaped", with! {
            credentials: |c| c["runbook"] = "a/b".into(), plain: |p| replace(p, "a/b", "a\\/b") }),
        ("payload_escape_capitals", FORM,
            "a control character in the payload is written `\\u001F` instead of `\\u001f`", with! {
            credentials: |c| c["runbook"] = "\u{1f}".into(), plain: |p| replace(p, "\\u001f", "\\u001F") }),
        ("payload_escape_long", FORM, "a line end in the payload is written `\\u000a` instead of `\\n`", with! {
            credentials: |c| c["runbook"] = "a\nb".into(), plain: |p| replace(p, "a\\nb", "a\\u000ab") }),
        ("payload_surrogate_pair", FORM, "a surrogate pair in the payload is written as two escapes", with! {
            credentials: |c| c["runbook"] = "\u{1f600}".into(), plain: |p| replace(p, "\u{1f600}", "\\ud83d\\ude00") }),
        ("payload_grant_surrogate", "the sealed payload is not valid",
            "the name of a field in the grant contains half of a surrogate pair", with! {
            plain: |p| replace(p, "\"Sid\"", "\"\\udead\"") }),
        ("payload_grant_order", FORM, "the fields of a statement in the grant are in the wrong order", with! {
            plain: |p| replace(p, "\"Resource\":\"*\",\"Sid\":\"Repair\"", "\"Sid\":\"Repair\",\"Resource\":\"*\"") }),
        ("payload_grant_order_utf16", FORM,
            "the fields of a statement are sorted by code points instead of UTF-16 code units; the orders differ",
            with! {
            credentials: |c| { c["targets"][0]["grant"][0]["\u{fb33}"] = 1.into(); c["targets"][0]["grant"][0]["\u{1f600}"] = 1.into(); },
            plain: |p| replace(p, "\"\u{1f600}\":1,\"\u{fb33}\":1", "\"\u{fb33}\":1,\"\u{1f600}\":1") }),
        ("payload_grant_nested_field_twice", "duplicate field",
            "a `Condition` in the grant has the same field twice", with! {
            plain: |p| replace(p, "\"aws:SourceVpc\":\"vpc-1\"", "\"aws:SourceVpc\":\"vpc-1\",\"aws:SourceVpc\":\"vpc-2\"") }),
        ("payload_grant_space", FORM, "a space follows a colon in the grant", with! {
            plain: |p| replace(p, "\"Sid\":\"Repair\"", "\"Sid\": \"Repair\"") }),
    }
}

pub(super) fn numbers() -> Vec<Entry> {
    const FORM: &str = "canonical form";
    fails! { "open":
        ("payload_number_fraction", FORM, "the number 1 in the grant is written `1.0`", with! {
            credentials: |c| with_n(c, 1), plain: |p| replace(p, "\"n\":1", "\"n\":1.0") }),
        ("payload_number_exponent", FORM, "the number 100 in the grant is written `1e2`", with! {
            credentials: |c| with_n(c, 100), plain: |p| replace(p, "\"n\":100", "\"n\":1e2") }),
        ("payload_number_exponent_sign", FORM, "a number in the grant is written `1e21` instead of `1e+21`", with! {
            credentials: |c| with_n(c, 1e21), plain: |p| replace(p, "1e+21", "1e21") }),
        ("payload_number_negative_zero", FORM, "the number 0 in the grant is written `-0`", with! {
            credentials: |c| with_n(c, 0), plain: |p| replace(p, "\"n\":0", "\"n\":-0") }),
        ("payload_number_trailing_zero", FORM, "the number 0.5 in the grant is written `0.50`", with! {
            credentials: |c| with_n(c, 0.5), plain: |p| replace(p, "\"n\":0.5", "\"n\":0.50") }),
        ("payload_number_digits", FORM,
            "a number in the grant has more digits than the shortest form of its double", with! {
            credentials: |c| with_n(c, 0.1), plain: |p| replace(p, "\"n\":0.1", "\"n\":0.10000000000000001") }),
        ("payload_number_too_large", "the sealed payload is not valid",
            "the grant contains the number 1e400, which is larger than every double", with! {
            credentials: |c| with_n(c, 1), plain: |p| replace(p, "\"n\":1", "\"n\":1e400") }),
    }
}
