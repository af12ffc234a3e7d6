//! Simulates a person at a terminal who reads prompts, types answers, and gets the exit status.

mod render;
mod screen;

use crate::memory::{Ending, Finding, Tracing, trace_exit};
use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
pub use nix::sys::signal::Signal;
use nix::sys::signal::{SigHandler, kill, signal};
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use nix::unistd::{Pid, setsid};
use screen::Screen;
use std::fs::{File, OpenOptions};
use std::io::{PipeReader, Read, Write, pipe};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a person waits by default for a prompt or for the command's end.
const PATIENCE: Duration = Duration::from_secs(20);

/// The terminal's size, in characters.
const ROWS: u16 = 40;
const COLUMNS: u16 = 200;
/// The polling interval.
const PAUSE: Duration = Duration::from_millis(2);

/// The source of a command's standard input.
#[derive(Default)]
pub enum Input {
    /// The keyboard.
    #[default]
    Terminal,
    /// A pipe that contains these bytes and then ends.
    Bytes(Vec<u8>),
    /// An open file.
    File(File),
}

/// The destination of a command's output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// The terminal.
    #[default]
    Terminal,
    /// A pipe. [`Person::captured`] and [`Person::captured_errors`] return the content.
    Captured,
}

/// The three streams of a command, and the width of its terminal. By default, all streams are at the terminal.
#[derive(Default)]
pub struct Streams {
    pub stdin: Input,
    pub stdout: Output,
    pub stderr: Output,
    /// The number of columns of the terminal. The default is 200.
    pub columns: Option<u16>,
}

/// A person at a new terminal. The terminal is the controlling terminal of one command.
///
/// Dropping the person kills the command and hangs up the terminal.
pub struct Person {
    process: Process,
    pid: u32,
    keyboard: PtyMaster,
    columns: u16,
    screen: Screen,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    end: Option<End>,
    finding: Option<Finding>,
}

/// The command, or the tracer of the command.
enum Process {
    Watched(Child),
    Traced(Tracing),
    Gone,
}

/// The end of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The command exited with this status.
    Code(i32),
    /// This signal killed the command.
    Signal(Signal),
}

impl End {
    fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => {
                Self::Signal(Signal::try_from(signal).expect("the kernel should report a known signal"))
            }
            (None, None) => unreachable!("a process ends with a status or by a signal"),
        }
    }
}

impl Person {
    /// Runs `command` with all its streams at the terminal.
    ///
    /// # Panics
    ///
    /// Panics if the command cannot be started.
    pub fn run(command: Command) -> Self {
        Self::run_with(command, Streams::default())
    }

    /// Runs `command` with these streams. `/dev/tty` is always the terminal.
    ///
    /// # Panics
    ///
    /// Panics if the command cannot be started.
    pub fn run_with(mut command: Command, streams: Streams) -> Self {
        let columns = streams.columns.unwrap_or(COLUMNS);
        let (keyboard, terminal) = open_terminal(columns).unwrap_or_else(|e| panic!("no terminal: {e}"));
        command.stdin(input(streams.stdin, &terminal));
        let (out, stdout) = output(streams.stdout, &terminal);
        let (err, stderr) = output(streams.stderr, &terminal);
        command.stdout(out).stderr(err);
        let descriptor = terminal.as_raw_fd();
        let take_terminal = move || {
            setsid()?;
            // If a shell runs the tests in the background, these two signals are ignored, and child processes inherit
            // this setting.
            for ignored in [Signal::SIGINT, Signal::SIGQUIT] {
                // SAFETY: the default action does not call a handler.
                unsafe { signal(ignored, SigHandler::SigDfl)? };
            }
            // SAFETY: TIOCSCTTY takes an integer, touches no memory, and the descriptor is open until exec.
            match unsafe { nix::libc::ioctl(descriptor, nix::libc::TIOCSCTTY, 0) } {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        };
        // SAFETY: the calls in the closure are bare system calls, which are allowed between fork and exec.
        unsafe { command.pre_exec(take_terminal) };
        let child = command.spawn().unwrap_or_else(|e| panic!("cannot run {command:?}: {e}"));
        // Dropping both values closes the last descriptors that this process has for the command's side of the
        // terminal. If a descriptor stayed open, this process would not notice the end of the terminal.
        drop((terminal, command));
        let screen = Screen::follow(File::from(descriptor_of(&keyboard)));
        let pid = child.id();
        let process = Process::Watched(child);
        Self { process, pid, keyboard, columns, screen, stdout, stderr, end: None, finding: None }
    }

    /// Waits until `text` appears in the output after the previous match. Returns the output from the previous match to
    /// the end of `text`.
    ///
    /// The returned output has no colours or other escape sequences.
    ///
    /// # Panics
    ///
    /// Panics with the transcript after 20 seconds, or if the output ended.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> String {
        self.expect_within(PATIENCE, text)
    }

