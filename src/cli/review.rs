//! `review`: the packet of one session as a page and as JSON, and a custodian's signature under the JSON file.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::sign::Signing;
use super::{args, input, output};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::ledger::{self, Entry, Ledger, LedgerFile, Merged, Record};
use crate::review::{self, CloudTrailResult, LedgerFact, Packet, PacketFile, PacketSources};
use crate::terminal::{note, print, warning};
use crate::vault::file::Vault;
use crate::vault::words;

/// Makes it, writes it, has it signed.
pub fn run(arguments: &args::Review) -> Result<()> {
    let vault = arguments.vault.as_deref().map(input::vault).transpose()?;
    let places = Places::of(arguments)?;
    if let Some(existing) = places.existing(arguments) {
        return sign(arguments, vault.as_ref(), existing);
    }
    places.check()?;
    let seen = seen(arguments)?;
    let entries = seen.entries();
    let trail = asked(arguments, &entries)?;
    let sources = PacketSources {
        entries: &entries,
        ledgers: seen.files.iter().map(part).collect(),
        vault: vault.as_ref(),
        trail: trail.as_ref(),
        now: Timestamp::now(),
    };
    let packet = Packet::of(arguments.session, sources)?;
    places.write(&packet)?;
    if arguments.sign {
        sign(arguments, vault.as_ref(), places.json_file()?)?;
    }
    verdict(&packet, seen)
}

/// Where it goes.
struct Places {
    html: Option<PathBuf>,
    json: Option<PathBuf>,
}

impl Places {
    fn of(arguments: &args::Review) -> Result<Self> {
        let (html, json) = (arguments.html.clone(), arguments.json.clone());
        let named = |end| PathBuf::from(format!("review-{}.{end}", arguments.session));
        let places = match (html, json) {
            (None, None) => Self { html: Some(named("html")), json: Some(named("json")) },
            (html, json) => Self { html, json },
        };
        if arguments.sign {
            places.json_file()?;
        }
        Ok(places)
    }

    /// The JSON file, which is what is signed.
    fn json_file(&self) -> Result<&Path> {
        let file = self.json.as_deref().filter(|path| *path != "-");
        file.ok_or_else(|| Error::usage("what is signed is a file").next("name it with --json FILE"))
    }

    /// A packet that is to be signed and is there already.
    fn existing(&self, arguments: &args::Review) -> Option<&Path> {
        let path = self.json.as_deref().filter(|_| arguments.sign)?;
        path.symlink_metadata().is_ok().then_some(path)
    }

    /// Refuses what cannot be written, before anybody is asked for anything.
    fn check(&self) -> Result<()> {
        let is_stdout = |path: &Option<PathBuf>| path.as_deref() == Some(Path::new("-"));
        if is_stdout(&self.html) || self.html.is_some() && self.html == self.json {
            return Err(Error::usage("the page and the packet are two files, and the page is one")
                .next("name another file with --html"));
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

/// This machine's ledger, if it has one, the configured ones, and the ones that were named; without the latter there is
/// no packet.
fn seen(arguments: &args::Review) -> Result<Merged> {
    let own = Ledger::at_default();
    let mut paths: Vec<_> = own.is_there_or_missed().then(|| own.path()).into_iter().collect();
    let configured = Config::load()?.ledgers;
    for path in configured.iter().chain(&arguments.ledgers) {
        if !paths.contains(path) {
            paths.push(path.clone());
        }
    }
    if let Some(gone) = arguments.ledgers.iter().find(|path| !path.exists()) {
        return Err(Error::usage(format!("there is no ledger {}", gone.display()))
            .next("name the file, or a copy of it"));
    }
    let seen = ledger::read_all(&paths);
    for error in seen.wrong() {
        warning(&error.what);
    }
    Ok(seen)
}

fn part(found: &LedgerFile) -> LedgerFact {
    let wrong = found.wrong.as_ref().map(|error| error.what.clone());
    LedgerFact::of(found.path.display().to_string(), found.chain.head(), wrong)
}

#[cfg(feature = "cloud")]
fn asked(arguments: &args::Review, entries: &[Entry]) -> Result<Option<CloudTrailResult>> {
    let wanted = review::CloudTrailQuery::of(arguments.session, entries)?;
    arguments.profile.as_deref().map(|profile| crate::aws::look_up(profile, &wanted)).transpose()
}

#[cfg(not(feature = "cloud"))]
#[allow(clippy::unnecessary_wraps, reason = "with the feature cloud it may fail")]
fn asked(_: &args::Review, _: &[Entry]) -> Result<Option<CloudTrailResult>> {
    Ok(None)
}

/// Has a custodian's token sign the packet as it is on the disk, and records that.
fn sign(arguments: &args::Review, vault: Option<&Vault>, path: &Path) -> Result<()> {
    let vault = vault.ok_or_else(|| Error::usage("a review is signed with --vault FILE"))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let written = PacketFile::read(&name, &input::read(path, review::MAX_PACKET)?)?;
    let session = arguments.session;
    if written.session != session || written.vault != vault.manifest.vault_id {
        let (of, vault) = (written.session, &written.vault);
        return Err(Error::usage(format!("{name} is about session {of} of vault {vault}"))
            .next("name the session and the vault that the packet is about"));
    }
    let ledger = ledger()?;
    ledger.check()?;
    let words = words::of(&written.sha256);
    note(&format!("{}: {} findings; its SHA-256 in words: {words}", path.display(), written.findings));
    let (manifest, wait) = (&vault.manifest, arguments.wait.duration());
    let what = format!("the review of session {session}, {words}");
    let signing = Signing { manifest, what: &what, wait, first: &[], absent: &[] };
    let (custodian, envelope) = signing.by_anyone(|custodian, token| {
        Ok(written.statement(custodian, token, (Timestamp::now(), ledger.head()?.into())))
    })?;
    ledger.append(Timestamp::now(), Record::Review { session, custodian: custodian.clone(), envelope })?;
    let open = written.findings;
    print::result(&format!("review of session {session} signed by {custodian}, {open} findings: {words}\n"))
}

/// Where the signature is recorded, and its copy grows.
#[cfg(feature = "cloud")]
fn ledger() -> Result<Ledger> {
    Ok(super::cloud::shipping::ledger(&Config::load()?))
}

#[cfg(not(feature = "cloud"))]
#[allow(clippy::unnecessary_wraps, reason = "with the feature cloud it may fail")]
fn ledger() -> Result<Ledger> {
    Ok(Ledger::at_default())
}

/// What could not be had is no success, though all that was had is written.
fn verdict(packet: &Packet, seen: Merged) -> Result<()> {
    seen.files.into_iter().find_map(|file| file.wrong).map_or(Ok(()), Err)?;
    let failed = packet.cloudtrail.regions.iter().find_map(|region| Some((region, region.error.as_deref()?)));
    match failed {
        Some((region, why)) => {
            Err(Error::failed(format!("CloudTrail data for {} is incomplete: {why}", region.region))
                .next("the packet says so; make it again under another name when that is solved"))
        }
        None => Ok(()),
    }
}
