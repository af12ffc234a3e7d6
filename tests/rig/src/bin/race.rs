//! From the last custodian's touch to usable credentials: `open`, and beside it the pipeline that one would type
//! without it, `age -d` for two people and then the AWS CLI, on the same virtual tokens and the same emulator.
//!
//! `race PROGRAM [RUNS]`. The pauses of the probe, which wait for AWS to agree with itself, are taken out of ours;
//! the pipeline has none: it asks once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rig::aws::{Account, Aws, Creds, DENY_ALL, python};
use rig::office::Office;
use rig::pty::{End, Output, Person, Streams};
use rig::token::Touch;

const PATIENCE: Duration = Duration::from_mins(1);

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let program: PathBuf = arguments.next().expect("race PROGRAM [RUNS]").into();
    let runs: usize = arguments.next().map_or(5, |n| n.to_string_lossy().parse().expect("a number of runs"));
    let aws = Aws::start();
    let account = aws.seed("prod");
    let program = program.canonicalize().expect("the program is there");
    let office = Office::enrolled(program, &["alice", "bob", "carol"]).with_aws(&aws);
    office.seal(&account.payload(Account::grant(), "4h"), 2);
    office.plug("alice");
    office.plug("carol");
    let pipeline = Pipeline::prepare(&office, &account);
    office.custodian("carol").token.set_touch(Touch::Never);
    let mut taken: Vec<_> =
        (0..runs).map(|_| (ours(&office, &account), pipeline.run(&office, &account))).collect();
    let ours = figures(taken.iter().map(|(ours, _)| *ours).collect());
    let theirs = figures(taken.iter().map(|(_, theirs)| *theirs).collect());
    taken.sort_by(|a, b| {
        (a.0.as_secs_f64() / a.1.as_secs_f64()).total_cmp(&(b.0.as_secs_f64() / b.1.as_secs_f64()))
    });
    let (a, b) = taken[taken.len() / 2];
    println!("from the last touch to usable, min / median / max of {runs}, the probe's pauses taken out");
    println!("  breakglass open, 2 of 3            {ours}");
    println!("  age -d twice, then the AWS CLI     {theirs}");
    println!("  ratio of one pair, median          {:.3}", a.as_secs_f64() / b.as_secs_f64());
}

fn figures(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let millis = |time: Duration| time.as_secs_f64() * 1000.0;
    let (min, median, max) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    format!("{:.0} / {:.0} / {:.0} ms", millis(min), millis(median), millis(max))
}

/// Touches carol's token as soon as it asks; when that was.
fn touch(office: &Office) -> Instant {
    let token = &office.custodian("carol").token;
    assert!(token.wait_blinking(PATIENCE), "carol's token asks for a touch");
    let at = Instant::now();
    token.touch();
    at
}

fn ours(office: &Office, account: &Account) -> Duration {
    let seen = account.journal().len();
    let mut person = office.person(&[
        "open", "prod.age", "--for", "5m", "--reason", "measured", "--again", "more", "--", "sleep", "60",
    ]);
    office.answer(&mut person, "alice");
    let carol = office.custodian("carol");
    person.expect("carol: passphrase part (12 words): ");
    person.type_line(&carol.sheet());
    person.expect("carol: PIN of YubiKey");
    person.type_line(&carol.pin);
    let from = touch(office);
    person.expect_within(PATIENCE, "gate: open");
    let taken = from.elapsed();
    let settling = settling(account, seen);
    person.send_signal(rig::pty::Signal::SIGTERM);
    assert_eq!(person.wait(), End::Code(143), "{}", person.transcript());
    taken.saturating_sub(settling)
}

/// From the first to the last probe of each credential, by the emulator's own journal.
fn settling(account: &Account, seen: usize) -> Duration {
    let calls = account.journal();
    let probes: Vec<_> = calls[seen..].iter().filter(|call| call.action == "ListTopics").collect();
    let (key, session): (Vec<_>, Vec<_>) = probes.iter().partition(|call| call.key == account.emergency.key);
    let span = |probes: &[&&&rig::aws::Call]| match (probes.first(), probes.last()) {
        (Some(first), Some(last)) => Duration::from_secs_f64(last.time - first.time),
        _ => Duration::ZERO,
    };
    span(&key.iter().collect::<Vec<_>>()) + span(&session.iter().collect::<Vec<_>>())
}

/// What one would type instead: credentials encrypted to alice's token, and that to carol's.
struct Pipeline {
    script: PathBuf,
    plugin: PathBuf,
}

