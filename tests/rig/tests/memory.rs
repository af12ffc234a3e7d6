//! Tests that a search finds the secrets that a process kept, and does not find the secrets that the process wiped. The
//! tests search the process while it runs and at its end.

use rig::memory::{Finding, Hit, search_now, trace_exit};
use rig::pty::{End, Person};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

/// Returns the secret with this number. The secret is computed from the number, so no file contains the secret.
fn secret(number: u64) -> Vec<u8> {
    let mut state = number;
    let mut out = Vec::with_capacity(32);
    for _ in 0..32 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        out.push((state >> 56) as u8);
    }
    out
}

const KEPT: u64 = 1;
const KEPT_TAIL: u64 = 2;
const WIPED: u64 = 3;
/// The number of a secret that a thread holds until the process ends.
const IN_THREAD: u64 = 4;

/// Not a test. This function runs in the child process that the tests search.
#[test]
fn child() {
    let Ok(how) = std::env::var("RIG_MEMORY_CHILD") else { return };
    let kept = Box::leak(secret(KEPT).into_boxed_slice());
    let tail = Box::leak(secret(KEPT_TAIL).into_boxed_slice());
    let mut wiped = secret(WIPED);
    tail[..16].fill(0);
    wiped.fill(0);
    std::hint::black_box((&kept, &tail, &wiped));
    let (ready, is_ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let kept = secret(IN_THREAD);
        ready.send(()).expect("the main thread should receive the message");
        std::thread::park();
        std::hint::black_box(&kept);
    });
    is_ready.recv().expect("the thread should become ready");
    println!("ready");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("the child should get a line of input");
    std::thread::spawn(|| std::hint::black_box(secret(KEPT)))
        .join()
        .expect("a thread that starts late should end");
    match how.as_str() {
        "exits" => std::process::exit(3),
        _ => std::process::abort(),
    }
}

fn child_that(how: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the test program should have a path"));
    command.args(["--exact", "child", "--nocapture", "--test-threads=1"]).env("RIG_MEMORY_CHILD", how);
    command
}

fn secrets() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("kept", secret(KEPT)),
        ("tail", secret(KEPT_TAIL)),
        ("wiped", secret(WIPED)),
        ("thread", secret(IN_THREAD)),
    ]
}

fn check(finding: &Finding) {
    assert!(finding.found("kept"), "the control should be found: {finding:#?}");
    assert!(finding.found("tail"), "a secret whose first half was wiped should be found");
    assert!(finding.found("thread"), "a thread's secret should be found");
    assert!(!finding.found("wiped"), "a wiped secret should not be found: {finding:#?}");
    let whole = |hit: &&Hit| hit.name == "kept" && (hit.offset, hit.len) == (0, 32);
    assert!(finding.hits.iter().find(whole).is_some(), "the complete secret should be found: {finding:#?}");
    assert!(finding.searched > 100_000);
}

#[test]
fn a_running_process_is_searched() {
    let mut child = child_that("exits")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child should start");
    let mut output = BufReader::new(child.stdout.take().expect("the child's output should be a pipe"));
    let mut line = String::new();
    while !line.contains("ready") {
        line.clear();
        assert!(output.read_line(&mut line).expect("the child should write a line") > 0);
    }
    let secrets = secrets();
    let secrets: Vec<_> = secrets.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
    check(&search_now(child.id(), &secrets).expect("the child should be searchable"));
    child
        .stdin
        .take()
        .expect("the child's input should be a pipe")
        .write_all(b"\n")
        .expect("the child should read its input");
    output.read_to_string(&mut line).expect("the child should close its output");
    assert_eq!(child.wait().expect("the child should end").code(), Some(3));
}

#[test]
fn a_process_is_searched_at_its_end() {
    let secrets = secrets();
    let secrets: Vec<_> = secrets.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
    for (how, end) in [("exits", Some(3)), ("aborts", None)] {
        let mut command = child_that(how);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the child should start");
        let mut input = child.stdin.take().expect("the child's input should be a pipe");
        let tracing = trace_exit(child, &secrets);
        input.write_all(b"\n").expect("the child should read its input");
        let ending = tracing.wait();
        assert_eq!(ending.status.code(), end, "{how}");
        check(&ending.finding);
    }
}

#[test]
fn a_command_at_a_terminal_is_searched_at_its_end() {
    let secrets = secrets();
    let secrets: Vec<_> = secrets.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
    let mut person = Person::run(child_that("exits"));
    person.expect("ready");
    person.trace_exit(&secrets);
    person.type_line("");
    assert_eq!(person.wait(), End::Code(3));
    check(person.finding());
}
