//! A grant is refused when it is sealed, not at 02:17: too long, malformed, or reaching beyond its window.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::pattern::{ActionPattern, Family};
use super::policy::Gate;
use super::session::SessionId;
use crate::error::{Error, Result};
use crate::vault::canonical;

/// IAM's limit for all inline policies of a user together; white space is not counted.
const INLINE_LIMIT: usize = 2_048;

/// A role's session outlives the user's gate.
const ROLES: [Family; 3] = [
    Family { service: "sts", action: "assumerole*" },
    Family { service: "sts", action: "assumeroot" },
    Family { service: "iam", action: "passrole" },
];

/// Services that hold identities: who writes here can outlast the window.
const IDENTITIES: [&str; 9] = [
    "iam",
    "organizations",
    "account",
    "sso",
    "sso-directory",
    "identitystore",
    "identity-sync",
    "rolesanywhere",
    "signin",
];

/// How reading actions begin.
const READS: [&str; 3] = ["get", "list", "describe"];

/// The same for IAM, whose reports and simulations change nothing.
const IAM_READS: [&str; 4] = ["get", "list", "generate", "simulate"];

const MEMBERS: [&str; 7] = ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"];

const OPERATORS: [&str; 26] = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
];

/// Refuses a grant that could not be opened, or that would reach beyond its window.
///
/// # Errors
/// Usage, naming the statement (counted from 1) and the next step.
pub fn check(grant: &[Value], regions: &[String], repairs_identity: bool) -> Result<()> {
    if grant.is_empty() {
        return Err(Error::usage("the grant has no statement").next("grant what an emergency needs"));
    }
    if regions.is_empty() {
        return Err(Error::usage("the target has no region").next("name at least one in \"regions\""));
    }
    for (index, statement) in grant.iter().enumerate() {
        check_statement(statement, repairs_identity)
            .map_err(|e| Error { what: format!("grant, statement {}: {}", index + 1, e.what), ..e })?;
    }
    check_length(grant, regions)
}

/// The whole gate is measured; every session id and every instant is equally long.
fn check_length(grant: &[Value], regions: &[String]) -> Result<()> {
    let instant = Timestamp::UNIX_EPOCH;
    let gate = Gate { session: SessionId::from_bytes([0; 8]), from: instant, until: instant, grant, regions };
    let length = canonical::text(&gate.document())?.chars().filter(|c| !c.is_whitespace()).count();
    if length <= INLINE_LIMIT {
        return Ok(());
    }
    let over = length - INLINE_LIMIT;
    Err(Error::usage(format!(
        "the grant makes a gate policy of {length} characters; IAM takes {INLINE_LIMIT} inline"
    ))
    .next(format!("shorten the grant by {over}: wildcards instead of single actions, fewer statements")))
}

fn check_statement(statement: &Value, repairs_identity: bool) -> Result<()> {
    let members = statement.as_object().ok_or_else(|| malformed("is not a JSON object"))?;
    if let Some(unknown) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        return Err(malformed(format!("has a member {unknown:?} that a grant may not have")));
    }
    check_sid(members.get("Sid"))?;
    let allows = match members.get("Effect").and_then(Value::as_str) {
        Some("Allow") => true,
        Some("Deny") => false,
        _ => return Err(malformed("has no Effect of Allow or Deny")),
    };
    one_of(members, "Resource", "NotResource")?;
    let (name, actions) = one_of(members, "Action", "NotAction")?;
    let patterns = actions
        .iter()
        .map(|text| {
            ActionPattern::parse(text).ok_or_else(|| malformed(format!("{name} {text:?} is no IAM action")))
        })
        .collect::<Result<Vec<_>>>()?;
    check_condition(members.get("Condition"), allows)?;
    match (allows, name) {
        (false, _) => Ok(()),
        (true, "Action") => check_actions(&actions, &patterns, repairs_identity),
        (true, _) => check_not_actions(&patterns, repairs_identity),
    }
}

fn check_sid(sid: Option<&Value>) -> Result<()> {
    let alphanumeric = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric());
    match sid {
        None => Ok(()),
        Some(Value::String(text)) if alphanumeric(text) => Ok(()),
        Some(_) => Err(malformed("has a Sid that is not letters and digits")),
    }
}

/// Exactly one of two members, as a list of strings that is not empty.
fn one_of<'a>(
    members: &'a Map<String, Value>,
    yes: &'static str,
    no: &'static str,
) -> Result<(&'static str, Vec<&'a str>)> {
    let (name, value) = match (members.get(yes), members.get(no)) {
        (Some(value), None) => (yes, value),
        (None, Some(value)) => (no, value),
        _ => return Err(malformed(format!("needs either {yes} or {no}"))),
    };
    let list = match value {
        Value::String(text) => Some(vec![text.as_str()]),
        Value::Array(items) => items.iter().map(Value::as_str).collect(),
        _ => None,
    };
    match list {
        Some(list) if !list.is_empty() && list.iter().all(|text| !text.is_empty()) => Ok((name, list)),
        _ => Err(malformed(format!("needs {name} as a string or a list of strings"))),
    }
}

