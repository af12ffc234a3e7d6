//! Measures one opening with two of three custodians: CPU time, memory, and the time from the last touch to usable
//! credentials.

use std::time::{Duration, Instant};

use rig::aws::Account;
use rig::proxy::{Proxy, Seen};
use rig::pty::{End, Person, Signal};
use rig::site::Site;
use rig::token::Touch;

use super::{PATIENCE, cpu};

/// The cost of one run.
pub(crate) struct Cost {
    /// The CPU time of the process, or of all processes of a pipeline.
    pub(crate) cpu: Duration,
    /// The time from the last touch to usable credentials. The time between the first and the last probe of each
    /// credential is left out.
    pub(crate) usable: Duration,
    /// The time that the token took to answer after the last touch.
    pub(crate) card: Duration,
}

/// Opens a window once with `open`, and closes the window.
pub(crate) fn run(site: &Site, account: &Account) -> Cost {
    let seen = account.journal().len();
    let mut person = start(site, None);
    let touched = last_touch(site, &mut person);
    person.expect_within(PATIENCE, "gate: open");
    let taken = touched.elapsed();
    let cpu = cpu::of(person.pid());
    let usable = taken.saturating_sub(between_probes(account, seen));
    let card = site.custodian("carol").token.touch_took().unwrap_or_default();
    stop(&mut person);
    Cost { cpu, usable, card }
}

/// Returns the peak memory of a process so far, in KiB.
fn peak(pid: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))
        .expect("root should be able to read every process");
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("the kernel should report peak memory");
    peak.trim().trim_end_matches(" kB").parse().expect("the kernel should report the peak as a number")
}

/// Returns the peak memory of an opening until its window is open, in KiB.
pub(crate) fn memory(site: &Site) -> u32 {
    let mut person = start(site, None);
    last_touch(site, &mut person);
    person.expect_within(PATIENCE, "gate: open");
    let peak = peak(person.pid());
    stop(&mut person);
    peak
}

/// Returns the AWS calls of one opening until the window is open, in the order in which they arrived.
pub(crate) fn calls(site: &Site, account: &Account) -> Vec<Seen> {
    let proxy = Proxy::before(account);
    let mut person = start(site, Some(&proxy));
    last_touch(site, &mut person);
    person.expect_within(PATIENCE, "gate: open");
    let calls = proxy.calls();
    stop(&mut person);
    calls
}

fn start(site: &Site, proxy: Option<&Proxy>) -> Person {
    let mut command = site.command(&[
        "open", "prod.age", "--for", "5m", "--reason", "measured", "--again", "more", "--", "sleep", "60",
    ]);
    command.envs(proxy.map(Proxy::env));
    Person::run(command)
}

/// Answers the prompts of both custodians, and touches carol's token as soon as the token blinks. Returns the time of
/// the last touch.
fn last_touch(site: &Site, person: &mut Person) -> Instant {
    site.answer(person, "alice");
    let carol = site.custodian("carol");
    carol.token.set_touch(Touch::Never);
    person.expect("carol: passphrase part (12 words): ");
    person.type_line(&carol.sheet());
    person.expect("carol: PIN of YubiKey");
    person.type_line(&carol.pin);
    // The first touch is for the approval, and the second touch is for the share.
    for _ in 0..2 {
        assert!(carol.token.wait_blinking(PATIENCE), "carol's token should wait for a touch");
        carol.token.touch();
        assert!(carol.token.wait_steady(PATIENCE), "carol's token should accept the touch");
    }
    carol.token.touched_at().expect("carol's token should have been touched")
}

fn stop(person: &mut Person) {
    person.send_signal(Signal::SIGTERM);
    assert_eq!(person.wait(), End::Code(143), "{}", person.transcript());
}

/// Returns, from the emulator's journal, the time between the first and the last probe of each credential. The program
/// repeats the probe, with pauses, until AWS accepts several probes in a row. The alternative probes only once.
fn between_probes(account: &Account, seen: usize) -> Duration {
    let calls = account.journal();
    let probes: Vec<_> = calls[seen..].iter().filter(|call| call.action == "ListTopics").collect();
    let (key, session): (Vec<_>, Vec<_>) = probes.iter().partition(|call| call.key == account.emergency.key);
    let span = |probes: &[&&&rig::aws::Call]| match (probes.first(), probes.last()) {
        (Some(first), Some(last)) => Duration::from_secs_f64(last.time - first.time),
        _ => Duration::ZERO,
    };
    span(&key.iter().collect::<Vec<_>>()) + span(&session.iter().collect::<Vec<_>>())
}
