//! The age file itself: its closed header read and written through the age crate, its payload in locked pages.

use std::cell::RefCell;
use std::collections::HashSet;
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

/// The longest vault file, in bytes, armored or not.
pub const MAX_BYTES: usize = 2 * 1024 * 1024;

/// The longest header, in bytes: twice what the largest manifest and sixteen full shares take.
pub const MAX_HEADER: usize = 512 * 1024;

const MANIFEST: &str = "breakglass/manifest";
const VERSION: &str = "v1";
const FIRST_LINE: &[u8] = b"age-encryption.org/v1\n";
const MAC_LINE: &[u8] = b"--- ";
const MAC_TEXT: usize = 43;
const BEGIN_ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
const NONCE: usize = 16;
const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;

/// A vault as it is read: everything public, and the shares still wrapped.
pub struct Vault {
    /// Who, how many, which targets.
    pub manifest: Manifest,
    /// SHA-256 of the file in its binary form.
    pub sha256: [u8; 32],
    shares: Vec<Halves>,
    binary: Vec<u8>,
    header: usize,
    plain: usize,
}

impl Vault {
    /// Reads a vault file, binary or armored.
    ///
    /// # Errors
    /// [`crate::error::Status::Damaged`], naming what is wrong.
    pub fn parse(file: &[u8]) -> Result<Self> {
        if file.len() > MAX_BYTES {
            return Err(Error::damaged(format!("the file is longer than {MAX_BYTES} bytes")));
        }
        let binary = if file.starts_with(BEGIN_ARMOR) { unarmor(file)? } else { file.to_vec() };
        let header = header_length(&binary)?;
        let plain = plain_length(binary.len() - header)
            .ok_or_else(|| Error::damaged("the file was cut short, or something was added to it"))?;
        let stanzas = stanzas(&binary, header)?;
        let (manifest, shares) = read_header(&stanzas)?;
        let sha256 = Sha256::digest(&binary).into();
        Ok(Self { manifest, sha256, shares, binary, header, plain })
    }

    /// The wrapped halves of the custodian's share.
    pub fn halves(&self, index: u8) -> Option<&Halves> {
        self.shares.get(usize::from(index).checked_sub(1)?)
    }

    /// Rebuilds the file key from a full quorum of checked shares and reads what is sealed.
    ///
    /// # Errors
    /// [`crate::error::Status::Damaged`] when the header's MAC or the payload does not hold.
    pub fn open(&self, shares: &[&Share]) -> Result<Payload> {
        let plain = self.decrypt(&quorum::combine(shares))?;
        let payload = Payload::from_sealed(plain.expose())?;
        if payload.summaries() != self.manifest.targets
            || payload.lane() != self.manifest.lane
            || payload.channels() != self.manifest.alerts
        {
            return Err(Error::damaged("what is sealed is not what the manifest says is sealed"));
        }
        if self.manifest.drill_of.is_some() && payload.targets.iter().any(|target| !target.grant.is_empty()) {
            return Err(Error::damaged("what is sealed for a drill grants more than the probe"));
        }
        Ok(payload)
    }

    fn decrypt(&self, key: &Secret<KEY>) -> Result<SecretBuf> {
        let damaged = |why: &str| Error::damaged(format!("the vault file was changed: {why}"));
        let decryptor = decryptor(&self.binary, self.header).map_err(|_| damaged("its header"))?;
        let identity = Rebuilt(key);
        let mut reader = decryptor
            .decrypt(std::iter::once(&identity as &dyn age::Identity))
            .map_err(|_| damaged("its header's MAC does not fit"))?;
        let length =
            plain_length(self.binary.len() - self.header).ok_or_else(|| damaged("it is cut short"))?;
        let mut plain = SecretBuf::with_capacity(length + 1);
        loop {
            match reader.read(plain.spare_mut()) {
                Ok(0) => break,
                Ok(n) => plain.advance(n),
                Err(_) => return Err(damaged("its payload does not decrypt")),
            }
        }
        if plain.expose().len() == self.plain { Ok(plain) } else { Err(damaged("its length")) }
    }
}

/// A freshly sealed vault, with the shares still at hand so that the caller can prove them.
pub struct Sealed {
    /// The binary age file.
    pub binary: Vec<u8>,
    /// One for each custodian.
    pub shares: Vec<Share>,
}

/// Seals `payload` for the custodians of `manifest`; its commitments are set here.
///
/// # Errors
/// When the age crate cannot write, which memory does not bring about.
pub fn seal(manifest: &Manifest, payload: &Payload) -> Result<Sealed> {
    let failed = |e: &dyn std::fmt::Display| Error::failed(format!("sealing failed: {e}"));
    let quorum = QuorumRecipient { manifest: manifest.clone(), shares: RefCell::default() };
    let encryptor = Encryptor::with_recipients(std::iter::once(&quorum as &dyn age::Recipient))
        .map_err(|e| failed(&e))?;
    let plain = payload.to_sealed();
    let mut binary = Vec::new();
    let mut writer = encryptor.wrap_output(&mut binary).map_err(|e| failed(&e))?;
    writer.write_all(plain.expose()).and_then(|()| writer.finish().map(drop)).map_err(|e| failed(&e))?;
    Ok(Sealed { binary, shares: quorum.shares.into_inner() })
}

/// The armored form of a binary vault.
///
/// # Panics
/// Never: memory takes every write.
pub fn armor(binary: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut writer =
        ArmoredWriter::wrap_output(&mut text, Format::AsciiArmor).expect("memory takes every write");
    writer.write_all(binary).and_then(|()| writer.finish().map(drop)).expect("memory takes every write");
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
        Err(Error::damaged("the armor is not in its canonical form"))
    }
}

