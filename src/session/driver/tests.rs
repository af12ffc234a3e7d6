use super::*;
use crate::alert::{Alerts, Notice};
use crate::aws::clock::{AwsClock, Measured};
use crate::events::Events;
use crate::gate::SessionId;
use crate::gate::fake::{ACCOUNT, FakeUser, KEY, OpenerOf};
use crate::gate::open::{HandOut, OpenPlan, open};
use crate::ledger::{Ledger, VaultFacts};
use crate::session::announce::Announcer;
use crate::session::closer::CloseGate;
use crate::session::log::Log;
use crate::session::runner::Runner;
use crate::session::work::Work;
use crate::vault::target::TargetId;

/// Opens and closes a window for an IAM user in memory. The opening sequence panics if `panics` is true.
fn run(user: &FakeUser, panics: bool, work: &Work) -> RunOutcome {
    // The fake user requires an intent before the first write. This test records no intent, so the test sets the fake
    // user's flag directly.
    user.intended.set(true);
    user.booted.set(Instant::now());
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("the runtime should start");
    let expected = FakeUser::expected();
    let ledger = Ledger::at(std::env::temp_dir().join(format!("breakglass-driver-{}", std::process::id())));
    let clock = AwsClock::default();
    clock.set(Measured { date: user.clock.get(), at: Instant::now() });
    let log = Log::new(clock, &ledger, Events::none());
    let announcer = Announcer::new(&log, Alerts::default(), notice());
    let context = RunContext::new(&log, &announcer, Runner::new(&log, work, None), None);
    let session = SessionId::random();
    let plan = OpenPlan {
        expected: &expected,
        account: ACCOUNT,
        grant: &[],
        regions: &["eu-west-1".into()],
        mfa: false,
        session,
        window: Duration::from_mins(10),
        hand_out: HandOut::Nothing,
        close: "breakglass close prod.age --force",
    };
    let progress = OpenProgress::default();
    let strategy = CloseGate {
        closer: user,
        emergency: user,
        deny: &expected.deny,
        key: Some(KEY),
        session: Some(session),
    };
    let opening = async {
        let window = open(OpenerOf(user), user, user, &plan, &progress, &context).await?;
        assert!(!panics, "this test makes the opening panic");
        Ok(Opened {
            session: SessionId::from_bytes([7; 8]),
            window,
            console_link: None,
            runbook: String::new(),
        })
    };
    runtime.block_on(async {
        let mut signals = SessionSignals::new().expect("signals should be watched");
        let run = Run { context: &context, progress: &progress, strategy: &strategy, until: None };
        run.open(opening, &InjectedFaults::default(), &mut signals).await
    })
}

/// Returns a notice of an opening with `--no-alert`, because the test has no alert channels.
fn notice() -> Notice {
    let vault = VaultFacts {
        path: "v".into(),
        vault_id: String::new(),
        label: String::new(),
        epoch: 1,
        credentials_epoch: 1,
        sha256: [0; 32],
    };
    let target =
        TargetId { name: "t".into(), partition: "aws".into(), account: ACCOUNT.into(), user: "u".into() };
    Notice { no_alert: Some("a test".into()), ..Notice::of(&vault, &target) }
}

#[test]
fn a_panic_of_the_opening_closes_access() {
    let user = FakeUser::at_rest();
    assert_eq!(run(&user, true, &Work::Hold).end, End::Closed(Cause::Panicked));
    assert!(
        user.calls.borrow().contains(&"DetachUserPolicy"),
        "access should have been open before the panic"
    );
    assert!(user.denied.get() && !user.active.get() && user.opener_gone.get());
}

#[test]
fn a_command_that_cannot_be_started_closes_access() {
    let user = FakeUser::at_rest();
    let work = Work::Command(vec!["/no/such/command".into()]);
    assert_eq!(run(&user, false, &work).end, End::Closed(Cause::ChildEnded));
    assert!(user.denied.get() && !user.usable());
}
