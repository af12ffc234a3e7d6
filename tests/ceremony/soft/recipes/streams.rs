//! Vaults with a fault in the payload's STREAM encryption (C2SP age.md, "Payload") or in the armor.

use super::*;

fn chunks(plain: &[u8]) -> Vec<&[u8]> {
    plain.chunks(65536).collect()
}

pub(super) fn streams() -> Vec<Entry> {
    const OPENS_NOT: &str = "payload does not decrypt";
    fails! { "open":
        ("stream_last_unmarked", OPENS_NOT, "the last STREAM chunk is not marked as the last", with! {
            stream: |key, plain| forge::stream_of(key, &[(plain, 0, false)]) }),
        ("stream_from_one", OPENS_NOT, "the STREAM chunks are numbered from 1 instead of 0", with! {
            stream: |key, plain| forge::stream_of(key, &[(plain, 1, true)]) }),
        ("stream_first_marked", OPENS_NOT, "the first of two STREAM chunks is marked as the last", with! {
            sealed: |s| filler(s, 65537),
            stream: |key, plain| { let all = chunks(plain);
                forge::stream_of(key, &[(all[0], 0, true), (all[1], 1, true)]) } }),
        ("stream_cut_at_a_chunk", OPENS_NOT, "the second of two STREAM chunks is missing", with! {
            sealed: |s| filler(s, 65537), file: |f| f.truncate(f.len() - 4096 - 16) }),
        ("stream_chunks_swapped", OPENS_NOT, "two full STREAM chunks are in the wrong order", with! {
            sealed: |s| filler(s, 131_072), file: |f| {
                let at = f.len() - 2 * 65552;
                f[at..].rotate_left(65552);
            } }),
    }
}

/// Vaults with a wrong payload length. A reader checks the length when it parses the file.
pub(super) fn lengths() -> Vec<Entry> {
    const LENGTH: &str = "cut short, or something was appended";
    fails! { "parse":
        ("payload_small_chunks", LENGTH, "one block of plaintext is split into two STREAM chunks", with! {
            stream: |key, plain| forge::stream_of(key, &[(&plain[..2048], 0, false), (&plain[2048..], 1, true)]) }),
        ("payload_nonce_only", LENGTH,
            "the payload is a nonce without a STREAM chunk", with! { file: |f| { let end = f.len() - 4096 - 16; f.truncate(end); } }),
        ("payload_nonce_short", LENGTH,
            "the payload is a nonce of 15 bytes without a STREAM chunk", with! { file: |f| { let end = f.len() - 4096 - 17; f.truncate(end); } }),
        ("payload_block_and_one", LENGTH,
            "the plaintext of the payload is one block and one byte", with! { plain: |p| p.push(b' ') }),
        ("payload_tag_missing", LENGTH,
            "the authentication tag of the last STREAM chunk is missing", with! { file: |f| { let end = f.len() - 16; f.truncate(end); } }),
    }
}

/// Adds a grease stanza to the header, so that the length of the file modulo 48 is `modulo`.
fn to_length(header: &str, modulo: usize) -> String {
    // The line of the MAC, the nonce, one block and the tag of the block come after the header's stanzas.
    let after = 48 + 16 + 4096 + 16;
    let grease = |more: usize| format!("-> {}-grease\n\n", "x".repeat(more));
    let grease = (0..48).map(grease).find(|grease| (header.len() + grease.len() + after) % 48 == modulo);
    header.to_owned() + &grease.unwrap()
}

fn last_line(text: &str, edit: fn(&str) -> String) -> String {
    let body = text.strip_suffix("\n-----END AGE ENCRYPTED FILE-----\n").unwrap();
    let at = body.rfind('\n').unwrap() + 1;
    format!("{}{}\n-----END AGE ENCRYPTED FILE-----\n", &body[..at], edit(&body[at..]))
}

fn trailing_bit(line: &str) -> String {
    crate::soft::points::base64_trailing_bit(&line.into()).as_str().unwrap().to_owned()
}

pub(super) fn armored() -> Vec<Entry> {
    const ARMOR: &str = "armor";
    let mut all = vec![
        success(
            "armor_whole_lines",
            "the last Base64 line of the armor has 64 columns",
            with! {
            header: |h| to_length(&h, 0), armor: Some(|text| last_line(&text, |line| { assert_eq!(line.len(), 64); line.to_owned() })) },
        ),
        success(
            "armor_one_byte",
            "the last Base64 line of the armor ends in two characters followed by `==`",
            with! {
            header: |h| to_length(&h, 1), armor: Some(|text| last_line(&text, |line| { assert_eq!(&line[2..], "=="); line.to_owned() })) },
        ),
        success(
            "armor_two_bytes",
            "the last Base64 line of the armor ends in three characters followed by `=`",
            with! {
            header: |h| to_length(&h, 2), armor: Some(|text| last_line(&text, |line| { assert_eq!(&line[3..], "="); line.to_owned() })) },
        ),
    ];
    all.extend(fails! { "parse":
        ("armor_unpadded", ARMOR, "the armor has no Base64 padding", with! {
            header: |h| to_length(&h, 1), armor: Some(|text| last_line(&text, |line| line.trim_end_matches('=').to_owned())) }),
        ("armor_trailing_bits", ARMOR,
            "the unused bits of the last Base64 character of the armor are not zero", with! {
            header: |h| to_length(&h, 1), armor: Some(|text| last_line(&text, trailing_bit)) }),
        ("armor_padding_too_much", ARMOR, "the armor has Base64 padding although its length needs none", with! {
            header: |h| to_length(&h, 24), armor: Some(|text| last_line(&text, |line| format!("{line}===="))) }),
        ("armor_padding_within", ARMOR, "the first Base64 line of the armor has padding", with! {
            armor: Some(|text| { let at = text.find("\nYWdl").unwrap() + 65; format!("{}=={}", &text[..at - 2], &text[at..]) }) }),
        ("armor_short_line", ARMOR, "the first Base64 line of the armor has 60 columns instead of 64", with! {
            armor: Some(|text| { let at = text.find("\nYWdl").unwrap() + 61; format!("{}\n{}", &text[..at], &text[at..]) }) }),
        ("armor_long_last_line", ARMOR, "the last Base64 line of the armor has 68 columns, more than 64", with! {
            header: |h| to_length(&h, 3), armor: Some(|text| {
                let at = text.rfind("\n-----END").and_then(|end| text[..end].rfind('\n')).unwrap();
                format!("{}{}", &text[..at], &text[at + 1..])
            }) }),
        ("armor_empty_last_line", ARMOR, "an empty line is before the last line of the armor", with! {
            armor: Some(|text| last_line(&text, |line| format!("{line}\n"))) }),
        ("armor_space", ARMOR, "a line of the armor ends in a space", with! {
            armor: Some(|text| last_line(&text, |line| format!("{line} "))) }),
        ("armor_begin_space", ARMOR, "the first line of the armor ends in a space", with! {
            armor: Some(|text| text.replacen("FILE-----\n", "FILE----- \n", 1)) }),
        ("armor_header_line", ARMOR, "the line `Version: 1` follows the first line of the armor", with! {
            armor: Some(|text| text.replacen("FILE-----\n", "FILE-----\nVersion: 1\n", 1)) }),
        ("armor_empty", ARMOR, "the armor contains no data", with! {
            armor: Some(|_| "-----BEGIN AGE ENCRYPTED FILE-----\n-----END AGE ENCRYPTED FILE-----\n".to_owned()) }),
    });
    all
}