/// Operators and keys that IAM knows, each once; the time belongs to the gate.
fn check_condition(condition: Option<&Value>, allows: bool) -> Result<()> {
    let Some(condition) = condition else { return Ok(()) };
    let operators =
        condition.as_object().ok_or_else(|| malformed("has a Condition that is not an object"))?;
    for (operator, keys) in operators {
        if !is_operator(operator) {
            return Err(malformed(format!("has a condition operator {operator:?} that IAM does not know")));
        }
        let keys = keys.as_object().filter(|keys| !keys.is_empty());
        let keys = keys.ok_or_else(|| malformed(format!("has no keys under {operator}")))?;
        let mut seen = Vec::new();
        for (key, value) in keys {
            let key = key.to_ascii_lowercase();
            if seen.contains(&key) {
                return Err(malformed(format!("names {key} twice under {operator}")));
            }
            if allows && (key == "aws:currenttime" || key == "aws:epochtime") {
                return Err(Error::usage(format!("has a condition of its own on {key}"))
                    .next("leave it out: the gate sets the times of every window"));
            }
            if !is_condition_value(value) {
                return Err(malformed(format!("has no usable value for {key} under {operator}")));
            }
            seen.push(key);
        }
    }
    Ok(())
}

fn is_operator(text: &str) -> bool {
    let one =
        text.strip_prefix("ForAllValues:").or_else(|| text.strip_prefix("ForAnyValue:")).unwrap_or(text);
    one == "Null" || OPERATORS.contains(&one.strip_suffix("IfExists").unwrap_or(one))
}

fn is_condition_value(value: &Value) -> bool {
    let single = |v: &Value| matches!(v, Value::String(_) | Value::Bool(_) | Value::Number(_));
    match value {
        Value::Array(items) => !items.is_empty() && items.iter().all(single),
        other => single(other),
    }
}

fn check_actions(texts: &[&str], patterns: &[ActionPattern], repairs_identity: bool) -> Result<()> {
    for (text, pattern) in texts.iter().zip(patterns) {
        if let Some(family) = ROLES.iter().find(|family| pattern.reaches(**family)) {
            return Err(assumes(&format!("allows {text:?}, which reaches {}", name_of(*family))));
        }
        let written = IDENTITIES.iter().find(|service| {
            let family = Family { service, action: "*" };
            pattern.reaches(family) && !pattern.stays_within(reads_of(service))
        });
        if let (Some(service), false) = (written, repairs_identity) {
            return Err(writes(&format!("allows {text:?}, which may write identities in {service}")));
        }
    }
    Ok(())
}

/// An Allow with `NotAction` reaches everything that its list does not wholly contain.
fn check_not_actions(patterns: &[ActionPattern], repairs_identity: bool) -> Result<()> {
    let excluded = |family: Family| patterns.iter().any(|pattern| pattern.covers(family));
    if let Some(family) = ROLES.iter().find(|family| !excluded(**family)) {
        return Err(assumes(&format!("allows all but its NotAction, which lacks {}", name_of(*family))));
    }
    let open = IDENTITIES.iter().find(|service| !excluded(Family { service, action: "*" }));
    match open {
        Some(service) if !repairs_identity => {
            Err(writes(&format!("allows all but its NotAction, which lacks {service}:*")))
        }
        _ => Ok(()),
    }
}

fn reads_of(service: &str) -> &'static [&'static str] {
    if service == "iam" { &IAM_READS } else { &READS }
}

fn name_of(family: Family) -> String {
    let name = match family.action {
        "assumerole*" => "AssumeRole*",
        "assumeroot" => "AssumeRoot",
        _ => "PassRole",
    };
    format!("{}:{name}", family.service)
}

fn malformed(what: impl Into<String>) -> Error {
    Error::usage(what)
        .next("write it as an IAM statement: Effect, Action or NotAction, Resource or NotResource")
}

fn assumes(what: &str) -> Error {
    Error::usage(format!("{what}: a role's session outlives the window"))
        .next("name the actions that are needed, without role assumption")
}

fn writes(what: &str) -> Error {
    Error::usage(what.to_owned()).next(
        "narrow it to iam:Get* and iam:List*, or say \"repairs_identity\": true if repairing identities is the point",
    )
}

#[cfg(test)]
mod tests;
