//! The window as a model: the machine, both sequences and an IAM in memory, step by step, with anything in between.
//!
//! `world` decides what happens, `run` does with the machine's actions what the driver does. After every step:
//! whoever is let in is let in behind an end that stands in IAM, at T1 and no later. In the end it is shut, or said
//! to be open until T1.

mod run;
mod world;

use std::cell::RefCell;

use proptest::test_runner::{Config, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

use super::End;
use run::{Phase, Run};
use world::{Happening, World};

/// What is tested, and by whom.
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
            assert_ne!(run.phase, Phase::Open, "somebody asked for its end");
        }
        assert!(!world.is_killed || run.is_over());
    }

    /// Nothing else happens any more, but for time; the network stays as it is, or is well from now on.
    fn teardown(mut run: Run, world: World) {
        if world.heals {
            run.goes_on(Happening::Well);
            run.goes_on(Happening::Latency(0));
        }
        let goes_well = world.heals && run.could_go_well();
        // An opening of calls as slow as can be, the window, a late write, the proof.
        let patience = i64::from(world.window) + 20 * 60;
        for _ in 0..patience {
            if run.is_over() {
                break;
            }
            run.goes_on(Happening::Steps(3));
            run.goes_on(Happening::Time(1));
            run.is_bounded(world.window);
        }
        assert!(run.is_over(), "it comes to no end: {:?}", run.phase);
        run.ended_truly();
        assert!(!goes_well || !matches!(run.phase, Phase::Over(End::MayBeOpen(_))), "nothing went wrong");
        TALLY.with_borrow_mut(|tally| tally.add(&run));
        for _ in 0..120 {
            run.user.advance(30);
            run.is_bounded(world.window);
            run.stays_ended();
        }
    }
}

/// What became of the runs: a model that hardly ever opens proves little.
#[derive(Debug, Default)]
struct Tally {
    runs: u32,
    opened: u32,
    shut: u32,
    said_open: u32,
    untouched: u32,
}

impl Tally {
    fn add(&mut self, run: &Run) {
        self.runs += 1;
        self.opened += u32::from(run.opened);
        match run.phase {
            Phase::Over(End::Closed(_)) => self.shut += 1,
            Phase::Over(End::MayBeOpen(_)) => self.said_open += 1,
            Phase::Over(End::Untouched(_)) => self.untouched += 1,
            _ => {}
        }
    }
}

thread_local! {
    static TALLY: RefCell<Tally> = RefCell::default();
}

/// `PROPTEST_CASES` asks for more.
#[test]
fn whatever_happens_the_end_is_written_first_and_it_ends_shut_or_says_so() {
    let given = Config::default();
    let config = Config { cases: given.cases.max(1024), failure_persistence: None, ..given };
    let nights = World::sequential_strategy(1..120);
    let found = TestRunner::new(config.clone()).run(&nights, |(world, happenings, seen)| {
        Window::test_sequential(config.clone(), world, happenings, seen);
        Ok(())
    });
    found.unwrap_or_else(|found| panic!("{found}"));
    let Tally { runs, opened, shut, said_open, untouched } = TALLY.take();
    for (many, what) in [(opened, "open"), (shut, "shut"), (said_open, "said open"), (untouched, "untouched")]
    {
        assert!(many > runs / 20, "only {many} of {runs}: {what}");
    }
}
