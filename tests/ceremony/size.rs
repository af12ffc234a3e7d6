//! Measures how large a vault can be, and how long the program takes to read it. The tests print the
//! figures.

use std::process::Command;
use std::time::{Duration, Instant};

use breakglass::vault::file::{self, Vault};
use breakglass::vault::manifest;
use serde_json::Value;

use crate::PROGRAM;
use crate::soft::forge::Recipe;
use crate::soft::{figure, people};

/// Replaces the target by `count` copies. Each copy has a different name and different access key ids.
fn targets(sealed: &mut Value, count: usize) {
    let targets = sealed["targets"].as_array_mut().unwrap();
    let one = targets[0].clone();
    *targets = (0..count)
        .map(|number| {
            let mut target = one.clone();
            target["name"] = format!("production-account-{number:03}").into();
            for (key, letter) in [("opener", 'O'), ("closer", 'C'), ("emergency", 'E')] {
                target[key]["access_key_id"] = format!("AKIAEXAMPLE{letter}{number:08}").into();
            }
            target
        })
        .collect();
}

fn median(runs: usize, mut run: impl FnMut()) -> Duration {
    let mut times: Vec<_> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[runs / 2]
}

#[test]
fn a_vault_of_sixteen_custodians_and_a_hundred_targets_is_within_the_limit() {
    let recipe = Recipe {
        custodians: 16,
        threshold: 9,
        tokens: 3,
        credentials: |sealed| targets(sealed, 100),
        ..Recipe::default()
    };
    let made = recipe.make(&people(16, 3)).file;
    let parse = median(9, || drop(Vault::parse(&made).unwrap()));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large.age");
    std::fs::write(&path, &made).unwrap();
    let inspect = median(9, || {
        let shown = Command::new(PROGRAM).arg("inspect").arg(&path).output().expect("the program should run");
        assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    });
    figure(&format!(
        "16 custodians with 3 tokens, 100 targets: {} bytes; read in {parse:?}; `inspect` takes {inspect:?}",
        made.len()
    ));
    assert!(made.len() <= file::MAX_BYTES);
}

#[test]
fn a_vault_of_every_maximum_number_is_within_the_limits() {
    let recipe = Recipe {
        custodians: 16,
        threshold: 9,
        tokens: manifest::MAX_TOKENS,
        credentials: |sealed| targets(sealed, manifest::MAX_TARGETS),
        ..Recipe::default()
    };
    let made = recipe.make(&people(16, manifest::MAX_TOKENS)).file;
    let manifest = Vault::parse(&made).unwrap().manifest.to_bytes().len();
    figure(&format!(
        "16 custodians with 8 tokens, 256 targets: {} bytes; the manifest has {manifest} bytes",
        made.len()
    ));
    assert!(manifest <= manifest::MAX_BYTES, "{manifest}");
    assert!(file::armor(&made).len() <= file::MAX_BYTES);
}
