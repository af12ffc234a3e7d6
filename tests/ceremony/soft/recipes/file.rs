//! Errors in the length of the file, and in armor.

use super::*;

pub(super) fn file() -> Vec<Entry> {
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

pub(super) fn armor() -> Vec<Entry> {
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
        .map(|(name, message, comment, edit)| {
            damaged("parse", name, message, comment, with! { armor: Some(edit) })
        })
        .collect()
}
