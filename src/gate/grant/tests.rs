use serde_json::json;

use super::reach::IDENTITIES;
use super::*;

fn regions() -> Vec<String> {
    vec!["eu-west-1".into()]
}

fn allow(action: &Value) -> Value {
    json!({"Effect": "Allow", "Action": action, "Resource": "*"})
}

fn checked(grant: &[Value], regions: &[String], repairs_identity: bool) -> Result<()> {
    check(&Terms { grant, regions, mfa: false, repairs_identity, may_outlive: &[] })
}

/// Returns the error for a grant with this statement. The grant has a second statement, which denies every action that
/// can outlive the window.
fn refusal(statement: Value, repairs: bool) -> Option<String> {
    let deny = json!({"Effect": "Deny", "NotAction": "iam:*", "Resource": "*"});
    checked(&[statement, deny], &regions(), repairs).err().map(|e| e.to_string())
}

#[test]
fn an_emergency_grant_is_accepted() {
    let grant = [
        allow(&json!([
            "ec2:Reboot*",
            "s3:GetObject",
            "rds:*",
            "sts:GetFederationToken",
            "iam:Get*",
            "iam:List*"
        ])),
        json!({"Effect": "Deny", "NotAction": "*", "NotResource": ["arn:aws:s3:::x"]}),
        json!({"Effect": "Deny", "Action": "iam:*", "Resource": "*"}),
    ];
    checked(&grant, &regions(), false).expect("the grant should be accepted");
}

#[test]
fn every_spelling_of_role_assumption_is_refused() {
    for action in [
        "*",
        "*:*",
        "sts:*",
        "s*:*",
        "STS:assumerole",
        "sts:?ssumeRole",
        "sts:AssumeRoot",
        "iam:PassRole",
        "iam:P*",
        "sts:*R*",
    ] {
        let said = refusal(allow(&json!(["s3:*", action])), true).unwrap_or_default();
        assert!(said.contains("statement 1") && said.contains("outlives the window"), "{action}: {said}");
    }
    let narrow = json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::1:role/x"});
    assert!(refusal(narrow, true).is_some());
}

#[test]
fn a_grant_that_changes_identities_needs_repairs_identity() {
    for action in [
        "iam:CreateUser",
        "iam:Put*",
        "IAM:*Policy",
        "iam:G*",
        "organizations:*",
        "sso:Create*",
        "identitystore:CreateUser",
        "account:*",
        "i*:CreateUser",
    ] {
        let said = refusal(allow(&json!(action)), false).unwrap_or_default();
        assert!(said.contains("repairs_identity"), "{action}: {said}");
        assert_eq!(refusal(allow(&json!(action)), true), None, "{action}");
    }
    assert_eq!(refusal(allow(&json!("iam:Get*")), false), None);
    assert_eq!(refusal(allow(&json!("organizations:Describe*")), false), None);
}

#[test]
fn an_allow_with_notaction_must_exclude_role_assumption_and_identities() {
    let but = |list: Value| json!({"Effect": "Allow", "NotAction": list, "Resource": "*"});
    let identities: Vec<String> = IDENTITIES.iter().map(|s| format!("{s}:*")).collect();
    let mut all = identities.clone();
    all.push("sts:Assume*".into());
    assert_eq!(refusal(but(json!(all)), false), None);
    assert!(refusal(but(json!(identities)), false).unwrap_or_default().contains("sts:AssumeRole*"));
    assert!(refusal(but(json!(["sts:*", "iam:*"])), false).unwrap_or_default().contains("organizations:*"));
    assert_eq!(refusal(but(json!(["sts:*", "iam:*"])), true), None);
    assert!(refusal(but(json!(["sts:AssumeRole", "iam:*"])), true).is_some());
}

#[test]
fn a_grant_that_iam_would_reject_is_refused() {
    for (why, statement) in [
        ("not an object", json!("Allow")),
        ("no effect", json!({"Action": "s3:*", "Resource": "*"})),
        ("effect in lower case", json!({"Effect": "allow", "Action": "s3:*", "Resource": "*"})),
        ("no resource", json!({"Effect": "Allow", "Action": "s3:*"})),
        ("no action", json!({"Effect": "Allow", "Resource": "*"})),
        (
            "both Action and NotAction",
            json!({"Effect": "Allow", "Action": "s3:*", "NotAction": "s3:*", "Resource": "*"}),
        ),
        ("empty list", json!({"Effect": "Allow", "Action": [], "Resource": "*"})),
        ("number", json!({"Effect": "Allow", "Action": [1], "Resource": "*"})),
        ("principal", json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Principal": "*"})),
        ("unknown field", json!({"Effect": "Allow", "action": "s3:*", "Resource": "*"})),
        ("no service", json!({"Effect": "Allow", "Action": "GetObject", "Resource": "*"})),
        (
            "unknown condition operator",
            json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*",
            "Condition": {"datelessthan": {"aws:X": "y"}}}),
        ),
        (
            "the same condition key twice",
            json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*",
            "Condition": {"StringEquals": {"aws:X": "y", "AWS:x": "z"}}}),
        ),
        (
            "a condition on the time",
            json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*",
            "Condition": {"DateLessThan": {"AWS:currenttime": "2030-01-01T00:00:00Z"}}}),
        ),
    ] {
        assert!(refusal(statement, true).is_some(), "{why}");
    }
    assert!(checked(&[], &regions(), true).is_err());
    assert!(checked(&[allow(&json!("s3:*"))], &[], true).is_err());
}

#[test]
fn a_grant_whose_gate_exceeds_the_inline_limit_is_refused() {
    let many = |n: usize| allow(&json!((0..n).map(|i| format!("s3:GetSomething{i:03}")).collect::<Vec<_>>()));
    let fit = |n: &usize| checked(&[many(*n)], &regions(), false).is_ok();
    let fits = (1..200).take_while(fit).last().expect("a grant of one action should not exceed the limit");
    let said = refusal(many(fits + 1), false).expect("a grant with one more action should exceed the limit");
    assert!(said.contains("2048 in inline") && said.contains("shorten the grant by"), "{said}");

    // The gate with the longest accepted grant is within IAM's limit. With one more action, the gate would exceed the
    // limit.
    let gate = Gate {
        session: SessionId::random(),
        from: "2026-11-22T02:17:00Z".parse().expect("instant"),
        until: "2026-11-22T03:17:00Z".parse().expect("instant"),
        grant: &[many(fits)],
        regions: &regions(),
        mfa: false,
    };
    let length = gate.document().to_string().len();
    assert!(length <= INLINE_LIMIT && length + 23 > INLINE_LIMIT, "{length}");
}
