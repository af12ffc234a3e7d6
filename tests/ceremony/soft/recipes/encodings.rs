//! Vaults with a wrong encoding: Base64, points, stanzas of a share, and lines of the header.

use super::custodians::challenge;
use super::*;
use crate::soft::points;

const TOKEN: &str = "a token's half is not a stanza of its kind";
const PART: &str = "the part's half is not an mlkem768x25519 stanza";
const BODY: &str = "share of alice is not valid: its body is not age stanzas";

/// Sets an unused bit of the last character of unpadded Base64 text.
fn trailing_bit(text: &str) -> String {
    let padded = format!("{text}{}", "=".repeat(3 - (text.len() + 3) % 4));
    points::base64_trailing_bit(&padded.into()).as_str().unwrap().trim_end_matches('=').to_owned()
}

/// Changes Base64 text to the alphabet of base64url. The text must contain `+` or `/`.
fn url_alphabet(text: &str) -> String {
    assert!(text.contains(['+', '/']), "{text}");
    text.replace('+', "-").replace('/', "_")
}

/// Changes the ephemeral point of a p256tag stanza, and computes the hint that matches the new point.
fn with_point(entry: &Value, stanza: &mut Stanza, edit: fn(&[u8]) -> Vec<u8>) {
    let enc = edit(&BASE64_STANDARD_NO_PAD.decode(&stanza.args[1]).unwrap());
    stanza.args = vec![forge::hint(entry, &enc), BASE64_STANDARD_NO_PAD.encode(enc)];
}

pub(super) fn points_of_halves() -> Vec<Entry> {
    fails! { "parse":
        ("token_half_hybrid", TOKEN,
            "the ephemeral point starts with 0x06 or 0x07, and the hint matches the point", with! {
            halves: |entry, inner| if first(entry) { with_point(entry, &mut inner[0], |enc| {
                [&[6 + (enc[64] & 1)], &enc[1..]].concat() }); } }),
        ("token_half_not_reduced", TOKEN,
            "the x coordinate of the ephemeral point is `p` or more, and the hint matches the point", with! {
            halves: |entry, inner| if first(entry) { with_point(entry, &mut inner[0], |_| points::not_reduced().to_vec()) } }),
        ("token_half_infinity", TOKEN,
            "the ephemeral point is the point at infinity, and the hint matches the point", with! {
            halves: |entry, inner| if first(entry) { with_point(entry, &mut inner[0], |_| vec![0]) } }),
        ("token_half_zero", TOKEN,
            "the coordinates of the ephemeral point are both zero, and the hint matches the point", with! {
            halves: |entry, inner| if first(entry) { with_point(entry, &mut inner[0], |_| [&[4][..], &[0; 64]].concat()) } }),
    }
}

/// Vaults with a fault in an argument of a stanza within a share.
pub(super) fn arguments() -> Vec<Entry> {
    fails! { "parse":
        ("token_half_argument", TOKEN, "a p256tag stanza has an argument after the ephemeral point", with! {
            halves: |entry, inner| if first(entry) { inner[0].args.push("x".into()); } }),
        ("token_half_no_hint", TOKEN, "a p256tag stanza has no hint", with! {
            halves: |entry, inner| if first(entry) { inner[0].args.remove(0); } }),
        ("token_half_hint_trailing_bits", TOKEN,
            "the unused bits of the last Base64 character of the hint are not zero", with! {
            halves: |entry, inner| if first(entry) { inner[0].args[0] = trailing_bit(&inner[0].args[0]); } }),
        ("token_half_hint_padded", TOKEN, "the hint in a p256tag stanza has Base64 padding", with! {
            halves: |entry, inner| if first(entry) { inner[0].args[0] += "=="; } }),
        ("token_half_enc_trailing_bits", TOKEN,
            "the unused bits of the last Base64 character of the ephemeral point are not zero", with! {
            halves: |entry, inner| if first(entry) { inner[0].args[1] = trailing_bit(&inner[0].args[1]); } }),
        ("token_half_enc_padded", TOKEN, "the ephemeral point has Base64 padding", with! {
            halves: |entry, inner| if first(entry) { inner[0].args[1] += "="; } }),
        ("token_half_enc_url_alphabet", TOKEN,
            "the ephemeral point is encoded with the alphabet of base64url", with! {
            halves: |entry, inner| if first(entry) { inner[0].args[1] = url_alphabet(&inner[0].args[1]); } }),
        ("challenge_half_padded", TOKEN, "the ephemeral share has Base64 padding", with! {
            people: challenge, halves: |entry, inner| if first(entry) { inner[1].args[0] += "="; } }),
        ("part_half_enc_long", PART, "the encapsulation in a part's half has 1121 bytes, one too many", with! {
            halves: |entry, inner| if first(entry) { inner[1].args = vec![BASE64_STANDARD_NO_PAD.encode([9; 1121])]; } }),
        ("part_half_enc_trailing_bits", PART,
            "the unused bits of the last Base64 character of the encapsulation are not zero", with! {
            halves: |entry, inner| if first(entry) { inner[1].args[0] = trailing_bit(&inner[1].args[0]); } }),
        ("part_half_enc_padded", PART, "the encapsulation in a part's half has Base64 padding", with! {
            halves: |entry, inner| if first(entry) { inner[1].args[0] += "=="; } }),
        ("part_half_enc_url_alphabet", PART,
            "the encapsulation in a part's half is encoded with the alphabet of base64url", with! {
            halves: |entry, inner| if first(entry) { inner[1].args[0] = url_alphabet(&inner[1].args[0]); } }),
        ("part_half_type", PART,
            "the stanza of a part's half has the type `MLKEM768X25519`, in capital letters", with! {
            halves: |entry, inner| if first(entry) { inner[1].tag = "MLKEM768X25519".into(); } }),
    }
}

