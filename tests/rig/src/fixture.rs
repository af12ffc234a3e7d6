//! The fixture of most tests: a sealed vault, the custodians' site, and the AWS account that the vault opens.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::aws::{Account, Aws, Probe};
use crate::proxy::Proxy;
use crate::pty::Person;
use crate::site::Site;
use crate::token::Counters;

/// A vault before sealing: the custodians, the account and the payload.
pub struct Fixture {
    program: PathBuf,
    custodians: Vec<String>,
    account: Account,
    payload: Value,
}

impl Fixture {
    /// Prepares a vault for a new account in the shared emulated AWS. Any two of the custodians can open the vault, for
    /// at most four hours.
    pub fn new(program: impl Into<PathBuf>, account: &str, custodians: &[&str]) -> Self {
        let account = Aws::shared().seed(account);
        Self {
            program: program.into(),
            custodians: custodians.iter().map(|name| (*name).to_owned()).collect(),
            payload: account.payload(Account::grant(), "4h"),
            account,
        }
    }

    #[must_use]
    pub fn payload(mut self, payload: impl FnOnce(&Account) -> Value) -> Self {
        self.payload = payload(&self.account);
        self
    }

    /// Replaces the alert channels. If there are no channels, the payload has no field `alerts`.
    #[must_use]
    pub fn alerts(mut self, channels: impl FnOnce(&Account) -> Vec<Value>) -> Self {
        self.payload["alerts"] = channels(&self.account).into();
        if self.payload["alerts"] == json!([]) {
            self.payload.as_object_mut().expect("the payload should be an object").remove("alerts");
        }
        self
    }

    /// Enrols the custodians and seals `prod.age`. No token is plugged in.
    #[must_use]
    pub fn sealed(self) -> SealedVault {
        let aws = self.account.aws.clone();
        let names: Vec<_> = self.custodians.iter().map(String::as_str).collect();
        let site = Site::enrolled(self.program, &names).with_aws(&aws);
        site.seal(&self.payload, 2);
        let enrolled = site.custodians.iter().map(|custodian| custodian.token.counters()).collect();
        SealedVault { aws, site, account: self.account, enrolled }
    }

    /// Enrols the custodians, seals the vault, and plugs in the tokens of these custodians.
    #[must_use]
    pub fn plugged(self, names: &[&str]) -> SealedVault {
        let vault = self.sealed();
        for name in names {
            vault.site.plug(name);
        }
        vault
    }

    /// Enrols the custodians, seals the vault, and plugs in every token.
    #[must_use]
    pub fn all_plugged(self) -> SealedVault {
        let names = self.custodians.clone();
        self.plugged(&names.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// A sealed vault, `prod.age`, with its site and account.
pub struct SealedVault {
    pub aws: Aws,
    /// The custodians and their machine.
    pub site: Site,
    pub account: Account,
    /// The counters of each token after enrolment.
    enrolled: Vec<Counters>,
}

impl SealedVault {
    /// Prepares `open prod.age` for a window of this duration, with the reason `INC-1`.
    pub fn open(&self, window: &str) -> Opening<'_> {
        Opening {
            vault: self,
            window: window.to_owned(),
            reason: "INC-1".to_owned(),
            more: Vec::new(),
            env: Vec::new(),
        }
    }

    /// Runs `close prod.age` with these additional arguments. Two custodians give their shares.
    pub fn close(&self, more: &[&str]) -> Person {
        let mut person = self.site.person(&[&["close", "prod.age"], more].concat());
        self.site.quorum(&mut person, 2);
        person
    }

    /// Returns whether AWS accepts the emergency key.
    pub fn is_open(&self) -> bool {
        matches!(self.account.probe(&self.account.emergency), Probe::Open)
    }

    /// Returns whether AWS refuses the emergency key.
    pub fn is_closed(&self) -> bool {
        matches!(self.account.probe(&self.account.emergency), Probe::Refused(_))
    }

    /// Returns the actions of the IAM writes so far, in order.
    pub fn writes(&self) -> Vec<String> {
        let iam =
            self.account.journal().into_iter().filter(|call| call.service == "iam").map(|call| call.action);
        iam.filter(|action| !action.starts_with("Get") && !action.starts_with("List")).collect()
    }

    /// Returns how many PINs were tried on a custodian's token since enrolment.
    pub fn pins_tried(&self, name: &str) -> u32 {
        let place = self.site.place(name);
        self.site.custodians[place].token.counters().verifications - self.enrolled[place].verifications
    }
}

/// An `open` command that has not been started.
#[must_use]
pub struct Opening<'a> {
    vault: &'a SealedVault,
    window: String,
    reason: String,
    more: Vec<String>,
    env: Vec<(OsString, OsString)>,
}

impl Opening<'_> {
    /// Replaces the reason.
    pub fn reason(mut self, reason: &str) -> Self {
        reason.clone_into(&mut self.reason);
        self
    }

    pub fn args(mut self, more: &[&str]) -> Self {
        self.more.extend(more.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Adds `--again` with this reason.
    pub fn again(self, why: &str) -> Self {
        self.args(&["--again", why])
    }

    /// Adds `--hold`.
    pub fn hold(self) -> Self {
        self.args(&["--hold"])
    }

    /// Sets the command that runs during the window. Must be called last.
    pub fn run(self, command: &[&str]) -> Self {
        self.args(&["--"]).args(command)
    }

    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sends the program's calls to AWS through this proxy.
    pub fn proxy(self, proxy: &Proxy) -> Self {
        let (name, value) = proxy.env();
        self.env(name, value)
    }

    /// Returns the command, so that a test can change it or run it without a terminal.
    pub fn command(&self) -> Command {
        let first = ["open", "prod.age", "--for", &self.window, "--reason", &self.reason];
        let more = self.more.iter().map(String::as_str);
        let mut command = self.vault.site.command(&first.into_iter().chain(more).collect::<Vec<_>>());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts the command at a terminal. No prompt is answered.
    pub fn start(&self) -> Person {
        Person::run(self.command())
    }

    /// Starts the command at a terminal. Two custodians give their shares.
    pub fn by_quorum(&self) -> Person {
        let mut person = self.start();
        self.vault.site.quorum(&mut person, 2);
        person
    }

    /// Starts the command with a quorum as [`Opening::by_quorum`] does, and waits until access is open. The program
    /// then shows the time left.
    pub fn until_open(&self) -> Person {
        let mut person = self.by_quorum();
        person.expect("left");
        person
    }
}
