//! `close` of a vault of the lane static: there is nothing to write, only to know.

use jiff::Timestamp;

use crate::config::Config;
use crate::error::Result;
use crate::events::{Event, Events};
use crate::ledger::{self, AlertTopic, LastSession, Ledger, Record, VaultFacts};
use crate::session::messages::{self, HowToClose};
use crate::session::notify::Tidings;
use crate::terminal::print;
use crate::vault::manifest::Lane;
use crate::vault::target::TargetId;

/// Says whether this machine's last session of a role has ended by itself; people are told.
///
/// # Errors
/// With status 10 while it has not.
pub fn close_static(
    vault: &VaultFacts,
    target: TargetId,
    ledger: &Ledger,
    events: Events,
    config: Config,
) -> Result<()> {
    let now = Timestamp::now();
    let how = HowToClose::of(&vault.path, &target, Lane::Static);
    // Nobody knows then that there is none.
    let entries = ledger.entries().map_err(|error| how.may_be_open(&error.what, None, now))?;
    let own = |last: &LastSession| last.is_of(&target, Lane::Static);
    let last = ledger::last(&entries).into_iter().find(own).filter(|last| !last.closed);
    let Some((session, until)) = last.and_then(|last| Some((last.session, last.until?))) else {
        print::progress("close: this machine knows of no session of this role that has not ended");
        return Ok(());
    };
    let tidings = Tidings { vault, target, session: Some(session), ledger, events, config };
    if until > now {
        let why = format!("session {session} of a role cannot be ended before its time");
        let error = how.may_be_open(&why, Some(until), now);
        print::progress(&error.to_string());
        tidings.tell(AlertTopic::MayBeOpen, &why);
        return Err(error);
    }
    let cause = "its end was reached".to_owned();
    ledger.append(now, Record::Closed { session, probed: false, cause: cause.clone() })?;
    print::progress(&format!("close: session {session} ended by itself at {}", messages::clock(until)));
    events.emit(now, Event::Closed { session: Some(session), probed: false, cause: cause.clone() });
    tidings.tell(AlertTopic::Closed, &cause);
    Ok(())
}
