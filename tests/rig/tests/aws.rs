//! Tests that the emulated AWS evaluates the gate as AWS's documentation describes.

use rig::aws::{Account, Aws, Creds, DENY_ALL, Drift, GATE, Probe, Rule, utc};
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);

fn account() -> Account {
    Aws::shared().seed("prod")
}

/// Opens access in the same steps as the program, with only the keys of the opener and the closer.
fn open(at: &Account, t0: i64, t1: i64) {
    put_gate(at, &at.opener, t0, t1).expect("the opener should be allowed to write the gate");
    switch(at, &at.closer, "Active").expect("the closer should be allowed to activate the key");
    detach(at, &at.opener).expect("the opener should be allowed to detach AWSDenyAll");
}

fn put_gate(at: &Account, who: &Creds, t0: i64, t1: i64) -> Result<Value, String> {
    let document = at.gate("Sabc", t0, t1).to_string();
    let args = json!({"UserName": at.user, "PolicyName": GATE, "PolicyDocument": document});
    iam(at, who, "put_user_policy", args)
}

fn switch(at: &Account, who: &Creds, status: &str) -> Result<Value, String> {
    let args = json!({"UserName": at.user, "AccessKeyId": at.emergency.key, "Status": status});
    iam(at, who, "update_access_key", args)
}

fn attach(at: &Account, who: &Creds, arn: &str) -> Result<Value, String> {
    iam(at, who, "attach_user_policy", json!({"UserName": at.user, "PolicyArn": arn}))
}

fn detach(at: &Account, who: &Creds) -> Result<Value, String> {
    iam(at, who, "detach_user_policy", json!({"UserName": at.user, "PolicyArn": DENY_ALL}))
}

/// Makes one IAM call. Returns an error as its code.
fn iam(at: &Account, who: &Creds, op: &str, args: Value) -> Result<Value, String> {
    at.call(who, "iam", op, args).map_err(|error| error.code)
}

fn refused(code: &str) -> Probe {
    Probe::Refused(code.to_owned())
}

/// Waits until AWS's clock has reached this second.
fn until(at: &Account, second: i64) {
    while at.now() < second {
        thread::sleep(Duration::from_millis(50));
    }
}

mod the_gate {
    use super::*;

    #[test]
    fn at_rest_the_key_is_refused() {
        let at = account();
        assert!(at.rest().at_rest());
        assert_eq!(at.probe(&at.emergency), refused("InvalidClientTokenId"));
        assert!(at.aws.session(&at.emergency).is_err());
    }

    #[test]
    fn an_active_key_has_no_access_while_the_deny_is_attached() {
        let at = account();
        put_gate(&at, &at.opener, at.now() - 1, at.now() + 600).unwrap();
        switch(&at, &at.closer, "Active").unwrap();
        assert_eq!(at.probe(&at.emergency), refused("AuthorizationError"));
    }

    #[test]
    fn detaching_the_deny_gives_no_access_while_the_key_is_inactive() {
        let at = account();
        put_gate(&at, &at.opener, at.now() - 1, at.now() + 600).unwrap();
        detach(&at, &at.opener).unwrap();
        assert_eq!(at.probe(&at.emergency), refused("InvalidClientTokenId"));
    }

    #[test]
    fn after_an_opening_the_key_and_its_sessions_can_use_only_the_grant() {
        let at = account();
        open(&at, at.now(), at.now() + 600);
        assert_eq!(at.probe(&at.emergency), Probe::Open);
        let session = at.aws.session(&at.emergency).unwrap();
        assert_eq!(at.probe(&session), Probe::Open);
        for who in [&at.emergency, &session] {
            at.call(who, "s3", "list_buckets", json!({})).expect("a granted call should work");
            let topic = at.call(who, "sns", "create_topic", json!({"Name": "t"}));
            assert_eq!(topic.unwrap_err().code, "AuthorizationError", "SNS should not be granted");
            let roles = iam(&at, who, "create_user", json!({"UserName": "mallory"}));
            assert!(roles.is_err(), "the permissions boundary should not allow this call");
        }
    }

