//! Reads the CPU time of other processes from the kernel.

use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// Returns the user and system time of a running process, including its threads that have ended.
///
/// # Panics
///
/// Panics if there is no such process.
pub(crate) fn of(pid: u32) -> Duration {
    let pid = Pid::from_raw(i32::try_from(pid).expect("a process id should fit into an i32"));
    let clock = clock_getcpuclockid(pid).expect("the process should be running");
    clock_gettime(clock).expect("the process should be running").into()
}

/// Returns the user and system time of all children that have ended and were waited for.
///
/// # Panics
///
/// Panics if the kernel does not report CPU time.
pub(crate) fn of_children() -> Duration {
    let usage =
        getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel should report the CPU time of children");
    duration(usage.user_time()) + duration(usage.system_time())
}

fn duration(time: TimeVal) -> Duration {
    let micros = time.tv_sec() * 1_000_000 + time.tv_usec();
    Duration::from_micros(micros.try_into().unwrap_or_default())
}
