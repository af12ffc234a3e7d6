//! Errors in the STREAM of the payload (C2SP age.md, "Payload").

use super::*;

fn chunks(plain: &[u8]) -> Vec<&[u8]> {
    plain.chunks(65536).collect()
}

pub(super) fn streams() -> Vec<Entry> {
    const OPENS_NOT: &str = "payload does not decrypt";
    fails! { "open":
        ("stream_last_unmarked", OPENS_NOT, "the last chunk is not marked as the last", with! {
            stream: |key, plain| forge::stream_of(key, &[(plain, 0, false)]) }),
        ("stream_from_one", OPENS_NOT, "the chunks are numbered from 1", with! {
            stream: |key, plain| forge::stream_of(key, &[(plain, 1, true)]) }),
        ("stream_first_marked", OPENS_NOT, "the first of two chunks is marked as the last", with! {
            sealed: |s| filler(s, 65537),
            stream: |key, plain| { let all = chunks(plain);
                forge::stream_of(key, &[(all[0], 0, true), (all[1], 1, true)]) } }),
        ("stream_cut_at_a_chunk", OPENS_NOT, "the second of two chunks is missing", with! {
            sealed: |s| filler(s, 65537), file: |f| f.truncate(f.len() - 4096 - 16) }),
        ("stream_chunks_swapped", OPENS_NOT, "two full chunks in each other's place", with! {
            sealed: |s| filler(s, 131_072), file: |f| {
                let at = f.len() - 2 * 65552;
                f[at..].rotate_left(65552);
            } }),
    }
}

/// The length of the payload, which a reader checks first.
pub(super) fn lengths() -> Vec<Entry> {
    const LENGTH: &str = "cut short, or something was appended";
    fails! { "parse":
        ("payload_small_chunks", LENGTH, "a block in two chunks", with! {
            stream: |key, plain| forge::stream_of(key, &[(&plain[..2048], 0, false), (&plain[2048..], 1, true)]) }),
        ("payload_nonce_only", LENGTH, "a nonce and no chunk", with! { file: |f| { let end = f.len() - 4096 - 16; f.truncate(end); } }),
        ("payload_nonce_short", LENGTH, "a nonce of 15 bytes and no chunk", with! { file: |f| { let end = f.len() - 4096 - 17; f.truncate(end); } }),
        ("payload_block_and_one", LENGTH, "a block and a byte are sealed", with! { plain: |p| p.push(b' ') }),
        ("payload_tag_missing", LENGTH, "the last tag is missing", with! { file: |f| { let end = f.len() - 16; f.truncate(end); } }),
    }
}

/// A grease stanza after the header's stanzas, which makes the file's length this number modulo 48.
fn to_length(header: &str, modulo: usize) -> String {
    // The line of the MAC; a nonce, a block and a tag.
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
            "armor whose last line has 64 columns",
            with! {
            header: |h| to_length(&h, 0), armor: Some(|text| last_line(&text, |line| { assert_eq!(line.len(), 64); line.to_owned() })) },
        ),
        success(
            "armor_one_byte",
            "armor whose last line has two characters and ==",
            with! {
            header: |h| to_length(&h, 1), armor: Some(|text| last_line(&text, |line| { assert_eq!(&line[2..], "=="); line.to_owned() })) },
        ),
        success(
            "armor_two_bytes",
            "armor whose last line has three characters and =",
            with! {
            header: |h| to_length(&h, 2), armor: Some(|text| last_line(&text, |line| { assert_eq!(&line[3..], "="); line.to_owned() })) },
        ),
    ];
    all.extend(fails! { "parse":
        ("armor_unpadded", ARMOR, "armor without padding", with! {
            header: |h| to_length(&h, 1), armor: Some(|text| last_line(&text, |line| line.trim_end_matches('=').to_owned())) }),
        ("armor_trailing_bits", ARMOR, "a bit in armor that its last character does not need", with! {
            header: |h| to_length(&h, 1), armor: Some(|text| last_line(&text, trailing_bit)) }),
        ("armor_padding_too_much", ARMOR, "padding where none is needed", with! {
            header: |h| to_length(&h, 24), armor: Some(|text| last_line(&text, |line| format!("{line}===="))) }),
        ("armor_padding_within", ARMOR, "padding in the first line", with! {
            armor: Some(|text| { let at = text.find("\nYWdl").unwrap() + 65; format!("{}=={}", &text[..at - 2], &text[at..]) }) }),
        ("armor_short_line", ARMOR, "a first line of 60 columns", with! {
            armor: Some(|text| { let at = text.find("\nYWdl").unwrap() + 61; format!("{}\n{}", &text[..at], &text[at..]) }) }),
        ("armor_long_last_line", ARMOR, "a last line of 68 columns", with! {
            header: |h| to_length(&h, 3), armor: Some(|text| {
                let at = text.rfind("\n-----END").and_then(|end| text[..end].rfind('\n')).unwrap();
                format!("{}{}", &text[..at], &text[at + 1..])
            }) }),
        ("armor_empty_last_line", ARMOR, "an empty line before the last one", with! {
            armor: Some(|text| last_line(&text, |line| format!("{line}\n"))) }),
        ("armor_space", ARMOR, "a space at the end of a line", with! {
            armor: Some(|text| last_line(&text, |line| format!("{line} "))) }),
        ("armor_begin_space", ARMOR, "a space after the first line", with! {
            armor: Some(|text| text.replacen("FILE-----\n", "FILE----- \n", 1)) }),
        ("armor_header_line", ARMOR, "a line Version: 1 after the first", with! {
            armor: Some(|text| text.replacen("FILE-----\n", "FILE-----\nVersion: 1\n", 1)) }),
        ("armor_empty", ARMOR, "armor of nothing", with! {
            armor: Some(|_| "-----BEGIN AGE ENCRYPTED FILE-----\n-----END AGE ENCRYPTED FILE-----\n".to_owned()) }),
    });
    all
}
