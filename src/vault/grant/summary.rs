//! The summary of a grant in the manifest. The summary never says less than the grant allows. The summary can say
//! more, because it ignores resources and Deny statements, and counts `NotAction` as every action.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::statement::{Actions, GrantStatement};

/// The prefixes of read actions. If the name of an action starts with one of these prefixes, the summary counts the
/// action as a read.
const READS: [&str; 3] = ["get", "list", "describe"];

/// The kind of access to a service.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Only actions whose names begin with Get, List or Describe.
    Read,
    /// Other actions.
    Write,
}

/// The access that a grant gives to one service, or to all services that a pattern matches.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceAccess {
    pub access: Access,
    /// The condition keys that all statements of this entry have in common, sorted and in lower case.
    pub conditions: Vec<String>,
    /// The service prefix in lower case; it can contain `*` and `?`.
    pub service: String,
}

/// Shows an entry in a form such as `ec2 (write)` or `s3 (read, if aws:sourceip)`.
impl fmt::Display for ServiceAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service = if self.service == "*" { "every service" } else { &self.service };
        let access = match self.access {
            Access::Read => "read",
            Access::Write => "write",
        };
        write!(f, "{service} ({access}")?;
        if !self.conditions.is_empty() {
            write!(f, ", if {}", self.conditions.join(" and "))?;
        }
        f.write_str(")")
    }
}

/// Returns the summary of a grant's Allow statements, sorted by service and access.
pub fn summarize(grant: &[GrantStatement]) -> Vec<ServiceAccess> {
    let mut all: BTreeMap<(String, Access), BTreeSet<String>> = BTreeMap::new();
    for statement in grant.iter().filter(|statement| statement.allows) {
        for reached in reached(&statement.actions) {
            match all.entry(reached) {
                Entry::Vacant(entry) => {
                    entry.insert(statement.condition_keys.clone());
                }
                Entry::Occupied(mut entry) => {
                    entry.get_mut().retain(|key| statement.condition_keys.contains(key));
                }
            }
        }
    }
    let entry = |((service, access), conditions): ((String, Access), BTreeSet<String>)| ServiceAccess {
        access,
        conditions: conditions.into_iter().collect(),
        service,
    };
    all.into_iter().map(entry).collect()
}

fn reached(actions: &Actions) -> BTreeSet<(String, Access)> {
    match actions {
        Actions::AllExcept(_) => [("*".to_owned(), Access::Write)].into(),
        Actions::Only(patterns) => patterns
            .iter()
            .map(|pattern| {
                let access = if pattern.stays_within(&READS) { Access::Read } else { Access::Write };
                (pattern.service(), access)
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn summary(grant: &serde_json::Value) -> serde_json::Value {
        let statements: Vec<_> = grant
            .as_array()
            .unwrap()
            .iter()
            .map(|one| GrantStatement::parse(one).expect("the test's statement should be valid"))
            .collect();
        serde_json::to_value(summarize(&statements)).unwrap()
    }

    #[test]
    fn a_summary_has_one_entry_for_each_service_and_access() {
        let grant = json!([
            {"Effect": "Allow", "Action": ["ec2:*", "S3:Get*", "s3:listBucket", "rds:Reboot?"], "Resource": "*"},
            {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*",
                "Condition": {"StringEquals": {"aws:ResourceTag/Team": "x"}, "Bool": {"aws:SecureTransport": "true"}}},
            {"Effect": "Allow", "Action": "s3:Delete*", "Resource": "*",
                "Condition": {"StringLike": {"AWS:resourcetag/team": "y"}}},
            {"Effect": "Deny", "Action": "kms:*", "Resource": "*"},
        ]);
        assert_eq!(
            summary(&grant),
            json!([
                {"access": "write", "conditions": [], "service": "ec2"},
                {"access": "write", "conditions": [], "service": "rds"},
                {"access": "read", "conditions": [], "service": "s3"},
                {"access": "write", "conditions": ["aws:resourcetag/team"], "service": "s3"},
            ])
        );
    }

    #[test]
    fn a_summary_never_says_less_than_the_grant_allows() {
        for (action, expected) in [
            (json!({"Action": "*"}), "*"),
            (json!({"Action": "*:Get*"}), "*"),
            (json!({"Action": "e?2:*"}), "e?2"),
            (json!({"NotAction": ["iam:*", "sts:*"]}), "*"),
        ] {
            let mut statement = json!({"Effect": "Allow", "Resource": "*"});
            statement.as_object_mut().unwrap().extend(action.as_object().unwrap().clone());
            let summary = summary(&json!([statement]));
            assert_eq!(summary[0]["service"], expected, "{action}");
            let reads = action == json!({"Action": "*:Get*"});
            assert_eq!(summary[0]["access"], if reads { "read" } else { "write" }, "{action}");
        }
        assert_eq!(summary(&json!([])), json!([]));
    }
}
