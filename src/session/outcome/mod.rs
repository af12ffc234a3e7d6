//! The outcome of a run. Pure functions derive from the outcome the exit status, the topic of the last alert and the
//! message.

mod summary;

use std::time::Duration;

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::gate::Window;
use crate::gate::close::CloseOutcome;
use crate::gate::open::Stop;
use crate::ledger::AlertTopic;
use crate::session::how_to_close::HowToClose;
use crate::session::messages;
use crate::session::work::CommandEnd;
use crate::time_text;
use crate::window::{Cause, End};

pub(crate) use summary::{SpentUse, WindowEnd};

const NOTHING_ENABLED: &str = "nothing was enabled";

/// The outcome of a run.
#[derive(Debug)]
pub(crate) struct RunOutcome {
    pub(crate) end: End,
    /// The window that the run recorded in the ledger. `None` if the run recorded no window.
    pub(crate) window: Option<Window>,
    /// Whether the operator stopped the opening.
    pub(crate) was_stopped: bool,
    /// Whether the program sent the write that enables access.
    pub(crate) was_enabled: bool,
    /// The duration from the opening of the window until the end of the close. `None` if the window was never open.
    pub(crate) open_for: Option<Duration>,
    /// How the operator's command ended. `None` if the operator gave no command.
    pub(crate) command: Option<CommandEnd>,
    /// The reason why the window did not open, or why the operator's command could not be started.
    pub(crate) failure: Option<Stop>,
    /// The result of the closing sequence. `None` if the sequence did not run, or if it panicked.
    pub(crate) closed: Option<CloseOutcome>,
}

/// Advice to an operator whose opening failed.
pub(crate) struct Advice {
    pub(crate) how_to_close: HowToClose,
    /// The command that opens a vault of the lane `static` for the same AWS account, if there is such a vault.
    pub(crate) open_static: Option<String>,
}

impl RunOutcome {
    /// Returns an outcome with no window, no writes and no close. `end` is how the run ended.
    pub(crate) fn new(end: End) -> Self {
        Self {
            end,
            window: None,
            was_stopped: false,
            was_enabled: false,
            open_for: None,
            command: None,
            failure: None,
            closed: None,
        }
    }

    /// Returns the topic of the run's last alert.
    pub(crate) fn topic(&self) -> AlertTopic {
        match self.end {
            End::Untouched(_) if self.met_other_window() => AlertTopic::MayBeOpen,
            End::Closed(_) if self.was_enabled => AlertTopic::Closed,
            End::MayBeOpen(_) if self.was_enabled => AlertTopic::MayBeOpen,
            End::Untouched(_) | End::Closed(_) | End::MayBeOpen(_) => AlertTopic::NotOpened,
        }
    }

    /// Reports whether a probe proved that access is closed. Returns false if the proof only consists of reading IAM.
    pub(crate) fn is_probed(&self) -> bool {
        matches!(self.closed, Some(CloseOutcome::Closed { refusals, .. }) if refusals.probed())
    }

    /// Returns why access is not proven closed. Returns an empty text if access is proven closed.
    pub(crate) fn doubt(&self) -> String {
        match &self.closed {
            Some(CloseOutcome::Unproven { why, .. }) => why.clone(),
            Some(CloseOutcome::TakenOver { session, until, .. }) => {
                let until = time_text::local(*until);
                format!("the gate of session {session}, which ends {until}, is in place and was left alone")
            }
            _ => String::new(),
        }
    }

    /// Reports whether the opening ended because another machine opened a window at the same time.
    fn met_other_window(&self) -> bool {
        matches!(self.failure, Some(Stop::OtherWindow(_)))
    }

    /// Returns the time until which access can be open: T1 of the gate in IAM. The gate in IAM can belong to another
    /// session.
    pub(crate) fn open_until(&self) -> Option<Timestamp> {
        match self.closed {
            Some(CloseOutcome::TakenOver { until, .. }) => Some(until),
            _ => self.window.map(|window| window.until),
        }
    }

    /// Returns two fields of the record `closed`: whether a probe proved that the session is closed, and why the
    /// session ended. Returns `None` if the session is not closed or had no window.
    pub(crate) fn closed_because(&self) -> Option<(bool, String)> {
        match self.end {
            End::Untouched(_) if self.met_other_window() => None,
            End::Untouched(_) => self.window.map(|_| (false, NOTHING_ENABLED.to_owned())),
            End::Closed(cause) => Some((self.is_probed(), messages::cause(cause))),
            End::MayBeOpen(_) if self.is_replaced() && !self.was_enabled => {
                Some((false, NOTHING_ENABLED.to_owned()))
            }
            End::MayBeOpen(_) => None,
        }
    }

