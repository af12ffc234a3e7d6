//! `seal`: credentials in, a vault out, offline; and the proof that every quorum opens what is on the disk.

mod credentials;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::cli::typed::{self, Ended};
use crate::cli::{args, input, output};
use crate::custody::enrolment::{self, Enrolment};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::terminal::{NoAnswer, Reply, Terminal, listed, note, print, warning};
use crate::vault::file::{self, Sealed, Vault};
use crate::vault::manifest::{Custodian, Lane, Manifest};
use crate::vault::payload::{Input, Payload};
use crate::vault::quorum::{self, Threshold};
use crate::vault::{random, words};

/// How often fingerprint words may be mistyped.
const ATTEMPTS: usize = 3;

/// What the lane `static` should take: more than a gate's two.
const STATIC_QUORUM: u8 = 3;

/// Seals, writes, reads back, proves; with a drill, both vaults or none.
pub fn run(arguments: &args::Seal) -> Result<()> {
    let threshold = Threshold::try_from(arguments.threshold).map_err(Error::usage)?;
    output::must_be_new(&arguments.out)?;
    let drill_path = drill_path(&arguments.out);
    let custodians = custodians(arguments)?;
    let Input { payload, drill } = credentials()?;
    if payload.lane() == Lane::Static && threshold.get() < STATIC_QUORUM {
        note(&format!(
            "a window of the lane static cannot be closed early: it deserves a higher quorum (--threshold {STATIC_QUORUM})"
        ));
    }
    if payload.alerts.is_empty() {
        note(
            "there are no alert channels: nobody is told, and every opening will need --no-alert, or channels of the machine's own\n  next: seal with a member \"alerts\"",
        );
    }
    for channel in payload.alerts.iter().filter(|channel| channel.is_on_this_machine()) {
        warning(format_args!(
            "alert channel {} is on the machine that opens: whoever holds that can acknowledge for everybody",
            channel.name
        ));
    }
    let manifest = manifest(arguments, threshold, custodians, &payload);
    let sealed = Prepared::of(&manifest, &payload)?;
    let Some(drill) = drill else {
        note(
            "there is no drill vault: what was never practised fails at 02:17\n  next: seal with a member \"drill\"",
        );
        let vault = sealed.write(&arguments.out, arguments.armor, || Ok(()))?;
        return print(arguments, &vault, None);
    };
    output::must_be_new(&drill_path)?;
    let beside = Prepared::of(&drill_manifest(&manifest, &drill), &drill)?;
    let mut written = None;
    let vault = sealed.write(&arguments.out, arguments.armor, || {
        written = Some(beside.write(&drill_path, arguments.armor, || Ok(()))?);
        Ok(())
    });
    // A vault that has no place leaves no drill either.
    if vault.is_err() && written.is_some() {
        let _ = std::fs::remove_file(&drill_path);
    }
    print(arguments, &vault?, written.as_ref().map(|vault| (drill_path.as_path(), vault)))
}

/// `prod.drill.age` beside `prod.age`.
fn drill_path(vault: &Path) -> PathBuf {
    let name = vault.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".age").unwrap_or(&name);
    vault.with_file_name(format!("{stem}.drill.age"))
}

/// The same custodians, tokens and parts; an id of its own.
fn drill_manifest(manifest: &Manifest, drill: &Payload) -> Manifest {
    Manifest {
        drill_of: Some(manifest.vault_id.clone()),
        lane: drill.lane(),
        targets: drill.summaries(),
        vault_id: random::hex::<16>(),
        ..manifest.clone()
    }
}

/// A sealed vault that is not on the disk yet.
struct Prepared<'a> {
    sealed: Sealed,
    payload: &'a Payload,
}

impl<'a> Prepared<'a> {
    /// The reader's own checks come first, before anything is sealed.
    fn of(manifest: &Manifest, payload: &'a Payload) -> Result<Self> {
        let mut rehearsed = manifest.clone();
        rehearsed.custodians.iter_mut().for_each(|c| c.commitment = Some("0".repeat(64)));
        Manifest::parse(&rehearsed.to_bytes()).map_err(|e| Error::usage(e.what))?;
        Ok(Self { sealed: file::seal(manifest, payload)?, payload })
    }

