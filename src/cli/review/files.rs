//! The files of a review. Without `--html` and `--json`, the files of a session are numbered: each review gets the next
//! number, so that no earlier review is overwritten.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::output;
use crate::error::{Error, Result};
use crate::gate::SessionId;
use crate::review::{self, Packet};
use crate::terminal::print;

/// The files of a review.
pub struct ReviewFiles {
    /// The path of the HTML page.
    html: Option<PathBuf>,
    /// The path of the packet (the review as JSON); `-` is standard output.
    json: Option<PathBuf>,
    /// The packets of earlier reviews of the session in this directory, in the order of their numbers. The list is
    /// empty if the reviewer named the files.
    earlier: Vec<PathBuf>,
    /// Whether the reviewer named the files with `--html` or `--json`.
    is_named: bool,
}

impl ReviewFiles {
    /// Chooses the files. `html` and `json` are the options of the command.
    ///
    /// # Errors
    /// The error has the status `Usage` if `sign` is true and the session has no review file yet.
    pub fn choose(
        session: SessionId,
        html: Option<PathBuf>,
        json: Option<PathBuf>,
        sign: bool,
    ) -> Result<Self> {
        let files = match (html, json) {
            (None, None) => Self::numbered(session, &names(Path::new("."))),
            (html, json) => Self { html, json, earlier: Vec::new(), is_named: true },
        };
        if sign {
            files.to_sign()?;
        }
        Ok(files)
    }

    /// Returns the paths for the next review. The next number is one more than the greatest number of a review file in
    /// `names`.
    fn numbered(session: SessionId, names: &[String]) -> Self {
        let start = format!("review-{session}.");
        let number = |name: &str, end: &str| -> Option<u32> {
            let digits = name.strip_prefix(&start)?.strip_suffix(end)?;
            let is_plain = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|_| is_plain)
        };
        let mut packets: Vec<_> = names.iter().filter_map(|name| number(name, ".json")).collect();
        packets.sort_unstable();
        let pages = names.iter().filter_map(|name| number(name, ".html"));
        let next = packets.iter().copied().chain(pages).max().unwrap_or(0).saturating_add(1);
        let path = |number: u32, end: &str| PathBuf::from(format!("{start}{number}.{end}"));
        Self {
            html: Some(path(next, "html")),
            json: Some(path(next, "json")),
            earlier: packets.into_iter().map(|number| path(number, "json")).collect(),
            is_named: false,
        }
    }

    /// Returns the path of the packet, which is the file that a custodian signs.
    ///
    /// # Errors
    /// The error has the status `Usage` if the packet is not written to a file.
    pub fn to_sign(&self) -> Result<&Path> {
        let file = self.json.as_deref().filter(|path| *path != "-");
        file.ok_or_else(|| {
            Error::usage("only a file can be signed").next("pass the name of a file to the option --json")
        })
    }

    /// Returns the existing packet to sign: the packet that the reviewer named, or the packet with the greatest number.
    /// Returns `None` if there is no such packet.
    pub fn existing(&self) -> Option<&Path> {
        if self.is_named {
            self.json.as_deref().filter(|path| path.symlink_metadata().is_ok())
        } else {
            self.earlier.last().map(PathBuf::as_path)
        }
    }

    /// Refuses paths that cannot be written, before a ledger is read or AWS is called.
    ///
    /// # Errors
    /// The error has the status `Usage`.
    pub fn check(&self) -> Result<()> {
        let is_stdout = |path: &Option<PathBuf>| path.as_deref() == Some(Path::new("-"));
        if is_stdout(&self.html) || self.html.is_some() && self.html == self.json {
            return Err(Error::usage(
                "the page cannot be written to standard output or to the packet's file",
            )
            .next("name another file with --html"));
        }
        let mut files = [&self.html, &self.json].into_iter().flatten().filter(|path| path.as_os_str() != "-");
        files.try_for_each(|path| output::must_be_new(path))
    }

    /// Writes the packet and the page, and prints the summary.
    ///
    /// # Errors
    /// Fails if a file exists or cannot be written.
    pub fn write(&self, packet: &Packet) -> Result<()> {
        let json = packet.json();
        let is_stdout = self.json.as_deref() == Some(Path::new("-"));
        if is_stdout {
            print::exact(&json)?;
        } else if let Some(path) = &self.json {
            output::create(path, json.as_bytes())?;
        }
        let name = self.json.as_deref().filter(|_| !is_stdout).and_then(Path::file_name);
        let name = name.map_or("not written".into(), |name| name.to_string_lossy());
        if let Some(path) = &self.html {
            output::create(path, review::page(packet, (&name, json.as_bytes())).as_bytes())?;
        }
        if is_stdout { Ok(()) } else { print::result(&self.summary(packet)) }
    }

    fn summary(&self, packet: &Packet) -> String {
        let files = [("page", &self.html), ("packet", &self.json)];
        let line = |name: &str, path: &Path| format!("  {name:<11}{}\n", path.display());
        let new = files.into_iter().filter_map(|(name, path)| Some(line(name, path.as_deref()?)));
        let earlier = self.earlier.iter().map(|path| line("earlier", path));
        review::summary(packet) + &new.chain(earlier).collect::<String>()
    }
}

/// Returns the names of the files in a directory. If the directory cannot be read, returns no names. The program
/// creates only new files, so no review is overwritten.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(names: &[&str]) -> (String, Vec<PathBuf>) {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let files = ReviewFiles::numbered(SessionId::from_bytes([7; 8]), &names);
        (files.json.expect("a packet").display().to_string(), files.earlier)
    }

    #[test]
    fn each_review_gets_the_next_number() {
        let name = |number: &str| format!("review-0707070707070707.{number}");
        assert_eq!(numbered(&[]).0, name("1.json"));
        let all = ["2.json", "10.json", "1.json"].map(name);
        let (next, earlier) = numbered(&all.each_ref().map(String::as_str));
        assert_eq!(next, name("11.json"));
        assert_eq!(earlier, ["1.json", "2.json", "10.json"].map(|end| PathBuf::from(name(end))));
        assert_eq!(
            numbered(&[&name("3.html")]).0,
            name("4.json"),
            "a page without its packet also has a number"
        );
        for other in ["", "0.json", "01.json", "x.json", "+1.json", "1.json.bak", "99999999999.json"] {
            assert_eq!(numbered(&[&name(other)]).0, name("1.json"), "{other}");
        }
        assert_eq!(numbered(&["review-0808080808080808.5.json"]).0, name("1.json"));
    }
}
