//! Measures three operations on a long ledger: verifying 100,000 records, appending a record, and creating the review
//! packet of one session among 25,000 sessions.

use std::hint::black_box;
use std::io::Write as _;

use breakglass::gate::SessionId;
use breakglass::ledger::{Chain, Ledger, Record};
use breakglass::review::{Packet, PacketSources, ReviewCommand};
use criterion::{Criterion, criterion_group, criterion_main};
use rig::measured;
use sha2::{Digest as _, Sha256};

const RECORDS: u64 = 100_000;

fn now() -> jiff::Timestamp {
    "2026-11-22T02:17:00Z".parse().expect("the text should be a timestamp")
}

/// Writes a ledger of [`RECORDS`] records. Every fourth record is an intent. The function does not call
/// `Ledger::append`, because an fsync for each record would take too long.
fn long() -> (tempfile::TempDir, Ledger) {
    let directory = tempfile::TempDir::new().expect("a temporary directory should be created");
    let ledger = Ledger::at(directory.path());
    let mut file = std::io::BufWriter::new(
        std::fs::File::create(ledger.path()).expect("the ledger file should be created"),
    );
    let mut prev = "0".repeat(64);
    for seq in 0..RECORDS {
        let line = if seq % 4 == 0 {
            let (target, hash) = (
                r#"{"account":"111122223333","name":"prod","partition":"aws","user":"emergency"}"#,
                "7".repeat(64),
            );
            format!(
                r#"{{"at":"2026-11-22T02:17:00Z","credentials_epoch":1,"epoch":1,"kind":"intent","lane":"gate","prev":"{prev}","principals":{{"closer":"AKIACLOSER","emergency":"AKIAEMERGENCY","opener":"AKIAOPENER"}},"reason":"INC-{seq}: SSO down","regions":["eu-west-1"],"seq":{seq},"session":"{seq:016x}","sha256":"{hash}","target":{target},"v":1,"vault":"v","window":1800}}"#
            )
        } else {
            format!(
                r#"{{"at":"2026-11-22T02:17:00Z","cause":"deadline","kind":"closed","prev":"{prev}","probed":true,"seq":{seq},"session":"{seq:016x}","v":1}}"#
            )
        };
        prev = hex::encode(Sha256::digest(&line));
        writeln!(file, "{line}").expect("the ledger should be writable");
    }
    file.flush().expect("the ledger should be writable");
    (directory, ledger)
}

fn benches(c: &mut Criterion) {
    let (_directory, ledger) = long();
    let bytes = std::fs::read(ledger.path()).expect("the ledger should be readable");
    println!("{} bytes at {}", bytes.len(), ledger.path().display());
    let mut group = c.benchmark_group(measured::LEDGER);
    group.sample_size(10);
    group.bench_function(measured::VERIFY, |b| {
        b.iter(|| assert_eq!(ledger.chain().expect("the chain should be valid").links.len() as u64, RECORDS));
    });
    group.bench_function(measured::SHA256, |b| b.iter(|| Sha256::digest(black_box(&bytes))));
    let chain = Chain::read(&bytes).expect("the chain should be valid");
    assert_eq!(chain.head(), ledger.head().expect("the ledger should have a head"));
    let record =
        Record::Closed { session: SessionId::from_bytes([7; 8]), probed: true, cause: "deadline".into() };
    group.bench_function(measured::APPEND, |b| {
        b.iter(|| ledger.append(now(), record.clone()).expect("the ledger should be writable"));
    });
    let entries = ledger.entries().expect("the chain should be valid");
    let session = SessionId::from_bytes([0; 8]);
    group.bench_function(measured::PACKET, |b| {
        b.iter(|| {
            let sources = PacketSources {
                entries: &entries,
                ledgers: Vec::new(),
                vault: None,
                trail: None,
                now: now(),
                command: ReviewCommand::default(),
            };
            Packet::of(session, sources).expect("the ledger should have the session")
        });
    });
    group.finish();
}

criterion_group!(ledger, benches);
criterion_main!(ledger);
