//! A grant as the format sees it: statements of an IAM policy, and the summary of them in the manifest.

mod pattern;
mod statement;
mod summary;

pub use pattern::{ActionPattern, Family};
pub use statement::{Actions, GrantStatement, GrantStatementError, one_of};
pub use summary::{Access, ServiceAccess, summarize};

/// The action that issues the session for a console sign-in in the lane `gate`.
pub const FEDERATION: Family = Family { service: "sts", action: "getfederationtoken" };

/// Whether an Allow of the grant covers this action. Conditions, resources and Deny statements are ignored.
pub fn allows(grant: &[GrantStatement], family: Family) -> bool {
    grant.iter().filter(|statement| statement.allows).any(|statement| match &statement.actions {
        Actions::Only(patterns) => patterns.iter().any(|pattern| pattern.covers(family)),
        Actions::AllExcept(patterns) => !patterns.iter().any(|pattern| pattern.covers(family)),
    })
}
