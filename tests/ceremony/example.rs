//! Checks that the values in the example of `vault-format.md` are the values of the vector `two_of_two`.
//!
//! If `BREAKGLASS_WRITE_VECTORS` is set, the test instead writes the values into `vault-format.md`, and keeps the text
//! around the values.

use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use breakglass::secret::Secret;
use breakglass::vault::file::Vault;
use breakglass::vault::quorum::{self, Share};
use breakglass::vault::share::TokenStanza;
use breakglass::vault::{hpke, share, words, xwing};
use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};

use crate::soft::vector::{self, Custodian, Vector};
use crate::soft::{part, point};

/// How many characters of a long recipient or encapsulation the example shows. The complete values have at least 1.5
/// KB.
const SHOWN: usize = 48;

fn specification() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/vault-format.md").into()
}

#[test]
fn the_example_in_the_specification_has_the_values_of_a_vector() {
    let text = std::fs::read_to_string(vector::directory().join("two_of_two.txt")).unwrap();
    let specification = specification();
    let stands = std::fs::read_to_string(&specification).unwrap();
    let example = Example::of(&Vector::parse(&text));
    let should = example.within(&stands);
    if std::env::var_os("BREAKGLASS_WRITE_VECTORS").is_some() {
        std::fs::write(&specification, &should).unwrap();
        return;
    }
    let differs = stands.lines().zip(should.lines()).find(|(stands, should)| stands != should);
    assert_eq!(
        differs, None,
        "a line of the specification (first value) differs from the expected line (second value)"
    );
    assert_eq!(stands, should);
}

/// The values in the example, formatted as in the specification.
struct Example {
    /// The contents of the fenced code blocks, in order.
    blocks: Vec<String>,
    /// The values inside sentences. Each entry has the text before the value, the value, and the text after the value.
    in_sentences: Vec<(&'static str, String, &'static str)>,
}

impl Example {
    fn of(vector: &Vector) -> Self {
        let vault = Vault::parse(&vector.file).unwrap();
        let (header, mac, payload) = pieces(&vector.file);
        let [alice, bob] = vector.custodians.as_slice() else {
            panic!("the vector should have two custodians")
        };
        let key = hex::decode(&vector.key).unwrap();
        let (nonce, _) = payload.split_first_chunk::<16>().unwrap();
        let shares = [alice, bob].map(|custodian| Share {
            index: custodian.index,
            value: Secret::with(|out| hex::decode_to_slice(&custodian.share, out).unwrap()),
        });
        let sealed = vault.open(&[&shares[0], &shares[1]]).unwrap().to_sealed();
        assert_eq!(hex::encode(quorum::combine(&[&shares[0], &shares[1]]).expose()), vector.key);
        let plain = String::from_utf8(sealed.expose().to_vec()).unwrap();
        let start: Vec<_> =
            plain.as_bytes()[..288].chunks(96).map(|row| str::from_utf8(row).unwrap()).collect();
        let (stanzas, part_block, token_block) = halves(&vault, alice);
        let manifest = &vault.manifest;
        let digest: [u8; 32] = Sha256::digest(&vector.file).into();
        Self {
            blocks: vec![
                format!("{header}--- {mac}\n"),
                broken(&String::from_utf8(manifest.to_bytes()).unwrap()),
                stanzas,
                part_block,
                token_block,
                format!(
                    "digest      {}\ncommitment  {}\n",
                    hex::encode(manifest.digest()),
                    manifest.custodians[0].commitment.as_deref().unwrap()
                ),
                format!(
                    "share 2    {}\nfile key   {}\n\
                     MAC key    {}    HKDF(file key, no salt, \"header\")\n\
                     MAC        {}    the header's last line\n\
                     nonce      {}\n\
                     payload    {}    HKDF(file key, salt = nonce, \"payload\")\n",
                    bob.share,
                    vector.key,
                    hex::encode(expand(&key, b"", b"header")),
                    hex::encode(BASE64_STANDARD_NO_PAD.decode(&mac).unwrap()),
                    hex::encode(nonce),
                    hex::encode(expand(&key, nonce, b"payload")),
                ),
                start.join("\n") + "\n",
            ],
            in_sentences: vec![
                ("Its header is text of ", (header.len() + mac.len() + 5).to_string(), " bytes"),
                ("The file is ", vector.file.len().to_string(), " bytes long"),
                ("The payload decrypts to ", plain.trim_end_matches(' ').len().to_string(), " bytes of JSON"),
                ("The file's SHA-256 is `", hex::encode(digest), "`"),
                ("Read out, that is *", words::of(&digest), "*"),
            ],
        }
    }

