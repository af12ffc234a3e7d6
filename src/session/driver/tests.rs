use super::*;
use crate::alert::{Alerts, Notice};
use crate::aws::clock::{AwsClock, Measured};
use crate::events::Events;
use crate::gate::SessionId;
use crate::gate::fake::{ACCOUNT, FakeUser, KEY, OpenerOf};
use crate::gate::open::{HandOut, Plan, open};
use crate::ledger::{Ledger, VaultFacts};
use crate::session::announce::Telling;
use crate::session::closer::Closing;
use crate::session::messages::HowToClose;
use crate::vault::target::TargetId;

/// A window of a user in memory; the opening panics where `breaks` says, the work is `work`.
fn window(user: &FakeUser, breaks: bool, work: &Work) -> End {
    // The stage keeps the intent, not the user in memory.
    user.intended.set(true);
    user.booted.set(Instant::now());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let expected = FakeUser::expected();
    let ledger = Ledger::at(std::env::temp_dir().join(format!("breakglass-driver-{}", std::process::id())));
    let clock = AwsClock::default();
    clock.set(Measured { date: user.clock.get(), at: Instant::now() });
    let how = HowToClose {
        vault: "v".into(),
        target: "t".into(),
        partition: "aws".into(),
        user: "u".into(),
        key: None,
        role: None,
    };
    let mut stage = Stage::new(clock, &ledger, Events::none(), how);
    stage.telling = excused();
    let plan = Plan {
        expected: &expected,
        account: ACCOUNT,
        grant: &[],
        regions: &["eu-west-1".into()],
        mfa: false,
        session: SessionId::random(),
        window: Duration::from_mins(10),
        hand_out: HandOut::Nothing,
    };
    let trail = OpenProgress::default();
    let keys = [KEY.to_owned()];
    let closing =
        Closing { closer: user, emergency: user, deny: &expected.deny, keys: Some(&keys), own: true };
    let opening = caught(async {
        let opened = open(OpenerOf(user), user, user, &plan, &trail, &stage).await;
        assert!(!breaks, "this test breaks the opening");
        opened
    });
    runtime.block_on(async {
        let mut signals = SessionSignals::new().expect("signals");
        drive(&stage, &trail, opening, &closing, work, &mut signals).await
    })
}

/// Nobody is told, and that was approved.
fn excused() -> Telling {
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
    let notice = Notice { no_alert: Some("a test".into()), ..Notice::of(&vault, &target) };
    Telling::new(Alerts::default(), notice)
}

#[test]
fn a_panic_closes() {
    let user = FakeUser::at_rest();
    assert_eq!(window(&user, true, &Work::Hold), End::Shut(Cause::Panicked));
    assert!(user.calls.borrow().contains(&"DetachUserPolicy"), "it had been open");
    assert!(user.denied.get() && !user.active.get() && user.opener_gone.get());
}

#[test]
fn a_command_that_cannot_start_closes() {
    let user = FakeUser::at_rest();
    let work = Work::Command(vec!["/no/such/command".into()]);
    assert_eq!(window(&user, false, &work), End::Shut(Cause::ChildEnded));
    assert!(user.denied.get() && !user.usable());
}
