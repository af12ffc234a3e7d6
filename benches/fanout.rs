//! Compares the duration of an alert to six channels with the duration of an alert to only the slowest channel.

use std::hint::black_box;
use std::time::Duration;

use breakglass::alert::{Alerts, Notice};
use breakglass::ledger::VaultFacts;
use breakglass::vault::payload::Channel;
use breakglass::vault::target::TargetId;
use criterion::{Criterion, criterion_group, criterion_main};
use rig::measured;
use rig::receiver::{Manner, Receiver};

/// The response time of each receiver, in milliseconds.
const TIMES: [u64; 6] = [50, 80, 110, 140, 170, 200];

fn alerts(times: &[u64]) -> Alerts {
    let channel = |&time: &u64| {
        let receiver = Receiver::start(Manner::Slow(Duration::from_millis(time)));
        serde_json::from_value::<Channel>(receiver.channel(&format!("after-{time}")))
            .expect("the receiver's JSON should be a valid channel")
    };
    let config = aws_config::SdkConfig::builder().build();
    Alerts::new(times.iter().map(channel).collect(), Vec::new(), Vec::new(), config)
}

fn notice() -> Notice {
    let vault = VaultFacts {
        path: "prod.age".into(),
        vault_id: "ab".repeat(16),
        label: "prod".into(),
        epoch: 1,
        credentials_epoch: 1,
        sha256: [0; 32],
    };
    let text = |text: &str| text.to_owned();
    let target = TargetId {
        name: text("prod"),
        partition: text("aws"),
        account: text("111122223333"),
        user: text("emergency"),
    };
    Notice::of(&vault, &target)
}

fn fanout(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the tokio runtime should start");
    let mut group = criterion.benchmark_group(measured::ALERTS);
    group.sample_size(20).measurement_time(Duration::from_secs(10));
    for (name, times) in [(measured::SLOWEST, &TIMES[5..]), (measured::ALL_SIX, &TIMES[..])] {
        let (alerts, notice) = (alerts(times), notice());
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                runtime.block_on(async {
                    let mut answers = alerts.send(&notice);
                    while let Some(answer) = answers.next().await {
                        assert!(answer.outcome.is_ok(), "{answer:?}");
                        black_box(answer);
                    }
                });
            });
        });
    }
    group.finish();
}

criterion_group!(benches, fanout);
criterion_main!(benches);
