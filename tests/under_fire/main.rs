//! Injects every fault into every AWS call of `open` and `close`, and judges the result by the state of the user in
//! AWS.
//!
//! The results are a table. Each row is one call of a run without faults, and each column is a fault. A cell of the
//! table is one run, in which the call of the row has the fault of the column. Each run is judged by the states of the
//! user in AWS, the exit status, the messages, and probes with the key and the session. A run is correct if the program
//! closes access in time. A run is also correct if AWS ends access at T1 and the program reported open access or was
//! killed. Every other run is wrong, and the test fails if any run is wrong.

mod history;
mod judge;
mod rows;
mod test_bed;
mod trouble;
mod two_machines;

use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use history::State;
use judge::{How, Run, Verdict};
use rig::proxy::Proxy;
use rig::pty::{End, Signal};
use rows::{Job, Row};
use test_bed::TestBed;
use trouble::Trouble;

/// The number of cells that run in parallel. The cells spend most of their time waiting.
const TEST_BEDS: usize = 20;

#[test]
fn after_any_fault_in_any_call_access_is_closed_in_time_or_ends_at_t1() {
    let began = Instant::now();
    let first = TestBed::new(0);
    let rows: Vec<Row> = [Job::Open, Job::Close].into_iter().flat_map(|job| rows::of(&first, job)).collect();
    let mut cells: Vec<(usize, Trouble)> = (0..rows.len())
        .flat_map(|row| Trouble::ALL.into_iter().map(move |trouble| (row, trouble)))
        .filter(|(row, trouble)| rows[*row].sampled || *trouble == Trouble::Killed)
        .filter(|(row, trouble)| trouble.befalls(&rows[*row]))
        .collect();
    // The longest cells run first, so that no long cell is left at the end of the test.
    cells.sort_by_key(|(_, trouble)| std::cmp::Reverse(trouble.lasts()));
    let waiting = Mutex::new(VecDeque::from(cells));
    let verdicts = Mutex::new(BTreeMap::new());
    let (rows, waiting, verdicts) = (&rows, &waiting, &verdicts);
    thread::scope(|scope| {
        for (number, bed) in
            (0..TEST_BEDS).zip(std::iter::once(Some(first)).chain(std::iter::repeat_with(|| None)))
        {
            scope.spawn(move || {
                let mut bed = bed.unwrap_or_else(|| TestBed::new(number));
                while let Some((row, trouble)) = next(waiting) {
                    let cell = catch_unwind(AssertUnwindSafe(|| bed.cell(&rows[row], trouble)));
                    let verdict = cell.unwrap_or_else(|broke| {
                        let why = broke.downcast_ref::<String>().cloned().unwrap_or_default();
                        Verdict::wrong(format!("the cell panicked: {why}"))
                    });
                    verdicts.lock().unwrap().insert((row, trouble), verdict);
                }
            });
        }
    });
    let verdicts = std::mem::take(&mut *verdicts.lock().unwrap());
    let count = |end: How| verdicts.values().filter(|verdict| verdict.how == end).count();
    let (closed, ended, wrong) = (count(How::Closed), count(How::EndedByAws), count(How::Wrong));
    let killed = verdicts.keys().filter(|(_, trouble)| *trouble == Trouble::Killed).count();
    // The output of `print!` is shown only if a test fails, so this function writes to standard output directly.
    let _ = writeln!(
        std::io::stdout(),
        "\n{}under fire: {} cells, {closed} closed in time, {ended} ended by AWS at T1, {wrong} wrong; {} s\n\
         {} calls traced, the program was killed at {killed} of them",
        table(rows, &verdicts),
        verdicts.len(),
        began.elapsed().as_secs(),
        rows.len()
    );
    assert_eq!(killed, rows.len(), "the program should be killed at every call");
    assert_eq!(wrong, 0, "no run should be wrong; the table above shows the wrong runs");
    assert!(closed > 0 && ended > 0);
}

/// The control: the judge must find wrong runs.
#[test]
fn the_judge_finds_false_claims_and_open_access() {
    let bed = TestBed::new(TEST_BEDS);
    // T1 is computed from AWS's time in whole seconds, so the user must be prepared within one second.
    let (now, start) = loop {
        let (now, start) = (bed.account().now(), bed.prepare(Job::Close, 14));
        if bed.account().now() == now {
            break (now, start);
        }
    };
    let proxy = Proxy::before(bed.account());
    let judged = |end, open_at_exit, trouble, start: &State| {
        let run = Run {
            account: bed.account(),
            job: Job::Close,
            trouble,
            proxy: &proxy,
            start: start.clone(),
            began: now,
            exited: bed.account().now(),
            end,
            said: "breakglass: access may still be open".into(),
            open_at_exit,
        };
        run.judge().how
    };
    let killed = End::Signal(Signal::SIGKILL);
    assert_eq!(
        judged(killed, true, Trouble::Killed, &start),
        How::EndedByAws,
        "AWS should end the window of a killed run"
    );
    assert_eq!(
        judged(End::Code(0), true, Trouble::Cut, &start),
        How::Wrong,
        "exit 0 while AWS accepts the key should be wrong"
    );
    assert_eq!(
        judged(End::Code(0), false, Trouble::Cut, &start),
        How::Wrong,
        "exit 0 should be wrong if the key can be used after the program ended"
    );
    assert_eq!(
        judged(End::Code(10), true, Trouble::Gone, &start),
        How::Wrong,
        "exit 10 should be wrong if the output lacks the window's end and the commands that close"
    );
    assert_eq!(
        judged(End::Code(2), false, Trouble::Cut, &start),
        How::Wrong,
        "an unexpected exit status should be wrong"
    );
    for until in [None, Some("2099-01-01T00:00:00Z".to_owned())] {
        let unbounded = State { until, ..start.clone() };
        assert_eq!(judged(killed, true, Trouble::Killed, &unbounded), How::Wrong, "{unbounded:?}");
    }
    bed.prepare(Job::Close, 3600);
    assert_eq!(
        judged(killed, true, Trouble::Killed, &start),
        How::Wrong,
        "a window that AWS does not end should be wrong"
    );
}

fn next(waiting: &Mutex<VecDeque<(usize, Trouble)>>) -> Option<(usize, Trouble)> {
    waiting.lock().unwrap().pop_front()
}

/// Formats the table. Rows are calls and columns are faults. A cell has the exit status (K for killed), followed by
/// `c` (closed), `T1` (ended by AWS) or `WRONG`.
fn table(rows: &[Row], verdicts: &BTreeMap<(usize, Trouble), Verdict>) -> String {
    let line = |first: &str, fields: &dyn Fn(Trouble) -> String| {
        let fields = Trouble::ALL.into_iter().map(|trouble| format!("{:>9}", fields(trouble)));
        format!("{first:46}{}\n", fields.collect::<String>())
    };
    let head = line("call", &|trouble| trouble.name().into());
    let body = rows.iter().enumerate().map(|(number, row)| {
        line(&row.name(), &|trouble| verdicts.get(&(number, trouble)).map_or(".".into(), Verdict::field))
    });
    let wrong = verdicts.iter().filter_map(|((row, trouble), verdict)| {
        let why = verdict.why.as_ref()?;
        Some(format!("\nWRONG: {}, {}: {why}\n", rows[*row].name(), trouble.name()))
    });
    std::iter::once(head).chain(body).chain(wrong).collect()
}
