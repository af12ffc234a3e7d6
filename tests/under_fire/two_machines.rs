//! During every call of an opening, another machine opens or closes a window of the same user. Each run must end with a
//! true exit status.

use std::collections::VecDeque;
use std::fmt;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;

use rig::aws::{Account, Creds, Probe};
use rig::pty::End;

use crate::rows::{self, Job, Row};
use crate::test_bed::TestBed;

/// The number of cells that run in parallel.
const TEST_BEDS: usize = 16;
/// The other machine's session id, in two forms: as the Sid in the gate, and as the program prints the id.
const OTHER: (&str, &str) = ("Sfeedfacefeedface", "feedfacefeedface");

/// What the other machine does while one of the program's calls to AWS is in progress.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Other {
    /// The other machine opens a window of ten minutes.
    Opens,
    /// The other machine closes access.
    Closes,
}

impl Other {
    const ALL: [Self; 2] = [Self::Opens, Self::Closes];

    pub fn acts(self, account: &Account) {
        match self {
            Self::Opens => {
                let now = account.now();
                account.put_window(OTHER.0, now - 1, now + 600);
            }
            Self::Closes => account.put_to_rest(),
        }
    }
}

/// The end of a run, and the state of the user when the program ended.
#[derive(Debug)]
pub struct Ended {
    pub end: End,
    pub said: String,
    /// Whether access is open: AWS accepts the key or a session that was issued to the program, or `AWSDenyAll` is not
    /// attached.
    pub is_open: bool,
    /// Whether AWS accepts a session that was issued to the program.
    pub keeps_session: bool,
    /// Whether IAM has the gate of the other machine.
    pub is_others: bool,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = match (self.is_open, self.is_others) {
            (false, _) => "closed",
            (true, true) => "open, other gate",
            (true, false) => "open, own gate",
        };
        write!(f, "{:?}, {access}", self.end)
    }
}

impl Ended {
    /// Whether the program reported that AWS refused its key and its session.
    fn is_proven(&self) -> bool {
        self.said.contains("close: closed; AWS refused the key by policy")
    }

    /// Returns why the exit status or a message is false. Returns `None` if both are true.
    fn is_false(&self) -> Option<&'static str> {
        let names_other =
            self.said.contains(OTHER.1) || self.said.contains("another machine opened a window");
        match (self.end, self.is_open) {
            (End::Code(10), true) if !names_other => Some("exit status 10 does not name the other window"),
            (End::Code(10), false) => Some("exit status 10, but access is closed"),
            // The other machine opened its window after the program had proven its close.
            (End::Code(0 | 1), true) if self.is_others && !self.keeps_session && self.is_proven() => None,
            (End::Code(0 | 1), true) => Some("the exit status says that access is closed, but it is open"),
            (End::Code(5), true) if !self.is_others => {
                Some("exit status 5, but access is open through this program's gate")
            }
            (End::Code(5), true) if !names_other => Some("exit status 5 does not name the other window"),
            (End::Code(0 | 1 | 5), false) | (End::Code(5 | 10), true) => None,
            _ => Some("an unexpected end"),
        }
    }
}

#[test]
fn another_machine_at_any_call_does_not_make_the_exit_status_false() {
    let first = TestBed::new(100);
    let rows = rows::of(&first, Job::Open);
    let cells: VecDeque<(usize, Other)> = (0..rows.len())
        .filter(|row| rows[*row].sampled)
        .flat_map(|row| Other::ALL.map(|other| (row, other)))
        .collect();
    let count = cells.len();
    let (waiting, results) = (Mutex::new(cells), Mutex::new(Vec::new()));
    let (rows, waiting, results) = (&rows, &waiting, &results);
    thread::scope(|scope| {
        for (number, bed) in
            (0..TEST_BEDS).zip(std::iter::once(Some(first)).chain(std::iter::repeat_with(|| None)))
        {
            scope.spawn(move || {
                let mut bed = bed.unwrap_or_else(|| TestBed::new(100 + number));
                loop {
                    let Some((row, other)) = waiting.lock().unwrap().pop_front() else { break };
                    let ended = catch_unwind(AssertUnwindSafe(|| bed.beside(&rows[row], other)));
                    results.lock().unwrap().push((row, other, ended.ok()));
                }
            });
        }
    });
    let mut results = std::mem::take(&mut *results.lock().unwrap());
    results.sort_by_key(|(row, other, _)| (*row, *other));
    let mut wrong = 0;
    let mut out = std::io::stdout();
    for (row, other, ended) in &results {
        let name = |row: &Row| row.name();
        let why = ended.as_ref().map_or(Some("the cell panicked"), Ended::is_false);
        let ended = ended.as_ref().map(|ended| (ended.to_string(), ended.said.as_str()));
        let (end, said) = ended.unwrap_or_default();
        let _ = writeln!(out, "{:46} {other:?}: {end}", name(&rows[*row]));
        if let Some(why) = why {
            wrong += 1;
            let _ = writeln!(out, "WRONG: {why}\n{said}");
        }
    }
    let open = results.iter().filter(|(.., ended)| ended.as_ref().is_some_and(|ended| ended.is_open)).count();
    let _ = writeln!(out, "two machines: {count} cells, {open} left another window open, {wrong} wrong");
    assert_eq!(wrong, 0, "no run should be wrong; the output above shows the wrong runs");
    assert!(open > 0, "some cells should leave the other machine's window open");
}

/// The control: a run with a false exit status must be found.
#[test]
fn a_false_exit_status_is_found() {
    let ended = |code, is_open, is_others, said: &str| Ended {
        end: End::Code(code),
        said: said.into(),
        is_open,
        is_others,
        keeps_session: false,
    };
    for (wrong, case) in [
        (true, ended(0, true, true, "")),
        (true, ended(5, true, false, "")),
        (true, ended(10, false, true, "")),
        (true, ended(10, true, true, "access may still be open")),
        (false, ended(10, true, true, "session feedfacefeedface")),
        (
            true,
            Ended {
                keeps_session: true,
                ..ended(0, true, true, "close: closed; AWS refused the key by policy")
            },
        ),
        (false, ended(0, true, true, "close: closed; AWS refused the key by policy")),
        (false, ended(0, false, true, "")),
    ] {
        assert_eq!(case.is_false().is_some(), wrong, "{case:?}");
    }
}

/// Returns whether AWS accepts one of the keys.
pub fn accepts<'a>(account: &Account, mut keys: impl Iterator<Item = &'a Creds>) -> bool {
    keys.any(|key| matches!(account.probe(key), Probe::Open))
}
