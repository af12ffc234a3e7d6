//! Quotes words for a POSIX shell.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

/// Quotes a word for a shell. Returns the word unchanged if no shell treats any of its characters specially.
pub(crate) fn word(text: &OsStr) -> OsString {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+=@%:,".contains(byte);
    if !text.is_empty() && text.as_bytes().iter().all(is_plain) {
        return text.to_owned();
    }
    let mut quoted = vec![b'\''];
    for byte in text.as_bytes() {
        match byte {
            b'\'' => quoted.extend_from_slice(br"'\''"),
            other => quoted.push(*other),
        }
    }
    quoted.push(b'\'');
    OsString::from_vec(quoted)
}

/// Returns a path as a shell argument. Quotes the path if needed. If the path starts with `-`, puts `./` before it,
/// so that no command takes the path for an option.
pub(crate) fn path(path: &Path) -> String {
    let text = path.as_os_str();
    let is_option = text.as_bytes().starts_with(b"-");
    let argument = if is_option { Path::new(".").join(path).into_os_string() } else { text.to_owned() };
    word(&argument).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted_and_cannot_be_taken_for_an_option() {
        assert_eq!(path(Path::new("/vaults/prod.age")), "/vaults/prod.age");
        assert_eq!(path(Path::new("-x.age")), "./-x.age");
        assert_eq!(path(Path::new("- x.age")), "'./- x.age'");
        assert_eq!(path(Path::new("it's")), r"'it'\''s'");
        assert_eq!(path(Path::new("")), "''");
    }
}
