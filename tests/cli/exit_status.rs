//! Tests every exit status that docs/reference/exit-codes.md lists.

use rig::aws::Drift;
use rig::fixture::SealedVault;
use rig::pty::{End, Person, Signal};

use crate::two_of_two;

fn ends(mut person: Person, status: i32) {
    assert_eq!(person.wait(), End::Code(status), "{}", person.transcript());
}

#[test]
fn the_documented_table_lists_exactly_the_tested_exit_statuses() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/exit-codes.md");
    let page = std::fs::read_to_string(page).unwrap();
    let table = page
        .split("| exit status | meaning |")
        .nth(1)
        .expect("the page should have the table of exit statuses");
    let rows = table.lines().skip(2).map_while(|line| line.strip_prefix("| "));
    let statuses: Vec<_> = rows.map(|row| row.split(" |").next().unwrap_or_default()).collect();
    assert_eq!(statuses, ["0", "1", "2", "3", "4", "5", "6", "10", "128+n"]);
}

/// Runs an opening to its end, and checks that the program showed no prompt.
fn before_custodians_are_asked(vault: &SealedVault) -> Person {
    let mut person = vault.open("5m").hold().start();
    person.wait();
    assert!(!person.transcript().contains("passphrase part"), "{}", person.transcript());
    person
}

#[test]
fn exit_status_0_means_success() {
    let vault = two_of_two("status-0").all_plugged();
    ends(vault.open("5m").run(&["true"]).by_quorum(), 0);
}

#[test]
fn exit_status_1_means_any_other_failure() {
    let vault = two_of_two("status-1").all_plugged();
    // The path of the ledger's directory is a file, so the program cannot write a ledger.
    std::fs::write(vault.site.path("state"), "no directory").unwrap();
    ends(before_custodians_are_asked(&vault), 1);
    assert!(vault.account.journal().is_empty(), "AWS should not be called");
}

#[test]
fn the_exit_status_of_open_depends_on_the_command() {
    let vault = two_of_two("status-command").all_plugged();
    let table: [(&str, &[&str], i32, &str); 6] = [
        ("exit 0", &[], 0, "5 min; the command ended"),
        ("exit 3", &[], 1, "the command ended with exit status 3; access is proven closed"),
        ("exit 3", &["--pass-status"], 3, "the command ended with exit status 3; access is proven closed"),
        ("exit 10", &["--pass-status"], 1, "the command ended with exit status 10"),
        ("kill -TERM $$", &["--pass-status"], 143, "signal 15 ended the command"),
        ("kill -TERM $$", &[], 1, "signal 15 ended the command"),
    ];
    for (script, more, status, says) in table {
        let mut person = vault.open("5m").again("more").args(more).run(&["sh", "-c", script]).by_quorum();
        assert_eq!(person.wait(), End::Code(status), "{script} {more:?}: {}", person.transcript());
        let said = person.transcript();
        assert!(said.contains(says), "{said}");
        assert!(vault.is_closed());
    }
    let mut person = vault.open("8s").again("more").run(&["sleep", "300"]).by_quorum();
    assert_eq!(person.wait(), End::Code(1), "{}", person.transcript());
    let said = person.transcript();
    assert!(said.contains("of 8 s; time was up"), "{said}");
    assert!(
        said.contains("the command was ended, because the window ended; access is proven closed"),
        "{said}"
    );
}

/// A file system of 64 KiB that is mounted until the value is dropped.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn at(path: std::path::PathBuf) -> Self {
        std::fs::create_dir_all(&path).unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(&path)
            .status()
            .unwrap();
        assert!(mounted.success(), "the small file system should be mounted");
        Self(path)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn the_program_notices_a_full_disk_before_it_asks_custodians() {
    let vault = two_of_two("status-full").all_plugged();
    let _disk = SmallDisk::at(vault.site.path("state"));
    let person = before_custodians_are_asked(&vault);
    let said = person.transcript();
    assert!(said.contains("No space left on device") && said.contains("next: free some space"), "{said}");
    ends(person, 1);
    assert!(vault.account.journal().is_empty(), "AWS should not be called");
    let left: Vec<_> = std::fs::read_dir(vault.site.path("state")).unwrap().collect();
    assert!(left.is_empty(), "no temporary file should be left: {left:?}");
}

#[test]
fn exit_status_2_means_a_wrong_command_line() {
    let vault = two_of_two("status-2").all_plugged();
    for wrong in [&["open"][..], &["open", "prod.age", "--for", "9h", "--reason", "x"], &["nonsense"]] {
        assert_eq!(vault.site.command(wrong).output().unwrap().status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn exit_status_3_means_no_quorum() {
    let vault = two_of_two("status-3").all_plugged();
    vault.site.pull("bob");
    let mut person = vault.open("5m").reason("x").hold().start();
    vault.site.answer(&mut person, "alice");
    person.expect("waiting for");
    person.eof();
    ends(person, 3);
}

#[test]
fn exit_status_4_means_no_quorum_because_of_a_token() {
    let vault = two_of_two("status-4").all_plugged();
    vault.site.custodian("alice").token.block_pin();
    let person = &mut vault.open("5m").hold().start();
    assert_eq!(vault.site.answer_all(person), End::Code(4), "{}", person.transcript());
}

#[test]
fn exit_status_5_means_that_aws_refused_and_nothing_was_enabled() {
    let vault = two_of_two("status-5").all_plugged();
    vault.account.drift(Drift::Group);
    ends(vault.open("5m").hold().by_quorum(), 5);
    assert!(vault.is_closed());
}

#[test]
fn exit_status_6_means_a_damaged_vault_or_ledger() {
    let vault = two_of_two("status-6").all_plugged();
    let mut file = std::fs::read(vault.site.path("prod.age")).unwrap();
    file.truncate(file.len() - 1);
    std::fs::write(vault.site.path("cut.age"), file).unwrap();
    let inspected = vault.site.command(&["inspect", "cut.age"]).output().unwrap();
    assert_eq!(inspected.status.code(), Some(6));

    ends(vault.open("5m").run(&["true"]).by_quorum(), 0);
    let ledger = vault.site.path("state/ledger.jsonl");
    let text = std::fs::read_to_string(&ledger).unwrap();
    std::fs::write(&ledger, text.replacen("INC-1", "INC-2", 1)).unwrap();
    ends(before_custodians_are_asked(&vault), 6);
    assert_eq!(vault.site.command(&["status"]).output().unwrap().status.code(), Some(6));
    assert!(vault.is_closed());
}

#[test]
fn exit_status_10_means_that_access_may_still_be_open() {
    let vault = two_of_two("status-10").all_plugged();
    let now = vault.account.now();
    vault.account.put_window("Sfeedfacefeedface", now - 60, now + 600);
    let person = vault.close(&[]);
    ends(person, 10);
    assert!(vault.is_open());
}

#[test]
fn a_signal_closes_access_and_exits_with_128_plus_n() {
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM] {
        let vault = two_of_two("status-128").all_plugged();
        let person = vault.open("5m").hold().until_open();
        person.send_signal(signal);
        ends(person, 128 + signal as i32);
        assert!(vault.is_closed() && vault.account.rest().at_rest());
    }
}
