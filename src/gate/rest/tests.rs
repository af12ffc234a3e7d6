use serde_json::json;

use super::*;
use crate::gate::fault::Fault;
use crate::gate::policy::{GATE, Gate};
use crate::gate::snapshot::{Credential, User};
use crate::vault::canonical;
use crate::vault::target::deny_all_arn;

const DENY: &str = "arn:aws:iam::aws:policy/AWSDenyAll";
const CEILING: &str = "arn:aws:iam::111122223333:policy/breakglass-ceiling";
const KEY: &str = "AKIAEMERGENCY";

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn now() -> Timestamp {
    at("2026-11-22T02:30:00Z")
}

fn ceiling() -> Value {
    json!({"Version": "2012-10-17", "Statement": []})
}

fn expected() -> Expected {
    Expected {
        user: "emergency".into(),
        deny: deny_all_arn("aws"),
        boundary: CEILING.into(),
        boundary_sha256: canonical::try_digest(&ceiling()).expect("digest"),
        key: KEY.into(),
    }
}

fn credential(id: &str, active: bool) -> Credential {
    Credential { id: id.into(), active }
}

fn rest() -> Snapshot {
    Snapshot {
        user: Ok(Some(User { boundary: Some(CEILING.into()) })),
        boundary_document: Ok(ceiling()),
        inline: Ok(vec![]),
        gate: Ok(None),
        attached: Ok(vec![DENY.into()]),
        groups: Ok(vec![]),
        keys: Ok(vec![credential(KEY, false)]),
        login_profile: Ok(false),
        ssh_keys: Ok(vec![]),
        certificates: Ok(vec![]),
        service_credentials: Ok(vec![]),
    }
}

fn gate(until: &str) -> Value {
    Gate {
        session: SessionId::from_bytes([1; 8]),
        from: at("2026-11-22T02:00:00Z"),
        until: at(until),
        grant: &[json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})],
        regions: &["eu-west-1".into()],
        mfa: false,
    }
    .document()
}

fn with(change: impl FnOnce(&mut Snapshot)) -> Verdict {
    let mut snapshot = rest();
    change(&mut snapshot);
    judge(&snapshot, &expected(), now()).verdict
}

#[test]
fn at_rest_is_at_rest() {
    assert_eq!(with(|_| {}), Verdict::AtRest);
    let inert = |s: &mut Snapshot| {
        s.inline = Ok(vec![GATE.into()]);
        s.gate = Ok(Some(gate("2026-11-22T03:00:00Z")));
    };
    assert_eq!(with(inert), Verdict::AtRest, "a gate is inert under the deny");
}

