//! Checks the part's half of a share against other implementations: C2SP's Community Cryptography Test Vectors (CCTV),
//! and the npm package age-encryption. `contrib/recover.py` opens the part halves of all vectors.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use age::armor::ArmoredReader;
use age::{DecryptError, Decryptor};
use age_core::format::{FileKey, Stanza};
use age_core::primitives::bech32_decode;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use breakglass::custody::opening::{self, PartOwner};
use breakglass::secret::Secret;
use breakglass::vault::file::Vault;
use breakglass::vault::hybrid::{self, PartIdentity, Wrapped};
use breakglass::vault::xwing;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::soft::vector::{self, Vector};
use crate::soft::{figure, part};

/// Returns the directory with the hybrid vectors of <https://github.com/C2SP/CCTV>, age/testdata. The variable
/// `BREAKGLASS_CCTV` names the directory. The default is a directory near the repository.
fn cctv() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/cctv-age");
    let named = std::env::var_os("BREAKGLASS_CCTV").map(PathBuf::from);
    let nearer = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/cctv-age");
    named.or_else(|| [nearer, beside].into_iter().find(|directory| directory.is_dir()))
}

/// Adapts the identity of a part to the age crate. For each stanza, the adapter returns the result that age's
/// specification requires.
struct Adapter(PartIdentity);

impl age::Identity for Adapter {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        if stanza.tag != hybrid::TAG {
            return None;
        }
        let Some(wrapped) = Wrapped::parse(stanza) else { return Some(Err(DecryptError::InvalidHeader)) };
        if xwing::decapsulate(self.0.seed(), &wrapped.enc).is_none() {
            return Some(Err(DecryptError::InvalidHeader));
        }
        let half = self.0.unwrap(&wrapped)?;
        Some(Ok(FileKey::init_with_mut(|key| key.copy_from_slice(half.expose()))))
    }
}

fn identity(text: &str) -> Box<dyn age::Identity> {
    if let Ok(identity) = text.parse::<age::x25519::Identity>() {
        return Box::new(identity);
    }
    let seed: Vec<u8> = bech32_decode(
        text,
        |_| (),
        |hrp| (hrp.to_lowercase() == "age-secret-key-pq-").then_some(()).ok_or(()),
        |_, bytes| Ok(bytes.collect()),
    )
    .expect("the text should be an identity");
    Box::new(Adapter(PartIdentity::new(Secret::copy_of(
        &seed.try_into().expect("the seed should have 32 bytes"),
    ))))
}

/// Decrypts a file. Returns `success` and the SHA-256 of the plaintext, or the kind of the failure and an empty text.
fn decrypt(file: &[u8], identities: &[Box<dyn age::Identity>]) -> (&'static str, String) {
    let reader = std::io::BufReader::new(ArmoredReader::new(file));
    let Ok(decryptor) = Decryptor::new_buffered(reader) else { return ("header failure", String::new()) };
    match decryptor.decrypt(identities.iter().map(|identity| &**identity)) {
        Ok(mut reader) => {
            let mut plain = Vec::new();
            reader.read_to_end(&mut plain).expect("the payload should decrypt");
            ("success", hex::encode(Sha256::digest(&plain)))
        }
        Err(DecryptError::NoMatchingKeys) => ("no match", String::new()),
        Err(_) => ("header failure", String::new()),
    }
}

#[test]
fn the_hybrid_vectors_of_cctv_have_their_expected_result() {
    let Some(directory) = cctv() else {
        figure("CCTV: skipped, because the vectors are not there; set BREAKGLASS_CCTV to their directory");
        return;
    };
    let mut judged = Vec::new();
    for entry in std::fs::read_dir(directory).expect("the directory of the vectors should be readable") {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.contains("hybrid") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let end =
            bytes.windows(2).position(|pair| pair == b"\n\n").expect("an empty line should end the head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let (mut fields, mut identities) = (BTreeMap::new(), Vec::new());
        for (field, value) in
            head.lines().map(|line| line.split_once(": ").expect("a line should have a field and a value"))
        {
            match field {
                "identity" => identities.push(identity(value)),
                _ => drop(fields.insert(field, value)),
            }
        }
        let mut file = bytes[end + 2..].to_vec();
        if fields.contains_key("compressed") {
            file = vector::zlib("decompress", &file);
        }
        let (end, digest) = decrypt(&file, &identities);
        assert_eq!(end, fields["expect"], "{name}");
        assert_eq!(digest, *fields.get("payload").unwrap_or(&""), "{name}");
        judged.push(name);
    }
    judged.sort();
    figure(&format!("CCTV: {} of {} hybrid vectors agree: {}", judged.len(), judged.len(), judged.join(" ")));
    assert!(judged.len() >= 18, "at least 18 vectors should be checked, not {}", judged.len());
}

/// Returns the part halves of some vectors: the name of the vector and the custodian, the words' identity in the form of
/// age, the stanza, and the half that the library decrypts.
fn part_halves() -> Vec<Value> {
    let mut all = Vec::new();
    for name in ["two_of_two", "two_of_three_armored", "two_tokens", "drill"] {
        let vector = Vector::load(name);
        let vault = Vault::parse(&vector.file).unwrap();
        for known in &vector.custodians {
            let custodian = vault.manifest.custodian(known.index).unwrap();
            let words = part(&known.words).unwrap();
            let PartOwner::Expected(half) = opening::recognise(&vault, custodian, &words).unwrap() else {
                panic!("the words of {} should be recognised", known.name);
            };
            let id = hex::decode(&custodian.enrolment).unwrap().try_into().unwrap();
            let identity = words.identity(&id);
            let hrp = bech32::Hrp::parse("age-secret-key-pq-").unwrap();
            let secret = bech32::encode::<bech32::Bech32>(hrp, identity.seed().expose()).unwrap();
            let Wrapped { enc, sealed } = &vault.halves(known.index).unwrap().part;
            all.push(json!({
                "name": format!("{name} {}", known.index), "identity": secret.to_uppercase(),
                "recipient": custodian.part, "enc": BASE64_STANDARD_NO_PAD.encode(**enc),
                "body": BASE64_STANDARD_NO_PAD.encode(sealed), "half": hex::encode(half.expose()),
            }));
        }
    }
    all
}

#[test]
fn age_encryption_opens_the_part_halves_of_the_vectors() {
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/rig/node/node_modules");
    let is_there = packages.join("age-encryption/package.json").is_file();
    let node = Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success());
    if !is_there || !node {
        figure(
            "age-encryption (npm): skipped, because node or the package is not installed; see scripts/setup --tests",
        );
        return;
    }
    let halves = part_halves();
    assert!(halves.len() >= 9);
    let run = |halves: &[Value]| {
        let mut node = Command::new("node")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/age_encryption.mjs"))
            .arg(&packages)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("node should start");
        let input = serde_json::to_vec(halves).unwrap();
        node.stdin
            .take()
            .expect("stdin should be a pipe")
            .write_all(&input)
            .expect("node should read its input");
        node.wait_with_output().expect("node should end")
    };
    let output = run(&halves);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    figure(&format!("age-encryption (npm): {}", String::from_utf8_lossy(&output.stdout).trim()));

    // The control: the first bit of the stanza's body is changed.
    let mut changed = halves[..1].to_vec();
    let mut body = BASE64_STANDARD_NO_PAD.decode(changed[0]["body"].as_str().unwrap()).unwrap();
    body[0] ^= 0x80;
    changed[0]["body"] = BASE64_STANDARD_NO_PAD.encode(body).into();
    assert!(!run(&changed).status.success(), "a changed half should not be opened");
}
