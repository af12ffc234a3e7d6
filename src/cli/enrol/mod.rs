//! `enrol`: creates a custodian's keys on a YubiKey, shows the custodian's words once, and writes the public enrolment
//! file.

mod failures;
mod making;
mod pins;

use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::args::EnrolArgs;
use super::token_dialog::TokenDialog;
use super::typed::{self, Ended};
use super::{genuine, input, output};
use crate::custody::attestation;
use crate::custody::enrolment::Enrolment;
use crate::custody::part::Part;
use crate::custody::token::Token as _;
use crate::error::{Error, Result, Status};
use crate::secret::SecretText;
use crate::terminal::{self, NoAnswer, Terminal, note, print, signals};
use crate::token::enrol::GeneratedKey;
use crate::token::piv::PivToken;
use crate::token::readers::{self, ReaderEvent};
use crate::vault::{names, words};

/// The paths at which a software package can install attestation roots. The first file that exists is used.
const ROOTS: [&str; 2] =
    ["/etc/breakglass/attestation-roots.pem", "/usr/share/breakglass/attestation-roots.pem"];

/// The maximum length of the file with the root certificates, in bytes.
const MAX_PEM: usize = 256 * 1024;

/// The polling interval while no YubiKey is plugged in.
const INTERVAL: Duration = Duration::from_millis(250);

/// Shows the custodian's words, creates the keys, and writes the enrolment file.
pub fn run(arguments: EnrolArgs) -> Result<()> {
    let request = EnrolRequest::new(arguments)?;
    let mut terminal = Terminal::open()?;
    let token = request.find_token(&mut terminal)?;
    let mut enrolling = Enrolling { name: &request.name, terminal, token };
    let pin = enrolling.credentials()?;
    enrolling.authenticate(&pin)?;
    let (enrolment, signing) = enrolling.make(request.roots.as_ref())?;
    let signature = enrolling.sign(&enrolment, &pin, &signing)?;
    let file = enrolment.to_file(&signature);
    Enrolment::parse("the new enrolment", &file)?;
    output::create(&request.out, &file)?;
    let token = &enrolment.token;
    genuine::warn_of_firmware(&request.name, token.serial, token.firmware);
    print::result(&format!(
        "enrolled     {} with YubiKey {}, firmware {}, {}\nfile         {}\nfingerprint  {}\n",
        request.name,
        token.serial,
        token.firmware,
        token.attestation.words(),
        request.out.display(),
        words::of(&Sha256::digest(&file).into())
    ))
}

/// The attestation roots that are accepted.
struct Roots {
    /// Trusted root and intermediate certificates, as DER.
    certificates: Vec<Vec<u8>>,
    /// Whether a root that is not Yubico's is accepted.
    allow_other: bool,
}

/// The validated arguments of `enrol`.
struct EnrolRequest {
    /// The custodian's name.
    name: String,
    /// The path of the enrolment file.
    out: PathBuf,
    /// The serial number of the YubiKey to use.
    serial: Option<u32>,
    /// The trusted attestation roots; `None` with `--no-attestation`.
    roots: Option<Roots>,
    /// The longest wait for the YubiKey.
    wait: Duration,
}

impl EnrolRequest {
    fn new(arguments: EnrolArgs) -> Result<Self> {
        let EnrolArgs { name, out, serial, attestation_root, no_attestation, wait, .. } = arguments;
        let allow_other = arguments.allow_other_attestation;
        names::name("the custodian's name", &name).map_err(Error::usage)?;
        output::must_be_new(&out)?;
        let roots = if no_attestation {
            None
        } else {
            Some(Roots { certificates: roots(attestation_root)?, allow_other })
        };
        Ok(Self { name, out, serial, roots, wait: wait.duration() })
    }

    /// Waits for the YubiKey with the serial number from `--serial`. Without `--serial`, waits for any YubiKey, and
    /// fails if several are plugged in.
    fn find_token(&self, terminal: &mut Terminal) -> Result<PivToken> {
        let found = self.wait_for_token(terminal);
        terminal.erase();
        found
    }