#[test]
fn every_drift_is_named() {
    type Row = (fn(&mut Snapshot), Finding, &'static str);
    let table: Vec<Row> = vec![
        (|s| s.user = Ok(None), Finding::NoUser, "no such user"),
        (|s| s.user = Ok(Some(User { boundary: None })), Finding::NoBoundary, "no permissions boundary"),
        (
            |s| {
                let boundary = Some("arn:other".into());
                s.user = Ok(Some(User { boundary }));
            },
            Finding::OtherBoundary("arn:other".into()),
            "arn:other",
        ),
        (|s| s.boundary_document = Ok(json!({})), Finding::EditedBoundary(CEILING.into()), "edited since"),
        (
            |s| s.inline = Ok(vec![GATE.into(), "backdoor".into()]),
            Finding::InlinePolicy("backdoor".into()),
            "inline policy backdoor",
        ),
        (
            |s| s.attached = Ok(vec![DENY.into(), "arn:admin".into()]),
            Finding::AttachedPolicy("arn:admin".into()),
            "arn:admin",
        ),
        (|s| s.groups = Ok(vec!["admins".into()]), Finding::Group("admins".into()), "group admins"),
        (
            |s| s.keys = Ok(vec![credential(KEY, false), credential("AKIAOTHER", true)]),
            Finding::ActiveKey("AKIAOTHER".into()),
            "AKIAOTHER",
        ),
        (|s| s.keys = Ok(vec![]), Finding::KeyMissing(KEY.into()), KEY),
        (|s| s.login_profile = Ok(true), Finding::LoginProfile, "console password"),
        (|s| s.ssh_keys = Ok(vec![credential("APKA", true)]), Finding::SshKey("APKA".into()), "SSH key APKA"),
        (
            |s| s.certificates = Ok(vec![credential("CERT", true)]),
            Finding::Certificate("CERT".into()),
            "certificate CERT",
        ),
        (
            |s| s.service_credentials = Ok(vec![credential("ACCA", true)]),
            Finding::ServiceCredential("ACCA".into()),
            "credential ACCA",
        ),
        (
            |s| {
                s.attached = Ok(vec![]);
                s.inline = Ok(vec![GATE.into()]);
                s.gate =
                    Ok(Some(json!({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})));
            },
            Finding::ForeignGate,
            "not written by this tool",
        ),
    ];
    for (change, finding, words) in table {
        assert!(finding.to_string().contains(words), "{finding}");
        assert_eq!(with(change), Verdict::Drift(vec![finding]));
    }
}

#[test]
fn what_could_not_be_read_is_never_absent() {
    let fault = || Fault::Refused("AccessDenied".into());
    let table: Vec<fn(&mut Snapshot, Fault)> = vec![
        |s, f| s.user = Err(f),
        |s, f| s.boundary_document = Err(f),
        |s, f| s.inline = Err(f),
        |s, f| s.gate = Err(f),
        |s, f| s.attached = Err(f),
        |s, f| s.groups = Err(f),
        |s, f| s.keys = Err(f),
        |s, f| s.login_profile = Err(f),
        |s, f| s.ssh_keys = Err(f),
        |s, f| s.certificates = Err(f),
        |s, f| s.service_credentials = Err(f),
    ];
    for (index, change) in table.into_iter().enumerate() {
        match with(|s| change(s, fault())) {
            Verdict::Drift(findings) => {
                assert!(matches!(findings[0], Finding::Unread(..)), "{index}: {findings:?}");
            }
            other => panic!("{index}: {other:?}"),
        }
    }
}

#[test]
fn an_end_ahead_without_a_deny_is_somebodys_window() {
    let open = |s: &mut Snapshot| {
        s.attached = Ok(vec![]);
        s.inline = Ok(vec![GATE.into()]);
        s.gate = Ok(Some(gate("2026-11-22T03:00:00Z")));
        s.keys = Ok(vec![credential(KEY, true)]);
    };
    let until = at("2026-11-22T03:00:00Z");
    assert_eq!(with(open), Verdict::OpenWindow { session: SessionId::from_bytes([1; 8]), until });
}

#[test]
fn an_end_that_has_passed_is_untidy() {
    let past = |s: &mut Snapshot| {
        s.attached = Ok(vec![]);
        s.inline = Ok(vec![GATE.into()]);
        s.gate = Ok(Some(gate("2026-11-22T02:30:00Z")));
        s.keys = Ok(vec![credential(KEY, true)]);
    };
    assert_eq!(with(past), Verdict::Untidy(vec![Leftover::DenyMissing, Leftover::KeyActive]));
    assert_eq!(with(|s| s.attached = Ok(vec![])), Verdict::Untidy(vec![Leftover::DenyMissing]));
    let active = |s: &mut Snapshot| s.keys = Ok(vec![credential(KEY, true)]);
    assert_eq!(with(active), Verdict::Untidy(vec![Leftover::KeyActive]));
}

#[test]
fn what_is_inactive_warns_at_most() {
    let mut snapshot = rest();
    snapshot.keys = Ok(vec![credential(KEY, false), credential("AKIAOLD", false)]);
    snapshot.ssh_keys = Ok(vec![credential("APKA", false)]);
    let judgement = judge(&snapshot, &expected(), now());
    assert_eq!(judgement.verdict, Verdict::AtRest);
    assert!(judgement.warnings.iter().any(|w| w.contains("AKIAOLD")), "{:?}", judgement.warnings);
}
