//! An emulated AWS: MiniStack as `tests/rig/aws/launch.py` starts it, with boto3 as its client.
//!
//! One emulator serves many accounts, so tests of one process share it (`Aws::shared`) and each seeds a separate
//! account (`seed`): journal, rules, lag and clock are per account. It ends with the process that started it.

mod account;
mod mfa;
mod rule;

pub use account::{Account, DENY_ALL, Drift, GATE, Rest, utc};
pub use mfa::{Mfa, Standby};
pub use rule::{Call, Rule, TargetStatus};

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

/// An access key, or a session when it has a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Creds {
    /// The access key's id.
    pub key: String,
    /// The secret access key.
    pub secret: String,
    /// The session's token.
    pub token: Option<String>,
}

/// An error that AWS answered. `status` is 0 if there was no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsError {
    /// AWS's error code, or the client's.
    pub code: String,
    /// The message.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
}

/// The result of one `sns:ListTopics` with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// AWS answered.
    Open,
    /// AWS refused the call; its error code.
    Refused(String),
    /// Any other error; AWS's error code, or the client's.
    Unclear(String),
}

/// A running emulator and a client for it; cheap to clone, gone with the last clone.
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
    /// Starts a separate emulator, in about a quarter of a second.
    pub fn start() -> Aws {
        let private = tempfile::Builder::new().prefix("rig-aws-").tempdir().expect("a private directory");
        let journal = private.path().join("journal.jsonl");
        let mut server = script("launch.py")
            .args(["--dir".as_ref(), private.path(), "--journal".as_ref(), &journal])
            .stdout(Stdio::piped())
            .spawn()
            .expect("launch.py starts");
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).expect("launch.py says where it listens");
        let endpoint = said["endpoint"].as_str().unwrap().to_owned();

        let mut driver = script("drive.py")
            .env("AWS_ENDPOINT_URL", &endpoint)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("drive.py starts");
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

    /// The emulator that the tests of this process share.
    pub fn shared() -> Aws {
        static SHARED: OnceLock<Aws> = OnceLock::new();
        SHARED.get_or_init(Aws::start).clone()
    }

    /// The emulator's URL.
    pub fn endpoint(&self) -> &str {
        &self.0.endpoint
    }

    /// The environment in which the product, and every program in its window, finds this AWS and no other.
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

    /// The AWS CLI with these credentials.
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

    /// The root of an account; the emulator knows every account.
    pub fn root_of(&self, account: &str) -> Creds {
        Creds { key: account.to_owned(), secret: "test".to_owned(), token: None }
    }

    /// The root of the first account that `seed` makes.
    pub fn root(&self) -> Creds {
        self.root_of(&FIRST_ACCOUNT.to_string())
    }

    /// Calls AWS in `REGION`: `op` and `args` are boto3's, `call(&creds, "iam", "get_user", json!({"UserName": …}))`.
    pub fn call(&self, who: &Creds, service: &str, op: &str, args: Value) -> Result<Value, AwsError> {
        self.call_in(REGION, who, service, op, args)
    }

    /// The same in another region.
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
            writeln!(input, "{question}").expect("drive.py listens");
            let mut line = String::new();
            output.read_line(&mut line).expect("drive.py answers");
            serde_json::from_str::<Value>(&line).expect("drive.py answers in JSON")
        };
        match answer.get("error") {
            None => Ok(answer["ok"].clone()),
            Some(error) => Err(AwsError {
                code: error["code"].as_str().unwrap_or_default().to_owned(),
                message: error["message"].as_str().unwrap_or_default().to_owned(),
                status: u16::try_from(error["status"].as_u64().unwrap_or_default()).expect("an HTTP status"),
            }),
        }
    }

    /// Probes these credentials as the product does.
    pub fn probe(&self, who: &Creds) -> Probe {
        match self.call(who, "sns", "list_topics", json!({})) {
            Ok(_) => Probe::Open,
            Err(error) => match error.code.as_str() {
                "AuthorizationError" | "ExpiredToken" | "InvalidClientTokenId" => Probe::Refused(error.code),
                _ => Probe::Unclear(error.code),
            },
        }
    }

    /// A session of 15 minutes on an access key, as `GetSessionToken` issues it.
    pub fn session(&self, who: &Creds) -> Result<Creds, AwsError> {
        let reply = self.call(who, "sts", "get_session_token", json!({"DurationSeconds": 900}))?;
        Ok(Creds::from_reply(&reply["Credentials"]))
    }

    /// A new account with an emergency user at rest, its opener and its closer; `name` is the target's.
    pub fn seed(&self, name: &str) -> Account {
        let id = self.0.accounts.fetch_add(1, Ordering::Relaxed).to_string();
        Account::seed(self.clone(), name, id, "emergency")
    }

    /// Every call that AWS has received, except the rig's, in the order in which they took effect.
    pub fn journal(&self) -> Vec<Call> {
        let lines = std::fs::read_to_string(&self.0.journal).unwrap_or_default();
        let whole = lines.rfind('\n').map_or("", |end| &lines[..end]);
        let calls =
            whole.lines().map(|line| serde_json::from_str::<Call>(line).expect("a line of the journal"));
        calls.filter(|call| !call.rig).collect()
    }

    /// Sets a rule for later calls. Dropping the returned value removes it.
    pub fn rule(&self, rule: Rule) -> TargetStatus {
        TargetStatus::set(self.clone(), rule)
    }

    /// One request to the launcher's endpoints.
    fn steer(&self, method: &str, path: &str, body: &Value) -> Value {
        let address = self.0.endpoint.trim_start_matches("http://");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(address).expect("the emulator listens");
        let head = format!(
            "{method} /_rig/{path} HTTP/1.1\r\nhost: rig\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let (_, json) = reply.split_once("\r\n\r\n").expect("the launcher answers");
        serde_json::from_str(json).expect("the launcher answers in JSON")
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
            key: text("AccessKeyId").expect("an access key"),
            secret: text("SecretAccessKey").expect("its secret"),
            token: text("SessionToken"),
        }
    }

    /// These credentials as the environment of a program.
    pub fn env(&self) -> Vec<(String, String)> {
        let mut env = vec![
            ("AWS_ACCESS_KEY_ID".to_owned(), self.key.clone()),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), self.secret.clone()),
        ];
        env.extend(self.token.iter().map(|token| ("AWS_SESSION_TOKEN".to_owned(), token.clone())));
        env
    }

    /// These credentials as a section of a shared credentials file.
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

/// A program of `tests/rig/aws`.
fn script(program: &str) -> Command {
    let mut command = interpreter();
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("aws").join(program));
    command
}

/// The Python that `scripts/setup` prepares or `RIG_PYTHON` names; it knows boto3.
///
/// # Panics
/// When there is none.
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

/// A lock that a failed test of another thread does not poison for this one.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_emulator_ends_with_a_parent_that_was_killed() {
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
        said.read_to_string(&mut line).expect("its end closes the pipe");
        let port = serde_json::from_str::<Value>(&line).unwrap()["port"].as_u64().unwrap();
        let port = u16::try_from(port).unwrap();
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    }
}
