//! Vaults with a fault in the header.

use super::*;

pub(super) fn header() -> Vec<Entry> {
    fails! { "parse":
        ("age_version", "not an age v1 file", "the first line is `age-encryption.org/v2`", with! {
            header: |h| h.replace("org/v1", "org/v2") }),
        ("ordinary_age_file", "not a breakglass vault",
            "the file is an ordinary age file with one X25519 recipient", with! {
            stanzas: |s| *s = vec![Stanza { tag: "X25519".into(),
                args: vec![BASE64_STANDARD_NO_PAD.encode([9; 32])], body: vec![0; 32] }] }),
        ("manifest_version", "does not know the format", "the stanza of the manifest has the version `v2`", with! {
            stanzas: |s| s[0].args = vec!["v2".into()] }),
        ("manifest_argument", "does not know the format",
            "the stanza of the manifest has an argument after `v1`", with! {
            stanzas: |s| s[0].args.push("v1".into()) }),
        ("manifest_second", "not a breakglass vault", "the manifest is not the first stanza", with! {
            stanzas: |s| s.swap(0, 1) }),
        ("manifest_twice", "out of order", "the header contains the manifest twice", with! {
            stanzas: |s| { let twice = copy(&s[0]); s.insert(1, twice); s.pop(); } }),
        ("share_missing", "exactly one share per custodian", "the last share is missing", with! {
            stanzas: |s| drop(s.pop()) }),
        ("share_missing_grease", "out of order", "a grease stanza is in the place of the last share", with! {
            stanzas: |s| { s.pop(); s.push(grease()); } }),
        ("share_twice", "out of order",
            "the header contains the first share twice and does not contain the second share", with! {
            stanzas: |s| s[2] = copy(&s[1]) }),
        ("share_additional", "exactly one share per custodian",
            "the header has three shares for two custodians", with! {
            stanzas: |s| { let mut more = copy(&s[2]); more.args = vec!["3".into()]; s.push(more); } }),
        ("shares_swapped", "out of order", "share 2 is before share 1", with! { stanzas: |s| s.swap(1, 2) }),
        ("share_index_zero", "out of order", "the shares are numbered from 0 instead of 1", with! {
            stanzas: |s| { s[1].args = vec!["0".into()]; s[2].args = vec!["1".into()]; } }),
        ("share_index_leading_zero", "out of order", "the index of a share has a leading zero: `01`", with! {
            stanzas: |s| s[1].args = vec!["01".into()] }),
        ("share_argument", "out of order", "the stanza of a share has an argument after the index", with! {
            stanzas: |s| s[1].args.push("1".into()) }),
        ("recipient_additional", "exactly one share per custodian",
            "the header has an additional X25519 stanza, whose recipient could open the file without a quorum", with! {
            stanzas: |s| s.push(Stanza { tag: "X25519".into(),
                args: vec![BASE64_STANDARD_NO_PAD.encode([9; 32])], body: vec![0; 32] }) }),
        ("grease_twice", "exactly one share per custodian", "the header has two grease stanzas", with! {
            stanzas: |s| s.extend([grease(), grease()]) }),
        ("grease_first", "not a breakglass vault", "a grease stanza is before the manifest", with! {
            stanzas: |s| s.insert(0, grease()) }),
        ("grease_between", "exactly one share per custodian", "a grease stanza is between the shares", with! {
            stanzas: |s| s.insert(2, grease()) }),
        ("body_without_short_line", "not in canonical form",
            "the last line of a stanza's body is full, but the required empty line after the body is missing", with! {
            stanzas: |s| s.push(Stanza { tag: "x-grease".into(), args: vec![], body: vec![7; 48] }),
            header: |h| h.replace("\n\n", "\n") }),
        ("body_line_wrapped_early", "header of this age file is damaged",
            "a line in the body of a stanza has 63 columns instead of 64", with! {
            header: |h| { let at = h.find("v1\n-> breakglass").unwrap() + 31; format!("{}\n{}", &h[..at], &h[at..]) } }),
        ("grease_body_trailing_bits", "header of this age file is damaged",
            "the unused bits of the last Base64 character of a grease stanza's body are not zero", with! {
            stanzas: |s| s.push(Stanza { tag: "x-grease".into(), args: vec![], body: vec![0; 1] }),
            header: |h| h.replace("\nAA\n", "\nAB\n") }),
        ("grease_body_one_character", "header of this age file is damaged",
            "the body of a grease stanza is one Base64 character, which encodes no byte", with! {
            stanzas: |s| s.push(Stanza { tag: "x-grease".into(), args: vec![], body: vec![0; 1] }),
            header: |h| h.replace("\nAA\n", "\nA\n") }),
        ("grease_body_padded", "header of this age file is damaged",
            "the body of a grease stanza has Base64 padding", with! {
            stanzas: |s| s.push(Stanza { tag: "x-grease".into(), args: vec![], body: vec![0; 1] }),
            header: |h| h.replace("\nAA\n", "\nAA==\n") }),
        ("grease_body_url_alphabet", "header of this age file is damaged",
            "the body of a grease stanza contains a character of base64url that Base64 does not have", with! {
            stanzas: |s| s.push(Stanza { tag: "x-grease".into(), args: vec![], body: vec![0xff; 3] }),
            header: |h| h.replace("\n////\n", "\n____\n") }),
        ("header_crlf", "not an age v1 file", "the lines of the header end in CR LF", with! {
            header: |h| h.replace('\n', "\r\n") }),
        ("stanza_space", "header of this age file is damaged",
            "a stanza has two spaces between its type and its index", with! {
            header: |h| h.replace("share 2", "share  2") }),
        ("stanza_trailing_space", "header of this age file is damaged",
            "the first line of a stanza ends in a space", with! {
            header: |h| h.replace("share 2\n", "share 2 \n") }),
        ("mac_trailing_bits", "header of this age file is damaged",
            "the unused bits of the MAC's last Base64 character are not zero", with! {
            mac: |mac| { let last = mac.as_bytes()[42]; format!("{}{}", &mac[..42], char::from(last + 1)) } }),
        ("mac_short", "last line of its header is not in canonical form",
            "the MAC has 31 bytes instead of 32", with! {
            mac: |mac| { let bytes = BASE64_STANDARD_NO_PAD.decode(mac).unwrap();
                BASE64_STANDARD_NO_PAD.encode(&bytes[..31]) } }),
        ("mac_padded", "last line of its header is not in canonical form",
            "the MAC has Base64 padding", with! { mac: |mac| format!("{mac}=") }),
    }
}
