//! An emulated AWS: the emulator MiniStack and a client that uses boto3. `tests/rig/aws/launch.py` starts the emulator.
//!
//! One emulator serves many accounts. The tests of one process share an emulator (`Aws::shared`), and each test creates
//! a separate account (`seed`). Each account has a separate journal, rules, lag and clock. The emulator ends together
//! with the process that started the emulator.

mod account;
mod mfa;
mod rule;

pub use account::{Account, DENY_ALL, Drift, GATE, Rest, utc};
pub use mfa::{Mfa, Standby};
pub use rule::{ActiveRule, Call, Rule};

use serde_json::{Value, json};
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tempfile::TempDir;

/// The default region.
pub const REGION: &str = "eu-west-1";
const FIRST_ACCOUNT: u64 = 111_122_223_333;

/// The credentials of an access key, or of an AWS session if there is a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Creds {
    /// The access key's id.
    pub key: String,
    /// The secret access key.
    pub secret: String,
    /// The session token of an AWS session.
    pub token: Option<String>,
}

/// The error of a call to AWS. `status` is 0 if AWS did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsError {
    /// The error code of AWS or of the client.
    pub code: String,
    /// The message.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
}

/// The result of one `sns:ListTopics` with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// AWS accepted the call.
    Open,
    /// AWS refused the call with this error code.
    Refused(String),
    /// The call failed for another reason. The error code is from AWS or from the client.
    Unclear(String),
}

/// A running emulator and a client for it. Cloning this value is cheap. The emulator ends when the last clone is
/// dropped.
#[derive(Clone)]
pub struct Aws(Arc<Inner>);

struct Inner {
    endpoint: String,
    journal: PathBuf,
    accounts: AtomicU64,
    driver: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    children: [Mutex<Child>; 2],
    _private: TempDir,
}

impl Aws {
    /// Starts a separate emulator, which takes about a quarter of a second.
    pub fn start() -> Aws {
        let private = tempfile::Builder::new()
            .prefix("rig-aws-")
            .tempdir()
            .expect("a private directory should be created");
        let journal = private.path().join("journal.jsonl");
        let mut server = script("launch.py")
            .args(["--dir".as_ref(), private.path(), "--journal".as_ref(), &journal])
            .stdout(Stdio::piped())
            .spawn()
            .expect("launch.py should start");
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).expect("launch.py should print where it listens");
        let endpoint = said["endpoint"].as_str().unwrap().to_owned();

