//! Third-party mail servers on loopback. Each server writes each accepted mail to a file in a directory.

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::aws::python;
use crate::site::write_program;

/// A running mail server. Dropping this value stops the server.
pub struct MailServer {
    /// The directory of the server's mails and certificates.
    dir: TempDir,
    child: Child,
    port: u16,
    /// The value of the field `tls` in a channel for this server.
    tls: &'static str,
}

impl MailServer {
    /// Starts Debian's msmtpd, which uses neither TLS nor a login.
    ///
    /// # Panics
    ///
    /// Panics if the server does not start.
    pub fn plain() -> Self {
        let dir = TempDir::new().expect("a temporary directory should be created");
        let keep = dir.path().join("keep");
        let script = format!("#!/bin/sh\ncat > \"$(mktemp {}/mail-XXXXXX)\"\n", dir.path().display());
        write_program(&keep, &script);
        let (child, port) = (0..5).find_map(|_| msmtpd(&keep)).expect("msmtpd should find a free port");
        Self { dir, child, port, tls: "none" }
    }

    /// Starts aiosmtpd, which accepts mail only with STARTTLS and a login.
    pub fn starttls() -> Self {
        Self::under("starttls")
    }

    /// Starts aiosmtpd with TLS from the first byte and a login.
    pub fn implicit() -> Self {
        Self::under("implicit")
    }

    fn under(tls: &'static str) -> Self {
        let dir = TempDir::new().expect("a temporary directory should be created");
        certificates(dir.path());
        let file = |name: &str| dir.path().join(name);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("mail/server.py");
        let mut child = Command::new(python())
            .arg(script)
            .args([file("server.pem"), file("server.key"), dir.path().to_owned()])
            .arg(tls)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the rig's Python should run");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("the server's output should be a pipe"))
            .read_line(&mut line)
            .expect("the server should print its port");
        let port = line.trim().parse().expect("the server should print a port number");
        Self { dir, child, port, tls }
    }

    /// Returns the environment variable that makes a program trust the server's certificate.
    pub fn env(&self) -> (&'static str, PathBuf) {
        ("SSL_CERT_FILE", self.dir.path().join("ca.pem"))
    }

    /// Returns a channel to the server, for a payload.
    pub fn channel(&self, name: &str) -> Value {
        let mut channel = json!({"name": name, "kind": "smtp", "host": "localhost", "port": self.port,
            "from": "breakglass@example.org", "to": ["oncall@example.org", "security@example.org"]});
        channel["tls"] = self.tls.into();
        if self.tls != "none" {
            channel["username"] = "pager".into();
            channel["password"] = "mail-password".into();
        }
        channel
    }

    /// Returns the mails that the server accepted.
    pub fn mails(&self) -> Vec<String> {
        let files =
            std::fs::read_dir(self.dir.path()).expect("the server's directory should be readable").flatten();
        let mails = files.filter(|file| file.file_name().to_string_lossy().starts_with("mail-"));
        mails
            .map(|file| std::fs::read_to_string(file.path()).expect("each mail should be readable"))
            .collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts msmtpd on a free port. Returns `None` if another process took the port first.
fn msmtpd(keep: &Path) -> Option<(Child, u16)> {
    let port = free_port();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/rig/tools/msmtp/usr/bin/msmtpd");
    let mut child = Command::new(program)
        .args([format!("--port={port}"), "--interface=127.0.0.1".into()])
        .arg(format!("--command={} %F", keep.display()))
        .stdin(Stdio::null())
        .spawn()
        .expect("msmtpd should run: run scripts/setup --tests");
    let begun = Instant::now();
    loop {
        std::thread::sleep(Duration::from_millis(20));
        if child.try_wait().expect("msmtpd should be a child of this process").is_some() {
            return None;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some((child, port));
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "msmtpd should listen within 20 seconds");
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("this machine should have a free port");
    listener.local_addr().expect("the listener should have an address").port()
}

/// Creates a CA and a server certificate for `localhost`.
fn certificates(dir: &Path) {
    let script = "set -e
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=rig' -keyout ca.key -out ca.pem
        openssl req -newkey rsa:2048 -nodes -subj '/CN=localhost' -keyout server.key -out server.csr
        printf 'subjectAltName=DNS:localhost\\nbasicConstraints=CA:FALSE\\n' > server.ext
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext \
            -out server.pem";
    let made = Command::new("sh").args(["-c", script]).current_dir(dir).output().expect("openssl should run");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
