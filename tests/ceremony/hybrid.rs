//! Checks the part's half of a share with C2SP's Community Cryptography Test Vectors (CCTV), and with a reader in
//! Python that uses another ML-KEM library.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use age::armor::ArmoredReader;
use age::{DecryptError, Decryptor};
use age_core::format::{FileKey, Stanza};
use age_core::primitives::bech32_decode;
use breakglass::custody::opening::{self, PartOwner};
use breakglass::secret::Secret;
use breakglass::vault::file::Vault;
use breakglass::vault::hybrid::{self, PartIdentity, Wrapped};
use breakglass::vault::xwing;
use sha2::{Digest as _, Sha256};

use crate::soft::part;
use crate::soft::vector::{self, Vector};

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
        println!("skipped: the vectors were not found; set BREAKGLASS_CCTV to their directory");
        return;
    };
    let mut judged = 0;
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
            file = decompressed(&path, end + 2);
        }
        let (end, digest) = decrypt(&file, &identities);
        assert_eq!(end, fields["expect"], "{name}");
        assert_eq!(digest, *fields.get("payload").unwrap_or(&""), "{name}");
        judged += 1;
    }
    println!("{judged} vectors of CCTV");
    assert!(judged >= 18, "at least 18 vectors should be checked, not {judged}");
}

/// Returns the bytes of a file from `start` on, decompressed with zlib.
fn decompressed(path: &Path, start: usize) -> Vec<u8> {
    let program = "import sys, zlib; sys.stdout.buffer.write(zlib.decompress(open(sys.argv[1], 'rb').read()[int(sys.argv[2]):]))";
    let output = Command::new("python3").args(["-c", program]).arg(path).arg(start.to_string()).output();
    output.expect("python3 should be installed").stdout
}

#[test]
fn a_second_reader_opens_the_parts_halves_of_the_vectors_with_the_words() {
    let mut expected = Vec::new();
    let mut command = Command::new(rig::aws::python());
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/part_half.py"));
    for name in ["two_of_two", "two_of_three_armored", "two_tokens", "drill"] {
        let path = vector::directory().join(format!("{name}.txt"));
        let vector = Vector::parse(&std::fs::read_to_string(&path).unwrap());
        let vault = Vault::parse(&vector.file).unwrap();
        for known in &vector.custodians {
            let custodian = vault.manifest.custodian(known.index).unwrap();
            let words = part(&known.words).unwrap();
            let PartOwner::Expected(half) = opening::recognise(&vault, custodian, &words).unwrap() else {
                panic!("the words of {} should be recognised", known.name);
            };
            expected.push(format!("{name} {} {}", known.index, hex::encode(half.expose())));
        }
        command.arg(path);
    }
    let output = command
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .output()
        .expect("the rig's Python should run");
    let opened = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(opened.lines().collect::<Vec<_>>(), expected);
    assert!(expected.len() >= 9);
}
