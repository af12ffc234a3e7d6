//! Reads this machine's configuration file. The file can add alert channels, but cannot remove a channel that is
//! sealed in the vault.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::vault::json;
use crate::vault::payload::{Channel, check_alerts};

/// The maximum length of the configuration file, in bytes.
const MAX_BYTES: u64 = 256 * 1024;

/// The content of the configuration file. All fields are empty if there is no configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Alert channels that are notified in addition to the channels sealed in the vault.
    #[serde(default)]
    pub alerts: Vec<Channel>,
    /// The alert command: a program and its arguments. The alert command gets every alert on its standard input. The
    /// exit status of the alert command never counts as an acknowledgement.
    #[serde(default)]
    pub command: Vec<String>,
    /// Paths of the ledgers of other machines. The program reads these ledgers together with this machine's ledger.
    #[serde(default)]
    pub ledgers: Vec<PathBuf>,
    /// The AWS profile that the program names in the commands that it shows to the operator for closing access. The
    /// program itself does not use this profile.
    pub close_profile: Option<String>,
    /// The S3 bucket to which the program copies each new record of the ledger.
    pub ship: Option<Ship>,
}

/// An S3 bucket with Object Lock, and the AWS profile that is allowed to write to the bucket.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ship {
    pub bucket: String,
    pub region: String,
    /// The prefix of all object keys in the bucket.
    #[serde(default)]
    pub prefix: String,
    /// The name of a profile in the shared AWS configuration. The profile's credentials are used only to copy the
    /// ledger.
    pub profile: String,
    /// The retention period of each object, in days.
    pub retain_days: u32,
    pub mode: RetentionMode,
}

/// S3 Object Lock's retention mode.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
pub enum RetentionMode {
    /// Only principals with the permission `s3:BypassGovernanceRetention` can shorten the retention period.
    Governance,
    /// No principal can shorten the retention period.
    Compliance,
}

impl Config {
    /// Reads the configuration file. If `$BREAKGLASS_CONFIG` is set, reads the file at that path. Otherwise looks in
    /// `$XDG_CONFIG_HOME/breakglass` (default `~/.config/breakglass`) and then in `/etc/breakglass`, and reads the
    /// first `config.json` that exists.
    ///
    /// # Errors
    /// The error has the status [`crate::error::Status::Usage`] if the file cannot be read, if it is not valid, or if
    /// another user could have written it. The message contains the file's path.
    pub fn load() -> Result<Self> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(path) = set("BREAKGLASS_CONFIG") {
            return Self::read(open(&path)).map_err(|error| of_file(error, &path));
        }
        let home = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
        let users = home.map(|home| home.join("breakglass/config.json"));
        for path in users.into_iter().chain([PathBuf::from("/etc/breakglass/config.json")]) {
            match open(&path) {
                Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                opened => return Self::read(opened).map_err(|error| of_file(error, &path)),
            }
        }
        Ok(Self::default())
    }

    fn read(opened: io::Result<File>) -> Result<Self> {
        let cannot = |e: io::Error| Error::usage(format!("cannot be read: {e}")).caused_by(e);
        let file = opened.map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if !metadata.is_file() {
            return Err(Error::usage("not a regular file"));
        }
        if metadata.len() > MAX_BYTES {
            return Err(Error::usage("too large (limit 256 KiB)"));
        }
        let user = rustix::process::geteuid().as_raw();
        if metadata.uid() != user && metadata.uid() != 0 {
            return Err(Error::usage(
                "another user could have written the file: its owner is neither you nor root",
            ));
        }
        if metadata.mode() & 0o022 != 0 {
            return Err(Error::usage(
                "another user could have written the file: its mode allows that (fix the mode with chmod go-w)",
            ));
        }
        let length = usize::try_from(metadata.len()).unwrap_or(0);
        let mut text = zeroize::Zeroizing::new(Vec::with_capacity(length + 1));
        file.take(MAX_BYTES).read_to_end(&mut text).map_err(cannot)?;
        Self::parse(&text).map_err(Error::usage)
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        let config: Self = json::read(text)?;
        check_alerts(&config.alerts).map_err(|error| error.to_string())?;
        if config.command.first().is_some_and(|program| !Path::new(program).is_absolute()) {
            return Err("command[0]: expected an absolute path".into());
        }
        if let Some(place) = config.ledgers.iter().position(|ledger| !ledger.is_absolute()) {
            return Err(format!("ledgers[{place}]: expected an absolute path"));
        }
        config.ship.as_ref().map_or(Ok(()), Ship::check)?;
        Ok(config)
    }
}

impl Ship {
    fn check(&self) -> Result<(), String> {
        let is_name = |text: &str, longest| {
            let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
            (1..=longest).contains(&text.len()) && text.bytes().all(fits)
        };
        match () {
            () if !is_name(&self.bucket, 63) => Err("ship.bucket: expected the name of a bucket".into()),
            () if !is_name(&self.region, 32) => Err("ship.region: expected a region like eu-west-1".into()),
            () if self.profile.is_empty() => Err("ship.profile: expected the name of a profile".into()),
            () if !(1..=36_500).contains(&self.retain_days) => {
                Err("ship.retain_days: expected 1 to 36500".into())
            }
            () => Ok(()),
        }
    }
}

fn of_file(error: Error, path: &Path) -> Error {
    error
        .context(format_args!("configuration {}", path.display()))
        .next("correct the file, or set BREAKGLASS_CONFIG to another file; nothing was done")
}

/// Opens the file with `O_NONBLOCK`. Without this flag, a named pipe at this path would block the program.
fn open(path: &Path) -> io::Result<File> {
    let nonblock = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    OpenOptions::new().read(true).custom_flags(nonblock).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_field() {
        let ship = |region: &str, days: &str| {
            format!(
                r#"{{"ship": {{"bucket": "b", "region": "{region}", "profile": "p", "retain_days": {days},
                "mode": "GOVERNANCE"}}}}"#
            )
        };
        for (text, what) in [
            (ship("eu west", "1"), "ship.region: expected a region like eu-west-1"),
            (ship("eu-west-1", "0"), "ship.retain_days: expected 1 to 36500"),
            (ship("eu-west-1", "\"1\""), "ship.retain_days: expected u32"),
            (r#"{"command": ["notify"]}"#.into(), "command[0]: expected an absolute path"),
            (r#"{"ledgers": ["/a", "b"]}"#.into(), "ledgers[1]: expected an absolute path"),
            (
                r#"{"alerts": [{"name": "x", "kind": "pigeon"}]}"#.into(),
                "alerts[0].kind: expected one of `sns`",
            ),
            (
                r#"{"alerts": [{"name": "x", "kind": "slack", "url": "https://a.b", "timeout": "soon"}]}"#
                    .into(),
                "alerts[0].timeout: expected a duration",
            ),
            (r#"{"alert": []}"#.into(), "unknown field `alert`"),
        ] {
            let error = Config::parse(text.as_bytes()).expect_err("the field should be refused");
            assert!(error.starts_with(what), "{error}");
        }
        Config::parse(ship("eu-west-1", "30").as_bytes())
            .expect("a correct configuration should be accepted");
    }
}
