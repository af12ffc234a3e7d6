//! The rows of the table: the calls of a run without faults.

use rig::aws::Account;
use rig::proxy::{Proxy, SESSION, Seen, Spot};
use rig::pty::End;

use crate::test_bed::TestBed;

/// The command that a run executes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Job {
    /// The command `open … -- true`, which also closes access at its end.
    Open,
    /// The command `close --force` by a quorum, for a window that another session opened.
    Close,
}

/// The owner of the key that signs a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    Opener,
    Closer,
    Emergency,
    Session,
}

/// One call of a run.
#[derive(Clone, Debug)]
pub struct Row {
    pub job: Job,
    pub role: Role,
    pub action: String,
    pub nth: u32,
    /// Whether the call is a write.
    pub write: bool,
    /// Whether every fault is injected into the call. At the other calls, the program is only killed. Among the probes
    /// with the same key, only the first, third, fourth and last get every fault.
    pub sampled: bool,
}

impl Row {
    /// Returns the label of the row in the table.
    pub fn name(&self) -> String {
        format!("{:?} {:?} {} {}", self.job, self.role, self.action, self.nth)
    }

    /// Returns whether the call enables access or prepares access.
    pub fn enables(&self) -> bool {
        self.job == Job::Open
            && self.nth == 1
            && ["PutUserPolicy", "UpdateAccessKey", "DetachUserPolicy"].contains(&self.action.as_str())
    }

    /// Returns whether the call is an IAM read that runs concurrently with other reads.
    pub fn is_side_by_side(&self) -> bool {
        !self.write && [Role::Opener, Role::Closer].contains(&self.role) && self.action != "GetCallerIdentity"
    }

    /// Returns the call of this account into which the proxy injects the fault.
    pub fn spot(&self, account: &Account) -> Spot {
        let key = match self.role {
            Role::Opener => &account.opener.key,
            Role::Closer => &account.closer.key,
            Role::Emergency => &account.emergency.key,
            Role::Session => SESSION,
        };
        Spot::new(&self.action, key, self.nth)
    }
}

/// Returns every call of one run without faults.
pub fn of(bed: &TestBed, job: Job) -> Vec<Row> {
    bed.prepare(job, 0);
    let proxy = Proxy::before(bed.account());
    let mut person = bed.run(job, &proxy);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let calls = proxy.calls();
    let last = |call: &Seen| {
        let probes = calls.iter().filter(|other| other.action == call.action && other.key == call.key);
        probes.map(|other| other.nth).max().unwrap_or_default()
    };
    let few = |call: &Seen| call.action != "ListTopics" || [1, 3, 4, last(call)].contains(&call.nth);
    calls.iter().map(|call| Row { sampled: few(call), ..row(bed.account(), job, call) }).collect()
}

fn row(account: &Account, job: Job, call: &Seen) -> Row {
    let role = match &call.key {
        key if *key == account.opener.key => Role::Opener,
        key if *key == account.closer.key => Role::Closer,
        key if *key == account.emergency.key => Role::Emergency,
        _ => Role::Session,
    };
    Row { job, role, action: call.action.clone(), nth: call.nth, write: call.is_write(), sampled: true }
}
