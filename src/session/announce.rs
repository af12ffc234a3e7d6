//! Sends the alerts of a run: one alert before the window opens, and one alert after the run has ended. Records each
//! channel's answer in the ledger.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use jiff::Timestamp;

use crate::alert::{Alerts, Deliveries, Delivery, Notice, Receipt};
use crate::error::{Error, Result};
use crate::events::Event;
use crate::gate::SessionId;
use crate::ledger::{AlertTopic, Record};
use crate::session::interrupt::Interrupt;
use crate::session::log::Log;
use crate::terminal::signals::{Received, SessionSignals};

/// The longest wait for the alert channels at the end of a run that opened nothing. The limit applies if the operator
/// stopped the run, or if no channel has acknowledged an alert. After an acknowledged alert, only the timeout of each
/// channel limits the wait.
const SHORT_WAIT: Duration = Duration::from_secs(2);

/// How long the program waits for the alert channels before it prints that it is waiting.
const SILENT_WAIT: Duration = Duration::from_secs(1);

pub(crate) struct Announcer<'a> {
    log: &'a Log<'a>,
    alerts: Alerts,
    /// The fields that have the same value in every alert of the run.
    notice: Notice,
    deliveries: RefCell<Vec<(AlertTopic, Deliveries)>>,
    /// The deliveries of the alert that a quorum is closing access. These deliveries are recorded only after the close,
    /// because writing a record could delay the close.
    closing: RefCell<Option<Deliveries>>,
    /// Whether an alert announced the opening. After an alert about the opening, another alert must announce the end of
    /// the run.
    announced: Cell<bool>,
    acknowledged: Cell<bool>,
}

/// The end of a run, as described in the run's last alert.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    pub(crate) topic: AlertTopic,
    pub(crate) detail: String,
    pub(crate) until: Option<Timestamp>,
}

impl<'a> Announcer<'a> {
    pub(crate) fn new(log: &'a Log<'a>, alerts: Alerts, notice: Notice) -> Self {
        Self {
            log,
            alerts,
            notice,
            deliveries: RefCell::default(),
            closing: RefCell::default(),
            announced: Cell::default(),
            acknowledged: Cell::default(),
        }
    }

    /// Announces the opening, and waits for an acknowledgement that counts (see [`Alerts::counts`]). Does not wait if
    /// the custodians approved `--no-alert`.
    ///
    /// # Errors
    /// Fails if all channels have answered and no acknowledgement counts.
    pub(crate) async fn announce_opening(&self, interrupt: &Interrupt) -> Result<()> {
        self.announced.set(true);
        self.log.say(&format!("alert: notifying {}", self.alerts.names()));
        let mut deliveries = self.send(AlertTopic::Opening, None, self.notice.until);
        let result = self.first_acknowledgement(&mut deliveries, interrupt).await;
        self.deliveries.borrow_mut().push((AlertTopic::Opening, deliveries));
        result
    }

    /// Sends the alert that a quorum is closing access. Does not wait for the channels, and does not read the ledger.
    /// `release` describes who gave a share. Does nothing if `release` is `None`, because the close then has no quorum.
    pub(crate) fn announce_closing(&self, release: Option<String>) {
        let (topic, at) = (AlertTopic::Closing, self.log.now());
        let Some(detail) = release else { return };
        let notice = Notice { topic, at, detail: Some(detail), ..self.notice.clone() };
        *self.closing.borrow_mut() = Some(self.alerts.send(&notice));
    }

    /// Sets the session that the next alerts are about, and whether the session's window was closed with `--force`.
    pub(crate) fn set_session(&mut self, session: Option<SessionId>, forced: bool) {
        (self.notice.session, self.notice.forced) = (session, forced);
    }

    async fn first_acknowledgement(&self, deliveries: &mut Deliveries, interrupt: &Interrupt) -> Result<()> {
        let mut failures = Vec::new();
        while self.notice.no_alert.is_none() && !interrupt.stops_opening() {
            tokio::select! {
                delivery = deliveries.next() => {
                    let Some(delivery) = delivery else { return Err(not_acknowledged(&failures)) };
                    self.record_delivery(AlertTopic::Opening, &delivery);
                    if self.alerts.counts(&delivery) {
                        return Ok(());
                    }
                    let why = delivery.outcome.err();
                    let why = why.unwrap_or_else(|| {
                        "an acknowledgement from a channel of this machine does not count".into()
                    });
                    failures.push(format!("{}: {why}", delivery.channel));
                }
                () = interrupt.pause(Duration::from_secs(1)) => {}
            }
        }
        Ok(())
    }

