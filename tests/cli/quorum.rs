//! Tests of openings without a quorum. Each kind of failure has a specific message and exit status, and nothing is
//! enabled.

use std::time::{Duration, Instant};

use rig::fixture::SealedVault;
use rig::pty::{End, Person, Signal};
use rig::token::{Fault, Spec, Token, Touch};

use crate::two_of_three;

/// Starts an opening that waits for custodians for the duration `wait`. Answers no prompt.
fn open_waiting(vault: &SealedVault, wait: &str) -> Person {
    vault.open("5m").args(&["--wait", wait]).run(&["true"]).start()
}

fn open(vault: &SealedVault) -> Person {
    open_waiting(vault, "20s")
}

/// Checks the exit status and the message. Also checks that nothing was written to AWS.
fn ends(vault: &SealedVault, person: &mut Person, code: i32, message: &str) {
    let end = person.wait();
    assert_eq!(end, End::Code(code), "{}", person.transcript());
    assert!(person.transcript().contains(message), "no {message:?} in:\n{}", person.transcript());
    assert!(person.is_echoing(), "the terminal should echo again");
    assert!(vault.account.rest().at_rest());
    let writes =
        vault.account.actions().into_iter().filter(|a| !a.starts_with("Get") && !a.starts_with("List"));
    assert_eq!(writes.collect::<Vec<_>>(), Vec::<String>::new(), "nothing should be written to AWS");
}

fn token<'a>(vault: &'a SealedVault, name: &str) -> &'a Token {
    &vault.site.custodian(name).token
}

fn type_words(vault: &SealedVault, person: &mut Person, prompted: &str, of: &str) {
    person.expect(&format!("{prompted}: passphrase part (12 words): "));
    person.type_line(&vault.site.custodian(of).sheet());
}

#[test]
fn one_custodian_alone_cannot_open() {
    let vault = two_of_three("alone").sealed();
    vault.site.plug("alice");
    let mut person = open(&vault);
    vault.site.answer(&mut person, "alice");
    person.expect("waiting for the YubiKey of bob or carol (1 more needed");
    person.eof();
    ends(&vault, &mut person, 3, "no quorum: the input ended, 1 of 2 required custodians gave a share");

    let mut person = open_waiting(&vault, "2s");
    vault.site.answer(&mut person, "alice");
    ends(&vault, &mut person, 3, "no quorum: timed out, ");
}

#[test]
fn before_any_pin_the_program_distinguishes_another_custodians_words_from_unknown_words() {
    let vault = two_of_three("parts").sealed();
    let stranger = two_of_three("parts-elsewhere").sealed();
    vault.site.plug("bob");
    let mut person = open(&vault);
    type_words(&vault, &mut person, "bob", "alice");
    person.expect("bob: these are the words of alice");
    type_words(&vault, &mut person, "bob", "carol");
    person.expect("bob: these are the words of carol");
    person.expect("bob: passphrase part (12 words): ");
    person.type_line(&stranger.site.custodian("bob").sheet());
    person.expect("bob: these words are not enrolled in this vault");
    person.expect("bob: passphrase part (12 words): ");
    person.type_line("");
    person.expect("bob: skipped");
    person.expect("waiting for the YubiKey of alice or carol (2 more needed");
    person.eof();
    ends(&vault, &mut person, 3, "0 of 2");
    assert_eq!(vault.pins_tried("bob"), 0, "no PIN should be tried");
}

