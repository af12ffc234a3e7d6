//! Evaluates the emergency user's policies at rest, during a window and after T1. The IAM policy evaluator shares no
//! code with the program.

use breakglass::gate::SessionId;
use breakglass::gate::policy::{Gate, ending};
use iam_rs::{Arn, Context, Decision, IAMPolicy, IAMRequest, Principal, PrincipalId, evaluate_policies};
use serde_json::{Value, json};

const DENY_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
const T0: &str = "2026-11-22T02:17:00Z";
const T1: &str = "2026-11-22T03:17:00Z";

fn policy(text: &str) -> IAMPolicy {
    IAMPolicy::from_json(text).expect("the text should be a valid policy")
}

fn gate() -> Value {
    gate_under(false)
}

fn gate_under(mfa: bool) -> Value {
    Gate {
        session: SessionId::from_bytes([7; 8]),
        from: T0.parse().expect("the time should be valid"),
        until: T1.parse().expect("the time should be valid"),
        grant: &[
            json!({"Effect": "Allow", "Action": ["ec2:*", "s3:Get*"], "Resource": "*"}),
            json!({"Effect": "Deny", "Action": "ec2:RunInstances", "Resource": "*"}),
        ],
        regions: &["eu-west-1".into()],
        mfa,
    }
    .document()
}

/// Returns whether IAM allows a call of the emergency user. The user's policies and the permissions boundary must
/// both allow the call.
fn allows(own: &[IAMPolicy], action: &str, at: &str, region: &str, issued: Option<&str>) -> bool {
    let mut context =
        Context::new().with_string("aws:CurrentTime", at).with_string("aws:RequestedRegion", region);
    if let Some(issued) = issued {
        context = context.with_string("aws:TokenIssueTime", issued);
    }
    judged(own, action, context)
}

fn judged(own: &[IAMPolicy], action: &str, context: Context) -> bool {
    let user = "arn:aws:iam::111122223333:user/emergency";
    let request = IAMRequest::new_with_context(
        Principal::Aws(PrincipalId::String(user.into())),
        action,
        Arn::parse("arn:aws:s3:::any/thing").expect("the ARN should be valid"),
        context,
    );
    let ceiling = [policy(include_str!("../policies/ceiling.json"))];
    let judge = |policies| matches!(evaluate_policies(policies, &request), Ok(Decision::Allow));
    judge(own) && judge(&ceiling)
}

#[test]
fn the_gate_opens_at_t0_and_ends_at_t1_without_a_close() {
    let open = [policy(&gate().to_string())];
    let table = [
        ("2026-11-22T02:16:59Z", false),
        (T0, true),
        ("2026-11-22T02:45:00Z", true),
        ("2026-11-22T03:16:59Z", true),
        (T1, false),
        ("2027-01-01T00:00:00Z", false),
    ];
    for (at, allowed) in table {
        for action in ["s3:GetObject", "ec2:StopInstances", "sns:ListTopics"] {
            assert_eq!(allows(&open, action, at, "eu-west-1", None), allowed, "{action} at {at}");
            assert_eq!(
                allows(&open, action, at, "eu-west-1", Some(T0)),
                allowed,
                "{action} at {at}, with a session"
            );
        }
    }
}

#[test]
fn the_gate_allows_only_granted_actions_in_granted_regions_with_new_sessions() {
    let open = [policy(&gate().to_string())];
    let during = "2026-11-22T02:45:00Z";
    for action in
        ["rds:DeleteDBInstance", "iam:CreateUser", "sts:AssumeRole", "s3:PutObject", "ec2:RunInstances"]
    {
        assert!(!allows(&open, action, during, "eu-west-1", None), "{action}");
    }
    assert!(
        !allows(&open, "s3:GetObject", during, "us-east-1", None),
        "a call in a region that is not granted should be refused"
    );
    let before = "2026-11-22T02:16:59Z";
    assert!(
        !allows(&open, "s3:GetObject", during, "eu-west-1", Some(before)),
        "a session that was issued before T0 should be refused"
    );
}

#[test]
fn while_the_deny_is_attached_nothing_is_allowed() {
    let sealed = [policy(&gate().to_string()), policy(DENY_ALL)];
    for action in ["s3:GetObject", "sns:ListTopics"] {
        assert!(!allows(&sealed, action, "2026-11-22T02:45:00Z", "eu-west-1", Some(T0)));
        assert!(!allows(&[policy(DENY_ALL)], action, "2026-11-22T02:45:00Z", "eu-west-1", None));
        assert!(!allows(&[], action, "2026-11-22T02:45:00Z", "eu-west-1", None));
    }
}

#[test]
fn a_gate_with_mfa_demands_mfa_for_the_grant_but_not_for_the_probe() {
    let open = [policy(&gate_under(true).to_string())];
    let during = "2026-11-22T02:45:00Z";
    let with = |mfa: Option<bool>| {
        let context = Context::new()
            .with_string("aws:CurrentTime", during)
            .with_string("aws:RequestedRegion", "eu-west-1");
        mfa.map_or(context.clone(), |mfa| context.with_boolean("aws:MultiFactorAuthPresent", mfa))
    };
    for (mfa, allowed) in [(None, false), (Some(false), false), (Some(true), true)] {
        assert_eq!(judged(&open, "s3:GetObject", with(mfa)), allowed, "{mfa:?}");
        assert!(judged(&open, "sns:ListTopics", with(mfa)), "the probe should not need MFA: {mfa:?}");
    }
}

#[test]
fn a_role_session_has_only_the_grant_and_only_within_the_window() {
    // The role's policy allows more than the gate. The session policy is the gate's document.
    let role = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","sqs:*","sns:ListTopics"],"Resource":"*"}]}"#;
    let both = |action: &str, at: &str| {
        [role.to_owned(), gate().to_string()]
            .iter()
            .all(|text| allows(&[policy(text)], action, at, "eu-west-1", Some(T0)))
    };
    assert!(both("s3:GetObject", "2026-11-22T02:45:00Z") && both("sns:ListTopics", "2026-11-22T02:45:00Z"));
    assert!(
        !both("sqs:SendMessage", "2026-11-22T02:45:00Z"),
        "the session should not be allowed to call SQS, because the gate does not grant SQS"
    );
    assert!(!both("s3:GetObject", T1) && !both("sns:ListTopics", T1));
}

#[test]
fn a_federated_session_ends_at_t1_by_its_own_policy() {
    let until = T1.parse().expect("the time should be valid");
    let own = [policy(&ending(SessionId::from_bytes([7; 8]), until).to_string())];
    assert!(allows(&own, "s3:GetObject", "2026-11-22T03:16:59Z", "eu-west-1", Some(T0)));
    assert!(!allows(&own, "s3:GetObject", T1, "eu-west-1", Some(T0)));
}

#[test]
fn a_role_is_assumed_only_with_mfa() {
    let trust = policy(
        &json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*",
            "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}]})
        .to_string(),
    );
    let request = |context: Context| {
        let user = PrincipalId::String("arn:aws:iam::111122223333:user/standby".into());
        let role = Arn::parse("arn:aws:iam::111122223333:role/Emergency").expect("the ARN should be valid");
        let request = IAMRequest::new_with_context(Principal::Aws(user), "sts:AssumeRole", role, context);
        matches!(evaluate_policies(std::slice::from_ref(&trust), &request), Ok(Decision::Allow))
    };
    assert!(!request(Context::new()), "a long-term key without MFA should not assume the role");
    assert!(request(Context::new().with_boolean("aws:MultiFactorAuthPresent", true)));
}