        let mut driver = script("drive.py")
            .env("AWS_ENDPOINT_URL", &endpoint)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("drive.py should start");
        let pipes = (driver.stdin.take().unwrap(), BufReader::new(driver.stdout.take().unwrap()));
        Aws(Arc::new(Inner {
            endpoint,
            journal,
            accounts: AtomicU64::new(FIRST_ACCOUNT),
            driver: Mutex::new(pipes),
            children: [server, driver].map(Mutex::new),
            _private: private,
        }))
    }

    /// Returns the emulator that the tests of this process share.
    pub fn shared() -> Aws {
        static SHARED: OnceLock<Aws> = OnceLock::new();
        SHARED.get_or_init(Aws::start).clone()
    }

    pub fn endpoint(&self) -> &str {
        &self.0.endpoint
    }

    /// Returns environment variables with which the program and the operator's command call this emulated AWS instead
    /// of the real AWS.
    pub fn env(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// Returns the command that runs the AWS CLI with these credentials.
    pub fn cli(&self, who: &Creds) -> Command {
        let mut command = interpreter();
        command
            .args(["-m", "awscli"])
            .env_remove("AWS_PROFILE")
            .env_remove("AWS_SESSION_TOKEN")
            .envs(self.env())
            .envs(who.env());
        command
    }

    /// Returns the root credentials of an account. The emulator accepts root credentials for every account id.
    pub fn root_of(&self, account: &str) -> Creds {
        Creds { key: account.to_owned(), secret: "test".to_owned(), token: None }
    }

    /// Returns the root credentials of the first account that `seed` creates.
    pub fn root(&self) -> Creds {
        self.root_of(&FIRST_ACCOUNT.to_string())
    }

    /// Calls AWS in `REGION`. `op` and `args` are an operation of boto3 and its arguments. For example: `call(&creds,
    /// "iam", "get_user", json!({"UserName": …}))`.
    pub fn call(&self, who: &Creds, service: &str, op: &str, args: Value) -> Result<Value, AwsError> {
        self.call_in(REGION, who, service, op, args)
    }

    /// Calls AWS in another region; see [`Aws::call`].
    pub fn call_in(
        &self,
        region: &str,
        who: &Creds,
        service: &str,
        op: &str,
        args: Value,
    ) -> Result<Value, AwsError> {
        let who = json!({"key": who.key, "secret": who.secret, "token": who.token});
        let mut question = json!({"service": service, "op": op, "as": who, "region": region});
        question["args"] = args;
        let answer = {
            let (input, output) = &mut *locked(&self.0.driver);
            writeln!(input, "{question}").expect("drive.py should read its input");
            let mut line = String::new();
            output.read_line(&mut line).expect("drive.py should answer");
            serde_json::from_str::<Value>(&line).expect("drive.py should answer in JSON")
        };
        match answer.get("error") {
            None => Ok(answer["ok"].clone()),
            Some(error) => Err(AwsError {
                code: error["code"].as_str().unwrap_or_default().to_owned(),
                message: error["message"].as_str().unwrap_or_default().to_owned(),
                status: u16::try_from(error["status"].as_u64().unwrap_or_default())
                    .expect("an HTTP status should fit into a u16"),
            }),
        }
    }

    /// Probes these credentials with the same call as the program.
    pub fn probe(&self, who: &Creds) -> Probe {
        match self.call(who, "sns", "list_topics", json!({})) {
            Ok(_) => Probe::Open,
            Err(error) => match error.code.as_str() {
                "AuthorizationError" | "ExpiredToken" | "InvalidClientTokenId" => Probe::Refused(error.code),
                _ => Probe::Unclear(error.code),
            },
        }
    }

    /// Returns a session of 15 minutes for an access key, issued by `GetSessionToken`.
    pub fn session(&self, who: &Creds) -> Result<Creds, AwsError> {
        let reply = self.call(who, "sts", "get_session_token", json!({"DurationSeconds": 900}))?;
        Ok(Creds::from_reply(&reply["Credentials"]))
    }

    /// Creates an account with an emergency user at rest, its opener and its closer. `name` is the name of the
    /// target.
    pub fn seed(&self, name: &str) -> Account {
        let id = self.0.accounts.fetch_add(1, Ordering::Relaxed).to_string();
        Account::seed(self.clone(), name, id, "emergency")
    }

    /// Returns every call that AWS has received, in the order in which the calls took effect. Leaves out the rig's
    /// calls.
    pub fn journal(&self) -> Vec<Call> {
        let lines = std::fs::read_to_string(&self.0.journal).unwrap_or_default();
        let whole = lines.rfind('\n').map_or("", |end| &lines[..end]);
        let calls = whole.lines().map(|line| {
            serde_json::from_str::<Call>(line).expect("each line of the journal should be a call")
        });
        calls.filter(|call| !call.rig).collect()
    }

    /// Sets a rule for later calls. Dropping the returned value removes the rule.
    pub fn rule(&self, rule: Rule) -> ActiveRule {
        ActiveRule::set(self.clone(), rule)
    }

    /// Sends one request to the control endpoints of launch.py.
    fn steer(&self, method: &str, path: &str, body: &Value) -> Value {
        let address = self.0.endpoint.trim_start_matches("http://");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(address).expect("the emulator should accept connections");
        let head = format!(
            "{method} /_rig/{path} HTTP/1.1\r\nhost: rig\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (_, json) = reply.split_once("\r\n\r\n").expect("launch.py should answer");
        serde_json::from_str(json).expect("launch.py should answer in JSON")
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for child in &self.children {
            let mut child = locked(child);
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Creds {
    fn from_reply(reply: &Value) -> Creds {
        let text = |name: &str| reply[name].as_str().map(str::to_owned);
        Creds {
            key: text("AccessKeyId").expect("the credentials should have an access key id"),
            secret: text("SecretAccessKey").expect("the credentials should have a secret access key"),
            token: text("SessionToken"),
        }
    }

    /// Returns the environment variables that give a program these credentials.
    pub fn env(&self) -> Vec<(String, String)> {
        let mut env = vec![
            ("AWS_ACCESS_KEY_ID".to_owned(), self.key.clone()),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), self.secret.clone()),
        ];
        env.extend(self.token.iter().map(|token| ("AWS_SESSION_TOKEN".to_owned(), token.clone())));
        env
    }

    /// Returns these credentials as a section of a shared credentials file.
    pub fn profile(&self, name: &str) -> String {
        let lines =
            self.env().into_iter().map(|(name, value)| format!("{} = {value}\n", name.to_lowercase()));
        format!("[{name}]\n{}", lines.collect::<String>())
    }
}

impl fmt::Debug for Creds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Creds({}, [secret])", self.key)
    }
}

/// Returns the command that runs a Python script in `tests/rig/aws`.
fn script(program: &str) -> Command {
    let mut command = interpreter();
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("aws").join(program));
    command
}

/// Returns the Python interpreter that `RIG_PYTHON` names or that `scripts/setup` installs. The interpreter has boto3.
///
/// # Panics
///
/// Panics if there is no such interpreter.
pub fn python() -> PathBuf {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let prepared = repository.join("target/rig/venv/bin/python");
    let python = std::env::var_os("RIG_PYTHON").map_or(prepared, PathBuf::from);
    assert!(python.exists(), "no Python for the rig at {}: run scripts/setup", python.display());
    python
}

fn interpreter() -> Command {
    let mut command = Command::new(python());
    command.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
    command
}

/// Locks a mutex, even if a failed test in another thread has poisoned the mutex.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_emulator_ends_when_its_parent_is_killed() {
        let launch = script("launch.py");
        let mut parent = Command::new("sh")
            .args(["-c", "\"$@\" & wait", "sh"])
            .arg(launch.get_program())
            .args(launch.get_args())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(parent.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        parent.kill().unwrap();
        parent.wait().unwrap();
        said.read_to_string(&mut line).expect("the emulator's end should close the pipe");
        let port = serde_json::from_str::<Value>(&line).unwrap()["port"].as_u64().unwrap();
        let port = u16::try_from(port).unwrap();
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    }
}
