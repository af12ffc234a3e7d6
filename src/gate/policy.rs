//! The inline policy `breakglass-gate`, which allows the sealed grant between T0 and T1. The policy denies all
//! actions before T0 and from T1 on.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::session::SessionId;
use crate::time_text::iso;
use crate::vault::canonical;

/// The name of the emergency user's inline policy that contains the grant and the window's times.
pub const GATE: &str = "breakglass-gate";

/// The actions that are allowed in every region, because the actions are global or needed in every region.
const EVERYWHERE: [&str; 5] =
    ["iam:*", "sts:*", "route53:*", "cloudtrail:LookupEvents", "s3:ListAllMyBuckets"];

/// The content of one gate.
#[derive(Clone, Debug)]
pub struct Gate<'a> {
    /// The id of the session, which is part of every statement id in the policy.
    pub session: SessionId,
    /// T0. The policy allows access from T0 on, and denies session tokens that were issued before T0.
    pub from: Timestamp,
    /// T1. The policy denies all actions from T1 on.
    pub until: Timestamp,
    /// The statements of the sealed grant, which `grant::check` has accepted.
    pub grant: &'a [Value],
    /// The AWS regions in which the grant applies.
    pub regions: &'a [String],
    /// Whether each Allow of the grant requires a session that was issued with MFA. A Deny of calls without MFA is not
    /// used, because such a Deny would also refuse the probe with the key.
    pub mfa: bool,
}

/// The session and the end of a gate that was read from IAM.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ParsedGate {
    /// The session that wrote the gate.
    pub session: SessionId,
    /// T1 of that session.
    pub until: Timestamp,
}

impl Gate<'_> {
    /// Returns the policy document.
    pub fn document(&self) -> Value {
        let mut statements: Vec<Value> =
            self.grant.iter().enumerate().map(|(index, sealed)| self.granted(index, sealed)).collect();
        statements.push(json!({
            "Sid": self.sid("Probe"), "Effect": "Allow", "Action": "sns:ListTopics", "Resource": "*",
            "Condition": within(&Map::new(), self.from, self.until),
        }));
        statements.push(self.deny("Early", "DateLessThan", "aws:CurrentTime", self.from));
        statements.push(self.deny("Late", "DateGreaterThanEquals", "aws:CurrentTime", self.until));
        statements.push(self.deny("OldTokens", "DateLessThan", "aws:TokenIssueTime", self.from));
        statements.push(json!({
            "Sid": self.sid("Region"), "Effect": "Deny", "NotAction": EVERYWHERE, "Resource": "*",
            "Condition": {"StringNotEquals": {"aws:RequestedRegion": self.regions}},
        }));
        json!({"Version": "2012-10-17", "Statement": statements})
    }

    /// Whether `document`, which was read from IAM, is equal to this gate's document.
    pub fn is(&self, document: &Value) -> bool {
        canonical::same(&self.document(), document)
    }

    /// Returns a sealed statement with a new statement id. Limits an Allow to the time from T0 to T1.
    fn granted(&self, index: usize, sealed: &Value) -> Value {
        let mut statement = sealed.as_object().cloned().unwrap_or_default();
        let number = if self.grant.len() == 1 { String::new() } else { (index + 1).to_string() };
        statement.insert("Sid".into(), json!(self.sid(&format!("Grant{number}"))));
        if statement.get("Effect").and_then(Value::as_str) != Some("Deny") {
            let own = statement.get("Condition").and_then(Value::as_object).cloned().unwrap_or_default();
            let mut within = within(&own, self.from, self.until);
            if self.mfa {
                demand(&mut within, "Bool", "aws:MultiFactorAuthPresent", "true");
            }
            statement.insert("Condition".into(), Value::Object(within));
        }
        Value::Object(statement)
    }

    fn deny(&self, name: &str, operator: &str, key: &str, at: Timestamp) -> Value {
        json!({
            "Sid": self.sid(name), "Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": {operator: {key: iso(at)}},
        })
    }

    fn sid(&self, name: &str) -> String {
        format!("S{}{name}", self.session)
    }
}

/// Returns the session policy that ends a federated session at T1. Before T1, this session policy allows all actions,
/// so it does not narrow the user's permissions.
pub fn ending(session: SessionId, until: Timestamp) -> Value {
    let at = iso(until);
    json!({"Version": "2012-10-17", "Statement": [
        {"Sid": format!("S{session}Work"), "Effect": "Allow", "Action": "*", "Resource": "*",
         "Condition": {"DateLessThan": {"aws:CurrentTime": at}}},
        {"Sid": format!("S{session}Late"), "Effect": "Deny", "Action": "*", "Resource": "*",
         "Condition": {"DateGreaterThanEquals": {"aws:CurrentTime": at}}},
    ]})
}

/// Adds the conditions for T0 and T1 to a statement's conditions. IAM requires all conditions to hold, so an added
/// condition only narrows the statement. The grant has no conditions on the time that could be overwritten, because
/// `grant::check` refuses such conditions.
fn within(own: &Map<String, Value>, from: Timestamp, until: Timestamp) -> Map<String, Value> {
    let mut all = own.clone();
    for (operator, at) in [("DateGreaterThanEquals", from), ("DateLessThan", until)] {
        demand(&mut all, operator, "aws:CurrentTime", &iso(at));
    }
    all
}

