//! The vault file: an age file whose header holds the manifest and one share for each custodian.
//!
//! The age crate parses and writes the header and decrypts the payload. The crate accepts several forms of a header,
//! but a reader of vaults must accept only one form. Therefore the program encodes the parsed header again, and
//! compares the result with the vault file, byte for byte. The program also encodes and compares the armor again.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt::Display;
use std::io::{self, BufRead, Read, Write as _};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::{DecryptError, Decryptor, EncryptError, Encryptor};
use age_core::format::{FileKey, Stanza};
use age_core::secrecy::ExposeSecret as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::manifest::Manifest;
use super::payload::{self, Payload};
use super::quorum::{self, KEY, Share};
use super::random;
use super::share::{self, Halves};
use crate::error::{Error, Result};
use crate::secret::{Secret, SecretBuf};

/// The maximum length of a vault file in bytes, with or without armor. A longer file exceeds the limit of the header or
/// of the payload. The largest binary file has 1048720 bytes; armor makes a file longer.
pub const MAX_BYTES: usize = 1_420_213;

/// The maximum header length in bytes: for the largest manifest, 16 shares of 4 KB, and age's random grease stanza.
pub const MAX_HEADER: usize = 512 * 1024;

const FIRST_LINE: &[u8] = b"age-encryption.org/v1\n";
const MANIFEST: &str = "breakglass/manifest";
const VERSION: &str = "v1";
const MAC_LINE: &[u8] = b"--- ";
/// The length of the header's MAC in characters: 32 bytes as base64 without padding.
const MAC_TEXT: usize = 43;
const BEGIN_ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

// The payload (C2SP age.md, "Payload") is a nonce and then chunks, each followed by a tag. All lengths are in bytes.
const NONCE: usize = 16;
const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;

/// A parsed vault: the public data, and the encrypted shares.
pub struct Vault {
    /// The manifest.
    pub manifest: Manifest,
    /// SHA-256 of the file in its binary form.
    pub sha256: [u8; 32],
    shares: Vec<Halves>,
    binary: Vec<u8>,
    header_length: usize,
    payload_length: usize,
}

/// A newly sealed vault. The caller uses the shares to prove that every quorum can open the vault.
pub struct Sealed {
    /// The binary age file.
    pub binary: Vec<u8>,
    /// The shares, one for each custodian.
    pub shares: Vec<Share>,
}

/// Seals `payload` for the custodians of `manifest`, and sets the commitments to their shares.
///
/// # Errors
/// Fails if the manifest's label contains a secret, or if the age crate cannot write. The latter does not happen in
/// practice, because the crate writes to memory.
pub fn seal(manifest: &Manifest, payload: &Payload) -> Result<Sealed> {
    if payload.exposes(&manifest.label) {
        return Err(Error::usage("the label of the vault contains a secret, and the label is public")
            .next("seal with another label"));
    }
    let failed = |e: &dyn Display| Error::failed(format!("sealing failed: {e}"));
    let quorum = QuorumRecipient { manifest: manifest.clone(), shares: RefCell::default() };
    let encryptor = Encryptor::with_recipients(std::iter::once(&quorum as &dyn age::Recipient))
        .map_err(|e| failed(&e))?;
    let plain = payload.to_sealed();
    let mut binary = Vec::new();
    let mut writer = encryptor.wrap_output(&mut binary).map_err(|e| failed(&e))?;
    writer.write_all(plain.expose()).and_then(|()| writer.finish().map(drop)).map_err(|e| failed(&e))?;
    Ok(Sealed { binary, shares: quorum.shares.into_inner() })
}

/// An age recipient that writes the manifest and one share for each custodian into the header. The age crate refuses
/// to combine recipients with different labels, so the random label keeps other recipients out.
struct QuorumRecipient {
    manifest: Manifest,
    shares: RefCell<Vec<Share>>,
}

impl age::Recipient for QuorumRecipient {
    fn wrap_file_key(&self, key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let mut manifest = self.manifest.clone();
        let key = Secret::copy_of(key.expose_secret());
        let count = u8::try_from(manifest.custodians.len()).expect("the manifest has at most 16 custodians");
        let shares = quorum::split(&key, manifest.threshold, count);
        manifest.commit(&shares);
        let mut stanzas =
            vec![Stanza { tag: MANIFEST.into(), args: vec![VERSION.into()], body: manifest.to_bytes() }];
        stanzas.extend(shares.iter().zip(&manifest.custodians).map(|(s, c)| share::wrap(s, c)));
        self.shares.replace(shares);
        let label = random::hex::<16>();
        Ok((stanzas, HashSet::from([format!("breakglass-{label}")])))
    }
}