    #[test]
    fn another_region_is_denied() {
        let at = account();
        open(&at, at.now(), at.now() + 600);
        let there = at.aws.call_in("us-east-2", &at.emergency, "sns", "list_topics", json!({}));
        assert_eq!(there.unwrap_err().code, "AuthorizationError");
    }

    #[test]
    fn before_t0_calls_with_the_key_are_denied() {
        let at = account();
        let t0 = at.now() + 300;
        open(&at, t0, t0 + 600);
        assert_eq!(at.probe(&at.emergency), refused("AuthorizationError"));
    }

    #[test]
    fn at_t1_aws_ends_access_without_a_close() {
        let at = account();
        let t1 = at.now() + 3;
        open(&at, at.now(), t1);
        let session = at.aws.session(&at.emergency).unwrap();
        assert_eq!((at.probe(&at.emergency), at.probe(&session)), (Probe::Open, Probe::Open));
        until(&at, t1);
        assert_eq!(at.probe(&at.emergency), refused("AuthorizationError"));
        assert_eq!(at.probe(&session), refused("AuthorizationError"));
        assert!(!at.rest().at_rest(), "access should end without a close");
    }

    #[test]
    fn a_session_issued_before_t0_gets_no_access() {
        let at = account();
        open(&at, at.now(), at.now() + 600);
        let stale = at.aws.session(&at.emergency).unwrap();
        assert_eq!(at.probe(&stale), Probe::Open);
        let next = at.now() + 1;
        until(&at, next);
        put_gate(&at, &at.opener, next, next + 600).unwrap();
        assert_eq!(at.probe(&stale), refused("AuthorizationError"));
        assert_eq!(
            at.probe(&at.emergency),
            Probe::Open,
            "a call with a long-term key, which has no `aws:TokenIssueTime`, should work"
        );
        assert_eq!(at.probe(&at.aws.session(&at.emergency).unwrap()), Probe::Open);
    }

    #[test]
    fn attaching_the_deny_ends_sessions_but_deactivating_the_key_does_not() {
        let at = account();
        open(&at, at.now(), at.now() + 600);
        let session = at.aws.session(&at.emergency).unwrap();
        switch(&at, &at.closer, "Inactive").unwrap();
        assert_eq!(at.probe(&at.emergency), refused("InvalidClientTokenId"));
        assert_eq!(at.probe(&session), Probe::Open);
        attach(&at, &at.closer, DENY_ALL).unwrap();
        assert_eq!(at.probe(&session), refused("AuthorizationError"));
        let named = at.call(&session, "sts", "get_caller_identity", json!({}));
        assert!(named.is_ok(), "GetCallerIdentity should work until the session expires");
    }

    #[test]
    fn a_session_cannot_call_iam_and_lasts_at_least_fifteen_minutes() {
        let at = account();
        open(&at, at.now(), at.now() + 600);
        let session = at.aws.session(&at.emergency).unwrap();
        let read = iam(&at, &session, "list_users", json!({}));
        assert_eq!(read.unwrap_err(), "InvalidClientTokenId");
        let short = at.call(&at.emergency, "sts", "get_session_token", json!({"DurationSeconds": 60}));
        assert_eq!(short.unwrap_err().code, "ValidationError");
        assert!(at.call(&session, "sts", "get_session_token", json!({})).is_err());
    }
}

mod the_principals {
    use super::*;

