//! Sends a notice over all alert channels concurrently, and reports which channels acknowledged the notice.

mod command;
mod http;
mod notice;
mod pagerduty;
mod receipt;
mod slack;
mod smtp;
mod sns;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

use crate::vault::payload::{Channel, ChannelKind};
use http::Http;
pub use notice::{Notice, VaultName};
pub use receipt::Receipt;
use receipt::{Failure, plain};

/// The timeout of a channel for which no timeout is configured.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The pause before the first retry. The pause doubles before each further retry.
const FIRST_PAUSE: Duration = Duration::from_millis(300);

/// The result of sending a notice over one channel.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The channel's name.
    pub channel: String,
    /// Whether the channel is sealed in the vault. A channel that is not sealed is from this machine's configuration
    /// file.
    pub sealed: bool,
    /// The time when the notice was sent.
    pub sent: Timestamp,
    /// The time and the content of the acknowledgement, or the reason why there is no acknowledgement.
    pub outcome: Result<(Timestamp, Receipt), String>,
}

/// The alert channels and the alert command. Every channel and the command get every alert.
#[derive(Debug, Default)]
pub struct Alerts {
    channels: Vec<Receiver>,
    command: Vec<String>,
    clients: Clients,
}

/// The configuration of AWS clients and the HTTP connections, which all channels share.
#[derive(Clone, Debug, Default)]
struct Clients {
    aws: Option<SdkConfig>,
    http: Http,
}

#[derive(Clone, Debug)]
struct Receiver {
    channel: Arc<Channel>,
    sealed: bool,
}

/// The deliveries of one notice. The deliveries run in background tasks.
#[derive(Debug)]
pub struct Deliveries {
    done: UnboundedReceiver<Delivery>,
    /// The channels that have no result yet. Each entry has the channel's name, whether the channel is sealed, and when
    /// the notice was sent.
    pending: Vec<(String, bool, Timestamp)>,
    command: Option<JoinHandle<Result<(), String>>>,
}

impl Alerts {
    /// Returns an [`Alerts`] with the channels that are sealed in the vault (`sealed`) and the channels in this
    /// machine's configuration file (`local`). `command` is the alert command, and `config` is the configuration of AWS
    /// clients.
    pub fn new(sealed: Vec<Channel>, local: Vec<Channel>, command: Vec<String>, config: SdkConfig) -> Self {
        let receiver = |sealed| move |channel| Receiver { channel: Arc::new(channel), sealed };
        let channels = sealed.into_iter().map(receiver(true)).chain(local.into_iter().map(receiver(false)));
        Self {
            channels: channels.collect(),
            command,
            clients: Clients { aws: Some(config), http: Http::default() },
        }
    }

    /// Reports whether `delivery` is an acknowledgement that allows the opening to continue. If the vault has sealed
    /// channels, only acknowledgements from sealed channels count.
    pub fn counts(&self, delivery: &Delivery) -> bool {
        delivery.outcome.is_ok() && (delivery.sealed || self.channels.iter().all(|receiver| !receiver.sealed))
    }

    /// Returns the names of the channels in one line, for a message.
    pub fn names(&self) -> String {
        let names: Vec<_> = self.channels.iter().map(|receiver| receiver.channel.name.as_str()).collect();
        if names.is_empty() { "no channel".into() } else { names.join(", ") }
    }

    /// Returns true if there is no channel. The alert command does not count as a channel.
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    /// Returns the longest timeout of the channels and the alert command.
    pub fn timeout(&self) -> Duration {
        let command = if self.command.is_empty() { Duration::ZERO } else { TIMEOUT };
        self.channels.iter().map(|receiver| timeout(&receiver.channel)).max().unwrap_or_default().max(command)
    }

    /// Starts to deliver the notice over all channels, in tasks of the current tokio runtime.
    pub fn send(&self, notice: &Notice) -> Deliveries {
        let (deliver, done) = unbounded_channel();
        let notice = Arc::new(notice.clone());
        let now = Timestamp::now();
        let pending = self.channels.iter().map(|to| (to.channel.name.clone(), to.sealed, now)).collect();
        for Receiver { channel, sealed } in self.channels.iter().cloned() {
            let (deliver, notice, clients) = (deliver.clone(), notice.clone(), self.clients.clone());
            tokio::spawn(async move {
                let sent = Timestamp::now();
                let outcome = deliver_one(&channel, &notice, &clients).await;
                let outcome =
                    outcome.map(|receipt| (Timestamp::now(), receipt.plain())).map_err(|why| plain(&why));
                let _ = deliver.send(Delivery { channel: channel.name.clone(), sealed, sent, outcome });
            });
        }
        let command = || tokio::spawn(command::run(self.command.clone(), notice, TIMEOUT));
        Deliveries { done, pending, command: (!self.command.is_empty()).then(command) }
    }
}

impl Deliveries {
    /// Waits for the next result. Returns `None` after the last result.
    pub async fn next(&mut self) -> Option<Delivery> {
        let delivery = self.done.recv().await;
        delivery.inspect(|delivery| self.settle(delivery))
    }

    /// Returns a result if one is available. Does not wait.
    pub fn ready(&mut self) -> Option<Delivery> {
        let delivery = self.done.try_recv().ok();
        delivery.inspect(|delivery| self.settle(delivery))
    }

    fn settle(&mut self, delivery: &Delivery) {
        self.pending
            .retain(|(channel, sealed, _)| (channel, *sealed) != (&delivery.channel, delivery.sealed));
    }

    /// Waits until the alert command has ended. Returns the command's error if the command has failed.
    pub async fn command_error(&mut self) -> Option<String> {
        self.command.take()?.await.ok()?.err()
    }

    /// Stops waiting for results. Returns the results that are available, and a failure for each channel without a
    /// result.
    pub fn end(mut self) -> Vec<Delivery> {
        let mut all: Vec<_> = std::iter::from_fn(|| self.ready()).collect();
        let why = "no answer before the command ended";
        all.extend(self.pending.into_iter().map(|(channel, sealed, sent)| Delivery {
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

/// Delivers a notice over one channel. After a temporary failure, tries again until the channel's timeout.
async fn deliver_one(channel: &Channel, notice: &Notice, clients: &Clients) -> Result<Receipt, String> {
    let time = timeout(channel);
    let mut last = None;
    let trying = async {
        let mut pause = FIRST_PAUSE;
        loop {
            match attempt(channel, notice, clients).await {
                Ok(receipt) => return Ok(receipt),
                Err(Failure::Permanent(why)) => return Err(why),
                Err(Failure::Temporary(why)) => last = Some(why),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    };
    match tokio::time::timeout(time, trying).await {
        Ok(outcome) => outcome,
        Err(_) => Err(last.unwrap_or_else(|| format!("no answer within {} s", time.as_secs()))),
    }
}

async fn attempt(
    channel: &Channel,
    notice: &Notice,
    Clients { aws, http }: &Clients,
) -> Result<Receipt, Failure> {
    match &channel.kind {
        ChannelKind::Sns { topic_arn, key } => sns::publish(topic_arn, key, notice, aws.as_ref()).await,
        ChannelKind::PagerDuty { routing_key, url } => {
            pagerduty::enqueue(http, routing_key, url.as_ref(), notice).await
        }
        ChannelKind::Slack { url } => slack::post(http, url, notice).await,
        ChannelKind::Webhook { url, secret } => webhook::post(http, url, secret, notice).await,
        ChannelKind::Smtp(server) => smtp::send(server, notice).await,
    }
}