#[test]
fn if_a_word_is_mistyped_only_this_word_is_asked_for_again() {
    let vault = two_of_three("words").sealed();
    vault.site.plug("alice");
    let mut person = open(&vault);
    let mut words = vault.site.custodian("alice").words.clone();
    let right = std::mem::replace(&mut words[6], "breakglas".into());
    person.expect("alice: passphrase part (12 words): ");
    person.type_line(&words.join(" "));
    person.expect("alice: word 7 is not in the list");
    person.expect("alice: word 7 of 12: ");
    person.type_line(&right);
    person.expect("alice: PIN of YubiKey 20000001 (3 tries left): ");
    person.type_line("");
    person.expect("alice: skipped");
    person.expect("waiting for");
    // The person types a wrong word that is in the word list. Either the checksum does not match, or the words are not
    // enrolled in the vault. In both cases, the program tries no PIN on the token.
    vault.site.pull("alice");
    vault.site.plug("bob");
    let mut words = vault.site.custodian("bob").words.clone();
    words[0] = if words[0] == "zoo" { "abandon".into() } else { "zoo".into() };
    person.expect("bob: passphrase part (12 words): ");
    person.type_line(&words.join(" "));
    let said = person.expect("next: ");
    assert!(
        said.contains("checksum does not match") || said.contains("not enrolled in this vault"),
        "{said}"
    );
    person.eof();
    ends(&vault, &mut person, 3, "no quorum");
    assert_eq!(vault.pins_tried("bob"), 0);
}

#[test]
fn a_wrong_pin_costs_one_try_and_the_last_try_needs_confirmation() {
    let vault = two_of_three("pins").sealed();
    vault.site.plug("alice");
    let mut person = open(&vault);
    type_words(&vault, &mut person, "alice", "alice");
    for (typed, said) in [
        ("12345", "a PIN has 6 to 8 characters"),
        ("cccccclrfkgilhdlfccbktvevhbltfhclrnhntdvnbit", "one-time password"),
        ("123456789", "a PIN has 6 to 8 characters"),
    ] {
        person.expect("alice: PIN of YubiKey 20000001 (3 tries left): ");
        person.type_line(typed);
        person.expect(said);
    }
    assert_eq!(vault.pins_tried("alice"), 0, "input that cannot be a PIN should use up no PIN try");
    person.expect("(3 tries left): ");
    person.type_line("wrong-1");
    person.expect("alice: wrong PIN for YubiKey 20000001, 2 tries left");
    person.expect("(2 tries left): ");
    person.type_line("wrong-2");
    person.expect("alice: wrong PIN for YubiKey 20000001, 1 try left");
    person.expect("type yes to enter the PIN: ");
    person.type_line("no");
    person.expect("alice: skipped");
    assert_eq!(token(&vault, "alice").pin_tries(), 1);
    vault.site.plug("bob");
    vault.site.answer(&mut person, "bob");
    person.expect("waiting for the YubiKey of carol");
    person.eof();
    ends(&vault, &mut person, 4, "1 of 2");
}

#[test]
fn a_blocked_pin_is_reported_with_the_remedy() {
    let vault = two_of_three("blocked").sealed();
    token(&vault, "alice").block_pin();
    vault.site.plug("alice");
    let mut person = open(&vault);
    type_words(&vault, &mut person, "alice", "alice");
    person.expect("alice: the PIN of YubiKey 20000001 is blocked");
    person.expect("ykman piv access unblock-pin");
    vault.site.plug("bob");
    vault.site.answer(&mut person, "bob");
    person.expect("waiting for the YubiKey of carol");
    person.eof();
    ends(&vault, &mut person, 4, "no quorum");
}

#[test]
fn an_unknown_token_is_reported_and_costs_no_pin_try() {
    let vault = two_of_three("foreign").sealed();
    let foreign = Token::new(Spec::new(29_999_999));
    let mut person = open(&vault);
    person.expect("waiting for the YubiKey of alice, bob or carol (2 more needed");
    vault.site.pcscd.insert(0, &foreign);
    person.expect("YubiKey 29999999 belongs to no custodian of this vault");
    person.expect("waiting for");
    // The enrolled key is removed from bob's token, whose serial number stays the same.
    token(&vault, "bob").empty_slot(0x82);
    vault.site.plug("bob");
    person.expect("bob: YubiKey 20000002 no longer holds the key that was enrolled");
    person.eof();
    let end = person.wait();
    assert!(matches!(end, End::Code(3 | 4)), "{}", person.transcript());
    assert_eq!(foreign.counters().verifications + vault.pins_tried("bob"), 0);
}

