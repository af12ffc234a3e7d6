//! Traces the system calls of a thread, and kills its process at a chosen one.

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Traces thread `tid` of process `pid` and kills the process with SIGKILL at its `stop`th stop, counted from 1: each
/// system call has two stops, at its begin and its end. `ready` is called once the thread is traced.
///
/// Returns false if it ended by itself before that.
///
/// # Panics
/// If it cannot be traced.
pub fn kill_at(pid: u32, tid: i32, stop: u32, ready: impl FnOnce()) -> bool {
    follow(pid, tid, stop, ready, |_| ())
}

/// A system call at its begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Call {
    /// Its number.
    pub number: i64,
    /// Its first argument: for most, a file descriptor.
    pub first: u64,
}

impl Call {
    /// Whether it writes to a file descriptor.
    pub fn is_write(self) -> bool {
        self.number == nix::libc::SYS_write
    }

    /// Whether it waits until written data is on the disk.
    pub fn is_fsync(self) -> bool {
        self.number == nix::libc::SYS_fsync
    }
}

/// The same; also returns the system calls until then, in order.
///
/// # Panics
/// As [`kill_at`].
pub fn calls_until(pid: u32, tid: i32, stop: u32, ready: impl FnOnce()) -> Vec<Call> {
    let mut calls = Vec::new();
    follow(pid, tid, stop, ready, |call| calls.push(call));
    calls
}

/// Passes each call to `called` at its begin.
fn follow(pid: u32, tid: i32, stop: u32, ready: impl FnOnce(), mut called: impl FnMut(Call)) -> bool {
    let (process, thread) = (Pid::from_raw(pid.cast_signed()), Pid::from_raw(tid));
    ptrace::seize(thread, Options::PTRACE_O_TRACESYSGOOD).expect("it can be traced");
    ptrace::interrupt(thread).expect("it can be stopped");
    wait(thread).expect("it stops");
    ready();
    let mut seen = 0;
    let mut signal = None;
    while seen < stop {
        if ptrace::syscall(thread, signal.take()).is_err() {
            return false;
        }
        match wait(thread) {
            Ok(WaitStatus::PtraceSyscall(_)) => {
                seen += 1;
                // Every other stop is a call's end.
                if seen % 2 == 1 {
                    current(pid, tid).into_iter().for_each(&mut called);
                }
            }
            Ok(WaitStatus::Stopped(_, received)) => signal = Some(received),
            Ok(WaitStatus::PtraceEvent(..)) => {}
            _ => return false,
        }
    }
    kill(process, Signal::SIGKILL).expect("it is there to be killed");
    // Until no thread of it is left.
    while !matches!(wait(thread), Ok(WaitStatus::Signaled(..) | WaitStatus::Exited(..)) | Err(Errno::ECHILD))
    {
    }
    true
}

/// Parses `1 0x3 0x7f…`, the kernel's format.
fn current(pid: u32, tid: i32) -> Option<Call> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/syscall")).ok()?;
    let mut words = text.split_whitespace();
    let number = words.next()?.parse().ok()?;
    let first = u64::from_str_radix(words.next()?.trim_start_matches("0x"), 16).ok()?;
    Some(Call { number, first })
}

fn wait(thread: Pid) -> nix::Result<WaitStatus> {
    waitpid(thread, Some(WaitPidFlag::__WALL))
}
