//! Checks the conditions of a statement in a grant.

use serde_json::Value;

use super::refusal::malformed;
use crate::error::{Error, Result};

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

/// The condition key with which a policy demands MFA. For a target with an MFA device, the gate contains this key.
const MFA: &str = "aws:multifactorauthpresent";

/// Checks that IAM knows every condition operator, and that no condition key occurs twice. An Allow must not have
/// conditions on the time or on MFA, because the program adds these conditions to the gate.
pub(super) fn check(condition: Option<&Value>, allows: bool) -> Result<()> {
    let Some(condition) = condition else { return Ok(()) };
    let operators = condition.as_object().ok_or_else(|| malformed("the Condition is not an object"))?;
    for (operator, keys) in operators {
        if !is_operator(operator) {
            return Err(malformed(format!("IAM does not know the condition operator {operator:?}")));
        }
        let keys = keys.as_object().filter(|keys| !keys.is_empty());
        let keys = keys.ok_or_else(|| malformed(format!("the condition operator {operator} has no keys")))?;
        let mut seen = Vec::new();
        for (key, value) in keys {
            let key = key.to_ascii_lowercase();
            if seen.contains(&key) {
                return Err(malformed(format!("the condition names {key} twice under {operator}")));
            }
            if allows && (key == "aws:currenttime" || key == "aws:epochtime") {
                return Err(Error::usage(format!("the statement has a condition on {key}"))
                    .next("remove the condition: the gate sets the times of every window"));
            }
            if allows && key == MFA {
                return Err(Error::usage(format!("the statement has a condition on {key}"))
                    .next("remove the condition: the gate demands MFA if the user's MFA device is sealed"));
            }
            if !is_condition_value(value) {
                return Err(malformed(format!(
                    "the condition has no usable value for {key} under {operator}"
                )));
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
