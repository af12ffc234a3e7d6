//! A test vector has a vault file, an enrolment file or a statement, the known values for it, and the expected result. The library
//! reads the file, and the test compares the library's result with the expected one.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use breakglass::custody::enrolment::Enrolment;
use breakglass::custody::opening::{self, AnswerError, PartOwner, ShareError};
use breakglass::error::{Error, Status};
use breakglass::secret::{Secret, SecretText};
use breakglass::vault::challenge;
use breakglass::vault::file::Vault;
use breakglass::vault::manifest::TokenKeys;
use breakglass::vault::quorum::{self, Share};
use sha2::{Digest as _, Sha256};

use super::{SoftToken, answer, part, sent, statement};

/// Returns the directory of the vectors.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// A custodian that the vector file lists, with the words and tokens that the custodian uses.
#[derive(Clone)]
pub struct Custodian {
    pub index: u8,
    pub name: String,
    pub words: String,
    pub tokens: Vec<(u32, String)>,
    /// The signing keys of the tokens of the kind `piv`, if statements are made for this vault.
    pub signing: Vec<(u32, String)>,
    pub share: String,
}

/// The result of reading a file. `expect` is the class of the result, and `step` is the step that failed. `at_fault`
/// is the index of the custodian whose words, token or share caused the failure. `message` is the error text.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Verdict {
    pub expect: String,
    pub step: String,
    pub at_fault: String,
    pub message: String,
}

#[derive(Default)]
pub struct Vector {
    pub verdict: Verdict,
    pub comment: String,
    /// The kind of file that the reader expects, `vault` or `drill`, or the purpose of the statement that the reader
    /// expects. The text is empty if the reader accepts both kinds of vaults.
    pub wanted: String,
    /// For a statement: the name of the vector of the vault that the statement should be about.
    pub vault: String,
    /// For a review: the SHA-256 of the packet, in hex.
    pub packet: String,
    pub custodians: Vec<Custodian>,
    pub shares_from: Vec<u8>,
    pub key: String,
    pub payload: String,
    pub form: String,
    /// The compression of the file in the vector: `zlib`, or empty if the file is not compressed.
    pub compressed: String,
    pub file: Vec<u8>,
}

impl Vector {
    /// Reads the vector with this name in `tests/vectors`.
    pub fn load(name: &str) -> Self {
        let text = std::fs::read_to_string(directory().join(format!("{name}.txt")));
        Self::parse(&text.expect("the vector should be readable"))
    }