    fn wait_for_token(&self, terminal: &mut Terminal) -> Result<PivToken> {
        let until = Instant::now() + self.wait;
        let mut shown = None;
        loop {
            let (mut tokens, unusable) = plugged_in(self.serial)?;
            if tokens.len() > 1 {
                let serials: Vec<_> = tokens.iter().map(|token| token.serial().to_string()).collect();
                return Err(Error::usage(format!("several YubiKeys are plugged in: {}", serials.join(", ")))
                    .next("choose one with --serial, or leave only one plugged in"));
            }
            if let Some(token) = tokens.pop() {
                return Ok(token);
            }
            let why = unusable.unwrap_or_else(|| "plug in your YubiKey".into());
            if Instant::now() >= until {
                let what = format!("{}: no usable YubiKey was plugged in", self.name);
                return Err(Error::new(Status::TokenFailed, what).next(why));
            }
            if let Some(signal) = signals::pending() {
                return Err(Ended::Stop(NoAnswer::Signal(signal)).nothing_enrolled());
            }
            if shown.as_ref() != Some(&why) {
                terminal.erase();
                terminal.put(&format!("{}: {why}", self.name));
                shown = Some(why);
            }
            sleep(INTERVAL);
        }
    }
}

/// Reads the trusted certificates from the file `named`. If `named` is `None`, reads the first file of [`ROOTS`] that
/// exists.
fn roots(named: Option<PathBuf>) -> Result<Vec<Vec<u8>>> {
    let installed = || ROOTS.iter().map(PathBuf::from).find(|path| path.exists());
    let path = named.or_else(installed).ok_or_else(|| {
        Error::usage("no attestation root certificates found, so the YubiKey cannot be verified as genuine").next(
            "name Yubico's certificates (developers.yubico.com/PKI, roots and intermediates in one file) with \
             the option --attestation-root, or pass --no-attestation, which is recorded in the vault",
        )
    })?;
    attestation::from_pem(&input::read(&path, MAX_PEM)?)
        .map_err(|why| Error::usage(why).context(path.display()))
}

/// Returns the usable YubiKeys that are plugged in. If an unusable token is plugged in, also returns the reason why it
/// is unusable.
fn plugged_in(serial: Option<u32>) -> Result<(Vec<PivToken>, Option<String>)> {
    let mut tokens = Vec::new();
    let mut unusable = None;
    for sighting in readers::present()? {
        match sighting {
            ReaderEvent::Token(token) if serial.is_none_or(|serial| serial == token.serial()) => {
                tokens.push(*token);
            }
            ReaderEvent::Unusable(reader, why) => {
                unusable = Some(format!("the token in reader {reader} is unusable: {why}"));
            }
            ReaderEvent::Token(_) | ReaderEvent::Settled => {}
        }
    }
    Ok((tokens, unusable))
}

/// The state of an enrolment in progress.
struct Enrolling<'a> {
    /// The custodian's name.
    name: &'a str,
    terminal: Terminal,
    token: PivToken,
}

impl Enrolling<'_> {
    /// Shows the words and asks the custodian to type them. Repeats both steps until the typed words are right.
    fn show(&mut self, part: &Part) -> Result<()> {
        let name = self.name;
        let above = format!("{name}: these are your words. Write them down now; they are never shown again.");
        let below = "press Enter when the words are on paper; then type them back: ";
        loop {
            terminal::sheet(&mut self.terminal, &above, part.words(), below)
                .map_err(|stop| Ended::Stop(stop).nothing_enrolled())?;
            match typed::part(&mut self.terminal, name, None).map_err(Ended::nothing_enrolled)? {
                Some(back) if back.equals(part) => return Ok(()),
                Some(_) => note(&format!(
                    "{name}: these are not the words that were shown\n  next: compare your sheet when the words are shown again"
                )),
                None => {}
            }
        }
    }

    /// Signs the enrolment with the new signing key.
    fn sign(&mut self, enrolment: &Enrolment, pin: &SecretText, signing: &GeneratedKey) -> Result<Vec<u8>> {
        let Self { name, terminal, token } = self;
        let serial = token.serial();
        let signature = TokenDialog { terminal, name, serial, until: None }.repeat_untouched(|dialog| {
            token.verify(pin)?;
            dialog.ask_touch("sign the enrolment");
            Ok(token.sign(signing.slot, &enrolment.to_sign())?)
        });
        signature.map_err(|why| self.ended(why))
    }
}
