//! Tests of `review` after an opening. The program creates the packet from the ledger, the signatures and CloudTrail.
//! The program writes the packet atomically under the next free number, and never overwrites a packet. A custodian can
//! sign the packet.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use rig::aws::{Account, Creds, Rule, python};
use rig::pty::{End, Person};
use rig::site::Site;
use serde_json::Value;

use crate::two_of_two;

/// Opens a window, runs a Python script during the window, and closes the window. Returns the session's id.
pub fn used(site: &Site, script: &str) -> String {
    let python = python().display().to_string();
    let arguments =
        ["open", "prod.age", "--for", "10m", "--reason", "INC-1: SSO down", "--", &python, "-c", script];
    let mut person = site.person(&arguments);
    site.quorum(&mut person, 2);
    assert_eq!(person.wait_within(Duration::from_mins(1)), End::Code(0), "{}", person.transcript());
    site.last_session()
}

pub const WORK: &str = "import boto3\n\
    s3 = boto3.client('s3')\n\
    for _ in range(3): s3.list_buckets()\n";

pub fn output_of(mut command: Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).expect("the output should be text");
    (status.code(), text(stdout), text(stderr))
}

/// Returns the command `review` with the profile `audit`. The profile has the credentials `who`.
pub fn review(site: &Site, who: &Creds, arguments: &[&str]) -> Command {
    site.with_profile("audit", who, &[&["review"], arguments].concat())
}

/// Runs a review. Returns the exit status, the packet from standard output, and standard error.
pub fn packet(command: Command) -> (Option<i32>, Value, String) {
    let (code, stdout, stderr) = output_of(command);
    (code, serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("JSON: {stdout}{stderr}")), stderr)
}

pub fn calls<'a>(packet: &'a Value, is: impl Fn(&Value) -> bool + 'a) -> Vec<&'a Value> {
    packet["calls"]
        .as_array()
        .expect("the packet should have a list of calls")
        .iter()
        .filter(|call| is(call))
        .collect()
}

fn ids(packet: &Value) -> Vec<&str> {
    packet["findings"].as_array().unwrap().iter().map(|f| f["id"].as_str().unwrap()).collect()
}

