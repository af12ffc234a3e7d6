//! Tests that age-plugin-yubikey creates an identity on the virtual token, and that age decrypts a file with this
//! identity.
//!
//! The variable `AGE_PLUGIN_YUBIKEY` contains the plugin's path. If the variable is not set, the test searches for
//! the plugin in `PATH` and `~/.cargo/bin` (`cargo install age-plugin-yubikey --version 0.5.1 --locked`). The program
//! `age` comes from Debian.

use rig::pcscd::Pcscd;
use rig::pty::{End, Input, Output, Person, Streams};
use rig::token::{FACTORY_PIN, FACTORY_PUK, Management, ManagementKey, PinPolicy, Spec, Token, TouchPolicy};
use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

fn plugin() -> PathBuf {
    const NAME: &str = "age-plugin-yubikey";
    let named = std::env::var_os("AGE_PLUGIN_YUBIKEY").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo/bin"));
    let mut places = std::env::split_paths(&path).chain(home).map(|place| place.join(NAME));
    let found = named.or_else(|| places.find(|place| place.is_file()));
    found.unwrap_or_else(|| panic!("{NAME} is not installed: cargo install {NAME} --version 0.5.1 --locked"))
}

/// Returns a command with environment variables that lead to the plugin and to the daemon.
fn command(program: impl Into<PathBuf>, pcscd: &Pcscd) -> Command {
    let plugin = plugin();
    let old = std::env::var_os("PATH").unwrap_or_default();
    let places = plugin.parent().map(PathBuf::from).into_iter().chain(std::env::split_paths(&old));
    let path = std::env::join_paths(places).expect("no path should contain a colon");
    let mut command = Command::new(program.into());
    command.env("PATH", path).env("PCSCLITE_CSOCK_NAME", pcscd.socket());
    command
}

#[test]
fn age_plugin_yubikey_generates_an_identity_and_decrypts() {
    // age-plugin-yubikey does not support AES management keys. On a token with firmware 5.7, a user must first set a
    // 3DES management key.
    let old_key = Management::Custom(ManagementKey::factory((5, 4, 3)));
    for (serial, firmware) in [(50_000_001, (5, 4, 3)), (50_000_002, (5, 7, 2))] {
        let spec = Spec { firmware, management: old_key.clone(), pin: "654321".into(), ..Spec::new(serial) };
        let token = Token::new(spec);
        let pcscd = Pcscd::with(&[&token]);
        let file = |name| pcscd.socket().with_file_name(name);

        let mut generate = command(plugin(), &pcscd);
        generate.args(["--generate", "--slot", "1", "--pin-policy", "once", "--touch-policy", "always"]);
        let streams = Streams { stdout: Output::Captured, ..Streams::default() };
        let mut person = Person::run_with(generate, streams);
        person.expect("Enter PIN");
        person.type_hidden("654321");
        person.expect("PIN-protected management key");
        assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
        let identity = String::from_utf8(person.captured()).expect("the identity should be text");
        let recipient = identity.split_whitespace().find(|word| word.starts_with("age1yubikey1"));
        let recipient = recipient.expect("the identity should name its recipient");
        assert_eq!(token.policies(0x82), Some((PinPolicy::Once, TouchPolicy::Always)));
        std::fs::write(file("identity"), &identity).expect("the identity should be written");

        std::fs::write(file("plain"), "two people").expect("the file should be written");
        let mut encrypt = command("age", &pcscd);
        encrypt.args(["-r", recipient, "-o"]).arg(file("sealed")).arg(file("plain"));
        assert!(encrypt.status().expect("age should be installed").success());

        let mut decrypt = command("age", &pcscd);
        decrypt.args(["-d", "-i"]).arg(file("identity"));
        let stdin = Input::File(File::open(file("sealed")).expect("the sealed file should exist"));
        let streams = Streams { stdin, stdout: Output::Captured, ..Streams::default() };
        let mut person = Person::run_with(decrypt, streams);
        person.expect("Enter PIN");
        person.type_hidden("654321");
        assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
        assert_eq!(person.captured(), b"two people");
        assert_eq!(token.counters().agreements, 1);
    }
}

#[test]
fn age_plugin_yubikey_changes_a_factory_pin_and_a_factory_puk() {
    let token = Token::new(Spec::new(50_000_003));
    let pcscd = Pcscd::with(&[&token]);
    let mut generate = command(plugin(), &pcscd);
    generate.args(["--generate", "--slot", "20", "--pin-policy", "never", "--touch-policy", "never"]);
    let mut person = Person::run(generate);
    person.expect("Enter PIN");
    person.type_hidden(FACTORY_PIN);
    person.expect("default PIN");
    person.expect("Enter current PUK");
    person.type_hidden(FACTORY_PUK);
    person.expect("Choose a new PIN");
    person.type_hidden("246810");
    person.expect("Repeat");
    person.type_hidden("246810");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(token.has_pin("246810") && token.has_puk("246810"), "{}", person.transcript());
    assert_eq!(token.policies(0x95), Some((PinPolicy::Never, TouchPolicy::Never)));
}
