//! Checks a grant's length, form and reach when it is sealed, so that a later opening does not fail because of it.

mod condition;
mod reach;
mod refusal;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::pattern::{ActionPattern, Family};
use super::policy::Gate;
use super::session::SessionId;
use crate::error::{Error, Result};
use crate::vault::canonical;
use refusal::malformed;

/// IAM's limit for all inline policies of a user together, in characters without white space (IAM User Guide, quotas).
const INLINE_LIMIT: usize = 2_048;

const FIELDS: [&str; 7] = ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"];

/// A grant and the sealed values that it is checked with.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The statements.
    pub grant: &'a [Value],
    /// The regions in which the statements hold.
    pub regions: &'a [String],
    /// Whether each Allow demands a session with MFA.
    pub mfa: bool,
    /// Whether the statements are allowed to write identities.
    pub repairs_identity: bool,
}

/// Checks that the grant can be opened and does not reach beyond its window.
///
/// # Errors
/// `Usage`, with the number of the statement, counted from 1.
pub fn check(terms: &Terms<'_>) -> Result<()> {
    let Terms { grant, regions, mfa, repairs_identity } = *terms;
    if grant.is_empty() {
        return Err(Error::usage("the grant has no statement").next("grant what an emergency needs"));
    }
    if regions.is_empty() {
        return Err(Error::usage("the target has no region").next("name at least one in \"regions\""));
    }
    for (index, statement) in grant.iter().enumerate() {
        check_statement(statement, repairs_identity)
            .map_err(|e| e.context(format_args!("grant, statement {}", index + 1)))?;
    }
    check_length(grant, regions, mfa)
}

/// Whether an Allow of the grant covers this action. Conditions and resources are ignored.
pub fn allows(grant: &[Value], service: &'static str, action: &'static str) -> bool {
    let family = Family { service, action };
    let covers = |text: &&str| ActionPattern::parse(text).is_some_and(|pattern| pattern.covers(family));
    let statements = grant.iter().filter_map(Value::as_object);
    let mut allows = statements.filter(|statement| statement.get("Effect") == Some(&json!("Allow")));
    allows.any(|statement| match one_of(statement, "Action", "NotAction") {
        Ok(("Action", texts)) => texts.iter().any(&covers),
        Ok((_, texts)) => !texts.iter().any(&covers),
        Err(_) => false,
    })
}

/// Measures the complete gate policy. Its session id and instants are arbitrary, because all have the same length.
fn check_length(grant: &[Value], regions: &[String], mfa: bool) -> Result<()> {
    let instant = Timestamp::UNIX_EPOCH;
    let session = SessionId::from_bytes([0; 8]);
    let gate = Gate { session, from: instant, until: instant, grant, regions, mfa };
    let length = canonical::text(&gate.document())?.chars().filter(|c| !c.is_whitespace()).count();
    if length <= INLINE_LIMIT {
        return Ok(());
    }
    let over = length - INLINE_LIMIT;
    Err(Error::usage(format!(
        "the grant makes a gate policy of {length} characters; IAM allows {INLINE_LIMIT} in inline policies"
    ))
    .next(format!("shorten the grant by {over}: wildcards instead of single actions, fewer statements")))
}

fn check_statement(statement: &Value, repairs_identity: bool) -> Result<()> {
    let fields = statement.as_object().ok_or_else(|| malformed("is not a JSON object"))?;
    if let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return Err(malformed(format!("has a field {unknown:?} that a grant cannot have")));
    }
    check_sid(fields.get("Sid"))?;
    let allows = match fields.get("Effect").and_then(Value::as_str) {
        Some("Allow") => true,
        Some("Deny") => false,
        _ => return Err(malformed("has no Effect of Allow or Deny")),
    };
    one_of(fields, "Resource", "NotResource")?;
    let (name, actions) = one_of(fields, "Action", "NotAction")?;
    let patterns = actions
        .iter()
        .map(|text| {
            ActionPattern::parse(text)
                .ok_or_else(|| malformed(format!("{name} {text:?} is not an IAM action")))
        })
        .collect::<Result<Vec<_>>>()?;
    condition::check(fields.get("Condition"), allows)?;
    match (allows, name) {
        (false, _) => Ok(()),
        (true, "Action") => reach::actions(&actions, &patterns, repairs_identity),
        (true, _) => reach::not_actions(&patterns, repairs_identity),
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

/// Returns the name and the strings of one of two fields. Fails unless exactly one is present and its list is not
/// empty.
fn one_of<'a>(
    fields: &'a Map<String, Value>,
    yes: &'static str,
    no: &'static str,
) -> Result<(&'static str, Vec<&'a str>)> {
    let (name, value) = match (fields.get(yes), fields.get(no)) {
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

#[cfg(test)]
mod tests;
