//! Grants in the vault format: the statements of an IAM policy, and the summary of these statements in the manifest.

mod pattern;
mod statement;
mod summary;

pub use pattern::{ActionPattern, Family};
pub use statement::{Actions, GrantStatement, GrantStatementError, one_of};
pub use summary::{Access, ServiceAccess, summarize};

/// The action `sts:GetFederationToken`. In the lane `gate`, this action issues the AWS session that signs in to the
/// console.
pub const FEDERATION: Family = Family { service: "sts", action: "getfederationtoken" };

/// Returns whether an Allow statement of the grant covers the actions of `family`. The function ignores conditions,
/// resources and Deny statements.
pub fn allows(grant: &[GrantStatement], family: Family) -> bool {
    grant.iter().filter(|statement| statement.allows).any(|statement| match &statement.actions {
        Actions::Only(patterns) => patterns.iter().any(|pattern| pattern.covers(family)),
        Actions::AllExcept(patterns) => !patterns.iter().any(|pattern| pattern.covers(family)),
    })
}
