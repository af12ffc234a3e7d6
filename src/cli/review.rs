//! `review`: writes the review of one session. The review is an HTML page and a JSON file with the same content, the
//! packet. A custodian can sign the packet.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::args::ReviewArgs;
use super::cloud::{self, CloudTrailProfile};
use super::sign::Signing;
use super::{input, output};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::gate::SessionId;
use crate::ledger::{self, Ledger, LedgerFile, Merged, Record};
use crate::review::{self, LedgerFact, Packet, PacketFile, PacketSources};
use crate::terminal::{note, print, warning};
use crate::vault::file::Vault;
use crate::vault::words;

/// Writes the review of a session. With `--sign`, also has a custodian sign the packet. If the packet file already
/// exists, `--sign` does not write it again.
pub fn run(arguments: ReviewArgs) -> Result<()> {
    let ReviewArgs { session, vault, cloudtrail, ledgers, html, json, sign, wait } = arguments;
    let request = ReviewRequest {
        session,
        vault: vault.as_deref().map(input::vault).transpose()?,
        cloudtrail,
        ledgers,
        files: ReviewFiles::new(session, html, json, sign)?,
        wait: wait.duration(),
    };
    if sign && let Some(existing) = request.files.existing() {
        return request.sign(existing);
    }
    request.files.check()?;
    let merged = request.read_ledgers()?;
    let packet = request.packet(&merged)?;
    request.files.write(&packet)?;
    if sign {
        request.sign(request.files.to_sign()?)?;
    }
    verdict(&packet, merged)
}

/// The validated arguments of `review`.
struct ReviewRequest {
    session: SessionId,
    vault: Option<Vault>,
    cloudtrail: CloudTrailProfile,
    /// The ledgers that were given with `--ledger`.
    ledgers: Vec<PathBuf>,
    files: ReviewFiles,
    /// The longest wait for the custodian who signs.
    wait: Duration,
}

impl ReviewRequest {
    /// Reads the ledger of this machine, the ledgers in the configuration, and the ledgers given with `--ledger`.
    fn read_ledgers(&self) -> Result<Merged> {
        let own = Ledger::at_default();
        let mut paths: Vec<_> = own.is_there_or_missed().then(|| own.path()).into_iter().collect();
        let configured = Config::load()?.ledgers;
        for path in configured.iter().chain(&self.ledgers) {
            if !paths.contains(path) {
                paths.push(path.clone());
            }
        }
        if let Some(missing) = self.ledgers.iter().find(|path| !path.exists()) {
            return Err(Error::usage(format!("there is no ledger {}", missing.display()))
                .next("name an existing ledger file, or a copy of the ledger"));
        }
        let merged = ledger::read_all(&paths);
        for error in merged.wrong() {
            warning(&error.what);
        }
        Ok(merged)
    }

    fn packet(&self, merged: &Merged) -> Result<Packet> {
        let entries = merged.entries();
        let trail = self.cloudtrail.look_up(self.session, &entries)?;
        let sources = PacketSources {
            entries: &entries,
            ledgers: merged.files.iter().map(part).collect(),
            vault: self.vault.as_ref(),
            trail: trail.as_ref(),
            now: Timestamp::now(),
        };
        Packet::of(self.session, sources)
    }

    /// Has a custodian sign the packet file, and records the signature in the ledger.
    fn sign(&self, path: &Path) -> Result<()> {
        let vault = self.vault.as_ref().ok_or_else(|| Error::usage("--sign needs --vault FILE"))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let written = PacketFile::read(&name, &input::read(path, review::MAX_PACKET)?)?;
        let session = self.session;
        if written.session != session || written.vault != vault.manifest.vault_id {
            let (of, vault) = (written.session, &written.vault);
            return Err(Error::usage(format!("{name} is about session {of} of vault {vault}"))
                .next("pass the session and the vault that the packet is about"));
        }
        let ledger = cloud::ledger(&Config::load()?);
        ledger.check()?;
        let words = words::of(&written.sha256);
        let findings = format!("{} findings", written.findings);
        note(&format!("{}: {findings}; its SHA-256 in words: {words}", path.display()));
        let what = format!("the review of session {session}, {words}");
        let signing =
            Signing { manifest: &vault.manifest, what: &what, wait: self.wait, first: &[], absent: &[] };
        let (custodian, envelope) = signing.by_any_custodian(|custodian, token| {
            Ok(written.statement(custodian, token, (Timestamp::now(), ledger.head()?.into())))
        })?;
        let record = Record::Review { session, custodian: custodian.clone(), envelope };
        ledger.append(Timestamp::now(), record)?;
        print::result(&format!("review of session {session} signed by {custodian}, {findings}: {words}\n"))
    }
}

/// The files of a review.
struct ReviewFiles {
    /// The path of the HTML page.
    html: Option<PathBuf>,
    /// The path of the packet; `-` is standard output.
    json: Option<PathBuf>,
}

impl ReviewFiles {
    fn new(session: SessionId, html: Option<PathBuf>, json: Option<PathBuf>, sign: bool) -> Result<Self> {
        let named = |end| Some(PathBuf::from(format!("review-{session}.{end}")));
        let files = match (html, json) {
            (None, None) => Self { html: named("html"), json: named("json") },
            (html, json) => Self { html, json },
        };
        if sign {
            files.to_sign()?;
        }
        Ok(files)
    }

    /// Returns the path of the packet, which is the file that a custodian signs.
    fn to_sign(&self) -> Result<&Path> {
        let file = self.json.as_deref().filter(|path| *path != "-");
        file.ok_or_else(|| Error::usage("only a file can be signed").next("name the packet with --json FILE"))
    }

    /// Returns the path of the packet if that file exists.
    fn existing(&self) -> Option<&Path> {
        self.json.as_deref().filter(|path| path.symlink_metadata().is_ok())
    }

    /// Refuses paths that cannot be written. This check comes before a ledger is read or AWS is called.
    fn check(&self) -> Result<()> {
        let is_stdout = |path: &Option<PathBuf>| path.as_deref() == Some(Path::new("-"));
        if is_stdout(&self.html) || self.html.is_some() && self.html == self.json {
            return Err(Error::usage("the page needs a separate file").next("name another file with --html"));
        }
        let mut files = [&self.html, &self.json].into_iter().flatten().filter(|path| path.as_os_str() != "-");
        files.try_for_each(|path| output::must_be_new(path))
    }

    fn write(&self, packet: &Packet) -> Result<()> {
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
        let line = |(name, path): (&str, &Option<PathBuf>)| {
            path.as_ref().map(|path| format!("  {name:<11}{}\n", path.display()))
        };
        review::summary(packet) + &files.into_iter().filter_map(line).collect::<String>()
    }
}

fn part(found: &LedgerFile) -> LedgerFact {
    let wrong = found.wrong.as_ref().map(|error| error.what.clone());
    LedgerFact::of(found.path.display().to_string(), found.chain.head(), wrong)
}

/// Fails if a ledger or CloudTrail could not be read completely. The packet is already written at this time.
fn verdict(packet: &Packet, merged: Merged) -> Result<()> {
    merged.files.into_iter().find_map(|file| file.wrong).map_or(Ok(()), Err)?;
    let failed = packet.cloudtrail.regions.iter().find_map(|region| Some((region, region.error.as_deref()?)));
    match failed {
        Some((region, why)) => {
            Err(Error::failed(format!("CloudTrail data for {} is incomplete: {why}", region.region)).next(
                "the packet states this; when CloudTrail can be read, run review again with other file names",
            ))
        }
        None => Ok(()),
    }
}
