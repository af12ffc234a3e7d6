//! Checks a grant before the vault is sealed: the length, the form, and the actions that the grant allows. Without a
//! check at sealing, a later opening could fail.

mod condition;
mod outlive;
mod reach;
mod refusal;

use jiff::Timestamp;
use serde_json::Value;

use super::policy::Gate;
use super::session::SessionId;
use crate::error::{Error, Result};
use crate::vault::canonical;
use crate::vault::grant::{Actions, GrantStatement, one_of};
use refusal::malformed;

/// IAM's limit for the total length of a user's inline policies, in characters without white space (IAM User Guide,
/// quotas).
const INLINE_LIMIT: usize = 2_048;

const FIELDS: [&str; 7] = ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"];

/// A grant, and the other sealed values that are needed to check the grant.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The statements of the grant.
    pub grant: &'a [Value],
    /// The AWS regions in which the statements apply.
    pub regions: &'a [String],
    /// Whether each Allow requires a session that was issued with MFA.
    pub mfa: bool,
    /// Whether the statements are allowed to change IAM users, roles and other identities.
    pub repairs_identity: bool,
    /// The action patterns of the field `may_outlive`: actions whose effect can outlive the window.
    pub may_outlive: &'a [String],
}

/// Checks the form and the length of a grant, and the actions that the grant allows.
///
/// # Errors
/// `Usage`. The message has the number of the statement, counted from 1.
pub fn check(terms: &Terms<'_>) -> Result<()> {
    let Terms { grant, regions, mfa, repairs_identity, may_outlive } = *terms;
    if grant.is_empty() {
        return Err(
            Error::usage("the grant has no statement").next("grant the actions that an emergency needs")
        );
    }
    if regions.is_empty() {
        return Err(Error::usage("the target has no region").next("name at least one region in \"regions\""));
    }
    let mut statements = Vec::new();
    for (index, statement) in grant.iter().enumerate() {
        let checked = check_statement(statement, repairs_identity);
        statements.push(checked.map_err(|e| e.context(format_args!("grant, statement {}", index + 1)))?);
    }
    check_length(grant, regions, mfa)?;
    outlive::check(&statements, may_outlive)
}

/// Returns the granted actions whose effect can outlive the window, sorted. Skips values that are not statements.
pub fn outliving(grant: &[Value]) -> Vec<String> {
    let statements: Vec<_> = grant.iter().filter_map(|value| GrantStatement::parse(value).ok()).collect();
    outlive::unlisted(&statements, &[])
}

/// Checks the length of the complete gate policy. The check uses an arbitrary session id and arbitrary times, because
/// their lengths are always the same.
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

fn check_statement(value: &Value, repairs_identity: bool) -> Result<GrantStatement> {
    let statement = GrantStatement::parse(value).map_err(malformed)?;
    let fields = value.as_object().ok_or_else(|| malformed("the statement is not a JSON object"))?;
    if let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return Err(malformed(format!("the statement has a field {unknown:?}, which a grant cannot have")));
    }
    check_sid(fields.get("Sid"))?;
    one_of(fields, "Resource", "NotResource").map_err(malformed)?;
    condition::check(fields.get("Condition"), statement.allows)?;
    if statement.allows {
        match &statement.actions {
            Actions::Only(patterns) => reach::actions(patterns, repairs_identity)?,
            Actions::AllExcept(patterns) => reach::not_actions(patterns, repairs_identity)?,
        }
    }
    Ok(statement)
}

fn check_sid(sid: Option<&Value>) -> Result<()> {
    let alphanumeric = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric());
    match sid {
        None => Ok(()),
        Some(Value::String(text)) if alphanumeric(text) => Ok(()),
        Some(_) => Err(malformed("the Sid does not consist of letters and digits")),
    }
}

#[cfg(test)]
mod tests;
