//! A second writer of vault files. The writer follows `vault-format.md` and can introduce a fault.
//!
//! The writer uses the library only for a custodian's public entry and for the encryption of the part's half.
//! `hybrid.rs` checks the encryption of the part's half with other programs. For the splitting, the commitments, the
//! header and STREAM, `forge.rs` has a second implementation. If the library opens a file from this writer, the two
//! implementations agree.

use std::collections::{BTreeMap, BTreeSet};

use age_core::format::{FileKey, Stanza};
use age_core::primitives::{bech32_decode, bech32_encode};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use breakglass::secret::Secret;
use breakglass::vault::hybrid;
use breakglass::vault::manifest::{Custodian, TokenKeys};
use chacha20poly1305::aead::Aead as _;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _};
use hkdf::{Hkdf, HkdfExtract};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Person, random};

/// The steps that make a vault. Each step can introduce a fault. Every default step follows the specification.
pub struct Recipe {
    pub custodians: usize,
    pub threshold: u8,
    pub tokens: usize,
    /// Changes the custodians before the manifest and the shares are made.
    pub people: fn(&mut [Person]),
    /// Changes the credentials before the manifest is made from them.
    pub credentials: fn(&mut Value),
    /// Changes the manifest before the commitments are computed.
    pub manifest: fn(&mut Value),
    /// Changes the manifest after the commitments were computed.
    pub committed: fn(&mut Value),
    /// Changes the manifest's text.
    pub text: fn(String) -> String,
    /// Changes the values of the shares before the commitments are computed.
    pub dealt: fn(&mut [[u8; 16]]),
    /// Changes the values of the shares after the commitments were computed.
    pub shares: fn(&mut [[u8; 16]]),
    /// Changes the stanzas within a share. The first argument is the custodian's entry in the manifest.
    pub halves: fn(&Value, &mut Vec<Stanza>),
    /// Changes the stanzas within a share. The arguments are the custodian's entry in the manifest, the plaintexts of
    /// the token's half and the part's half, and the stanzas.
    pub resealed: fn(&Value, [&[u8; 16]; 2], &mut Vec<Stanza>),
    /// Changes the text of the stanzas within a share. The first argument is the index of the share.
    pub inner: fn(u8, String) -> String,
    /// Changes the header's stanzas.
    pub stanzas: fn(&mut Vec<Stanza>),
    /// Changes the header's text before the MAC is computed.
    pub header: fn(String) -> String,
    /// Changes the MAC's text.
    pub mac: fn(String) -> String,
    /// Changes the credentials after the manifest was made from them.
    pub sealed: fn(&mut Value),
    /// Changes the padded payload.
    pub plain: fn(&mut Vec<u8>),
    /// Encrypts the padded payload under the file key.
    pub stream: fn(&[u8; 16], &[u8]) -> Vec<u8>,
    /// Changes the file.
    pub file: fn(&mut Vec<u8>),
    /// Changes the armored text of the file. `None` leaves the file in binary form.
    pub armor: Option<fn(String) -> String>,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            custodians: 2,
            threshold: 2,
            tokens: 1,
            people: |_| {},
            credentials: |_| {},
            manifest: |_| {},
            committed: |_| {},
            text: |text| text,
            dealt: |_| {},
            shares: |_| {},
            halves: |_, _| {},
            resealed: |_, _, _| {},
            inner: |_, text| text,
            stanzas: |_| {},
            header: |header| header,
            mac: |mac| mac,
            sealed: |_| {},
            plain: |_| {},
            stream,
            file: |_| {},
            armor: None,
        }
    }
}

/// A vault file, and the secret values from which the file was made.
pub struct Forged {
    pub file: Vec<u8>,
    pub key: [u8; 16],
    pub shares: Vec<[u8; 16]>,
    pub plain: Vec<u8>,
    pub armored: bool,
}