/// Armors a binary vault.
///
/// # Panics
/// Never panics: writing to memory cannot fail.
pub fn armor(binary: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut writer =
        ArmoredWriter::wrap_output(&mut text, Format::AsciiArmor).expect("writing to memory cannot fail");
    writer.write_all(binary).and_then(|()| writer.finish().map(drop)).expect("writing to memory cannot fail");
    text
}

fn unarmor(text: &[u8]) -> Result<Vec<u8>> {
    let mut binary = Vec::new();
    ArmoredReader::new(text)
        .read_to_end(&mut binary)
        .map_err(|e| Error::damaged(format!("the armor is not valid: {e}")))?;
    if armor(&binary) == text {
        Ok(binary)
    } else {
        Err(Error::damaged("the armor is not in canonical form"))
    }
}

impl Vault {
    /// Parses a vault file, binary or armored.
    ///
    /// # Errors
    /// Returns [`crate::error::Status::Damaged`] (vault-format.md: `damaged` at `parse`).
    pub fn parse(file: &[u8]) -> Result<Self> {
        if file.len() > MAX_BYTES {
            return Err(Error::damaged(format!("the file is longer than {MAX_BYTES} bytes")));
        }
        let binary = if file.starts_with(BEGIN_ARMOR) { unarmor(file)? } else { file.to_vec() };
        let header_length = header_length(&binary)?;
        let payload_length = payload_length(binary.len() - header_length)
            .ok_or_else(|| Error::damaged("the file was cut short, or something was appended"))?;
        let stanzas = stanzas(&binary, header_length)?;
        let (manifest, shares) = read_header(&stanzas)?;
        let sha256 = Sha256::digest(&binary).into();
        Ok(Self { manifest, sha256, shares, binary, header_length, payload_length })
    }

    /// Returns the share of the custodian with this index, as two encrypted halves.
    pub fn halves(&self, index: u8) -> Option<&Halves> {
        self.shares.get(usize::from(index).checked_sub(1)?)
    }

    /// Rebuilds the file key from a quorum of verified shares. Then decrypts and reads the payload.
    ///
    /// # Errors
    /// Returns [`crate::error::Status::Damaged`] (vault-format.md: `damaged` at `open`).
    pub fn open(&self, shares: &[&Share]) -> Result<Payload> {
        let plain = self.decrypt(&quorum::combine(shares))?;
        let payload = Payload::from_sealed(plain.expose())
            .map_err(|why| Error::damaged(format!("the sealed payload is not valid: {why}")))?;
        payload.check_manifest(&self.manifest).map_err(Error::damaged)?;
        Ok(payload)
    }

    fn decrypt(&self, key: &Secret<KEY>) -> Result<SecretBuf> {
        let damaged = |why: &str| Error::damaged(format!("the vault file was changed: {why}"));
        let decryptor =
            decryptor(&self.binary, self.header_length).map_err(|_| damaged("the header does not parse"))?;
        let identity = RebuiltKey(key);
        let mut reader = decryptor
            .decrypt(std::iter::once(&identity as &dyn age::Identity))
            .map_err(|_| damaged("the header's MAC does not match"))?;
        // The buffer is one byte longer than the expected payload. A payload that is too long fills this byte.
        let mut plain = SecretBuf::with_capacity(self.payload_length + 1);
        loop {
            match reader.read(plain.spare_mut()) {
                Ok(0) => break,
                Ok(n) => plain.advance(n),
                Err(_) => return Err(damaged("the payload does not decrypt")),
            }
        }
        if plain.expose().len() == self.payload_length {
            Ok(plain)
        } else {
            Err(damaged("the payload has the wrong length"))
        }
    }
}

/// Returns the length of the header in bytes, including the line with the header's MAC.
fn header_length(binary: &[u8]) -> Result<usize> {
    if !binary.starts_with(FIRST_LINE) {
        return Err(Error::damaged("not an age v1 file"));
    }
    let within = &binary[..binary.len().min(MAX_HEADER)];
    let (mut end, mut rest) = (0, within);
    while !rest.starts_with(MAC_LINE) {
        // Skips one line without allocating memory for the line.
        let line = rest.skip_until(b'\n').unwrap_or_default();
        end += line;
        if line == 0 {
            return Err(Error::damaged(format!("its header does not end within {MAX_HEADER} bytes")));
        }
    }
    end += MAC_LINE.len() + MAC_TEXT + 1;
    match within.get(end - 1) {
        Some(b'\n') => Ok(end),
        Some(_) => Err(Error::damaged("the last line of its header is not in canonical form")),
        None => Err(Error::damaged("the header is cut short or too long")),
    }
}

/// Computes the length of the payload's plaintext from the length `sealed` of the encrypted payload.
fn payload_length(sealed: usize) -> Option<usize> {
    let stream = sealed.checked_sub(NONCE)?;
    let chunks = stream.div_ceil(CHUNK + TAG);
    let plain = stream.checked_sub(TAG * chunks)?;
    let whole = plain > 0 && plain % payload::BLOCK == 0 && plain.div_ceil(CHUNK) == chunks;
    (whole && plain <= payload::MAX_BYTES).then_some(plain)
}

