//! `enrol`: a custodian's keys, made on their token; their part, shown once; the public file.

use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use super::typed::{self, Ended, line};
use super::{args, input, output};
use crate::custody::attestation;
use crate::custody::enrolment::{Certificates, Enrolment, spki};
use crate::custody::part::Part;
use crate::custody::token::{Token as _, TokenError};
use crate::error::{Error, Result, Status};
use crate::secret::{Secret, SecretText};
use crate::terminal::{self, Stop, Terminal, note, signals};
use crate::token::enrol::{FACTORY_PIN, FACTORY_PUK, Made, Management};
use crate::token::piv::PivToken;
use crate::token::readers;
use crate::vault::manifest::{Attested, Token, TokenKind};
use crate::vault::{names, share, words};

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
    output::print(&format!(
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
    let until = Instant::now() + arguments.wait.duration();
    let mut told = false;
    loop {
        let wanted = |token: &PivToken| arguments.serial.is_none_or(|serial| serial == token.serial());
        let mut tokens: Vec<_> = readers::present()?.into_iter().filter(wanted).collect();
        match tokens.len() {
            1 => {
                terminal.erase();
                return Ok(tokens.remove(0));
            }
            0 if Instant::now() >= until => {
                return Err(Error::new(Status::TokenFailed, "no YubiKey was plugged in")
                    .next("plug in the custodian's YubiKey and enrol again"));
            }
            0 => {}
            _ => {
                let serials: Vec<_> = tokens.iter().map(|token| token.serial().to_string()).collect();
                return Err(Error::usage(format!("several YubiKeys are plugged in: {}", serials.join(", ")))
                    .next("say which one with --serial, or leave only the custodian's"));
            }
        }
        if let Some(number) = signals::pending() {
            return Err(ended(number));
        }
        if !told {
            terminal.put(&format!("{}: plug in your YubiKey", arguments.name));
            told = true;
        }
        sleep(Duration::from_millis(250));
    }
}

impl Enrolling<'_> {
    /// A PIN and a PUK that are not the factory's; the PIN.
    fn credentials(&mut self) -> Result<SecretText> {
        let (factory_pin, factory_puk) = self.token.factory_pin_and_puk().map_err(|why| match why {
            TokenError::Failed(_) => Error::new(
                Status::TokenFailed,
                format!("YubiKey {} has firmware {}", self.token.serial(), self.token.firmware()),
            )
            .next("use one with firmware 5.3 or later: earlier ones cannot say whether their PIN is the factory's"),
            other => self.failed(other),
        })?;
        let pin = if factory_pin { self.new_pin()? } else { self.current_pin()? };
        if factory_puk {
            self.new_puk(&pin)?;
        }
        Ok(pin)
    }

    fn current_pin(&mut self) -> Result<SecretText> {
        loop {
            let left = self.token.tries_left().map_err(|why| self.failed(why))?;
            if left == 0 {
                return Err(self.failed(TokenError::Blocked));
            }
            let pin =
                typed::pin(&mut self.terminal, self.name, self.token.serial(), left, None).map_err(end)?;
            let pin =
                pin.ok_or_else(|| Error::usage(format!("{} was skipped; nothing was made", self.name)))?;
            match self.token.verify(&pin) {
                Ok(()) => return Ok(pin),
                Err(TokenError::WrongPin { left }) => {
                    let left = terminal::countable(left.into(), "try", "tries");
                    note(&format!(
                        "{}: wrong PIN for YubiKey {}, {left} left",
                        self.name,
                        self.token.serial()
                    ));
                }
                Err(why) => return Err(self.failed(why)),
            }
        }
    }

    fn new_pin(&mut self) -> Result<SecretText> {
        note(&format!(
            "{}: the PIN of YubiKey {} is still the factory's; choose one of your own",
            self.name,
            self.token.serial()
        ));
        let new = self.choose("PIN", FACTORY_PIN, None)?;
        self.token.change_pin(&SecretText::copy_of(FACTORY_PIN), &new).map_err(|why| self.failed(why))?;
        Ok(new)
    }

    fn new_puk(&mut self, pin: &SecretText) -> Result<()> {
        note(&format!(
            "{}: the PUK of YubiKey {} is still the factory's; choose one of your own",
            self.name,
            self.token.serial()
        ));
        let new = self.choose("PUK", FACTORY_PUK, Some(pin))?;
        self.token.change_puk(&SecretText::copy_of(FACTORY_PUK), &new).map_err(|why| self.failed(why))
    }

    /// A new PIN or PUK, typed twice, neither the factory's nor the other one.
    fn choose(&mut self, what: &str, factory: &str, other: Option<&SecretText>) -> Result<SecretText> {
        loop {
            let prompt = format!(
                "{}: new {what} for YubiKey {} (6 to 8 characters): ",
                self.name,
                self.token.serial()
            );
            let new = line(&mut self.terminal, &prompt, None).map_err(end)?;
            let problem = match typed::pin_shape(new.expose()) {
                Err(why) => Some(why),
                Ok(()) if new.expose() == factory => Some("that is the factory's"),
                Ok(()) if other.is_some_and(|other| other.expose() == new.expose()) => {
                    Some("PIN and PUK must differ")
                }
                Ok(()) => None,
            };
            if let Some(why) = problem {
                note(&format!("{}: {why}\n  next: choose another", self.name));
                continue;
            }
            let again =
                line(&mut self.terminal, &format!("{}: new {what} again: ", self.name), None).map_err(end)?;
            if again.expose() == new.expose() {
                return Ok(new);
            }
            note(&format!("{}: the two differ\n  next: type it twice the same", self.name));
        }
    }

    fn authenticate(&mut self, pin: &SecretText) -> Result<()> {
        match self.token.authenticate(pin).map_err(|why| self.failed(why))? {
            Management::Factory | Management::Protected => Ok(()),
            Management::Custom => Err(Error::new(
                Status::TokenFailed,
                format!("YubiKey {} has a management key that only its owner knows", self.token.serial()),
            )
            .next("protect it with the PIN (ykman piv access change-management-key --generate --protect), then enrol again")),
        }
    }

    /// Two keys, their attestation, and the part; the enrolment and the signing key's slot.
    fn make(&mut self, roots: Option<&[Vec<u8>]>) -> Result<(Enrolment, Made)> {
        // A token that is not genuine is refused before anything is made on it.
        let chain = roots.map(|roots| self.chain(roots)).transpose()?;
        let (first, second) = self.token.free_slots().map_err(|why| self.failed(why))?;
        note(&format!(
            "{}: making two keys in slots {first} and {second} of YubiKey {}",
            self.name,
            self.token.serial()
        ));
        let decryption = self.token.generate(first).map_err(|why| self.failed(why))?;
        let signing = self.token.generate(second).map_err(|why| self.failed(why))?;
        let attested = self.attest(&decryption, &signing, chain)?;
        let id = Secret::<16>::random();
        let part = Part::generate();
        self.show(&part)?;
        let enrolment = Enrolment {
            attestation: attested.1,
            created: jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_default().to_string(),
            enrolment: hex::encode(id.expose()),
            firmware: self.token.firmware(),
            name: self.name.to_owned(),
            part: part.identity(id.expose()).to_public().to_string(),
            token: Token { attestation: attested.0, ..self.record(&decryption, &signing)? },
            version: 1,
        };
        Ok((enrolment, signing))
    }

    fn record(&self, decryption: &Made, signing: &Made) -> Result<Token> {
        let compressed = p256::PublicKey::from_sec1_bytes(&decryption.point).ok().and_then(|key| {
            p256::elliptic_curve::sec1::ToSec1Point::to_sec1_point(&key, true).as_bytes().try_into().ok()
        });
        let compressed: [u8; 33] =
            compressed.ok_or_else(|| self.failed(TokenError::Failed("its key is no point")))?;
        let signing_key =
            spki(&signing.point).ok_or_else(|| self.failed(TokenError::Failed("its key is no point")))?;
        Ok(Token {
            attestation: Attested::None,
            decryption_slot: decryption.slot.to_string(),
            kind: TokenKind::Piv,
            recipient: share::tag_recipient(&compressed),
            serial: self.token.serial(),
            signing_key: BASE64_STANDARD.encode(signing_key),
            signing_slot: signing.slot.to_string(),
        })
    }

    /// From the device's own certificate to a trusted root.
    fn chain(&mut self, roots: &[Vec<u8>]) -> Result<Vec<Vec<u8>>> {
        let device = self.token.device_certificate().map_err(|why| self.failed(why))?;
        attestation::chain(&device, roots).map_err(|why| self.not_genuine(&why))
    }

    /// Reads both attestations, leaves them in the slots, and checks them unless that was waived.
    fn attest(
        &mut self,
        decryption: &Made,
        signing: &Made,
        chain: Option<Vec<Vec<u8>>>,
    ) -> Result<(Attested, Option<Certificates>)> {
        let of_decryption = self.token.attest(decryption.slot).map_err(|why| self.failed(why))?;
        let of_signing = self.token.attest(signing.slot).map_err(|why| self.failed(why))?;
        self.token.mark(decryption.slot, &of_decryption).map_err(|why| self.failed(why))?;
        self.token.mark(signing.slot, &of_signing).map_err(|why| self.failed(why))?;
        let Some(chain) = chain else { return Ok((Attested::None, None)) };
        let encode = |der: &Vec<u8>| BASE64_STANDARD.encode(der);
        let certificates = Certificates {
            chain: chain.iter().map(encode).collect(),
            decryption: encode(&of_decryption),
            signing: encode(&of_signing),
        };
        let token = self.record(decryption, signing)?;
        let attested = certificates.verify(&token).map_err(|why| self.not_genuine(&why))?;
        Ok((attested, Some(certificates)))
    }

    fn not_genuine(&self, why: &str) -> Error {
        let what = format!(
            "{}: YubiKey {} is not attested: {why}; no file was written",
            self.name,
            self.token.serial()
        );
        Error::new(Status::TokenFailed, what)
            .next("use a genuine token, or name the root it was made under with --attestation-root")
    }

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
            if let Some(number) = signals::pending() {
                return Err(ended(number));
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

    fn failed(&self, why: TokenError) -> Error {
        let serial = self.token.serial();
        let (what, next) = match why {
            TokenError::WrongPin { .. } => {
                ("refused the PIN or PUK".to_owned(), "enrol again with the right one")
            }
            TokenError::Blocked => {
                ("has its PIN blocked".to_owned(), "unblock it with its PUK (ykman piv access unblock-pin)")
            }
            TokenError::NotTouched => {
                ("was not touched in time".to_owned(), "enrol again and touch it when it blinks")
            }
            TokenError::Gone => {
                ("was pulled out or stopped answering".to_owned(), "plug it in and enrol again")
            }
            TokenError::Busy => (
                "is held by another program".to_owned(),
                "end that program (gpg-agent's scdaemon is a usual one)",
            ),
            TokenError::Failed(why) => (format!("failed: {why}"), "plug it in again, or use another token"),
        };
        Error::new(
            Status::TokenFailed,
            format!("{}: YubiKey {serial} {what}; no file was written", self.name),
        )
        .next(next)
    }
}

fn end(ended_by: Ended) -> Error {
    match ended_by {
        Ended::Stop(Stop::Signal(number)) => ended(number),
        Ended::Stop(_) | Ended::Input => Error::usage("the input ended; no file was written"),
    }
}

fn ended(number: u8) -> Error {
    Error::new(Status::Signal(number), format!("ended by signal {number}; no file was written"))
}
