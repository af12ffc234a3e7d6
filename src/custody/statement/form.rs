//! The accepted forms of the fields of statements. Each check returns the name of the field that is not in its accepted
//! form.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::vault::manifest::{Lane, TargetSummary};
use crate::vault::names;

/// The largest count: 2^53 − 1. A larger integer can differ from its spelling in canonical JSON (RFC 7493).
const MAX_COUNT: u64 = (1 << 53) - 1;

/// The longest reason in characters.
const MAX_REASON: usize = 200;

/// The result of a check.
pub(super) type Check = Result<(), &'static str>;

/// Returns an error with the name of the field if the condition does not hold.
pub(super) fn ensure(field: &'static str, holds: bool) -> Check {
    if holds { Ok(()) } else { Err(field) }
}

/// Checks the subject: a name without control characters, and a digest.
pub(super) fn subject(name: &str, sha256: &str) -> Check {
    let is_name = (1..=255).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    ensure("subject", is_name)?;
    hex("subject", sha256, 32)
}

/// Checks the fields about the signer.
pub(super) fn signer(custodian: &str, enrolment: &str, signed: Timestamp) -> Check {
    name("custodian", custodian)?;
    hex("enrolment", enrolment, 16)?;
    time("signed", signed)
}

/// Checks the name of a custodian or of an alert channel.
pub(super) fn name(field: &'static str, text: &str) -> Check {
    ensure(field, names::name(field, text).is_ok())
}

/// Checks a list of at most `most` different names.
pub(super) fn names(field: &'static str, list: &[String], most: usize) -> Check {
    let is_set = list.iter().collect::<BTreeSet<_>>().len() == list.len();
    ensure(field, list.len() <= most && is_set)?;
    list.iter().try_for_each(|text| name(field, text))
}

/// Checks that the text is `bytes` bytes in lower-case hex.
pub(super) fn hex(field: &'static str, text: &str, bytes: usize) -> Check {
    ensure(field, names::hex_of(field, text, bytes).is_ok())
}

/// Checks that a time is in the years 1 to 9998. The other rules for times follow from the canonical form.
pub(super) fn time(field: &'static str, at: Timestamp) -> Check {
    // A year below 0 has six digits and a sign.
    let text = at.to_string();
    ensure(field, text.as_bytes().get(4) == Some(&b'-') && !["0000", "9999"].contains(&&text[..4]))
}

/// Checks an epoch.
pub(super) fn epoch(field: &'static str, epoch: u32) -> Check {
    ensure(field, epoch != 0)
}

/// Checks a count, which can be 0.
pub(super) fn count(field: &'static str, count: u64) -> Check {
    ensure(field, count <= MAX_COUNT)
}

/// Checks a reason: one line, with single spaces between words.
pub(super) fn reason(field: &'static str, text: &str) -> Check {
    let is_short = (1..=MAX_REASON).contains(&text.chars().count());
    let is_line = !text.chars().any(char::is_control) && text.split(' ').all(|word| !word.is_empty());
    ensure(field, is_short && is_line)
}

/// Checks the head of a ledger. The digest is zero if and only if the ledger has no record.
pub(super) fn ledger(seq: u64, sha256: &str) -> Check {
    count("ledger", seq)?;
    hex("ledger", sha256, 32)?;
    ensure("ledger", (seq == 0) == sha256.bytes().all(|digit| digit == b'0'))
}

/// Checks the targets of a request.
pub(super) fn targets(targets: &[TargetSummary]) -> Check {
    let names: BTreeSet<_> = targets.iter().map(|target| &target.name).collect();
    ensure("targets", (1..=256).contains(&targets.len()) && names.len() == targets.len())?;
    // A request to close has no lane. The lane of an opening is compared with the manifest, like the targets.
    targets.iter().try_for_each(|target| ensure("targets", target.check(Lane::Gate).is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_the_years_1_to_9998() {
        let at = |text: &str| time("signed", text.parse().expect("the time should be valid"));
        for right in ["0001-01-01T00:00:00Z", "2026-11-22T02:17:00.25Z", "9998-12-31T23:59:59.999999999Z"] {
            assert!(at(right).is_ok(), "{right}");
        }
        for wrong in ["-000001-01-01T00:00:00Z", "0000-12-31T23:59:59Z", "9999-01-01T00:00:00Z"] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }
}