    /// Waits for `text` as [`Person::expect`] does, but with the timeout `patience`.
    #[track_caller]
    pub fn expect_within(&mut self, patience: Duration, text: &str) -> String {
        match self.screen.find(text, patience) {
            Some(until) => until,
            None => panic!("{text:?} did not appear; the transcript:\n{}", self.transcript()),
        }
    }

    /// Types this text and Enter.
    pub fn type_line(&mut self, text: &str) {
        self.type_raw(text.as_bytes());
        self.type_raw(b"\r");
    }

    /// Types this text and Enter at a hidden prompt. Waits until the terminal has stopped echoing.
    ///
    /// The program can show a prompt before it switches the echo off. Text that is typed too early would be shown or
    /// lost.
    ///
    /// # Panics
    ///
    /// Panics with the transcript if the terminal still echoes after 20 seconds.
    #[track_caller]
    pub fn type_hidden(&mut self, text: &str) {
        let began = Instant::now();
        while self.is_echoing() {
            assert!(
                began.elapsed() < PATIENCE,
                "the terminal still echoes; the transcript:\n{}",
                self.transcript()
            );
            std::thread::sleep(PAUSE);
        }
        self.type_line(text);
    }

    /// Types these bytes, such as b"\x03" for Ctrl-C.
    pub fn type_raw(&mut self, bytes: &[u8]) {
        // If the command has ended, no process reads these bytes, so a failed write is ignored. The caller notices the
        // end from [`Person::wait`] or from the transcript.
        let _ = self.keyboard.write_all(bytes);
    }

    /// Types Ctrl-D.
    pub fn eof(&mut self) {
        self.type_raw(b"\x04");
    }