    #[test]
    fn the_opener_cannot_attach_activate_or_write_elsewhere() {
        let at = account();
        assert_eq!(attach(&at, &at.opener, DENY_ALL).unwrap_err(), "AccessDenied");
        assert_eq!(switch(&at, &at.opener, "Active").unwrap_err(), "AccessDenied");
        let elsewhere = json!({"UserName": "emergency-closer", "PolicyName": "x", "PolicyDocument": "{}"});
        assert_eq!(iam(&at, &at.opener, "put_user_policy", elsewhere).unwrap_err(), "AccessDenied");
        let boundary = json!({"UserName": at.user});
        let lifted = iam(&at, &at.opener, "delete_user_permissions_boundary", boundary);
        assert_eq!(lifted.unwrap_err(), "AccessDenied");
        assert_eq!(at.probe(&at.opener), refused("AuthorizationError"));
    }

    #[test]
    fn the_opener_cannot_write_a_gate_if_the_user_lacks_the_sealed_boundary() {
        for drift in [Drift::NoBoundary, Drift::OtherBoundary] {
            let at = account();
            at.drift(drift);
            let put = put_gate(&at, &at.opener, at.now(), at.now() + 600);
            assert_eq!(put.unwrap_err(), "AccessDenied", "{drift:?}");
        }
    }

    #[test]
    fn the_opener_can_detach_only_the_deny() {
        let at = account();
        at.drift(Drift::AttachedPolicy);
        let arn = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
        let args = json!({"UserName": at.user, "PolicyArn": arn});
        assert_eq!(iam(&at, &at.opener, "detach_user_policy", args).unwrap_err(), "AccessDenied");
    }

    #[test]
    fn the_closer_cannot_detach_policies_or_write_policies() {
        let at = account();
        assert_eq!(detach(&at, &at.closer).unwrap_err(), "AccessDenied");
        let put = put_gate(&at, &at.closer, at.now(), at.now() + 600);
        assert_eq!(put.unwrap_err(), "AccessDenied");
        assert_eq!(at.probe(&at.closer), refused("AuthorizationError"));
    }

    #[test]
    fn the_closer_can_attach_only_the_deny() {
        let at = account();
        let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
        assert_eq!(attach(&at, &at.closer, admin).unwrap_err(), "AccessDenied");
        attach(&at, &at.closer, DENY_ALL).expect("attaching a policy twice should not be an error");
    }

    #[test]
    fn opener_and_closer_can_read_the_users_state() {
        let at = account();
        for who in [&at.opener, &at.closer] {
            let user = || json!({"UserName": at.user});
            let found = iam(&at, who, "get_user", user()).unwrap();
            assert_eq!(found["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"], at.boundary_arn);
            for op in [
                "list_access_keys",
                "list_user_policies",
                "list_attached_user_policies",
                "list_groups_for_user",
                "list_ssh_public_keys",
                "list_signing_certificates",
                "list_service_specific_credentials",
                "list_mfa_devices",
            ] {
                iam(&at, who, op, user()).unwrap_or_else(|code| panic!("{op}: {code}"));
            }
            assert_eq!(iam(&at, who, "get_login_profile", user()).unwrap_err(), "NoSuchEntity");
            let gate = json!({"UserName": at.user, "PolicyName": GATE});
            assert_eq!(iam(&at, who, "get_user_policy", gate).unwrap_err(), "NoSuchEntity");

            let policy = iam(&at, who, "get_policy", json!({"PolicyArn": at.boundary_arn})).unwrap();
            let version = &policy["Policy"]["DefaultVersionId"];
            let args = json!({"PolicyArn": at.boundary_arn, "VersionId": version});
            let document = iam(&at, who, "get_policy_version", args).unwrap();
            assert_eq!(document["PolicyVersion"]["Document"], at.boundary);

            let other = iam(&at, who, "get_user", json!({"UserName": "emergency-opener"}));
            assert_eq!(other.unwrap_err(), "AccessDenied");
        }
    }

    #[test]
    fn a_wrong_secret_is_a_signature_error() {
        let at = account();
        let forged = Creds { secret: "x".repeat(40), ..at.closer.clone() };
        assert_eq!(attach(&at, &forged, DENY_ALL).unwrap_err(), "SignatureDoesNotMatch");
        assert_eq!(at.probe(&forged), Probe::Unclear("SignatureDoesNotMatch".to_owned()));
    }
}

