//! Tests of two machines that use the same vault at the same time.

use std::time::{Duration, Instant};

use rig::aws::Rule;
use rig::pty::{End, Person};

use crate::closing::elsewhere;
use crate::two_of_two;

/// How soon the program notices that another process changed its open window.
const NOTICED: Duration = Duration::from_secs(30);

/// Returns the text between `before` and `after` in the transcript.
fn between(person: &Person, before: &str, after: &str) -> String {
    let said = person.transcript();
    let rest = said.split(before).nth(1).unwrap_or_else(|| panic!("{before:?} should be in {said}"));
    rest.split(after).next().unwrap_or_default().to_owned()
}

#[test]
fn an_opening_that_stalls_before_its_gate_does_not_end_the_window_of_another_machine() {
    let vault = two_of_two("stall").all_plugged();
    let stall = vault.account.rule(Rule::before("PutUserPolicy"));
    let mut slow = vault.open("20m").hold().by_quorum();
    assert!(stall.wait(Duration::from_mins(1)).is_some(), "{}", slow.transcript());

    let open = ["open", "prod.age", "--for", "5m", "--reason", "INC-2", "--hold"];
    let mut quick = Person::run(elsewhere(&vault, &open));
    vault.site.quorum(&mut quick, 2);
    quick.expect("gate: open");
    assert!(vault.is_open());
    let writes = vault.writes().len();
    stall.release();

    // The stalled opening recognises the other window, and makes no more writes.
    assert_eq!(slow.wait(), End::Code(10), "{}", slow.transcript());
    let said = slow.transcript();
    assert!(said.contains("another machine opened a window") && said.contains("left alone"), "{said}");
    assert!(!said.contains("close: attaching"), "nothing should be closed: {said}");
    let after = vault.writes().split_off(writes);
    assert_eq!(after, ["PutUserPolicy"], "the stalled opening should write nothing after its gate");
    assert!(vault.is_open(), "the window of the other machine should stay open");

    // The machine of the stalled opening cannot close the window without `--force`, although the window has the gate of
    // its session.
    let mut close = vault.close(&[]);
    assert_eq!(close.wait(), End::Code(10), "{}", close.transcript());
    assert!(vault.is_open());

    // The other machine notices that its gate was replaced, and reports the end of the new gate.
    assert_eq!(quick.wait_within(NOTICED + Duration::from_secs(15)), End::Code(10), "{}", quick.transcript());
    let said = quick.transcript();
    assert!(said.contains("replaced this window's gate"), "{said}");
    let gate_ends = between(&quick, "its gate ends ", " UTC");
    assert!(said.contains(&format!("access may still be open, until {gate_ends}")), "{said}");
    let forced = ["close", "prod.age", "--profile", "oncall", "--force"];
    let mut forced = Person::run(elsewhere(&vault, &forced));
    assert_eq!(forced.wait(), End::Code(0), "{}", forced.transcript());
    assert!(vault.is_closed());
}

#[test]
fn a_window_that_another_process_closes_ends_within_30_seconds_with_a_message() {
    let vault = two_of_two("closed-elsewhere").all_plugged();
    let mut person = vault.open("5m").run(&["sleep", "300"]).by_quorum();
    person.expect("gate: open");
    let mut close = Person::run(elsewhere(&vault, &["close", "prod.age", "--profile", "oncall", "--force"]));
    assert_eq!(close.wait(), End::Code(0), "{}", close.transcript());
    let closed = Instant::now();
    person.expect_within(NOTICED, "another process closed this window");
    assert!(closed.elapsed() <= NOTICED);
    assert_eq!(person.wait(), End::Code(1), "{}", person.transcript());
    let said = person.transcript();
    assert!(said.contains("of 5 min; closed by another process"), "{said}");
    assert!(said.contains("access is proven closed"), "{said}");
    assert!(vault.is_closed() && vault.account.rest().at_rest());
}