#[test]
fn every_call_of_a_session_is_in_the_packet() {
    let vault = two_of_two("review").all_plugged();
    let (site, account) = (&vault.site, &vault.account);
    let auditor = account.auditor();
    let session = used(site, WORK);
    // After the window, the test makes a call with the closer's key, which works at any time.
    std::thread::sleep(Duration::from_secs(3));
    assert!(
        account
            .call(&account.closer, "iam", "get_user", serde_json::json!({"UserName": account.user}))
            .is_ok()
    );

    let journal = account.journal();
    let started = Instant::now();
    let arguments = [&session, "--vault", "prod.age", "--profile", "audit"];
    let (code, stdout, stderr) = output_of(review(site, &auditor, &arguments));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(
        started.elapsed() >= Duration::from_millis(2_500),
        "the review should query no faster than AWS allows"
    );
    assert!(stderr.contains("CloudTrail: ") && stderr.contains("two requests per second"), "{stderr}");
    for part in ["INC-1: SSO down", "2 of 2 needed, signatures verified: alice, bob", "within the window"] {
        assert!(stdout.contains(part), "{part}: {stdout}");
    }
    let packet: Value =
        serde_json::from_slice(&std::fs::read(site.path(&format!("review-{session}.1.json"))).unwrap())
            .unwrap();
    assert_eq!(packet["session"]["id"], session.as_str());
    assert_eq!(packet["vault"]["threshold"], 2);
    assert!(packet["approvals"].as_array().unwrap().iter().all(|a| a["signature"] == "verified"), "{packet}");

    let messages = packet["alerts"].as_array().unwrap();
    let first = |alert: &&Value| alert["topic"] == "opening" && alert["before_opening"] == true;
    let message = messages
        .iter()
        .find(first)
        .expect("the packet should list an alert that was sent before the opening");
    assert_eq!(
        message["evidence"], "reported",
        "only the operator's machine reports that the receiver acknowledged: {message}"
    );
    assert!(!ids(&packet).contains(&"no_alert_acknowledged"), "{packet}");

    // The packet lists, from CloudTrail, every call of the vault's principals once.
    let own = |key: &str| journal.iter().filter(|call| call.key == key && call.status == Some(200)).count();
    let of = |principal: &'static str| {
        calls(&packet, move |call| call["principal"] == principal && call["error"].is_null())
    };
    assert_eq!(of("opener").len(), own(&account.opener.key), "{packet}");
    assert_eq!(of("emergency").len(), own(&account.emergency.key), "{packet}");
    assert_eq!(calls(&packet, |call| call["kind"] == "work").len(), 3, "list_buckets");
    let outside = calls(&packet, |call| call["when"] == "after");
    assert_eq!(outside.len(), 1, "{outside:?}");
    assert_eq!((&outside[0]["principal"], &outside[0]["event_name"]), (&"closer".into(), &"GetUser".into()));
    // An administrator created the user shortly before the session, so the packet also lists changes by other
    // principals.
    let by_other = |call: &Value| call["principal"] == "other";
    assert!(!calls(&packet, by_other).is_empty(), "{packet}");
    assert!(calls(&packet, |call| call["kind"] == "unexpected" && !by_other(call)).is_empty(), "{packet}");
    assert!(ids(&packet).contains(&"calls_outside_window"), "{packet}");
    let gate: Value = serde_json::from_str(packet["window"]["policy"].as_str().unwrap()).unwrap();
    assert_eq!(
        gate["Statement"][0]["Sid"],
        format!("S{session}Grant"),
        "the packet should have the gate as AWS received it"
    );
    // CloudTrail also shows that access was enabled between T0 and T1.
    assert_eq!(packet["window"]["within_window"], true, "{packet}");
    assert!(packet["window"]["enabled_by_aws"]["seconds"].is_number());
    // Immediately after the session, CloudTrail's answer can be incomplete.
    assert!(ids(&packet).contains(&"cloudtrail_queried_too_early"));
    assert!(stdout.contains("query again after"), "{stdout}");
    let regions: Vec<_> = packet["cloudtrail"]["regions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["region"].as_str().unwrap())
        .collect();
    assert_eq!(regions, ["eu-west-1", "us-east-1"]);

    // An existing file is not overwritten.
    let named = [&arguments[..], &["--json", "named.json"]].concat();
    std::fs::write(site.path("named.json"), "another file").unwrap();
    let (code, _, stderr) = output_of(review(site, &auditor, &named));
    assert!(code == Some(2) && stderr.contains("never overwritten"), "{stderr}");
    assert_eq!(std::fs::read(site.path("named.json")).unwrap(), b"another file");
    let page = std::fs::read_to_string(site.path(&format!("review-{session}.1.html"))).unwrap();
    assert!(page.contains("NO: after") && !page.contains("<script"));
}

#[test]
fn the_review_reads_all_pages_of_cloudtrail_despite_throttling() {
    let vault = two_of_two("pages").all_plugged();
    let (site, account) = (&vault.site, &vault.account);
    let auditor = account.auditor();
    let many = "import boto3\ns3 = boto3.client('s3')\nfor _ in range(120): s3.list_buckets()\n";
    let session = used(site, many);
    let throttled = account.rule(
        Rule::before("LookupEvents").region("eu-west-1").nth(2).times(2).fail(400, "ThrottlingException"),
    );
    let (code, packet, _) = packet(review(site, &auditor, &[&session, "--profile", "audit", "--json", "-"]));
    drop(throttled);
    assert_eq!(code, Some(0), "{packet}");
    assert_eq!(calls(&packet, |call| call["event_name"] == "ListBuckets").len(), 120);
    let mut seen: Vec<_> = calls(&packet, |_| true).iter().map(|call| call["event_id"].to_string()).collect();
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(
        seen.len(),
        all,
        "a call that CloudTrail finds by its key and by its user name should be listed once"
    );
    let region = &packet["cloudtrail"]["regions"][0];
    assert!(
        region["requests"].as_u64().unwrap() >= 6 + 2 + 2,
        "the requests should include all pages of 50 events and the two throttled requests: {region}"
    );
    assert!(
        ids(&packet).contains(&"signatures_not_checked"),
        "the packet should say that nothing was verified without the vault"
    );
}

