//! Tests that private daemons run in parallel, serve every client that knows the socket, and end with their test.

use rig::pcscd::Pcscd;
use rig::token::{PinPolicy, Spec, Token, Touch, TouchPolicy};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Returns the status that yubico-piv-tool shows for the token in a reader. Returns `None` if there is no token.
fn status(mut client: Command, pcscd: &Pcscd, reader: usize) -> Option<String> {
    client.args(["yubico-piv-tool", "-astatus", "-r", pcscd.reader(reader)]);
    let output = client
        .env("PCSCLITE_CSOCK_NAME", pcscd.socket())
        .output()
        .expect("yubico-piv-tool should be installed");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn serial(pcscd: &Pcscd, reader: usize) -> Option<u32> {
    let status = status(Command::new("env"), pcscd, reader)?;
    status.lines().find_map(|line| line.strip_prefix("Serial Number:")?.trim().parse().ok())
}

#[test]
fn several_daemons_do_not_see_each_other() {
    let started: Vec<_> = (0..6)
        .map(|i| {
            std::thread::spawn(move || {
                let tokens = [Token::new(Spec::new(60_000_000 + i)), Token::new(Spec::new(60_000_100 + i))];
                // The daemon must outlive the thread that started it.
                (i, Pcscd::with(&[&tokens[0], &tokens[1]]))
            })
        })
        .collect();
    for thread in started {
        let (i, pcscd) = thread.join().expect("the daemon should start");
        assert_eq!((serial(&pcscd, 0), serial(&pcscd, 1)), (Some(60_000_000 + i), Some(60_000_100 + i)));
    }
}

#[test]
fn tokens_can_be_exchanged_on_one_port() {
    let pcscd = Pcscd::start(5);
    for i in 60_000_200..60_000_203 {
        let token = Token::new(Spec::new(i));
        pcscd.insert(4, &token);
        assert_eq!(serial(&pcscd, 4), Some(i));
        pcscd.remove(4);
        assert!(!token.is_plugged());
        assert_eq!(serial(&pcscd, 4), None);
        pcscd.insert(0, &token);
        assert_eq!(serial(&pcscd, 0), Some(i));
        pcscd.remove(0);
    }
}

#[test]
fn a_token_is_pulled_out_while_it_blinks() {
    let touch = Touch::Never;
    let token = Token::new(Spec { touch, touch_timeout: Duration::from_mins(1), ..Spec::new(60_000_300) });
    token.generate(0x9e, PinPolicy::Never, TouchPolicy::Always);
    let pcscd = Pcscd::with(&[&token]);
    let certificate = pcscd.socket().with_file_name("certificate.der");
    // yubico-piv-tool needs a certificate for the key, and accepts any certificate.
    let attestation = token.attestation(0x9e).expect("a generated key should have an attestation");
    std::fs::write(&certificate, attestation).expect("the certificate should be written");
    let mut client = Command::new("yubico-piv-tool");
    client.args(["-atest-signature", "-s9e", "-KDER", "-i"]).arg(&certificate).stderr(Stdio::null());
    let mut client = client
        .env("PCSCLITE_CSOCK_NAME", pcscd.socket())
        .spawn()
        .expect("yubico-piv-tool should be installed");
    assert!(token.wait_blinking(Duration::from_secs(10)));
    let began = Instant::now();
    pcscd.remove(0);
    assert!(!client.wait().expect("yubico-piv-tool should end").success());
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(token.counters().signatures, 0);
}

#[test]
fn a_client_needs_neither_privileges_nor_a_network() {
    let token = Token::new(Spec::new(60_000_400));
    let pcscd = Pcscd::with(&[&token]);
    let mut unprivileged = Command::new("setpriv");
    unprivileged.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    assert!(status(unprivileged, &pcscd, 0).is_some_and(|status| status.contains("60000400")));
    let mut alone = Command::new("unshare");
    alone.arg("--net");
    assert!(status(alone, &pcscd, 0).is_some_and(|status| status.contains("60000400")));
}

/// Not a test. This function runs in the process that the next test kills.
#[test]
fn child() {
    if std::env::var_os("RIG_DAEMON_CHILD").is_some() {
        let pcscd = Pcscd::start(1);
        println!("socket {}", pcscd.socket().display());
        std::thread::sleep(Duration::from_mins(1));
    }
}

#[test]
fn a_daemon_ends_when_its_test_is_killed() {
    use std::io::{BufRead, BufReader};
    let mut child = Command::new(std::env::current_exe().expect("the test program should have a path"));
    child.args(["--exact", "child", "--nocapture"]).env("RIG_DAEMON_CHILD", "1").stdout(Stdio::piped());
    let mut child = child.spawn().expect("the child should start");
    let mut lines = BufReader::new(child.stdout.take().expect("the child's output should be a pipe"))
        .lines()
        .map_while(Result::ok);
    let socket = lines.find_map(|line| Some(line.split_once("socket ")?.1.to_owned()));
    let socket = socket.expect("the child should start a daemon");
    child.kill().expect("the child should still run");
    child.wait().expect("the child should end");
    let began = Instant::now();
    while std::os::unix::net::UnixStream::connect(&socket).is_ok() {
        assert!(began.elapsed() < Duration::from_secs(5), "the daemon should end after its test was killed");
        std::thread::sleep(Duration::from_millis(5));
    }
    let directory = std::path::Path::new(&socket)
        .ancestors()
        .nth(2)
        .expect("the socket should be in the daemon's private directory");
    // Another test might have removed the directory already.
    let _ = std::fs::remove_dir_all(directory);
}
