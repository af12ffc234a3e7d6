//! Tests of `--json`: standard output contains only events, as JSON Lines.

use rig::fixture::SealedVault;
use rig::pty::{End, Output, Person, Streams};
use serde_json::Value;

use crate::two_of_two;

/// Runs a command and answers the prompts of all custodians. Returns the command's end, the events and the screen.
fn run(vault: &SealedVault, arguments: &[&str]) -> (End, Vec<Value>, String) {
    let streams = Streams { stdout: Output::Captured, ..Streams::default() };
    let mut person = Person::run_with(vault.site.command(arguments), streams);
    let end = vault.site.answer_all(&mut person);
    let stdout = String::from_utf8(person.captured()).expect("standard output should be text");
    let events =
        stdout.lines().map(|line| serde_json::from_str(line).expect("each line should be a JSON object"));
    (end, events.collect(), person.transcript())
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().expect("an event should have a name")).collect()
}

#[test]
fn an_opening_emits_every_event_in_order() {
    let vault = two_of_two("events").all_plugged();
    let (end, events, screen) = run(
        &vault,
        &["open", "prod.age", "--for", "5m", "--reason", "INC-1", "--json", "--", "echo", "OUTPUT"],
    );
    assert_eq!(end, End::Code(0), "{screen}");
    assert_eq!(
        names(&events),
        [
            "approval", "share", "approval", "share", "alert", "intent", "window", "opened", "closing",
            "closed", "alert", "exit"
        ],
        "{events:?}"
    );
    assert!(screen.contains("OUTPUT"), "the command's output should go to standard error: {screen}");
    for event in &events {
        assert_eq!(event["v"], 1);
        assert!(event["at"].as_str().is_some_and(|at| at.ends_with('Z')), "{event}");
    }
    assert_eq!((&events[3]["given"], &events[3]["needed"]), (&2.into(), &2.into()));
    let (intent, window, opened) = (&events[5], &events[6], &events[7]);
    assert_eq!((&events[0]["session"], &events[0]["custodian"]), (&intent["session"], &"alice".into()));
    for (alert, topic) in [(&events[4], "opening"), (&events[10], "closed")] {
        assert_eq!((&alert["topic"], &alert["channel"]), (&topic.into(), &"oncall".into()));
        assert_eq!(alert["acknowledged"], true);
    }
    assert_eq!(intent["reason"], "INC-1");
    assert_eq!(intent["target"]["account"], vault.account.id.as_str());
    assert_eq!((&intent["session"], &window["until"]), (&opened["session"], &opened["until"]));
    assert_eq!((&events[9]["probed"], &events[9]["cause"]), (&true.into(), &"the command ended".into()));
    assert_eq!(events[11]["status"], 0);
}

#[test]
fn a_failed_opening_emits_an_exit_event() {
    let vault = two_of_two("events-failure").all_plugged();
    vault.account.drift(rig::aws::Drift::Group);
    let arguments = ["open", "prod.age", "--for", "5m", "--reason", "x", "--json", "--hold"];
    let (end, events, screen) = run(&vault, &arguments);
    assert_eq!(end, End::Code(5), "{screen}");
    let exit = events.last().expect("the program should print events");
    assert_eq!((&exit["event"], &exit["status"]), (&"exit".into(), &5.into()));
    assert!(exit["what"].as_str().unwrap().contains("admins"), "{exit}");
    assert!(exit["next"].is_string(), "{exit}");
    assert!(!names(&events).contains(&"opened"));
}

#[test]
fn the_events_of_a_close_name_the_closed_session_and_access_that_might_be_open() {
    let vault = two_of_two("events-close").all_plugged();
    let now = vault.account.now();
    vault.account.put_window("Sfeedfacefeedface", now - 60, now + 600);
    let (end, events, screen) = run(&vault, &["close", "prod.age", "--json"]);
    assert_eq!(end, End::Code(10), "{screen}");
    let exit = events.last().expect("the program should print events");
    assert_eq!(exit["status"], 10);
    assert!(exit["until"].is_string(), "{exit}");
    let (end, events, screen) = run(&vault, &["close", "prod.age", "--force", "--json"]);
    assert_eq!(end, End::Code(0), "{screen}");
    let signed = ["close_approval", "share"];
    let ended = ["closing", "closed", "alert", "alert", "exit"];
    assert_eq!(names(&events), [&signed[..], &signed, &ended].concat());
    assert_eq!(events[5]["session"], "feedfacefeedface");
    let topics: Vec<_> = events[6..8].iter().map(|alert| alert["topic"].as_str().unwrap()).collect();
    assert_eq!(topics, ["closing", "closed"]);
}
