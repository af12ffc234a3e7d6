//! The events and faults of a run, as they are generated.
//!
//! This machine's clock is not set during a run. It is read once, at the start, and can be wrong by hours.

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

use crate::gate::fake::{ALL_WRONG, Lag, Wrong};
use crate::signal::Signal;

/// One event or fault.
#[derive(Clone, Copy, Debug)]
pub(super) enum Happening {
    /// Each call advances by this many steps.
    Steps(u8),
    /// This many seconds pass, and calls advance.
    Calm(u8),
    /// This many seconds pass, and no call advances.
    Time(i64),
    /// This machine is suspended for this many seconds.
    Suspend(i64),
    Signal(Signal),
    /// The operator presses `q` in a held window.
    Quit,
    ChildEnds,
    /// The next call fails; if true, every call fails until [`Happening::Well`].
    Wrong(Wrong, bool),
    /// Late writes take effect this many seconds late.
    LateBy(i64),
    /// Calls have no faults any more.
    Well,
    /// Seconds that a request and its answer each take.
    Latency(i64),
    /// Seconds until IAM shows a write, and until it takes effect.
    Lag(Lag),
    /// The next call panics.
    BreaksCall,
    /// The loop around the calls panics.
    BreaksLoop,
    /// An administrator attaches the deny and deactivates the key.
    PanicSeal,
    /// The process gets SIGKILL.
    Kill,
}

/// What an earlier session left on the user.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Left {
    Nothing,
    ActiveKey,
    NoDeny,
}

/// What the window is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Work {
    Hold,
    Program,
    /// A program that does not start.
    NoProgram,
}

/// One run, as it was generated.
#[derive(Clone, Copy, Debug)]
pub(super) struct World {
    /// The length of the window in seconds.
    pub(super) window: u32,
    pub(super) work: Work,
    /// Seconds that the children take to end.
    pub(super) grace: i64,
    pub(super) left: Left,
    /// Seconds by which this machine's clock is ahead of AWS's.
    pub(super) ahead: i64,
    /// A call of the opening that fails, counted from 0, and the fault.
    pub(super) wrong: Option<(usize, Wrong)>,
    pub(super) late_by: i64,
    pub(super) lag: Lag,
    /// Whether all calls succeed at the end of the run.
    pub(super) heals: bool,
    pub(super) is_killed: bool,
    ends: bool,
}

impl World {
    /// Whether a signal or `q` came that ends an open window.
    pub(super) fn is_asked_to_end(&self) -> bool {
        self.ends
    }
}

/// The longest suspend and the largest error of the clock, in seconds.
const EIGHT_HOURS: i64 = 8 * 3600;

fn wrong() -> impl Strategy<Value = Wrong> {
    prop::sample::select(ALL_WRONG.to_vec())
}

/// Generates a delay in seconds, up to the age at which AWS rejects a signature.
fn late_by() -> impl Strategy<Value = i64> {
    prop_oneof![1..60_i64, 1..900_i64, 880..900_i64]
}

/// Generates a delay in seconds, up to the time that the sequences allow for a write to become visible.
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
        // Calls 2, 4 and 5 are the writes of an opening.
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
