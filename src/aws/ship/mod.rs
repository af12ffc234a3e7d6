//! Copies each new record of the ledger to an S3 bucket with Object Lock. A background thread sends the records. Before
//! a command ends, it waits for this thread for a short time.

mod bucket;
mod read;

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::aws::preload::runtime;
use crate::config::Ship;
use crate::error::{Error, Result};
use crate::ledger::verify::CopiedRecord;
use crate::ledger::{Chain, Head, Ledger, RawLedger, Shipped};
use crate::terminal::print;
use bucket::Bucket;
pub(crate) use read::{CopyReader, READ_TIMEOUT, ReadCopy};

/// The pause after a failed attempt to send a record.
const RETRY_AFTER: Duration = Duration::from_secs(15);
/// The longest time that a command waits, before it exits, until the last records are sent.
const FINISH_TIMEOUT: Duration = Duration::from_secs(3);

/// The result of one attempt to send all queued records.
#[derive(Debug, Default)]
struct Shipment {
    /// The number of records that were sent.
    sent: u64,
    /// The number of records that were not sent, and the reason.
    queued: Option<(u64, String)>,
    /// Whether the bucket has no Object Lock.
    unlocked: bool,
}

/// A background thread that sends the ledger's records.
#[derive(Debug)]
pub(crate) struct Shipper {
    wake: Sender<Wake>,
    done: Receiver<Shipment>,
    place: String,
}

/// The reason why the background thread wakes up.
#[derive(Debug)]
enum Wake {
    Grown,
    End,
}

impl Shipper {
    /// Starts the background thread, which first sends the queued records. The returned ledger wakes the thread after
    /// each new record.
    pub(crate) fn start(ship: Ship, ledger: Ledger) -> (Option<Self>, Ledger) {
        let (wake, woken) = channel();
        let (tell, done) = channel();
        let place = place(&ship);
        let source = ledger.clone();
        let thread = std::thread::Builder::new().name("ship".into());
        if thread.spawn(move || drop(tell.send(keep_sending(&ship, &source, &woken)))).is_err() {
            return (None, ledger);
        }
        let grown = wake.clone();
        let ledger = ledger.waking(move || drop(grown.send(Wake::Grown)));
        (Some(Self { wake, done, place }), ledger)
    }

    /// Waits until the last records are sent, but at most for [`FINISH_TIMEOUT`]. Prints a warning if records stay
    /// queued.
    pub(crate) fn finish(self) {
        let Self { wake, done, place } = self;
        let _ = wake.send(Wake::End);
        let round = done.recv_timeout(FINISH_TIMEOUT);
        if round.as_ref().is_ok_and(|round| round.unlocked) {
            print::warning(unlocked(&place));
        }
        let what = match round {
            Ok(Shipment { queued: None, .. }) => return,
            Ok(Shipment { queued: Some((count, why)), .. }) => {
                format!("{count} records of the ledger are not yet copied to {place}: {why}")
            }
            Err(_) => {
                format!("some records of the ledger are not yet copied to {place}: S3 did not answer in time")
            }
        };
        print::warning(format_args!("{what}\n  next: breakglass ledger ship"));
    }
}

fn unlocked(place: &str) -> String {
    format!("the bucket of {place} has no Object Lock, so the copies can be deleted")
}

/// Sends records until the thread gets [`Wake::End`] or the command ends. Before it returns, tries a last time to send
/// the queued records.
fn keep_sending(ship: &Ship, ledger: &Ledger, woken: &Receiver<Wake>) -> Shipment {
    let Ok(runtime) = runtime() else { return Shipment::default() };
    let bucket = runtime.block_on(Bucket::new(ship));
    let mut round = runtime.block_on(send(&bucket, ship, ledger));
    loop {
        let next = if round.queued.is_some() {
            woken.recv_timeout(RETRY_AFTER)
        } else {
            woken.recv().map_err(|_| RecvTimeoutError::Disconnected)
        };
        let is_end = |wake: Wake| matches!(wake, Wake::End);
        let ends = matches!(next, Ok(Wake::End) | Err(RecvTimeoutError::Disconnected))
            | woken.try_iter().any(is_end);
        round = runtime.block_on(send(&bucket, ship, ledger));
        if ends {
            return round;
        }
    }
}

