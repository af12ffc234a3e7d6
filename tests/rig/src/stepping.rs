//! Traces the system calls of a thread, and can kill the thread's process at any of these calls.

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Traces the thread `tid` of the process `pid`, and kills the process with SIGKILL at stop number `stop`, counted from
/// 1. Each system call has two stops: the start and the end. Calls `ready` as soon as the thread is traced.
///
/// Returns false if the process ended before the stop.
///
/// # Panics
///
/// Panics if the thread cannot be traced.
pub fn kill_at(pid: u32, tid: i32, stop: u32, ready: impl FnOnce()) -> bool {
    follow(pid, tid, stop, ready, |_| ())
}

/// A system call that has started.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Call {
    /// The number of the system call.
    pub number: i64,
    /// The first argument, which is a file descriptor for most system calls.
    pub first: u64,
}

impl Call {
    /// Returns whether the call writes to a file descriptor.
    pub fn is_write(self) -> bool {
        self.number == nix::libc::SYS_write
    }

    /// Returns whether the call waits until written data is on the disk.
    pub fn is_fsync(self) -> bool {
        self.number == nix::libc::SYS_fsync
    }
}

/// Traces and kills as [`kill_at`] does. Returns, in order, the thread's system calls before the kill.
///
/// # Panics
///
/// Panics if [`kill_at`] panics.
pub fn calls_until(pid: u32, tid: i32, stop: u32, ready: impl FnOnce()) -> Vec<Call> {
    let mut calls = Vec::new();
    follow(pid, tid, stop, ready, |call| calls.push(call));
    calls
}

/// Traces and kills as [`kill_at`] does, and passes each call to `called` when the call starts.
fn follow(pid: u32, tid: i32, stop: u32, ready: impl FnOnce(), mut called: impl FnMut(Call)) -> bool {
    let (process, thread) = (Pid::from_raw(pid.cast_signed()), Pid::from_raw(tid));
    ptrace::seize(thread, Options::PTRACE_O_TRACESYSGOOD).expect("the thread should be traceable");
    ptrace::interrupt(thread).expect("the thread should be interruptible");
    wait(thread).expect("the thread should stop");
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
                // Every second stop is the end of a system call.
                if seen % 2 == 1 {
                    current(pid, tid).into_iter().for_each(&mut called);
                }
            }
            Ok(WaitStatus::Stopped(_, received)) => signal = Some(received),
            Ok(WaitStatus::PtraceEvent(..)) => {}
            _ => return false,
        }
    }
    kill(process, Signal::SIGKILL).expect("the process should still exist");
    // The loop ends when no thread of the process is left.
    while !matches!(wait(thread), Ok(WaitStatus::Signaled(..) | WaitStatus::Exited(..)) | Err(Errno::ECHILD))
    {
    }
    true
}

/// Parses the system call of a stopped thread. The kernel shows the call as `1 0x3 0x7f…`.
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
