//! The ledger's second copy: every record an object in a bucket with Object Lock, on a thread that nothing waits for.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ChecksumAlgorithm, ObjectLockEnabled, ObjectLockMode};
use jiff::{SignedDuration, Timestamp};

use super::clients::{Base, Tries};
use super::fault::words;
use super::warm::{Warm, runtime};
use crate::config::{Mode, Ship};
use crate::error::{Error, Result};
use crate::ledger::{Ledger, Line};
use crate::stderr;

/// How often it looks whether the ledger has grown.
const LOOK: Duration = Duration::from_millis(500);

/// How long it rests after a failure.
const REST: Duration = Duration::from_secs(5);

/// How long the end of a command waits for what is still to be sent.
const LAST_WAIT: Duration = Duration::from_secs(3);

/// Sends what a ledger grows by, while a command runs.
pub struct Shipping(Option<(Sender<()>, JoinHandle<()>, Queued)>);

/// Who tells how many are left.
struct Queued {
    ledger: Ledger,
    place: String,
}

impl Shipping {
    /// Starts, if there is somewhere to send it.
    pub fn start(ship: Option<&Ship>, ledger: &Ledger) -> Self {
        let Some(ship) = ship.cloned() else { return Self(None) };
        let (done, over) = channel();
        let queued = Queued { ledger: ledger.clone(), place: place(&ship) };
        let ledger = ledger.clone();
        let thread = std::thread::Builder::new().name("ship".into());
        let thread = thread.spawn(move || keep_shipping(&ship, &ledger, &over));
        Self(thread.ok().map(|thread| (done, thread, queued)))
    }

    /// The command is over: waits a little for what is still to be sent, and says what is left.
    pub fn finish(self) {
        let Some((done, thread, queued)) = self.0 else { return };
        drop(done);
        let until = Instant::now() + LAST_WAIT;
        while !thread.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        let left = queued.ledger.queue(&queued.place).map_or(0, |queue| queue.lines.len());
        if left > 0 {
            stderr::line(&format!(
                "warning: {left} records of the ledger are not at {} yet\n  next: breakglass ledger ship",
                queued.place
            ));
        }
    }
}

/// Until the command is over and nothing is left, or a last try has failed.
fn keep_shipping(ship: &Ship, ledger: &Ledger, over: &Receiver<()>) {
    let Ok(runtime) = runtime() else { return };
    let base = Warm::start().base(&runtime);
    let bucket = Bucket::new(&base, ship);
    loop {
        let sent = runtime.block_on(bucket.send(ledger));
        let rest = if sent.is_ok() { LOOK } else { REST };
        match over.recv_timeout(rest) {
            Err(RecvTimeoutError::Timeout) | Ok(()) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let _ = runtime.block_on(bucket.send(ledger));
                return;
            }
        }
    }
}

/// Sends everything that is queued, now.
///
/// # Errors
/// When something is still queued: how much, and why.
pub fn ship_now(ship: &Ship, ledger: &Ledger) -> Result<Shipped> {
    let runtime = runtime()?;
    let base = Warm::start().base(&runtime);
    let bucket = Bucket::new(&base, ship);
    let locked = runtime.block_on(bucket.is_locked());
    let queued = ledger.queue(&bucket.place)?.lines.len();
    let sent = runtime.block_on(bucket.send(ledger));
    runtime.shutdown_background();
    let left = ledger.queue(&bucket.place)?.lines.len();
    match sent {
        Ok(()) => Ok(Shipped { sent: queued, place: bucket.place, locked }),
        Err(why) => {
            Err(Error::failed(format!("{left} records of the ledger are not at {} yet: {why}", bucket.place))
                .next("they stay queued; look at the bucket, the profile and the network, then ship again"))
        }
    }
}

/// What was sent.
#[derive(Debug)]
pub struct Shipped {
    /// Records.
    pub sent: usize,
    /// Where to.
    pub place: String,
    /// The bucket has Object Lock; `None` when it did not say.
    pub locked: Option<bool>,
}

/// Where a ledger is copied to.
fn place(ship: &Ship) -> String {
    format!("s3://{}/{}", ship.bucket, ship.prefix)
}

struct Bucket<'a> {
    ship: &'a Ship,
    place: String,
    client: aws_sdk_s3::Client,
}

impl<'a> Bucket<'a> {
    fn new(base: &Base, ship: &'a Ship) -> Self {
        let provider = ProfileFileCredentialsProvider::builder().profile_name(&ship.profile).build();
        let config = base.with(SharedCredentialsProvider::new(provider), &ship.region, Tries::Four);
        // Whatever is not AWS itself seldom has a name for every bucket.
        let elsewhere = config.endpoint_url().is_some();
        let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(elsewhere).build();
        Self { ship, place: place(ship), client: aws_sdk_s3::Client::from_conf(config) }
    }

    /// Sends what is queued, in order; the cursor follows every record.
    async fn send(&self, ledger: &Ledger) -> Result<(), String> {
        let queue = ledger.queue(&self.place).map_err(|error| error.what)?;
        for line in &queue.lines {
            self.put(&queue.ledger, line).await?;
            ledger.shipped(&queue.ledger, &self.place, line.seq + 1).map_err(|error| error.what)?;
        }
        Ok(())
    }

    async fn put(&self, ledger: &str, line: &Line) -> Result<(), String> {
        let prefix = match self.ship.prefix.trim_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        let key = format!("{prefix}{ledger}/{:012}-{}.json", line.seq, &line.sha256()[..16]);
        let days = SignedDuration::from_hours(24 * i64::from(self.ship.retain_days));
        let until = Timestamp::now().saturating_add(days).unwrap_or(Timestamp::MAX);
        let mode = match self.ship.mode {
            Mode::Governance => ObjectLockMode::Governance,
            Mode::Compliance => ObjectLockMode::Compliance,
        };
        let put = self.client.put_object().bucket(&self.ship.bucket).key(key);
        let put = put.content_type("application/json").checksum_algorithm(ChecksumAlgorithm::Sha256);
        let put =
            put.object_lock_mode(mode).object_lock_retain_until_date(DateTime::from_secs(until.as_second()));
        let sent = put.body(ByteStream::from(line.text.clone().into_bytes())).send().await;
        sent.map(drop).map_err(|error| match error.code() {
            Some(code) => format!("AWS refused: {code}: {}", error.message().unwrap_or_default()),
            None => words(&error),
        })
    }

    async fn is_locked(&self) -> Option<bool> {
        match self.client.get_object_lock_configuration().bucket(&self.ship.bucket).send().await {
            Ok(answer) => {
                let lock = answer.object_lock_configuration().and_then(|lock| lock.object_lock_enabled());
                Some(lock == Some(&ObjectLockEnabled::Enabled))
            }
            Err(SdkError::ServiceError(error)) => {
                (error.err().code() == Some("ObjectLockConfigurationNotFoundError")).then_some(false)
            }
            Err(_) => None,
        }
    }
}
