//! A thread followed from system call to system call, and its process killed at a chosen one.

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Follows thread `tid` of process `pid` and kills the process with SIGKILL at its `stop`th stop, counted from 1: each
/// system call is two, one as it begins and one as it ends. `ready` is called once it is followed.
///
/// False when it ended by itself before that.
///
/// # Panics
/// When it cannot be traced.
pub fn kill_at(pid: u32, tid: i32, stop: u32, ready: impl FnOnce()) -> bool {
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
            Ok(WaitStatus::PtraceSyscall(_)) => seen += 1,
            Ok(WaitStatus::Stopped(_, received)) => signal = Some(received),
            Ok(WaitStatus::PtraceEvent(..)) => {}
            _ => return false,
        }
    }
    kill(process, Signal::SIGKILL).expect("it is there to be killed");
    // Until nothing of it is left that could still act.
    while !matches!(wait(thread), Ok(WaitStatus::Signaled(..) | WaitStatus::Exited(..)) | Err(Errno::ECHILD))
    {
    }
    true
}

fn wait(thread: Pid) -> nix::Result<WaitStatus> {
    waitpid(thread, Some(WaitPidFlag::__WALL))
}
