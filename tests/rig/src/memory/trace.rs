//! Searches a process at its very end: traces it until its last thread is about to exit.

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

/// The end of a traced process, and the search of its memory at that time.
#[derive(Debug)]
pub struct Ending {
    /// The exit status.
    pub status: ExitStatus,
    /// The result of the search.
    pub finding: Finding,
}

/// A process that is traced to its end.
pub struct Tracing {
    // Do not wait for the child through this handle: its stops would be taken for its end.
    _child: Child,
    ending: Receiver<Ending>,
}

/// Traces a child, all its threads included, and searches its memory when the last thread is about to exit.
///
/// Tracing has begun when this returns. Takes the child, because from now on only the tracer may wait for it.
///
/// # Panics
/// If the child cannot be traced, or a secret cannot be searched for.
pub fn trace_exit(child: Child, secrets: &[(&str, &[u8])]) -> Tracing {
    let windows = Windows::new(secrets);
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid fits"));
    let (begun, attached) = channel();
    let (ended, ending) = channel();
    std::thread::spawn(move || {
        let tracer = Tracer::attach(pid, windows);
        let _ = begun.send(tracer.as_ref().map(|_| ()).map_err(|e| *e));
        if let Ok(tracer) = tracer {
            let _ = ended.send(tracer.follow());
        }
    });
    let attached = attached.recv().expect("the tracer answers");
    attached.unwrap_or_else(|e| panic!("cannot trace {pid}: {e}"));
    Tracing { _child: child, ending }
}

impl Tracing {
    /// The ending, if it has come.
    ///
    /// # Panics
    /// If the end was missed, or is asked for twice.
    pub fn poll(&mut self) -> Option<Ending> {
        match self.ending.try_recv() {
            Ok(ending) => Some(ending),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => panic!("its end was missed, or was returned already"),
        }
    }

    /// Waits for the ending.
    ///
    /// # Panics
    /// If the end was missed.
    pub fn wait(self) -> Ending {
        self.ending.recv().expect("its end was missed")
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
        // Threads that start meanwhile are found in the next round, or are traced from their start.
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
                    // Traced by birth.
                    Err(Errno::EPERM) if thread != self.process => {}
                    other => other?,
                }
                self.alive.insert(thread);
                any = true;
            }
        }
        Ok(any)
    }

    /// Continues it to its end.
    fn follow(mut self) -> Ending {
        loop {
            let (thread, status) =
                next_change().unwrap_or_else(|e| panic!("{}: end missed: {e}", self.process));
            if WIFSTOPPED(status) {
                self.stopped(thread, WSTOPSIG(status), status >> 16);
            } else {
                self.alive.remove(&thread);
                if thread == self.process {
                    let finding = self.finding.expect("the last thread stopped before its exit");
                    let finding = finding.unwrap_or_else(|e| panic!("{thread} could not be searched: {e}"));
                    return Ending { status: ExitStatus::from_raw(status), finding };
                }
            }
        }
    }

    /// Handles a thread that stopped for an event of the tracer, or (event 0) for a signal to be delivered.
    fn stopped(&mut self, thread: Pid, signal: c_int, event: c_int) {
        match event {
            libc::PTRACE_EVENT_EXIT => {
                self.alive.remove(&thread);
                if self.alive.is_empty() {
                    self.look(thread);
                }
            }
            // A thread counts from its first stop: it may be gone when its creation is reported.
            _ => _ = self.alive.insert(thread),
        }
        match (event, signal) {
            (0, signal) => resume(libc::PTRACE_CONT, thread, signal),
            // Stopped by job control: it stays stopped until it is continued.
            (libc::PTRACE_EVENT_STOP, libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU) => {
                resume(libc::PTRACE_LISTEN, thread, 0);
            }
            _ => resume(libc::PTRACE_CONT, thread, 0),
        }
    }

    fn look(&mut self, thread: Pid) {
        // The first thread may be gone already, so the memory is read through the last one. If another thread
        // stops later, the memory is searched again.
        self.finding = Some(search(&self.tasks().join(thread.to_string()), &self.windows));
    }

    fn tasks(&self) -> PathBuf {
        format!("/proc/{}/task", self.process).into()
    }
}

/// The next stop or end of a thread that this thread traces; the process may have other children.
fn next_change() -> nix::Result<(Pid, c_int)> {
    let mut status = 0;
    loop {
        // SAFETY: the status is a live integer of this function.
        let thread = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
        match Errno::result(thread) {
            Err(Errno::EINTR) => {}
            other => return Ok((Pid::from_raw(other?), status)),
        }
    }
}

/// Continues a stopped thread; if it is gone, its end will be reported.
fn resume(request: libc::c_uint, thread: Pid, signal: c_int) {
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: both requests ignore the address and take a number for data; nothing is dereferenced.
    unsafe { libc::ptrace(request, thread.as_raw(), nothing, c_long::from(signal)) };
}
