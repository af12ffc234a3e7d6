//! The sessions in a ledger, and for each user the session that decides the user's status.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::gate::SessionId;
use crate::ledger::record::{Entry, Record};
use crate::vault::manifest::Lane;
use crate::vault::target::TargetId;

/// A session, read from the ledger's records.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LastSession {
    pub session: SessionId,
    pub target: TargetId,
    pub lane: Lane,
    /// T0, by AWS's clock. `None` if the ledger has no window of the session.
    pub from: Option<Timestamp>,
    /// T1, by AWS's clock. `None` if the ledger has no window of the session. A session without a recorded window has
    /// written nothing to AWS.
    pub until: Option<Timestamp>,
    /// Whether the ledger records the session as closed.
    pub closed: bool,
    /// When the close was recorded.
    pub closed_at: Option<Timestamp>,
    /// The region in which the session called STS, if it is recorded.
    pub region: Option<String>,
    /// The ARN of the role, in the lane `static`.
    pub role: Option<String>,
    /// The other sessions of the same user, in the same lane.
    pub earlier: Vec<SessionId>,
}

impl LastSession {
    /// Returns whether the session is for the user of `target` and for this lane.
    pub fn is_of(&self, target: &TargetId, lane: Lane) -> bool {
        (&self.target.account, &self.target.user, self.lane) == (&target.account, &target.user, lane)
    }

    /// Returns whether the ledger has the intent of `session`: `session` is this session or one of the sessions in
    /// `earlier`.
    pub(super) fn knows(&self, session: SessionId) -> bool {
        self.session == session || self.earlier.contains(&session)
    }

    /// Returns T1, or `None` if the ledger records the session as closed.
    fn end(&self) -> Option<Timestamp> {
        self.until.filter(|_| !self.closed)
    }
}

/// Returns whether a command can contain the text as it is. The ledger's file can have any text.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "-_/+=,.@:".contains(c))
}

/// Returns every session of a ledger, in the order in which the intents were recorded.
pub fn sessions(entries: &[Entry]) -> Vec<LastSession> {
    let mut all: Vec<LastSession> = Vec::new();
    let mut places: HashMap<SessionId, usize> = HashMap::new();
    for entry in entries {
        if let Record::Intent { session, target, lane, regions, principals, .. } = &entry.record {
            places.entry(*session).or_insert_with(|| {
                let (session, target, lane) = (*session, target.clone(), *lane);
                all.push(LastSession {
                    session,
                    target,
                    lane,
                    from: None,
                    until: None,
                    closed: false,
                    closed_at: None,
                    region: regions.first().filter(|region| is_plain(region)).cloned(),
                    role: principals.role.clone().filter(|role| is_plain(role)),
                    earlier: Vec::new(),
                });
                all.len() - 1
            });
            continue;
        }
        let Some(&place) = entry.record.session().and_then(|session| places.get(&session)) else { continue };
        match &entry.record {
            // A window record shows that the session is being opened, even if a concurrent close has already recorded
            // the session as closed.
            Record::Window { from, until, .. } => {
                let of = &mut all[place];
                (of.from, of.until, of.closed) = (Some(*from), Some(*until), false);
            }
            // The program opens a window only if the user is at rest, so an open window shows that all earlier sessions
            // of the user are closed. A probed close also shows that all earlier sessions are closed, because a probe
            // tests the access of the user, not of one session.
            Record::Opened { .. } => {
                close_before(&mut all, place, entry.at);
                all[place].closed = false;
            }
            Record::Closed { probed, .. } => {
                if *probed {
                    close_before(&mut all, place, entry.at);
                }
                (all[place].closed, all[place].closed_at) = (true, Some(entry.at));
            }
            Record::Intent { .. }
            | Record::Approval { .. }
            | Record::CloseApproval { .. }
            | Record::Share { .. }
            | Record::Alert { .. }
            | Record::Enabling { .. }
            | Record::Issued { .. }
            | Record::Drill { .. }
            | Record::Review { .. } => {}
        }
    }
    all
}

/// Marks the user's earlier sessions in the lane `gate` as closed. In the lane `static`, sessions end by themselves.
/// T0 decides which sessions are earlier, because T0 is from AWS's clock. The order of the records can depend on the
/// clocks of several machines, so the order is not used.
fn close_before(all: &mut [LastSession], place: usize, at: Timestamp) {
    let LastSession { lane: Lane::Gate, from: Some(from), target, .. } = &all[place] else { return };
    let (from, target) = (*from, target.clone());
    let is_before = |of: &&mut LastSession| !of.closed && of.from.is_some_and(|other| other < from);
    let of_same = |of: &&mut LastSession| is_before(of) && of.is_of(&target, Lane::Gate);
    all.iter_mut().filter(of_same).for_each(|of| (of.closed, of.closed_at) = (true, Some(at)));
}

/// Returns for each user the session that decides the user's status. Among the sessions without a recorded close, the
/// session that ends last decides. If every session has a recorded close, the newest session decides. Therefore a later
/// session that opened nothing does not hide an open session. The users are in the order of their first sessions.
pub fn last(entries: &[Entry]) -> Vec<LastSession> {
    let mut users: Vec<LastSession> = Vec::new();
    for mut new in sessions(entries) {
        let Some(last) = users.iter_mut().find(|last| last.is_of(&new.target, new.lane)) else {
            users.push(new);
            continue;
        };
        let counts = new.end() >= last.end();
        let (kept, passed) = if counts { (&mut new, &mut *last) } else { (&mut *last, &mut new) };
        kept.earlier.append(&mut passed.earlier);
        kept.earlier.push(passed.session);
        if counts {
            *last = new;
        }
    }
    users
}
