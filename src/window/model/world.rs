//! Generates the events and faults of a run at random.
//!
//! The clock of the simulated machine can be wrong by hours. The program reads the machine's clock only once, at the
//! start of the run, so the simulation does not change the clock later.

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

use crate::gate::fake::{ALL_WRONG, Lag, Wrong};
use crate::signal::Signal;

/// One event or fault in a run.
#[derive(Clone, Copy, Debug)]
pub(super) enum Happening {
    /// The opening sequence and the closing sequence are polled this many times. No time passes.
    Steps(u8),
    /// This many seconds pass, and the opening and closing sequences advance.
    Calm(u8),
    /// This many seconds pass, and the opening and closing sequences do not advance.
    Time(i64),
    /// The simulated machine is suspended for this many seconds.
    Suspend(i64),
    Signal(Signal),
    /// The operator presses `q` in a window without a command.
    Quit,
    ChildEnds,
    /// The next call fails with this fault. If the flag is true, all calls fail with this fault until
    /// [`Happening::Well`].
    Wrong(Wrong, bool),
    /// From now on, a late write takes effect after this many seconds.
    LateBy(i64),
    /// From now on, calls have no faults.
    Well,
    /// From now on, a request takes this many seconds to reach AWS, and the answer takes the same time to return.
    Latency(i64),
    /// From now on, a write is visible in IAM after one delay, and takes effect after another delay.
    Lag(Lag),
    /// The next call panics.
    BreaksCall,
    /// The event loop panics.
    BreaksLoop,
    /// An administrator attaches `AWSDenyAll` and deactivates the key.
    PanicSeal,
    /// The process is killed with SIGKILL.
    Kill,
}

/// The state in which an earlier session left the user.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Left {
    Nothing,
    ActiveKey,
    NoDeny,
}

/// What the operator does during the window.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Work {
    Hold,
    Program,
    /// A program that does not start.
    NoProgram,
}

/// The generated properties of one run.
#[derive(Clone, Copy, Debug)]
pub(super) struct World {
    /// The duration of the window, in seconds.
    pub(super) window: u32,
    pub(super) work: Work,
    /// How many seconds the child processes need to end.
    pub(super) grace: i64,
    pub(super) left: Left,
    /// How many seconds the simulated machine's clock is ahead of AWS's clock.
    pub(super) ahead: i64,
    /// The number of the call that fails, counted from 0, and the fault of that call.
    pub(super) wrong: Option<(usize, Wrong)>,
    pub(super) late_by: i64,
    pub(super) lag: Lag,
    /// Whether the faults stop at the end of the run, so that all calls succeed.
    pub(super) heals: bool,
    pub(super) is_killed: bool,
    ends: bool,
}

impl World {
    /// Reports whether the operator ended an open window, with a signal or with `q`.
    pub(super) fn is_asked_to_end(&self) -> bool {
        self.ends
    }
}

/// The longest time that the machine is suspended, and the largest error of the machine's clock, in seconds.
const EIGHT_HOURS: i64 = 8 * 3600;

fn wrong() -> impl Strategy<Value = Wrong> {
    prop::sample::select(ALL_WRONG.to_vec())
}

/// Generates the delay of a late write in seconds. The longest delay is just below 15 minutes, because AWS rejects a
/// request whose signature is older than 15 minutes.
fn late_by() -> impl Strategy<Value = i64> {
    prop_oneof![1..60_i64, 1..900_i64, 880..900_i64]
}

/// Generates two delays in seconds: the delay until a write is visible in IAM, and the delay until the write takes
/// effect. The opening and closing sequences wait at least as long as the longest delay.
fn lag() -> impl Strategy<Value = Lag> {
    let seconds = || prop_oneof![2 => Just(0), 1 => 0..20_i64, 1 => 15..20_i64];
    (seconds(), seconds()).prop_map(|(shown, counts)| Lag { shown, counts })
}

impl ReferenceStateMachine for World {
    type State = Self;
    type Transition = Happening;

    fn init_state() -> BoxedStrategy<Self> {
        let left = prop_oneof![4 => Just(Left::Nothing), 1 => Just(Left::ActiveKey), 1 => Just(Left::NoDeny)];
        let work = prop_oneof![8 => Just(Work::Hold), 8 => Just(Work::Program), 1 => Just(Work::NoProgram)];
        let window = prop_oneof![1 => 1_u32..20, 2 => 20_u32..120, 3 => 120_u32..1800];
        // In an opening sequence, the calls with the numbers 2, 4 and 5 are the writes.
        let nth = prop_oneof![2 => prop::sample::select(vec![2_usize, 4, 5]), 1 => 0..16_usize];
        let wrong = prop::option::of((nth, wrong()));
        (window, work, 0..=10_i64, left, -EIGHT_HOURS..EIGHT_HOURS, wrong, late_by(), lag(), any::<bool>())
            .prop_map(|(window, work, grace, left, ahead, wrong, late_by, lag, heals)| Self {
                window,
                work,
                grace,
                left,
                ahead,
                wrong,
                late_by,
                lag,
                heals,
                is_killed: false,
                ends: false,
            })
            .boxed()
    }

    fn transitions(_: &Self) -> BoxedStrategy<Happening> {
        let signal = prop::sample::select(Signal::ALL.to_vec()).prop_map(Happening::Signal);
        let wrong = (wrong(), any::<bool>()).prop_map(|(wrong, lasting)| Happening::Wrong(wrong, lasting));
        prop_oneof![
            80 => (1..8_u8).prop_map(Happening::Steps),
            40 => (1..20_u8).prop_map(Happening::Calm),
            20 => (1..10_i64).prop_map(Happening::Time),
            2 => (10..200_i64).prop_map(Happening::Time),
            2 => (1..EIGHT_HOURS).prop_map(Happening::Suspend),
            3 => signal,
            2 => Just(Happening::Quit),
            2 => Just(Happening::ChildEnds),
            6 => wrong,
            3 => late_by().prop_map(Happening::LateBy),
            6 => Just(Happening::Well),
            2 => (0..10_i64).prop_map(Happening::Latency),
            3 => lag().prop_map(Happening::Lag),
            1 => Just(Happening::BreaksCall),
            1 => Just(Happening::BreaksLoop),
            1 => Just(Happening::PanicSeal),
            1 => Just(Happening::Kill),
        ]
        .boxed()
    }

    fn apply(mut world: Self, happening: &Happening) -> Self {
        world.ends |= match happening {
            Happening::Signal(signal) if !signal.is_typed() => true,
            Happening::Signal(_) | Happening::Quit => world.work == Work::Hold,
            _ => false,
        };
        world.is_killed |= matches!(happening, Happening::Kill);
        world
    }
}