    /// Writes it under another name, proves it, does what comes with it, and gives it its name.
    fn write(&self, path: &Path, armored: bool, with_it: impl FnOnce() -> Result<()>) -> Result<Vault> {
        let binary = &self.sealed.binary;
        let armor = armored.then(|| file::armor(binary));
        output::create_proven(path, armor.as_ref().unwrap_or(binary), |path| {
            let vault = prove(path, &self.sealed, self.payload)?;
            with_it()?;
            Ok(vault)
        })
    }
}

/// Reads every enrolment and has its fingerprint words typed in.
fn custodians(arguments: &args::Seal) -> Result<Vec<Custodian>> {
    let count = arguments.custodians.len();
    if count > quorum::MAX_CUSTODIANS.into() {
        return Err(Error::usage(format!(
            "{count} custodians are too many; {} are allowed",
            quorum::MAX_CUSTODIANS
        )));
    }
    if usize::from(arguments.threshold) > count {
        return Err(Error::usage(format!("{} of {count} custodians is no quorum", arguments.threshold))
            .next("name more enrolments with --custodian, or lower --threshold"));
    }
    let mut terminal = if arguments.yes_fingerprints { None } else { Some(Terminal::open()?) };
    let mut custodians = Vec::new();
    for (path, index) in arguments.custodians.iter().zip(1..) {
        let file = input::read(path, enrolment::MAX_BYTES)?;
        let enrolment = Enrolment::parse(&path.display().to_string(), &file)?;
        refuse_twice(&custodians, &enrolment)?;
        let digest = Sha256::digest(&file).into();
        note(&format!(
            "{}: YubiKey {}, {}",
            enrolment.name,
            enrolment.token.serial,
            enrolment.token.attestation.words()
        ));
        if let Some(terminal) = &mut terminal {
            fingerprint(terminal, &enrolment.name, &digest)?;
        }
        custodians.push(enrolment.custodian(index, &file, !arguments.yes_fingerprints));
    }
    if count == usize::from(arguments.threshold) {
        note("every custodian is needed: one lost token or sheet loses this vault");
    }
    Ok(custodians)
}

fn refuse_twice(custodians: &[Custodian], enrolment: &Enrolment) -> Result<()> {
    let twice = |what: String| {
        Err(Error::usage(format!("{what} is there twice"))
            .next("each custodian comes once, with a token of their own"))
    };
    if custodians.iter().any(|c| c.name == enrolment.name) {
        return twice(format!("the custodian {}", enrolment.name));
    }
    if custodians.iter().any(|c| c.tokens[0].serial == enrolment.token.serial) {
        return twice(format!("YubiKey {}", enrolment.token.serial));
    }
    if custodians.iter().any(|c| c.enrolment == enrolment.enrolment || c.part == enrolment.part) {
        return twice(format!("the part of {}", enrolment.name));
    }
    Ok(())
}

fn fingerprint(terminal: &mut Terminal, name: &str, digest: &[u8; 32]) -> Result<()> {
    let prompt = format!("{name}: fingerprint as its custodian reads it out ({} words): ", words::WORDS);
    for _ in 0..ATTEMPTS {
        match terminal.ask_openly(&prompt) {
            Ok(Reply::Line(line)) if words::matches(digest, line.expose()) => return Ok(()),
            Ok(Reply::Line(_)) => note(&format!(
                "{name}: these are not the words of this file\n  next: have them read out again from the custodian's own screen or sheet"
            )),
            Ok(Reply::End) => return Err(end(Ended::Input)),
            Err(stop) => return Err(end(Ended::Stop(stop))),
        }
    }
    Err(Error::usage(format!(
        "the enrolment of {name} is not the one its custodian made; nothing was sealed"
    ))
    .next("ask the custodian for the file again, over another way"))
}