/// Edits line `number` of the stanzas within alice's share. Lines count from 0.
fn line(index: u8, text: &str, number: usize, edit: fn(&str) -> String) -> String {
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    if index == 1 {
        lines[number] = edit(&lines[number]);
    }
    lines.join("\n") + "\n"
}

/// Vaults with a fault in the body of a stanza inside a share. Line 1 has the token's half, and line 3 has the part's
/// half.
pub(super) fn bodies() -> Vec<Entry> {
    fails! { "parse":
        ("token_half_body_trailing_bits", BODY,
            "the unused bits of the last Base64 character of a token's sealed half are not zero", with! {
            inner: |index, text| line(index, &text, 1, trailing_bit) }),
        ("token_half_body_padded", BODY, "a token's sealed half has Base64 padding", with! {
            inner: |index, text| line(index, &text, 1, |body| format!("{body}=")) }),
        ("token_half_body_wrapped", BODY,
            "the Base64 text of a token's sealed half is on two lines instead of one", with! {
            inner: |index, text| line(index, &text, 1, |body| format!("{}\n{}", &body[..20], &body[20..])) }),
        ("part_half_body_trailing_bits", BODY,
            "the unused bits of the last Base64 character of a part's sealed half are not zero", with! {
            inner: |index, text| line(index, &text, 3, trailing_bit) }),
        ("part_half_body_padded", BODY, "a part's sealed half has Base64 padding", with! {
            inner: |index, text| line(index, &text, 3, |body| format!("{body}=")) }),
        ("part_half_body_not_base64", BODY, "a part's sealed half contains a character that is not Base64", with! {
            inner: |index, text| line(index, &text, 3, |body| format!("*{}", &body[1..])) }),
        ("half_space", BODY, "an argument of a stanza within a share has two spaces before it", with! {
            inner: |index, text| line(index, &text, 2, |first| first.replace("x25519 ", "x25519  ")) }),
        ("half_crlf", BODY, "the lines within a share end in CR LF", with! {
            inner: |index, text| if index == 1 { text.replace('\n', "\r\n") } else { text } }),
        ("half_empty_line", "share of alice is not valid: it contains more",
            "an empty line follows the last half of a share", with! {
            inner: |index, text| if index == 1 { text + "\n" } else { text } }),
        ("half_grease", "share of alice is not valid: it contains more", "a share contains a grease stanza", with! {
            halves: |entry, inner| if first(entry) { inner.push(grease()); } }),
        ("half_no_line_end", BODY, "no line end follows the last half of a share", with! {
            inner: |index, text| if index == 1 { text.trim_end().to_owned() } else { text } }),
    }
}