#[test]
fn if_cloudtrail_fails_in_one_region_the_review_names_it_and_shows_the_other_regions() {
    let vault = two_of_two("half").all_plugged();
    let (site, account) = (&vault.site, &vault.account);
    let auditor = account.auditor();
    let session = used(site, WORK);
    let refused = account.rule(
        Rule::before("LookupEvents").region("us-east-1").times(1_000).fail(400, "AccessDeniedException"),
    );
    let arguments = [&session, "--vault", "prod.age", "--profile", "audit"];
    let (code, stdout, stderr) = output_of(review(site, &auditor, &arguments));
    drop(refused);
    assert_eq!(code, Some(1), "{stdout}{stderr}");
    assert!(stderr.contains("us-east-1") && stderr.contains("AccessDeniedException"), "{stderr}");
    let packet: Value =
        serde_json::from_slice(&std::fs::read(site.path(&format!("review-{session}.1.json"))).unwrap())
            .unwrap();
    assert_eq!(
        calls(&packet, |call| call["kind"] == "work").len(),
        3,
        "the calls of the region that was read should be listed"
    );
    assert!(
        calls(&packet, |call| call["event_source"] == "iam.amazonaws.com").is_empty(),
        "no call of IAM should be listed, because us-east-1 was not read"
    );
    assert!(ids(&packet).contains(&"cloudtrail_incomplete"));
    assert_eq!(packet["cloudtrail"]["complete"], false);
    assert!(site.path(&format!("review-{session}.1.html")).exists());
}

#[test]
fn a_profile_without_permission_or_of_another_account_is_refused() {
    let vault = two_of_two("strangers").all_plugged();
    let (site, account, aws) = (&vault.site, &vault.account, &vault.aws);
    let session = used(site, "pass");
    let (code, packet, stderr) =
        packet(review(site, &account.closer, &[&session, "--profile", "audit", "--json", "-"]));
    assert!(code == Some(1) && stderr.contains("is incomplete"), "{stderr}");
    assert_eq!(packet["cloudtrail"]["complete"], false);
    let other: Account = aws.seed("other-audit");
    let (code, stdout, stderr) =
        output_of(review(site, &other.auditor(), &[&session, "--profile", "audit", "--json", "-"]));
    assert!(code == Some(5) && stdout.is_empty() && stderr.contains(&other.id), "{stdout}{stderr}");
    let (code, _, stderr) =
        output_of(review(site, &account.closer, &[&session, "--profile", "missing", "--json", "-"]));
    assert!(code == Some(2) && stderr.contains("LookupEvents"), "{stderr}");
    // If AWS cannot be reached, the packet states that its data is incomplete.
    let mut alone = review(site, &account.closer, &[&session, "--profile", "audit", "--json", "packet.json"]);
    alone.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let (code, stdout, stderr) = output_of(alone);
    assert!(code == Some(1) && stdout.contains("data is incomplete"), "{stdout}{stderr}");
    assert!(site.path("packet.json").exists() && !site.path(&format!("review-{session}.1.html")).exists());
}

