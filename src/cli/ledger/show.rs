//! `ledger show`: prints one line for each record. Control characters in a record's text are replaced.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Serialize;

use crate::cli::args::LedgerShowArgs;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::gate::SessionId;
use crate::ledger::{self, AlertTopic, Entry, Ledger, Merged, MergedRecord, Record, SharePurpose};
use crate::terminal::{note, print};
use crate::time_text;
use crate::vault::names::harmless;

/// Prints the records of all ledgers, ordered by time. Then prints the errors of the ledgers that cannot be read.
pub fn run(arguments: LedgerShowArgs) -> Result<()> {
    ShowRequest::new(arguments)?.run()
}

/// The ledgers and records to show. Without `--ledger`, the ledgers are this machine's ledger and the ledgers that
/// the configuration names.
struct ShowRequest {
    ledgers: Vec<PathBuf>,
    session: Option<SessionId>,
    json: bool,
}

impl ShowRequest {
    fn new(arguments: LedgerShowArgs) -> Result<Self> {
        let LedgerShowArgs { mut ledgers, session, json } = arguments;
        if ledgers.is_empty() {
            let own = Ledger::at_default();
            ledgers = Config::load()?.ledgers;
            if own.is_there_or_missed() {
                ledgers.insert(0, own.path());
            }
        }
        Ok(Self { ledgers, session, json })
    }

    fn run(&self) -> Result<()> {
        let Merged { mut records, files } = ledger::read_all(&self.ledgers);
        records.retain(|record| {
            self.session.is_none_or(|asked| record.link.entry.record.session() == Some(asked))
        });
        if self.json { print::exact(&json(&records)?) } else { print::result(&text(&records)) }?;
        let mut wrong: Vec<_> = files.into_iter().filter_map(|file| file.wrong).collect();
        let last = wrong.pop();
        for error in &wrong {
            note(&error.what);
        }
        last.map_or(Ok(()), Err)
    }
}

/// One record as JSON, with the path of its ledger and the record's SHA-256.
#[derive(Serialize)]
struct RecordLine<'a> {
    ledger: &'a str,
    record_sha256: String,
    #[serde(flatten)]
    entry: &'a Entry,
}

fn json(records: &[MergedRecord]) -> Result<String> {
    let mut text = String::new();
    for MergedRecord { ledger, link } in records {
        let line = RecordLine { ledger, record_sha256: hex::encode(link.sha256), entry: &link.entry };
        text += &serde_json::to_string(&line)
            .map_err(|e| Error::failed(format!("a record cannot be written: {e}")))?;
        text.push('\n');
    }
    Ok(text)
}

/// Returns the records as text, with a heading whenever the session or the ledger changes.
fn text(records: &[MergedRecord]) -> String {
    let several = records.iter().any(|record| record.ledger != records[0].ledger);
    let mut text = String::new();
    let columns = print::columns();
    let mut under: Option<(&str, Option<SessionId>)> = None;
    for MergedRecord { ledger, link } in records {
        let heading = (ledger.as_str(), link.entry.record.session());
        if under != Some(heading) {
            let gap = if under.is_some() { "\n" } else { "" };
            let session = heading.1.map_or_else(|| "no session".into(), |id| format!("session {id}"));
            let of = if several { format!(" in ledger {ledger}") } else { String::new() };
            let _ = writeln!(text, "{gap}{session}{of}");
            under = Some(heading);
        }
        let at = time_text::utc(link.entry.at);
        let start = format!("  {at}  {:<8}  ", link.entry.record.kind());
        let row = format!("{start}{}", harmless(&said(&link.entry.record), '?'));
        let _ = writeln!(text, "{}", print::hung(&row, start.len(), columns));
    }
    if records.is_empty() { "no records\n".into() } else { text }
}

fn said(record: &Record) -> String {
    match record {
        Record::Approval { custodian, .. } => format!("{custodian} signed"),
        Record::CloseApproval { custodian, .. } => format!("{custodian} signed to close"),
        Record::Share { custodian, purpose, .. } => {
            format!(
                "{custodian} gave a share to {}",
                if *purpose == SharePurpose::Open { "open" } else { "close" }
            )
        }
        Record::Alert { topic, channel, acknowledged, detail, .. } => {
            let topic = match topic {
                AlertTopic::Opening => "opening",
                AlertTopic::Closing => "closing",
                AlertTopic::NotOpened => "not opened",
                AlertTopic::Closed => "closed",
                AlertTopic::MayBeOpen => "may be open",
            };
            let outcome = if acknowledged.is_some() { "acknowledged" } else { "NOT acknowledged" };
            format!("{channel} {outcome} ({topic}): {detail}")
        }
        Record::Intent { target, window, reason, again, no_alert, older_epoch, drill_of, .. } => {
            let drill = if drill_of.is_some() { "drill on " } else { "" };
            let again = again.as_ref().map_or_else(String::new, |why| format!("; again: {why}"));
            let older = older_epoch.as_ref().map_or_else(String::new, |why| format!("; older epoch: {why}"));
            let quiet = no_alert.as_ref().map_or_else(String::new, |why| format!("; no alert: {why}"));
            let (name, account, user) = (&target.name, &target.account, &target.user);
            let window = time_text::seconds(*window);
            format!("{drill}{name}, user {user} in {account}, for {window}: {reason}{again}{older}{quiet}")
        }
        Record::Window { until, .. } => format!("AWS refuses access from {} on", time_text::utc(*until)),
        Record::Enabling { .. } => "enabling access now".into(),
        Record::Opened { until, .. } => format!("open until {}", time_text::utc(*until)),
        Record::Issued { access_key_id, .. } => {
            format!("AWS session {access_key_id} for the command in the window")
        }
        Record::Closed { probed, cause, .. } => {
            format!("closed, {}: {cause}", if *probed { "probed" } else { "read from IAM, not probed" })
        }
        Record::Drill { passed, injected, .. } => {
            let how = if *passed { "passed" } else { "FAILED" };
            let injected =
                if injected.is_empty() { String::new() } else { format!(", with {}", injected.join(", ")) };
            format!("{how}{injected}")
        }
        Record::Review { custodian, .. } => format!("{custodian} signed the review"),
    }
}
