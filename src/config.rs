//! This machine's own configuration: it may only add to what is sealed.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::vault::payload::{Channel, check_alerts};

/// Far more than anybody configures, in bytes.
const LARGEST: u64 = 256 * 1024;

/// What is configured; nothing where there is no file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Channels that are told beside the sealed ones.
    #[serde(default)]
    pub alerts: Vec<Channel>,
    /// A program that gets every notice on its standard input; what it does never counts as having been told.
    #[serde(default)]
    pub command: Vec<String>,
    /// Ledgers of other machines, to be read with this one's.
    #[serde(default)]
    pub ledgers: Vec<PathBuf>,
    /// Where the ledger is copied to as it grows.
    pub ship: Option<Ship>,
}

/// A bucket with Object Lock, and who may write to it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ship {
    /// The bucket.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// What every object's key starts with.
    #[serde(default)]
    pub prefix: String,
    /// A profile of the shared AWS configuration: credentials for this alone.
    pub profile: String,
    /// How long nobody can delete an object.
    pub retain_days: u32,
    /// Who can shorten that: with `GOVERNANCE` an administrator, with `COMPLIANCE` nobody.
    pub mode: Mode,
}

/// S3 Object Lock's retention mode.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mode {
    /// Whoever has the permission to bypass it can.
    Governance,
    /// Nobody can.
    Compliance,
}

impl Config {
    /// From `$BREAKGLASS_CONFIG`, else `$XDG_CONFIG_HOME/breakglass/config.json`, else
    /// `~/.config/breakglass/config.json`, else `/etc/breakglass/config.json`.
    ///
    /// # Errors
    /// Usage, naming the file, when it cannot be read, is damaged, or could have been written by others.
    pub fn load() -> Result<Self> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(path) = set("BREAKGLASS_CONFIG") {
            return Self::read(&path, open(&path));
        }
        let home = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
        let own = home.map(|home| home.join("breakglass/config.json"));
        for path in own.into_iter().chain([PathBuf::from("/etc/breakglass/config.json")]) {
            match open(&path) {
                Err(e)
                    if matches!(
                        e.kind(),
                        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                    ) => {}
                opened => return Self::read(&path, opened),
            }
        }
        Ok(Self::default())
    }

    fn read(path: &Path, opened: std::io::Result<File>) -> Result<Self> {
        let wrong = |why: &str| {
            Error::usage(format!("the configuration {} {why}", path.display()))
                .next("correct it, or point BREAKGLASS_CONFIG elsewhere; nothing was done")
        };
        let cannot = |e: std::io::Error| wrong(&format!("cannot be read: {e}"));
        let file = opened.map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if !metadata.is_file() || metadata.len() > LARGEST {
            return Err(wrong("is no file of a size that a configuration has"));
        }
        let own = rustix::process::geteuid().as_raw();
        if metadata.uid() != own && metadata.uid() != 0 {
            return Err(wrong("could have been written by others: it is neither yours nor root's"));
        }
        if metadata.mode() & 0o022 != 0 {
            return Err(wrong("could have been written by others: its mode lets them"));
        }
        let mut text =
            zeroize::Zeroizing::new(Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1));
        file.take(LARGEST).read_to_end(&mut text).map_err(cannot)?;
        // What serde says may repeat a secret that stands in the wrong place.
        let config: Self = serde_json::from_slice(&text)
            .map_err(|e| wrong(&format!("is not valid at line {} column {}", e.line(), e.column())))?;
        check_alerts(&config.alerts).map_err(|why| wrong(&format!("is not valid: {why}")))?;
        config.check().map_err(|why| wrong(&format!("is not valid: {why}")))?;
        Ok(config)
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.command.first().is_some_and(|program| !Path::new(program).is_absolute()) {
            return Err("its command is no absolute path");
        }
        if self.ledgers.iter().any(|ledger| !ledger.is_absolute()) {
            return Err("one of its ledgers is no absolute path");
        }
        let Some(Ship { bucket, region, profile, retain_days, .. }) = &self.ship else { return Ok(()) };
        let is_name = |text: &str, longest| {
            (1..=longest).contains(&text.len())
                && text
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
        };
        match () {
            () if !is_name(bucket, 63) => Err("ship: its bucket is no name of a bucket"),
            () if !is_name(region, 32) => Err("ship: its region is no name of a region"),
            () if profile.is_empty() => Err("ship: its profile has no name"),
            () if !(1..=36_500).contains(retain_days) => Err("ship: its retain_days are not 1 to 36500"),
            () => Ok(()),
        }
    }
}

/// A pipe in its place holds nobody up.
fn open(path: &Path) -> std::io::Result<File> {
    let nonblock = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    OpenOptions::new().read(true).custom_flags(nonblock).open(path)
}
