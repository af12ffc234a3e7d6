//! Searches the memory of the program for secrets just before the program exits. The search must find no secret, no
//! matter how the program ends.
//!
//! Only a release build is tested, because a debug build leaves copies of moved arrays on the stack.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};

use rig::aws::Account;
use rig::fixture::{Fixture, SealedVault};
use rig::memory::{Finding, Hit, search_now};
use rig::pty::{End, Input, Person, Signal, Streams};
use rig::receiver::{Manner, Receiver};
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_breakglass");

/// Seals a vault with every kind of alert channel. Also writes the payload to a file, because the tests read the
/// secrets from that file.
fn sealed(account: &str) -> SealedVault {
    let receiver = Receiver::start(Manner::Status(202));
    let mut sealed = Value::Null;
    let fixture = Fixture::new(PROGRAM, account, &["alice", "bob", "carol"]).payload(|account| {
        let (topic, publisher) = account.topic("oncall");
        sealed = account.payload(Account::grant(), "4h");
        sealed["alerts"] = json!([
            Receiver::shared().channel("webhook"),
            {"name": "topic", "kind": "sns", "topic_arn": topic,
                "key": {"access_key_id": publisher.key, "secret_access_key": publisher.secret}},
            {"name": "pager", "kind": "pagerduty", "routing_key": "R7kq2Zx9Vb4Nw8Lt3Jf6Hd1Gs5Pm0Yc2",
                "url": receiver.url()},
            {"name": "chat", "kind": "slack",
                "url": format!("{}/T8Wq3Xz7Bv1KkP5/mN2Jr9LfD6Hs4Gy0Uc", receiver.url())},
            {"name": "mail", "kind": "smtp", "host": "127.0.0.1", "port": mailbox(), "tls": "none",
                "username": "breakglass", "password": "zQ4.xW7-vK1_tN9:rB3+cM6", "from": "breakglass@example.org",
                "to": ["oncall@example.org"]},
        ]);
        sealed.clone()
    });
    let vault = fixture.sealed();
    vault.site.write("payload.json", sealed.to_string());
    vault
}

/// Starts a mail server that accepts all mail with any password. Returns the server's port.
fn mailbox() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = |mut stream: &TcpStream| -> std::io::Result<()> {
        let mut in_mail = false;
        stream.write_all(b"220 here\r\n")?;
        for line in BufReader::new(stream.try_clone()?).lines() {
            let line = line?;
            let answer: &[u8] = match line.split(' ').next().unwrap_or_default() {
                "." => b"250 taken\r\n",
                _ if in_mail => continue,
                "EHLO" => b"250-here\r\n250 AUTH PLAIN\r\n",
                "AUTH" => b"235 welcome\r\n",
                "DATA" => b"354 go on\r\n",
                _ => b"250 well\r\n",
            };
            in_mail = line == "DATA";
            stream.write_all(answer)?;
        }
        Ok(())
    };
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(&stream));
        }
    });
    port
}

/// Returns the name and bytes of every secret that an `open` by alice and bob uses.
fn secrets(vault: &SealedVault) -> Vec<(String, Vec<u8>)> {
    let mut secrets = Vec::new();
    for (role, key) in [
        ("opener", &vault.account.opener),
        ("closer", &vault.account.closer),
        ("emergency", &vault.account.emergency),
    ] {
        secrets.push((format!("{role}'s secret"), key.secret.clone().into_bytes()));
    }
    secrets.extend(alerts(vault));
    for custodian in &vault.site.custodians[..2] {
        let name = &custodian.name;
        secrets.push((format!("{name}'s words"), custodian.sheet().into_bytes()));
        secrets.push((format!("{name}'s PIN"), custodian.pin.clone().into_bytes()));
    }
    secrets.extend(derived(vault));
    secrets
}

/// Returns the secrets of the alert channels. The program needs the secrets of alert channels until the last alert is
/// sent.
fn alerts(vault: &SealedVault) -> Vec<(String, Vec<u8>)> {
    let payload: Value =
        serde_json::from_slice(&std::fs::read(vault.site.path("payload.json")).unwrap()).unwrap();
    let channels = payload["alerts"].as_array().unwrap();
    let secret = |channel: &Value| {
        let (name, url) = (channel["name"].as_str().unwrap(), channel["url"].as_str().unwrap_or_default());
        let secret = ["secret", "routing_key", "password"].iter().find_map(|field| channel[field].as_str());
        let secret = secret.or(channel["key"]["secret_access_key"].as_str());
        let secret = secret.unwrap_or_else(|| {
            url.split_once("/alert/").expect("the URL of the chat channel should contain /alert/").1
        });
        (format!("the alerts' {name}"), secret.as_bytes().to_vec())
    };
    channels.iter().map(secret).collect()
}