/// Sends all queued records once.
async fn send(bucket: &Bucket, ship: &Ship, ledger: &Ledger) -> Shipment {
    match queue(ship, ledger) {
        Ok((raw, shipped)) => send_from(bucket, ledger, &raw, shipped).await,
        Err(error) => Shipment { queued: Some((0, error.what)), ..Shipment::default() },
    }
}

/// Reads the ledger, and the number of records that were already sent to the bucket.
fn queue(ship: &Ship, ledger: &Ledger) -> Result<(RawLedger, Shipped)> {
    let (raw, path) = (ledger.raw()?, ledger.path());
    let Ship { bucket, prefix, .. } = ship.clone();
    let last = Shipped::beside(&path).unwrap_or_default();
    let id = raw.chain.id().unwrap_or_default();
    let is_same = (&last.bucket, &last.prefix, &last.ledger) == (&bucket, &prefix, &id);
    let sent = if is_same { last.sent } else { 0 };
    Ok((raw, Shipped { bucket, prefix, ledger: id, sent }))
}

async fn send_from(bucket: &Bucket, ledger: &Ledger, raw: &RawLedger, mut shipped: Shipped) -> Shipment {
    let Head { seq: all, .. } = raw.chain.head();
    let mut round = Shipment::default();
    for (link, line) in raw.records().skip(usize::try_from(shipped.sent).unwrap_or(usize::MAX)) {
        let put = bucket.put(&shipped.ledger, link, line).await;
        let kept = put.and_then(|()| {
            shipped.sent += 1;
            shipped.write(&ledger.path())
        });
        if let Err(why) = kept {
            round.queued = Some((all - link.entry.seq, why));
            break;
        }
        round.sent += 1;
    }
    round.unlocked = bucket.is_known_to_be_unlocked();
    round
}

/// Returns the bucket and the prefix as an S3 URL.
fn place(ship: &Ship) -> String {
    format!("s3://{}/{}", ship.bucket, ship.prefix)
}

/// Opens the bucket for a command that waits for the answer to each request.
fn open_bucket(ship: &Ship) -> Result<(Runtime, Bucket)> {
    let runtime = runtime()?;
    let bucket = runtime.block_on(Bucket::new(ship));
    Ok((runtime, bucket))
}

/// Sends the queued records in the foreground, and returns the number of records that were sent.
///
/// # Errors
/// Fails if a record stays queued, if the bucket has no Object Lock, or if the ledger is damaged.
pub(crate) fn ship_now(ship: &Ship, ledger: &Ledger) -> Result<u64> {
    let (runtime, bucket) = open_bucket(ship)?;
    let (raw, shipped) = queue(ship, ledger)?;
    let is_unlocked = runtime.block_on(bucket.is_unlocked());
    match runtime.block_on(send_from(&bucket, ledger, &raw, shipped)) {
        Shipment { sent, queued: None, .. } if is_unlocked => Err(Error::failed(format!(
            "{sent} records were sent, but the bucket of {} has no Object Lock, so the copies can be deleted",
            place(ship)
        ))
        .next("create a bucket with Object Lock, and name that bucket in the configuration file")),
        Shipment { sent, queued: None, .. } => Ok(sent),
        Shipment { sent, queued: Some((count, why)), .. } => Err(Error::failed(format!(
            "{count} records of the ledger are not yet copied to {} ({sent} were sent now): {why}",
            place(ship)
        ))
        .next("the records stay queued; check the bucket, the profile and the network, then run breakglass ledger ship again")),
    }
}

/// Reads the copies of this ledger's records from the bucket.
///
/// # Errors
/// Fails if the bucket cannot be read, or if it has no copy of this ledger.
pub(crate) fn shipped(ship: &Ship, chain: &Chain) -> Result<Vec<CopiedRecord>> {
    let (runtime, bucket) = open_bucket(ship)?;
    let cannot = |why: String| {
        Error::failed(format!("cannot read bucket {}: {why}", ship.bucket))
            .next("use a profile that is allowed to list object versions and get objects")
    };
    let found = match chain.id() {
        Some(id) => runtime.block_on(bucket.copies(&id)).map_err(cannot)?,
        None => Vec::new(),
    };
    if found.is_empty() {
        let what = format!("bucket {} has no copy of this ledger", ship.bucket);
        return Err(Error::damaged(what).next(
            "no record was sent yet, or the ledger's first record was changed; look at the objects in the bucket",
        ));
    }
    Ok(found)
}
