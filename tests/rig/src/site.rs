//! A site: a machine, and custodians who have tokens and sheets and use the program as people do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output as Finished};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::aws::{Aws, Creds};
use crate::pcscd::Pcscd;
use crate::pty::{End, Input, Person, Streams};
use crate::token::{Authority, Spec, Token};

/// The options with which `enrol` accepts a token of the rig. The attestation root of the rig's tokens is not Yubico's
/// root.
pub const ATTESTATION: &[&str] = &["--attestation-root", "root.pem", ALLOWED];

/// The option of `enrol` and `seal` that accepts a token whose attestation root is not Yubico's root.
pub const ALLOWED: &str = "--allow-other-attestation";

/// One custodian: a name, a token with its PIN, and the sheet with the twelve words.
pub struct Custodian {
    pub name: String,
    /// The token. The custodian with the index N uses the reader with the index N.
    pub token: Token,
    /// The PIN of the token.
    pub pin: String,
    /// The twelve words that the custodian noted at enrolment.
    pub words: Vec<String>,
    pub file: PathBuf,
}

impl Custodian {
    /// Returns the words of the sheet as one line.
    pub fn sheet(&self) -> String {
        self.words.join(" ")
    }
}

/// A machine with its smart card daemon and home directory, and the custodians who use it.
pub struct Site {
    /// The home directory, which contains all files of the site.
    pub dir: TempDir,
    /// The readers, one for each custodian.
    pub pcscd: Pcscd,
    /// The custodians, in the order of their readers.
    pub custodians: Vec<Custodian>,
    program: PathBuf,
    env: BTreeMap<String, String>,
}

impl Site {
    /// Prepares a site in which each of `names` owns a token. The tokens are not plugged in, and have the serial
    /// numbers from 20000001 on. Firmware 5.4.3 and 5.7.2 alternate. No token has the factory PIN or PUK.
    pub fn new(program: impl Into<PathBuf>, names: &[&str]) -> Self {
        let dir = TempDir::new().expect("a temporary directory should be created");
        std::fs::write(dir.path().join("root.pem"), Authority::Rig.root_pem())
            .expect("the file should be written");
        let custodians = names.iter().zip(1_u32..).map(|(name, place)| Custodian {
            name: (*name).into(),
            token: Token::new(Spec {
                firmware: if place % 2 == 1 { (5, 4, 3) } else { (5, 7, 2) },
                pin: format!("pin-{name:.3}{place}"),
                puk: format!("puk-{name:.3}{place}"),
                ..Spec::new(20_000_000 + place)
            }),
            pin: format!("pin-{name:.3}{place}"),
            words: Vec::new(),
            file: dir.path().join(format!("{name}.custodian")),
        });
        let custodians = custodians.collect();
        Self {
            pcscd: Pcscd::start(names.len()),
            custodians,
            program: program.into(),
            env: BTreeMap::new(),
            dir,
        }
    }

    /// Prepares a site as [`Site::new`] does, and enrols all custodians.
    pub fn enrolled(program: impl Into<PathBuf>, names: &[&str]) -> Self {
        let mut site = Self::new(program, names);
        (0..names.len()).for_each(|place| drop(site.enrol(place)));
        site
    }

    /// Lets the program and its children use this AWS.
    #[must_use]
    pub fn with_aws(mut self, aws: &Aws) -> Self {
        self.env.extend(aws.env());
        self
    }

    /// Returns a path in the home directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Returns the custodian with this name.
    ///
    /// # Panics
    ///
    /// Panics if there is no custodian with this name.
    pub fn custodian(&self, name: &str) -> &Custodian {
        self.custodians
            .iter()
            .find(|c| c.name == name)
            .expect("the site should have a custodian with this name")
    }

    pub(crate) fn place(&self, name: &str) -> usize {
        self.custodians
            .iter()
            .position(|c| c.name == name)
            .expect("the site should have a custodian with this name")
    }

    /// Plugs in a custodian's token.
    pub fn plug(&self, name: &str) {
        let place = self.place(name);
        self.pcscd.insert(place, &self.custodians[place].token);
    }

    /// Pulls out a custodian's token.
    pub fn pull(&self, name: &str) {
        self.pcscd.remove(self.place(name));
    }