#[test]
fn the_program_asks_twice_for_a_touch_and_then_skips_the_custodian() {
    let vault = two_of_three("touch").sealed();
    token(&vault, "alice").set_touch(Touch::Never);
    vault.site.plug("alice");
    let mut person = open(&vault);
    type_words(&vault, &mut person, "alice", "alice");
    person.expect("alice: PIN of YubiKey 20000001 (3 tries left): ");
    person.type_line(&vault.site.custodian("alice").pin);
    person.expect("alice: touch YubiKey 20000001 now");
    person.expect("alice: YubiKey 20000001 was not touched in time");
    person.expect("alice: touch YubiKey 20000001 now");
    person.expect("try again, and touch the YubiKey when it blinks");
    vault.site.plug("bob");
    vault.site.answer(&mut person, "bob");
    person.expect("waiting for");
    person.eof();
    ends(&vault, &mut person, 4, "no quorum");
    assert_eq!(token(&vault, "alice").pin_tries(), 3);
}

#[test]
fn after_a_token_was_pulled_out_the_words_need_not_be_typed_again() {
    let vault = two_of_three("unplugged").sealed();
    token(&vault, "alice").inject(Fault::UnplugAtUse(1));
    vault.site.plug("alice");
    let mut person = open(&vault);
    type_words(&vault, &mut person, "alice", "alice");
    person.expect("alice: PIN of YubiKey 20000001 (3 tries left): ");
    person.type_line(&vault.site.custodian("alice").pin);
    person.expect("alice: YubiKey 20000001 was pulled out or stopped answering");
    person.expect("plug the YubiKey in again");
    person.expect("waiting for the YubiKey of alice, bob or carol");
    vault.site.plug("alice");
    person.expect("alice: PIN of YubiKey 20000001 (3 tries left): ");
    person.type_line(&vault.site.custodian("alice").pin);
    person.expect("alice: share 1 of 2 given");
    person.eof();
    ends(&vault, &mut person, 3, "no quorum");
}

#[test]
fn a_token_that_sends_garbage_is_reported_and_nothing_is_enabled() {
    for fault in [Fault::Garbage, Fault::WrongResult] {
        let vault = two_of_three("garbage").sealed();
        vault.site.plug("alice");
        let mut person = open(&vault);
        type_words(&vault, &mut person, "alice", "alice");
        person.expect("alice: PIN of YubiKey 20000001 (3 tries left): ");
        token(&vault, "alice").inject(fault);
        person.type_line(&vault.site.custodian("alice").pin);
        std::thread::sleep(Duration::from_millis(500));
        person.eof();
        person.eof();
        let end = person.wait();
        assert!(matches!(end, End::Code(3 | 4 | 6)), "{}", person.transcript());
        assert!(vault.account.actions().is_empty());
    }
}

#[test]
fn a_signal_while_custodians_are_asked_ends_the_program_and_restores_the_terminal() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let vault = two_of_three("signal").sealed();
        vault.site.plug("alice");
        let mut person = open(&vault);
        vault.site.answer(&mut person, "alice");
        person.expect("waiting for");
        person.send_signal(signal);
        ends(&vault, &mut person, 128 + signal as i32, "nothing was enabled");
    }
}

