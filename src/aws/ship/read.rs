//! Reads the copies of all ledgers from the bucket, for the checks before an opening and for `status`. The copies can
//! show uses of a vault that are missing in this machine's ledger. Reading takes at most [`READ_TIMEOUT`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::bucket::{Bucket, RecordKey};
use super::place;
use crate::aws::preload::runtime;
use crate::config::Ship;
use crate::ledger::{Ledger, LedgerFile};

/// The longest wait for the copies, counted from the start of the reading.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(3);

/// The largest number of objects that are read at the same time.
const CONCURRENT: usize = 32;

/// The copies of ledgers that were read from the bucket.
#[derive(Debug)]
pub(crate) struct ReadCopy {
    pub(crate) ledgers: Vec<LedgerFile>,
    /// The number of records in all copies.
    pub(crate) records: usize,
    /// The bucket and the prefix as an S3 URL.
    pub(crate) place: String,
}

/// A background thread that reads the copies.
#[derive(Debug)]
pub(crate) struct CopyReader {
    done: Receiver<Result<ReadCopy, String>>,
    until: Instant,
}

impl CopyReader {
    /// Starts to read the copies of ledgers from the bucket. Records that `ledger` has are not read from the bucket.
    pub(crate) fn start(ship: &Ship, ledger: &Ledger) -> Self {
        let (tell, done) = channel();
        let (ship, ledger, until) = (ship.clone(), ledger.clone(), Instant::now() + READ_TIMEOUT);
        let read = move || {
            let _ = tell.send(read_copies(&ship, &ledger));
        };
        // If the thread cannot be started, `tell` is dropped, and `finish` fails at once.
        let _ = std::thread::Builder::new().name("copy".into()).spawn(read);
        Self { done, until }
    }

    /// Waits for the copies, at most until [`READ_TIMEOUT`] has passed since the start.
    ///
    /// # Errors
    /// Returns the reason why the copies were not read.
    pub(crate) fn finish(self) -> Result<ReadCopy, String> {
        let left = self.until.saturating_duration_since(Instant::now());
        let no_answer = |_| format!("S3 did not answer within {} s", READ_TIMEOUT.as_secs());
        self.done.recv_timeout(left).map_err(no_answer)?
    }
}

fn read_copies(ship: &Ship, ledger: &Ledger) -> Result<ReadCopy, String> {
    let known = known_lines(ledger);
    let runtime = runtime().map_err(|error| error.what)?;
    let lines = runtime.block_on(async { read_lines(Bucket::impatient(ship).await, known).await });
    runtime.shutdown_background();
    let lines = lines?;
    let place = place(ship);
    let records = lines.values().map(Vec::len).sum();
    let copy = |(id, lines): (String, _)| {
        LedgerFile::of_copy(&format!("{}/{id}", place.trim_end_matches('/')), lines)
    };
    Ok(ReadCopy { ledgers: lines.into_iter().map(copy).collect(), records, place: place.clone() })
}

/// Returns the lines of the ledger. The key of a line is the first 16 hex digits of its SHA-256, as in the object keys
/// of the bucket.
fn known_lines(ledger: &Ledger) -> HashMap<String, Vec<u8>> {
    let Ok(raw) = ledger.raw() else { return HashMap::new() };
    raw.records().map(|(link, line)| (hex::encode(&link.sha256[..8]), line.to_vec())).collect()
}

/// The lines of each ledger, with the number of each record.
type Lines = BTreeMap<String, Vec<(u64, Vec<u8>)>>;

async fn read_lines(bucket: Bucket, known: HashMap<String, Vec<u8>>) -> Result<Lines, String> {
    let bucket = Arc::new(bucket);
    let mut lines = Lines::new();
    let mut reading = JoinSet::new();
    for (key, versions) in bucket.versions(&bucket.root()).await? {
        let Some(of) = bucket.parse(&key) else { continue };
        if let Some(line) = known.get(&of.digest) {
            lines.entry(of.ledger).or_default().push((of.seq, line.clone()));
            continue;
        }
        if reading.len() >= CONCURRENT {
            take(&mut lines, reading.join_next().await)?;
        }
        let bucket = bucket.clone();
        reading.spawn(async move { bucket.line(&key, versions, &of).await.map(|line| (of, line)) });
    }
    while let Some(read) = reading.join_next().await {
        take(&mut lines, Some(read))?;
    }
    Ok(lines)
}

type Read = Result<(RecordKey, Option<Vec<u8>>), String>;

fn take(lines: &mut Lines, read: Option<Result<Read, tokio::task::JoinError>>) -> Result<(), String> {
    let Some(read) = read else { return Ok(()) };
    let (of, line) = read.map_err(|error| error.to_string())??;
    if let Some(line) = line {
        lines.entry(of.ledger).or_default().push((of.seq, line));
    }
    Ok(())
}