impl Recipe {
    /// Makes a vault file for the given custodians.
    pub fn make(&self, people: &[Person]) -> Forged {
        let key = random::<16>();
        let mut sealed = credentials();
        (self.credentials)(&mut sealed);
        let mut manifest = manifest(people, self.threshold, &sealed);
        (self.manifest)(&mut manifest);
        let mut shares = split(&key, self.threshold, people.len());
        (self.dealt)(&mut shares);
        commit(&mut manifest, &shares);
        (self.committed)(&mut manifest);
        (self.shares)(&mut shares);
        let mut stanzas = vec![Stanza {
            tag: "breakglass/manifest".into(),
            args: vec!["v1".into()],
            body: (self.text)(String::from_utf8(jcs(&manifest)).unwrap()).into_bytes(),
        }];
        for ((person, share), index) in people.iter().zip(&shares).zip(1_u8..) {
            let entry = person.entry(index);
            let [a, b] = halves(share);
            let mut inner = wrapped(&entry, [a, b]);
            let entry = serde_json::to_value(entry).unwrap();
            (self.halves)(&entry, &mut inner);
            (self.resealed)(&entry, [&a, &b], &mut inner);
            let body = (self.inner)(index, text(&inner)).into_bytes();
            stanzas.push(Stanza { tag: "breakglass/share".into(), args: vec![index.to_string()], body });
        }
        (self.stanzas)(&mut stanzas);
        let header = (self.header)(format!("age-encryption.org/v1\n{}", text(&stanzas)));
        let mac_key = expand(&key, b"", b"header");
        let mac = BASE64_STANDARD_NO_PAD.encode(hmac(&mac_key, format!("{header}---").as_bytes()));
        (self.sealed)(&mut sealed);
        let mut plain = jcs(&sealed);
        plain.resize(plain.len().next_multiple_of(4096), b' ');
        (self.plain)(&mut plain);
        let mut file = format!("{header}--- {}\n", (self.mac)(mac)).into_bytes();
        file.extend_from_slice(&(self.stream)(&key, &plain));
        (self.file)(&mut file);
        let armored = self.armor.is_some();
        if let Some(edit) = self.armor {
            file = edit(String::from_utf8(breakglass::vault::file::armor(&file)).unwrap()).into_bytes();
        }
        Forged { file, key, shares, plain, armored }
    }
}

/// Returns the canonical JSON of a value (RFC 8785).
pub fn jcs(value: &Value) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("a JSON value should have a canonical form")
}

/// Returns credentials with one target. The target's account does not exist.
pub fn credentials() -> Value {
    let key = |role: &str| {
        json!({
            "access_key_id": format!("AKIAEXAMPLE{role:0>9}"),
            "secret_access_key": format!("{role:/>40}"),
        })
    };
    json!({
        "version": 1,
        "runbook": "1. Tell the on-call lead. 2. Read the dashboard. 3. Close as soon as it is over.",
        "targets": [{
            "name": "prod", "partition": "aws", "account": "111122223333", "regions": ["eu-west-1", "eu-central-1"],
            "user": "emergency", "boundary": "arn:aws:iam::111122223333:policy/Ceiling",
            "boundary_sha256": "3a0c2c1ff4ea4bd3d9d5b1a0b1a9e9b1f9d0f1f27d2c94a1fbd7f3f1c6f0a1b2",
            "max_window": "1h", "may_outlive": ["ec2:CreateLaunchTemplateVersion"], "repairs_identity": false,
            "opener": key("OPENER"), "closer": key("CLOSER"), "emergency": key("EMERGENCY"),
            "grant": [{"Sid": "Repair", "Effect": "Allow", "Action": ["ec2:*", "rds:Describe*"], "Resource": "*"},
                {"Effect": "Allow", "Action": "ECS:UpdateService", "Resource": "*",
                    "Condition": {"StringEquals": {"aws:ResourceTag/Team": "shop", "aws:SourceVpc": "vpc-1"}}},
                {"Effect": "Allow", "Action": ["ecs:Update?luster"], "Resource": "*",
                    "Condition": {"StringLike": {"AWS:ResourceTag/team": "*"}}},
                {"Effect": "Deny", "Action": "ec2:GetPasswordData", "Resource": "*"}],
        }],
    })
}

