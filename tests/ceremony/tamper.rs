//! Tests that a changed vault is refused. The tests change each byte, truncate the file at each byte, and change each
//! field of the manifest. Custodians approve the fields of the manifest, so the program must find a changed field
//! before the quorum is complete.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use breakglass::custody::opening::{self, PartOwner, ShareError};
use breakglass::error::Status;
use breakglass::secret::SecretText;
use breakglass::vault::duration::Span;
use breakglass::vault::file::{self, Vault};
use breakglass::vault::firmware::Firmware;
use breakglass::vault::manifest::{
    self, Attested, Custodian, EnrolledToken, Lane, Manifest, TargetSummary, TokenKeys,
};
use breakglass::vault::payload::Input;
use breakglass::vault::quorum::{Share, Threshold};

use crate::soft::forge::{self, Recipe};
use crate::soft::{self, Person, figure, people};

/// A sealed vault with a threshold of two, the vault's custodians, and the shares of the first two custodians.
struct Ceremony {
    people: Vec<Person>,
    sealed: Vec<u8>,
    shares: Vec<Share>,
}

impl Ceremony {
    fn of(custodians: usize) -> Self {
        let people = people(custodians, 1);
        let payload = Input::parse(&forge::jcs(&forge::credentials())).unwrap().payload;
        let manifest = Manifest {
            alerts: Vec::new(),
            created: "2026-11-22T02:17:00Z".into(),
            credentials_epoch: 1,
            custodians: people.iter().zip(1..).map(|(person, index)| person.entry(index)).collect(),
            drill_of: None,
            epoch: 1,
            label: "production".into(),
            lane: Lane::Gate,
            replaces: None,
            targets: payload.summaries(),
            threshold: Threshold::try_from(2).unwrap(),
            vault_id: hex::encode(soft::random::<16>()),
            version: 1,
        };
        let sealed = file::seal(&manifest, &payload).unwrap();
        Self { people, sealed: sealed.binary, shares: sealed.shares }
    }

    /// Opens a custodian's share with the custodian's words and token. Returns `None` if the file does not match the
    /// words or the token.
    fn share(&self, vault: &Vault, place: usize) -> Option<Share> {
        let person = &self.people[place];
        let custodian = &vault.manifest.custodians[place];
        let part = soft::part(&person.words).unwrap();
        let half = match opening::recognise(vault, custodian, &part) {
            Ok(PartOwner::Expected(half)) => half,
            Ok(PartOwner::Other(_) | PartOwner::Unknown) => return None,
            Err(why) => return refused(&why.into()),
        };
        let mut token = person.tokens[0].clone();
        let enrolled = &custodian.tokens[0];
        opening::enrolled(&mut token, enrolled).unwrap()?;
        let pin = SecretText::copy_of("no PIN");
        match opening::open(vault, custodian, enrolled, &mut token, &pin, &half, &mut || {}) {
            Ok(share) => Some(share),
            Err(ShareError::Damaged(why)) => refused(&why.into()),
            Err(ShareError::Token(why)) => panic!("a software token failed: {why:?}"),
        }
    }

    /// Returns whether a file opens with the words and tokens of alice and bob.
    fn opens(&self, file: &[u8]) -> bool {
        let vault = match Vault::parse(file) {
            Ok(vault) => vault,
            Err(error) => return refused(&error).unwrap_or(false),
        };
        let Some(alice) = self.share(&vault, 0) else { return false };
        let Some(bob) = self.share(&vault, 1) else { return false };
        unlocks(&vault, &[&alice, &bob])
    }

    /// A faster version of [`Ceremony::opens`]. If the header is unchanged, the shares are also unchanged, so the
    /// function reuses the known shares.
    fn opens_changed(&self, file: &[u8], header: &[u8]) -> bool {
        match Vault::parse(file) {
            Ok(vault) if file.starts_with(header) => unlocks(&vault, &[&self.shares[0], &self.shares[1]]),
            Ok(_) => self.opens(file),
            Err(error) => refused(&error).unwrap_or(false),
        }
    }
}

