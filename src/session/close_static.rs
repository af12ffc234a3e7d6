//! The command `close` for a target of the lane `static`. The program cannot end a role's session early, so the command
//! only reports whether the session has expired.

use jiff::Timestamp;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::events::{Event, Events};
use crate::ledger::{self, AlertTopic, LastSession, Ledger, Record, VaultFacts};
use crate::session::announce::Ending;
use crate::session::how_to_close::HowToClose;
use crate::session::messages;
use crate::session::notify::{LocalNotice, notify_local};
use crate::session::status::{aws_time, find_role_sessions};
use crate::terminal::print;
use crate::time_text;
use crate::vault::manifest::Lane;
use crate::vault::target::TargetId;
use crate::window::Cause;

/// Reports whether this machine's last role session has expired, and sends an alert. If the session has expired,
/// records in the ledger that the session is closed.
///
/// # Errors
/// The error has exit status 10 if the session has not ended, or if the ledger or AWS's time cannot be read. The error
/// has exit status 1 if the ledger has no session of the role, because then nothing is known.
pub(crate) fn close_static(
    vault: &VaultFacts,
    target: &TargetId,
    region: &str,
    ledger: &Ledger,
    events: Events,
    config: Config,
) -> Result<()> {
    let how = HowToClose::new(&vault.path, target, Lane::Static);
    let entries = ledger.entries().map_err(|error| how.may_be_open(&error.what, None, Timestamp::now()))?;
    let is_of = |last: &LastSession| last.is_of(target, Lane::Static);
    let last = ledger::last(&entries).into_iter().find(is_of).and_then(|last| Some((last.until?, last)));
    let Some((until, LastSession { session, closed, role, .. })) = last else {
        let user = &target.user;
        let what = format!(
            "no role session of user {user} is recorded on this machine; whether access is open is not known"
        );
        return Err(Error::failed(what).next(find_role_sessions(target, region)));
    };
    if closed {
        print::progress(&format!(
            "close: session {session}, the last one of this machine, is recorded as ended; sessions that other machines \
             opened are not known"
        ));
        return Ok(());
    }
    let how = HowToClose { role: Some(role.into()), ..how };
    let local = LocalNotice { vault, target, session: Some(session), ledger, events };
    let notify = |topic, detail| notify_local(&local, config, Ending { topic, detail, until: None });
    let (why, now) = match aws_time(region) {
        Ok(now) if until <= now => (None, now),
        Ok(now) => (Some(format!("session {session} of a role cannot be ended before it expires")), now),
        Err(fault) => {
            let why = format!(
                "AWS's time could not be read ({fault}), and this machine's clock does not prove that session \
                 {session} of a role has expired"
            );
            (Some(why), Timestamp::now())
        }
    };
    if let Some(why) = why {
        let error = how.may_be_open(&why, Some(until), now);
        print::progress(&error.to_string());
        notify(AlertTopic::MayBeOpen, why);
        return Err(error.shown());
    }
    let cause = messages::cause(Cause::Deadline);
    ledger.append(now, Record::Closed { session, probed: false, cause: cause.clone() })?;
    print::progress(&format!("close: session {session} ended by itself at {}", time_text::local(until)));
    events.emit(now, Event::Closed { session: Some(session), probed: false, cause: cause.clone() });
    notify(AlertTopic::Closed, cause);
    Ok(())
}
