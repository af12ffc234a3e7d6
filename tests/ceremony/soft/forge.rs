//! A second writer of vault files, which follows `vault-format.md` and can introduce one error.
//!
//! It uses the library only for a custodian's public entry, and to wrap the half of the part, which `hybrid.rs` checks
//! with other programs. Splitting, commitments, header and STREAM are written again here, so a file of this writer that
//! opens also checks the specification.

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

/// The steps that differ from the specification; by default none.
pub struct Recipe {
    pub custodians: usize,
    pub threshold: u8,
    pub tokens: usize,
    /// Changes the custodians before anything is made for them.
    pub people: fn(&mut [Person]),
    /// Changes the credentials before their summary goes into the manifest.
    pub credentials: fn(&mut Value),
    /// Changes the manifest before the commitments.
    pub manifest: fn(&mut Value),
    /// Changes the manifest after the commitments.
    pub committed: fn(&mut Value),
    /// Changes the manifest's text.
    pub text: fn(String) -> String,
    /// Changes the values of the shares before the commitments.
    pub dealt: fn(&mut [[u8; 16]]),
    /// Changes the values of the shares after the commitments.
    pub shares: fn(&mut [[u8; 16]]),
    /// Changes the stanzas within a share, given its custodian's entry.
    pub halves: fn(&Value, &mut Vec<Stanza>),
    /// Changes the stanzas within a share, given its custodian's entry, the token's half and the part's half.
    pub resealed: fn(&Value, [&[u8; 16]; 2], &mut Vec<Stanza>),
    /// Changes the text of the stanzas within a share, given its index.
    pub inner: fn(u8, String) -> String,
    /// Changes the header's stanzas.
    pub stanzas: fn(&mut Vec<Stanza>),
    /// Changes the header's text before the MAC is computed.
    pub header: fn(String) -> String,
    /// Changes the MAC's text.
    pub mac: fn(String) -> String,
    /// Changes the credentials after their summary went into the manifest.
    pub sealed: fn(&mut Value),
    /// Changes the padded payload.
    pub plain: fn(&mut Vec<u8>),
    /// Encrypts the padded payload under the file key.
    pub stream: fn(&[u8; 16], &[u8]) -> Vec<u8>,
    /// Changes the file.
    pub file: fn(&mut Vec<u8>),
    /// Armors the file, and changes the armored text.
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

/// A file and the values it was made from.
pub struct Forged {
    pub file: Vec<u8>,
    pub key: [u8; 16],
    pub shares: Vec<[u8; 16]>,
    pub plain: Vec<u8>,
    pub armored: bool,
}

impl Recipe {
    /// Makes the file for these custodians.
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

/// RFC 8785 JSON.
pub fn jcs(value: &Value) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("JSON")
}

/// The credentials of one target, in an account that does not exist.
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

/// The summary of a grant: one entry for each service and access, with the condition keys that all of them have.
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

/// Whether the grant of a vector allows the call that a console session needs. Vectors write it out or as `sts:*`.
fn federates(grant: &Value) -> bool {
    let text = grant.to_string();
    text.contains("sts:GetFederationToken") || text.contains("sts:*")
}

/// Shamir's scheme for each byte over GF(256).
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

/// The token's half and the part's half of a share.
fn halves(share: &[u8; 16]) -> [[u8; 16]; 2] {
    let a = random::<16>();
    [a, std::array::from_fn(|i| share[i] ^ a[i])]
}

fn wrapped(entry: &Custodian, [a, b]: [[u8; 16]; 2]) -> Vec<Stanza> {
    let wrap = |recipient: &dyn age::Recipient, half: [u8; 16]| {
        recipient.wrap_file_key(&FileKey::new(Box::new(half))).expect("a good recipient").0
    };
    let token = |token: &breakglass::vault::manifest::EnrolledToken| match token.keys {
        TokenKeys::Piv { .. } => {
            wrap(&token.recipient.parse::<age::tag::Recipient>().expect("a good recipient"), a)
        }
        TokenKeys::Challenge { .. } => {
            wrap(&token.recipient.parse::<age::x25519::Recipient>().expect("a good recipient"), a)
        }
    };
    let mut stanzas: Vec<_> = entry.tokens.iter().flat_map(token).collect();
    let recipient = hybrid::Recipient::parse(&entry.part).expect("a good recipient");
    stanzas.push(recipient.wrap(&Secret::copy_of(&b)));
    stanzas
}

/// Stanzas in age's text form: lines of 64 columns, the last one shorter.
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

/// The first arguments of a p256tag stanza for a token: its hint under `enc`.
pub fn hint(entry: &Value, enc: &[u8]) -> String {
    let recipient = entry["tokens"][0]["recipient"].as_str().unwrap();
    let (_, compressed) = bech32::decode(recipient).unwrap();
    let prk = hmac(b"age-encryption.org/p256tag", &[enc, &Sha256::digest(compressed)[..4]].concat());
    BASE64_STANDARD_NO_PAD.encode(&prk[..4])
}

/// The bytes of a part's recipient.
pub fn part_key(recipient: &Value) -> Vec<u8> {
    let text = recipient.as_str().unwrap();
    bech32_decode(text, |_| (), |_| Ok(()), |_, bytes| Ok(bytes.collect())).unwrap()
}

/// Bytes as a part's recipient, be they a key or not.
pub fn part_recipient(prefix: &str, bytes: &[u8]) -> Value {
    bech32_encode(bech32::Hrp::parse_unchecked(prefix), bytes).into()
}

/// A recipient with a bit set that its last character does not need (BIP-173), under a right checksum.
pub fn with_trailing_bit(recipient: &Value) -> Value {
    with_checksum(recipient.as_str().unwrap(), 1, 1).into()
}

/// A Bech32 text with these bits of its last character before the checksum changed, and a checksum with this constant: 1 in
/// Bech32 (BIP-173).
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

/// HMAC-SHA256, which is what HKDF's first step computes (RFC 5869 section 2.2).
fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut extract = HkdfExtract::<Sha256>::new(Some(key));
    extract.input_ikm(data);
    extract.finalize().0.into()
}