/// Returns whether these shares open the vault.
fn unlocks(vault: &Vault, shares: &[&Share]) -> bool {
    match vault.open(shares) {
        Ok(_) => true,
        Err(error) => refused(&error).unwrap_or(false),
    }
}

fn refused<T>(error: &breakglass::error::Error) -> Option<T> {
    assert_eq!(error.status, Status::Damaged, "{error}");
    None
}

/// Returns the header of a binary vault. The header ends with the line of the MAC. The MAC is 43 characters of
/// base64.
fn header(binary: &[u8]) -> &[u8] {
    const MAC_LINE: usize = 5 + 43 + 1;
    let mac = binary.windows(5).position(|window| window == b"\n--- ").unwrap();
    &binary[..mac + MAC_LINE]
}

/// The first line of an armored file.
const BEGIN: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----\n";

/// The bit masks of the changes. Each byte is changed once with each mask.
const FLIPS: [u8; 2] = [0x01, 0x80];

/// Returns the number of changed files that the tests make from a file. The tests change each byte with each mask of
/// [`FLIPS`], cut the file before each byte, and append a byte in two ways.
fn changes(file: &[u8]) -> usize {
    file.len() * (FLIPS.len() + 1) + 2
}

fn change(file: &[u8], number: usize) -> Vec<u8> {
    let (place, way) = (number / (FLIPS.len() + 1), number % (FLIPS.len() + 1));
    let mut changed = file.to_vec();
    match (changed.get_mut(place), FLIPS.get(way)) {
        (Some(byte), Some(flip)) => *byte ^= flip,
        (Some(_), None) => changed.truncate(place),
        (None, _) => changed.push([b'\n', 0][way]),
    }
    changed
}

/// Returns the numbers of the changed files that are not refused. Uses all processors.
fn accepted(file: &[u8], opens: &(dyn Fn(&[u8]) -> bool + Sync)) -> Vec<usize> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut accepted = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= changes(file) {
                return accepted;
            }
            let changed = change(file, number);
            if !matches!(catch_unwind(AssertUnwindSafe(|| opens(&changed))), Ok(false)) {
                accepted.push(number);
            }
        }
    };
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
#[cfg_attr(feature = "cloud", ignore = "takes a minute, so only the offline build runs it")]
fn every_changed_byte_and_every_truncation_of_the_binary_file_is_refused() {
    let ceremony = Ceremony::of(2);
    let head = header(&ceremony.sealed).to_vec();
    assert!(ceremony.opens(&ceremony.sealed), "the control: the untouched file should open");
    assert!(
        ceremony.opens_changed(&ceremony.sealed, &head),
        "the untouched file should open with the known shares"
    );
    let accepted = accepted(&ceremony.sealed, &|file| ceremony.opens_changed(file, &head));
    figure(&format!(
        "binary vault of {} bytes: {} changed and cut files, {} of them accepted",
        ceremony.sealed.len(),
        changes(&ceremony.sealed),
        accepted.len()
    ));
    assert!(accepted.is_empty(), "every change should be refused, but these changes were not: {accepted:?}");
}

#[test]
#[cfg_attr(feature = "cloud", ignore = "takes a minute, so only the offline build runs it")]
fn every_changed_byte_and_every_truncation_of_the_armored_file_is_refused() {
    let ceremony = Ceremony::of(2);
    let armored = file::armor(&ceremony.sealed);
    // The number of armored lines that contain the header. Each armored line has 48 bytes of the file.
    let lines = header(&ceremony.sealed).len().div_ceil(48);
    let head = &armored[..BEGIN.len() + lines * 65];
    assert!(ceremony.opens(&armored), "the control: the untouched file should open");
    assert!(ceremony.opens_changed(&armored, head), "the untouched file should open with the known shares");
    let accepted = accepted(&armored, &|file| ceremony.opens_changed(file, head));
    figure(&format!(
        "armored vault of {} bytes: {} changed and cut files, {} of them accepted",
        armored.len(),
        changes(&armored),
        accepted.len()
    ));
    assert!(accepted.is_empty(), "every change should be refused, but these changes were not: {accepted:?}");
}

