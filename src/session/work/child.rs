//! Runs the operator's command during a window. Sets the command's environment and process group, and gives the
//! terminal to the command.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::fs::{Access, access};
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, kill_process_group, test_kill_process_group, waitpid,
};

use crate::boot_clock::Instant;
use crate::error::{Error, Result};
use crate::session::work::shell_prompt::Prompt;
use crate::terminal::foreground::Foreground;
use crate::terminal::print;
use crate::vault::manifest::Lane;

/// How long the operator's command has to end after SIGTERM before the program sends SIGKILL.
const GRACE: Duration = Duration::from_secs(5);
/// The pause between two checks whether the command has ended.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// The operator's choice of a program to run during a window.
#[derive(Debug)]
pub(crate) enum Work {
    /// No program runs. The window is held open, and AWS issues no session.
    Hold,
    Command(Vec<OsString>),
    /// The operator's shell.
    Shell,
    /// The operator's browser signs in to the AWS console.
    Console,
}

/// How the operator's command ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CommandEnd {
    /// The command exited by itself, with this exit status.
    Exited(u8),
    /// A signal that this program did not send ended the command. The field is the signal's number.
    Signalled(u8),
    /// This program ended the command, because the window ended.
    Stopped,
}

impl Work {
    /// Checks that this choice is possible for a target in the lane `lane`. `mfa` is true if the target requires MFA.
    /// The lane and `mfa` are in the manifest, so the check works with a sealed vault.
    ///
    /// # Errors
    /// The error has the status `Usage` if this choice is not possible for the target.
    pub(crate) fn fits(&self, lane: Lane, mfa: bool) -> Result<()> {
        match (self, lane) {
            (Self::Hold, Lane::Static) => Err(Error::usage(
                "--hold is of no use in the lane static: only a command, a shell or the console gets access there",
            )
            .next("give a command, or leave out --hold for a shell")),
            (Self::Console, Lane::Gate) if mfa => Err(Error::usage(
                "the gate of this target requires MFA, and a session that can sign in to the console \
                 (GetFederationToken) never carries MFA",
            )
            .next("open without --console, and work with the AWS CLI in the window")),
            _ => Ok(()),
        }
    }

    /// Reports whether the window is held open without a command, so that the program reads the keyboard.
    pub(crate) fn is_held(&self) -> bool {
        matches!(self, Self::Hold | Self::Console)
    }

    /// Returns the program to run and its arguments.
    fn words(&self) -> Option<(OsString, &[OsString])> {
        match self {
            Self::Hold | Self::Console => None,
            Self::Command(words) => words.split_first().map(|(program, rest)| (program.clone(), rest)),
            Self::Shell => {
                let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
                Some((shell.unwrap_or_else(|| "/bin/sh".into()), &[]))
            }
        }
    }

    /// Checks that the command's program exists.
    ///
    /// # Errors
    /// The error has the status `Usage` if the command's program does not exist or cannot be executed.
    pub(crate) fn check(&self) -> Result<()> {
        match self.words() {
            None if self.is_held() => Ok(()),
            None => Err(Error::usage("no command given after --")),
            Some((program, _)) if is_there(&program) => Ok(()),
            Some((program, _)) => {
                Err(Error::usage(format!("command {} not found", program.to_string_lossy()))
                    .next("check its spelling and PATH; nothing was opened"))
            }
        }
    }
}

fn is_there(program: &OsStr) -> bool {
    if Path::new(program).components().count() > 1 {
        return runs(Path::new(program));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| runs(&directory.join(program)))
}

fn runs(file: &Path) -> bool {
    file.is_file() && access(file, Access::EXEC_OK).is_ok()
}

/// Reports whether the command inherits the `AWS_…` variable `name`. The command inherits only the variables for AWS
/// endpoints and CA certificates, because other `AWS_…` variables can contain credentials.
fn is_kept(name: &str) -> bool {
    let endpoint = name.starts_with("AWS_ENDPOINT_URL") || name == "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";
    let use_endpoint = name.starts_with("AWS_USE_") && name.ends_with("_ENDPOINT");
    endpoint || use_endpoint || name == "AWS_CA_BUNDLE"
}

