//! Tests of `--console`. The program exchanges the AWS session for a sign-in token. The sign-in link appears only on
//! the terminal or in the browser.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rig::aws::{Account, Creds, Probe, python};
use rig::fixture::SealedVault;
use rig::pty::{End, Output, Person, Signal, Streams};
use rig::site::{Site, write_program};
use serde_json::{Value, json};

use crate::two_of_two;

const TOKEN: &str = "VCQgs5qZZt3Q6fn8Tr5EXAMPLEmLnwB7JjUc-SHwnUUWabcRdnWsi4DBn-dvC+EXAMPLE==";

/// A server that acts as AWS's sign-in service and keeps each request.
struct SignIn {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl SignIn {
    fn start(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = asked.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut line = String::new();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let _ = reader.read_line(&mut line);
                kept.lock().unwrap().push(line);
                let body = json!({"SigninToken": TOKEN}).to_string();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Self { address, asked }
    }

    /// Returns the session that the sign-in request contained.
    fn session(&self) -> Creds {
        let asked = self.asked.lock().unwrap();
        let line = asked.first().expect("the sign-in service should have received a request");
        assert!(line.starts_with("GET /federation?Action=getSigninToken&Session="), "{line}");
        let text = line.split("Session=").nth(1).unwrap().split(' ').next().unwrap();
        let session: Value =
            serde_json::from_slice(&decoded(text)).expect("the session in the request should be JSON");
        let text = |name: &str| {
            session[name].as_str().expect("each field of the session should be a string").to_owned()
        };
        Creds { key: text("sessionId"), secret: text("sessionKey"), token: Some(text("sessionToken")) }
    }
}

fn decoded(text: &str) -> Vec<u8> {
    let (mut out, bytes) = (Vec::new(), text.as_bytes());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            out.push(u8::from_str_radix(&text[at + 1..at + 3], 16).unwrap());
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}

fn sealed(account: &str, grant: Value) -> SealedVault {
    two_of_two(account).payload(|account| account.payload(grant, "1h")).all_plugged()
}

fn grant() -> Value {
    json!([{"Effect": "Allow", "Action": ["s3:*", "sts:GetFederationToken"], "Resource": "*"}])
}

fn command(site: &Site, sign_in: &SignIn, window: &str) -> Command {
    let mut command = site.command(&["open", "prod.age", "--for", window, "--reason", "INC-1", "--console"]);
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"] {
        command.env_remove(name);
    }
    command.env("AWS_ENDPOINT_URL_SIGNIN", &sign_in.address);
    command
}

#[test]
fn a_console_session_works_only_until_the_window_ends() {
    let vault = sealed("console", grant());
    let (site, account) = (&vault.site, &vault.account);
    let sign_in = SignIn::start("200 OK");
    let mut person = Person::run(command(site, &sign_in, "20m"));
    person.trace_exit(&[("token", TOKEN.as_bytes()), ("control", b"PCSCLITE_CSOCK_NAME=")]);
    site.quorum(&mut person, 2);
    let said = person.expect("left; q closes");
    let link = said.lines().find(|line| line.contains("Action=login")).expect("the link should be shown");
    assert!(link.starts_with(&sign_in.address), "{link}");
    assert!(link.contains("eu%2Dwest%2D1%2Econsole%2Eaws%2Eamazon%2Ecom"), "{link}");
    let token = link.split("SigninToken=").nth(1).expect("the link should contain a sign-in token");
    assert_eq!(decoded(token.trim()), TOKEN.as_bytes());

    let session = sign_in.session();
    assert!(matches!(account.probe(&session), Probe::Open));
    account.call(&session, "s3", "list_buckets", json!({})).expect("a granted call should work");
    let asked = account
        .journal()
        .into_iter()
        .find(|c| c.action == "GetFederationToken")
        .expect("AWS should have received a GetFederationToken call");
    let policy = asked.params["Policy"].as_str().expect("the call should have a session policy");
    assert!(policy.contains("aws:CurrentTime") && policy.contains("Late"), "{policy}");
    let seconds: i64 = asked.params["DurationSeconds"].as_str().unwrap().parse().unwrap();
    assert!((1_100..=1_200).contains(&seconds), "{seconds}");

    person.type_raw(b"q");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(
        person.finding().found("control") && !person.finding().found("token"),
        "the search should find the control in memory, and should not find the sign-in token"
    );
    assert!(matches!(account.probe(&session), Probe::Refused(_)), "AWSDenyAll should end the session");
    assert!(account.rest().at_rest());
}

#[test]
fn the_session_policy_ends_a_console_session_at_t1_without_a_close() {
    let vault = sealed("console-t1", grant());
    let (site, account) = (&vault.site, &vault.account);
    let sign_in = SignIn::start("200 OK");
    let mut person = Person::run(command(site, &sign_in, "5m"));
    site.quorum(&mut person, 2);
    person.expect("left; q closes");
    person.send_signal(Signal::SIGKILL);
    person.wait();
    let session = sign_in.session();
    assert!(matches!(account.probe(&session), Probe::Open));
    account.set_ahead(301);
    assert!(matches!(account.probe(&session), Probe::Refused(_)));
    account.set_ahead(0);
    account.put_to_rest();
}

