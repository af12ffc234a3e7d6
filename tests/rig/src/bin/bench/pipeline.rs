//! The alternative to the program: two nested `age -d`, one for each person, and then the AWS CLI.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use rig::aws::{Account, Creds, DENY_ALL, python};
use rig::pty::{End, Output, Person, Streams};
use rig::site::Site;
use rig::token::Touch;

use super::opening::Cost;
use super::{PATIENCE, cpu};

/// The alternative to the program. The credentials are in a file that is encrypted to alice's token, and then encrypted
/// again to carol's token.
pub(crate) struct Pipeline {
    script: PathBuf,
    plugin: PathBuf,
}

impl Pipeline {
    pub(crate) fn prepare(site: &Site, account: &Account) -> Self {
        let plugin: PathBuf =
            std::env::var_os("AGE_PLUGIN_YUBIKEY").expect("AGE_PLUGIN_YUBIKEY should be set").into();
        for name in ["alice", "carol"] {
            identity(site, &plugin, name);
        }
        let keys =
            [("opener", &account.opener), ("closer", &account.closer), ("emergency", &account.emergency)];
        let credentials: String = keys.iter().map(|(role, key)| assigned(role, key)).collect();
        std::fs::write(site.path("credentials"), credentials).expect("the file should be written");
        encrypt(site, "alice", "credentials", "inner.age");
        encrypt(site, "carol", "inner.age", "outer.age");
        std::fs::write(site.path("gate.json"), gate(account)).expect("the file should be written");
        let script = site.path("pipeline");
        std::fs::write(&script, text(account)).expect("the file should be written");
        Self { script, plugin }
    }

    /// Decrypts the credentials, and opens a window once.
    pub(crate) fn run(&self, site: &Site, account: &Account) -> Cost {
        let token = &site.custodian("carol").token;
        token.set_touch(Touch::Never);
        let before = cpu::of_children();
        let mut command = self.dressed(site, Command::new("bash"));
        command.arg(&self.script);
        let mut person = Person::run(command);
        assert!(token.wait_blinking(PATIENCE), "carol's token should wait for a touch");
        let touched = Instant::now();
        token.touch();
        person.expect_within(PATIENCE, "USABLE");
        let usable = touched.elapsed();
        assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
        account.put_to_rest();
        Cost {
            cpu: cpu::of_children().saturating_sub(before),
            usable,
            card: token.touch_took().unwrap_or_default(),
        }
    }

    fn dressed(&self, site: &Site, mut command: Command) -> Command {
        let old = std::env::var_os("PATH").unwrap_or_default();
        let places = self.plugin.parent().map(PathBuf::from).into_iter().chain(std::env::split_paths(&old));
        command
            .current_dir(site.dir.path())
            .env("PATH", std::env::join_paths(places).expect("no path should contain a colon"))
            .env("PCSCLITE_CSOCK_NAME", site.pcscd.socket())
            .envs(site_env(site));
        command
    }
}

/// Returns the environment in which the site runs its commands.
fn site_env(site: &Site) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    let command = site.command(&[]);
    command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect()
}

/// Returns a key as shell assignments.
fn assigned(role: &str, key: &Creds) -> String {
    format!("{role}_id={}\n{role}_secret={}\n", key.key, key.secret)
}

/// Creates an identity of age-plugin-yubikey in a separate slot. Each use of the identity needs a touch, but no PIN.
fn identity(site: &Site, plugin: &Path, name: &str) {
    let custodian = site.custodian(name);
    let mut generate = Command::new(plugin);
    generate.args(["--generate", "--slot", "10", "--pin-policy", "never", "--touch-policy", "always"]);
    generate.args(["--serial", &custodian.token.serial().to_string()]);
    generate.env("PCSCLITE_CSOCK_NAME", site.pcscd.socket());
    let streams = Streams { stdout: Output::Captured, ..Streams::default() };
    let mut person = Person::run_with(generate, streams);
    person.expect("Enter PIN");
    person.type_hidden(&custodian.pin);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    std::fs::write(site.path(&format!("{name}.identity")), person.captured())
        .expect("the file should be written");
}

fn encrypt(site: &Site, name: &str, plain: &str, sealed: &str) {
    let identity = std::fs::read_to_string(site.path(&format!("{name}.identity")))
        .expect("the identity file should be readable");
    let recipient = identity.split_whitespace().find(|word| word.starts_with("age1yubikey1"));
    let recipient = recipient.expect("the identity file should name the recipient");
    let plugins =
        std::env::var_os("AGE_PLUGIN_YUBIKEY").map(PathBuf::from).expect("AGE_PLUGIN_YUBIKEY should be set");
    let path = format!(
        "{}:/usr/bin:/bin",
        plugins.parent().expect("the plugin's path should have a directory").display()
    );
    let done = Command::new("age")
        .current_dir(site.dir.path())
        .env("PATH", path)
        .args(["-r", recipient, "-o", sealed, plain])
        .status();
    assert!(done.expect("age should be installed").success());
}

/// Returns a gate like the gate that the program writes.
fn gate(account: &Account) -> String {
    account.gate("S7f3a000000000001", 0, 4_102_444_799).to_string()
}

/// Returns a script that makes the calls of an opening, once each, with the AWS CLI.
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