fn manifest(people: &[Person], threshold: u8, sealed: &Value) -> Value {
    let summary = |target: &Value| {
        let mut summary = target.clone();
        let fields = summary.as_object_mut().unwrap();
        let grant = fields.remove("grant").unwrap();
        let is_static = fields.contains_key("role");
        fields.insert("mfa".into(), fields.contains_key("mfa").into());
        fields.insert("console".into(), (is_static || federates(&grant)).into());
        for secret in ["opener", "closer", "emergency", "boundary", "boundary_sha256", "role"] {
            fields.remove(secret);
        }
        fields.insert("grant".into(), services(&grant));
        fields.insert("grant_sha256".into(), hex::encode(Sha256::digest(jcs(&grant))).into());
        summary
    };
    let entries: Vec<_> = people.iter().zip(1..).map(|(person, index)| person.entry(index)).collect();
    let mut manifest = json!({
        "created": "2026-11-22T02:17:00Z", "credentials_epoch": 1, "custodians": entries, "epoch": 1,
        "label": "production, all regions", "lane": "gate", "replaces": null,
        "targets": sealed["targets"].as_array().unwrap().iter().map(summary).collect::<Vec<_>>(),
        "threshold": threshold, "vault_id": hex::encode(random::<16>()), "version": 1,
    });
    if let Some(channels) = sealed["alerts"].as_array() {
        manifest["alerts"] = channels.iter().map(|channel| channel["name"].clone()).collect();
    }
    manifest
}

/// Returns the summary of a grant. The summary has one entry for each pair of a service and an access (`read` or
/// `write`). An entry lists the condition keys that are in all statements about the pair.
fn services(grant: &Value) -> Value {
    let mut all: BTreeMap<(String, &str), BTreeSet<String>> = BTreeMap::new();
    for statement in grant.as_array().into_iter().flatten().filter(|one| one["Effect"] == "Allow") {
        let operators = statement["Condition"].as_object().into_iter().flat_map(|all| all.values());
        let keys = operators.flat_map(|keys| keys.as_object().unwrap().keys());
        let keys: BTreeSet<_> = keys.map(|key| key.to_lowercase()).collect();
        let actions = match &statement["Action"] {
            Value::String(one) => vec![one.clone()],
            Value::Array(many) => many.iter().map(|one| one.as_str().unwrap_or("?:?").to_owned()).collect(),
            _ => vec!["*".into()],
        };
        for action in actions {
            let (service, name) = action.split_once(':').unwrap_or(("*", "*"));
            let name = name.to_lowercase();
            let reads = ["get", "list", "describe"].iter().any(|verb| name.starts_with(verb));
            let place = (service.to_lowercase(), if reads { "read" } else { "write" });
            let shared = all.entry(place).or_insert_with(|| keys.clone());
            *shared = shared.intersection(&keys).cloned().collect();
        }
    }
    let entry = |((service, access), conditions)| json!({"access": access, "conditions": conditions, "service": service});
    all.into_iter().map(entry).collect()
}

/// Returns whether a grant allows `sts:GetFederationToken`, which a console session needs. The function only searches
/// for the call's name and for `sts:*`, because the vectors use no other pattern.
fn federates(grant: &Value) -> bool {
    let text = grant.to_string();
    text.contains("sts:GetFederationToken") || text.contains("sts:*")
}

/// Splits a key with Shamir's scheme over GF(256), byte by byte.
fn split(key: &[u8; 16], threshold: u8, count: usize) -> Vec<[u8; 16]> {
    let higher: Vec<[u8; 16]> = (1..threshold).map(|_| random()).collect();
    let share = |x: u8| {
        std::array::from_fn(|i| higher.iter().rev().fold(0, |sum, degree| times(sum ^ degree[i], x)) ^ key[i])
    };
    (1..=u8::try_from(count).unwrap()).map(share).collect()
}

