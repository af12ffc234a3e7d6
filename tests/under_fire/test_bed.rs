//! The environment of the cells: custodians with their tokens, an account, and a vault for this account.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rig::aws::{Account, GATE, Probe};
use rig::fixture::{Fixture, SealedVault};
use rig::proxy::{Fault, Proxy};
use rig::pty::{End, Person, Signal};
use serde_json::json;

use crate::history::State;
use crate::judge::{Run, Verdict, session};
use crate::rows::{Job, Row};
use crate::trouble::Trouble;
use crate::two_machines::{Ended, Other, accepts};

const PROGRAM: &str = env!("CARGO_BIN_EXE_breakglass");
/// The longest wait for a call.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest wait for the program's end. The longest run takes half a minute: AWS has ended the window, but refuses
/// the writes that put the user at rest.
const LONG: Duration = Duration::from_secs(70);

/// A vault and its account. Cells use the vault and the account one after another.
pub struct TestBed {
    vault: SealedVault,
    cells: u32,
}

impl TestBed {
    pub fn new(number: usize) -> Self {
        let fixture = Fixture::new(PROGRAM, &format!("bed{number}"), &["alice", "bob"]);
        Self { vault: fixture.all_plugged(), cells: 0 }
    }

    pub fn account(&self) -> &Account {
        &self.vault.account
    }

    /// Prepares the user for a job, and returns the user's state. For `open`, the user is put at rest. For `close`,
    /// another session opens a window of `window` seconds.
    pub fn prepare(&self, job: Job, window: i64) -> State {
        let account = self.account();
        account.put_to_rest();
        let _ = account.try_root("delete_user_policy", json!({"UserName": account.user, "PolicyName": GATE}));
        match job {
            Job::Open => State { denied: true, active: false, until: None },
            Job::Close => {
                let until = account.now() + if window == 0 { 60 } else { window };
                account.put_window("Sfeedfacefeedface", account.now() - 60, until);
                State { denied: false, active: true, until: Some(rig::aws::utc(until)) }
            }
        }
    }

    /// Starts the program with a new ledger, and answers its prompts as a quorum.
    pub fn run(&self, job: Job, proxy: &Proxy) -> Person {
        self.start(job, 60, proxy, "state-clean")
    }

    fn start(&self, job: Job, window: i64, proxy: &Proxy, state: &str) -> Person {
        let window = format!("{window}s");
        let mut command = match job {
            Job::Open => self.vault.open(&window).again("more").run(&["true"]).command(),
            Job::Close => self.vault.site.command(&["close", "prod.age", "--force"]),
        };
        let (name, value) = proxy.env();
        command.env(name, value).env("BREAKGLASS_STATE", self.vault.site.path(state));
        let mut person = Person::run(command);
        self.vault.site.quorum(&mut person, 2);
        person
    }

    /// Runs one cell.
    pub fn cell(&mut self, row: &Row, trouble: Trouble) -> Verdict {
        self.cells += 1;
        let (account, job) = (self.account(), row.job);
        account.set_ahead(trouble.clock());
        // For `close`, the quorum must be complete before the end of the window to close.
        let start = self.prepare(job, trouble.window(job));
        let proxy = Proxy::before(account);
        if let Some(fault) = trouble.fault(row) {
            proxy.spoil(row.spot(account), fault);
        }
        let began = account.now();
        let mut person = self.start(job, trouble.window(job), &proxy, &format!("state-{}", self.cells));
        let end = self.live_through(trouble, &proxy, &mut person, began + trouble.window(job));
        let exited = account.now();
        let sessions: Vec<_> = proxy.effects().iter().filter_map(session).collect();
        let mut keys = std::iter::once(&account.emergency).chain(&sessions);
        let open_at_exit = keys.any(|key| matches!(account.probe(key), Probe::Open));
        proxy.release();
        assert!(proxy.wait_quiet(PATIENCE), "every call should have arrived");
        let met = trouble.fault(row).is_none() || proxy.wait_met(Duration::ZERO);
        assert!(met, "the call with the fault should arrive: {}", person.transcript());
        let said = person.transcript();
        let run = Run { account, job, trouble, proxy: &proxy, start, began, exited, end, said, open_at_exit };
        let verdict = run.judge();
        account.set_ahead(0);
        if trouble == Trouble::Killed && verdict.why.is_none() { self.tidy_up(verdict) } else { verdict }
    }