/// Emits the manifest and one share for each custodian, under a label of its own that keeps every other
/// recipient out.
struct QuorumRecipient {
    manifest: Manifest,
    shares: RefCell<Vec<Share>>,
}

impl age::Recipient for QuorumRecipient {
    fn wrap_file_key(&self, key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let mut manifest = self.manifest.clone();
        let key = Secret::copy_of(key.expose_secret());
        let count = u8::try_from(manifest.custodians.len()).expect("checked: at most sixteen");
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

/// Hands the rebuilt file key to the age crate, which checks the header's MAC with it.
struct Rebuilt<'a>(&'a Secret<KEY>);

impl age::Identity for Rebuilt<'_> {
    fn unwrap_stanza(&self, _: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        None
    }

    fn unwrap_stanzas(&self, _: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        Some(Ok(FileKey::init_with_mut(|key| key.copy_from_slice(self.0.expose()))))
    }
}

/// Takes no key: it only looks at the stanzas that the age crate read.
#[derive(Default)]
struct Look(RefCell<Vec<Stanza>>);

impl age::Identity for Look {
    fn unwrap_stanza(&self, _: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        None
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        let copy = |s: &Stanza| Stanza { tag: s.tag.clone(), args: s.args.clone(), body: s.body.clone() };
        self.0.replace(stanzas.iter().map(copy).collect());
        None
    }
}

/// A file whose header is handed over in one piece: the age crate starts its parser over for every line that
/// it has to ask for, which is quadratic in the header's length.
struct InOnePiece<'a> {
    header: usize,
    rest: &'a [u8],
}

impl Read for InOnePiece<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.rest.read(buffer)
    }
}

impl BufRead for InOnePiece<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.rest.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.rest.consume(amount);
    }

    fn read_until(&mut self, byte: u8, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let length = std::mem::take(&mut self.header);
        if length == 0 {
            return self.rest.read_until(byte, buffer);
        }
        let (header, rest) = self.rest.split_at(length);
        buffer.extend_from_slice(header);
        self.rest = rest;
        Ok(length)
    }
}

fn decryptor(binary: &[u8], header: usize) -> Result<Decryptor<InOnePiece<'_>>, DecryptError> {
    Decryptor::new_buffered(InOnePiece { header, rest: binary })
}

/// The header's length up to and with the line of its MAC.
fn header_length(binary: &[u8]) -> Result<usize> {
    if !binary.starts_with(FIRST_LINE) {
        return Err(Error::damaged("this is no age file of version 1"));
    }
    let within = &binary[..binary.len().min(MAX_HEADER)];
    let (mut end, mut rest) = (0, within);
    while !rest.starts_with(MAC_LINE) {
        // No allocation: the line is only passed over.
        let line = rest.skip_until(b'\n').unwrap_or_default();
        end += line;
        if line == 0 {
            return Err(Error::damaged(format!("its header does not end within {MAX_HEADER} bytes")));
        }
    }
    end += MAC_LINE.len() + MAC_TEXT + 1;
    match binary.get(end - 1) {
        Some(b'\n') => Ok(end),
        Some(_) => Err(Error::damaged("its header's last line is not in its canonical form")),
        None => Err(Error::damaged("its header is cut short")),
    }
}

/// The header's stanzas, after making sure that they are written in the one canonical way.
fn stanzas(binary: &[u8], header: usize) -> Result<Vec<Stanza>> {
    let decryptor = decryptor(binary, header)
        .map_err(|_| Error::damaged("this is no age file, or its header is damaged"))?;
    let look = Look::default();
    let _ = decryptor.decrypt(std::iter::once(&look as &dyn age::Identity));
    let stanzas = look.0.into_inner();
    let mut canonical = FIRST_LINE.to_vec();
    for stanza in &stanzas {
        share::put(&mut canonical, stanza);
    }
    canonical.extend_from_slice(MAC_LINE);
    let mac = binary[..header].strip_prefix(canonical.as_slice()).and_then(|rest| rest.strip_suffix(b"\n"));
    if mac.is_some_and(|text| text.len() == MAC_TEXT && BASE64_STANDARD_NO_PAD.decode(text).is_ok()) {
        Ok(stanzas)
    } else {
        Err(Error::damaged("the header is not in its canonical form"))
    }
}

fn read_header(stanzas: &[Stanza]) -> Result<(Manifest, Vec<Halves>)> {
    let Some((first, rest)) = stanzas.split_first().filter(|(first, _)| first.tag == MANIFEST) else {
        return Err(Error::damaged("this age file is no breakglass vault")
            .next("if it is an ordinary age file, open it with age"));
    };
    if first.args != [VERSION] {
        return Err(Error::damaged("the vault is of a format this program does not know")
            .next("use a newer breakglass"));
    }
    let manifest = Manifest::parse(&first.body)?;
    let count = manifest.custodians.len();
    match rest.get(count..) {
        Some([]) => {}
        Some([grease]) if grease.tag.ends_with("-grease") => {}
        _ => return Err(Error::damaged("the header has not exactly one share for each custodian")),
    }
    let halves =
        rest.iter().zip(&manifest.custodians).map(|(s, c)| share::parse(s, c)).collect::<Result<_>>()?;
    Ok((manifest, halves))
}

/// The payload's length when its nonce, chunks and tags take `sealed` bytes (C2SP age.md, "Payload").
fn plain_length(sealed: usize) -> Option<usize> {
    let stream = sealed.checked_sub(NONCE)?;
    let chunks = stream.div_ceil(CHUNK + TAG);
    let plain = stream.checked_sub(TAG * chunks)?;
    let whole = plain > 0 && plain % payload::BLOCK == 0 && plain.div_ceil(CHUNK) == chunks;
    (whole && plain <= payload::MAX_BYTES).then_some(plain)
}