/// The name of a field, and a change of that field.
type Edit = (&'static str, fn(&mut Manifest));

/// Returns a change for every field of a manifest except the commitments. Each changed manifest is valid.
fn edits() -> Vec<Edit> {
    fn custodian(manifest: &mut Manifest) -> &mut Custodian {
        &mut manifest.custodians[2]
    }
    fn token(manifest: &mut Manifest) -> &mut EnrolledToken {
        &mut custodian(manifest).tokens[0]
    }
    fn piv(decryption_slot: &str, signing_slot: &str) -> TokenKeys {
        TokenKeys::Piv { decryption_slot: decryption_slot.into(), signing_slot: signing_slot.into() }
    }
    fn target(manifest: &mut Manifest) -> &mut TargetSummary {
        &mut manifest.targets[0]
    }
    vec![
        ("created", |m| m.created = "2026-11-22T02:17:01Z".into()),
        ("epoch", |m| (m.epoch, m.replaces) = (3, Some("0".repeat(64)))),
        ("credentials epoch", |m| {
            (m.epoch, m.credentials_epoch, m.replaces) = (2, 2, Some("0".repeat(64)));
        }),
        ("label", |m| m.label = "Production".into()),
        ("replaces", |m| (m.epoch, m.replaces) = (2, Some("0".repeat(64)))),
        ("threshold", |m| m.threshold = Threshold::try_from(3).unwrap()),
        ("vault id", |m| m.vault_id = "0".repeat(32)),
        ("carol's name", |m| custodian(m).name = "carla".into()),
        ("carol's enrolment", |m| custodian(m).enrolment = "0".repeat(32)),
        ("carol's enrolment digest", |m| custodian(m).enrolment_sha256 = "0".repeat(64)),
        ("carol's fingerprint", |m| custodian(m).fingerprint_checked = false),
        ("carol's part", |m| custodian(m).part = people(1, 0)[0].entry(1).part),
        ("carol's attestation", |m| token(m).attestation = Attested::Yubico),
        ("carol's serial number", |m| token(m).serial += 1),
        ("carol's firmware", |m| token(m).firmware = Firmware([5, 7, 4])),
        ("carol's slot", |m| token(m).keys = piv("84", "83")),
        ("carol's signing slot", |m| token(m).keys = piv("82", "84")),
        ("carol's signing key", |m| token(m).signing_key = soft::SoftToken::new(1).entry().signing_key),
        ("account", |m| target(m).account = "999988887777".into()),
        ("grant", |m| target(m).grant_sha256 = "0".repeat(64)),
        ("may outlive", |m| target(m).may_outlive.clear()),
        ("console", |m| target(m).console = true),
        ("MFA", |m| target(m).mfa = true),
        ("repairs identity", |m| (target(m).mfa, target(m).repairs_identity) = (true, true)),
        ("grant summary", |m| target(m).grant.clear()),
        ("longest window", |m| target(m).max_window = "2h".parse::<Span>().unwrap()),
        ("target's name", |m| target(m).name = "Prod".into()),
        ("partition", |m| target(m).partition = "aws-cn".into()),
        ("regions", |m| target(m).regions.push("us-east-1".into())),
        ("user", |m| target(m).user = "Emergency".into()),
        ("one more target", |m| {
            let more = TargetSummary { name: "more".into(), ..m.targets[0].clone() };
            m.targets.push(more);
        }),
    ]
}

#[test]
fn a_manifest_changed_without_its_commitments_fails_at_the_first_share() {
    let ceremony = Ceremony::of(3);
    let untouched = Vault::parse(&ceremony.sealed).unwrap();
    assert!(ceremony.share(&untouched, 0).is_some(), "the control: alice's share should open");
    for (name, edit) in edits() {
        let mut manifest = Vault::parse(&ceremony.sealed).unwrap().manifest;
        edit(&mut manifest);
        assert_ne!(manifest, untouched.manifest, "{name}");
        let changed = with_manifest(&ceremony.sealed, &untouched.manifest, &manifest);
        let vault = Vault::parse(&changed).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(ceremony.share(&vault, 0).is_none(), "{name}: alice's share should not match");
    }
}

#[test]
fn a_custodian_cannot_forge_the_commitment_of_another_custodian() {
    // Alice can commit to her share in a changed manifest, because she knows the share. Bob's share does not match the
    // changed manifest.
    let ceremony = Ceremony::of(3);
    let untouched = Vault::parse(&ceremony.sealed).unwrap().manifest;
    let mut manifest = untouched.clone();
    manifest.threshold = Threshold::try_from(3).unwrap();
    let others: Vec<_> = manifest.custodians[1..].iter().map(|c| c.commitment.clone()).collect();
    manifest.commit(&ceremony.shares);
    for (custodian, commitment) in manifest.custodians[1..].iter_mut().zip(others) {
        custodian.commitment = commitment;
    }
    let vault = Vault::parse(&with_manifest(&ceremony.sealed, &untouched, &manifest)).unwrap();
    assert!(ceremony.share(&vault, 0).is_some());
    assert!(ceremony.share(&vault, 1).is_none());
}

/// Returns the file with a different manifest. The rest of the file is unchanged.
fn with_manifest(file: &[u8], own: &Manifest, other: &Manifest) -> Vec<u8> {
    let stanza = |manifest: &Manifest| {
        let stanza = age_core::format::Stanza {
            tag: "breakglass/manifest".into(),
            args: vec!["v1".into()],
            body: manifest.to_bytes(),
        };
        format!("age-encryption.org/v1\n{}", forge::text(&[stanza])).into_bytes()
    };
    let rest = file.strip_prefix(stanza(own).as_slice()).unwrap();
    [&stanza(other), rest].concat()
}

#[test]
fn an_oversized_file_is_refused_before_it_is_parsed() {
    let people = people(2, 1);
    let long = [
        Recipe { text: |text| format!("{text}{}", " ".repeat(manifest::MAX_BYTES)), ..Recipe::default() },
        Recipe { plain: |plain| plain.resize(512 * 1024 + 4096, b' '), ..Recipe::default() },
        Recipe {
            header: |header| {
                header + &format!("-> x-grease\n{}\n", format!("{}\n", "A".repeat(64)).repeat(9000))
            },
            ..Recipe::default()
        },
        Recipe { file: |file| file.resize(file::MAX_BYTES + 1, 0), ..Recipe::default() },
    ];
    for recipe in long {
        let file = recipe.make(&people).file;
        let before = std::time::Instant::now();
        assert!(Vault::parse(&file).is_err());
        assert!(before.elapsed().as_secs() < 2, "reading should take linear time");
    }
    let whole =
        Recipe { stanzas: |s| s[0].body.resize(300 * 1024, b' '), ..Recipe::default() }.make(&people).file;
    let before = std::time::Instant::now();
    assert!(Vault::parse(&whole).is_err());
    assert!(before.elapsed().as_secs() < 2, "a header of thousands of lines should take linear time");
}

#[test]
fn a_panic_of_the_reader_does_not_count_as_a_refusal() {
    // The control: a change that causes a panic counts as accepted, and so does a change with which the file opens.
    let file = b"abc";
    assert_eq!(accepted(file, &|_| std::panic::resume_unwind(Box::new(()))).len(), changes(file));
    assert_eq!(accepted(file, &|_| true).len(), changes(file));
    assert_eq!(accepted(file, &|_| false).len(), 0);
}