    /// Sends a signal to the command, unless the command was already reaped.
    pub fn send_signal(&self, signal: Signal) {
        if self.end.is_some() {
            // The command was reaped, so the process id might belong to another process.
            return;
        }
        let pid = i32::try_from(self.pid).expect("a process id should fit into an i32");
        let _ = kill(Pid::from_raw(pid), signal);
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns all output of the terminal so far, without escape sequences and carriage returns.
    pub fn transcript(&self) -> String {
        self.screen.text()
    }

    /// Returns all output of the terminal so far, as raw bytes.
    pub fn raw_transcript(&self) -> Vec<u8> {
        self.screen.bytes()
    }

    /// Returns the terminal's content at its width: the screen and the lines above it. `edit` can change the output
    /// before it is rendered.
    pub fn rendered(&self, edit: impl Fn(&str) -> String) -> String {
        let output = String::from_utf8_lossy(&self.screen.bytes()).into_owned();
        render::render(&edit(&output), self.columns.into())
    }

    /// Returns the lines of the output in order of appearance. Erased lines are included; repeated lines are dropped.
    pub fn story(&self) -> String {
        screen::story(&self.screen.bytes())
    }

    /// Switches the echo on. A shell switches the echo on when the shell takes the terminal back from a stopped
    /// program.
    ///
    /// # Panics
    ///
    /// Panics if the terminal is gone.
    pub fn echo_on(&self) {
        let mut modes = tcgetattr(&self.keyboard).expect("the terminal should exist");
        modes.local_flags.insert(LocalFlags::ECHO | LocalFlags::ICANON);
        tcsetattr(&self.keyboard, SetArg::TCSANOW, &modes).expect("the terminal should exist");
    }

    /// Returns whether the terminal echoes typed text.
    ///
    /// # Panics
    ///
    /// Panics if the terminal is gone.
    pub fn is_echoing(&self) -> bool {
        let settings = tcgetattr(&self.keyboard).expect("the terminal should exist");
        settings.local_flags.contains(LocalFlags::ECHO | LocalFlags::ICANON)
    }

    /// Searches the command's memory for these secrets when the command ends. [`Person::finding`] returns the result.
    ///
    /// # Panics
    ///
    /// Panics if the command cannot be traced.
    pub fn trace_exit(&mut self, secrets: &[(&str, &[u8])]) {
        let Process::Watched(child) = std::mem::replace(&mut self.process, Process::Gone) else {
            panic!("the command is already traced, or has ended");
        };
        self.process = Process::Traced(trace_exit(child, secrets));
    }

    /// Waits until the command ends.
    ///
    /// # Panics
    ///
    /// Panics with the transcript if the command does not end within 20 seconds.
    #[track_caller]
    pub fn wait(&mut self) -> End {
        self.wait_within(PATIENCE)
    }

    /// Waits as [`Person::wait`] does, but with the timeout `patience`.
    #[track_caller]
    pub fn wait_within(&mut self, patience: Duration) -> End {
        match self.try_wait(patience) {
            Some(end) => end,
            None => panic!("the command does not end; the transcript:\n{}", self.transcript()),
        }
    }

    /// Returns the command's end, if the command ends within `patience`.
    pub fn try_wait(&mut self, patience: Duration) -> Option<End> {
        let deadline = Instant::now() + patience;
        while self.end.is_none() {
            self.end = self.poll_end();
            if self.end.is_none() {
                if Instant::now() >= deadline {
                    return None;
                }
                std::thread::sleep(PAUSE);
            }
        }
        // The wait for the end of the output has a time limit, because children of the command can keep the terminal
        // open.
        self.screen.wait_ended(Duration::from_millis(500));
        self.end
    }

    /// Returns the result of the memory search at the command's end, after [`Person::trace_exit`] and
    /// [`Person::wait`].
    ///
    /// # Panics
    ///
    /// Panics if one of these two functions was not called.
    pub fn finding(&self) -> &Finding {
        self.finding.as_ref().expect("trace_exit and wait should be called first")
    }

    /// Waits for the end of the captured standard output, and returns the output. A second call returns no bytes.
    pub fn captured(&mut self) -> Vec<u8> {
        join(self.stdout.take())
    }

    /// Waits for the end of the captured standard error, and returns the output. A second call returns no bytes.
    pub fn captured_errors(&mut self) -> Vec<u8> {
        join(self.stderr.take())
    }

    fn poll_end(&mut self) -> Option<End> {
        match &mut self.process {
            Process::Watched(child) => {
                child.try_wait().expect("the command should be a child of this process").map(End::of)
            }
            Process::Traced(tracing) => {
                let Ending { status, finding } = tracing.poll()?;
                self.finding = Some(finding);
                Some(End::of(status))
            }
            Process::Gone => None,
        }
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        if self.end.is_none() {
            self.send_signal(Signal::SIGKILL);
            self.try_wait(Duration::from_secs(5));
        }
    }
}

fn open_terminal(columns: u16) -> std::io::Result<(PtyMaster, File)> {
    let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let no_tty = OFlag::O_NOCTTY.bits();
    let terminal =
        OpenOptions::new().read(true).write(true).custom_flags(no_tty).open(ptsname_r(&master)?)?;
    let size = nix::libc::winsize { ws_row: ROWS, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCSWINSZ reads a winsize, and `size` is a winsize.
    match unsafe { nix::libc::ioctl(terminal.as_raw_fd(), nix::libc::TIOCSWINSZ, &raw const size) } {
        0 => Ok((master, terminal)),
        _ => Err(std::io::Error::last_os_error()),
    }
}

fn descriptor_of(keyboard: &PtyMaster) -> OwnedFd {
    keyboard.as_fd().try_clone_to_owned().expect("a descriptor should be duplicated")
}

fn duplicate(terminal: &File) -> Stdio {
    terminal.try_clone().expect("a descriptor should be duplicated").into()
}

fn input(input: Input, terminal: &File) -> Stdio {
    match input {
        Input::Terminal => duplicate(terminal),
        Input::File(file) => file.into(),
        Input::Bytes(bytes) => {
            let (reader, mut writer) = pipe().expect("a pipe should be created");
            // A command need not read all its input, so a failed write is ignored.
            std::thread::spawn(move || writer.write_all(&bytes));
            reader.into()
        }
    }
}

fn output(output: Output, terminal: &File) -> (Stdio, Option<JoinHandle<Vec<u8>>>) {
    match output {
        Output::Terminal => (duplicate(terminal), None),
        Output::Captured => {
            let (reader, writer) = pipe().expect("a pipe should be created");
            (writer.into(), Some(std::thread::spawn(move || drain(reader))))
        }
    }
}

fn drain(mut reader: PipeReader) -> Vec<u8> {
    let mut all = Vec::new();
    let _ = reader.read_to_end(&mut all);
    all
}

fn join(reader: Option<JoinHandle<Vec<u8>>>) -> Vec<u8> {
    reader.map(|reader| reader.join().expect("the reading thread should not panic")).unwrap_or_default()
}