/// Vaults with a fault in the body of a stanza of the header.
pub(super) fn header_bodies() -> Vec<Entry> {
    const DAMAGED: &str = "header of this age file is damaged";
    /// Returns the position in the header at which the manifest's last line ends.
    fn manifest_end(header: &str) -> usize {
        header.find("\n-> breakglass/share 1").unwrap()
    }
    /// Returns the position in the header at which the last line of the first share ends.
    fn share_end(header: &str) -> usize {
        header.find("\n-> breakglass/share 2").unwrap()
    }
    /// Edits the header's line that ends at the position `end`.
    fn at(header: &str, end: usize, edit: fn(&str) -> String) -> String {
        let start = header[..end].rfind('\n').unwrap() + 1;
        format!("{}{}{}", &header[..start], edit(&header[start..end]), &header[end..])
    }
    /// Makes the label longer until the manifest's last Base64 character has unused bits.
    fn uneven(manifest: &mut Value) {
        // The manifest does not yet contain the two commitments, so their length is added here.
        let length = |manifest: &Value| forge::jcs(manifest).len() + 2 * r#""commitment":"","#.len() + 128;
        while length(manifest) % 3 != 1 || (length(manifest) * 4).div_ceil(3) % 64 < 4 {
            manifest["label"] = (manifest["label"].as_str().unwrap().to_owned() + "l").into();
        }
    }
    fails! { "parse":
        ("manifest_body_trailing_bits", DAMAGED,
            "the unused bits of the manifest's last Base64 character are not zero", with! {
            manifest: uneven, header: |h| at(&h, manifest_end(&h), trailing_bit) }),
        ("manifest_body_padded", DAMAGED, "the manifest's Base64 text has padding", with! {
            manifest: uneven, header: |h| at(&h, manifest_end(&h), |line| format!("{line}==")) }),
        ("manifest_body_not_base64", DAMAGED,
            "the manifest's Base64 text contains a character that is not Base64", with! {
            header: |h| h.replacen("\neyJ", "\ne*J", 1) }),
        ("manifest_body_url_alphabet", DAMAGED, "the manifest is encoded with the alphabet of base64url", with! {
            // A question mark as the third byte of a Base64 group ends the group with a slash. Of three consecutive
            // question marks, one is a third byte.
            manifest: |m| m["label"] = "?????".into(),
            header: |h| { let end = manifest_end(&h); assert!(h[40..end].contains('/'));
                format!("{}{}{}", &h[..50], h[50..end].replace('/', "_"), &h[end..]) } }),
        ("manifest_body_long_line", DAMAGED,
            "a line of the manifest's Base64 text has 128 columns instead of 64", with! {
            header: |h| { let at = h.find("\neyJ").unwrap() + 65; format!("{}{}", &h[..at], &h[at + 1..]) } }),
        ("manifest_body_empty_line", DAMAGED, "the manifest's Base64 text contains an empty line", with! {
            header: |h| { let at = h.find("\neyJ").unwrap() + 65; format!("{}\n{}", &h[..at], &h[at..]) } }),
        // A share for a challenge-response token has a length that is not a multiple of three, so its Base64 text can
        // have padding.
        ("share_body_padded", DAMAGED, "the Base64 text of a share has padding", with! {
            people: challenge, header: |h| at(&h, share_end(&h), |line| format!("{line}=")) }),
        ("share_body_trailing_bits", DAMAGED,
            "the unused bits of the last Base64 character of a share are not zero", with! {
            people: challenge, header: |h| at(&h, share_end(&h), trailing_bit) }),
    }
}

/// Vaults with a fault in a line of the header that does not belong to a stanza's body.
pub(super) fn header_lines() -> Vec<Entry> {
    const DAMAGED: &str = "header of this age file is damaged";
    const LAST: &str = "last line of its header is not in canonical form";
    fn bare(tag: &str, args: &[&str]) -> Stanza {
        Stanza { tag: tag.into(), args: args.iter().map(|arg| (*arg).into()).collect(), body: Vec::new() }
    }
    fails! { "parse":
        ("version_line_space", "not an age v1 file", "the first line of the header ends in a space", with! {
            header: |h| h.replacen("org/v1\n", "org/v1 \n", 1) }),
        ("stanza_no_space", DAMAGED, "a stanza has no space between `->` and its type", with! {
            header: |h| h.replacen("-> breakglass/share 2", "->breakglass/share 2", 1) }),
        ("share_no_index", "out of order",
            "the stanza of a share has no index", with! { stanzas: |s| s[1].args.clear() }),
        ("share_type", "out of order",
            "the type of a share's stanza is `breakglass/Share`, with a capital letter",
            with! { stanzas: |s| s[1].tag = "breakglass/Share".into() }),
        ("manifest_type", "not a breakglass vault",
            "the type of the manifest's stanza is `breakglass/Manifest`, with a capital letter", with! {
            stanzas: |s| s[0].tag = "breakglass/Manifest".into() }),
        ("manifest_no_argument", "does not know the format",
            "the stanza of the manifest has no version", with! { stanzas: |s| s[0].args.clear() }),
        ("stanza_unknown", "exactly one share per custodian",
            "the header's last stanza has a type that contains `-grease` but does not end in it", with! {
            stanzas: |s| s.push(bare("x-grease-x", &[])) }),
        ("grease_no_dash", "exactly one share per custodian",
            "the header's last stanza has the type `grease`, without a dash", with! {
            stanzas: |s| s.push(bare("grease", &[])) }),
        ("grease_capitals", "exactly one share per custodian",
            "the type of the header's last stanza ends in `-GREASE`, in capital letters", with! {
            stanzas: |s| s.push(bare("x-GREASE", &[])) }),
        ("grease_argument_empty", DAMAGED, "a grease stanza has an empty argument", with! {
            stanzas: |s| s.push(bare("x-grease", &["a", "", "b"])) }),
        ("grease_argument_not_ascii", DAMAGED, "an argument of a grease stanza is not ASCII", with! {
            stanzas: |s| s.push(bare("x-grease", &["é"])) }),
        ("mac_no_space", "its header does not end within", "the MAC has no space before it", with! {
            file: |f| { let at = position(f, b"\n--- ") + 4; f.remove(at); } }),
        ("mac_two_spaces", LAST, "the MAC has two spaces before it", with! { mac: |mac| format!(" {mac}") }),
        ("mac_url_alphabet", DAMAGED,
            "the MAC contains a character of base64url that Base64 does not have", with! { mac: |mac| format!("-{}", &mac[1..]) }),
        ("mac_crlf", LAST, "the last line of the header ends in CR LF", with! { mac: |mac| format!("{mac}\r") }),
    }
}