impl Pipeline {
    fn prepare(office: &Office, account: &Account) -> Self {
        let plugin: PathBuf =
            std::env::var_os("AGE_PLUGIN_YUBIKEY").expect("AGE_PLUGIN_YUBIKEY names the plugin").into();
        for name in ["alice", "carol"] {
            identity(office, &plugin, name);
        }
        let keys =
            [("opener", &account.opener), ("closer", &account.closer), ("emergency", &account.emergency)];
        let credentials: String = keys.iter().map(|(role, key)| assigned(role, key)).collect();
        std::fs::write(office.path("credentials"), credentials).expect("room for a file");
        encrypt(office, "alice", "credentials", "inner.age");
        encrypt(office, "carol", "inner.age", "outer.age");
        std::fs::write(office.path("gate.json"), gate(account)).expect("room for a file");
        let script = office.path("pipeline");
        std::fs::write(&script, text(account)).expect("room for a file");
        Self { script, plugin }
    }

    fn run(&self, office: &Office, account: &Account) -> Duration {
        let mut command = self.dressed(office, Command::new("bash"));
        command.arg(&self.script);
        let mut person = Person::run(command);
        let from = touch(office);
        person.expect_within(PATIENCE, "USABLE");
        let taken = from.elapsed();
        assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
        account.put_to_rest();
        taken
    }

    fn dressed(&self, office: &Office, mut command: Command) -> Command {
        let old = std::env::var_os("PATH").unwrap_or_default();
        let places = self.plugin.parent().map(PathBuf::from).into_iter().chain(std::env::split_paths(&old));
        command
            .current_dir(office.dir.path())
            .env("PATH", std::env::join_paths(places).expect("no colon in it"))
            .env("PCSCLITE_CSOCK_NAME", office.pcscd.socket())
            .envs(office_env(office));
        command
    }
}

/// What the office gives its commands.
fn office_env(office: &Office) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    let command = office.command(&[]);
    command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect()
}

/// A key as the shell reads it.
fn assigned(role: &str, key: &Creds) -> String {
    format!("{role}_id={}\n{role}_secret={}\n", key.key, key.secret)
}

/// An identity of age-plugin-yubikey in a slot of its own, without a PIN, with a touch each time.
fn identity(office: &Office, plugin: &Path, name: &str) {
    let custodian = office.custodian(name);
    let mut generate = Command::new(plugin);
    generate.args(["--generate", "--slot", "10", "--pin-policy", "never", "--touch-policy", "always"]);
    generate.args(["--serial", &custodian.token.serial().to_string()]);
    generate.env("PCSCLITE_CSOCK_NAME", office.pcscd.socket());
    let streams = Streams { stdout: Output::Captured, ..Streams::default() };
    let mut person = Person::run_with(generate, streams);
    person.expect("Enter PIN");
    person.type_hidden(&custodian.pin);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    std::fs::write(office.path(&format!("{name}.identity")), person.captured()).expect("room for a file");
}

fn encrypt(office: &Office, name: &str, plain: &str, sealed: &str) {
    let identity = std::fs::read_to_string(office.path(&format!("{name}.identity"))).expect("an identity");
    let recipient = identity.split_whitespace().find(|word| word.starts_with("age1yubikey1"));
    let recipient = recipient.expect("it names the recipient");
    let plugins = std::env::var_os("AGE_PLUGIN_YUBIKEY").map(PathBuf::from).expect("it is set");
    let path = format!("{}:/usr/bin:/bin", plugins.parent().expect("a directory").display());
    let done = Command::new("age")
        .current_dir(office.dir.path())
        .env("PATH", path)
        .args(["-r", recipient, "-o", sealed, plain])
        .status();
    assert!(done.expect("age is installed").success());
}

/// A gate like ours, whose times the script fills in.
fn gate(account: &Account) -> String {
    account.gate("S7f3a000000000001", 0, 4_102_444_799).to_string()
}

/// The calls that opening takes, once each, with the AWS CLI.
fn text(account: &Account) -> String {
    let (user, key, python) = (&account.user, &account.emergency.key, python().display().to_string());
    format!(
        r#"set -euo pipefail
eval "$(age -d -i carol.identity outer.age | age -d -i alice.identity)"
as() {{
    id=$1_id secret=$1_secret
    export AWS_ACCESS_KEY_ID=${{!id}} AWS_SECRET_ACCESS_KEY=${{!secret}}
}}
aws() {{ {python} -m awscli "$@" > /dev/null; }}
as opener
aws sts get-caller-identity
aws iam get-user --user-name {user}
aws iam list-attached-user-policies --user-name {user}
aws iam list-user-policies --user-name {user}
aws iam list-access-keys --user-name {user}
aws iam put-user-policy --user-name {user} --policy-name breakglass-gate --policy-document file://gate.json
aws iam get-user-policy --user-name {user} --policy-name breakglass-gate
as closer
aws iam update-access-key --user-name {user} --access-key-id {key} --status Active
as opener
aws iam detach-user-policy --user-name {user} --policy-arn {DENY_ALL}
as emergency
aws sns list-topics
aws sts get-session-token
aws sns list-topics
echo USABLE
"#
    )
}
