//! Checks which actions a grant allows. A grant must not allow role assumption. Only a grant with `repairs_identity` is
//! allowed to change identities such as IAM users and roles.

use super::refusal::{assumes, writes};
use crate::error::Result;
use crate::vault::grant::{ActionPattern, Family};

/// The actions that assume a role, assume root, or pass a role to a service. A grant must not allow role assumption,
/// because a role's session outlives the user's gate.
const ROLES: [Family; 3] = [
    Family { service: "sts", action: "assumerole*" },
    Family { service: "sts", action: "assumeroot" },
    Family { service: "iam", action: "passrole" },
];

/// AWS services that store identities. An identity that is created in one of these services can outlive the window.
pub(super) const IDENTITIES: [&str; 9] = [
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

/// Prefixes of actions that only read.
const READS: [&str; 3] = ["get", "list", "describe"];

/// Prefixes of IAM actions that only read. `generate` creates reports, and `simulate` simulates policies.
const IAM_READS: [&str; 4] = ["get", "list", "generate", "simulate"];

/// Checks the action patterns of an Allow with `Action`.
pub(super) fn actions(patterns: &[ActionPattern], repairs_identity: bool) -> Result<()> {
    for pattern in patterns {
        let text = pattern.as_str();
        if let Some(family) = ROLES.iter().find(|family| pattern.reaches(**family)) {
            return Err(assumes(&format!(
                "the statement allows {text:?}, which reaches {}",
                name_of(*family)
            )));
        }
        let written = IDENTITIES.iter().find(|service| {
            let family = Family { service, action: "*" };
            pattern.reaches(family) && !pattern.stays_within(reads_of(service))
        });
        if let (Some(service), false) = (written, repairs_identity) {
            return Err(writes(&format!(
                "the statement allows {text:?}, which can write identities in {service}"
            )));
        }
    }
    Ok(())
}

/// Checks an Allow with `NotAction`. An Allow with `NotAction` allows every action that no pattern in `patterns`
/// covers.
pub(super) fn not_actions(patterns: &[ActionPattern], repairs_identity: bool) -> Result<()> {
    let excluded = |family: Family| patterns.iter().any(|pattern| pattern.covers(family));
    if let Some(family) = ROLES.iter().find(|family| !excluded(**family)) {
        return Err(assumes(&format!("the statement's NotAction does not exclude {}", name_of(*family))));
    }
    let open = IDENTITIES.iter().find(|service| !excluded(Family { service, action: "*" }));
    match open {
        Some(service) if !repairs_identity => {
            Err(writes(&format!("the statement's NotAction does not exclude {service}:*")))
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
