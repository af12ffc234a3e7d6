//! Tests of alerts: every kind of channel, every kind of failure, and the alert at the end of a session.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use rig::aws::{Account, Aws, python};
use rig::fixture::SealedVault;
use rig::mail::MailServer;
use rig::proxy::{Fault, Proxy, Spot};
use rig::pty::{End, Person, Signal};
use rig::receiver::{Manner, Receiver, SECRET};
use rig::site::{Site, write_program};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{PROGRAM, two_of_two};

/// Starts an opening with the reason `INC-1: SSO down`, and answers the prompts as a quorum.
fn open(vault: &SealedVault, more: &[&str]) -> Person {
    vault.open("5m").reason("INC-1: SSO down").args(more).by_quorum()
}

fn lines(vault: &SealedVault) -> Vec<String> {
    vault.site.ledger().lines().map(str::to_owned).collect()
}

/// Returns the sorted names of the channels that acknowledged an alert with this topic.
fn acknowledged(vault: &SealedVault, topic: &str) -> Vec<String> {
    let alerts = vault.site.records_of("alert").into_iter();
    let of = alerts.filter(|alert| alert["topic"] == topic && alert["acknowledged"].is_string());
    let mut names: Vec<_> = of.map(|alert| alert["channel"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn nothing_was_written(vault: &SealedVault) -> bool {
    let reads = ["Get", "List", "Publish", "Assume"];
    vault.account.actions().iter().all(|action| reads.iter().any(|read| action.starts_with(read)))
}

/// Returns whether the `standardwebhooks` package accepts the signature in `headers` for `body`.
fn verifies(headers: &Value, body: &[u8]) -> bool {
    let script = "import json, sys\nfrom standardwebhooks.webhooks import Webhook\n\
        Webhook(sys.argv[1]).verify(open(sys.argv[3], 'rb').read(), json.loads(sys.argv[2]))\n";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), body).unwrap();
    let mut command = Command::new(python());
    command.args(["-c", script, SECRET, &headers.to_string()]).arg(file.path());
    command.output().unwrap().status.success()
}

#[test]
fn every_kind_of_channel_gets_alerts_with_the_ledger_head_before_and_after_a_session() {
    let (pager, chat, hook) = (
        Receiver::start(Manner::Status(202)),
        Receiver::start(Manner::Status(200)),
        Receiver::start(Manner::Status(204)),
    );
    let (mail, safe_mail, safest_mail) =
        (MailServer::plain(), MailServer::starttls(), MailServer::implicit());
    let vault = two_of_two("alerts").alerts(|account| {
        let (topic, publisher) = account.topic("oncall");
        vec![
            json!({"name": "topic", "kind": "sns", "topic_arn": topic,
                "key": {"access_key_id": publisher.key, "secret_access_key": publisher.secret}}),
            json!({"name": "pager", "kind": "pagerduty", "routing_key": "r0ut1ngkeyr0ut1ngkeyr0ut1ngkey00", "url": pager.url()}),
            json!({"name": "chat", "kind": "slack", "url": chat.url()}),
            hook.channel("hook"),
            mail.channel("mail"),
            safe_mail.channel("safe-mail"),
            safest_mail.channel("safest-mail"),
        ]
    }).all_plugged();
    let shown = vault.site.command(&["inspect", "prod.age"]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("alerts      topic, pager, chat, hook, mail, safe-mail, safest-mail"), "{shown}");
    let authorities = vault.site.path("authorities.pem");
    let both = [&safe_mail, &safest_mail].map(|server| std::fs::read_to_string(server.env().1).unwrap());
    std::fs::write(&authorities, both.concat()).unwrap();
    let open = vault.open("5m").reason("INC-1: SSO down").env("SSL_CERT_FILE", authorities);
    let mut person = open.run(&["sleep", "2"]).by_quorum();
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let channels = ["chat", "hook", "mail", "pager", "safe-mail", "safest-mail", "topic"];
    assert_eq!(acknowledged(&vault, "opening"), channels, "{}", person.transcript());
    assert_eq!(acknowledged(&vault, "closed"), channels, "{}", person.transcript());

    let kinds: Vec<_> = lines(&vault)
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["kind"].clone())
        .collect();
    let first = |kind: &str| kinds.iter().position(|k| k == kind).unwrap();
    assert!(first("approval") < first("alert") && first("alert") < first("intent"), "{kinds:?}");
    let got = hook.got();
    assert_eq!(got.len(), 2);
    let notice = &got[0].json;
    assert_eq!((&notice["topic"], &notice["reason"]), (&"opening".into(), &"INC-1: SSO down".into()));
    assert_eq!(notice["approved_by"], json!(["alice", "bob"]));
    assert_eq!(notice["session"], vault.site.records_of("intent")[0]["session"]);
    for got in &got {
        let head = sha256(
            lines(&vault)[usize::try_from(got.json["ledger"]["seq"].as_u64().unwrap()).unwrap() - 1]
                .as_bytes(),
        );
        assert_eq!(
            got.json["ledger"]["sha256"], head,
            "the alert should contain the ledger's head at the time of the alert"
        );
        assert!(
            verifies(&json!(got.headers), &got.body),
            "the standardwebhooks package should verify the signature"
        );
    }
    assert!(
        !verifies(&json!(got[0].headers), &got[1].body),
        "the control: the signature should not be valid for another body"
    );
    let events: Vec<_> = pager.got().into_iter().map(|got| got.json).collect();
    assert_eq!(
        events.iter().map(|event| &event["event_action"]).collect::<Vec<_>>(),
        ["trigger", "resolve", "resolve"]
    );
    assert_eq!(events[0]["dedup_key"], events[2]["dedup_key"]);
    assert!(chat.got()[0].json["text"].as_str().unwrap().contains("emergency access is about to be opened"));
    for server in [&mail, &safe_mail, &safest_mail] {
        let mails = server.mails();
        assert_eq!(mails.len(), 4, "each of the two recipients should get each of the two alerts: {mails:?}");
        assert!(mails.iter().all(|mail| mail.contains("Message-ID: <")), "{mails:?}");
        assert!(
            mails.iter().any(|mail| mail.contains("Subject: breakglass: opening alerts (account")),
            "{mails:?}"
        );
    }
    let published: Vec<_> =
        vault.account.journal().into_iter().filter(|call| call.action == "Publish").collect();
    assert_eq!(published.len(), 2);
    assert!(published.iter().all(|call| call.status == Some(200)), "{published:?}");
    let said = person.transcript() + &lines(&vault).join("\n");
    for secret in ["r0ut1ngkey", SECRET, "mail-password", &chat.url()] {
        assert!(!said.contains(secret), "the secret {secret} should not be printed");
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[test]
fn one_acknowledgement_is_enough_and_the_program_does_not_wait_for_other_channels() {
    let (hanging, broken, good) = (
        Receiver::start(Manner::Hang),
        Receiver::start(Manner::Status(500)),
        Receiver::start(Manner::Slow(Duration::from_millis(300))),
    );
    let elsewhere = Receiver::start(Manner::Status(200));
    let refusing = Receiver::start(Manner::Status(403));
    let sent_on = Receiver::start(Manner::Redirect(elsewhere.url()));
    let stumbling = Receiver::start(Manner::Breaks(1));
    let timed = |receiver: &Receiver, name: &str, timeout: &str| {
        let mut channel = receiver.channel(name);
        channel["timeout"] = timeout.into();
        channel
    };
    let vault = two_of_two("one-of-many")
        .alerts(|_| {
            let mut absent = json!({"name": "absent", "kind": "slack", "url": Receiver::unreachable()});
            absent["timeout"] = "1s".into();
            vec![
                absent,
                timed(&hanging, "hanging", "40s"),
                timed(&hanging, "brief", "1s"),
                timed(&broken, "broken", "2s"),
                timed(&refusing, "refusing", "5s"),
                timed(&sent_on, "sent-on", "5s"),
                timed(&stumbling, "stumbling", "5s"),
                good.channel("good"),
            ]
        })
        .all_plugged();
    let begun = Instant::now();
    let mut person = open(&vault, &["--hold"]);
    person.expect("alert: good acknowledged");
    person.expect("left");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    std::thread::sleep(Duration::from_secs(3));
    person.type_raw(b"q");
    let closing = Instant::now();
    person.expect("Ctrl-C to stop waiting");
    person.send_signal(Signal::SIGINT);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(closing.elapsed() < Duration::from_secs(20), "{:?}", closing.elapsed());
    let why = |name: &str| {
        let alert = vault
            .site
            .records_of("alert")
            .into_iter()
            .find(|alert| alert["channel"] == name && alert["topic"] == "opening");
        alert.map_or_else(String::new, |alert| alert["detail"].as_str().unwrap().to_owned())
    };
    assert!(why("absent").contains("could not connect"), "{}", why("absent"));
    assert!(why("broken").contains("500"), "{}", why("broken"));
    assert_eq!(why("brief"), "no answer within 1 s", "each channel should have its own timeout");
    assert_eq!(
        why("hanging"),
        "no answer before the command ended",
        "the ledger should record that the channel did not answer"
    );
    assert!(
        why("refusing").contains("403") && refusing.topics(&vault.site.last_session()).len() == 2,
        "a refused alert should not be sent again"
    );
    assert!(
        why("sent-on").contains("302") && elsewhere.got().is_empty(),
        "a redirect should not be followed"
    );
    assert_eq!(
        acknowledged(&vault, "opening"),
        ["good", "stumbling"],
        "an alert should be sent again after a temporary failure"
    );
    assert!(vault.account.rest().at_rest());
}

#[test]
fn without_an_acknowledgement_access_is_opened_only_if_the_custodians_approved_no_alert() {
    let refusing = Receiver::start(Manner::Status(403));
    let vault = two_of_two("unacknowledged")
        .alerts(|_| {
            vec![
                json!({"name": "gone", "kind": "slack", "url": Receiver::unreachable(), "timeout": "1s"}),
                refusing.channel("refusing"),
            ]
        })
        .all_plugged();
    // A channel in this machine's configuration gets the alert, but an acknowledgement from this channel does not
    // count.
    let own = Receiver::start(Manner::Status(200));
    vault.site.configure(&json!({"alerts": [own.channel("own")]}));
    let mut person = open(&vault, &["--", "true"]);
    assert_eq!(person.wait(), End::Code(1), "{}", person.transcript());
    let said = person.transcript();
    for part in [
        "no channel acknowledged the alert",
        "gone: could not connect",
        "refusing: HTTP status 403",
        "--no-alert",
        "own acknowledged",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(
        nothing_was_written(&vault) && vault.site.records_of("intent").is_empty(),
        "{:?}",
        vault.account.actions()
    );
    assert_eq!(
        own.got().iter().map(|got| got.json["topic"].as_str().unwrap()).collect::<Vec<_>>(),
        ["opening", "not_opened"]
    );

    let mut person = open(&vault, &["--no-alert", "the pager's vendor is down too", "--", "true"]);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(
        person.transcript().contains("no alert the pager's vendor is down too"),
        "custodians should see the reason for sending no alert"
    );
    assert_eq!(vault.site.records_of("intent")[0]["no_alert"], "the pager's vendor is down too");
    let subject = refusing.got().last().expect("the alert should be sent anyway").json["subject"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(subject.starts_with("breakglass: OVERRIDE, "), "{subject}");
    let statement = &vault.site.records_of("approval").pop().unwrap()["envelope"]["payload"];
    let signed = base64::prelude::BASE64_STANDARD.decode(statement.as_str().unwrap()).unwrap();
    assert!(String::from_utf8(signed).unwrap().contains("\"no_alert\":\"the pager's vendor is down too\""));
}

#[test]
fn missing_channels_are_reported_before_custodians_are_asked() {
    let vault = two_of_two("no-channels").alerts(|_| Vec::new()).all_plugged();
    let mut person = vault.open("5m").run(&["true"]).start();
    assert_eq!(person.wait(), End::Code(1), "{}", person.transcript());
    let said = person.transcript();
    assert!(
        said.contains("no alert channels") && said.contains("--no-alert") && !said.contains("passphrase"),
        "{said}"
    );
    // If the vault has no alert channels, an acknowledgement from a channel of this machine counts.
    let own = Receiver::start(Manner::Status(200));
    vault.site.configure(&json!({"alerts": [own.channel("own")]}));
    let mut person = open(&vault, &["--", "true"]);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert_eq!(own.topics(&vault.site.last_session()), ["opening", "closed"]);
}

#[test]
fn sealing_warns_about_an_alert_channel_that_points_at_this_machine() {
    let account = Aws::shared().seed("alerts-here");
    let site = Site::enrolled(PROGRAM, &["alice", "bob"]);
    let (topic, publisher) = account.topic("oncall");
    let mut payload = account.payload(Account::grant(), "4h");
    payload["alerts"] = json!([Receiver::shared().channel("here"), {"name": "topic", "kind": "sns", "topic_arn": topic,
        "key": {"access_key_id": publisher.key, "secret_access_key": publisher.secret}}]);
    let done = site.try_seal("here.age", payload.to_string().as_bytes(), 2, &[]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(0), "{said}");
    assert!(said.contains("alert channel here points at this machine"), "{said}");
    assert!(!said.contains("alert channel topic"), "{said}");
}

#[test]
fn an_alert_is_acknowledged_despite_an_incomplete_response_or_a_wrong_clock() {
    let (stalling, ahead) =
        (Receiver::start(Manner::Stalls), Receiver::start(Manner::Ahead(Duration::from_hours(1))));
    let vault = two_of_two("alerts-clock")
        .alerts(|_| vec![stalling.channel("stalling"), ahead.channel("ahead")])
        .all_plugged();
    let mut person = open(&vault, &["--", "sleep", "2"]);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert_eq!(acknowledged(&vault, "opening"), ["ahead", "stalling"], "{}", person.transcript());
    let got = ahead.got();
    assert!(
        got.len() >= 2 && verifies(&json!(got[0].headers), &got[0].body),
        "the first request should be signed with this machine's time"
    );
    let signed = |at: usize| got[at].headers["webhook-timestamp"].parse::<i64>().unwrap();
    assert!(
        (3_500..=3_700).contains(&(signed(1) - signed(0))),
        "the second request should be signed with the receiver's time"
    );
}

#[test]
fn a_refused_mail_recipient_does_not_prevent_mail_to_other_recipients() {
    let server = MailServer::starttls();
    let mut channel = server.channel("mail");
    channel["to"] = json!(["oncall@example.org", "gone@example.org", "slow@example.org"]);
    let vault = two_of_two("alerts-mail").alerts(|_| vec![channel]).all_plugged();
    let (name, authority) = server.env();
    let mut person = vault.open("5m").env(name, authority).run(&["sleep", "1"]).by_quorum();
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert_eq!(server.mails().len(), 2);
    let alert = vault.site.records_of("alert").remove(0);
    let detail = alert["detail"].as_str().unwrap();
    assert!(detail.contains("but not gone@example.org") && detail.contains("550"), "{alert}");
    assert!(detail.contains("other recipients, for whom the server did not answer in time"), "{alert}");
}

#[test]
fn a_local_command_is_notified_and_never_counts_as_an_acknowledgement() {
    let vault = two_of_two("program").alerts(|_| Vec::new()).all_plugged();
    let notify = vault.site.path("notify");
    let script = "#!/bin/sh\nd=$(dirname \"$0\")\nf=$(mktemp \"$d/alerts-XXXXXX\")\ncat > \"$f\"\nenv > \"$d/environment\"\n";
    write_program(&notify, script);
    vault.site.configure(&json!({"command": [notify]}));
    let mut person = vault.open("5m").run(&["true"]).start();
    assert_eq!(
        person.wait(),
        End::Code(1),
        "a command should not count as a channel: {}",
        person.transcript()
    );
    let mut person = open(&vault, &["--no-alert", "x", "--", "true"]);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let notified = |dir: &Path| {
        let files = std::fs::read_dir(dir).unwrap().flatten();
        let files = files.filter(|file| file.file_name().to_string_lossy().starts_with("alerts-"));
        let mut topics: Vec<_> = files
            .filter_map(|file| serde_json::from_slice::<Value>(&std::fs::read(file.path()).ok()?).ok())
            .map(|notice| notice["topic"].as_str().unwrap_or_default().to_owned())
            .collect();
        topics.sort();
        topics
    };
    let begun = Instant::now();
    while notified(vault.site.dir.path()).len() < 2 && begun.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(notified(vault.site.dir.path()), ["closed", "opening"]);
    let environment = std::fs::read_to_string(vault.site.path("environment")).unwrap();
    assert!(!environment.contains("AWS_") && !environment.contains("BREAKGLASS"), "{environment}");
    vault.site.configure(&json!({"command": [vault.site.path("no-such-program")]}));
    let mut person = open(&vault, &["--no-alert", "x", "--again", "x", "--", "true"]);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(person.transcript().contains("no-such-program: No such file"), "{}", person.transcript());
}

#[test]
fn an_invalid_configuration_is_reported_early_and_does_not_stop_a_close() {
    let vault =
        two_of_two("damaged-config").alerts(|_| vec![Receiver::shared().channel("oncall")]).all_plugged();
    let path = vault.site.path(".config/breakglass/config.json");
    let refused = |says: &str| {
        let mut person = vault.open("5m").run(&["true"]).start();
        assert_eq!(person.wait(), End::Code(2), "{}", person.transcript());
        let said = person.transcript();
        assert!(
            said.contains("config.json") && said.contains(says) && !said.contains("passphrase"),
            "{said}"
        );
        assert!(!said.contains("hidden-value"), "{said}");
    };
    for (config, says) in [
        (
            json!({"alerts": [{"name": "x", "kind": "slack", "url": "http://example.org/hidden-value"}]}),
            "allowed for loopback only",
        ),
        (
            json!({"alerts": [{"name": "x", "kind": "carrier-pigeon"}]}),
            "alerts[0].kind: expected one of `sns`",
        ),
        (json!({"hidden-value": 1}), "unknown field (line 1"),
        (
            json!({"alerts": [{"name": "hidden-value-hidden-value-012345", "kind": "pagerduty",
                "routing_key": "hidden-value-hidden-value-012345", "timeout": "2m"}]}),
            "a secret is in its name, which is public",
        ),
        (
            json!({"alerts": [{"name": "hidden-value", "kind": "slack", "url": Receiver::unreachable()},
                {"name": "x", "kind": "slack", "url": "hidden-value"}]}),
            "alert channel 1: a secret is in its name",
        ),
        (json!({"command": ["notify"]}), "command[0]: expected an absolute path"),
        (json!({"ledgers": ["other.jsonl"]}), "ledgers[0]: expected an absolute path"),
        (
            json!({"ship": {"bucket": "b", "region": "eu west", "profile": "p", "retain_days": 1, "mode": "GOVERNANCE"}}),
            "ship.region: expected a region",
        ),
        (
            json!({"ship": {"bucket": "b", "region": "eu-west-1", "profile": "p", "retain_days": 0, "mode": "GOVERNANCE"}}),
            "retain_days",
        ),
    ] {
        vault.site.configure(&config);
        refused(says);
    }
    std::fs::write(&path, "{\"alerts\": [").unwrap();
    refused("not JSON (line 1");
    std::fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").args(["-m", "600"]).arg(&path).status().unwrap().success());
    refused("not a regular file");
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "{}").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
    refused("another user could have written the file");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
    refused("neither you nor root");
    let mut person = vault.close(&[]);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
}

#[test]
fn a_failed_close_and_a_close_on_another_machine_send_alerts() {
    let (oncall, pager) = (Receiver::start(Manner::Status(200)), Receiver::start(Manner::Status(202)));
    let page = json!({"name": "pager", "kind": "pagerduty", "routing_key": "r0ut1ngkeyr0ut1ngkeyr0ut1ngkey00", "url": pager.url()});
    let vault = two_of_two("alerts-of-close").alerts(|_| vec![oncall.channel("oncall"), page]).all_plugged();
    let proxy = Proxy::before(&vault.account);
    let mut person = vault.open("5m").proxy(&proxy).hold().until_open();
    // The program makes the first `AttachUserPolicy` call before it opens access, to prove that the closer can close.
    // The network is cut from the second `AttachUserPolicy` call on.
    proxy.spoil(Spot::new("AttachUserPolicy", "", 2), Fault::Gone);
    person.type_raw(b"q");
    person.expect("close: proving");
    for _ in 0..2 {
        person.send_signal(Signal::SIGTERM);
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(person.wait(), End::Code(10), "{}", person.transcript());
    assert_eq!(oncall.topics(&vault.site.last_session()), ["opening", "may_be_open"]);
    let record =
        vault.site.records_of("alert").into_iter().find(|alert| alert["channel"] == "oncall").unwrap();
    assert!(
        record["receipt"].is_null() && record["acknowledged"].is_string(),
        "the alert should be recorded as acknowledged, without an id from the receiver: {record}"
    );

    // A close with `--profile` does not decrypt the vault, so only the channels in this machine's configuration get
    // alerts.
    let own = Receiver::start(Manner::Status(200));
    vault.site.configure(&json!({"alerts": [own.channel("own")]}));
    let mut command = vault.site.with_profile(
        "oncall",
        &vault.account.closer,
        &["close", "prod.age", "--profile", "oncall", "--force"],
    );
    command.env("BREAKGLASS_STATE", vault.site.path("elsewhere"));
    let done = command.output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(own.topics(&vault.site.last_session()), ["closed"]);
    let notice = &own.got()[0].json;
    assert_eq!(notice["forced"], true, "the alert should say that the window was closed by force");
    assert!(notice["subject"].as_str().unwrap().contains("OVERRIDE"), "{notice}");
    assert_eq!(oncall.got().len(), 2, "a close without a quorum should not notify the channels in the vault");
    let mut person = vault.close(&[]);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert_eq!(
        oncall.got().len(),
        4,
        "a close by a quorum should notify the channels in the vault, when it begins and when it has ended"
    );
    let events = pager.got();
    let of = |action: &str| {
        let of = events.iter().filter(|event| event.json["event_action"] == action);
        of.map(|event| event.json["dedup_key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let incident = format!("breakglass-{}", vault.site.last_session());
    assert_eq!(
        of("trigger"),
        [incident.clone(), format!("{incident}-may-be-open"), incident.clone()],
        "the alert that access may still be open should create a second incident"
    );
    assert!(of("trigger").iter().all(|incident| of("resolve").contains(incident)), "{events:?}");
}

#[test]
fn a_close_without_a_quorum_alerts_only_the_channels_of_this_machine() {
    let own = Receiver::start(Manner::Status(200));
    let vault = two_of_two("alerts-of-no-quorum")
        .alerts(|_| vec![Receiver::shared().channel("oncall")])
        .all_plugged();
    vault.site.configure(&json!({"alerts": [own.channel("own")]}));
    let close = || {
        let mut person = vault.site.person(&["close", "prod.age", "--wait", "1s"]);
        assert_eq!(person.wait(), End::Code(3), "{}", person.transcript());
        person.transcript()
    };
    vault.site.pull("bob");
    assert!(!close().contains("alert: "), "no alert should be sent if nothing was open");
    vault.site.plug("bob");
    let mut person = open(&vault, &["--again", "x", "--hold"]);
    person.expect("left");
    person.send_signal(Signal::SIGKILL);
    person.wait();
    vault.site.pull("bob");
    let said = close();
    assert!(said.contains("alert: own acknowledged (configured on this machine)"), "{said}");
    assert_eq!(own.topics(&vault.site.last_session()), ["opening", "may_be_open"]);
    let subject = own.got()[0].json["subject"].as_str().unwrap().to_owned();
    assert!(subject.contains("OVERRIDE"), "the subject should mark --again as an override: {subject}");
}

#[test]
fn a_failed_opening_sends_an_alert() {
    let oncall = Receiver::start(Manner::Status(200));
    let vault = two_of_two("alerts-of-nothing").alerts(|_| vec![oncall.channel("oncall")]).all_plugged();
    vault.account.drift(rig::aws::Drift::Group);
    let reason = "x <script>alert(1)</script> é";
    let mut person = vault.open("5m").reason(reason).run(&["true"]).by_quorum();
    assert_eq!(person.wait(), End::Code(5), "{}", person.transcript());
    assert_eq!(oncall.topics(&vault.site.last_session()), ["opening", "not_opened"]);
    let notice = &oncall.got()[1].json;
    assert!(notice["detail"].as_str().unwrap().contains("admins"), "{notice}");
    assert_eq!(notice["reason"], reason, "the alert should have the reason unchanged");
    assert!(notice["subject"].as_str().unwrap().is_ascii(), "{notice}");
}

#[test]
fn a_wrong_local_clock_does_not_stop_an_sns_alert() {
    let vault = two_of_two("alerts-late")
        .alerts(|account| {
            let (topic, publisher) = account.topic("oncall");
            vec![json!({"name": "topic", "kind": "sns", "topic_arn": topic,
            "key": {"access_key_id": publisher.key, "secret_access_key": publisher.secret}})]
        })
        .all_plugged();
    vault.account.set_ahead(600);
    let proxy = Proxy::before(&vault.account);
    let mut person = vault.open("5m").proxy(&proxy).run(&["true"]).by_quorum();
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert_eq!(acknowledged(&vault, "opening"), ["topic"], "{}", person.transcript());
    let asked = proxy.calls().into_iter().filter(|call| call.action == "Publish").count();
    assert!(
        asked >= 3,
        "the control: AWS should refuse the first request because its time is wrong; {asked} requests were sent"
    );
}

#[test]
fn a_close_that_cannot_reach_aws_sends_an_alert() {
    let vault =
        two_of_two("alerts-of-no-close").alerts(|_| vec![Receiver::shared().channel("oncall")]).all_plugged();
    let own = Receiver::start(Manner::Status(200));
    vault.site.configure(&json!({"alerts": [own.channel("own")]}));
    let mut command = vault.site.with_profile(
        "oncall",
        &vault.account.closer,
        &["close", "prod.age", "--profile", "oncall"],
    );
    command.env("AWS_ENDPOINT_URL", Receiver::unreachable().trim_end_matches("/alert"));
    let done = command.output().unwrap();
    assert_eq!(done.status.code(), Some(10), "{}", String::from_utf8_lossy(&done.stderr));
    let got = own.got();
    assert_eq!(got.len(), 1, "{}", String::from_utf8_lossy(&done.stderr));
    let (notice, id) = (&got[0].json, &got[0].headers["webhook-id"]);
    assert_eq!((&notice["topic"], &notice["session"]), (&"may_be_open".into(), &Value::Null));
    let again = command.output().unwrap();
    assert_eq!(again.status.code(), Some(10));
    assert_ne!(
        *id,
        own.got()[1].headers["webhook-id"],
        "the second alert should have a different id, so that receivers do not treat it as a duplicate"
    );
}

#[test]
fn a_signal_ends_the_wait_for_an_acknowledgement() {
    let hanging = Receiver::start(Manner::Hang);
    let mut channel = hanging.channel("hanging");
    channel["timeout"] = "60s".into();
    let vault = two_of_two("impatient").alerts(|_| vec![channel]).all_plugged();
    let mut person = open(&vault, &["--", "true"]);
    person.expect("alert: notifying hanging");
    let begun = Instant::now();
    while hanging.got().is_empty() && begun.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(50));
    }
    let stopped = Instant::now();
    person.send_signal(Signal::SIGTERM);
    assert_eq!(person.wait(), End::Code(143), "{}", person.transcript());
    assert!(stopped.elapsed() < Duration::from_secs(5), "{:?}", stopped.elapsed());
    assert!(
        nothing_was_written(&vault) && vault.site.records_of("intent").is_empty(),
        "{:?}",
        vault.account.actions()
    );
    let topics: Vec<_> = hanging.got().into_iter().map(|got| got.json["topic"].clone()).collect();
    assert_eq!(topics, ["opening", "not_opened"], "an alert should report that nothing was opened");
}
