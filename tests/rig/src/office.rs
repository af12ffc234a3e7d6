//! The office: custodians with their tokens and sheets, who do with the program what people do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output as Finished};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::aws::Aws;
use crate::pcscd::Pcscd;
use crate::pty::{End, Input, Person, Streams};
use crate::token::{Authority, Spec, Token};

/// One custodian: a token, its PIN, and the sheet with the twelve words.
pub struct Custodian {
    /// The name.
    pub name: String,
    /// The token. It is plugged into the reader of the custodian's place.
    pub token: Token,
    /// Its PIN, eight characters.
    pub pin: String,
    /// The part, as it was written down at enrolment.
    pub words: Vec<String>,
    /// The enrolment file.
    pub file: PathBuf,
}

impl Custodian {
    /// The sheet as one line.
    pub fn sheet(&self) -> String {
        self.words.join(" ")
    }
}

/// A place with a machine of its own: smart card daemon, home directory, custodians.
pub struct Office {
    /// Where all files of this office are.
    pub dir: TempDir,
    /// The readers, one for each custodian.
    pub pcscd: Pcscd,
    /// The custodians, in the order of their readers.
    pub custodians: Vec<Custodian>,
    program: PathBuf,
    env: BTreeMap<String, String>,
}

impl Office {
    /// An office where each of `names` owns a token that is not plugged in yet; serial numbers from 20000001,
    /// firmware 5.4.3 and 5.7.2 in turn, PIN and PUK set.
    pub fn new(program: impl Into<PathBuf>, names: &[&str]) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        std::fs::write(dir.path().join("root.pem"), Authority::Rig.root_pem()).expect("room for a file");
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

    /// As [`Office::new`], with everybody enrolled.
    pub fn enrolled(program: impl Into<PathBuf>, names: &[&str]) -> Self {
        let mut office = Self::new(program, names);
        (0..names.len()).for_each(|place| drop(office.enrol(place)));
        office
    }

    /// Lets the program's children and itself find this AWS.
    #[must_use]
    pub fn with_aws(mut self, aws: &Aws) -> Self {
        self.env.extend(aws.env());
        self
    }

    /// A path in the office.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The custodian of a name.
    ///
    /// # Panics
    /// When there is none; so for every wrong name here.
    pub fn custodian(&self, name: &str) -> &Custodian {
        self.custodians.iter().find(|c| c.name == name).expect("a custodian of this office")
    }

    fn place(&self, name: &str) -> usize {
        self.custodians.iter().position(|c| c.name == name).expect("a custodian of this office")
    }

    /// Plugs in a custodian's token.
    pub fn plug(&self, name: &str) {
        let place = self.place(name);
        self.pcscd.insert(place, &self.custodians[place].token);
    }

    /// Pulls it out.
    pub fn pull(&self, name: &str) {
        self.pcscd.remove(self.place(name));
    }

