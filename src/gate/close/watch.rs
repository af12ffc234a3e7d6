//! Watches for a write of the opening that takes effect after the close.

use std::time::Duration;

use jiff::Timestamp;

use super::request::CloseRequest;
use crate::gate::host::{Clock, Patience, Reporter};
use crate::gate::iam::Closer;
use crate::gate::join::unless_given_up;
use crate::gate::observed::{UserState, observe};
use crate::gate::progress::Pending;
use crate::gate::session::SessionId;
use crate::time_text;

/// The pause between two checks for a late write. Each check makes three calls to IAM, so the rate of calls is far
/// below IAM's limit.
const BETWEEN_WATCHES: Duration = Duration::from_secs(3);

/// The result of [`watch`].
pub(super) enum Watched {
    /// The user stayed at rest, and the pending write can no longer take effect.
    Quiet,
    /// The user is not at rest. Either a late write took effect, or IAM did not show an earlier write until now.
    Arrived,
    /// Another session has begun to open a window.
    TakenOver {
        session: SessionId,
        until: Timestamp,
    },
    GaveUp(Pending),
}

/// Reads IAM repeatedly until the pending write can no longer take effect, or until T1.
pub(super) async fn watch(
    closer: &impl Closer,
    request: &CloseRequest<'_>,
    pending: Option<&Pending>,
    host: &(impl Clock + Patience + Reporter),
) -> Watched {
    let Some(pending) = pending else {
        return Watched::Quiet;
    };
    let Pending { what, doubt, expires } = pending;
    let end = request.until.map_or(*expires, |until| until.min(*expires));
    let mut said = false;
    loop {
        let Some(access) = unless_given_up(host, closer.read_access_state()).await else {
            return Watched::GaveUp(pending.clone());
        };
        match observe(&access, &request.scope(), host.now()) {
            UserState::AtRest | UserState::Unknown(_) => {}
            UserState::Open { session, until } if request.is_other(session) => {
                return Watched::TakenOver { session, until };
            }
            UserState::Opening { session, until }
                if request.session.is_some_and(|requested| requested != session) =>
            {
                return Watched::TakenOver { session, until };
            }
            _ => return Watched::Arrived,
        }
        if host.now() >= end {
            return Watched::Quiet;
        }
        if host.gave_up() {
            return Watched::GaveUp(pending.clone());
        }
        if !said {
            said = true;
            let end = time_text::clock(end);
            host.say(&format!("close: {what} {doubt}; watching until {end} UTC for a late opening"));
        }
        host.pause(BETWEEN_WATCHES).await;
    }
}