/// Returns the secrets that are derived from sheets and private keys: entropy, seeds, halves of shares, shares and the
/// file key.
fn derived(vault: &SealedVault) -> Vec<(String, Vec<u8>)> {
    use breakglass::custody::part::TypedWords;
    use breakglass::vault::share::TokenStanza;
    use breakglass::vault::{file::Vault, hpke, quorum, share};
    let file = Vault::parse(&std::fs::read(vault.site.path("prod.age")).unwrap()).unwrap();
    let mut found = Vec::new();
    let mut shares = Vec::new();
    for (custodian, index) in vault.site.custodians[..2].iter().zip(1..) {
        let mut typed = TypedWords::default();
        typed.add(&custodian.sheet()).unwrap();
        let part = typed.part().unwrap();
        let public = file.manifest.custodian(index).unwrap();
        let id: [u8; 16] = hex::decode(&public.enrolment).unwrap().try_into().unwrap();
        let identity = part.identity(&id);
        let halves = file.halves(index).unwrap();
        let b = identity.unwrap(&halves.part).unwrap();
        let key = custodian.token.private_key(0x82).unwrap();
        let stanza = &halves.tokens[0];
        let TokenStanza::P256 { enc: encapsulated, sealed } = stanza else {
            panic!("the token should be a PIV token")
        };
        let enc = p256::PublicKey::from_sec1_bytes(encapsulated).unwrap();
        let ecdh = p256::ecdh::diffie_hellman(key.to_nonzero_scalar(), enc.as_affine());
        let ecdh = breakglass::secret::Secret::with(|own| own.copy_from_slice(ecdh.raw_secret_bytes()));
        let point = p256::elliptic_curve::sec1::ToSec1Point::to_sec1_point(&key.public_key(), false);
        let point: share::Point = point.as_bytes().try_into().unwrap();
        let info = share::P256TAG.as_bytes();
        let a = hpke::open(&ecdh, encapsulated, &point, info, sealed).unwrap();
        let name = &custodian.name;
        let share = share::join(index, &a, &b);
        found.push((format!("{name}'s identity"), identity.seed().expose().to_vec()));
        let mnemonic = bip39::Mnemonic::parse_normalized(&custodian.sheet()).unwrap();
        found.push((format!("{name}'s entropy"), mnemonic.to_entropy()));
        found.push((format!("{name}'s seed"), mnemonic.to_seed_normalized("").to_vec()));
        found.push((format!("{name}'s ECDH"), ecdh.expose().to_vec()));
        found.push((format!("{name}'s token half"), a.expose().to_vec()));
        found.push((format!("{name}'s part half"), b.expose().to_vec()));
        found.push((format!("{name}'s share"), share.value.expose().to_vec()));
        shares.push(share);
    }
    let key = quorum::combine(&shares.iter().collect::<Vec<_>>());
    found.push(("the file key".into(), key.expose().to_vec()));
    found
}

fn open(vault: &SealedVault, work: &[&str]) -> Person {
    vault.site.plug("alice");
    vault.site.plug("bob");
    vault.open("5m").args(&["--wait", "20s"]).args(work).start()
}

/// Returns the secrets and a control. The control is the name of an environment variable, which the search must find
/// in the memory of the process.
fn named(secrets: &[(String, Vec<u8>)]) -> Vec<(&str, &[u8])> {
    let mut named: Vec<_> = secrets.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    named.push(("control", b"PCSCLITE_CSOCK_NAME="));
    named
}

/// Returns whether a hit is a piece of a secret and not ordinary text. The words of a sheet are English words that also
/// occur in other text. A piece of a sheet therefore counts only from 14 bytes on, which is longer than two usual
/// words. For every other secret, each hit counts; a hit has at least eight bytes.
fn is_significant(hit: &Hit) -> bool {
    !hit.name.ends_with("words") || hit.len >= 14
}

