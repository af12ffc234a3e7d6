//! Searches the memory of a process at its end: traces the process until the last thread is about to exit.

use super::windows::Windows;
use super::{Finding, search};
use nix::errno::Errno;
use nix::libc::{self, WIFSTOPPED, WSTOPSIG, c_int, c_long};
use nix::sys::ptrace::{self, Options};
use nix::unistd::Pid;
use std::collections::HashSet;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, TryRecvError, channel};

/// The end of a traced process, and the result of the memory search at the end.
#[derive(Debug)]
pub struct Ending {
    pub status: ExitStatus,
    pub finding: Finding,
}

/// A process that is traced to its end.
pub struct Tracing {
    // Do not wait for the child through this handle, because the wait would mistake a stop of the traced child for the
    // child's end.
    _child: Child,
    ending: Receiver<Ending>,
}

/// Traces a child with all its threads, and searches its memory when the last thread is about to exit.
///
/// Tracing has begun when this function returns. The function takes ownership of the child, because only the tracer is
/// allowed to wait for the child.
///
/// # Panics
///
/// Panics if the child cannot be traced, or a secret cannot be searched for.
pub fn trace_exit(child: Child, secrets: &[(&str, &[u8])]) -> Tracing {
    let windows = Windows::new(secrets);
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id should fit into an i32"));
    let (begun, attached) = channel();
    let (ended, ending) = channel();
    std::thread::spawn(move || {
        let tracer = Tracer::attach(pid, windows);
        let _ = begun.send(tracer.as_ref().map(|_| ()).map_err(|e| *e));
        if let Ok(tracer) = tracer {
            let _ = ended.send(tracer.follow());
        }
    });
    let attached = attached.recv().expect("the tracer should answer");
    attached.unwrap_or_else(|e| panic!("cannot trace {pid}: {e}"));
    Tracing { _child: child, ending }
}

impl Tracing {
    /// Returns how the process ended, or `None` if it has not ended.
    ///
    /// # Panics
    ///
    /// Panics if the tracer missed the end of the process, or if the end was already returned.
    pub fn poll(&mut self) -> Option<Ending> {
        match self.ending.try_recv() {
            Ok(ending) => Some(ending),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                panic!("the tracer missed the end of the process, or the end was already returned")
            }
        }
    }

    /// Waits for the ending.
    ///
    /// # Panics
    ///
    /// Panics if the tracer missed the end of the process.
    pub fn wait(self) -> Ending {
        self.ending.recv().expect("the tracer should see the end of the process")
    }
}

struct Tracer {
    process: Pid,
    windows: Windows,
    /// Threads that are not about to exit.
    alive: HashSet<Pid>,
    finding: Option<io::Result<Finding>>,
}

impl Tracer {
    fn attach(process: Pid, windows: Windows) -> nix::Result<Self> {
        let mut tracer = Self { process, windows, alive: HashSet::new(), finding: None };
        // A new thread can start during one round. If a traced thread started the new thread, the new thread is traced
        // automatically. The next round finds a new thread that is not yet traced.
        while tracer.attach_new()? {}
        Ok(tracer)
    }

    fn attach_new(&mut self) -> nix::Result<bool> {
        let options = Options::PTRACE_O_TRACEEXIT | Options::PTRACE_O_TRACECLONE;
        let mut any = false;
        let threads = std::fs::read_dir(self.tasks()).map_err(|_| Errno::ESRCH)?;
        for thread in threads.flatten() {
            let Some(id) = thread.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let thread = Pid::from_raw(id);
            if !self.alive.contains(&thread) {
                match ptrace::seize(thread, options) {
                    Err(Errno::ESRCH) if thread != self.process => continue,
                    // The thread is already traced because a traced thread started it.
                    Err(Errno::EPERM) if thread != self.process => {}
                    other => other?,
                }
                self.alive.insert(thread);
                any = true;
            }
        }
        Ok(any)
    }

    /// Continues the process to its end.
    fn follow(mut self) -> Ending {
        loop {
            let (thread, status) =
                next_change().unwrap_or_else(|e| panic!("{}: end missed: {e}", self.process));
            if WIFSTOPPED(status) {
                self.stopped(thread, WSTOPSIG(status), status >> 16);
            } else {
                self.alive.remove(&thread);
                if thread == self.process {
                    let finding = self.finding.expect("the last thread should have stopped before its exit");
                    let finding = finding.unwrap_or_else(|e| panic!("{thread} could not be searched: {e}"));
                    return Ending { status: ExitStatus::from_raw(status), finding };
                }
            }
        }
    }

    /// Handles a stopped thread. If `event` is 0, the thread stopped for the delivery of a signal, otherwise for an
    /// event of the tracer.
    fn stopped(&mut self, thread: Pid, signal: c_int, event: c_int) {
        match event {
            libc::PTRACE_EVENT_EXIT => {
                self.alive.remove(&thread);
                if self.alive.is_empty() {
                    self.look(thread);
                }
            }
            // A thread counts as alive from its first stop. The kernel's earlier report about a new thread does not
            // count, because the thread might end before the report arrives.
            _ => _ = self.alive.insert(thread),
        }
        match (event, signal) {
            (0, signal) => resume(libc::PTRACE_CONT, thread, signal),
            // Job control stopped the thread, so the thread stays stopped until SIGCONT.
            (libc::PTRACE_EVENT_STOP, libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU) => {
                resume(libc::PTRACE_LISTEN, thread, 0);
            }
            _ => resume(libc::PTRACE_CONT, thread, 0),
        }
    }

    fn look(&mut self, thread: Pid) {
        // The memory is read through the last thread, because the first thread might have ended. If another thread
        // stops later, the search is repeated.
        self.finding = Some(search(&self.tasks().join(thread.to_string()), &self.windows));
    }

    fn tasks(&self) -> PathBuf {
        format!("/proc/{}/task", self.process).into()
    }
}

/// Waits for the next stop or end of a traced thread. Ignores other children of this process.
fn next_change() -> nix::Result<(Pid, c_int)> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is an integer that lives until the end of this function.
        let thread = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
        match Errno::result(thread) {
            Err(Errno::EINTR) => {}
            other => return Ok((Pid::from_raw(other?), status)),
        }
    }
}

/// Continues a stopped thread. If the thread has already ended, a later wait reports the end.
fn resume(request: libc::c_uint, thread: Pid, signal: c_int) {
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: both requests ignore the address and take a number as data, so no pointer is dereferenced.
    unsafe { libc::ptrace(request, thread.as_raw(), nothing, c_long::from(signal)) };
}