mod what_iam_refuses {
    use super::*;

    #[test]
    fn an_inline_policy_over_its_quota_is_refused() {
        let at = account();
        let many = (0..200).map(|n| format!("s3:GetObject{n}")).collect::<Vec<_>>();
        let document = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": many, "Resource": "*"}]});
        let args = json!({"UserName": at.user, "PolicyName": GATE, "PolicyDocument": document.to_string()});
        assert_eq!(iam(&at, &at.opener, "put_user_policy", args).unwrap_err(), "LimitExceeded");
    }

    #[test]
    fn an_invalid_or_duplicate_sid_is_refused() {
        let at = account();
        let allow = |sid: &str| json!({"Sid": sid, "Effect": "Allow", "Action": "s3:*", "Resource": "*"});
        for statements in [json!([allow("a-b")]), json!([allow("a"), allow("a")])] {
            let document = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
            let args = json!({"UserName": at.user, "PolicyName": GATE, "PolicyDocument": document});
            let put = iam(&at, &at.opener, "put_user_policy", args);
            assert_eq!(put.unwrap_err(), "MalformedPolicyDocument");
        }
    }

    #[test]
    fn detaching_an_unattached_policy_is_an_error() {
        let at = account();
        detach(&at, &at.opener).unwrap();
        assert_eq!(detach(&at, &at.opener).unwrap_err(), "NoSuchEntity");
    }

    #[test]
    fn attaching_an_unknown_policy_is_an_error() {
        let at = account();
        let attach = json!({"UserName": at.user, "PolicyArn": "arn:aws:iam::aws:policy/AWSDenyAl"});
        assert_eq!(at.try_root("attach_user_policy", attach).unwrap_err().code, "NoSuchEntity");
    }
}

mod the_rig {
    use super::*;

    #[test]
    fn every_drift_can_be_created_and_read() {
        use Drift::*;
        let lists = [
            (Group, "list_groups_for_user", "Groups", 1),
            (AttachedPolicy, "list_attached_user_policies", "AttachedPolicies", 2),
            (InlinePolicy, "list_user_policies", "PolicyNames", 1),
            (SecondActiveKey, "list_access_keys", "AccessKeyMetadata", 2),
            (SecondInactiveKey, "list_access_keys", "AccessKeyMetadata", 2),
            (SshPublicKey, "list_ssh_public_keys", "SSHPublicKeys", 1),
            (SigningCertificate, "list_signing_certificates", "Certificates", 1),
            (ServiceCredential, "list_service_specific_credentials", "ServiceSpecificCredentials", 1),
            (MfaDevice, "list_mfa_devices", "MFADevices", 1),
            (DenyMissing, "list_attached_user_policies", "AttachedPolicies", 0),
        ];
        for (drift, op, member, expected) in lists {
            let at = account();
            at.drift(drift);
            let found = iam(&at, &at.closer, op, json!({"UserName": at.user})).unwrap();
            assert_eq!(found[member].as_array().unwrap().len(), expected, "{drift:?}");
        }

        let at = account();
        at.drift(LoginProfile);
        iam(&at, &at.closer, "get_login_profile", json!({"UserName": at.user})).unwrap();
        at.drift(KeyActive);
        assert!(at.rest().key_active);
        at.drift(EditedBoundary);
        let policy = iam(&at, &at.closer, "get_policy", json!({"PolicyArn": at.boundary_arn})).unwrap();
        assert_eq!(policy["Policy"]["DefaultVersionId"], "v2");

        let at = account();
        at.drift(UserMissing);
        let found = iam(&at, &at.closer, "get_user", json!({"UserName": at.user}));
        assert_eq!(found.unwrap_err(), "NoSuchEntity");
    }

