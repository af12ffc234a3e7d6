//! Reads JSON that people write. An error names the field and the expected form. An error never repeats a value,
//! because a value can be a secret.

use serde::Deserialize;
use serde_path_to_error::{Path, Segment};

/// Reads one value. Fails if the text does not end after the value.
///
/// # Errors
/// An error names the field, the problem and the place, such as `alerts[0].timeout: expected a duration like 45m
/// (line 3 column 20)`.
pub fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| explained(named(error.path()), error.inner()))?;
    deserializer.end().map_err(|error| explained(Vec::new(), &error))?;
    Ok(value)
}

fn explained(mut path: Vec<String>, error: &serde_json::Error) -> String {
    let place = format!("(line {} column {})", error.line(), error.column());
    if !error.is_data() {
        return format!("not JSON {place}");
    }
    let text = error.to_string();
    let quoted = text.split('`').nth(1).filter(|name| is_field(name));
    let what = match (text.split_once(" field").map(|(kind, _)| kind), quoted) {
        (Some("unknown"), name) => {
            // The last element of the path is the unknown field itself.
            if let Some(name) = name {
                path.pop_if(|last| last == name);
            }
            name.map_or("unknown field".into(), |name| format!("unknown field `{name}`"))
        }
        (Some(kind @ ("missing" | "duplicate")), Some(name)) => format!("{kind} field `{name}`"),
        (Some(kind @ ("missing" | "duplicate")), None) => format!("{kind} field"),
        _ => expected(&text)
            .map_or("a value that does not belong there".into(), |what| format!("expected {what}")),
    };
    let path = path.join(".").replace(".[", "[");
    if path.is_empty() { format!("{what} {place}") } else { format!("{path}: {what} {place}") }
}

/// Returns the part of serde's message that describes the expected form. serde takes this part from the program's
/// types, not from the text that was read, so the part contains no secret.
fn expected(text: &str) -> Option<&str> {
    let is_serde = ["invalid type", "invalid value", "invalid length", "unknown variant"];
    let (_, expected) =
        text.rsplit_once(", expected ").filter(|_| is_serde.iter().any(|kind| text.starts_with(kind)))?;
    Some(expected.split(" at line ").next().unwrap_or(expected))
}

/// Returns the path, up to the first name that does not look like a field name. That name and the rest of the path are
/// left out, because the name could be a misplaced secret.
fn named(path: &Path) -> Vec<String> {
    let segment = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(format!("[{index}]")),
        Segment::Map { key } => Some(key.clone()).filter(|key| is_field(key)),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    path.iter().map_while(segment).collect()
}

fn is_field(name: &str) -> bool {
    name.len() <= 24 && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(rename = "inner")]
        _inner: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[serde(rename = "port")]
        _port: u16,
        #[serde(rename = "kind")]
        _kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Slack,
        Smtp,
    }

    fn wrong(json: &str) -> String {
        let error = read::<Outer>(json.as_bytes()).expect_err("the JSON should be refused");
        error.rsplit_once(" (line ").expect("the error should end with a place").0.to_owned()
    }

    #[test]
    fn an_error_names_the_field_and_the_expected_value() {
        for (json, what) in [
            (r#"{"inner": [{"port": 1}, {"port": "25"}]}"#, "inner[1].port: expected u16"),
            (r#"{"inner": [{"port": 1, "kind": "pigeon"}]}"#, "inner[0].kind: expected `slack` or `smtp`"),
            (r#"{"inner": [{}]}"#, "inner[0]: missing field `port`"),
            (r#"{"inner": [{"prot": 1}]}"#, "inner[0]: unknown field `prot`"),
            (r#"{"inner": [], "more": 1}"#, "unknown field `more`"),
            (r#"{"inner": [], "inner": []}"#, "duplicate field `inner`"),
            (r#"{"inner": "#, "not JSON"),
            (r#"{"inner": []} x"#, "not JSON"),
        ] {
            assert_eq!(wrong(json), what, "{json}");
        }
    }

    #[test]
    fn a_secret_in_the_wrong_place_is_not_repeated() {
        for json in [
            r#"{"inner": [{"port": "S3cret-value"}]}"#,
            r#"{"inner": [{"port": "x, expected S3cret-value"}]}"#,
            r#"{"inner": [{"port": 1, "kind": "S3cret-value"}]}"#,
            r#"{"S3cret-value": 1}"#,
            r#"{"inner": {"S3cret-value": 1}}"#,
        ] {
            assert!(!wrong(json).contains("S3cret"), "{json}");
        }
    }
}
