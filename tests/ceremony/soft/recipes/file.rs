//! Vaults with a wrong file length or wrong armor.

use super::*;

pub(super) fn file() -> Vec<Entry> {
    fails! { "parse":
        ("empty", "not an age v1 file", "the file is empty", with! { file: |f| f.clear() }),
        ("header_only", "cut short",
            "the file has a header but no payload", with! { file: |f| { let end = position(f, b"\n--- ") + 49; f.truncate(end); } }),
        ("cut_by_one", "cut short", "the last byte of the file is missing", with! { file: |f| { f.pop(); } }),
        ("one_more", "something was appended", "a byte follows the payload", with! { file: |f| f.push(b'\n') }),
        ("block_missing", "cut short", "the payload has no block of plaintext", with! { plain: |p| p.clear() }),
        ("payload_half_a_block", "cut short",
            "the plaintext of the payload is not a whole number of blocks", with! { plain: |p| p.truncate(2048) }),
        ("empty_last_chunk", "cut short, or something was appended",
            "the last STREAM chunk of the payload is empty", with! {
            sealed: |s| filler(s, 65536), file: |f| f.extend([0; 16]) }),
    }
}

pub(super) fn armor() -> Vec<Entry> {
    type Edit = fn(String) -> String;
    let edits: [(&str, &str, &str, Edit); 11] = [
        (
            "armor_space_before",
            "not an age v1 file",
            "the armor has a line end before its first line",
            |text| format!("\n{text}"),
        ),
        ("armor_after", "armor", "an empty line follows the armor", |text| text + "\n"),
        ("armor_garbage_after", "armor", "text follows the armor", |text| text + "x\n"),
        ("armor_no_line_end", "armor", "no line end follows the last line of the armor", |text| {
            text.trim_end().to_owned()
        }),
        ("armor_crlf", "armor", "the lines of the armor end in CR LF", |text| text.replace('\n', "\r\n")),
        ("armor_long_line", "armor", "a line of the armor has 128 columns instead of 64", |text| {
            text.replacen('\n', "\r", 1).replacen('\n', "", 1).replace('\r', "\n")
        }),
        ("armor_end_missing", "armor", "the last line of the armor is missing", |text| {
            text.replace("-----END AGE ENCRYPTED FILE-----\n", "")
        }),
        ("armor_end_other", "armor", "the last line of the armor has two spaces after `END`", |text| {
            text.replace("-----END AGE", "-----END  AGE")
        }),
        ("armor_empty_line", "armor", "an empty line follows the first line of the armor", |text| {
            text.replacen('\n', "\n\n", 1)
        }),
        ("armor_not_base64", "armor", "the armor contains a character that is not Base64", |text| {
            text.replacen("\nYWdl", "\nYW*l", 1)
        }),
        ("armor_url_alphabet", "armor", "the armor is encoded with the alphabet of base64url", |text| {
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