    /// Returns the text of the vector's file in `tests/vectors`.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            if !value.is_empty() {
                writeln!(text, "{name}: {value}").unwrap();
            }
        };
        line("expect", &self.verdict.expect);
        line("step", &self.verdict.step);
        line("at fault", &self.verdict.at_fault);
        line("message", &self.verdict.message);
        line("comment", &self.comment);
        line("wanted", &self.wanted);
        line("vault", &self.vault);
        line("packet", &self.packet);
        for custodian in &self.custodians {
            line("custodian", &format!("{} {}", custodian.index, custodian.name));
            line("part", &custodian.words);
            custodian.tokens.iter().for_each(|(serial, key)| line("token", &format!("{serial} {key}")));
            custodian.signing.iter().for_each(|(serial, key)| line("signing", &format!("{serial} {key}")));
            line("share", &custodian.share);
        }
        line("shares from", &self.shares_from.iter().map(u8::to_string).collect::<Vec<_>>().join(" "));
        line("file key", &self.key);
        line("payload", &self.payload);
        line("form", &self.form);
        line("compressed", &self.compressed);
        text.push('\n');
        if self.form == "binary" || !self.compressed.is_empty() {
            let compressed = (!self.compressed.is_empty()).then(|| zlib("compress", &self.file));
            let body = BASE64_STANDARD.encode(compressed.as_ref().unwrap_or(&self.file));
            for row in body.as_bytes().chunks(64) {
                writeln!(text, "{}", std::str::from_utf8(row).unwrap()).unwrap();
            }
        } else {
            text.push_str(std::str::from_utf8(&self.file).unwrap());
        }
        text
    }

    /// Parses the text of a file in `tests/vectors`.
    pub fn parse(text: &str) -> Self {
        let (head, body) =
            text.split_once("\n\n").expect("an empty line should separate the head from the file");
        let mut vector = Self::default();
        for line in head.lines() {
            let (name, value) =
                line.split_once(": ").expect("a line of the head should have a name and a value");
            vector.take(name, value);
        }
        vector.file = if vector.form == "binary" || !vector.compressed.is_empty() {
            BASE64_STANDARD.decode(body.replace('\n', "")).expect("the file should be Base64 text")
        } else {
            body.as_bytes().to_vec()
        };
        if !vector.compressed.is_empty() {
            vector.file = zlib("decompress", &vector.file);
        }
        vector
    }

    fn take(&mut self, name: &str, value: &str) {
        let own = value.to_owned();
        let pair = || value.split_once(' ').expect("the line should have two values");
        match name {
            "expect" => self.verdict.expect = own,
            "step" => self.verdict.step = own,
            "at fault" => self.verdict.at_fault = own,
            "message" => self.verdict.message = own,
            "comment" => self.comment = own,
            "wanted" => self.wanted = own,
            "vault" => self.vault = own,
            "packet" => self.packet = own,
            "custodian" => self.custodians.push(Custodian {
                index: pair().0.parse().unwrap(),
                name: pair().1.to_owned(),
                words: String::new(),
                tokens: Vec::new(),
                signing: Vec::new(),
                share: String::new(),
            }),
            "part" => self.custodians.last_mut().unwrap().words = own,
            "token" => {
                let token = (pair().0.parse().unwrap(), pair().1.to_owned());
                self.custodians.last_mut().unwrap().tokens.push(token);
            }
            "signing" => {
                let key = (pair().0.parse().unwrap(), pair().1.to_owned());
                self.custodians.last_mut().unwrap().signing.push(key);
            }
            "share" => self.custodians.last_mut().unwrap().share = own,
            "shares from" => {
                self.shares_from = value.split(' ').map(|index| index.parse().unwrap()).collect();
            }
            "file key" => self.key = own,
            "payload" => self.payload = own,
            "form" => self.form = own,
            "compressed" => self.compressed = own,
            _ => panic!("{name} is not a field of a vector"),
        }
    }

    /// Reads the vector's file with the library, and returns the result.
    pub fn judge(&self) -> Verdict {
        match self.read() {
            Ok(()) => verdict("success", "", ""),
            Err(verdict) => verdict,
        }
    }

    fn read(&self) -> Result<(), Verdict> {
        if self.form == "statement" {
            let vault = Self::load(&self.vault);
            let vault = Vault::parse(&vault.file).expect("the vault should be valid");
            return statement::judge(&self.file, &self.wanted, &vault, &self.packet)
                .map_err(|(expect, step, message)| verdict(expect, step, &message));
        }
        if self.form == "enrolment" {
            let enrolled = Enrolment::parse("the file", &self.file);
            return enrolled.map(drop).map_err(|error| {
                assert_eq!(error.status, Status::Usage, "{error}");
                verdict("invalid", "parse", &error.what)
            });
        }
        let vault = Vault::parse(&self.file).map_err(|error| damaged("parse", &error))?;
        let kind = if vault.manifest.drill_of.is_some() { "drill" } else { "vault" };
        if !self.wanted.is_empty() && self.wanted != kind {
            return Err(verdict("wrong kind", "parse", ""));
        }
        let mut shares = Vec::new();
        for index in &self.shares_from {
            let custodian = self.custodians.iter().find(|custodian| custodian.index == *index).unwrap();
            let share = custodian.give(&vault);
            shares.push(share.map_err(|verdict| Verdict { at_fault: index.to_string(), ..verdict })?);
        }
        // The first opening uses all listed shares. Then the test opens the vault with each possible quorum.
        let threshold = vault.manifest.threshold;
        for quorum in [shares.iter().collect()].into_iter().chain(quorum::subsets(&shares, threshold)) {
            let key = hex::encode(quorum::combine(&quorum).expose());
            let payload = vault.open(&quorum).map_err(|error| damaged("open", &error))?;
            assert_eq!(key, self.key);
            assert_eq!(hex::encode(Sha256::digest(payload.to_sealed().expose())), self.payload);
        }
        Ok(())
    }
}

