//! Tests that the same quorum can open another window at once after a window that was too short or was closed too
//! early.

use std::time::Duration;

use rig::fixture::SealedVault;
use rig::pty::End;

use crate::two_of_two;

/// Returns the end of the window that the user's gate contains.
fn written_end(vault: &SealedVault) -> String {
    let gate = vault.account.rest().gate.expect("the user should have a gate");
    let statements = gate["Statement"].as_array().expect("the gate should have a list of statements");
    let late = statements.iter().find(|s| s["Sid"].as_str().is_some_and(|sid| sid.ends_with("Late")));
    late.expect("the gate should have an end")["Condition"]["DateGreaterThanEquals"]["aws:CurrentTime"]
        .to_string()
}

#[test]
fn a_window_can_be_opened_again_right_after_an_early_close_even_if_aws_lags() {
    let vault = two_of_two("early").all_plugged();
    vault.account.lag(Duration::from_secs(1));
    let mut ends = Vec::new();
    for (round, window) in ["5m", "10m", "15m"].into_iter().enumerate() {
        let mut person = vault.open(window).again("more").hold().until_open();
        assert!(vault.is_open(), "round {round}: access should be open when the program reports it as open");
        ends.push(written_end(&vault));
        person.type_raw(b"q");
        assert_eq!(person.wait(), End::Code(0), "round {round}: {}", person.transcript());
        assert!(
            vault.is_closed() && vault.account.rest().at_rest(),
            "round {round}: access should be closed when the program reports it as closed"
        );
    }
    assert!(
        ends.is_sorted() && ends[0] < ends[1] && ends[1] < ends[2],
        "each window should end later than the previous window: {ends:?}"
    );
}

#[test]
fn a_window_can_be_opened_right_after_another_window() {
    let vault = two_of_two("longer").all_plugged();
    for round in 0..2 {
        let mut person = vault.open("5s").again("more").hold().until_open();
        assert!(vault.is_open(), "round {round}");
        assert_eq!(person.wait(), End::Code(0), "round {round}: {}", person.transcript());
        assert!(
            vault.is_closed() && vault.account.rest().at_rest(),
            "round {round}: the window should have ended"
        );
    }
    let mut person = vault.open("5m").again("more").hold().until_open();
    assert!(vault.is_open());
    person.type_raw(b"q");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(vault.is_closed());
}
