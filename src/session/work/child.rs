//! The program in the window: its environment, its process group, the terminal that is its own meanwhile.

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

/// Between TERM and KILL.
const GRACE: Duration = Duration::from_secs(5);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// What the window is for.
#[derive(Debug)]
pub enum Work {
    /// Nothing is started and nothing handed out.
    Hold,
    /// This command.
    Command(Vec<OsString>),
    /// The operator's shell.
    Shell,
    /// A browser signs in to the console; nothing is started here.
    Console,
}

impl Work {
    /// Whether a target of this lane can be opened for it, which a manifest tells before anybody is asked.
    ///
    /// # Errors
    /// Usage, with the reason.
    pub fn fits(&self, lane: Lane, mfa: bool) -> Result<()> {
        match (self, lane) {
            (Self::Hold, Lane::Static) => Err(Error::usage(
                "the lane static opens nothing but a session, so there is nothing to hold open without one",
            )
            .next("give a command, or leave --hold out for a shell")),
            (Self::Console, Lane::Gate) if mfa => Err(Error::usage(
                "the gate of this target demands MFA, and a session that can sign in to the console \
                 (GetFederationToken) never carries it",
            )
            .next("open without --console, and work with the AWS CLI in the window")),
            _ => Ok(()),
        }
    }

    /// There is no program: the keyboard is ours.
    pub(crate) fn is_held(&self) -> bool {
        matches!(self, Self::Hold | Self::Console)
    }

    /// The program and its arguments.
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

    /// Finds the program before anybody is asked for anything.
    ///
    /// # Errors
    /// Usage, when there is no such program.
    pub fn check(&self) -> Result<()> {
        match self.words() {
            None if self.is_held() => Ok(()),
            None => Err(Error::usage("there is no command after --")),
            Some((program, _)) if is_there(&program) => Ok(()),
            Some((program, _)) => {
                Err(Error::usage(format!("there is no command {}", program.to_string_lossy()))
                    .next("check its spelling and PATH; nothing has been opened"))
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

/// What is kept of the inherited `AWS_…`: where AWS is, never who one is.
fn is_kept(name: &str) -> bool {
    let endpoint = name.starts_with("AWS_ENDPOINT_URL") || name == "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";
    let use_endpoint = name.starts_with("AWS_USE_") && name.ends_with("_ENDPOINT");
    endpoint || use_endpoint || name == "AWS_CA_BUNDLE"
}

/// Every credential source but the endpoint is shut off.
const FIXED: [(&str, &str); 3] = [
    ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ("AWS_CONFIG_FILE", "/dev/null"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
];

/// A running program and everything in its process group.
pub(crate) struct Child {
    group: Pid,
    is_shell: bool,
    ended: Option<WaitStatus>,
    terminal: Option<Foreground>,
    _prompt: Option<Prompt>,
}

impl Child {
    /// Starts it with the terminal's keys in its hands; a shell's prompt shows how long it is until `end`. `aside`:
    /// stdout is taken, its output goes to stderr.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(
        work: &Work,
        access: &[(&'static str, String)],
        end: Instant,
        aside: bool,
    ) -> io::Result<Self> {
        let (program, rest) = work.words().ok_or_else(|| io::Error::other("there is no command"))?;
        let mut command = Command::new(&program);
        command.args(rest).process_group(0);
        if aside {
            command.stdout(io::stderr().as_fd().try_clone_to_owned()?);
        }
        let is_shell = matches!(work, Work::Shell);
        let prompt = is_shell.then(|| Prompt::give(&mut command, &program, end)).and_then(|prompt| {
            let why = |e| print::warning(format_args!("the prompt will not show the time left: {e}"));
            prompt.map_err(why).ok()
        });
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("AWS_") && !is_kept(name)) {
                command.env_remove(name);
            }
        }
        command.envs(FIXED).envs(access.iter().map(|(name, value)| (name, value)));
        let child = command.spawn()?;
        let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let group = id.ok_or_else(|| io::Error::other("the system gave no process id"))?;
        let terminal = Foreground::give(group);
        // It may have been stopped for touching the terminal before it owned it.
        let _ = kill_process_group(group, Signal::CONT);
        Ok(Self { group, is_shell, ended: None, terminal, _prompt: prompt })
    }

    /// Looks whether it ended. A window cannot be suspended: whoever stops is continued.
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

    /// Passes a signal on.
    pub(crate) fn forward(&self, signal: crate::signal::Signal) {
        if let Some(signal) = Signal::from_named_raw(i32::from(signal.number())) {
            self.send(signal);
        }
    }

    fn send(&self, signal: Signal) {
        let _ = kill_process_group(self.group, signal);
    }

    /// TERM, and KILL five seconds later, to all of the group; gives the terminal back and says how it ended.
    pub(crate) async fn end(mut self) -> String {
        let since = Instant::now();
        self.send(Signal::TERM);
        if self.is_shell {
            // Shells at a prompt take no notice of TERM, and end their jobs on HUP.
            self.send(Signal::HUP);
        }
        self.send(Signal::CONT);
        while !(self.has_ended() && self.is_alone()) {
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
        self.words()
    }

    /// Nobody is left in the group.
    fn is_alone(&self) -> bool {
        test_kill_process_group(self.group).is_err()
    }

    fn words(&self) -> String {
        let status = self.ended.as_ref();
        let signal = status.and_then(|s| s.terminating_signal());
        match (status.and_then(|s| s.exit_status()), signal) {
            (Some(0), _) => "the command ended".into(),
            (Some(code), _) => format!("the command ended with status {code}"),
            (None, Some(signal)) => format!("the command ended by signal {signal}"),
            (None, None) => "the command did not end".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_where_aws_is_comes_through() {
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
    fn a_command_that_is_not_there_is_known_beforehand() {
        assert!(Work::Hold.check().is_ok());
        assert!(Work::Command(vec!["sh".into()]).check().is_ok());
        assert!(Work::Command(vec!["/bin/sh".into(), "-c".into()]).check().is_ok());
        assert!(Work::Command(vec!["no-such-command-here".into()]).check().is_err());
        assert!(Work::Command(Vec::new()).check().is_err());
    }

    #[test]
    fn who_does_not_go_is_killed_with_the_whole_group() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let work = Work::Command(vec!["sh".into(), "-c".into(), "sleep 1000 & exit 3".into()]);
            let mut child = Child::start(&work, &[], Instant::now(), false).expect("starts");
            while !child.has_ended() {
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
            let group = child.group;
            assert!(test_kill_process_group(group).is_ok(), "its child lives on");
            assert_eq!(child.end().await, "the command ended with status 3");
            assert!(test_kill_process_group(group).is_err(), "nobody is left");
        });
    }
}