    /// Returns the command that runs the program with `arguments` on this machine.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.prepare(Command::new(&self.program), arguments)
    }

    /// Returns a command as [`Site::command`] does, but in an empty network namespace without loopback.
    pub fn offline(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command.arg("--net").arg(&self.program);
        self.prepare(command, arguments)
    }

    fn prepare(&self, mut command: Command, arguments: &[&str]) -> Command {
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env("HOME", self.dir.path())
            .env("BREAKGLASS_STATE", self.path("state"))
            .env("PCSCLITE_CSOCK_NAME", self.pcscd.socket())
            .envs(&self.env);
        command
    }

    /// Enrols a custodian as a person does: plugs in the token, types the PIN, notes the words, types the words, and
    /// touches the token. Returns the output on the screen without the words.
    pub fn enrol(&mut self, place: usize) -> String {
        self.enrol_with(place, ATTESTATION)
    }

    /// Enrols a custodian as [`Site::enrol`] does, with other options.
    pub fn enrol_with(&mut self, place: usize, options: &[&str]) -> String {
        let name = self.custodians[place].name.clone();
        self.plug(&name);
        let out = self.custodians[place].file.display().to_string();
        let arguments = [&["enrol", &name, "--out", &out], options].concat();
        let mut person = Person::run(self.offline(&arguments));
        person.expect(&format!("{name}: PIN of YubiKey"));
        person.type_line(&self.custodians[place].pin.clone());
        let words = read_sheet(&mut person);
        person.type_line("");
        person.expect(&format!("{name}: passphrase part (12 words): "));
        person.type_line(&words.join(" "));
        person.expect("fingerprint");
        assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
        self.custodians[place].words.clone_from(&words);
        self.pull(&name);
        self.pcscd.wait_removed(place);
        let is_word = |line: &str| words.iter().any(|word| line.trim().ends_with(&format!(" {word}")));
        person.story().lines().filter(|line| !is_word(line)).flat_map(|line| [line, "\n"]).collect()
    }

    /// Seals `payload` as `prod.age` for all custodians. Returns the path of the vault.
    pub fn seal(&self, payload: &Value, threshold: usize) -> PathBuf {
        self.seal_as("prod.age", payload, threshold)
    }

    /// Seals `payload` under this name for all custodians. Returns the path of the vault.
    pub fn seal_as(&self, name: &str, payload: &Value, threshold: usize) -> PathBuf {
        let finished = self.try_seal(name, payload.to_string().as_bytes(), threshold, &[]);
        assert!(finished.status.success(), "{}", String::from_utf8_lossy(&finished.stderr));
        self.path(name)
    }

    /// Runs `seal` with a payload on standard input, without a terminal.
    pub fn try_seal(&self, name: &str, json: &[u8], threshold: usize, more: &[&str]) -> Finished {
        let threshold = threshold.to_string();
        let files: Vec<_> = self.custodians.iter().map(|c| c.file.display().to_string()).collect();
        let mut arguments = vec![
            "seal",
            "--threshold",
            &threshold,
            "--label",
            "prod",
            "--out",
            name,
            "--yes-fingerprints",
            ALLOWED,
        ];
        for file in &files {
            arguments.extend(["--custodian", file]);
        }
        arguments.extend(more);
        feed(self.offline(&arguments), json)
    }

    /// Returns a command that runs the program with `arguments`. The only credentials are those of an AWS profile.
    pub fn with_profile(&self, profile: &str, who: &Creds, arguments: &[&str]) -> Command {
        self.write(".aws/credentials", who.profile(profile));
        let mut command = self.command(arguments);
        for name in ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"] {
            command.env_remove(name);
        }
        command
    }

    /// Writes a file below the home directory. Creates missing parent directories.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("the file should be below the home directory"))
            .expect("a directory should be created");
        std::fs::write(path, text).expect("the file should be written");
    }

    pub fn configure(&self, config: &Value) {
        self.write(".config/breakglass/config.json", config.to_string());
    }

    /// Returns the ledger's text, which is empty if there is no ledger.
    pub fn ledger(&self) -> String {
        std::fs::read_to_string(self.path("state/ledger.jsonl")).unwrap_or_default()
    }

    pub fn records(&self) -> Vec<Value> {
        self.ledger()
            .lines()
            .map(|line| serde_json::from_str(line).expect("each line of the ledger should be a record"))
            .collect()
    }

    /// Returns the ledger's records of this kind.
    pub fn records_of(&self, kind: &str) -> Vec<Value> {
        self.records().into_iter().filter(|record| record["kind"] == kind).collect()
    }

    /// Returns the session of the last intent.
    pub fn last_session(&self) -> String {
        let intent = self.records_of("intent").pop().expect("the ledger should have an intent");
        intent["session"].as_str().expect("an intent should have a session").to_owned()
    }

    pub fn person(&self, arguments: &[&str]) -> Person {
        Person::run(self.command(arguments))
    }

    /// Runs the program at a terminal, with `bytes` on its standard input.
    pub fn person_fed(&self, arguments: &[&str], bytes: &[u8]) -> Person {
        let stdin = Input::Bytes(bytes.to_vec());
        Person::run_with(self.command(arguments), Streams { stdin, ..Streams::default() })
    }

    /// Answers the prompts of custodians until `count` of them have given their shares.
    pub fn quorum(&self, person: &mut Person, count: usize) {
        for _ in 0..count {
            let asked = self.next_asked(person);
            self.unlock(person, &asked);
            person.expect(&format!("{asked}: share"));
        }
    }

    /// Answers every prompt for words or a PIN until the program ends.
    pub fn answer_all(&self, person: &mut Person) -> End {
        let mut answered = 0;
        loop {
            if let Some(end) = person.try_wait(Duration::from_millis(50)) {
                return end;
            }
            let shown = person.transcript();
            let prompts = shown.match_indices(": ").filter_map(|(at, _)| self.asked(&shown[..at]));
            for answer in prompts.skip(answered).collect::<Vec<_>>() {
                person.type_line(&answer);
                answered += 1;
            }
        }
    }

    /// Returns the answer to the prompt at the end of `shown`. Returns `None` if `shown` does not end with a prompt.
    fn asked(&self, shown: &str) -> Option<String> {
        self.custodians.iter().find_map(|custodian| {
            let pin = format!(": PIN of YubiKey {} (3 tries left)", custodian.token.serial());
            if shown
                .strip_suffix(": passphrase part (12 words)")
                .is_some_and(|said| names(said, &custodian.name))
            {
                Some(custodian.sheet())
            } else if shown.ends_with(&pin) {
                Some(custodian.pin.clone())
            } else {
                None
            }
        })
    }

    /// Types the words of the next custodian who is asked. Returns the custodian's name.
    fn next_asked(&self, person: &mut Person) -> String {
        const PROMPT: &str = ": passphrase part (12 words): ";
        let said = person.expect(PROMPT);
        let asked = said.strip_suffix(PROMPT).expect("the output should end with the prompt");
        let custodian = self
            .custodians
            .iter()
            .find(|c| asked.ends_with(&c.name))
            .expect("a custodian of this site should be asked");
        person.type_line(&custodian.sheet());
        custodian.name.clone()
    }

    /// Types one custodian's words and PIN. The token is touched automatically.
    pub fn answer(&self, person: &mut Person, name: &str) {
        let custodian = self.custodian(name);
        person.expect(&format!("{name}: passphrase part (12 words): "));
        person.type_line(&custodian.sheet());
        self.unlock(person, name);
        person.expect(&format!("{name}: share"));
    }

    fn unlock(&self, person: &mut Person, name: &str) {
        let custodian = self.custodian(name);
        person.expect(&format!("{name}: PIN of YubiKey {}", custodian.token.serial()));
        person.type_line(&custodian.pin);
    }
}

