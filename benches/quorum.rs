//! Measures the functions of an opening that need no card, no network and no person.

use std::hint::black_box;

use age::{Identity as _, Recipient as _};
use age_core::format::FileKey;
use breakglass::custody::part::{Part, TypedWords};
use breakglass::secret::Secret;
use breakglass::vault::hpke;
use breakglass::vault::hybrid::Wrapped;
use breakglass::vault::quorum::{self, Threshold};
use breakglass::vault::share::P256TAG;
use criterion::{Criterion, criterion_group, criterion_main};
use rig::measured;

fn words(c: &mut Criterion) {
    let mut group = c.benchmark_group(measured::QUORUM);
    let part = Part::generate();
    let sheet = part.words().collect::<Vec<_>>().join(" ");
    group.bench_function(measured::WORDS, |b| {
        b.iter(|| {
            let mut typed = TypedWords::default();
            typed.add(black_box(&sheet)).unwrap();
            typed.part().unwrap()
        });
    });
    group.bench_function(measured::IDENTITY, |b| {
        b.iter(|| part.identity(black_box(&[7; 16])));
    });
}

fn shares(c: &mut Criterion) {
    let mut group = c.benchmark_group(measured::QUORUM);
    let key = Secret::random();
    let threshold = Threshold::try_from(2).unwrap();
    let shares = quorum::split(&key, threshold, 3);
    group.bench_function(measured::SPLIT, |b| b.iter(|| quorum::split(black_box(&key), threshold, 3)));
    group.bench_function(measured::COMBINE, |b| {
        b.iter(|| quorum::combine(black_box(&[&shares[0], &shares[2]])));
    });
    let ecdh = Secret::<32>::random();
    let (enc, recipient) = ([4; 65], [4; 65]);
    group.bench_function(measured::HPKE, |b| {
        b.iter(|| hpke::open(black_box(&ecdh), &enc, &recipient, P256TAG.as_bytes(), &[0; 32]));
    });
}

/// Measures the unwrapping of the half of a share that is wrapped to a custodian's part. For comparison, the age crate
/// unwraps an X25519 stanza.
fn part_half(c: &mut Criterion) {
    let mut group = c.benchmark_group(measured::QUORUM);
    let identity = Part::generate().identity(&[7; 16]);
    let stanza = identity.to_public().wrap(&Secret::random());
    let wrapped = Wrapped::parse(&stanza).unwrap();
    group.bench_function(measured::PUBLIC_KEY, |b| b.iter(|| black_box(&identity).to_public().to_string()));
    group.bench_function(measured::UNWRAP, |b| b.iter(|| identity.unwrap(black_box(&wrapped))));
    let identity = age::x25519::Identity::generate();
    let file_key = FileKey::new(Box::new([1; 16]));
    let (stanzas, _) = identity.to_public().wrap_file_key(&file_key).unwrap();
    group.bench_function(measured::AGE_UNWRAP, |b| {
        b.iter(|| identity.unwrap_stanza(black_box(&stanzas[0])).unwrap().is_ok());
    });
}

criterion_group!(benches, words, shares, part_half);
criterion_main!(benches);
