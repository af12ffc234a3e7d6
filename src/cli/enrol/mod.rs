//! `enrol`: a custodian's keys, made on their token; their part, shown once; the public file.

mod failures;
mod making;
mod pins;

use std::thread::sleep;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::typed::{self, Ended};
use super::{args, input, output};
use crate::custody::attestation;
use crate::custody::enrolment::Enrolment;
use crate::custody::part::Part;
use crate::custody::token::{Token as _, TokenError};
use crate::error::{Error, Result, Status};
use crate::secret::SecretText;
use crate::terminal::{self, Terminal, note, print, signals};
use crate::token::enrol::Made;
use crate::token::piv::PivToken;
use crate::token::readers::{self, Sighting};
use crate::vault::{names, words};
use failures::{end, ended};

/// Where a packager may leave the roots that are used when none is named.
const ROOTS: [&str; 2] =
    ["/etc/breakglass/attestation-roots.pem", "/usr/share/breakglass/attestation-roots.pem"];

const MAX_PEM: usize = 256 * 1024;

/// One enrolment under way.
struct Enrolling<'a> {
    name: &'a str,
    terminal: Terminal,
    token: PivToken,
}

/// Makes the keys, shows the part, writes the file.
pub fn run(arguments: &args::Enrol) -> Result<()> {
    names::name("the custodian's name", &arguments.name).map_err(Error::usage)?;
    output::must_be_new(&arguments.out)?;
    let roots = roots(arguments)?;
    let mut terminal = Terminal::open()?;
    let token = find(arguments, &mut terminal)?;
    let mut enrolling = Enrolling { name: &arguments.name, terminal, token };
    let pin = enrolling.credentials()?;
    enrolling.authenticate(&pin)?;
    let enrolment = enrolling.make(roots.as_deref())?;
    let signature = enrolling.sign(&enrolment.0, &pin, &enrolment.1)?;
    let file = enrolment.0.to_file(&signature);
    Enrolment::parse("the new enrolment", &file)?;
    output::create(&arguments.out, &file)?;
    let token = &enrolment.0.token;
    print::result(&format!(
        "enrolled     {} with YubiKey {}, {}\nfile         {}\nfingerprint  {}\n",
        arguments.name,
        token.serial,
        token.attestation.words(),
        arguments.out.display(),
        words::of(&Sha256::digest(&file).into())
    ))
}

/// The certificates that attestation must lead to; `None` when it was waived.
fn roots(arguments: &args::Enrol) -> Result<Option<Vec<Vec<u8>>>> {
    if arguments.no_attestation {
        return Ok(None);
    }
    let named = arguments.attestation_root.clone();
    let path = named.or_else(|| ROOTS.iter().map(Into::into).find(|path: &std::path::PathBuf| path.exists()));
    let Some(path) = path else {
        return Err(Error::usage("there are no attestation roots on this machine to tell a genuine token by").next(
            "name Yubico's certificates (developers.yubico.com/PKI, roots and intermediates in one file) with \
             --attestation-root FILE, or say --no-attestation, which is recorded and shown from then on",
        ));
    };
    let certificates = attestation::from_pem(&input::read(&path, MAX_PEM)?)
        .map_err(|why| Error::usage(format!("{}: {why}", path.display())))?;
    Ok(Some(certificates))
}

/// The one YubiKey that is plugged in, or the one that was named.
fn find(arguments: &args::Enrol, terminal: &mut Terminal) -> Result<PivToken> {
    let found = wait_for(arguments, terminal);
    terminal.erase();
    found
}

fn wait_for(arguments: &args::Enrol, terminal: &mut Terminal) -> Result<PivToken> {
    let until = Instant::now() + arguments.wait.duration();
    let mut told = None;
    loop {
        let (mut tokens, unusable) = plugged(arguments.serial)?;
        if tokens.len() > 1 {
            let serials: Vec<_> = tokens.iter().map(|token| token.serial().to_string()).collect();
            return Err(Error::usage(format!("several YubiKeys are plugged in: {}", serials.join(", ")))
                .next("say which one with --serial, or leave only the custodian's"));
        }
        if let Some(token) = tokens.pop() {
            return Ok(token);
        }
        let why = unusable.unwrap_or_else(|| "plug in your YubiKey".into());
        if Instant::now() >= until {
            return Err(Error::new(
                Status::TokenFailed,
                format!("{}: no YubiKey could be used", arguments.name),
            )
            .next(why));
        }
        if let Some(signal) = signals::pending() {
            return Err(ended(signal));
        }
        if told.as_ref() != Some(&why) {
            terminal.erase();
            terminal.put(&format!("{}: {why}", arguments.name));
            told = Some(why);
        }
        sleep(Duration::from_millis(250));
    }
}

/// The YubiKeys that are there, and why another one cannot be used.
fn plugged(serial: Option<u32>) -> Result<(Vec<PivToken>, Option<String>)> {
    let mut tokens = Vec::new();
    let mut unusable = None;
    for sighting in readers::present()? {
        match sighting {
            Sighting::Token(token) if serial.is_none_or(|serial| serial == token.serial()) => {
                tokens.push(*token);
            }
            Sighting::Unusable(reader, why) => {
                unusable = Some(format!("the token in reader {reader} is unusable: {why}"));
            }
            Sighting::Token(_) | Sighting::Settled => {}
        }
    }
    Ok((tokens, unusable))
}

impl Enrolling<'_> {
    /// Shows the part once and has it typed back.
    fn show(&mut self, part: &Part) -> Result<()> {
        let above = format!("{}: this is your part. Write it down now; it is never shown again.", self.name);
        let below = "press Enter when it is on paper; it is then wiped from the screen and asked back: ";
        loop {
            terminal::sheet(&mut self.terminal, &above, part.words(), below)
                .map_err(|stop| end(Ended::Stop(stop)))?;
            match typed::part(&mut self.terminal, self.name, None).map_err(end)? {
                Some(back) if back.equals(part) => return Ok(()),
                Some(_) => note(&format!(
                    "{}: that is not the part that was shown\n  next: compare your sheet; it is shown once more",
                    self.name
                )),
                None => {}
            }
        }
    }

    fn sign(&mut self, enrolment: &Enrolment, pin: &SecretText, signing: &Made) -> Result<Vec<u8>> {
        let mut attempts = 0;
        loop {
            self.token.verify(pin).map_err(|why| self.failed(why))?;
            self.terminal.put(&format!("{}: touch YubiKey {} now", self.name, self.token.serial()));
            let signature = self.token.sign(signing.slot, &enrolment.to_sign());
            self.terminal.erase();
            if let Some(signal) = signals::pending() {
                return Err(ended(signal));
            }
            match signature {
                Ok(signature) => return Ok(signature),
                Err(TokenError::NotTouched) if attempts == 0 => {
                    attempts += 1;
                    note(&format!(
                        "{}: YubiKey {} was not touched in time\n  next: touch its metal contact when it blinks",
                        self.name,
                        self.token.serial()
                    ));
                }
                Err(why) => return Err(self.failed(why)),
            }
        }
    }
}
