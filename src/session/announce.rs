//! What a run tells people: before it opens, and how it ended; with what each channel answered on record.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use crate::alert::{Alerts, Deliveries, Delivery, Notice, Receipt};
use crate::error::{Error, Result, Status};
use crate::events::Event;
use crate::gate::host::{Clock, Patience, Reporter};
use crate::ledger::{AlertTopic, Record};
use crate::session::context::Stage;
use crate::terminal::signals::{Received, SessionSignals};

/// The longest that the end of a run waits for answers where nothing was opened, and somebody has stopped it or nobody has
/// acknowledged anything. Else each channel has its own time.
const SHORT_WAIT: Duration = Duration::from_secs(2);

/// How long it takes until it is said that answers are waited for.
const UNSAID: Duration = Duration::from_secs(1);

/// Who is told, and of what.
#[derive(Default)]
pub(crate) struct Telling {
    alerts: Alerts,
    /// What every notice of this run says; without one nobody is told.
    notice: Option<Notice>,
    /// Nobody's acknowledgement is waited for: that was approved.
    excused: bool,
    answers: RefCell<Vec<(AlertTopic, Deliveries)>>,
    /// It was sent that it is about to open: somebody may know, also who did not say so.
    announced: Cell<bool>,
    /// Somebody has acknowledged something.
    acknowledged: Cell<bool>,
}

impl Telling {
    pub(crate) fn new(alerts: Alerts, notice: Notice) -> Self {
        let excused = notice.no_alert.is_some();
        Self { alerts, notice: Some(notice), excused, ..Self::default() }
    }

    /// More is known of what there is to tell.
    pub(crate) fn is_about(&mut self, notice: Notice) {
        self.notice = Some(notice);
    }
}

impl Stage<'_> {
    /// Tells everybody, until one acknowledgement that counts.
    pub(crate) async fn tell_first(&self) -> Result<()> {
        self.telling.announced.set(true);
        self.say(&format!("alert: telling {}", self.telling.alerts.names()));
        let Some(mut answers) = self.send(AlertTopic::Opening, None) else { return Err(nobody_told(&[])) };
        let mut silent = Vec::new();
        let told = loop {
            if self.telling.excused || self.interrupted() {
                break Ok(());
            }
            tokio::select! {
                told = answers.next() => match told {
                    Some(told) => {
                        self.heard(AlertTopic::Opening, &told);
                        if self.telling.alerts.counts(&told) {
                            break Ok(());
                        }
                        let why = told.outcome.err();
                        let why = why.unwrap_or_else(|| "only this machine's own, which does not count".into());
                        silent.push(format!("{}: {why}", told.channel));
                    }
                    None => break Err(nobody_told(&silent)),
                },
                () = self.pause(Duration::from_secs(1)) => {}
            }
        };
        self.telling.answers.borrow_mut().push((AlertTopic::Opening, answers));
        told
    }

    /// How to close what may be open is said before everybody has been told.
    pub(crate) fn say_what_may_be_open(&self, result: &Result<()>) {
        if let Some(error) = result.as_ref().err().filter(|error| error.status == Status::MayBeOpen) {
            self.say(&error.to_string());
        }
    }

    /// Takes the answers that have come meanwhile.
    pub(crate) fn hear(&self) {
        let mut came = Vec::new();
        for (about, answers) in self.telling.answers.borrow_mut().iter_mut() {
            while let Some(told) = answers.ready() {
                came.push((*about, told));
            }
        }
        for (about, told) in came {
            self.heard(about, &told);
        }
    }

    /// Tells how it ended, and waits a little for what is still to be answered. What was never announced and never
    /// enabled is nobody's business.
    pub(crate) async fn tell_last(
        &self,
        about: AlertTopic,
        detail: Option<String>,
        signals: &mut SessionSignals,
    ) {
        if about == AlertTopic::NotOpened && !self.telling.announced.get() {
            return;
        }
        if self.telling.alerts.is_empty() {
            self.say("warning: nobody is told: there are no alert channels here");
        }
        let Some(answers) = self.send(about, detail) else { return };
        self.telling.answers.borrow_mut().push((about, answers));
        let mut all = std::mem::take(&mut *self.telling.answers.borrow_mut());
        let hearing = async {
            for (about, answers) in &mut all {
                while let Some(told) = answers.next().await {
                    self.heard(*about, &told);
                }
                if let Some(why) = answers.command_error().await {
                    self.say(&format!("warning: alert: the command {why}"));
                }
            }
        };
        let impatient = async { while !matches!(signals.next().await, Received::End(_)) {} };
        let in_vain = self.interrupted() || !self.telling.acknowledged.get();
        let in_vain = in_vain && about == AlertTopic::NotOpened;
        let patience = self.telling.alerts.timeout().min(if in_vain { SHORT_WAIT } else { Duration::MAX });
        let waiting = async {
            tokio::time::sleep(patience.min(UNSAID)).await;
            self.say(match about {
                AlertTopic::MayBeOpen => {
                    "alert: telling that access MAY STILL BE OPEN; Ctrl-C: what to do, at once"
                }
                _ => "alert: telling how it ended; Ctrl-C ends that",
            });
            tokio::time::sleep(patience.saturating_sub(UNSAID)).await;
        };
        tokio::select! {
            () = hearing => {}
            () = waiting => {}
            () = impatient => {}
        }
        for (about, answers) in all {
            answers.end().iter().for_each(|told| self.heard(about, told));
        }
    }

    fn send(&self, about: AlertTopic, detail: Option<String>) -> Option<Deliveries> {
        let notice = self.telling.notice.clone()?;
        let until = self.until.get().or(notice.until);
        let ledger = self.hurried.head().ok();
        Some(self.telling.alerts.send(&Notice {
            about,
            at: self.clock.now(),
            until,
            detail,
            ledger,
            ..notice
        }))
    }

    /// On record, and said.
    fn heard(&self, about: AlertTopic, told: &Delivery) {
        let Delivery { channel, sealed, sent, outcome } = told.clone();
        let session = self.telling.notice.as_ref().and_then(|notice| notice.session);
        let (acknowledged, Receipt { id: receipt, detail }) = match outcome {
            Ok((at, receipt)) => (Some(at), receipt),
            Err(detail) => (None, Receipt { id: None, detail }),
        };
        let whose = if sealed { "" } else { " (this machine's own channel)" };
        match acknowledged {
            Some(_) => {
                self.telling.acknowledged.set(true);
                self.say(&format!("alert: {channel} acknowledged{whose}"));
            }
            None => self.say(&format!("warning: alert: {channel} did not acknowledge{whose}: {detail}")),
        }
        self.emit(Event::Told {
            about,
            channel: &channel,
            sealed,
            acknowledged: acknowledged.is_some(),
            detail: &detail,
        });
        let record = Record::Told { session, about, channel, sealed, sent, acknowledged, receipt, detail };
        self.record_in_passing(record);
    }
}

fn nobody_told(silent: &[String]) -> Error {
    let why = if silent.is_empty() { "there is no channel".into() } else { silent.join("; ") };
    Error::failed(format!("nobody acknowledged the alert ({why})"))
        .next("look at the channels; to open without one, say --no-alert WHY, which the custodians sign")
}
