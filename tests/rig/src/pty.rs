//! A person at a terminal: reads prompts, types answers, and gets the exit status.

mod render;
mod screen;

use crate::memory::{Ending, Finding, Tracing, trace_exit};
use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
pub use nix::sys::signal::Signal;
use nix::sys::signal::kill;
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

/// The default time that a person waits for a prompt or an end.
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
    /// A pipe that holds these bytes, then ends.
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
    /// A pipe, read by [`Person::captured`] and [`Person::captured_errors`].
    Captured,
}

/// The three streams of a command, all at the terminal by default, and the terminal's width.
#[derive(Default)]
pub struct Streams {
    /// Standard input.
    pub stdin: Input,
    /// Standard output.
    pub stdout: Output,
    /// Standard error.
    pub stderr: Output,
    /// The terminal's columns, if not 200.
    pub columns: Option<u16>,
}

/// A person at a new terminal, whose controlling process is one command.
///
/// Dropping it kills the command and hangs up the terminal.
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

/// The command, or the trace of it.
enum Process {
    Watched(Child),
    Traced(Tracing),
    Gone,
}

/// The end of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this status.
    Code(i32),
    /// Killed by this signal.
    Signal(Signal),
}

impl End {
    fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => {
                Self::Signal(Signal::try_from(signal).expect("the kernel knows its signals"))
            }
            (None, None) => unreachable!("a process ends by itself or by a signal"),
        }
    }
}