#[test]
fn a_custodian_signs_the_packet_on_disk() {
    let vault = two_of_two("signed-review").all_plugged();
    let site = &vault.site;
    let session = used(site, "pass");
    let (code, stdout, stderr) = output_of(site.command(&["review", &session, "--vault", "prod.age"]));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let json = site.path(&format!("review-{session}.1.json"));
    let before = std::fs::read(&json).unwrap();
    let next_open = || {
        let open =
            ["open", "prod.age", "--for", "5m", "--reason", "x", "--again", "x", "--wait", "1s", "--hold"];
        let mut person = site.person(&open);
        person.wait();
        person.transcript().contains(&format!("session {session} was never reviewed"))
    };
    assert!(next_open(), "an opening should warn until the packet is signed");
    let mut person: Person = site.person(&["review", &session, "--vault", "prod.age", "--sign"]);
    person.expect("its SHA-256 in words");
    let custodian = site.custodian("alice");
    person.expect("alice: PIN of YubiKey");
    person.type_line(&custodian.pin);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert_eq!(std::fs::read(&json).unwrap(), before, "signing should not change the packet");
    assert!(!next_open(), "an opening should not warn after the packet is signed");
    let ledger = std::fs::read_to_string(site.path("state/ledger.jsonl")).unwrap();
    assert!(ledger.lines().any(|line| line.contains("\"kind\":\"review\"")), "{ledger}");
    let arguments = ["review", &session, "--vault", "prod.age", "--json", "-"];
    let (code, signed, stderr) = packet(site.command(&arguments));
    assert_eq!(code, Some(0), "{stderr}");
    let review = &signed["reviews"][0];
    assert_eq!(
        (&review["custodian"], &review["signature"]),
        (&"alice".into(), &"verified".into()),
        "{review}"
    );
    assert_eq!(review["packet_sha256"], sha256(&before).as_str());

    // A later review gets the next number, and does not change the signed packet.
    let (code, stdout, stderr) = output_of(site.command(&["review", &session, "--vault", "prod.age"]));
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains(&format!("packet     review-{session}.2.json\n")), "{stdout}");
    assert!(stdout.contains(&format!("earlier    review-{session}.1.json\n")), "{stdout}");
    assert_eq!(std::fs::read(&json).unwrap(), before, "a signed packet should never be overwritten");

    // If there is no packet, the program writes the packet before it asks for a signature.
    let arguments = ["review", &session, "--vault", "prod.age", "--sign", "--json", "new.json"];
    let mut person: Person = site.person(&arguments);
    person.expect("alice: PIN of YubiKey");
    assert!(site.path("new.json").exists(), "the packet should be written before it is signed");
    person.type_line(&custodian.pin);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());

    // The program refuses to sign a packet about a different session, and refuses to sign without the vault.
    std::fs::copy(&json, site.path("other.json")).unwrap();
    let other = ["review", "0123456789abcdef", "--vault", "prod.age", "--sign", "--json", "other.json"];
    let (code, _, stderr) = output_of(site.command(&other));
    assert!(code == Some(2) && stderr.contains("is about session"), "{stderr}");
    assert_eq!(output_of(site.command(&["review", &session, "--sign"])).0, Some(2));
}