    /// The program with `arguments`, on this office's machine.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.dress(Command::new(&self.program), arguments)
    }

    /// The same, in an empty network namespace: not even loopback is up.
    pub fn offline(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command.arg("--net").arg(&self.program);
        self.dress(command, arguments)
    }

    fn dress(&self, mut command: Command, arguments: &[&str]) -> Command {
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env("HOME", self.dir.path())
            .env("BREAKGLASS_STATE", self.path("state"))
            .env("PCSCLITE_CSOCK_NAME", self.pcscd.socket())
            .envs(&self.env);
        command
    }

    /// Enrols a custodian as a person does: plug in, PIN, write the sheet, type it back, touch. What the
    /// screen showed, without the sheet.
    pub fn enrol(&mut self, place: usize) -> String {
        let name = self.custodians[place].name.clone();
        self.plug(&name);
        let out = self.custodians[place].file.display().to_string();
        let mut person =
            Person::run(self.offline(&["enrol", &name, "--out", &out, "--attestation-root", "root.pem"]));
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

    /// Seals `payload` for all custodians; the vault's path.
    pub fn seal(&self, payload: &Value, threshold: usize) -> PathBuf {
        self.seal_as("prod.age", payload, threshold)
    }

    /// The same, under another name.
    pub fn seal_as(&self, name: &str, payload: &Value, threshold: usize) -> PathBuf {
        let finished = self.try_seal(name, payload.to_string().as_bytes(), threshold, &[]);
        assert!(finished.status.success(), "{}", String::from_utf8_lossy(&finished.stderr));
        self.path(name)
    }

    /// Seals what is on standard input, without a terminal.
    pub fn try_seal(&self, name: &str, json: &[u8], threshold: usize, more: &[&str]) -> Finished {
        let threshold = threshold.to_string();
        let files: Vec<_> = self.custodians.iter().map(|c| c.file.display().to_string()).collect();
        let mut arguments =
            vec!["seal", "--threshold", &threshold, "--label", "prod", "--out", name, "--yes-fingerprints"];
        for file in &files {
            arguments.extend(["--custodian", file]);
        }
        arguments.extend(more);
        feed(self.offline(&arguments), json)
    }

    /// A person who runs the program in this office.
    pub fn person(&self, arguments: &[&str]) -> Person {
        Person::run(self.command(arguments))
    }

    /// The same, with `bytes` on standard input.
    pub fn person_fed(&self, arguments: &[&str], bytes: &[u8]) -> Person {
        let stdin = Input::Bytes(bytes.to_vec());
        Person::run_with(self.command(arguments), Streams { stdin, ..Streams::default() })
    }

    /// Answers whoever is asked until `count` custodians have given their share.
    pub fn quorum(&self, person: &mut Person, count: usize) {
        for _ in 0..count {
            let asked = self.next_asked(person);
            self.unlock(person, &asked);
            person.expect(&format!("{asked}: share"));
        }
    }

    /// Answers every prompt for words or a PIN until the program ends; how it ended.
    pub fn humour(&self, person: &mut Person) -> End {
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

    /// What answers the prompt that `shown` ends with, if it is one.
    fn asked(&self, shown: &str) -> Option<String> {
        self.custodians.iter().find_map(|custodian| {
            let name = &custodian.name;
            if shown.ends_with(&format!("{name}: passphrase part (12 words)")) {
                Some(custodian.sheet())
            } else if shown
                .ends_with(&format!("{name}: PIN of YubiKey {} (3 tries left)", custodian.token.serial()))
            {
                Some(custodian.pin.clone())
            } else {
                None
            }
        })
    }

    /// Types the words of whoever is asked; the name.
    fn next_asked(&self, person: &mut Person) -> String {
        const PROMPT: &str = ": passphrase part (12 words): ";
        let said = person.expect(PROMPT);
        let asked = said.strip_suffix(PROMPT).expect("it ends with the prompt");
        let custodian =
            self.custodians.iter().find(|c| asked.ends_with(&c.name)).expect("a custodian is asked");
        person.type_line(&custodian.sheet());
        custodian.name.clone()
    }

    /// Answers the prompts for one custodian, whose token touches by itself: words, PIN.
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

/// Runs a command with `bytes` on its standard input, to its end.
///
/// # Panics
/// When it cannot be run.
pub fn feed(mut command: Command, bytes: &[u8]) -> Finished {
    use std::io::Write as _;
    use std::process::Stdio;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let _ = child.stdin.take().expect("piped").write_all(bytes);
    child.wait_with_output().expect("the program ends")
}

/// Reads `1 abandon` … `12 zoo` off the screen.
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

/// Whether a file exists beside which nothing half written lies.
pub fn only(dir: &Path, name: &str) -> bool {
    let leftovers = std::fs::read_dir(dir).expect("a directory").flatten();
    leftovers.filter(|e| e.file_name().to_string_lossy().contains(name)).count() <= 1
}

/// A directory of its own, gone with the test.
///
/// # Panics
/// When there is no room for one.
pub fn room() -> TempDir {
    TempDir::new().expect("a temporary directory")
}
