//! A target in the manifest. The entry has everything about the target that the custodians approve.

use serde::{Deserialize, Serialize};

use super::{Lane, ManifestError};
use crate::vault::duration::Span;
use crate::vault::grant::ServiceAccess;
use crate::vault::names;

/// The maximum number of entries in the summary of a grant.
pub const MAX_SERVICES: usize = 256;

/// The public fields of a target.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetSummary {
    /// The account ID, twelve digits.
    pub account: String,
    /// Whether the credentials can sign in to the AWS console.
    pub console: bool,
    /// The summary of the grant: the access to each service.
    pub grant: Vec<ServiceAccess>,
    /// SHA-256 of the grant in RFC 8785 JSON, as hex.
    pub grant_sha256: String,
    /// The maximum window.
    pub max_window: Span,
    /// The granted actions whose effect can outlive the window, sorted.
    pub may_outlive: Vec<String>,
    /// Whether the user's sessions use MFA.
    pub mfa: bool,
    /// The target's name.
    pub name: String,
    /// The AWS partition.
    pub partition: String,
    /// The regions of the grant.
    pub regions: Vec<String>,
    /// Whether the grant allows changes of IAM users, roles or policies.
    pub repairs_identity: bool,
    /// The emergency IAM user's name.
    pub user: String,
}

impl TargetSummary {
    /// Checks that the fields are in their accepted forms, in a vault of the given lane.
    ///
    /// # Errors
    /// See [`ManifestError`].
    pub fn check(&self, lane: Lane) -> Result<(), ManifestError> {
        names::target(&self.name, &self.partition, &self.account, &self.user, &self.regions)?;
        names::window(self.max_window)?;
        names::hex_of("grant_sha256", &self.grant_sha256, 32)?;
        names::may_outlive(&self.name, &self.may_outlive)?;
        let wrong = || ManifestError::Grant(self.name.clone());
        self.check_grant().then_some(()).ok_or_else(wrong)?;
        match (lane, self.mfa) {
            (Lane::Static, false) => Err(ManifestError::StaticWithoutMfa(self.name.clone())),
            (_, false) if self.repairs_identity => Err(ManifestError::RepairsWithoutMfa(self.name.clone())),
            _ => Ok(()),
        }
    }

    /// Returns whether the grant's summary is in its accepted form. In this form, the entries and the conditions are
    /// sorted and have no duplicates.
    fn check_grant(&self) -> bool {
        let lower = |b: u8| b.is_ascii_graphic() && !b.is_ascii_uppercase();
        let service = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-*?".contains(&b);
        let fits = |entry: &ServiceAccess| {
            (1..=126).contains(&entry.service.len())
                && entry.service.bytes().all(service)
                && entry.conditions.iter().all(|key| (1..=128).contains(&key.len()) && key.bytes().all(lower))
                && entry.conditions.is_sorted_by(|a, b| a < b)
        };
        self.grant.len() <= MAX_SERVICES
            && self.grant.iter().all(fits)
            && self.grant.is_sorted_by(|a, b| (&a.service, a.access) < (&b.service, b.access))
    }
}
