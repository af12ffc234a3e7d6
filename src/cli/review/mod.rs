//! `review`: writes the review of one session. The review is an HTML page and a JSON file with the same content, the
//! packet. A custodian can sign the packet.

mod files;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::args::ReviewArgs;
use super::cloud::{self, CloudTrailProfile};
use super::input;
use super::sign::Signing;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::gate::SessionId;
use crate::ledger::{self, Ledger, LedgerFile, Merged, Record};
use crate::review::{self, LedgerFact, Packet, PacketFile, PacketSources, ReviewCommand};
use crate::terminal::{note, print, warning};
use crate::vault::file::Vault;
use crate::vault::words;
use files::ReviewFiles;

/// Writes the review of a session. With `--sign`, also has a custodian sign the packet. If the packet file already
/// exists, `--sign` does not write it again.
pub fn run(arguments: ReviewArgs) -> Result<()> {
    let ReviewArgs { session, vault, cloudtrail, ledgers, html, json, sign, wait } = arguments;
    let command = ReviewCommand {
        vault: vault.clone(),
        profile: cloudtrail.name().map(str::to_owned),
        ledgers: ledgers.clone(),
        packet: json.clone(),
    };
    let request = ReviewRequest {
        session,
        command,
        vault: vault.as_deref().map(input::vault).transpose()?,
        cloudtrail,
        ledgers,
        files: ReviewFiles::choose(session, html, json, sign)?,
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
    verdict(&packet, &request.command, merged)
}

/// The validated arguments of `review`.
struct ReviewRequest {
    session: SessionId,
    /// The options of this command. The review repeats the options in the commands that it tells the reader to run.
    command: ReviewCommand,
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
            command: self.command.clone(),
        };
        Packet::of(self.session, sources)
    }

    /// Has a custodian sign the packet file, and records the signature in the ledger.
    fn sign(&self, path: &Path) -> Result<()> {
        let vault = self.vault.as_ref().ok_or_else(|| Error::usage("--sign needs the option --vault"))?;
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
        let findings = written.counts.words();
        note(&format!("{}: {findings}; its SHA-256 in words: {words}", path.display()));
        let what = format!("the review of session {session}, {words}");
        let signing =
            Signing { manifest: &vault.manifest, what: &what, wait: self.wait, first: &[], absent: &[] };
        let (custodian, envelope) = signing.by_any_custodian(|custodian, token| {
            Ok(written.statement(custodian, token, (Timestamp::now(), ledger.head()?.into())))
        })?;
        let record = Record::Review { session, custodian: custodian.clone(), envelope };
        ledger.append(Timestamp::now(), record)?;
        print::result(&format!(
            "review of session {session} signed by {custodian}; {findings}; SHA-256 of the packet in words: {words}\n"
        ))
    }
}

fn part(found: &LedgerFile) -> LedgerFact {
    let wrong = found.wrong.as_ref().map(|error| error.what.clone());
    LedgerFact::of(found.path.display().to_string(), found.chain.head(), wrong)
}

/// Fails if a ledger or CloudTrail could not be read completely. At this time, the packet is already written.
fn verdict(packet: &Packet, command: &ReviewCommand, merged: Merged) -> Result<()> {
    merged.files.into_iter().find_map(|file| file.wrong).map_or(Ok(()), Err)?;
    let failed = packet.cloudtrail.regions.iter().find_map(|region| Some((region, region.error.as_deref()?)));
    match failed {
        Some((region, why)) => {
            let what = format!("CloudTrail data for {} is incomplete: {why}", region.region);
            let again = command.again(packet.session.id);
            Err(Error::failed(what)
                .next(format!("make the review again when CloudTrail can be read: {again}")))
        }
        None => Ok(()),
    }
}
