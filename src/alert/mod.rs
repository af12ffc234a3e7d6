//! Telling people: every channel at once, each with a time of its own, and what each of them acknowledged.

mod command;
mod http;
mod notice;
mod pagerduty;
mod slack;
mod smtp;
mod sns;
mod webhook;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

use crate::vault::names::harmless;
use crate::vault::payload::{Channel, Kind};
use http::Http;
pub use notice::{Notice, VaultNamed};

/// How long a channel is waited for unless it says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long it takes to try again after what may pass, at first.
const BREATH: Duration = Duration::from_millis(300);

/// Why a channel did not acknowledge.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It may yet: the connection failed, or the receiver broke.
    Passing(String),
    /// It said no.
    Final(String),
}

impl Failure {
    fn why(&self) -> &str {
        match self {
            Self::Passing(why) | Self::Final(why) => why,
        }
    }
}

/// What became of telling one channel.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its name.
    pub channel: String,
    /// It is sealed in the vault.
    pub sealed: bool,
    /// When it was sent.
    pub sent: Timestamp,
    /// When it acknowledged, and how; or why not.
    pub outcome: Result<(Timestamp, Receipt), String>,
}

/// What a receiver answered that has acknowledged.
#[derive(Clone, Debug, Default)]
pub struct Receipt {
    /// Its own id for what it got, if it gave one: it can be asked about that.
    pub id: Option<String>,
    /// What it said, for a person.
    pub detail: String,
}

impl Receipt {
    /// An id, and what kind of thing that is the id of.
    fn of(what: &str, id: Option<&str>) -> Self {
        let id = id.filter(|id| !id.is_empty());
        Self {
            detail: id.map_or(format!("{what} without an id"), |id| format!("{what} {id}")),
            id: id.map(str::to_owned),
        }
    }

    /// Nothing but that it took it.
    fn without_id(detail: String) -> Self {
        Self { id: None, detail }
    }

    fn plain(self) -> Self {
        Self { id: self.id.as_deref().map(plain), detail: plain(&self.detail) }
    }
}

/// Who is to be told.
#[derive(Debug, Default)]
pub struct Alerts {
    channels: Vec<Receiver>,
    command: Vec<String>,
    means: Means,
}

/// What channels are reached with.
#[derive(Clone, Debug, Default)]
struct Means {
    aws: Option<SdkConfig>,
    http: Http,
}

#[derive(Clone, Debug)]
struct Receiver {
    channel: Arc<Channel>,
    sealed: bool,
}

/// Answers under way.
#[derive(Debug)]
pub struct Answers {
    came: UnboundedReceiver<Told>,
    /// Channels that have not answered yet: their names, whether they are sealed, when it was sent.
    silent: Vec<(String, bool, Timestamp)>,
    command: Option<JoinHandle<Result<(), String>>>,
}

impl Alerts {
    /// The sealed channels and this machine's own; `config` is what AWS's clients are made with.
    pub fn new(sealed: Vec<Channel>, local: Vec<Channel>, command: Vec<String>, config: SdkConfig) -> Self {
        let receiver = |sealed| move |channel| Receiver { channel: Arc::new(channel), sealed };
        let channels = sealed.into_iter().map(receiver(true)).chain(local.into_iter().map(receiver(false)));
        Self {
            channels: channels.collect(),
            command,
            means: Means { aws: Some(config), http: Http::default() },
        }
    }

    /// Whether this answer is the acknowledgement that opening waits for: where the vault has channels, one of them;
    /// an operator's own are not enough then.
    pub fn counts(&self, told: &Told) -> bool {
        told.outcome.is_ok() && (told.sealed || self.channels.iter().all(|receiver| !receiver.sealed))
    }

    /// Everybody's name, for a screen.
    pub fn names(&self) -> String {
        let names: Vec<_> = self.channels.iter().map(|receiver| receiver.channel.name.as_str()).collect();
        if names.is_empty() { "nobody".into() } else { names.join(", ") }
    }

    /// Nobody is there to be told.
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    /// How long the slowest may take.
    pub fn patience(&self) -> Duration {
        let command = if self.command.is_empty() { Duration::ZERO } else { TIMEOUT };
        self.channels.iter().map(|receiver| timeout(&receiver.channel)).max().unwrap_or_default().max(command)
    }

