//! What a custodian types: twelve words, a PIN. Mistakes that can be seen here never reach a token.

use std::time::Instant;

use crate::custody::part::{Part, TypedWords, WordsError};
use crate::secret::SecretText;
use crate::terminal::{NoAnswer, Reply, Terminal, countable, note};

/// Why there is no answer.
#[derive(Clone, Copy)]
pub enum Ended {
    /// The end of input.
    Input,
    /// A deadline or a signal.
    Stop(NoAnswer),
}

/// A line, or why there is none.
pub fn line(terminal: &mut Terminal, prompt: &str, until: Option<Instant>) -> Result<SecretText, Ended> {
    match terminal.ask(prompt, until) {
        Ok(Reply::Line(line)) => Ok(line),
        Ok(Reply::End) => Err(Ended::Input),
        Err(stop) => Err(Ended::Stop(stop)),
    }
}

/// Twelve words, in one go or one by one; `None` for an empty line before the first.
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
                    "{name}: all twelve are words, but together they are no part: one is wrong, or two are \
                     swapped\n  next: type all twelve again, as they stand on the sheet"
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
                "{name}: word {place} is not in the list\n  next: type word {place} again, and only it"
            )),
            Err(WordsError::TooMany(count)) => note(&format!(
                "{name}: that would be {count} words, a part has twelve\n  next: type the line again"
            )),
        }
    }
}

/// A PIN of the right shape; `None` when the custodian is skipped. The last try takes an explicit yes.
pub fn pin(
    terminal: &mut Terminal,
    name: &str,
    serial: u32,
    left: u8,
    until: Option<Instant>,
) -> Result<Option<SecretText>, Ended> {
    if left == 1 {
        let prompt = format!(
            "{name}: one try is left for YubiKey {serial} and a wrong PIN blocks it; type yes to use it: "
        );
        if line(terminal, &prompt, until)?.expose().trim() != "yes" {
            return Ok(None);
        }
    }
    let left = countable(left.into(), "try", "tries");
    loop {
        let pin = line(terminal, &format!("{name}: PIN of YubiKey {serial} ({left} left): "), until)?;
        if pin.expose().is_empty() {
            return Ok(None);
        }
        match pin_shape(pin.expose()) {
            Ok(()) => return Ok(Some(pin)),
            Err(why) => note(&format!("{name}: {why}\n  next: type the PIN; nothing was sent to the token")),
        }
    }
}

/// Whether a PIN or PUK can be one: 6 to 8 characters.
pub fn pin_shape(text: &str) -> Result<(), &'static str> {
    let modhex = |b: u8| b"cbdefghijklnrtuv".contains(&b);
    if text.len() == 44 && text.bytes().all(modhex) {
        return Err("that is a one-time password: a finger rested on the YubiKey");
    }
    if text.trim() != text {
        return Err("a blank stands before or after it");
    }
    if !(6..=8).contains(&text.len()) {
        return Err("a PIN has 6 to 8 characters");
    }
    if !text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return Err("a PIN has only ASCII characters");
    }
    Ok(())
}
