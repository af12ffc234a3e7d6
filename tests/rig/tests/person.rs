//! Tests of the simulated person, who reads prompts, types answers, interrupts a command and gets the exit status.

use rig::pty::{End, Input, Output, Person, Signal, Streams};
use std::process::Command;
use std::time::Duration;

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn a_person_can_answer_on_the_terminal_while_standard_input_is_a_pipe() {
    let script = "read a </dev/tty; printf 'name? ' >/dev/tty; read b </dev/tty; cat; echo \"$a $b\"";
    let streams =
        Streams { stdin: Input::Bytes(b"data;".to_vec()), stdout: Output::Captured, ..Streams::default() };
    let mut person = Person::run_with(shell(script), streams);
    person.type_line("hello");
    person.expect("name? ");
    person.type_line("Alice");
    assert_eq!(person.wait(), End::Code(0));
    assert_eq!(person.captured(), b"data;hello Alice\n");
    assert!(person.transcript().contains("Alice"), "the terminal should echo the answer");
}

#[test]
fn expect_returns_the_output_up_to_the_match() {
    let mut person = Person::run(shell("printf 'one\\033[1m two'; printf ' one three'"));
    assert_eq!(person.expect("one"), "one");
    assert_eq!(person.expect("one"), " two one");
    person.expect("three");
}

#[test]
fn a_person_can_end_a_command_with_keys_and_signals() {
    let mut person = Person::run(shell("echo ready; exec sleep 60"));
    person.expect("ready");
    person.type_raw(b"\x03");
    assert_eq!(person.wait(), End::Signal(Signal::SIGINT));

    let mut person = Person::run(shell("echo ready; exec sleep 60"));
    person.expect("ready");
    person.send_signal(Signal::SIGTERM);
    assert_eq!(person.wait(), End::Signal(Signal::SIGTERM));

    let mut person = Person::run(shell("cat; exit 7"));
    person.eof();
    assert_eq!(person.wait(), End::Code(7));
}

#[test]
fn the_terminals_settings_show_whether_a_prompt_is_hidden() {
    let mut person = Person::run(shell("stty -echo; echo hidden; read x; stty echo; echo shown; read x"));
    person.expect("hidden");
    assert!(!person.is_echoing());
    person.type_hidden("secret");
    person.expect("shown");
    assert!(person.is_echoing());
    person.type_line("");
    assert_eq!(person.wait(), End::Code(0));
    assert!(!person.transcript().contains("secret"));
}

#[test]
fn the_terminal_has_a_size_and_controls_the_command() {
    let mut person = Person::run(shell("stty size; ps -o tty= -p $$; tty"));
    person.expect("40 200");
    person.expect("pts/");
    person.expect("/dev/pts/");
    assert_eq!(person.wait(), End::Code(0));
}

#[test]
fn a_command_with_much_output_does_not_block() {
    let mut person = Person::run(shell("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo done"));
    person.expect("done");
    assert_eq!(person.wait(), End::Code(0));
}

#[test]
fn text_that_never_appears_is_reported_with_the_transcript() {
    let result = std::panic::catch_unwind(|| {
        let mut person = Person::run(shell("echo something else; exec sleep 60"));
        person.expect_within(Duration::from_millis(300), "the prompt");
    });
    let message = *result
        .expect_err("a missing text should cause a panic")
        .downcast::<String>()
        .expect("the panic should have a message");
    assert!(message.contains("the prompt") && message.contains("something else"), "{message}");
}