impl Custodian {
    /// Opens the custodian's share with each of the custodian's tokens.
    fn give(&self, vault: &Vault) -> Result<Share, Verdict> {
        let own = vault.manifest.custodian(self.index).expect("the custodian should be in the manifest");
        let words = |why: &str| verdict(why, "words", "");
        let part = part(&self.words).map_err(|_| words("invalid words"))?;
        let half = match opening::recognise(vault, own, &part).map_err(|why| damaged("share", &why.into()))? {
            PartOwner::Expected(half) => half,
            PartOwner::Other(_) => return Err(words("words of another custodian")),
            PartOwner::Unknown => return Err(words("unknown words")),
        };
        let mut shares = Vec::new();
        for (serial, key) in &self.tokens {
            let Some((owner, enrolled)) = opening::owner(&vault.manifest, *serial) else {
                return Err(verdict("wrong token", "token", ""));
            };
            if owner.index != self.index {
                return Err(verdict("wrong token", "token", ""));
            }
            if let TokenKeys::Challenge { decryption_challenge, slot, .. } = &enrolled.keys {
                if *slot != 2 {
                    return Err(verdict("wrong token", "token", "")); // The slot 1 of a vector's token is empty.
                }
                let secret = hex::decode(key).unwrap().try_into().unwrap();
                let id = hex::decode(&own.enrolment).unwrap().try_into().unwrap();
                let challenge = hex::decode(decryption_challenge).unwrap().try_into().unwrap();
                let answer = Secret::copy_of(&answer(&secret, &id, &challenge));
                assert_eq!(challenge::to_send(&id, &challenge), sent(&id, &challenge));
                let opened = opening::open_with_answer(vault, own, enrolled, &answer, &half);
                shares.push(opened.map_err(|why| match why {
                    AnswerError::OtherKey => verdict("wrong token", "token", ""),
                    AnswerError::Damaged(why) => damaged("share", &why.into()),
                })?);
                continue;
            }
            let decryption = p256::SecretKey::from_slice(&hex::decode(key).unwrap()).unwrap();
            let mut token = SoftToken { serial: *serial, signing: decryption.clone(), decryption };
            if opening::enrolled(&mut token, enrolled).unwrap().is_none() {
                return Err(verdict("wrong token", "token", ""));
            }
            let pin = SecretText::copy_of("no PIN");
            let opened = opening::open(vault, own, enrolled, &mut token, &pin, &half, &mut || {});
            shares.push(match opened {
                Ok(share) => share,
                Err(ShareError::Damaged(why)) => return Err(damaged("share", &why.into())),
                Err(ShareError::Token(why)) => panic!("a software token failed: {why:?}"),
            });
        }
        for share in &shares {
            if !self.share.is_empty() {
                assert_eq!(hex::encode(share.value.expose()), self.share);
            }
        }
        Ok(shares.pop().expect("the custodian should have a token"))
    }
}

/// Calls `compress` or `decompress` of Python's module zlib.
pub fn zlib(function: &str, input: &[u8]) -> Vec<u8> {
    let program =
        format!("import sys, zlib; sys.stdout.buffer.write(zlib.{function}(sys.stdin.buffer.read()))");
    let mut python = Command::new("python3")
        .args(["-c", &program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 should be installed");
    python
        .stdin
        .take()
        .expect("stdin should be a pipe")
        .write_all(input)
        .expect("Python should read its input");
    python.wait_with_output().expect("Python should end").stdout
}

fn verdict(expect: &str, step: &str, message: &str) -> Verdict {
    Verdict { expect: expect.into(), step: step.into(), at_fault: String::new(), message: message.into() }
}

fn damaged(step: &str, error: &Error) -> Verdict {
    assert_eq!(error.status, Status::Damaged, "{error}");
    assert!(error.what.len() < 400 && error.what.chars().all(|c| !c.is_control()), "{:?}", error.what);
    verdict("damaged", step, &error.what)
}