/// Environment variables that turn off all credential sources of an AWS SDK except the credential endpoint.
const NO_OTHER_CREDENTIALS: [(&str, &str); 3] = [
    ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ("AWS_CONFIG_FILE", "/dev/null"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
];

/// A running program and its process group.
pub(crate) struct Child {
    group: Pid,
    is_shell: bool,
    ended: Option<WaitStatus>,
    terminal: Option<Foreground>,
    _prompt: Option<Prompt>,
}

impl Child {
    /// Starts the command in the terminal's foreground. If the command is a shell, the shell's prompt shows the time
    /// left until `end`. If `stdout_is_taken` is true, redirects the command's standard output to stderr.
    ///
    /// # Errors
    /// Fails if the command cannot be started.
    pub(crate) fn start(
        work: &Work,
        access: &[(&'static str, String)],
        end: Instant,
        stdout_is_taken: bool,
    ) -> io::Result<Self> {
        let (program, rest) = work.words().ok_or_else(|| io::Error::other("there is no command"))?;
        let mut command = Command::new(&program);
        command.args(rest).process_group(0);
        if stdout_is_taken {
            command.stdout(io::stderr().as_fd().try_clone_to_owned()?);
        }
        let is_shell = matches!(work, Work::Shell);
        let prompt = is_shell.then(|| Prompt::prepare(&mut command, &program, end)).and_then(|prompt| {
            let why = |e| print::warning(format_args!("the prompt will not show the time left: {e}"));
            prompt.map_err(why).ok()
        });
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("AWS_") && !is_kept(name)) {
                command.env_remove(name);
            }
        }
        command.envs(NO_OTHER_CREDENTIALS).envs(access.iter().map(|(name, value)| (name, value)));
        let child = command.spawn()?;
        let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let group = id.ok_or_else(|| io::Error::other("the system gave no process id"))?;
        let terminal = Foreground::give(group);
        // The kernel stops a background process that uses the terminal. The kernel might therefore have stopped the
        // command before the command was in the foreground. SIGCONT continues a stopped command.
        let _ = kill_process_group(group, Signal::CONT);
        Ok(Self { group, is_shell, ended: None, terminal, _prompt: prompt })
    }

    /// Reports whether the command has ended. Sends SIGCONT to a stopped command, because a window cannot be suspended.
    pub(crate) fn has_ended(&mut self) -> bool {
        while self.ended.is_none() {
            match waitpid(Some(self.group), WaitOptions::NOHANG | WaitOptions::UNTRACED) {
                Ok(Some((_, status))) if status.stopped() => self.send(Signal::CONT),
                Ok(Some((_, status))) => self.ended = Some(status),
                Err(rustix::io::Errno::INTR) => {}
                Ok(None) => return false,
                Err(_) => return true,
            }
        }
        true
    }

    /// Returns how the command ended. `None` if the command has not ended, or its status is not known.
    pub(crate) fn status(&self) -> Option<CommandEnd> {
        let code = |number: Option<i32>| u8::try_from(number?).ok();
        let status = self.ended.as_ref()?;
        match (code(status.exit_status()), code(status.terminating_signal())) {
            (Some(code), _) => Some(CommandEnd::Exited(code)),
            (None, Some(signal)) => Some(CommandEnd::Signalled(signal)),
            (None, None) => None,
        }
    }

    /// Sends a signal to the command's process group.
    pub(crate) fn forward(&self, signal: crate::signal::Signal) {
        if let Some(signal) = Signal::from_named_raw(i32::from(signal.number())) {
            self.send(signal);
        }
    }

    fn send(&self, signal: Signal) {
        let _ = kill_process_group(self.group, signal);
    }

    /// Sends SIGTERM to the command's process group. Sends SIGKILL if a process is left after [`GRACE`]. After the
    /// command's end, takes the terminal back. Returns a description of how the command ended.
    pub(crate) async fn end(mut self) -> String {
        let since = Instant::now();
        self.send(Signal::TERM);
        if self.is_shell {
            // A shell at its prompt ignores SIGTERM. SIGHUP ends the shell and its jobs.
            self.send(Signal::HUP);
        }
        self.send(Signal::CONT);
        while !(self.has_ended() && self.is_group_gone()) {
            let waited = Instant::now().since(since);
            if waited >= GRACE {
                self.send(Signal::KILL);
            }
            if waited >= 2 * GRACE {
                break;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        drop(self.terminal.take());
        self.describe_end()
    }

    /// Reports whether all processes in the command's process group have ended.
    fn is_group_gone(&self) -> bool {
        test_kill_process_group(self.group).is_err()
    }

    fn describe_end(&self) -> String {
        let status = self.ended.as_ref();
        let signal = status.and_then(|s| s.terminating_signal());
        match (status.and_then(|s| s.exit_status()), signal) {
            (Some(0), _) => "the command ended".into(),
            (Some(code), _) => format!("the command ended with status {code}"),
            (None, Some(signal)) => format!("the command was ended by signal {signal}"),
            (None, None) => "the command did not end".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_variables_that_locate_aws_are_inherited() {
        for kept in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_IAM", "AWS_CA_BUNDLE", "AWS_USE_FIPS_ENDPOINT"] {
            assert!(is_kept(kept), "{kept}");
        }
        for dropped in
            ["AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_REGION", "AWS_USE_X"]
        {
            assert!(!is_kept(dropped), "{dropped}");
        }
    }

    #[test]
    fn a_command_that_does_not_exist_is_refused_before_it_is_started() {
        assert!(Work::Hold.check().is_ok());
        assert!(Work::Command(vec!["sh".into()]).check().is_ok());
        assert!(Work::Command(vec!["/bin/sh".into(), "-c".into()]).check().is_ok());
        assert!(Work::Command(vec!["no-such-command-here".into()]).check().is_err());
        assert!(Work::Command(Vec::new()).check().is_err());
    }

    #[test]
    fn the_whole_process_group_of_the_command_is_ended() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("the runtime should start");
        runtime.block_on(async {
            let work = Work::Command(vec!["sh".into(), "-c".into(), "sleep 1000 & exit 3".into()]);
            let mut child =
                Child::start(&work, &[], Instant::now(), false).expect("the command should start");
            while !child.has_ended() {
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
            let group = child.group;
            assert!(
                test_kill_process_group(group).is_ok(),
                "the command's background process should still run"
            );
            assert_eq!(child.end().await, "the command ended with status 3");
            assert!(
                test_kill_process_group(group).is_err(),
                "no process of the command's group should be left"
            );
        });
    }
}
