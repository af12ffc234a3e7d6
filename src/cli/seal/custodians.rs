//! Reads the enrolment files of a new vault's custodians, and checks the fingerprints that the custodians read out.

use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use crate::cli::{genuine, input, typed};
use crate::custody::enrolment::{self, Enrolment};
use crate::error::{Error, Result};
use crate::terminal::{Terminal, note, warning};
use crate::vault::manifest::{Custodian, EnrolledToken};
use crate::vault::quorum::{self, Threshold};
use crate::vault::words;

/// The number of times that the operator is allowed to type a fingerprint.
const ATTEMPTS: usize = 3;

/// Reads every enrolment. `accept` decides whether a token is accepted. If `check` is true, the operator must type
/// the words of each file's fingerprint.
///
/// # Errors
/// Fails with a usage error if the number of custodians is wrong, if an enrolment is invalid or appears twice, if
/// `accept` refuses a token, or if typed words do not match the fingerprint.
pub fn read(
    paths: &[PathBuf],
    threshold: Threshold,
    check: bool,
    accept: impl Fn(&str, &EnrolledToken) -> Result<()>,
) -> Result<Vec<Custodian>> {
    check_count(paths.len(), threshold)?;
    let mut terminal = if check { Some(Terminal::open()?) } else { None };
    let mut custodians = Vec::new();
    for (path, index) in paths.iter().zip(1..) {
        let file = input::read(path, enrolment::MAX_BYTES)?;
        let enrolment = Enrolment::parse(&path.display().to_string(), &file)?;
        refuse_twice(&custodians, &enrolment)?;
        let token = &enrolment.token;
        accept(&enrolment.name, token)?;
        note(&format!(
            "{}: YubiKey {}, firmware {}, {}",
            enrolment.name,
            token.serial,
            token.firmware,
            token.attestation.words()
        ));
        genuine::warn_of_firmware(&enrolment.name, token.serial, token.firmware);
        if let Some(terminal) = &mut terminal {
            check_fingerprint(terminal, &enrolment.name, &Sha256::digest(&file).into())?;
        }
        custodians.push(enrolment.custodian(index, &file, check));
    }
    if paths.len() == usize::from(threshold.get()) {
        warning("every custodian is needed; if one YubiKey or sheet is lost, this vault cannot be opened");
    }
    Ok(custodians)
}

fn check_count(count: usize, threshold: Threshold) -> Result<()> {
    if count > quorum::MAX_CUSTODIANS.into() {
        let most = quorum::MAX_CUSTODIANS;
        return Err(Error::usage(format!("{count} custodians are too many; at most {most} are allowed")));
    }
    let threshold = threshold.get();
    if usize::from(threshold) > count {
        return Err(Error::usage(format!("--threshold {threshold} is more than the {count} custodians"))
            .next("name more enrolments with --custodian, or lower --threshold"));
    }
    Ok(())
}

fn refuse_twice(custodians: &[Custodian], enrolment: &Enrolment) -> Result<()> {
    let twice = |what: String| {
        Err(Error::usage(format!("{what} appears twice"))
            .next("name each custodian once, each with a different YubiKey"))
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

fn check_fingerprint(terminal: &mut Terminal, name: &str, digest: &[u8; 32]) -> Result<()> {
    let prompt =
        format!("Ask {name} to read out the fingerprint, and type it here ({} words): ", words::WORDS);
    for _ in 0..ATTEMPTS {
        let line = typed::open_line(terminal, &prompt).map_err(typed::Ended::nothing_sealed)?;
        if words::matches(digest, line.expose()) {
            return Ok(());
        }
        note(&format!(
            "{name}: these are not the words of this file\n  next: ask {name} to read them again from their own screen or sheet"
        ));
    }
    Err(Error::usage(format!("the enrolment file of {name} is not the one that {name} made"))
        .and("nothing was sealed")
        .next("ask the custodian to send the file again, over another channel"))
}