fn demand(conditions: &mut Map<String, Value>, operator: &str, key: &str, value: &str) {
    let keys = conditions.entry(operator).or_insert_with(|| json!({}));
    if let Some(keys) = keys.as_object_mut() {
        keys.insert(key.into(), json!(value));
    }
}

/// Reads a gate of any session, of any vault, and with any grant. Returns `None` if the program did not write the
/// policy.
pub fn parse_gate(document: &Value) -> Option<ParsedGate> {
    let statements = document.get("Statement")?.as_array()?;
    let late = statements.iter().find(|s| sid(s).is_some_and(|(_, name)| name == "Late"))?;
    let (session, _) = sid(late)?;
    let until = late.pointer("/Condition/DateGreaterThanEquals/aws:CurrentTime")?.as_str()?;
    let refuses_all =
        |s: &Value| s.get("Action") == Some(&json!("*")) && s.get("Resource") == Some(&json!("*"));
    let bounded = |s: &Value| match s.get("Effect").and_then(Value::as_str) {
        Some("Deny") => true,
        _ => s.pointer("/Condition/DateLessThan/aws:CurrentTime").and_then(Value::as_str) == Some(until),
    };
    let ours = statements.iter().all(|s| sid(s).is_some_and(|(of, _)| of == session) && bounded(s));
    if !ours || late.get("Effect") != Some(&json!("Deny")) || !refuses_all(late) {
        return None;
    }
    Some(ParsedGate { session, until: until.parse().ok()? })
}

/// Returns the two parts of a statement id: the session and the statement's name.
fn sid(statement: &Value) -> Option<(SessionId, &str)> {
    let rest = statement.get("Sid")?.as_str()?.strip_prefix('S')?;
    let (session, name) = rest.split_at_checked(16)?;
    Some((session.parse().ok()?, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn regions() -> Vec<String> {
        vec!["eu-west-1".into()]
    }

    fn sample<'a>(grant: &'a [Value], regions: &'a [String]) -> Gate<'a> {
        Gate {
            session: SessionId::from_bytes([0x7f, 0x3a, 0, 0, 0, 0, 0, 1]),
            from: at("2026-11-22T02:17:00.999Z"),
            until: at("2026-11-22T03:17:00Z"),
            grant,
            regions,
            mfa: false,
        }
    }

    #[test]
    fn the_gate_document_equals_the_policy_in_tests_policies() {
        let proven: Value =
            serde_json::from_str(include_str!("../../tests/policies/gate_open.json")).expect("JSON");
        let grant = [json!({
            "Effect": "Allow", "Resource": "*",
            "Action": ["ec2:*", "rds:*", "s3:Get*", "s3:List*", "sts:GetFederationToken"],
        })];
        let regions = regions();
        let text = sample(&grant, &regions).document().to_string().replace("S7f3a000000000001", "S7f3a");
        assert!(canonical::same(&proven, &serde_json::from_str(&text).expect("JSON")), "{text}");
    }

    #[test]
    fn a_gate_of_any_session_is_recognised() {
        let grant = [json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})];
        let regions = regions();
        let gate = sample(&grant, &regions);
        let found = parse_gate(&gate.document()).expect("the gate should be recognised");
        assert_eq!(found, ParsedGate { session: gate.session, until: gate.until });
        assert!(gate.is(&gate.document()));

        let mut unbounded = gate.document();
        unbounded["Statement"][0].as_object_mut().expect("object").remove("Condition");
        assert_eq!(parse_gate(&unbounded), None, "a policy with an unlimited Allow is not a gate");
        assert!(!gate.is(&unbounded));
        assert_eq!(parse_gate(&json!({"Version": "2012-10-17", "Statement": []})), None);
    }

    #[test]
    fn the_gate_keeps_sealed_conditions_and_adds_times_only_to_allows() {
        let grant = [
            json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*",
                   "Condition": {"StringEquals": {"aws:PrincipalTag/a": "b"}, "DateLessThan": {"aws:Other": "x"}}}),
            json!({"Sid": "Mine", "Effect": "Deny", "Action": "s3:Put*", "Resource": "*"}),
        ];
        let regions = regions();
        let document = sample(&grant, &regions).document();
        let allow = &document["Statement"][0]["Condition"];
        assert_eq!(allow["StringEquals"]["aws:PrincipalTag/a"], "b");
        assert_eq!(allow["DateLessThan"]["aws:Other"], "x");
        assert_eq!(allow["DateLessThan"]["aws:CurrentTime"], "2026-11-22T03:17:00Z");
        assert_eq!(allow["DateGreaterThanEquals"]["aws:CurrentTime"], "2026-11-22T02:17:00Z");
        assert_eq!(document["Statement"][1]["Condition"], Value::Null);
        assert_eq!(document["Statement"][1]["Sid"], "S7f3a000000000001Grant2");
    }
}