#[test]
fn the_review_reports_unknown_sessions_and_changed_ledgers() {
    let vault = two_of_two("damaged-review").all_plugged();
    let site = &vault.site;
    let session = used(site, "pass");
    let (code, _, stderr) = output_of(site.command(&["review", "0123456789abcdef"]));
    assert!(code == Some(2) && stderr.contains("no ledger here has session"), "{stderr}");
    assert_eq!(output_of(site.command(&["review", "prod.age"])).0, Some(2));
    for same in [&["--html", "-"][..], &["--html", "x", "--json", "x"]] {
        assert_eq!(output_of(site.command(&[&["review", &session], same].concat())).0, Some(2), "{same:?}");
    }

    // A copy of the ledger on another machine gives the same packet. If a copy was altered, the program reads the
    // records before the alteration, and reports the alteration.
    let ledger = site.path("state/ledger.jsonl");
    std::fs::copy(&ledger, site.path("copy.jsonl")).unwrap();
    let both = ["review", &session, "--ledger", "copy.jsonl", "--json", "-"];
    let (code, packet, stderr) = packet(site.command(&both));
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(
        packet["approvals"].as_array().unwrap().len(),
        2,
        "each record should be listed once: {packet}"
    );
    std::fs::remove_dir_all(site.path("state")).unwrap();
    let text = std::fs::read_to_string(site.path("copy.jsonl")).unwrap();
    std::fs::write(site.path("copy.jsonl"), &text[..text.len() - 10]).unwrap();
    let (code, _, stderr) = self::packet(site.command(&both));
    assert_eq!(code, Some(0), "an incomplete last line should not count as a broken chain: {stderr}");
    std::fs::write(site.path("copy.jsonl"), text.replacen("INC-1", "INC-2", 1)).unwrap();
    let (code, packet, stderr) = self::packet(site.command(&both));
    assert!(code == Some(6) && stderr.contains("copy.jsonl is damaged"), "{stderr}");
    assert!(ids(&packet).contains(&"ledger_broken"), "{packet}");

    // The review also reads the ledgers in the configuration. If one of these ledgers is missing, the packet has a
    // finding, and the command fails.
    let configure = |ledger: &str| {
        std::fs::create_dir_all(site.path(".config/breakglass")).unwrap();
        let config = serde_json::json!({"ledgers": [site.path(ledger)]});
        std::fs::write(site.path(".config/breakglass/config.json"), config.to_string()).unwrap();
    };
    std::fs::write(site.path("copy.jsonl"), &text).unwrap();
    configure("copy.jsonl");
    let (code, _, stderr) =
        self::packet(site.command(&both[..2].iter().chain(&both[4..]).copied().collect::<Vec<_>>()));
    assert_eq!(code, Some(0), "{stderr}");
    configure("gone.jsonl");
    let (code, packet, stderr) = self::packet(site.command(&both));
    assert!(code == Some(2) && stderr.contains("there is no ledger"), "{stderr}");
    assert!(ids(&packet).contains(&"ledger_broken"), "{packet}");
}

pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(bytes))
}

#[test]
fn calls_of_a_role_are_found_by_session_name_and_key() {
    let fixture = two_of_two("static-review");
    let vault = fixture.payload(|account| account.standby_payload(&account.standby(), "1h")).all_plugged();
    let (site, account) = (&vault.site, &vault.account);
    let python = python().display().to_string();
    let mut person = vault.open("15s").run(&[&python, "-c", WORK]).by_quorum();
    let end = person.wait_within(Duration::from_mins(2));
    assert!(matches!(end, End::Code(0 | 10)), "{}", person.transcript());
    // The test waits until after T1, because a role's access ends only at T1.
    std::thread::sleep(Duration::from_secs(16));
    let session = site.last_session();
    let arguments = [&session, "--vault", "prod.age", "--profile", "audit", "--json", "-"];
    let (code, packet, stderr) = packet(review(site, &account.auditor(), &arguments));
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(packet["session"]["lane"], "static");
    let work = calls(&packet, |call| call["kind"] == "work");
    assert_eq!(work.len(), 3, "{packet}");
    for call in work {
        assert_eq!((&call["principal"], &call["when"]), (&"issued".into(), &"inside".into()), "{call}");
        assert_eq!(call["user"], format!("breakglass-{session}"), "{call}");
    }
    assert!(!calls(&packet, |call| call["event_name"] == "AssumeRole").is_empty(), "{packet}");
    let unexpected = |call: &Value| call["kind"] == "unexpected" && call["principal"] != "other";
    assert!(calls(&packet, unexpected).is_empty(), "{packet}");
    assert_eq!(packet["window"]["enabled"]["ended_by"], "t1", "a role's access should end at T1");
}
