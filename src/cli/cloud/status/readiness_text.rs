//! Formats the readiness of a vault as text.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::ledger::{AffectedToken, CustodianProof, LastDrill, Readiness, SharePurpose, SpentBy};
use crate::time_text;

/// Returns lines about credentials, drills and custodians, and one line for each overdue task.
pub fn text(readiness: &Readiness, now: Timestamp) -> String {
    let Readiness {
        credentials_epoch,
        sealed,
        spent,
        released_shares,
        last_drill,
        custodians,
        affected_tokens,
        overdue,
        ..
    } = readiness;
    let mut text = format!("credentials  epoch {credentials_epoch}, sealed {}", ago(*sealed, now));
    match spent {
        Some(SpentBy { session, at, purpose }) => {
            let session = session.map_or_else(|| "a window".into(), |session| format!("session {session}"));
            let by = match purpose {
                SharePurpose::Open => session,
                SharePurpose::Close => format!("a quorum's close of {session}"),
            };
            let _ = write!(text, "; SPENT by {by}, {}", ago(*at, now));
        }
        None => text.push_str("; no session recorded on this machine"),
    }
    if *released_shares > 0 {
        let _ =
            write!(text, "; shares given to close, or for openings that did not happen: {released_shares}");
    }
    let drill = drill_text(last_drill.as_ref(), now);
    let _ = write!(text, "\nlast drill   {drill}\ncustodians   last proof of YubiKey and words: ");
    let proof = |CustodianProof { name, last_used }: &CustodianProof| match last_used {
        Some(at) => format!("{name} {}", ago(*at, now)),
        None => format!("{name} never"),
    };
    text.push_str(&custodians.iter().map(proof).collect::<Vec<_>>().join(", "));
    text.push('\n');
    for AffectedToken { custodian, serial, firmware, advisory } in affected_tokens {
        let _ = writeln!(
            text,
            "firmware     {custodian}: YubiKey {serial} has {firmware}, which {advisory} affects"
        );
    }
    for one in overdue {
        let _ = writeln!(text, "OVERDUE      {one}");
    }
    text
}

fn drill_text(last: Option<&LastDrill>, now: Timestamp) -> String {
    match last {
        Some(LastDrill { session, at, passed, signed, complete }) => {
            let verdict = match (*passed, *signed, *complete) {
                (false, ..) => "FAILED",
                (true, false, _) => "passed, but does not count: it has no valid signature of a custodian",
                (true, true, false) => {
                    "passed, but is not a complete drill: nothing was opened and closed, or the ledger has no valid \
                     approvals by a quorum"
                }
                (true, true, true) => "passed",
            };
            format!("{}, {verdict}, session {session}", ago(*at, now))
        }
        None => "none recorded on this machine".into(),
    }
}

fn ago(at: Timestamp, now: Timestamp) -> String {
    let day = time_text::date(at);
    match now.duration_since(at).as_hours() / 24 {
        ..=0 => format!("today ({day})"),
        1 => format!("yesterday ({day})"),
        days => format!("{days} days ago ({day})"),
    }
}
