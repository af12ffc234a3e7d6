//! The errors for a grant that is refused.

use crate::error::Error;

pub(super) fn malformed(what: impl std::fmt::Display) -> Error {
    Error::usage(what)
        .next("write it as an IAM statement: Effect, Action or NotAction, Resource or NotResource")
}

pub(super) fn assumes(what: &str) -> Error {
    Error::usage(format!("{what}: a role's session outlives the window"))
        .next("name the actions that are needed, without role assumption")
}

pub(super) fn writes(what: &str) -> Error {
    Error::usage(what.to_owned()).next(
        "narrow it to iam:Get* and iam:List*, or set \"repairs_identity\": true if the grant is for repairing \
         identities",
    )
}
