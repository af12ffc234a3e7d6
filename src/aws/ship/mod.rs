//! The ledger's second copy, under S3 Object Lock: sent as it grows, and nothing ever waits for it.

mod bucket;

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::aws::clients::Base;
use crate::aws::preload::runtime;
use crate::config::Ship;
use crate::error::{Error, Result};
use crate::ledger::verify::Copied;
use crate::ledger::{Chain, Head, Ledger, Raw, Shipped};
use crate::stderr;
use bucket::Bucket;

/// After a record could not be sent, the next try.
const AGAIN: Duration = Duration::from_secs(15);
/// The end of a command waits for no more than this.
const LAST: Duration = Duration::from_secs(3);

/// What became of one try: how many were sent; how many are queued, and why.
#[derive(Debug, Default)]
struct Round {
    sent: u64,
    queued: Option<(u64, String)>,
    /// The bucket has no Object Lock.
    unlocked: bool,
}

/// Sends the ledger from a thread of its own.
#[derive(Debug)]
pub struct Shipper {
    wake: Sender<Wake>,
    done: Receiver<Round>,
    place: String,
}

/// Why it looks again.
#[derive(Debug)]
enum Wake {
    Grown,
    End,
}

impl Shipper {
    /// Starts with what is queued. The ledger that comes back wakes it with every record.
    pub fn start(ship: Ship, ledger: Ledger) -> (Option<Self>, Ledger) {
        let (wake, woken) = channel();
        let (tell, done) = channel();
        let place = place(&ship);
        let own = ledger.clone();
        let thread = std::thread::Builder::new().name("ship".into());
        if thread.spawn(move || drop(tell.send(keep(&ship, &own, &woken)))).is_err() {
            return (None, ledger);
        }
        let grown = wake.clone();
        let ledger = ledger.waking(move || drop(grown.send(Wake::Grown)));
        (Some(Self { wake, done, place }), ledger)
    }

    /// Lets it send what is left, for three seconds; what is not sent then stays queued.
    pub fn finish(self) {
        let Self { wake, done, place } = self;
        let _ = wake.send(Wake::End);
        let round = done.recv_timeout(LAST);
        if round.as_ref().is_ok_and(|round| round.unlocked) {
            stderr::line(&unlocked(&place));
        }
        let what = match round {
            Ok(Round { queued: None, .. }) => return,
            Ok(Round { queued: Some((count, why)), .. }) => {
                format!("{count} records of the ledger are not at {place} yet: {why}")
            }
            Err(_) => {
                format!("some records of the ledger are not at {place} yet: it does not answer in time")
            }
        };
        stderr::line(&format!("warning: {what}\n  next: breakglass ledger ship"));
    }
}

fn unlocked(place: &str) -> String {
    format!("warning: the bucket of {place} has no Object Lock: what is copied there can be deleted")
}

/// Until the end, and once more then.
fn keep(ship: &Ship, ledger: &Ledger, woken: &Receiver<Wake>) -> Round {
    let Ok(runtime) = runtime() else { return Round::default() };
    let bucket = runtime.block_on(Bucket::of(ship));
    let mut round = runtime.block_on(send(&bucket, ship, ledger));
    loop {
        let next = if round.queued.is_some() {
            woken.recv_timeout(AGAIN)
        } else {
            woken.recv().map_err(|_| RecvTimeoutError::Disconnected)
        };
        let grown = |wake: Wake| matches!(wake, Wake::End);
        let ends =
            matches!(next, Ok(Wake::End) | Err(RecvTimeoutError::Disconnected)) | woken.try_iter().any(grown);
        round = runtime.block_on(send(&bucket, ship, ledger));
        if ends {
            return round;
        }
    }
}

/// Sends what is queued; how far it came.
async fn send(bucket: &Bucket, ship: &Ship, ledger: &Ledger) -> Round {
    match queue(ship, ledger) {
        Ok((raw, shipped)) => send_from(bucket, ledger, &raw, shipped).await,
        Err(error) => Round { queued: Some((0, error.what)), ..Round::default() },
    }
}

/// The ledger, and how much of it was sent before to this place.
fn queue(ship: &Ship, ledger: &Ledger) -> Result<(Raw, Shipped)> {
    let (raw, path) = (ledger.raw()?, ledger.path());
    let Ship { bucket, prefix, .. } = ship.clone();
    let before = Shipped::beside(&path).unwrap_or_default();
    let id = raw.chain.id().unwrap_or_default();
    let here = (&before.bucket, &before.prefix, &before.ledger) == (&bucket, &prefix, &id);
    let sent = if here { before.sent } else { 0 };
    Ok((raw, Shipped { bucket, prefix, ledger: id, sent }))
}

async fn send_from(bucket: &Bucket, ledger: &Ledger, raw: &Raw, mut shipped: Shipped) -> Round {
    let Head { seq: all, .. } = raw.chain.head();
    let mut round = Round::default();
    for (link, line) in raw.records().skip(usize::try_from(shipped.sent).unwrap_or(usize::MAX)) {
        let put = bucket.put(&shipped.ledger, link, line).await;
        let kept = put.and_then(|()| {
            shipped.sent += 1;
            shipped.write(ledger)
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

/// Where a ledger is copied to.
fn place(ship: &Ship) -> String {
    format!("s3://{}/{}", ship.bucket, ship.prefix)
}

/// A runtime and the bucket, for a command that is about nothing else.
fn alone(ship: &Ship) -> Result<(Runtime, Bucket)> {
    let runtime = runtime()?;
    let bucket = runtime.block_on(Bucket::of(ship));
    Ok((runtime, bucket))
}

/// Sends what is queued, now; how many records that were.
///
/// # Errors
/// When something stays queued, with how much; or the ledger is damaged.
pub fn ship_now(ship: &Ship, ledger: &Ledger) -> Result<u64> {
    let (runtime, bucket) = alone(ship)?;
    let (raw, shipped) = queue(ship, ledger)?;
    let is_unlocked = runtime.block_on(bucket.is_unlocked());
    match runtime.block_on(send_from(&bucket, ledger, &raw, shipped)) {
        Round { sent, queued: None, .. } if is_unlocked => Err(Error::failed(format!(
            "{sent} records were sent, but the bucket of {} has no Object Lock: what is copied there can be deleted",
            place(ship)
        ))
        .next("make a bucket with Object Lock, and name that one")),
        Round { sent, queued: None, .. } => Ok(sent),
        Round { sent, queued: Some((count, why)), .. } => Err(Error::failed(format!(
            "{count} records of the ledger are not at {} yet, {sent} were sent now: {why}",
            place(ship)
        ))
        .next("they stay queued; look at the bucket, the profile and the network, then ship again")),
    }
}

/// What the bucket has of this ledger.
///
/// # Errors
/// When it cannot be read.
pub fn shipped(ship: &Ship, chain: &Chain) -> Result<Vec<Copied>> {
    let (runtime, bucket) = alone(ship)?;
    let cannot = |why: String| {
        Error::failed(format!("bucket {} cannot be read: {why}", ship.bucket))
            .next("use a profile that may list versions and get objects")
    };
    let found = match chain.id() {
        Some(id) => runtime.block_on(bucket.copies(&id)).map_err(cannot)?,
        None => Vec::new(),
    };
    if found.is_empty() {
        let what = format!("bucket {} has no copy that begins as this ledger does", ship.bucket);
        return Err(Error::damaged(what).next(
            "its first record was changed, or nothing was shipped yet: compare with what the bucket lists",
        ));
    }
    Ok(found)
}