    /// Runs `open`. Lets another machine act while the row's call is in progress.
    pub fn beside(&mut self, row: &Row, other: Other) -> Ended {
        self.cells += 1;
        let account = self.account();
        self.prepare(Job::Open, 0);
        let proxy = Proxy::before(account);
        proxy.spoil(row.spot(account), Fault::Hold);
        let mut person = self.start(Job::Open, 60, &proxy, &format!("beside-{}", self.cells));
        assert!(proxy.wait_met(PATIENCE), "the call should arrive: {}", person.transcript());
        other.acts(account);
        proxy.release();
        let end = person.wait_within(LONG);
        assert!(proxy.wait_quiet(PATIENCE), "every call should have arrived");
        let sessions: Vec<_> = proxy.effects().iter().filter_map(session).collect();
        let gate = account.try_root("get_user_policy", json!({"UserName": account.user, "PolicyName": GATE}));
        let is_others = gate.is_ok_and(|gate| gate.to_string().contains("Sfeedfacefeedface"));
        let keeps_session = accepts(account, sessions.iter());
        let is_open =
            keeps_session || !account.rest().denied || accepts(account, std::iter::once(&account.emergency));
        Ended { end, said: person.transcript(), is_open, keeps_session, is_others }
    }

    /// Closes with a quorum after the program was killed.
    fn tidy_up(&self, verdict: Verdict) -> Verdict {
        let proxy = Proxy::before(self.account());
        let mut person = self.start(Job::Close, 0, &proxy, &format!("state-{}", self.cells));
        let end = person.wait();
        if end == End::Code(0) && self.account().rest().at_rest() {
            return verdict;
        }
        Verdict::wrong(format!("close ended with {end:?}: {}", person.transcript()))
    }

    /// Waits for the end of the program, and returns how the program ended. If the fault needs an operator, acts as the
    /// operator.
    fn live_through(&self, trouble: Trouble, proxy: &Proxy, person: &mut Person, until: i64) -> End {
        match trouble {
            Trouble::Killed => {
                assert!(
                    proxy.wait_met(PATIENCE),
                    "the call with the fault should arrive: {}",
                    person.transcript()
                );
                person.send_signal(Signal::SIGKILL);
                let end = person.wait();
                proxy.release();
                assert!(proxy.wait_quiet(PATIENCE), "every call should have arrived");
                end
            }
            Trouble::Stopped => {
                assert!(
                    proxy.wait_met(PATIENCE),
                    "the call with the fault should arrive: {}",
                    person.transcript()
                );
                person.send_signal(Signal::SIGSTOP);
                proxy.release();
                while self.account().now() < until + 3 {
                    sleep(Duration::from_millis(100));
                }
                person.send_signal(Signal::SIGCONT);
                person.wait_within(LONG)
            }
            Trouble::LateAfterTerm => {
                assert!(
                    proxy.wait_met(PATIENCE),
                    "the call with the fault should arrive: {}",
                    person.transcript()
                );
                sleep(Duration::from_millis(300));
                person.send_signal(Signal::SIGTERM);
                person.wait_within(LONG)
            }
            Trouble::Gone => impatient(proxy, person),
            _ => person.wait_within(LONG),
        }
    }
}

/// Acts as an impatient operator: waits until the network is cut, and then interrupts the wait for the proof that
/// access is closed.
fn impatient(proxy: &Proxy, person: &mut Person) -> End {
    let began = Instant::now();
    while began.elapsed() < LONG {
        if let Some(end) = person.try_wait(Duration::from_millis(300)) {
            return end;
        }
        if proxy.wait_met(Duration::ZERO) && person.transcript().contains("close: proving") {
            person.send_signal(Signal::SIGTERM);
        }
    }
    person.wait()
}