/// From standard input, or typed when that is a terminal.
fn credentials() -> Result<Input> {
    let input = if std::io::stdin().is_terminal() {
        Input { payload: credentials::typed(&mut Terminal::open()?)?, drill: None }
    } else {
        credentials::from_stdin()?
    };
    for target in &input.payload.targets {
        credentials::check_grant(target)?;
    }
    Ok(input)
}

fn manifest(
    arguments: &args::Seal,
    threshold: Threshold,
    custodians: Vec<Custodian>,
    payload: &Payload,
) -> Manifest {
    Manifest {
        alerts: payload.channels(),
        created: jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_default().to_string(),
        credentials_epoch: 1,
        custodians,
        drill_of: None,
        epoch: 1,
        label: arguments.label.clone(),
        lane: payload.lane(),
        replaces: None,
        targets: payload.summaries(),
        threshold,
        vault_id: random::hex::<16>(),
        version: 1,
    }
}

/// Reads the file back and shows that every quorum of the shares opens it to what was sealed.
fn prove(path: &Path, sealed: &Sealed, payload: &Payload) -> Result<Vault> {
    let vault = input::vault(path)?;
    let wrong =
        |what: &str| Error::failed(format!("the vault just written does not hold: {what}; it was not kept"));
    if vault.sha256 != <[u8; 32]>::from(Sha256::digest(&sealed.binary)) {
        return Err(wrong("the disk returned other bytes"));
    }
    if !sealed.shares.iter().all(|share| vault.manifest.admits(share)) {
        return Err(wrong("a share does not fit its commitment"));
    }
    let threshold = vault.manifest.threshold;
    let mut key: Option<Secret<{ quorum::KEY }>> = None;
    for subset in quorum::subsets(&sealed.shares, threshold) {
        let rebuilt = quorum::combine(&subset);
        match &key {
            Some(key) if key.expose() == rebuilt.expose() => {}
            Some(_) => return Err(wrong("two quorums rebuild different keys")),
            None => {
                let opened = vault.open(&subset)?;
                if opened.to_sealed().expose() != payload.to_sealed().expose() {
                    return Err(wrong("it opens to something else"));
                }
                key = Some(rebuilt);
            }
        }
    }
    Ok(vault)
}

fn print(arguments: &args::Seal, vault: &Vault, drill: Option<(&Path, &Vault)>) -> Result<()> {
    let manifest = &vault.manifest;
    let (sha256, words) = (hex::encode(vault.sha256), words::of(&vault.sha256));
    if arguments.json {
        let mut result = serde_json::json!({
            "vault_id": manifest.vault_id, "epoch": manifest.epoch, "sha256": sha256, "words": words,
        });
        if let Some((path, vault)) = drill {
            result["drill"] = serde_json::json!({
                "file": path, "vault_id": vault.manifest.vault_id, "sha256": hex::encode(vault.sha256),
                "words": words::of(&vault.sha256),
            });
        }
        return print::exact(&format!("{result}\n"));
    }
    let names: Vec<_> = manifest.custodians.iter().map(|c| c.name.as_str()).collect();
    let drill = drill.map_or_else(String::new, |(path, vault)| {
        format!("drill       {}\nwords       {}\n", path.display(), words::of(&vault.sha256))
    });
    print::result(&format!(
        "sealed      {} ({})\ncustodians  {} of {}: {}\nvault id    {}\nepoch       {}\nsha256      {sha256}\n\
         words       {words}\n{drill}",
        arguments.out.display(),
        manifest.label,
        manifest.threshold.get(),
        names.len(),
        listed(&names, "and"),
        manifest.vault_id,
        manifest.epoch,
    ))
}

/// The error of a sealing whose input ended.
pub fn end(ended: typed::Ended) -> Error {
    match ended {
        Ended::Stop(NoAnswer::Signal(signal)) => Error::interrupted(signal, "nothing was sealed"),
        Ended::Stop(_) | Ended::Input => Error::usage("the input ended; nothing was sealed"),
    }
}