    /// Replaces the values in the specification's example, and returns the text of the specification.
    fn within(&self, specification: &str) -> String {
        let start =
            specification.find("\n## An example\n").expect("the specification should have an example");
        let end = start
            + specification[start..]
                .find("\n## References\n")
                .expect("the section References should follow the example");
        let mut pieces: Vec<_> = specification[start..end].split("```\n").map(str::to_owned).collect();
        assert_eq!(
            pieces.len(),
            2 * self.blocks.len() + 1,
            "the example should have the expected number of blocks"
        );
        for (block, at) in self.blocks.iter().zip((1..).step_by(2)) {
            pieces[at].clone_from(block);
        }
        let mut example = pieces.join("```\n");
        for (before, value, after) in &self.in_sentences {
            let from =
                example.find(before).unwrap_or_else(|| panic!("the example should contain {before:?}"))
                    + before.len();
            let to = from
                + example[from..]
                    .find(after)
                    .unwrap_or_else(|| panic!("the example should contain {after:?}"));
            example.replace_range(from..to, value);
        }
        [&specification[..start], &example, &specification[end..]].concat()
    }
}

/// Splits a vault file into the header without its last line, the MAC as text, and the payload.
fn pieces(file: &[u8]) -> (String, String, &[u8]) {
    let mac =
        file.windows(5).position(|bytes| bytes == b"\n--- ").expect("the header should end in a MAC") + 1;
    let header = String::from_utf8(file[..mac].to_vec()).unwrap();
    let (line, payload) = file[mac..].split_at(48);
    (header, String::from_utf8(line[4..47].to_vec()).unwrap(), payload)
}

/// Returns three blocks of the example: the stanzas of a share, the values for the part's half, and the values for the
/// token's half.
fn halves(vault: &Vault, of: &Custodian) -> (String, String, String) {
    let custodian = vault.manifest.custodian(of.index).unwrap();
    let id: [u8; 16] = hex::decode(&custodian.enrolment).unwrap().try_into().unwrap();
    let identity = part(&of.words).unwrap().identity(&id);
    let mnemonic = bip39::Mnemonic::parse_normalized(&of.words).unwrap();
    let halves = vault.halves(of.index).unwrap();
    let b = identity.unwrap(&halves.part).unwrap();
    let seed = hex::encode(mnemonic.to_seed_normalized(""));
    let part_block = format!(
        "words      {}\nentropy    {}\nseed       {}\n           {}\nenrolment  {}\nidentity   {}\n\
         shared     {}    X-Wing\nb          {}\n",
        of.words,
        hex::encode(mnemonic.to_entropy()),
        &seed[..64],
        &seed[64..],
        custodian.enrolment,
        hex::encode(identity.seed().expose()),
        hex::encode(xwing::decapsulate(identity.seed(), &halves.part.enc).unwrap().expose()),
        hex::encode(b.expose()),
    );
    let (_, key) = &of.tokens[0];
    let key = p256::SecretKey::from_slice(&hex::decode(key).unwrap()).unwrap();
    let TokenStanza::P256 { enc: encapsulated, sealed } = &halves.tokens[0] else {
        panic!("the token should be a PIV token")
    };
    let enc = p256::PublicKey::from_sec1_bytes(encapsulated).unwrap();
    let ecdh = p256::ecdh::diffie_hellman(key.to_nonzero_scalar(), enc.as_affine());
    let ecdh = Secret::with(|out: &mut [u8; 32]| out.copy_from_slice(ecdh.raw_secret_bytes()));
    let a = hpke::open(&ecdh, encapsulated, &point(&key), share::P256TAG.as_bytes(), sealed).unwrap();
    let token_block = format!(
        "key        {}\nECDH       {}\na          {}\nshare      {}    a XOR b\n",
        hex::encode(key.to_bytes()),
        hex::encode(ecdh.expose()),
        hex::encode(a.expose()),
        hex::encode(share::join(of.index, &a, &b).value.expose()),
    );
    let encoded = |bytes: &[u8]| BASE64_STANDARD_NO_PAD.encode(bytes);
    let recipient = share::compressed(&custodian.tokens[0].recipient).unwrap();
    let stanzas = format!(
        "-> p256tag {} {}\n{}\n-> mlkem768x25519 {}…\n{}\n",
        encoded(&share::hint(encapsulated, &recipient)),
        encoded(encapsulated),
        encoded(sealed),
        &encoded(&*halves.part.enc)[..SHOWN],
        encoded(&halves.part.sealed),
    );
    (stanzas, part_block, token_block)
}

/// Splits canonical JSON into lines of about 100 characters, after commas, and shortens long recipients.
fn broken(json: &str) -> String {
    let (mut text, mut line) = (String::new(), String::new());
    for member in json.split_inclusive(',') {
        let cut = member.find("age1pq1").map(|at| format!("{}…\",", &member[..at + SHOWN]));
        let member = cut.as_deref().unwrap_or(member);
        if !line.is_empty() && line.len() + member.len() > 100 {
            text = text + &line + "\n";
            line.clear();
            line.push_str("  ");
        }
        line += member;
    }
    text + &line + "\n"
}

fn expand(key: &[u8], salt: &[u8], info: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    Hkdf::<Sha256>::new(Some(salt), key).expand(info, &mut out).expect("HKDF should give 32 bytes");
    out
}