    #[test]
    fn the_window_of_another_session_is_open_until_its_t1() {
        let at = account();
        at.put_window("Sffff", at.now() - 60, at.now() + 600);
        assert_eq!(at.probe(&at.emergency), Probe::Open);
        let gate = at.rest().gate.expect("the other window should have a gate");
        assert!(gate["Statement"][0]["Sid"].as_str().unwrap().starts_with("Sffff"));
        at.put_to_rest();
        assert_eq!(at.probe(&at.emergency), refused("InvalidClientTokenId"));
    }

    #[test]
    fn the_payload_has_the_values_of_the_account() {
        let at = account();
        let payload = at.payload(Account::grant(), "4h");
        let target = &payload["targets"][0];
        assert_eq!(target["account"], at.id);
        assert_eq!(target["opener"]["access_key_id"], at.opener.key);
        assert_eq!(target["boundary_sha256"].as_str().unwrap().len(), 64);
    }

    #[test]
    fn the_keys_of_one_emergency_user_cannot_change_another_user_of_the_account() {
        let at = account();
        let drill = at.second_user("prod-drill", "drill");
        assert_eq!(drill.id, at.id);
        assert_eq!(detach(&at, &drill.opener).unwrap_err(), "AccessDenied");
        open(&drill, drill.now(), drill.now() + 600);
        assert_eq!(drill.probe(&drill.emergency), Probe::Open);
        assert!(at.rest().at_rest());
    }

    #[test]
    fn an_alert_key_can_only_publish_to_its_topic() {
        let at = account();
        let (topic, key) = at.topic("oncall");
        let said = at.call(&key, "sns", "publish", json!({"TopicArn": topic, "Message": "opening"}));
        assert!(said.unwrap()["MessageId"].is_string());
        assert_eq!(at.probe(&key), refused("AuthorizationError"));
    }

    #[test]
    fn a_granted_call_of_another_service_works() {
        let at = account();
        open(&at, at.now(), at.now() + 600);
        let root = at.aws.root_of(&at.id);
        let s3 = |op, args| at.call(&root, "s3", op, args).unwrap_or_else(|error| panic!("{op}: {error:?}"));
        let constraint = json!({"LocationConstraint": "eu-west-1"});
        s3("create_bucket", json!({"Bucket": "evidence", "CreateBucketConfiguration": constraint}));
        s3("put_object", json!({"Bucket": "evidence", "Key": "note", "Body": "02:17"}));
        let read = at.call(&at.emergency, "s3", "get_object", json!({"Bucket": "evidence", "Key": "note"}));
        assert_eq!(read.expect("a granted call should work")["Body"], "MDI6MTc=");
        let write = json!({"Bucket": "evidence", "Key": "note", "Body": "03:17"});
        assert_eq!(at.call(&at.emergency, "s3", "put_object", write).unwrap_err().code, "AccessDenied");
        assert_eq!(s3("head_object", json!({"Bucket": "evidence", "Key": "note"}))["ContentLength"], 5);
    }

    #[test]
    fn accounts_are_separate() {
        let (one, two) = (account(), account());
        open(&one, one.now(), one.now() + 600);
        assert_ne!(one.id, two.id);
        assert!(two.rest().at_rest());
        assert!(iam(&two, &one.opener, "get_user", json!({"UserName": "missing"})).is_err());
    }

