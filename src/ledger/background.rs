//! Appends the records of a close by a quorum in a background thread, so that the close does not wait for the ledger.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use jiff::Timestamp;

use super::record::Record;
use super::store::Ledger;

/// How long a command waits at its end until the last records are written.
const FINISH_TIMEOUT: Duration = Duration::from_secs(5);

/// A background thread that appends records.
#[derive(Debug)]
pub struct BackgroundRecords {
    send: Sender<(Timestamp, Record)>,
    failed: Receiver<NotWritten>,
}

/// Records that were not written, and the reason.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NotWritten {
    /// The record's kind and custodian.
    pub record: String,
    pub why: String,
}

impl BackgroundRecords {
    /// Starts the thread. If the thread cannot be started, [`Self::finish`] reports that the records were not written.
    pub fn start(ledger: &Ledger) -> Self {
        let (send, records) = channel::<(Timestamp, Record)>();
        let (tell, failed) = channel();
        let ledger = ledger.hurried();
        let write = move || {
            for (at, record) in records {
                let name = name(&record);
                if let Err(error) = ledger.append(at, record) {
                    let _ = tell.send(NotWritten { record: name, why: error.what });
                }
            }
        };
        // If the thread cannot be started, `write` is dropped together with its channels `tell` and `records`.
        let _ = std::thread::Builder::new().name("records".into()).spawn(write);
        Self { send, failed }
    }

    /// Sends a record to the thread. Returns false if the thread does not run.
    pub fn add(&self, record: Record) -> bool {
        self.send.send((Timestamp::now(), record)).is_ok()
    }

    /// Waits for a limited time until all records are written. Returns the records that were not written.
    pub fn finish(self) -> Vec<NotWritten> {
        let Self { send, failed } = self;
        drop(send);
        let until = std::time::Instant::now() + FINISH_TIMEOUT;
        let mut all = Vec::new();
        loop {
            match failed.recv_timeout(until.saturating_duration_since(std::time::Instant::now())) {
                Ok(one) => all.push(one),
                Err(RecvTimeoutError::Disconnected) => return all,
                Err(RecvTimeoutError::Timeout) => {
                    let why = format!("the ledger was not written within {} s", FINISH_TIMEOUT.as_secs());
                    all.push(NotWritten { record: "the last records".into(), why });
                    return all;
                }
            }
        }
    }
}

/// Returns a record's name for messages.
fn name(record: &Record) -> String {
    match record {
        Record::CloseApproval { custodian, .. } => format!("the signature of {custodian}"),
        Record::Share { custodian, .. } => format!("the share of {custodian}"),
        record => record.kind().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::SharePurpose;

    fn share(custodian: &str) -> Record {
        Record::Share {
            session: None,
            vault: "v".into(),
            credentials_epoch: 1,
            custodian: custodian.into(),
            purpose: SharePurpose::Close,
        }
    }

    #[test]
    fn records_are_written_in_order_and_failures_are_named() {
        let directory = std::env::temp_dir().join(format!("breakglass-background-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        let ledger = Ledger::at(&directory);
        let records = BackgroundRecords::start(&ledger);
        assert!(records.add(share("alice")) && records.add(share("bob")));
        assert_eq!(records.finish(), []);
        let kinds: Vec<_> = ledger.entries().expect("read").into_iter().map(|entry| entry.record).collect();
        assert_eq!(kinds, [share("alice"), share("bob")]);

        std::fs::write(ledger.path(), "damaged\n").expect("write");
        let records = BackgroundRecords::start(&ledger);
        assert!(records.add(share("alice")));
        let failed = records.finish();
        assert!(failed.len() == 1 && failed[0].record == "the share of alice", "{failed:?}");
        std::fs::remove_dir_all(&directory).expect("remove");
    }
}
