//! Returns the user's state to the opener and the closer.

use super::calls::fault;
use super::seen::READER;
use super::{CEILING, EXTRA_KEY, FakeUser, KEY, ceiling};
use crate::gate::fault::Fault;
use crate::gate::policy::GATE;
use crate::gate::snapshot::{AccessState, Credential, Snapshot, User};
use crate::vault::target::deny_all_arn;

impl FakeUser {
    pub(super) async fn snapshot(&self, name: &'static str) -> Snapshot {
        let wrong = self.call(name);
        self.travel().await;
        let snapshot = wrong.map_or_else(|| self.seen(), |wrong| unreadable(&fault(wrong)));
        self.travel().await;
        snapshot
    }

    fn seen(&self) -> Snapshot {
        let gate = self.gate_of(READER);
        Snapshot {
            user: Ok(Some(User { boundary: Some(CEILING.into()) })),
            boundary_document: Ok(ceiling()),
            inline: Ok(gate.iter().map(|_| GATE.to_owned()).collect()),
            access: AccessState {
                gate: Ok(gate),
                attached: Ok(if self.denied_of(READER) { vec![deny_all_arn("aws")] } else { vec![] }),
                keys: Ok(std::iter::once(Credential::new(KEY, self.key_of(READER)))
                    .chain(self.extra_key.get().map(|active| Credential::new(EXTRA_KEY, active)))
                    .collect()),
            },
            groups: Ok(self.groups.borrow().clone()),
            login_profile: Ok(false),
            ssh_keys: Ok(vec![]),
            certificates: Ok(vec![]),
            service_credentials: Ok(vec![]),
        }
    }
}

fn unreadable(fault: &Fault) -> Snapshot {
    Snapshot {
        user: Err(fault.clone()),
        boundary_document: Err(fault.clone()),
        inline: Err(fault.clone()),
        access: AccessState {
            gate: Err(fault.clone()),
            attached: Err(fault.clone()),
            keys: Err(fault.clone()),
        },
        groups: Err(fault.clone()),
        login_profile: Err(fault.clone()),
        ssh_keys: Err(fault.clone()),
        certificates: Err(fault.clone()),
        service_credentials: Err(fault.clone()),
    }
}
