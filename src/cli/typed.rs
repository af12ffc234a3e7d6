//! Reads a custodian's words and PIN, and detects typing mistakes before a PIN is sent to a YubiKey.

use std::time::Instant;

use crate::custody::part::{Part, TypedWords, WordsError};
use crate::error::Error;
use crate::secret::SecretText;
use crate::terminal::{NoAnswer, Reply, Terminal, note};

/// The reason why a prompt got no answer.
#[derive(Clone, Copy)]
pub enum Ended {
    /// The input ended.
    Input,
    /// A deadline or a signal ended the wait.
    Stop(NoAnswer),
}

impl Ended {
    /// Returns the error of the command `seal` for a prompt that got no answer.
    pub fn nothing_sealed(self) -> Error {
        self.error("nothing was sealed")
    }

    /// Returns the error of the command `enrol` for a prompt that got no answer.
    pub fn nothing_enrolled(self) -> Error {
        self.error("no file was written")
    }

    fn error(self, outcome: &str) -> Error {
        match self {
            Self::Stop(NoAnswer::Signal(signal)) => Error::interrupted(signal, outcome),
            Self::Stop(_) | Self::Input => Error::usage("the input ended").and(outcome),
        }
    }
}

/// Asks for a line without echo.
pub fn line(terminal: &mut Terminal, prompt: &str, until: Option<Instant>) -> Result<SecretText, Ended> {
    answer(terminal.ask(prompt, until))
}

/// Asks for a line with echo.
pub fn open_line(terminal: &mut Terminal, prompt: &str) -> Result<SecretText, Ended> {
    answer(terminal.ask_openly(prompt))
}

fn answer(typed: Result<Reply, NoAnswer>) -> Result<SecretText, Ended> {
    match typed {
        Ok(Reply::Line(line)) => Ok(line),
        Ok(Reply::End) => Err(Ended::Input),
        Err(stop) => Err(Ended::Stop(stop)),
    }
}

/// Asks for twelve words, on one line or on several. Returns `None` if the first line is empty.
pub fn part(terminal: &mut Terminal, name: &str, until: Option<Instant>) -> Result<Option<Part>, Ended> {
    let mut words = TypedWords::default();
    loop {
        let prompt = match words.next() {
            Some(_) if words.is_empty() => format!("{name}: passphrase part (12 words): "),
            Some(place) => format!("{name}: word {place} of 12: "),
            None => {
                if let Ok(part) = words.part() {
                    return Ok(Some(part));
                }
                note(&format!(
                    "{name}: checksum does not match: one word is wrong or two are swapped\n  next: type all twelve \
                     again, as on the sheet"
                ));
                words = TypedWords::default();
                continue;
            }
        };
        let line = line(terminal, &prompt, until)?;
        if line.expose().trim().is_empty() {
            if words.is_empty() {
                return Ok(None);
            }
            continue;
        }
        match words.add(line.expose()) {
            Ok(()) | Err(WordsError::Checksum) => {}
            Err(WordsError::Unknown(place)) => note(&format!(
                "{name}: word {place} is not in the list\n  next: type only word {place} again"
            )),
            Err(WordsError::TooMany(count)) => note(&format!(
                "{name}: that would be {count} words, but the sheet has twelve\n  next: type the line again"
            )),
        }
    }
}

/// Checks that a PIN or PUK has 6 to 8 ASCII characters and no obvious typing mistake.
pub fn pin_shape(text: &str) -> Result<(), &'static str> {
    let modhex = |b: u8| b"cbdefghijklnrtuv".contains(&b);
    if text.len() == 44 && text.bytes().all(modhex) {
        return Err("that is a one-time password, which a YubiKey types when it is touched");
    }
    if text.trim() != text {
        return Err("the input starts or ends with a space");
    }
    if !(6..=8).contains(&text.len()) {
        return Err("a PIN has 6 to 8 characters");
    }
    if !text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return Err("a PIN has only ASCII characters");
    }
    Ok(())
}