    #[test]
    fn dates_are_written_as_iam_writes_them() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_795_313_820), "2026-11-22T02:17:00Z");
    }

    #[test]
    fn the_clock_of_the_emulated_aws_can_be_ahead() {
        let at = account();
        open(&at, at.now(), at.now() + 600);
        let session = at.aws.session(&at.emergency).unwrap();
        at.set_ahead(590);
        assert_eq!(at.probe(&at.emergency), Probe::Open);
        at.set_ahead(601);
        assert_eq!(at.probe(&at.emergency), refused("AuthorizationError"));
        let reply = at.root("list_users", json!({}));
        let date = reply["ResponseMetadata"]["HTTPHeaders"]["date"].as_str().unwrap().to_owned();
        let minute = &utc(at.now())[14..16];
        let next = &utc(at.now() + 60)[14..16];
        assert!(date.contains(&format!(":{minute}:")) || date.contains(&format!(":{next}:")), "{date}");
        at.set_ahead(901);
        assert_eq!(at.probe(&session), refused("ExpiredToken"));
    }

    #[test]
    fn an_iam_write_can_take_effect_late() {
        let at = account();
        at.lag(Duration::from_secs(1));
        let started = Instant::now();
        open(&at, at.now(), at.now() + 600);
        assert!(!at.rest().denied, "IAM should show the write at once");
        assert_ne!(at.probe(&at.emergency), Probe::Open, "the write should not have taken effect yet");
        while at.probe(&at.emergency) != Probe::Open {
            assert!(started.elapsed() < PATIENCE);
            thread::sleep(Duration::from_millis(50));
        }
        assert!(started.elapsed() >= Duration::from_secs(1));
        at.put_to_rest();
        assert_eq!(at.probe(&at.emergency), Probe::Open, "the close should not have taken effect yet");
    }
}