/// Parses the header's stanzas and checks that the header is in canonical form.
fn stanzas(binary: &[u8], header_length: usize) -> Result<Vec<Stanza>> {
    let decryptor = decryptor(binary, header_length)
        .map_err(|_| Error::damaged("the header of this age file is damaged"))?;
    let observer = StanzaObserver::default();
    let _ = decryptor.decrypt(std::iter::once(&observer as &dyn age::Identity));
    let stanzas = observer.0.into_inner();
    let mut canonical = FIRST_LINE.to_vec();
    for stanza in &stanzas {
        share::put(&mut canonical, stanza);
    }
    canonical.extend_from_slice(MAC_LINE);
    let header = &binary[..header_length];
    let mac = header.strip_prefix(canonical.as_slice()).and_then(|rest| rest.strip_suffix(b"\n"));
    if mac.is_some_and(|text| text.len() == MAC_TEXT && BASE64_STANDARD_NO_PAD.decode(text).is_ok()) {
        return Ok(stanzas);
    }
    Err(Error::damaged(match differing_line(header, &canonical) {
        Some(line) => format!("line {line} of the header is not in canonical form"),
        None => "the MAC of the header is not in canonical form".to_owned(),
    }))
}

/// Returns the number of the first line that differs, counted from 1. `canonical` has no MAC.
fn differing_line(header: &[u8], canonical: &[u8]) -> Option<usize> {
    let same = header.iter().zip(canonical).take_while(|(a, b)| a == b).count();
    (same < canonical.len()).then(|| canonical[..same].split(|&b| b == b'\n').count())
}

fn read_header(stanzas: &[Stanza]) -> Result<(Manifest, Vec<Halves>)> {
    let Some((first, rest)) = stanzas.split_first().filter(|(first, _)| first.tag == MANIFEST) else {
        return Err(Error::damaged("this age file is not a breakglass vault")
            .next("if it is an ordinary age file, decrypt it with age"));
    };
    if first.args != [VERSION] {
        return Err(Error::damaged("this program does not know the format of the vault")
            .next("use a newer version of breakglass"));
    }
    let manifest = Manifest::parse(&first.body)?;
    let count = manifest.custodians.len();
    match rest.get(count..) {
        Some([]) => {}
        Some([grease]) if grease.tag.ends_with("-grease") => {}
        _ => return Err(Error::damaged("the header must contain exactly one share per custodian")),
    }
    let parse = |(stanza, custodian): (_, &super::manifest::Custodian)| {
        share::parse(stanza, custodian)
            .map_err(|why| Error::damaged(format!("the share of {} is not valid: {why}", custodian.name)))
    };
    let halves = rest.iter().zip(&manifest.custodians).map(parse).collect::<Result<_>>()?;
    Ok((manifest, halves))
}

fn decryptor(binary: &[u8], header_length: usize) -> Result<Decryptor<HeaderAtOnce<'_>>, DecryptError> {
    Decryptor::new_buffered(HeaderAtOnce { header_length, rest: binary })
}

/// A reader that returns the complete header in one read. After each read, the age crate parses the header again from
/// its start. If each read returned one line, the total time would be quadratic in the header's length.
struct HeaderAtOnce<'a> {
    header_length: usize,
    rest: &'a [u8],
}

impl Read for HeaderAtOnce<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.rest.read(buffer)
    }
}

impl BufRead for HeaderAtOnce<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.rest.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.rest.consume(amount);
    }

    fn read_until(&mut self, byte: u8, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let length = std::mem::take(&mut self.header_length);
        if length == 0 {
            return self.rest.read_until(byte, buffer);
        }
        let (header, rest) = self.rest.split_at(length);
        buffer.extend_from_slice(header);
        self.rest = rest;
        Ok(length)
    }
}

/// An age identity that gives the rebuilt file key to the age crate. The crate checks the header's MAC with the key.
struct RebuiltKey<'a>(&'a Secret<KEY>);

impl age::Identity for RebuiltKey<'_> {
    fn unwrap_stanza(&self, _: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        None
    }

    fn unwrap_stanzas(&self, _: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        Some(Ok(FileKey::init_with_mut(|key| key.copy_from_slice(self.0.expose()))))
    }
}

/// An age identity that decrypts nothing. The identity only copies the stanzas that the age crate has parsed.
#[derive(Default)]
struct StanzaObserver(RefCell<Vec<Stanza>>);

impl age::Identity for StanzaObserver {
    fn unwrap_stanza(&self, _: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        None
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        let copy = |s: &Stanza| Stanza { tag: s.tag.clone(), args: s.args.clone(), body: s.body.clone() };
        self.0.replace(stanzas.iter().map(copy).collect());
        None
    }
}
