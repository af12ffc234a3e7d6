//! A property test of the window. This module is compiled only for tests. The test runs the state machine, the opening
//! sequence and the closing sequence step by step, against a simulated IAM user. Faults occur at random.
//!
//! The module `world` generates the events and faults. The module `run` performs the state machine's actions, in place
//! of the driver. The test checks two properties. First, while AWS accepts the credentials, the policies in IAM end
//! the access at T1 or earlier. Second, at the end of a run, access is closed, or access is reported as possibly open
//! until T1.

mod machines;
mod run;
mod world;

use std::cell::RefCell;

use proptest::test_runner::{Config, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

use super::End;
use run::{Phase, Run};
use world::{Happening, World};

/// The property test. [`World`] generates the events, and [`Run`] is the system under test.
struct Window;

impl StateMachineTest for Window {
    type SystemUnderTest = Run;
    type Reference = World;

    fn init_test(world: &World) -> Run {
        Run::new(world)
    }

    fn apply(mut run: Run, _: &World, happening: Happening) -> Run {
        run.goes_on(happening);
        run
    }

    fn check_invariants(run: &Run, world: &World) {
        run.is_bounded(world.window);
        if world.is_asked_to_end() {
            assert_ne!(run.phase, Phase::Open, "the window is still open although the operator ended it");
        }
        assert!(!world.is_killed || run.is_over());
    }

    /// Lets time pass until the run ends, without further events. If `world.heals` is true, all further calls succeed.
    /// Otherwise the faults continue.
    fn teardown(mut run: Run, world: World) {
        if world.heals {
            run.goes_on(Happening::Well);
            run.goes_on(Happening::Latency(0));
        }
        let goes_well = world.heals && run.could_go_well();
        // The limit, in seconds, covers an opening with the slowest calls, the window, a late write and the proof that
        // access is closed.
        let patience = i64::from(world.window) + 20 * 60;
        for _ in 0..patience {
            if run.is_over() {
                break;
            }
            run.goes_on(Happening::Steps(3));
            run.goes_on(Happening::Time(1));
            run.is_bounded(world.window);
        }
        assert!(run.is_over(), "the run should have ended, but is in the state {:?}", run.phase);
        run.ended_truly();
        assert!(
            !goes_well || !matches!(run.phase, Phase::Over(End::MayBeOpen(_))),
            "the faults have ended, so access should be proven closed"
        );
        TALLY.with_borrow_mut(|tally| tally.add(&run));
        for _ in 0..120 {
            run.user.advance(30);
            run.is_bounded(world.window);
            run.stays_ended();
        }
    }
}

/// Counts the runs by the way in which they ended. If only few runs opened a window, the test would prove little.
#[derive(Debug, Default)]
struct Tally {
    runs: u32,
    opened: u32,
    closed: u32,
    may_be_open: u32,
    untouched: u32,
}

impl Tally {
    fn add(&mut self, run: &Run) {
        self.runs += 1;
        self.opened += u32::from(run.opened);
        match run.phase {
            Phase::Over(End::Closed(_)) => self.closed += 1,
            Phase::Over(End::MayBeOpen(_)) => self.may_be_open += 1,
            Phase::Over(End::Untouched(_)) => self.untouched += 1,
            _ => {}
        }
    }
}

thread_local! {
    static TALLY: RefCell<Tally> = RefCell::default();
}

/// Runs at least 1024 cases. The variable `PROPTEST_CASES` can set a higher number.
#[test]
fn under_random_faults_the_end_is_written_first_and_access_is_closed_or_reported_as_open() {
    let given = Config::default();
    let config = Config { cases: given.cases.max(1024), failure_persistence: None, ..given };
    let worlds = World::sequential_strategy(1..120);
    let found = TestRunner::new(config.clone()).run(&worlds, |(world, happenings, seen)| {
        Window::test_sequential(config.clone(), world, happenings, seen);
        Ok(())
    });
    found.unwrap_or_else(|found| panic!("{found}"));
    let Tally { runs, opened, closed, may_be_open, untouched } = TALLY.take();
    for (count, what) in
        [(opened, "opened"), (closed, "closed"), (may_be_open, "may be open"), (untouched, "untouched")]
    {
        assert!(count > runs / 20, "too few of the {runs} runs ended as {what}: {count}");
    }
}
