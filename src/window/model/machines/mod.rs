//! Explores every interleaving of two openings, one close and one kill on three machines, within a bound. This module
//! is compiled only for tests.
//!
//! Each process runs the program's opening and closing sequences against simulated ports. The answers that a process
//! gets determine its behaviour, so the module `history` runs a process once for each series of answers. A state of the
//! exploration consists of the user in IAM, AWS's clock, and the series of answers of each process. Each request takes
//! effect and is answered in one step. The random model in the parent module tests lost and late writes.
//!
//! The clock moves if all processes are waiting. In addition, the clock makes a limited number of stalls and of jumps
//! to the end of a window. Three rules leave out schedules. The rules rely on how the sequences wait, and no test
//! compares the results with and without the rules:
//!
//! - Every pause ends at once, unless the process sleeps until the clock moves.
//! - A process that waits for a certain answer to a probe repeats the probe only when AWS would give this answer. A
//!   process reads the user at most twice in a row.
//! - The repetitions of a probe with the same answer are not interrupted.
//!
//! The exploration leaves out three kinds of schedules. First, a call never takes longer than a concurrent pause of the
//! same process. Second, all parts of a read show the same state. Third, in the tests with a close, the other processes
//! start only after the first opening has detached `AWSDenyAll`.
//!
//! The exploration does not use the crate `stateright`, for two reasons. The crate always adds a web server and about
//! 20 more crates. With the crate, each step would also have to run all processes again from the start.

mod choices;
mod explore;
mod facts;
mod hash;
mod history;
mod iam;
mod process;
mod promises;
mod tell;
mod view;

use std::rc::Rc;

use explore::{Bound, Explorer};
use iam::{Iam, Seen};
use process::{Ended, Flaw, Opening, Role};
use promises::{Broken, Promises};
use tell::Counts;

use crate::gate::SessionId;
use crate::gate::open::HandOut;

/// An exploration with more states than this number fails, because it would need too much memory.
const MOST: usize = 3_000_000;

/// The first process opens its window before the other processes start.
const UNTIL_OPEN: u16 = u16::MAX;
/// The first process detaches `AWSDenyAll` before the other processes start. An opening gets eight answers before it
/// detaches `AWSDenyAll`.
const UNTIL_LIFTED: u16 = 8;

fn opening(session: u8, minutes: u64, hand_out: HandOut) -> Role {
    Role::Open(Opening { session: SessionId::from_bytes([session; 8]), minutes, hand_out, flaw: None })
}

/// Returns two openings. The window of the first opening is longer than the window of the second opening.
fn openings(hand_out: HandOut) -> Vec<Role> {
    vec![opening(0xaa, 20, hand_out), opening(0xbb, 10, hand_out)]
}

fn with_flaw(flaw: Flaw) -> Vec<Role> {
    let flawed = |role| match role {
        Role::Open(opening) => Role::Open(Opening { flaw: Some(flaw), ..opening }),
        other => other,
    };
    openings(HandOut::Nothing).into_iter().map(flawed).collect()
}

fn bound(roles: Vec<Role>) -> Bound {
    Bound { roles, lead: 0, jumps: 0, quits: false, kills: false }
}

fn explorer(bound: &Bound) -> Explorer {
    let at_rest = Seen { gate: None, denied: true, active: false };
    Explorer::new(bound, &Rc::new(Iam::default()), at_rest, Promises::default())
}

/// Explores every schedule. Panics if a schedule breaks a promise.
fn explore(bound: &Bound, what: &str) -> Counts {
    let mut explorer = explorer(bound);
    explorer.explore(MOST);
    let counts = explorer.counts();
    println!("{what}: {counts}");
    let broken = explorer.promises.broken.clone();
    let schedules = broken.into_iter().map(|(what, (state, _))| (what, explorer.schedule(state)));
    let told: Vec<_> = schedules.map(|(what, schedule)| format!("{what:?}\n{schedule}")).collect();
    assert!(told.is_empty(), "{what}: these schedules break a promise:\n{}", told.join("\n"));
    counts
}

/// Explores every schedule in which at most one process is killed.
fn explore_with_kill(bound: Bound, what: &str, least: usize) {
    let counts = explore(&Bound { kills: true, ..bound }, what);
    assert!(counts.states >= least && counts.killed > 0, "{what}: {counts}");
}

#[test]
fn two_openings_with_sessions_keep_every_promise() {
    let counts = explore(&bound(openings(HandOut::Session)), "two openings with sessions");
    assert!(counts.states >= 400_000, "{counts}");
    for ended in [Ended::Untouched, Ended::Closed, Ended::TakenOver] {
        assert!(counts.has(ended), "no process ended as {ended:?}: {counts}");
    }
}

#[test]
fn two_openings_and_a_kill_keep_every_promise() {
    explore_with_kill(bound(openings(HandOut::Nothing)), "two openings and a kill", 20_000);
    let quits = Bound { lead: UNTIL_OPEN, quits: true, ..bound(openings(HandOut::Nothing)) };
    explore_with_kill(quits, "an open window that its operator can end, an opening and a kill", 5_000);
}

#[test]
fn two_openings_a_close_and_a_kill_keep_every_promise() {
    let own = Role::CloseOwn(SessionId::from_bytes([0xaa; 8]));
    for (close, lead, what, least) in [
        (Role::CloseAll, UNTIL_LIFTED, "an enabled opening, an opening, a forced close and a kill", 200_000),
        (own, UNTIL_OPEN, "an open window, an opening, the close of the window and a kill", 10_000),
        (
            Role::CloseLeftovers,
            UNTIL_OPEN,
            "an open window, an opening, a close without force and a kill",
            90,
        ),
    ] {
        let roles = openings(HandOut::Nothing).into_iter().chain([close]).collect();
        explore_with_kill(Bound { lead, ..bound(roles) }, what, least);
    }
}

#[test]
fn two_openings_a_kill_and_a_stall_keep_every_promise() {
    let bound = Bound { lead: UNTIL_LIFTED, jumps: 1, ..bound(openings(HandOut::Nothing)) };
    explore_with_kill(bound, "an enabled opening, an opening, a kill and a stall", 30_000);
}

/// Controls: faults are built into the processes, and the exploration must find a schedule that breaks a promise.
#[test]
fn the_exploration_finds_an_opening_that_ends_another_window_and_a_close_that_always_says_closed() {
    for (flaw, expected) in
        [(Flaw::ClosesOther, Broken::EndsOther), (Flaw::SaysClosed, Broken::FalselyClosed)]
    {
        let mut explorer = explorer(&bound(with_flaw(flaw)));
        explorer.explore(MOST);
        let found = explorer.promises.broken.get(&expected);
        assert!(found.is_some(), "{flaw:?} should break {expected:?}: {:?}", explorer.promises.broken);
    }
}
