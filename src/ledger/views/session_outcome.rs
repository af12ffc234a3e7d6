//! What became of one session, as the records have it.

use crate::gate::SessionId;
use crate::ledger::record::{Entry, Record};

/// The course of a session.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SessionOutcome {
    /// Who gave a share, in that order.
    pub custodians: Vec<String>,
    /// Channels that acknowledged, each once.
    pub acknowledged: Vec<String>,
    /// AWS let the key in.
    pub opened: bool,
    /// It is proven shut, by the probe.
    pub probed_shut: bool,
}

impl SessionOutcome {
    /// Of this session.
    pub fn of(entries: &[Entry], of: SessionId) -> Self {
        let mut course = Self::default();
        for entry in entries {
            match &entry.record {
                Record::Share { session: Some(session), custodian, .. } if *session == of => {
                    course.custodians.push(custodian.clone());
                }
                Record::Told { session: Some(session), channel, acknowledged: Some(_), .. }
                    if *session == of && !course.acknowledged.contains(channel) =>
                {
                    course.acknowledged.push(channel.clone());
                }
                Record::Opened { session, .. } if *session == of => course.opened = true,
                Record::Closed { session, probed, .. } if *session == of => course.probed_shut = *probed,
                _ => {}
            }
        }
        course
    }
}