fn expand(key: &[u8; 16], salt: &[u8], info: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    Hkdf::<Sha256>::new(Some(salt), key).expand(info, &mut out).expect("short");
    out
}

/// The body of an X25519 stanza (C2SP age.md). `salt` is the ephemeral share and the recipient.
pub fn x25519_body(shared: &[u8; 32], salt: &[u8], half: &[u8; 16]) -> Vec<u8> {
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(Some(salt), shared).expand(b"age-encryption.org/v1/X25519", &mut key).expect("short");
    ChaCha20Poly1305::new(&key.into()).encrypt(&[0; 12].into(), &half[..]).expect("short")
}

/// The payload: its nonce and STREAM (C2SP age.md, "Payload").
pub fn stream(key: &[u8; 16], plain: &[u8]) -> Vec<u8> {
    let chunks: Vec<_> = if plain.is_empty() { vec![plain] } else { plain.chunks(65536).collect() };
    let last = chunks.len() - 1;
    let numbered: Vec<_> =
        chunks.iter().zip(0_u64..).map(|(chunk, n)| (*chunk, n, n == last as u64)).collect();
    stream_of(key, &numbered)
}

/// A nonce, and chunks encrypted with these numbers and flags of the last one.
pub fn stream_of(key: &[u8; 16], chunks: &[(&[u8], u64, bool)]) -> Vec<u8> {
    let salt = random::<16>();
    let aead = ChaCha20Poly1305::new(&expand(key, &salt, b"payload").into());
    let mut out = salt.to_vec();
    for (chunk, number, last) in chunks {
        let mut nonce = [0; 12];
        nonce[3..11].copy_from_slice(&number.to_be_bytes());
        nonce[11] = u8::from(*last);
        out.extend(aead.encrypt(&nonce.into(), *chunk).expect("short"));
    }
    out
}
