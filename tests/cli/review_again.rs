//! Tests of reviews: of a session without problems, of calls without the session's id, and of a review that is
//! repeated.

use rig::pty::End;
use serde_json::Value;

use crate::review::{WORK, calls, output_of, packet, review, sha256, used};
use crate::two_of_two;

/// Returns each finding's severity and id.
fn severities(packet: &Value) -> Vec<(&str, &str)> {
    let findings = packet["findings"].as_array().expect("the packet should have a list of findings").iter();
    findings.map(|of| (of["severity"].as_str().unwrap(), of["id"].as_str().unwrap())).collect()
}

#[test]
fn a_clean_session_is_reviewed_without_problems() {
    let vault = two_of_two("clean-review").all_plugged();
    let (site, account) = (&vault.site, &vault.account);
    let session = used(site, WORK);
    let arguments = [&session, "--vault", "prod.age", "--profile", "audit", "--json", "-"];
    let (code, packet, stderr) = packet(review(site, &account.auditor(), &arguments));
    assert_eq!(code, Some(0), "{stderr}");
    // Two findings occur in every test: the emulated AWS is a custom endpoint, and an administrator created the user
    // shortly before the session.
    assert_eq!(
        severities(&packet),
        [
            ("explain", "custom_endpoint"),
            ("explain", "calls_outside_window"),
            ("note", "cloudtrail_queried_too_early")
        ],
        "{}",
        packet["findings"]
    );
    assert!(packet["findings"][1]["what"].as_str().unwrap().contains(" by someone else "), "{packet}");
    let absent =
        calls(&packet, |call| call["error"].as_str().is_some_and(|of| of.starts_with("NoSuchEntity")));
    assert!(
        absent.len() >= 2,
        "the control: the program should have read what the user does not have: {packet}"
    );
    let own = |call: &Value| call["principal"] != "other";
    assert!(calls(&packet, own).len() > 20, "the control: the session should have calls: {packet}");
    for call in calls(&packet, own) {
        assert_eq!((&call["when"], &call["carried_id"]), (&"inside".into(), &"this".into()), "{call}");
        assert_eq!(call["carried_session"], session.as_str(), "{call}");
        assert_ne!(call["answer"], "refused", "{call}");
    }
}

#[test]
fn the_review_names_a_tool_that_sends_no_session_id() {
    let vault = two_of_two("nameless-review").all_plugged();
    let (site, account) = (&vault.site, &vault.account);
    let script = "import boto3, botocore.config\n\
        config = botocore.config.Config(user_agent='some-tool/1.0')\n\
        s3 = boto3.client('s3', config=config)\n\
        for _ in range(2): s3.list_buckets()\n";
    let session = used(site, script);
    let arguments = [&session, "--vault", "prod.age", "--profile", "audit", "--json", "-"];
    let (code, packet, stderr) = packet(review(site, &account.auditor(), &arguments));
    assert_eq!(code, Some(0), "{stderr}");
    let findings = packet["findings"].as_array().unwrap();
    let named = findings.iter().find(|of| of["what"].as_str().unwrap().contains("user agent some-tool/1.0 "));
    let named = named.unwrap_or_else(|| panic!("{}", packet["findings"]));
    assert_eq!((&named["id"], &named["severity"]), (&"calls_without_session_id".into(), &"explain".into()));
    let what = named["what"].as_str().unwrap();
    assert!(what.starts_with("2 calls by the issued credentials in the window"), "{what}");
    assert!(what.contains("s3 ListBuckets (2); source address 127.0.0.1"), "{what}");
}

#[test]
fn a_review_can_be_repeated_with_the_command_that_the_review_prints() {
    let vault = two_of_two("again-review").all_plugged();
    let (site, account) = (&vault.site, &vault.account);
    let auditor = account.auditor();
    let session = used(site, "pass");
    let first = [&session, "--vault", "prod.age", "--profile", "audit"];
    let (code, stdout, stderr) = output_of(review(site, &auditor, &first));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let bytes = |number: u32| std::fs::read(site.path(&format!("review-{session}.{number}.json"))).unwrap();
    let before = bytes(1);

    // Returns the arguments of the printed command that ends with this word.
    let printed = |stdout: &str, last: &str| -> Vec<String> {
        let start = format!("breakglass review {session} ");
        let mut lines = stdout.lines().filter(|line| line.contains(&start) && line.ends_with(last));
        let line = lines.next().unwrap_or_else(|| panic!("{last}: {stdout}"));
        let command = &line[line.find("breakglass review").expect("the line should have a command")..];
        command.split(' ').skip(2).map(str::to_owned).collect()
    };
    let again = printed(&stdout, "--profile audit");
    let again: Vec<_> = again.iter().map(String::as_str).collect();
    let (code, stdout, stderr) = output_of(review(site, &auditor, &again));
    assert_eq!(code, Some(0), "the printed command should work: {again:?}: {stderr}");
    assert_eq!(bytes(1), before, "the first packet should not change");
    assert!(stdout.contains(&format!("packet     review-{session}.2.json\n")), "{stdout}");
    assert!(stdout.contains(&format!("earlier    review-{session}.1.json\n")), "{stdout}");

    let sign = printed(&stdout, "--sign");
    let sign: Vec<_> = ["review"].into_iter().chain(sign.iter().map(String::as_str)).collect();
    let mut person = site.person(&sign);
    person.expect(&format!("review-{session}.2.json: "));
    person.expect("alice: PIN of YubiKey");
    person.type_line(&site.custodian("alice").pin);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let signed = packet(site.command(&["review", &session, "--vault", "prod.age", "--json", "-"])).1;
    assert_eq!(signed["reviews"][0]["packet"], format!("review-{session}.2.json"), "{signed}");
    assert_eq!(
        signed["reviews"][0]["packet_sha256"],
        sha256(&bytes(2)).as_str(),
        "the newest packet is signed"
    );
}