impl Person {
    /// Runs `command` with all its streams at the terminal.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn run(command: Command) -> Self {
        Self::run_with(command, Streams::default())
    }

    /// Runs `command` with some streams elsewhere; `/dev/tty` is the terminal all the same.
    ///
    /// # Panics
    /// If it cannot be started.
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
            // SAFETY: TIOCSCTTY takes an integer, touches no memory, and the descriptor is open until exec.
            match unsafe { nix::libc::ioctl(descriptor, nix::libc::TIOCSCTTY, 0) } {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        };
        // SAFETY: both calls in the closure are bare system calls, which are allowed between fork and exec.
        unsafe { command.pre_exec(take_terminal) };
        let child = command.spawn().unwrap_or_else(|e| panic!("cannot run {command:?}: {e}"));
        // Closes the last descriptors of the terminal in this process, so that its end is noticed.
        drop((terminal, command));
        let screen = Screen::follow(File::from(descriptor_of(&keyboard)));
        let pid = child.id();
        let process = Process::Watched(child);
        Self { process, pid, keyboard, columns, screen, stdout, stderr, end: None, finding: None }
    }

    /// Waits for `text` after the text expected before, and returns the output up to its end.
    ///
    /// Colours and other escape sequences are removed.
    ///
    /// # Panics
    /// After 20 seconds, or if the output ended: with the transcript.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> String {
        self.expect_within(PATIENCE, text)
    }

    /// As [`Person::expect`], with another timeout.
    #[track_caller]
    pub fn expect_within(&mut self, patience: Duration, text: &str) -> String {
        match self.screen.find(text, patience) {
            Some(until) => until,
            None => panic!("{text:?} did not appear; the transcript:\n{}", self.transcript()),
        }
    }

    /// Types this and Enter.
    pub fn type_line(&mut self, text: &str) {
        self.type_raw(text.as_bytes());
        self.type_raw(b"\r");
    }

    /// Types this and Enter once the terminal has stopped echoing, as a person does at a hidden prompt.
    ///
    /// A prompt is often shown before the echo is switched off, and input in between would be shown or lost.
    ///
    /// # Panics
    /// If it still echoes after 20 seconds: with the transcript.
    #[track_caller]
    pub fn type_hidden(&mut self, text: &str) {
        let began = Instant::now();
        while self.is_echoing() {
            assert!(began.elapsed() < PATIENCE, "it still echoes; the transcript:\n{}", self.transcript());
            std::thread::sleep(PAUSE);
        }
        self.type_line(text);
    }

    /// Types these bytes: b"\x03" is Ctrl-C.
    pub fn type_raw(&mut self, bytes: &[u8]) {
        // A command that has ended reads nothing; its end or the transcript shows that.
        let _ = self.keyboard.write_all(bytes);
    }

    /// Types Ctrl-D.
    pub fn eof(&mut self) {
        self.type_raw(b"\x04");
    }

    /// Sends the command a signal, unless it was reaped already.
    pub fn send_signal(&self, signal: Signal) {
        if self.end.is_some() {
            // The process id may belong to another process by now.
            return;
        }
        let pid = i32::try_from(self.pid).expect("a pid fits");
        let _ = kill(Pid::from_raw(pid), signal);
    }

    /// The command's process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Everything the terminal showed so far, without escape sequences and carriage returns.
    pub fn transcript(&self) -> String {
        self.screen.text()
    }

    /// Everything the terminal showed so far, as raw bytes.
    pub fn raw_transcript(&self) -> Vec<u8> {
        self.screen.bytes()
    }

    /// The terminal's content, at its width: the screen and the lines above it. `edit` can change the output before it
    /// is rendered.
    pub fn rendered(&self, edit: impl Fn(&str) -> String) -> String {
        let output = String::from_utf8_lossy(&self.screen.bytes()).into_owned();
        render::render(&edit(&output), self.columns.into())
    }

    /// The transcript of the screen: includes erased lines, without repetitions.
    pub fn story(&self) -> String {
        screen::story(&self.screen.bytes())
    }

    /// Switches the echo on, as a shell does when it takes the terminal back from a stopped program.
    ///
    /// # Panics
    /// If the terminal is gone.
    pub fn echo_on(&self) {
        let mut modes = tcgetattr(&self.keyboard).expect("the terminal is there");
        modes.local_flags.insert(LocalFlags::ECHO | LocalFlags::ICANON);
        tcsetattr(&self.keyboard, SetArg::TCSANOW, &modes).expect("the terminal is there");
    }

    /// Whether the terminal echoes what is typed.
    ///
    /// # Panics
    /// If the terminal is gone.
    pub fn is_echoing(&self) -> bool {
        let settings = tcgetattr(&self.keyboard).expect("the terminal is there");
        settings.local_flags.contains(LocalFlags::ECHO | LocalFlags::ICANON)
    }

    /// Searches the command's memory for these secrets when it ends; [`Person::finding`] has the result.
    ///
    /// # Panics
    /// If it cannot be traced.
    pub fn trace_exit(&mut self, secrets: &[(&str, &[u8])]) {
        let Process::Watched(child) = std::mem::replace(&mut self.process, Process::Gone) else {
            panic!("it is traced already, or gone");
        };
        self.process = Process::Traced(trace_exit(child, secrets));
    }

    /// Waits for the command's end.
    ///
    /// # Panics
    /// After 20 seconds: with the transcript.
    #[track_caller]
    pub fn wait(&mut self) -> End {
        self.wait_within(PATIENCE)
    }

    /// As [`Person::wait`], with another timeout.
    #[track_caller]
    pub fn wait_within(&mut self, patience: Duration) -> End {
        match self.try_wait(patience) {
            Some(end) => end,
            None => panic!("it does not end; the transcript:\n{}", self.transcript()),
        }
    }

    /// Its end, if it comes within `patience`.
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
        // Its children may keep the terminal open for longer.
        self.screen.wait_ended(Duration::from_millis(500));
        self.end
    }

    /// The result of the memory search at its end, after [`Person::trace_exit`] and [`Person::wait`].
    ///
    /// # Panics
    /// If either was not called.
    pub fn finding(&self) -> &Finding {
        self.finding.as_ref().expect("trace_exit and wait come first")
    }

    /// The captured standard output; waits until that is closed, and returns it once.
    pub fn captured(&mut self) -> Vec<u8> {
        join(self.stdout.take())
    }

    /// The captured standard error; waits until that is closed, and returns it once.
    pub fn captured_errors(&mut self) -> Vec<u8> {
        join(self.stderr.take())
    }

    fn poll_end(&mut self) -> Option<End> {
        match &mut self.process {
            Process::Watched(child) => child.try_wait().expect("the command is ours").map(End::of),
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
    // SAFETY: TIOCSWINSZ reads a winsize, which this is.
    match unsafe { nix::libc::ioctl(terminal.as_raw_fd(), nix::libc::TIOCSWINSZ, &raw const size) } {
        0 => Ok((master, terminal)),
        _ => Err(std::io::Error::last_os_error()),
    }
}

fn descriptor_of(keyboard: &PtyMaster) -> OwnedFd {
    keyboard.as_fd().try_clone_to_owned().expect("a descriptor is duplicated")
}

fn duplicate(terminal: &File) -> Stdio {
    terminal.try_clone().expect("a descriptor is duplicated").into()
}

fn input(input: Input, terminal: &File) -> Stdio {
    match input {
        Input::Terminal => duplicate(terminal),
        Input::File(file) => file.into(),
        Input::Bytes(bytes) => {
            let (reader, mut writer) = pipe().expect("a pipe is made");
            // A command need not read it to its end.
            std::thread::spawn(move || writer.write_all(&bytes));
            reader.into()
        }
    }
}

fn output(output: Output, terminal: &File) -> (Stdio, Option<JoinHandle<Vec<u8>>>) {
    match output {
        Output::Terminal => (duplicate(terminal), None),
        Output::Captured => {
            let (reader, writer) = pipe().expect("a pipe is made");
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
    reader.map(|reader| reader.join().expect("reading does not panic")).unwrap_or_default()
}