fn times(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b != 0 {
        product ^= if b & 1 == 1 { a } else { 0 };
        a = (a << 1) ^ if a & 0x80 == 0 { 0 } else { 0x1b };
        b >>= 1;
    }
    product
}

/// Sets every custodian's commitment.
pub fn commit(manifest: &mut Value, shares: &[[u8; 16]]) {
    let digest = Sha256::digest(jcs(manifest));
    let Some(custodians) = manifest["custodians"].as_array_mut() else { return };
    for ((custodian, share), index) in custodians.iter_mut().zip(shares).zip(1_u8..) {
        let committed = [b"breakglass/commitment v1", &digest[..], &[index], share].concat();
        custodian["commitment"] = hex::encode(Sha256::digest(committed)).into();
    }
}

/// Splits a share into the token's half and the part's half.
fn halves(share: &[u8; 16]) -> [[u8; 16]; 2] {
    let a = random::<16>();
    [a, std::array::from_fn(|i| share[i] ^ a[i])]
}

fn wrapped(entry: &Custodian, [a, b]: [[u8; 16]; 2]) -> Vec<Stanza> {
    let wrap = |recipient: &dyn age::Recipient, half: [u8; 16]| {
        recipient.wrap_file_key(&FileKey::new(Box::new(half))).expect("the recipient should be valid").0
    };
    let token = |token: &breakglass::vault::manifest::EnrolledToken| match token.keys {
        TokenKeys::Piv { .. } => {
            wrap(&token.recipient.parse::<age::tag::Recipient>().expect("the recipient should be valid"), a)
        }
        TokenKeys::Challenge { .. } => wrap(
            &token.recipient.parse::<age::x25519::Recipient>().expect("the recipient should be valid"),
            a,
        ),
    };
    let mut stanzas: Vec<_> = entry.tokens.iter().flat_map(token).collect();
    let recipient = hybrid::Recipient::parse(&entry.part).expect("the recipient should be valid");
    stanzas.push(recipient.wrap(&Secret::copy_of(&b)));
    stanzas
}

/// Returns stanzas in age's text form. Each line of a body has 64 columns, except the last line, which is shorter.
pub fn text(stanzas: &[Stanza]) -> String {
    let mut text = String::new();
    for stanza in stanzas {
        let words = std::iter::once(&stanza.tag).chain(&stanza.args);
        text += "->";
        words.for_each(|word| text.extend([" ", word]));
        text += "\n";
        let body = BASE64_STANDARD_NO_PAD.encode(&stanza.body);
        let mut rest = body.as_str();
        while rest.len() >= 64 {
            let (line, after) = rest.split_at(64);
            text.extend([line, "\n"]);
            rest = after;
        }
        text.extend([rest, "\n"]);
    }
    text
}

/// Returns the first argument of a p256tag stanza, the hint. The hint depends on the custodian's first token and on the
/// ephemeral point `enc`.
pub fn hint(entry: &Value, enc: &[u8]) -> String {
    let recipient = entry["tokens"][0]["recipient"].as_str().unwrap();
    let (_, compressed) = bech32::decode(recipient).unwrap();
    let prk = hmac(b"age-encryption.org/p256tag", &[enc, &Sha256::digest(compressed)[..4]].concat());
    BASE64_STANDARD_NO_PAD.encode(&prk[..4])
}

/// Decodes the public key in a part's recipient.
pub fn part_key(recipient: &Value) -> Vec<u8> {
    let text = recipient.as_str().unwrap();
    bech32_decode(text, |_| (), |_| Ok(()), |_, bytes| Ok(bytes.collect())).unwrap()
}

/// Encodes bytes as a recipient with the given prefix. The bytes need not be a valid key.
pub fn part_recipient(prefix: &str, bytes: &[u8]) -> Value {
    bech32_encode(bech32::Hrp::parse_unchecked(prefix), bytes).into()
}

