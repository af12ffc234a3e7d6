//! Kills a process that writes a ledger, at each of its system calls. After each kill, all acknowledged records must be
//! intact, and another process must be able to append records.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};

use breakglass::gate::SessionId;
use breakglass::ledger::{Ledger, Record};
use rig::site::tempdir;
use rig::stepping::{Call, calls_until, kill_at};

/// The number of runs. In run n, the writer is killed at its nth stop: the start or the end of a system call. The last
/// run writes more than forty records.
const KILLS: u32 = 1_000;

const DIRECTORY: &str = "BREAKGLASS_TEST_LEDGER";

fn record(number: usize) -> Record {
    Record::Closed { session: SessionId::from_bytes([7; 8]), probed: true, cause: format!("number {number}") }
}

fn now() -> jiff::Timestamp {
    "2026-11-22T02:17:00Z".parse().expect("the text should be a timestamp")
}

/// Acts as the writer: appends records, and acknowledges each record on standard output after [`Ledger::append`] has
/// returned.
#[test]
#[ignore = "this test is started by another test, which kills its process"]
fn writer() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let ledger = Ledger::at(directory);
    let mut stdout = std::io::stdout();
    writeln!(stdout, "\nthread {}", rustix::thread::gettid().as_raw_nonzero()).unwrap();
    let _ = std::io::stdin().read(&mut [0]);
    let written = ledger.entries().expect("the earlier records should be valid").len();
    for number in written.. {
        ledger.append(now(), record(number)).expect("a record should be appended");
        writeln!(stdout, "{number}").unwrap();
        stdout.flush().unwrap();
    }
}

/// Kills a writer at the given stop. Returns how many records the writer had acknowledged.
fn run(directory: &std::path::Path, stop: u32) -> usize {
    let (killed, acknowledged) = followed(directory, |pid, thread, ready| kill_at(pid, thread, stop, ready));
    assert!(killed, "the writer should be killed before it ends");
    acknowledged
}

/// Runs a writer under a tracer. Returns the tracer's result and the number of acknowledged records.
fn followed<T>(
    directory: &std::path::Path,
    follow: impl FnOnce(u32, i32, Box<dyn FnOnce() + '_>) -> T,
) -> (T, usize) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["writer", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the test program should be able to start itself");
    let mut stdout = BufReader::new(child.stdout.take().expect("the writer's output should be a pipe"));
    let mut stdin = child.stdin.take().expect("the writer's input should be a pipe");
    let thread = loop {
        let mut line = String::new();
        assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "the writer should print its thread id");
        if let Some(thread) = line.strip_prefix("thread ") {
            break thread.trim().parse().expect("the thread id should be a number");
        }
    };
    let outcome = follow(child.id(), thread, Box::new(|| stdin.write_all(b"g").unwrap()));
    let mut said = String::new();
    stdout.read_to_string(&mut said).unwrap();
    let _ = child.wait();
    (outcome, said.lines().filter_map(|line| line.parse::<usize>().ok()).max().map_or(0, |last| last + 1))
}

/// Returns the index in `calls` of the first acknowledgement that comes too early. An acknowledgement is a write to
/// standard output. An acknowledgement is too early if no fsync followed the last write to a file.
fn too_early(calls: &[Call]) -> Option<usize> {
    let mut unsynced = None;
    for (place, call) in calls.iter().enumerate() {
        match call {
            call if call.is_write() && call.first == 1 && unsynced.is_some() => return Some(place),
            call if call.is_write() && call.first > 2 => unsynced = Some(call.first),
            call if call.is_fsync() && unsynced == Some(call.first) => unsynced = None,
            _ => {}
        }
    }
    None
}

#[test]
fn nothing_is_acknowledged_before_it_is_on_the_disk() {
    let dir = tempdir();
    let directory = dir.path().join("state");
    let (calls, acknowledged) =
        followed(&directory, |pid, thread, ready| calls_until(pid, thread, 600, ready));
    assert!(acknowledged >= 5, "at least 5 records should be acknowledged, not {acknowledged}");
    let fsyncs = calls.iter().filter(|call| call.is_fsync()).count();
    assert!(
        fsyncs >= acknowledged + 2,
        "there should be an fsync for each record and for the new directory, not only {fsyncs}"
    );
    assert_eq!(too_early(&calls), None, "no record should be acknowledged before its fsync: {calls:?}");
    let without: Vec<_> = calls.into_iter().filter(|call| !call.is_fsync()).collect();
    assert!(
        too_early(&without).is_some(),
        "the control: if the fsyncs are left out, an acknowledgement should count as too early"
    );
}

#[test]
fn acknowledged_records_survive_a_kill_at_every_write() {
    let (mut acknowledged, mut unacknowledged, mut records) = (0, 0, 0);
    for stop in 1..=KILLS {
        // Each run starts with a new ledger, because the first record also creates directories.
        let dir = tempdir();
        let directory = dir.path().join("state");
        let reported = run(&directory, stop);
        let ledger = Ledger::at(&directory);
        let entries = ledger.entries().unwrap_or_else(|error| panic!("stop {stop}: {error}"));
        assert!(
            entries.len() >= reported,
            "stop {stop}: {reported} records were acknowledged, but only {} are in the ledger",
            entries.len()
        );
        assert!(entries.len() <= reported + 1, "stop {stop}: at most one record should be unacknowledged");
        for (number, entry) in entries.iter().enumerate() {
            assert_eq!(entry.record, record(number), "stop {stop}");
        }
        ledger.append(now(), record(entries.len())).unwrap_or_else(|error| panic!("stop {stop}: {error}"));
        assert_eq!(
            ledger.entries().unwrap().len(),
            entries.len() + 1,
            "stop {stop}: the next record should be appended"
        );
        acknowledged += reported;
        unacknowledged += entries.len() - reported;
        records += entries.len();
    }
    assert!(
        acknowledged > 0 && unacknowledged > 0,
        "the control: some written records should be acknowledged, and some should not be"
    );
    println!(
        "{KILLS} kills: {records} records, {acknowledged} acknowledged, 0 of them torn or lost; {unacknowledged} written \
         and not yet acknowledged"
    );
}