/// Returns whether `said` ends with this name. One character can differ, because a test can damage a name in the vault.
fn names(said: &str, name: &str) -> bool {
    let ending = said.as_bytes().get(said.len().saturating_sub(name.len())..).unwrap_or_default();
    let differs = ending.iter().zip(name.as_bytes()).filter(|(a, b)| a != b).count();
    ending.len() == name.len() && differs <= 1
}

/// Writes an executable file from a child process. If this process wrote the file, a parallel test could fork a child
/// that inherits the open file. Executing the file would then fail with ETXTBSY.
///
/// # Panics
///
/// Panics if the file cannot be written.
pub fn write_program(path: &Path, text: &str) {
    let mut install = Command::new("install");
    install.args(["-m", "755", "/dev/stdin"]).arg(path);
    let done = feed(install, text.as_bytes());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Runs a command to its end, with `bytes` on its standard input.
///
/// # Panics
///
/// Panics if the command cannot be run.
pub fn feed(mut command: Command, bytes: &[u8]) -> Finished {
    use std::io::Write as _;
    use std::process::Stdio;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command should run");
    let _ = child.stdin.take().expect("the command's input should be a pipe").write_all(bytes);
    child.wait_with_output().expect("the command should end")
}

/// Reads the words from the screen. The screen shows the words as `1 abandon` to `12 zoo`.
fn read_sheet(person: &mut Person) -> Vec<String> {
    person.expect("press Enter");
    let transcript = person.transcript();
    let mut words = Vec::new();
    for line in transcript.lines() {
        let mut pieces = line.split_whitespace();
        if pieces.next() == Some((words.len() + 1).to_string().as_str())
            && let (Some(word), None) = (pieces.next(), pieces.next())
        {
            words.push(word.to_owned());
        }
    }
    assert_eq!(words.len(), 12, "{transcript}");
    words
}

/// Returns whether no partial file is left: at most one file name in the directory contains `name`.
pub fn only(dir: &Path, name: &str) -> bool {
    let leftovers = std::fs::read_dir(dir).expect("the directory should be readable").flatten();
    leftovers.filter(|e| e.file_name().to_string_lossy().contains(name)).count() <= 1
}

/// Creates a temporary directory. Dropping the value removes the directory.
///
/// # Panics
///
/// Panics if the directory cannot be created.
pub fn tempdir() -> TempDir {
    TempDir::new().expect("a temporary directory should be created")
}
