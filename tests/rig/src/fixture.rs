//! The fixture of most tests: a sealed vault, the site of its custodians, and the AWS account that it opens.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::aws::{Account, Aws, Probe};
use crate::proxy::Proxy;
use crate::pty::Person;
use crate::site::Site;
use crate::token::Counters;

/// A vault to be sealed: its custodians, the account, the payload.
pub struct Fixture {
    program: PathBuf,
    custodians: Vec<String>,
    account: Account,
    payload: Value,
}

impl Fixture {
    /// A vault for a new account of the shared AWS. Any two of the custodians open it, for at most four hours.
    pub fn new(program: impl Into<PathBuf>, account: &str, custodians: &[&str]) -> Self {
        let account = Aws::shared().seed(account);
        Self {
            program: program.into(),
            custodians: custodians.iter().map(|name| (*name).to_owned()).collect(),
            payload: account.payload(Account::grant(), "4h"),
            account,
        }
    }

    /// Replaces the payload.
    #[must_use]
    pub fn payload(mut self, payload: impl FnOnce(&Account) -> Value) -> Self {
        self.payload = payload(&self.account);
        self
    }

    /// Replaces the alert channels; without any, the payload has no such field.
    #[must_use]
    pub fn alerts(mut self, channels: impl FnOnce(&Account) -> Vec<Value>) -> Self {
        self.payload["alerts"] = channels(&self.account).into();
        if self.payload["alerts"] == json!([]) {
            self.payload.as_object_mut().expect("an object").remove("alerts");
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

    /// The same, with these custodians' tokens plugged in.
    #[must_use]
    pub fn plugged(self, names: &[&str]) -> SealedVault {
        let vault = self.sealed();
        for name in names {
            vault.site.plug(name);
        }
        vault
    }

    /// The same, with every token plugged in.
    #[must_use]
    pub fn all_plugged(self) -> SealedVault {
        let names = self.custodians.clone();
        self.plugged(&names.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// A sealed `prod.age`.
pub struct SealedVault {
    /// The AWS of the account.
    pub aws: Aws,
    /// The custodians and their machine.
    pub site: Site,
    /// The account that the vault opens.
    pub account: Account,
    /// The counters of each token after enrolment.
    enrolled: Vec<Counters>,
}

impl SealedVault {
    /// `open prod.age` for this window, with the reason `INC-1`.
    pub fn open(&self, window: &str) -> Opening<'_> {
        Opening {
            vault: self,
            window: window.to_owned(),
            reason: "INC-1".to_owned(),
            more: Vec::new(),
            env: Vec::new(),
        }
    }

    /// Runs `close prod.age`; two custodians give their shares.
    pub fn close(&self, more: &[&str]) -> Person {
        let mut person = self.site.person(&[&["close", "prod.age"], more].concat());
        self.site.quorum(&mut person, 2);
        person
    }

    /// Whether AWS accepts the emergency key.
    pub fn is_open(&self) -> bool {
        matches!(self.account.probe(&self.account.emergency), Probe::Open)
    }

    /// Whether AWS refuses the emergency key.
    pub fn is_closed(&self) -> bool {
        matches!(self.account.probe(&self.account.emergency), Probe::Refused(_))
    }

    /// The IAM writes so far, in order.
    pub fn writes(&self) -> Vec<String> {
        let iam =
            self.account.journal().into_iter().filter(|call| call.service == "iam").map(|call| call.action);
        iam.filter(|action| !action.starts_with("Get") && !action.starts_with("List")).collect()
    }

    /// PINs tried on a custodian's token since enrolment.
    pub fn pins_tried(&self, name: &str) -> u32 {
        let place = self.site.place(name);
        self.site.custodians[place].token.counters().verifications - self.enrolled[place].verifications
    }
}

/// An `open` command to be run.
#[must_use]
pub struct Opening<'a> {
    vault: &'a SealedVault,
    window: String,
    reason: String,
    more: Vec<String>,
    env: Vec<(OsString, OsString)>,
}

impl Opening<'_> {
    /// Gives another reason.
    pub fn reason(mut self, reason: &str) -> Self {
        reason.clone_into(&mut self.reason);
        self
    }

    /// Adds arguments.
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

    /// Runs this command in the window. Comes last.
    pub fn run(self, command: &[&str]) -> Self {
        self.args(&["--"]).args(command)
    }

    /// Adds a variable to the environment.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sends its calls to AWS through this proxy.
    pub fn proxy(self, proxy: &Proxy) -> Self {
        let (name, value) = proxy.env();
        self.env(name, value)
    }

    /// The command, to be run without a terminal or with changes.
    pub fn command(&self) -> Command {
        let first = ["open", "prod.age", "--for", &self.window, "--reason", &self.reason];
        let more = self.more.iter().map(String::as_str);
        let mut command = self.vault.site.command(&first.into_iter().chain(more).collect::<Vec<_>>());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts it at a terminal. No prompt is answered.
    pub fn start(&self) -> Person {
        Person::run(self.command())
    }

    /// Starts it, and two custodians give their shares.
    pub fn by_quorum(&self) -> Person {
        let mut person = self.start();
        self.vault.site.quorum(&mut person, 2);
        person
    }

    /// The same, and waits until the time left is shown: access is open.
    pub fn until_open(&self) -> Person {
        let mut person = self.by_quorum();
        person.expect("left");
        person
    }
}