#[test]
fn invalid_openings_are_refused_before_custodians_are_asked() {
    let vault = two_of_three("usage").sealed();
    vault.site.plug("alice");
    let refusals: [(&[&str], i32, &str); 13] = [
        (&["open", "prod.age", "--for", "5h", "--reason", "x"], 2, "longer than 4h"),
        (
            &["open", "prod.age", "--for", "5m", "--reason", "x", "--", "/etc/passwd"],
            2,
            "command /etc/passwd not found",
        ),
        (
            &["open", "prod.age", "--for", "5m", "--reason", "x", "--", "nosuchcommand"],
            2,
            "command nosuchcommand not found",
        ),
        (&["open", "prod.age", "--for", "soon", "--reason", "x"], 2, "not a duration"),
        (&["open", "prod.age", "--for", "5m", "--reason", ""], 2, "reason"),
        (&["open", "prod.age", "--for", "5m", "--reason", "x \u{202e} y"], 2, "1–200 visible characters"),
        (&["open", "prod.age", "--for", "5m", "--reason", "\u{2800}\u{2800}"], 2, "1–200 visible characters"),
        (&["open", "prod.age", "--for", "5m", "--reason", "..."], 2, "1–200 visible characters"),
        (&["open", "prod.age", "--for", "5m", "--reason", "one\ntwo"], 2, "1–200 visible characters"),
        (&["open", "prod.age", "--for", "5m", "--reason", "x", "--again", "\u{200b}y"], 2, "--again must be"),
        (&["open", "prod.age", "--for", "5m", "--reason", "x", "--target", "dev"], 2, "no target \"dev\""),
        (&["open", "nowhere.age", "--for", "5m", "--reason", "x"], 2, "cannot read nowhere.age"),
        (&["open", "root.pem", "--for", "5m", "--reason", "x"], 6, "not an age v1 file"),
    ];
    for (arguments, code, message) in refusals {
        let mut person = vault.site.person(arguments);
        ends(&vault, &mut person, code, message);
    }
}

#[test]
fn after_the_program_is_suspended_and_continued_a_pin_is_not_echoed() {
    let vault = two_of_three("stopped").sealed();
    vault.site.plug("alice");
    let mut person = open(&vault);
    type_words(&vault, &mut person, "alice", "alice");
    person.expect("alice: PIN of YubiKey 20000001 (3 tries left): ");
    person.send_signal(Signal::SIGSTOP);
    person.echo_on();
    assert!(person.is_echoing());
    person.send_signal(Signal::SIGCONT);
    let until = Instant::now() + Duration::from_secs(10);
    while person.is_echoing() {
        assert!(Instant::now() < until, "after SIGCONT, the program should switch the echo off again");
        std::thread::sleep(Duration::from_millis(20));
    }
    person.type_line("");
    person.expect("skipped");
    person.eof();
    ends(&vault, &mut person, 3, "no quorum");
}

#[test]
fn additional_line_ends_do_not_skip_a_custodian() {
    let vault = two_of_three("crlf").sealed();
    vault.site.plug("alice");
    vault.site.plug("bob");
    let mut person = open(&vault);
    let custodian = vault.site.custodian("alice");
    person.expect("alice: passphrase part (12 words): ");
    // The person pastes the words from a file with numbers, tabs and CR LF.
    let lines = custodian.words.iter().zip(1..).map(|(word, place)| format!("{place}.\t{word}\r\n"));
    person.type_raw(lines.collect::<String>().as_bytes());
    person.expect("alice: PIN of YubiKey 20000001 (3 tries left): ");
    person.type_line(&format!("{} ", custodian.pin));
    person.expect("the input starts or ends with a space");
    person.expect("alice: PIN of YubiKey 20000001 (3 tries left): ");
    assert_eq!(vault.pins_tried("alice"), 0, "input that cannot be a PIN should use up no PIN try");
    person.type_raw(format!("{}\r\n", custodian.pin).as_bytes());
    person.expect("alice: share 1 of 2 given");
    vault.site.answer(&mut person, "bob");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
}

#[test]
fn custodians_can_use_one_usb_port_one_after_the_other() {
    let vault = two_of_three("one-port").sealed();
    let port = &vault.site.pcscd;
    port.insert(0, token(&vault, "carol"));
    let mut person = open(&vault);
    vault.site.answer(&mut person, "carol");
    person.expect("waiting for the YubiKey of alice or bob (1 more needed");
    port.remove(0);
    port.insert(0, token(&vault, "bob"));
    vault.site.answer(&mut person, "bob");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(vault.account.rest().at_rest());
}