    /// Tells all of them at once; returns at once. On a runtime of tokio's.
    pub fn send(&self, notice: &Notice) -> Answers {
        let (answer, came) = unbounded_channel();
        let notice = Arc::new(notice.clone());
        let now = Timestamp::now();
        let silent = self.channels.iter().map(|of| (of.channel.name.clone(), of.sealed, now)).collect();
        for Receiver { channel, sealed } in self.channels.iter().cloned() {
            let (answer, notice, means) = (answer.clone(), notice.clone(), self.means.clone());
            tokio::spawn(async move {
                let sent = Timestamp::now();
                let outcome = tell(&channel, &notice, &means).await;
                let outcome =
                    outcome.map(|receipt| (Timestamp::now(), receipt.plain())).map_err(|why| plain(&why));
                let _ = answer.send(Told { channel: channel.name.clone(), sealed, sent, outcome });
            });
        }
        let command = || tokio::spawn(command::run(self.command.clone(), notice, TIMEOUT));
        Answers { came, silent, command: (!self.command.is_empty()).then(command) }
    }
}

impl Answers {
    /// The next answer; `None` when all have come.
    pub async fn next(&mut self) -> Option<Told> {
        let told = self.came.recv().await;
        told.inspect(|told| self.heard(told))
    }

    /// One that is there already.
    pub fn ready(&mut self) -> Option<Told> {
        let told = self.came.try_recv().ok();
        told.inspect(|told| self.heard(told))
    }

    fn heard(&mut self, told: &Told) {
        self.silent.retain(|(channel, sealed, _)| (channel, *sealed) != (&told.channel, told.sealed));
    }

    /// The command has done what it does; else what is wrong with it.
    pub async fn over(&mut self) -> Option<String> {
        self.command.take()?.await.ok()?.err()
    }

    /// Nobody waits any longer: what has come by now, and that the others did not answer.
    pub fn end(mut self) -> Vec<Told> {
        let mut all: Vec<_> = std::iter::from_fn(|| self.ready()).collect();
        let why = "it had not answered when the run ended";
        all.extend(self.silent.into_iter().map(|(channel, sealed, sent)| Told {
            channel,
            sealed,
            sent,
            outcome: Err(why.into()),
        }));
        all
    }
}

fn timeout(channel: &Channel) -> Duration {
    channel.timeout.map_or(TIMEOUT, crate::vault::duration::Span::duration)
}

/// Tells one, again and again within its time where that may help.
async fn tell(channel: &Channel, notice: &Notice, means: &Means) -> Result<Receipt, String> {
    let time = timeout(channel);
    let mut last = None;
    let trying = async {
        let mut breath = BREATH;
        loop {
            match once(channel, notice, means).await {
                Ok(receipt) => return Ok(receipt),
                Err(Failure::Final(why)) => return Err(why),
                Err(Failure::Passing(why)) => last = Some(why),
            }
            tokio::time::sleep(breath).await;
            breath *= 2;
        }
    };
    match tokio::time::timeout(time, trying).await {
        Ok(outcome) => outcome,
        Err(_) => Err(last.unwrap_or_else(|| format!("no answer within {} s", time.as_secs()))),
    }
}

async fn once(channel: &Channel, notice: &Notice, Means { aws, http }: &Means) -> Result<Receipt, Failure> {
    match &channel.kind {
        Kind::Sns { topic_arn, key } => sns::publish(topic_arn, key, notice, aws.as_ref()).await,
        Kind::PagerDuty { routing_key, url } => {
            pagerduty::enqueue(http, routing_key, url.as_ref(), notice).await
        }
        Kind::Slack { url } => slack::post(http, url, notice).await,
        Kind::Webhook { url, secret } => webhook::post(http, url, secret, notice).await,
        Kind::Smtp(server) => smtp::send(server, notice).await,
    }
}

/// A clock that is further off than this is why a signature was refused.
const OFF: Duration = Duration::from_mins(1);

fn is_off(date: SystemTime, here: SystemTime) -> bool {
    date.duration_since(here).or_else(|_| here.duration_since(date)).is_ok_and(|off| off > OFF)
}

/// What a receiver said, fit for a screen and a ledger.
fn plain(text: &str) -> String {
    harmless(&text.chars().take(160).collect::<String>(), ' ')
}