/// Sets an unused bit of the last data character in a Bech32 recipient, and corrects the checksum (BIP-173).
pub fn with_trailing_bit(recipient: &Value) -> Value {
    with_checksum(recipient.as_str().unwrap(), 1, 1).into()
}

/// Changes a Bech32 text. `last` is a mask of the bits to invert in the last data character. `constant` is the constant
/// of the new checksum, which is 1 in Bech32 (BIP-173).
pub fn with_checksum(text: &str, constant: usize, last: usize) -> String {
    const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let (prefix, data) = text.rsplit_once('1').unwrap();
    let place = |c: u8| ALPHABET.iter().position(|&of| of == c).unwrap();
    let mut values: Vec<_> = data.bytes().map(place).collect();
    values.truncate(values.len() - 6);
    *values.last_mut().unwrap() ^= last;
    let high = prefix.bytes().map(|c| usize::from(c >> 5));
    let low = prefix.bytes().map(|c| usize::from(c & 31));
    let all = high.chain([0]).chain(low).chain(values.iter().copied()).chain([0; 6]);
    let checksum = all.fold(1, |sum: usize, value| {
        let generator = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
        let applied = generator.iter().enumerate().filter(|(bit, _)| sum >> (25 + bit) & 1 == 1);
        applied.fold((sum & 0x1ff_ffff) << 5 ^ value, |sum, (_, term)| sum ^ term)
    }) ^ constant;
    values.extend((0..6).map(|i| checksum >> (5 * (5 - i)) & 31));
    let data: String = values.iter().map(|&value| char::from(ALPHABET[value])).collect();
    format!("{prefix}1{data}")
}

/// Computes HMAC-SHA256 with the first step of HKDF, which is an HMAC (RFC 5869 section 2.2).
fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut extract = HkdfExtract::<Sha256>::new(Some(key));
    extract.input_ikm(data);
    extract.finalize().0.into()
}

fn expand(key: &[u8; 16], salt: &[u8], info: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    Hkdf::<Sha256>::new(Some(salt), key).expand(info, &mut out).expect("HKDF should give 32 bytes");
    out
}

/// Returns the body of an X25519 stanza (C2SP age.md). `salt` is the ephemeral share followed by the recipient.
pub fn x25519_body(shared: &[u8; 32], salt: &[u8], half: &[u8; 16]) -> Vec<u8> {
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(Some(salt), shared)
        .expand(b"age-encryption.org/v1/X25519", &mut key)
        .expect("HKDF should give 32 bytes");
    ChaCha20Poly1305::new(&key.into())
        .encrypt(&[0; 12].into(), &half[..])
        .expect("a half should be short enough to encrypt")
}

/// Encrypts a payload. Returns the nonce, followed by the STREAM chunks (C2SP age.md, "Payload").
pub fn stream(key: &[u8; 16], plain: &[u8]) -> Vec<u8> {
    let chunks: Vec<_> = if plain.is_empty() { vec![plain] } else { plain.chunks(65536).collect() };
    let last = chunks.len() - 1;
    let numbered: Vec<_> =
        chunks.iter().zip(0_u64..).map(|(chunk, n)| (*chunk, n, n == last as u64)).collect();
    stream_of(key, &numbered)
}

/// Encrypts chunks under a new nonce. Each chunk has a number and a flag that marks the last chunk.
pub fn stream_of(key: &[u8; 16], chunks: &[(&[u8], u64, bool)]) -> Vec<u8> {
    let salt = random::<16>();
    let aead = ChaCha20Poly1305::new(&expand(key, &salt, b"payload").into());
    let mut out = salt.to_vec();
    for (chunk, number, last) in chunks {
        let mut nonce = [0; 12];
        nonce[3..11].copy_from_slice(&number.to_be_bytes());
        nonce[11] = u8::from(*last);
        out.extend(aead.encrypt(&nonce.into(), *chunk).expect("a chunk should be short enough to encrypt"));
    }
    out
}
