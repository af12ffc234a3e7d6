//! Measures the functions of an opening that run without a card, a network or a person.

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

fn words(c: &mut Criterion) {
    let part = Part::generate();
    let sheet = part.words().collect::<Vec<_>>().join(" ");
    c.bench_function("words to part", |b| {
        b.iter(|| {
            let mut typed = TypedWords::default();
            typed.add(black_box(&sheet)).unwrap();
            typed.part().unwrap()
        });
    });
    c.bench_function("part to identity (PBKDF2, 2048 rounds)", |b| {
        b.iter(|| part.identity(black_box(&[7; 16])));
    });
}

fn shares(c: &mut Criterion) {
    let key = Secret::random();
    let threshold = Threshold::try_from(2).unwrap();
    let shares = quorum::split(&key, threshold, 3);
    c.bench_function("split 2 of 3", |b| b.iter(|| quorum::split(black_box(&key), threshold, 3)));
    c.bench_function("combine 2", |b| b.iter(|| quorum::combine(black_box(&[&shares[0], &shares[2]]))));
    let ecdh = Secret::<32>::random();
    let (enc, recipient) = ([4; 65], [4; 65]);
    c.bench_function("HPKE open after the card's ECDH", |b| {
        b.iter(|| hpke::open(black_box(&ecdh), &enc, &recipient, P256TAG.as_bytes(), &[0; 32]));
    });
}

/// Measures how long it takes to unwrap the half of a share that is wrapped to a part. For comparison, the age crate
/// unwraps an X25519 stanza.
fn part_half(c: &mut Criterion) {
    let identity = Part::generate().identity(&[7; 16]);
    let stanza = identity.to_public().wrap(&Secret::random());
    let wrapped = Wrapped::parse(&stanza).unwrap();
    c.bench_function("public key of a part", |b| b.iter(|| black_box(&identity).to_public().to_string()));
    c.bench_function("unwrap a part's half (X-Wing)", |b| b.iter(|| identity.unwrap(black_box(&wrapped))));
    let identity = age::x25519::Identity::generate();
    let file_key = FileKey::new(Box::new([1; 16]));
    let (stanzas, _) = identity.to_public().wrap_file_key(&file_key).unwrap();
    c.bench_function("age: unwrap one X25519 stanza", |b| {
        b.iter(|| identity.unwrap_stanza(black_box(&stanzas[0])).unwrap().is_ok());
    });
}

criterion_group!(benches, words, shares, part_half);
criterion_main!(benches);