#[test]
fn the_console_link_is_on_the_terminal_and_in_no_file() {
    let vault = sealed("console-tty", grant());
    let site = &vault.site;
    let sign_in = SignIn::start("200 OK");
    let streams = Streams { stdout: Output::Captured, stderr: Output::Captured, ..Streams::default() };
    let mut person = Person::run_with(command(site, &sign_in, "8s"), streams);
    assert_eq!(site.answer_all(&mut person), End::Code(0), "{}", person.transcript());
    assert!(person.transcript().contains("Action=login"), "{}", person.transcript());
    let written = [person.captured(), person.captured_errors()].concat();
    let written = String::from_utf8_lossy(&written);
    assert!(written.contains("gate: open"), "{written}");
    assert!(!written.contains("SigninToken") && !written.contains("federation"), "{written}");
    let ledger = std::fs::read_to_string(site.path("state/ledger.jsonl")).unwrap();
    assert!(!ledger.contains("Signin") && ledger.contains("opened"), "{ledger}");
}

#[test]
fn the_address_for_the_browser_redirects_only_once() {
    let vault = sealed("console-browser", grant());
    let site = &vault.site;
    let sign_in = SignIn::start("200 OK");
    // This script acts as the browser. The script records its command line and requests the address twice.
    let browser = site.path("browser");
    let script = format!(
        "#!/bin/sh\necho \"$@\" > {0}.args\nfor n in 1 2; do\n{1} -c 'import http.client, sys, urllib.parse as u\n\
         a = u.urlsplit(sys.argv[1]); c = http.client.HTTPConnection(a.netloc); c.request(\"GET\", a.path)\n\
         r = c.getresponse(); print(r.status, r.getheader(\"Location\"))' \"$1\" >> {0}.got 2>&1\ndone\necho > {0}.done\n",
        browser.display(),
        python().display(),
    );
    write_program(&browser, &script);
    let mut command = command(site, &sign_in, "5m");
    command.env("BROWSER", &browser);
    let mut person = Person::run(command);
    site.quorum(&mut person, 2);
    person.expect("opened in your browser");
    let until = Instant::now() + Duration::from_secs(20);
    while !site.path("browser.done").exists() {
        assert!(Instant::now() < until, "the browser should have ended by now");
        std::thread::sleep(Duration::from_millis(50));
    }
    let read = |name: &str| std::fs::read_to_string(site.path(name)).unwrap();
    assert!(read("browser.args").starts_with("http://127.0.0.1:"), "{}", read("browser.args"));
    assert!(!read("browser.args").contains("Signin"));
    let got = read("browser.got");
    let (first, second) = got.split_once('\n').expect("the browser should have made two requests");
    assert!(first.starts_with("302 ") && first.contains("Action=login"), "{got}");
    assert!(!second.contains("Action=login"), "{got}");
    assert!(!person.transcript().contains("Action=login"));
    person.type_raw(b"q");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
}

#[test]
fn if_the_browser_does_not_connect_the_link_is_shown() {
    let vault = sealed("console-no-show", grant());
    let site = &vault.site;
    let sign_in = SignIn::start("200 OK");
    let mut command = command(site, &sign_in, "5m");
    command.env("BROWSER", "/bin/false");
    let mut person = Person::run(command);
    site.quorum(&mut person, 2);
    person.expect("the browser did not request the link");
    person.expect("Action=login");
    assert!(!person.transcript().contains("opened in your browser"), "{}", person.transcript());
    person.expect("left; q closes");
    person.type_raw(b"q");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
}

#[test]
fn a_stopped_terminal_does_not_delay_a_console_close() {
    let vault = sealed("console-stopped", grant());
    let (site, account) = (&vault.site, &vault.account);
    let sign_in = SignIn::start("200 OK");
    let mut person = Person::run(command(site, &sign_in, "6s"));
    site.quorum(&mut person, 2);
    person.type_raw(b"\x13");
    assert_eq!(person.wait_within(Duration::from_mins(1)), End::Code(0), "{}", person.transcript());
    assert!(account.rest().at_rest());
    assert!(std::fs::read_to_string(site.path("state/ledger.jsonl")).unwrap().contains("\"closed\""));
}

#[test]
fn if_the_console_is_not_granted_or_sign_in_fails_access_is_closed() {
    let vault = sealed("console-ungranted", Account::grant());
    let (site, account) = (&vault.site, &vault.account);
    let sign_in = SignIn::start("200 OK");
    let mut person = Person::run(command(site, &sign_in, "5m"));
    assert_eq!(person.wait(), End::Code(2), "{}", person.transcript());
    assert!(person.transcript().contains("does not allow sts:GetFederationToken"));
    assert!(account.journal().is_empty(), "AWS should not be called");

    let vault = sealed("console-refused", grant());
    let (site, account) = (&vault.site, &vault.account);
    let sign_in = SignIn::start("400 Bad Request");
    let mut person = Person::run(command(site, &sign_in, "5m"));
    site.quorum(&mut person, 2);
    assert_eq!(person.wait(), End::Code(5), "{}", person.transcript());
    assert!(person.transcript().contains("HTTP status 400"), "{}", person.transcript());
    assert!(account.rest().at_rest());
}
