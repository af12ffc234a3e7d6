use serde_json::{Value, json};

use super::*;
use crate::gate::fault::Fault;
use crate::gate::policy::{GATE, Gate};
use crate::gate::snapshot::{AccessState, Credential, User};
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
        allows_extra_key: false,
    }
}

fn credential(id: &str, active: bool) -> Credential {
    Credential::new(id, active)
}

fn expired(id: &str) -> Credential {
    Credential { other_status: Some("Expired".into()), ..credential(id, true) }
}

fn other_status(what: &'static str, id: &str) -> Drift {
    Drift::OtherStatus { what, id: id.into(), status: "Expired".into() }
}

fn rest() -> Snapshot {
    Snapshot {
        user: Ok(Some(User { boundary: Some(CEILING.into()) })),
        boundary_document: Ok(ceiling()),
        inline: Ok(vec![]),
        access: AccessState {
            gate: Ok(None),
            attached: Ok(vec![DENY.into()]),
            keys: Ok(vec![credential(KEY, false)]),
        },
        groups: Ok(vec![]),
        login_profile: Ok(false),
        ssh_keys: Ok(vec![]),
        certificates: Ok(vec![]),
        service_credentials: Ok(vec![]),
    }
}

fn gate_until(until: &str) -> Value {
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

fn with(change: impl FnOnce(&mut Snapshot)) -> UserState {
    let mut snapshot = rest();
    change(&mut snapshot);
    assess(&snapshot, &expected(), now()).state
}

#[test]
fn a_denied_user_without_an_active_key_is_at_rest() {
    assert_eq!(with(|_| {}), UserState::AtRest);
    let inert = |s: &mut Snapshot| {
        s.inline = Ok(vec![GATE.into()]);
        s.access.gate = Ok(Some(gate_until("2026-11-22T03:00:00Z")));
    };
    assert_eq!(with(inert), UserState::AtRest, "while AWSDenyAll is attached, a gate should have no effect");
}

#[test]
fn every_drift_is_named() {
    type Row = (fn(&mut Snapshot), Drift, &'static str);
    let table: Vec<Row> = vec![
        (|s| s.user = Ok(None), Drift::NoUser, "does not exist"),
        (|s| s.user = Ok(Some(User { boundary: None })), Drift::NoBoundary, "no permissions boundary"),
        (
            |s| {
                let boundary = Some("arn:other".into());
                s.user = Ok(Some(User { boundary }));
            },
            Drift::OtherBoundary("arn:other".into()),
            "arn:other",
        ),
        (|s| s.boundary_document = Ok(json!({})), Drift::EditedBoundary(CEILING.into()), "edited since"),
        (
            |s| s.inline = Ok(vec![GATE.into(), "backdoor".into()]),
            Drift::InlinePolicy("backdoor".into()),
            "inline policy backdoor",
        ),
        (
            |s| s.access.attached = Ok(vec![DENY.into(), "arn:admin".into()]),
            Drift::AttachedPolicy("arn:admin".into()),
            "arn:admin",
        ),
        (|s| s.groups = Ok(vec!["admins".into()]), Drift::Group("admins".into()), "group admins"),
        (
            |s| s.access.keys = Ok(vec![credential(KEY, false), credential("AKIAOTHER", true)]),
            Drift::ActiveKey("AKIAOTHER".into()),
            "AKIAOTHER",
        ),
        (|s| s.access.keys = Ok(vec![]), Drift::KeyMissing(KEY.into()), KEY),
        (|s| s.login_profile = Ok(true), Drift::LoginProfile, "console password"),
        (|s| s.ssh_keys = Ok(vec![credential("APKA", true)]), Drift::SshKey("APKA".into()), "SSH key APKA"),
        (
            |s| s.certificates = Ok(vec![credential("CERT", true)]),
            Drift::Certificate("CERT".into()),
            "certificate CERT",
        ),
        (
            |s| s.service_credentials = Ok(vec![credential("ACCA", true)]),
            Drift::ServiceCredential("ACCA".into()),
            "credential ACCA",
        ),
        (
            |s| s.service_credentials = Ok(vec![expired("ACCA")]),
            other_status("service-specific credential", "ACCA"),
            "ACCA with the status Expired",
        ),
        (
            |s| s.access.keys = Ok(vec![expired(KEY)]),
            other_status("access key", KEY),
            "with the status Expired",
        ),
        (
            |s| s.access.keys = Ok(vec![credential(KEY, false), expired("AKIAOTHER")]),
            other_status("access key", "AKIAOTHER"),
            "AKIAOTHER with the status Expired",
        ),
        (
            |s| {
                s.access.attached = Ok(vec![]);
                s.inline = Ok(vec![GATE.into()]);
                s.access.gate =
                    Ok(Some(json!({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})));
            },
            Drift::ForeignGate,
            "not written by this tool",
        ),
    ];
    for (change, finding, words) in table {
        assert!(finding.to_string().contains(words), "{finding}");
        assert_eq!(with(change), UserState::Drifted(vec![finding]));
    }
}

#[test]
fn a_failed_read_never_counts_as_absent() {
    let fault = || Fault::Refused("AccessDenied".into());
    let table: Vec<fn(&mut Snapshot, Fault)> = vec![
        |s, f| s.user = Err(f),
        |s, f| s.boundary_document = Err(f),
        |s, f| s.inline = Err(f),
        |s, f| s.access.gate = Err(f),
        |s, f| s.access.attached = Err(f),
        |s, f| s.groups = Err(f),
        |s, f| s.access.keys = Err(f),
        |s, f| s.login_profile = Err(f),
        |s, f| s.ssh_keys = Err(f),
        |s, f| s.certificates = Err(f),
        |s, f| s.service_credentials = Err(f),
    ];
    for (index, change) in table.into_iter().enumerate() {
        match with(|s| change(s, fault())) {
            UserState::Unknown(unread) => assert_eq!(unread[0].fault, fault(), "{index}"),
            other => panic!("{index}: {other:?}"),
        }
    }
}

#[test]
fn a_gate_that_ends_in_the_future_without_a_deny_is_an_open_window() {
    let open = |s: &mut Snapshot| {
        s.access.attached = Ok(vec![]);
        s.inline = Ok(vec![GATE.into()]);
        s.access.gate = Ok(Some(gate_until("2026-11-22T03:00:00Z")));
        s.access.keys = Ok(vec![credential(KEY, true)]);
    };
    let until = at("2026-11-22T03:00:00Z");
    assert_eq!(with(open), UserState::Open { session: SessionId::from_bytes([1; 8]), until });
}

#[test]
fn leftovers_without_a_gate_that_ends_in_the_future_are_untidy() {
    let past = |s: &mut Snapshot| {
        s.access.attached = Ok(vec![]);
        s.inline = Ok(vec![GATE.into()]);
        s.access.gate = Ok(Some(gate_until("2026-11-22T02:30:00Z")));
        s.access.keys = Ok(vec![credential(KEY, true)]);
    };
    assert_eq!(with(past), UserState::Untidy(vec![Leftover::DenyMissing, Leftover::KeyActive]));
    assert_eq!(with(|s| s.access.attached = Ok(vec![])), UserState::Untidy(vec![Leftover::DenyMissing]));
    let active = |s: &mut Snapshot| s.access.keys = Ok(vec![credential(KEY, true)]);
    assert_eq!(with(active), UserState::Untidy(vec![Leftover::KeyActive]));
}

#[test]
fn a_second_inactive_access_key_is_drift_unless_it_was_approved() {
    let mut snapshot = rest();
    snapshot.ssh_keys = Ok(vec![credential("APKA", false)]);
    assert_eq!(assess(&snapshot, &expected(), now()).state, UserState::AtRest);
    snapshot.access.keys = Ok(vec![credential(KEY, false), credential("AKIAOLD", false)]);
    let drift = vec![Drift::ExtraKey("AKIAOLD".into())];
    assert_eq!(assess(&snapshot, &expected(), now()).state, UserState::Drifted(drift));
    let approved = Expected { allows_extra_key: true, ..expected() };
    let assessment = assess(&snapshot, &approved, now());
    assert_eq!(assessment.state, UserState::AtRest);
    assert!(assessment.warnings.iter().any(|w| w.contains("AKIAOLD")), "{:?}", assessment.warnings);
}

fn access(attached: &str, key: &str, gate: &str) -> AccessState {
    let fault = || Fault::Unknown("no answer".into());
    let ours = |until| Ok(Some(gate_until(until)));
    AccessState {
        attached: match attached {
            "denied" => Ok(vec![DENY.into()]),
            "not denied" => Ok(vec![]),
            _ => Err(fault()),
        },
        keys: match key {
            "active" => Ok(vec![credential(KEY, true)]),
            "inactive" => Ok(vec![credential(KEY, false)]),
            _ => Err(fault()),
        },
        gate: match gate {
            "none" => Ok(None),
            "past" => ours("2026-11-22T02:30:00Z"),
            "ahead" => ours("2026-11-22T03:00:00Z"),
            "foreign" => Ok(Some(json!({"Statement": []}))),
            _ => Err(fault()),
        },
    }
}

fn name(state: &UserState) -> &'static str {
    match state {
        UserState::AtRest => "at rest",
        UserState::Open { .. } => "open",
        UserState::Opening { .. } => "opening",
        UserState::Unbounded => "unbounded",
        UserState::Untidy(_) => "untidy",
        UserState::Drifted(_) => "drifted",
        UserState::NotAtRest(_) => "not at rest",
        UserState::Unknown(_) => "unknown",
    }
}

#[test]
fn every_combination_of_reads_has_one_state() {
    const GATES: [&str; 5] = ["none", "past", "ahead", "foreign", "unread"];
    let table = [
        ("denied", "inactive", ["at rest"; 5]),
        ("denied", "active", ["untidy", "untidy", "opening", "untidy", "not at rest"]),
        ("denied", "unread", ["unknown"; 5]),
        ("not denied", "inactive", ["untidy", "untidy", "open", "untidy", "not at rest"]),
        ("not denied", "active", ["untidy", "untidy", "open", "unbounded", "not at rest"]),
        ("not denied", "unread", ["unknown", "unknown", "open", "unknown", "unknown"]),
        ("unread", "inactive", ["unknown"; 5]),
        ("unread", "active", ["unknown"; 5]),
        ("unread", "unread", ["unknown"; 5]),
    ];
    for (attached, key, answers) in table {
        for (gate, answer) in GATES.into_iter().zip(answers) {
            let access = access(attached, key, gate);
            let case = format!("{attached}, key {key}, gate {gate}");
            for keys in [None, Some(&[KEY.to_owned()][..])] {
                let scope = Scope { deny: DENY, keys };
                assert_eq!(name(&observe(&access, &scope, now())), answer, "{case}");
                let complete = if case.contains("unread") { "unknown" } else { answer };
                assert_eq!(name(&observe_complete(&access, &scope, now())), complete, "{case}, complete");
            }
        }
    }
}

#[test]
fn only_access_keys_in_the_scope_are_checked() {
    let mut access = access("denied", "inactive", "none");
    access.keys = Ok(vec![credential(KEY, false), credential("AKIAOTHER", true)]);
    let sealed = [KEY.to_owned()];
    let seen = |keys| observe(&access, &Scope { deny: DENY, keys }, now());
    assert_eq!(seen(Some(&sealed[..])), UserState::AtRest);
    assert_eq!(seen(None), UserState::Untidy(vec![Leftover::KeyActive]));
}