    /// Records the deliveries that have finished since the last call.
    pub(crate) fn collect(&self) {
        let mut finished = Vec::new();
        for (topic, deliveries) in self.deliveries.borrow_mut().iter_mut() {
            while let Some(delivery) = deliveries.ready() {
                finished.push((*topic, delivery));
            }
        }
        for (topic, delivery) in finished {
            self.record_delivery(topic, &delivery);
        }
    }

    /// Announces how the run ended, and waits for the unfinished deliveries. Sends nothing if access was not enabled
    /// and the opening was not announced. `was_stopped` is true if the operator stopped the opening.
    pub(crate) async fn announce_end(&self, ending: Ending, was_stopped: bool, signals: &mut SessionSignals) {
        let Ending { topic, detail, until } = ending;
        if topic == AlertTopic::NotOpened && !self.announced.get() {
            return;
        }
        if self.alerts.is_empty() {
            self.log.say("warning: no alert was sent, because no channel is configured");
        }
        let deliveries = self.send(topic, Some(detail), until.or(self.notice.until));
        self.deliveries.borrow_mut().push((topic, deliveries));
        let is_hopeless = was_stopped || !self.acknowledged.get();
        let limit = if is_hopeless && topic == AlertTopic::NotOpened { SHORT_WAIT } else { Duration::MAX };
        self.settle(topic, limit, signals).await;
    }

    /// Waits for the unfinished deliveries for at most the duration `limit`, and records all deliveries. `topic` is the
    /// topic of the last alert.
    pub(crate) async fn settle(&self, topic: AlertTopic, limit: Duration, signals: &mut SessionSignals) {
        let closing = self.closing.borrow_mut().take().map(|deliveries| (AlertTopic::Closing, deliveries));
        let mut all: Vec<_> = closing.into_iter().chain(self.deliveries.borrow_mut().drain(..)).collect();
        let interrupted = async { while !matches!(signals.next().await, Received::End(_)) {} };
        tokio::select! {
            () = self.finish(&mut all) => {}
            () = self.wait(topic, self.alerts.timeout().min(limit)) => {}
            () = interrupted => {}
        }
        for (topic, deliveries) in all {
            deliveries.end().iter().for_each(|delivery| self.record_delivery(topic, delivery));
        }
    }

    /// Waits for all deliveries, and records each delivery in the ledger.
    async fn finish(&self, all: &mut [(AlertTopic, Deliveries)]) {
        for (topic, deliveries) in all {
            while let Some(delivery) = deliveries.next().await {
                self.record_delivery(*topic, &delivery);
            }
            if let Some(why) = deliveries.command_error().await {
                self.log.say(&format!("warning: alert command: {why}"));
            }
        }
    }

    async fn wait(&self, topic: AlertTopic, limit: Duration) {
        tokio::time::sleep(limit.min(SILENT_WAIT)).await;
        self.log.say(match topic {
            AlertTopic::MayBeOpen => {
                "alert: notifying that access MAY STILL BE OPEN; press Ctrl-C to stop waiting"
            }
            _ => "alert: notifying how the run ended; press Ctrl-C to stop waiting",
        });
        tokio::time::sleep(limit.saturating_sub(SILENT_WAIT)).await;
    }

    fn send(&self, topic: AlertTopic, detail: Option<String>, until: Option<Timestamp>) -> Deliveries {
        let (at, ledger) = (self.log.now(), self.log.head());
        self.alerts.send(&Notice { topic, at, until, detail, ledger, ..self.notice.clone() })
    }

    fn record_delivery(&self, topic: AlertTopic, delivery: &Delivery) {
        let Delivery { channel, sealed, sent, outcome } = delivery.clone();
        let (acknowledged, Receipt { id: receipt, detail }) = match outcome {
            Ok((at, receipt)) => (Some(at), receipt),
            Err(detail) => (None, Receipt { id: None, detail }),
        };
        let origin = if sealed { "" } else { " (configured on this machine)" };
        let about = if topic == AlertTopic::Closing { " that a quorum closes" } else { "" };
        if acknowledged.is_some() {
            self.acknowledged.set(true);
            self.log.say(&format!("alert: {channel} acknowledged{about}{origin}"));
        } else {
            self.log.say(&format!("warning: alert: {channel} did not acknowledge{about}{origin}: {detail}"));
        }
        self.log.emit(Event::Alert {
            topic,
            channel: &channel,
            sealed,
            acknowledged: acknowledged.is_some(),
            detail: &detail,
        });
        let session = self.notice.session;
        let record = Record::Alert { session, topic, channel, sealed, sent, acknowledged, receipt, detail };
        self.log.record_hurried(record);
    }
}

fn not_acknowledged(failures: &[String]) -> Error {
    let why = if failures.is_empty() { "no channel is configured".into() } else { failures.join("; ") };
    Error::failed(format!("no channel acknowledged the alert ({why})")).next(
        "check the channels; to open without an alert, pass --no-alert \"reason\", which the custodians sign",
    )
}
