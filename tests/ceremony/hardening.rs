//! Tests the protection of the process. The process writes no core file, other processes of the same user cannot read
//! its memory, and its secrets are in locked pages. If memory cannot be locked, the program does not run.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use rig::pty::{End, Person};
use rig::site::{Site, tempdir};
use tempfile::TempDir;

use crate::PROGRAM;

/// The user id of `nobody`. The tests do not run the program as root, because root is allowed to read every process.
const NOBODY: &str = "65534";

/// Copies the program to a directory where the user `nobody` can run it.
fn elsewhere() -> (TempDir, PathBuf) {
    let dir = tempdir();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let program = dir.path().join("breakglass");
    // The copy is made by another process, `cp`, for the reason given at `write_program`.
    assert!(Command::new("cp").args([PROGRAM, program.to_str().unwrap()]).status().unwrap().success());
    (dir, program)
}

fn as_nobody(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid",
        NOBODY,
        "--regid",
        NOBODY,
        "--clear-groups",
        "--inh-caps=-all",
        "--bounding-set=-all",
    ]);
    command.arg(program);
    command
}

/// Returns whether another process of the same user can read the environment of `pid`.
fn readable(pid: u32) -> bool {
    as_nobody("cat").arg(format!("/proc/{pid}/environ")).output().unwrap().status.success()
}

#[test]
fn other_processes_of_the_same_user_cannot_read_the_program_and_it_leaves_no_core() {
    let (dir, program) = elsewhere();
    let site = Site::new(&program, &["alice"]);
    let mut command = as_nobody(program.to_str().unwrap());
    command.args(["enrol", "alice", "--out", "a.custodian", "--no-attestation", "--wait", "30s"]);
    command.current_dir(dir.path()).env("PCSCLITE_CSOCK_NAME", site.pcscd.socket());
    let mut person = Person::run(command);
    person.expect("plug in your YubiKey");
    let pid = person.pid();
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    assert!(
        !readable(pid),
        "another process of the same user should not be able to read the program's environment"
    );
    let mut control = as_nobody("sleep").arg("30").spawn().unwrap();
    while std::fs::read_to_string(format!("/proc/{}/comm", control.id())).is_ok_and(|name| name != "sleep\n")
    {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(readable(control.id()), "the control: an ordinary process should be readable");
    control.kill().unwrap();
    control.wait().unwrap();
    person.type_raw(b"\x03");
    assert_eq!(person.wait(), End::Code(130), "{}", person.transcript());
}

#[test]
fn without_locked_memory_the_program_stops_before_it_asks_for_a_secret() {
    let (dir, program) = elsewhere();
    let program = program.to_str().unwrap();
    let arguments = ["--memlock=65536", program, "enrol", "a", "--out", "a.custodian", "--no-attestation"];
    let refused = as_nobody("prlimit").args(arguments).current_dir(dir.path()).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot lock memory") && said.contains("ulimit -l"), "{said}");
}

#[test]
fn secrets_are_in_pages_that_are_locked_and_excluded_from_core_dumps() {
    let mut site = Site::new(PROGRAM, &["alice"]);
    site.plug("alice");
    let pin = std::mem::take(&mut site.custodians[0].pin);
    let mut person =
        Person::run(site.offline(&["enrol", "alice", "--out", "a.custodian", "--no-attestation"]));
    person.expect("alice: PIN of YubiKey");
    person.type_line(&pin);
    person.expect("press Enter");
    let maps = std::fs::read_to_string(format!("/proc/{}/smaps", person.pid())).unwrap();
    let locked = |line: &&str| line.starts_with("VmFlags:") && line.contains(" lo") && line.contains(" dd");
    assert!(maps.lines().any(|line| locked(&line)), "the part on the sheet should be in locked pages");
}