    /// Reports whether the gate of another session has replaced this session's gate.
    fn is_replaced(&self) -> bool {
        matches!(self.closed, Some(CloseOutcome::TakenOver { was_closed: false, .. }))
    }

    /// Returns an error if access is closed but the user is not at rest.
    pub(crate) fn untidy(&self, how_to_close: &HowToClose) -> Option<Error> {
        let Some(CloseOutcome::Closed { untidy: Some(why), .. }) = &self.closed else { return None };
        let error = Error::failed(format!("access is refused, but the user is not at rest: {why}"));
        Some(error.next(how_to_close.commands()))
    }

    /// Returns the result of the command `open`.
    ///
    /// # Errors
    /// The error has exit status 10 if access might still be open. The error has another exit status if the window did
    /// not open, or if a signal or a failure ended the window.
    pub(crate) fn result(&self, advice: &Advice, now: Timestamp) -> Result<()> {
        let failure = self.failure(advice);
        match self.end {
            End::Untouched(cause) => Err(match (cause, failure) {
                (Cause::Signal(signal), _) => Error::interrupted(signal, NOTHING_ENABLED),
                (_, Some(error)) if self.met_other_window() => error.and("this opening enabled nothing"),
                (_, Some(error)) => error.and(NOTHING_ENABLED),
                (_, None) => Error::failed("stopped before anything was enabled").next("open again"),
            }),
            End::Closed(cause) => self.closed_result(cause, failure),
            End::MayBeOpen(cause) if self.was_enabled => {
                let why = failure.map_or_else(|| messages::cause(cause), |error| error.what);
                let doubt = self.doubt();
                let why = if doubt.is_empty() { why } else { format!("{why}; {doubt}") };
                let until = self.open_until();
                Err(advice.how_to_close.may_be_open(&why, until, now))
            }
            End::MayBeOpen(cause) => Err(self.never_enabled(cause, failure, &advice.how_to_close)),
        }
    }

    fn closed_result(&self, cause: Cause, failure: Option<Error>) -> Result<()> {
        let closed = match &self.closed {
            Some(CloseOutcome::TakenOver { .. }) => {
                format!("this session's access is proven closed; {}", self.doubt())
            }
            _ => "access is proven closed".into(),
        };
        let closed = closed.as_str();
        match (cause, failure) {
            (Cause::Signal(signal), None) => Err(Error::interrupted(signal, closed)),
            (Cause::Panicked, _) => Err(Error::failed("internal error").and(closed)),
            (_, Some(error)) => Err(error.and(closed)),
            (_, None) if self.open_for.is_none() => {
                Err(Error::refused("time was up before the window was open; access is closed")
                    .next("open again with a longer window"))
            }
            (_, None) => Ok(()),
        }
    }

    fn never_enabled(&self, cause: Cause, failure: Option<Error>, how_to_close: &HowToClose) -> Error {
        let is_control_plane = matches!(self.failure, Some(Stop::ControlPlane(_)));
        let next = failure.as_ref().and_then(|error| error.next.clone()).filter(|_| is_control_plane);
        let what = failure.map_or_else(|| messages::cause(cause), |error| error.what);
        let doubt = self.doubt();
        if self.is_replaced() {
            return Error::refused(format!("{what}; this opening enabled nothing; {doubt}")).next(format!(
                "wait until that window ends, or close it now: {}",
                how_to_close.force_command()
            ));
        }
        Error::refused(format!(
            "{what}; access was never enabled: AWSDenyAll was not detached, but the user is not at rest: {doubt}"
        ))
        .next(next.unwrap_or_else(|| format!("when AWS can be reached: {}", how_to_close.command())))
    }

    /// Returns the error to report. If IAM's control plane failed, the error advises the operator to open the vault
    /// of the lane `static`.
    fn failure(&self, advice: &Advice) -> Option<Error> {
        let is_control_plane = matches!(self.failure, Some(Stop::ControlPlane(_)));
        let failed = match &self.failure {
            Some(Stop::Failed(error) | Stop::ControlPlane(error) | Stop::OtherWindow(error)) => {
                Some(error.clone())
            }
            Some(Stop::Interrupted) | None => None,
        };
        let error = self.untidy(&advice.how_to_close).or(failed)?;
        Some(if is_control_plane { advice.or_static_vault(error) } else { error })
    }
}

impl Advice {
    fn or_static_vault(&self, error: Error) -> Error {
        let Some(open) = &self.open_static else {
            let next = error.next.clone().unwrap_or_else(|| "let an AWS administrator look at IAM".into());
            let account = &self.how_to_close.target.account;
            return error
                .next(format!("{next}; the vault's directory has no static vault of account {account}"));
        };
        error.next(format!("open the static vault, which needs no IAM write: {open}"))
    }
}

#[cfg(test)]
mod tests;
