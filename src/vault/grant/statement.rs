//! Reads an IAM policy statement, and keeps only the fields that the manifest's summary is computed from.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

use super::pattern::ActionPattern;

/// The maximum length of a condition key in characters.
const MAX_CONDITION_KEY: usize = 128;

/// One IAM policy statement of a grant. This type does not keep the statement's `Sid`, resources and condition values.
#[derive(Debug)]
pub struct GrantStatement {
    /// Whether the statement's effect is Allow. If false, the effect is Deny.
    pub allows: bool,
    pub actions: Actions,
    /// The statement's condition keys in lower case.
    pub condition_keys: BTreeSet<String>,
    /// Whether the statement applies to every resource and has no condition.
    pub is_unlimited: bool,
}

/// The actions of a statement.
#[derive(Debug)]
pub enum Actions {
    /// The field `Action`: the statement applies to every action that one of these patterns matches.
    Only(Vec<ActionPattern>),
    /// The field `NotAction`: the statement applies to every action that none of these patterns matches.
    AllExcept(Vec<ActionPattern>),
}

/// The reason why a JSON value is not a statement of a grant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum GrantStatementError {
    NotAnObject,
    Effect,
    /// The statement must have exactly one of these two fields, but has both or neither.
    OneOf(&'static str, &'static str),
    /// This field is not a string or a list of strings.
    List(&'static str),
    /// An entry of this field is not an action pattern.
    Action(&'static str),
    /// The field `Condition` is not in the form {condition operator: {condition key: value}}.
    Condition,
}

impl fmt::Display for GrantStatementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject => f.write_str("is not a JSON object"),
            Self::Effect => f.write_str("has no Effect of Allow or Deny"),
            Self::OneOf(yes, no) => write!(f, "needs either {yes} or {no}"),
            Self::List(name) => write!(f, "needs {name} as a string or a list of strings"),
            Self::Action(name) => write!(f, "has an entry in {name} that is not an IAM action"),
            Self::Condition => f.write_str(
                "has a Condition that is not in the form {condition operator: {condition key: value}}",
            ),
        }
    }
}

impl std::error::Error for GrantStatementError {}

impl GrantStatement {
    /// Reads a statement.
    ///
    /// # Errors
    /// See [`GrantStatementError`].
    pub fn parse(value: &Value) -> Result<Self, GrantStatementError> {
        let fields = value.as_object().ok_or(GrantStatementError::NotAnObject)?;
        let allows = match fields.get("Effect").and_then(Value::as_str) {
            Some("Allow") => true,
            Some("Deny") => false,
            _ => return Err(GrantStatementError::Effect),
        };
        let (name, texts) = one_of(fields, "Action", "NotAction")?;
        let patterns = texts.iter().map(|text| ActionPattern::parse(text));
        let patterns = patterns.collect::<Option<Vec<_>>>().ok_or(GrantStatementError::Action(name))?;
        let actions = if name == "Action" { Actions::Only(patterns) } else { Actions::AllExcept(patterns) };
        let condition_keys = fields.get("Condition").map_or(Ok(BTreeSet::new()), condition_keys)?;
        let all_resources = match fields.get("Resource") {
            Some(Value::String(text)) => text == "*",
            Some(Value::Array(items)) => items.iter().any(|item| item == "*"),
            _ => false,
        };
        let is_unlimited = all_resources && !fields.contains_key("Condition");
        Ok(Self { allows, actions, condition_keys, is_unlimited })
    }
}

/// Returns the name and the strings of the field that is present. `yes` and `no` are the names of the two possible
/// fields. Fails if both fields are present, if neither field is present, or if the list is empty.
///
/// # Errors
/// Returns [`GrantStatementError::OneOf`] or [`GrantStatementError::List`].
pub fn one_of<'a>(
    fields: &'a Map<String, Value>,
    yes: &'static str,
    no: &'static str,
) -> Result<(&'static str, Vec<&'a str>), GrantStatementError> {
    let (name, value) = match (fields.get(yes), fields.get(no)) {
        (Some(value), None) => (yes, value),
        (None, Some(value)) => (no, value),
        _ => return Err(GrantStatementError::OneOf(yes, no)),
    };
    let list = match value {
        Value::String(text) => Some(vec![text.as_str()]),
        Value::Array(items) => items.iter().map(Value::as_str).collect(),
        _ => None,
    };
    list.filter(|list| !list.is_empty() && list.iter().all(|text| !text.is_empty()))
        .map(|list| (name, list))
        .ok_or(GrantStatementError::List(name))
}

fn condition_keys(condition: &Value) -> Result<BTreeSet<String>, GrantStatementError> {
    let mut all = BTreeSet::new();
    for keys in condition.as_object().ok_or(GrantStatementError::Condition)?.values() {
        let keys = keys.as_object().filter(|keys| !keys.is_empty()).ok_or(GrantStatementError::Condition)?;
        for key in keys.keys() {
            let fits =
                (1..=MAX_CONDITION_KEY).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
            if !fits {
                return Err(GrantStatementError::Condition);
            }
            all.insert(key.to_ascii_lowercase());
        }
    }
    Ok(all)
}