/// Rules do not apply to the rig's calls, so these tests make calls with an unknown key. Rules apply to calls with an
/// unknown key, although AWS refuses such calls.
mod rules {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    /// Makes a call with an invalid signature. Returns the first line of the reply, or `None` if the connection was
    /// closed.
    fn stranger(at: &Account, action: &str) -> Option<String> {
        let body = format!("Action={action}&Version=2010-05-08&UserName={}", at.user);
        let scope = format!("{}/20261122/us-east-1/iam/aws4_request", at.closer.key);
        let request = format!(
            "POST / HTTP/1.1\r\nhost: iam\r\nconnection: close\r\nuser-agent: stranger\r\nauthorization: AWS4-HMAC-SHA256 \
             Credential={scope}, SignedHeaders=host, Signature=0\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(at.aws.endpoint().trim_start_matches("http://")).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).ok()?;
        reply.lines().next().map(str::to_owned)
    }

    #[test]
    fn the_journal_has_the_programs_calls_in_order_without_the_rigs_calls() {
        let at = account();
        at.probe(&at.opener);
        stranger(&at, "GetUser");
        stranger(&at, "ListAccessKeys");
        assert_eq!(at.actions(), ["GetUser", "ListAccessKeys"]);
        let call = &at.journal()[0];
        assert_eq!(call.key, at.closer.key);
        assert_eq!(call.principal.as_deref(), Some("emergency-closer"));
        assert_eq!(call.params["UserName"], "emergency");
        assert!(
            call.status >= Some(400) && call.code.is_some(),
            "a call without a signature should be refused: {call:?}"
        );
    }

    #[test]
    fn a_rule_can_hold_the_reply_of_a_call_that_took_effect() {
        let at = account();
        let rule = at.rule(Rule::after("GetUser").nth(2));
        assert!(stranger(&at, "GetUser").is_some());
        assert!(rule.wait(Duration::ZERO).is_none());
        thread::scope(|scope| {
            let second = scope.spawn(|| stranger(&at, "GetUser"));
            let call = rule.wait(PATIENCE).expect("the rule should hold the call");
            assert_eq!(call.action, "GetUser");
            assert_eq!(at.actions().len(), 2, "the held call should have taken effect");
            assert!(!second.is_finished());
            rule.release();
            assert!(second.join().unwrap().is_some());
        });
    }

    #[test]
    fn a_rule_can_hold_a_call_before_it_takes_effect() {
        let at = account();
        let rule = at.rule(Rule::before("*"));
        thread::scope(|scope| {
            scope.spawn(|| stranger(&at, "ListUsers"));
            assert_eq!(rule.wait(PATIENCE).expect("the rule should hold the call").action, "ListUsers");
            assert!(at.journal().is_empty());
            rule.release();
        });
        assert_eq!(at.actions(), ["ListUsers"]);
    }

    #[test]
    fn a_rule_can_lose_the_reply_before_or_after_a_call_takes_effect() {
        let at = account();
        let before = at.rule(Rule::before("GetUser").lose());
        assert_eq!(stranger(&at, "GetUser"), None);
        drop(before);
        let _after = at.rule(Rule::after("GetUser").lose());
        assert_eq!(stranger(&at, "GetUser"), None);
        let statuses: Vec<_> =
            at.journal().iter().map(|call| (call.outcome.clone(), call.status.is_some())).collect();
        assert_eq!(statuses, [("dropped".to_owned(), false), ("dropped".to_owned(), true)]);
    }

    #[test]
    fn a_rule_can_make_one_call_fail_and_let_the_next_succeed() {
        let at = account();
        let _rule = at.rule(Rule::before("GetUser").fail(503, "ServiceUnavailable"));
        assert!(stranger(&at, "GetUser").unwrap().contains("503"));
        assert!(!stranger(&at, "GetUser").unwrap().contains("503"));
    }

    #[test]
    fn a_call_can_arrive_late() {
        let at = account();
        let _rule = at.rule(Rule::before("GetUser").late(Duration::from_millis(300)));
        assert_eq!(stranger(&at, "GetUser"), None);
        assert!(at.journal().is_empty());
        thread::sleep(Duration::from_millis(900));
        assert_eq!(at.journal()[0].outcome, "late");
    }

    #[test]
    fn a_program_can_be_killed_right_after_its_call() {
        let at = account();
        let rule = at.rule(Rule::after("DetachUserPolicy"));
        let mut cli = at.aws.cli(&at.opener);
        cli.args(["iam", "detach-user-policy", "--user-name", &at.user, "--policy-arn", DENY_ALL]);
        let mut program = cli.spawn().unwrap();
        let call = rule.wait(PATIENCE).expect("the rule should hold the call");
        assert_eq!(call.principal.as_deref(), Some("emergency-opener"));
        assert!(program.try_wait().unwrap().is_none(), "the program should be waiting for the reply");
        program.kill().unwrap();
        program.wait().unwrap();
        assert!(!at.rest().denied, "the call should have taken effect");
    }

    #[test]
    fn a_rule_can_count_only_writes() {
        let at = account();
        let _rule = at.rule(Rule::before("*").writes().nth(2).fail(500, "ServiceFailure"));
        let failed = |action| stranger(&at, action).unwrap().contains("500");
        let calls = ["AttachUserPolicy", "GetUser", "ListUsers", "DetachUserPolicy", "AttachUserPolicy"];
        assert_eq!(calls.map(failed), [false, false, false, true, false]);
    }

    #[test]
    fn a_rule_applies_only_to_its_account() {
        let (one, two) = (account(), account());
        let _rule = one.rule(Rule::before("GetUser").fail(500, "ServiceFailure"));
        assert!(!stranger(&two, "GetUser").unwrap().contains("500"));
        assert!(stranger(&one, "GetUser").unwrap().contains("500"));
    }
}

#[test]
fn many_emulators_can_start_at_the_same_time() {
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let at = Aws::start().seed("prod");
                assert_eq!(at.id, "111122223333", "each emulator should have separate accounts");
                assert!(at.rest().at_rest());
            });
        }
    });
}

#[test]
fn an_emulator_ends_with_its_last_owner() {
    let aws = Aws::start();
    let address = aws.endpoint().trim_start_matches("http://").to_owned();
    assert!(std::net::TcpStream::connect(&address).is_ok());
    drop(aws);
    assert!(std::net::TcpStream::connect(&address).is_err());
}