fn nothing_left(person: &Person, secrets: &[(String, Vec<u8>)]) {
    let finding = person.finding();
    assert!(finding.found("control"), "the search should find the control");
    report("at the end of the process, control found", finding, secrets, |hit| hit.name != "control");
    let left: Vec<_> =
        finding.hits.iter().filter(|hit| hit.name != "control" && is_significant(hit)).collect();
    assert!(
        left.is_empty(),
        "no secret should be left in memory, but {} pieces were found: {left:#?}",
        left.len()
    );
}

/// Prints how much was searched and found. The line is written to standard error itself, so that a test run shows it
/// even if the test passes.
fn report(when: &str, finding: &Finding, secrets: &[(String, Vec<u8>)], counts: impl Fn(&Hit) -> bool) {
    let found = finding.hits.iter().filter(|hit| counts(hit) && is_significant(hit)).count();
    let line = format!(
        "memory search {when}: {} secrets, {} mappings, {} KiB: {found} pieces found\n",
        secrets.len(),
        finding.mappings,
        finding.searched >> 10
    );
    assert!(!secrets.is_empty() && finding.mappings > 0 && finding.searched > 0, "{line}");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// The control: the search must find every secret in a program that reads the secrets and exits without wiping them.
#[test]
fn the_search_finds_every_secret_in_a_program_that_does_not_wipe_memory() {
    let vault = sealed("mem-control");
    let secrets = secrets(&vault);
    let fed = secrets.iter().map(|(_, bytes)| hex::encode(bytes)).collect::<Vec<_>>().join("\n");
    let mut command = std::process::Command::new(rig::aws::python());
    command.args(["-c", "import os, sys; kept = [bytes.fromhex(line) for line in sys.stdin]; os._exit(0)"]);
    let stdin = Input::Bytes(fed.into_bytes());
    let mut person = Person::run_with(command, Streams { stdin, ..Streams::default() });
    let named: Vec<_> = secrets.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    person.trace_exit(&named);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let finding = person.finding();
    report("in a careless program, which is the control", finding, &secrets, |_| true);
    for (name, _) in &secrets {
        let kept = finding.hits.iter().any(|hit| hit.name == *name && is_significant(hit));
        assert!(kept, "the search should find {name} in a program that does not wipe it");
    }
}

#[test]
fn no_secret_is_in_memory_after_a_successful_opening() {
    let vault = sealed("mem-success");
    let secrets = secrets(&vault);
    let mut person = open(&vault, &["--", "true"]);
    person.trace_exit(&named(&secrets));
    vault.site.quorum(&mut person, 2);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    for (channel, _) in alerts(&vault) {
        let used = format!("alert: {} acknowledged", channel.trim_start_matches("the alerts' "));
        assert!(person.transcript().contains(&used), "{used}: {}", person.transcript());
    }
    nothing_left(&person, &secrets);
}

#[test]
fn no_secret_is_in_memory_after_a_custodian_was_refused() {
    let vault = sealed("mem-refused");
    let secrets = secrets(&vault);
    let mut person = open(&vault, &["--", "true"]);
    person.trace_exit(&named(&secrets));
    vault.site.answer(&mut person, "alice");
    person.expect("bob: passphrase part (12 words): ");
    person.type_line(&vault.site.custodian("bob").sheet());
    person.expect("bob: PIN of YubiKey");
    person.type_line("wrong-pi");
    person.expect("wrong PIN");
    person.expect("bob: PIN of YubiKey");
    person.type_line("");
    person.expect("waiting for the YubiKey of carol");
    person.eof();
    assert!(matches!(person.wait(), End::Code(3 | 4)), "{}", person.transcript());
    nothing_left(&person, &secrets);
}

#[test]
fn no_secret_is_in_memory_after_sigterm_at_a_prompt_or_in_the_window() {
    let vault = sealed("mem-term");
    let secrets = secrets(&vault);
    let mut person = open(&vault, &["--hold"]);
    person.trace_exit(&named(&secrets));
    vault.site.answer(&mut person, "alice");
    person.expect("bob: passphrase part (12 words): ");
    person.send_signal(Signal::SIGTERM);
    assert_eq!(person.wait(), End::Code(143), "{}", person.transcript());
    nothing_left(&person, &secrets);

    let mut person = vault.open("5m").hold().start();
    person.trace_exit(&named(&secrets));
    vault.site.quorum(&mut person, 2);
    person.expect("left");
    person.send_signal(Signal::SIGTERM);
    assert_eq!(person.wait(), End::Code(143), "{}", person.transcript());
    nothing_left(&person, &secrets);
}

#[test]
fn during_the_window_the_openers_and_the_quorums_secrets_are_not_in_memory() {
    let vault = sealed("mem-window");
    let secrets = secrets(&vault);
    let mut person = open(&vault, &["--hold"]);
    vault.site.quorum(&mut person, 2);
    person.expect("left");
    // A search can miss data if the heap changes during the search. If the search misses the control, it is repeated.
    let look = || search_now(person.pid(), &named(&secrets)).unwrap();
    let finding = (0..5).map(|_| look()).find(|f| f.found("closer's secret")).unwrap_or_else(look);
    assert!(finding.found("closer's secret"), "the control: the closer's secret should still be in memory");
    let is_gone = |name: &str| {
        name != "closer's secret" && name != "emergency's secret" && !name.starts_with("the alerts'")
    };
    report("while the window is open, control found", &finding, &secrets, |hit| {
        hit.name != "control" && is_gone(&hit.name)
    });
    for (name, _) in &secrets {
        if is_gone(name) {
            let left: Vec<_> =
                finding.hits.iter().filter(|hit| hit.name == *name && is_significant(hit)).collect();
            assert!(left.is_empty(), "{name} should not be in memory while the window is open: {left:#?}");
        }
    }
    person.type_raw(b"q");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
}

#[test]
fn no_secret_is_in_memory_after_sealing() {
    let vault = sealed("mem-seal");
    let payload = std::fs::read(vault.site.path("payload.json")).unwrap();
    let is_sealed = |name: &str| name.contains("secret") || name.starts_with("the alerts'");
    let secrets: Vec<_> = secrets(&vault).into_iter().filter(|(name, _)| is_sealed(name)).collect();
    let files: Vec<_> = vault.site.custodians.iter().map(|c| c.file.display().to_string()).collect();
    let mut arguments =
        vec!["seal", "--threshold", "2", "--label", "prod", "--out", "other.age", "--yes-fingerprints"];
    arguments.push(rig::site::ALLOWED);
    for file in &files {
        arguments.extend(["--custodian", file]);
    }
    let mut person = vault.site.person_fed(&arguments, &payload);
    person.trace_exit(&named(&secrets));
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    nothing_left(&person, &secrets);
}

/// In the lane `static`, the program wipes the credentials that assume the role as soon as it has the role's session.
#[test]
fn in_the_lane_static_the_key_and_the_totp_seed_are_wiped_before_the_window_opens() {
    let mut standby = None;
    let fixture = Fixture::new(PROGRAM, "mem-static", &["alice", "bob"]);
    let vault = fixture
        .payload(|account| account.standby_payload(standby.insert(account.standby()), "1h"))
        .all_plugged();
    let standby = standby.expect("the payload should have a standby role");
    let seed = totp_rs::Secret::Encoded(standby.mfa.seed.clone())
        .to_bytes()
        .expect("the seed should be base32 text");
    let secrets = [
        ("the user's secret".to_owned(), standby.key.secret.clone().into_bytes()),
        ("the seed".to_owned(), standby.mfa.seed.clone().into_bytes()),
        ("the seed's bytes".to_owned(), seed),
    ];
    let mut person = vault.open("20m").run(&["sleep", "300"]).start();
    person.trace_exit(&named(&secrets));
    vault.site.quorum(&mut person, 2);
    person.expect("gate: open");
    let finding = search_now(person.pid(), &named(&secrets)).unwrap();
    assert!(finding.found("control"));
    report("while the window is open, control found", &finding, &secrets, |hit| hit.name != "control");
    let left: Vec<_> = finding.hits.iter().filter(|hit| hit.name != "control").collect();
    assert!(
        left.is_empty(),
        "the role's credentials should not be in memory while the window is open: {left:#?}"
    );
    person.send_signal(Signal::SIGTERM);
    assert_eq!(person.wait(), End::Code(10), "{}", person.transcript());
    nothing_left(&person, &secrets);
}
