//! The intent of a session, and the check of which custodians approved exactly this intent.

use std::collections::BTreeSet;

use super::facts::Principals;
use super::record::{Entry, Record};
use crate::custody::statement::Statement;
use crate::custody::statement::approval::{Approval, Request};
use crate::custody::statement::network::{CustomEndpoint, NetworkPath};
use crate::gate::SessionId;
use crate::vault::dsse::Envelope;
use crate::vault::manifest::{EnrolledToken, Lane, Manifest, TargetSummary};
use crate::vault::target::TargetId;

/// The fields of an intent record, which state the purpose of a session.
#[derive(Clone, Copy, Debug)]
pub struct Intent<'a> {
    pub session: SessionId,
    /// The vault's id.
    pub vault: &'a str,
    pub epoch: u64,
    pub credentials_epoch: u64,
    /// SHA-256 of the vault file, in hex.
    pub sha256: &'a str,
    pub lane: Lane,
    pub target: &'a TargetId,
    /// The regions that the grant allows.
    pub regions: &'a [String],
    pub principals: &'a Principals,
    /// The duration of the window, in seconds.
    pub window: u64,
    pub reason: &'a str,
    /// The reason to use spent credentials again.
    pub again: Option<&'a str>,
    /// The reason to open without an acknowledged alert.
    pub no_alert: Option<&'a str>,
    /// In a drill, the id of the vault that the drill is for.
    pub drill_of: Option<&'a str>,
    /// The reason to open although the user has a second, inactive access key.
    pub extra_key: Option<&'a str>,
    /// The reason to open a vault that a later epoch has replaced.
    pub older_epoch: Option<&'a str>,
    /// The custom AWS endpoints, if any were set.
    pub endpoints: &'a [CustomEndpoint],
    /// The network settings, if they are not the defaults.
    pub network: Option<&'a NetworkPath>,
}

impl Record {
    /// Returns the intent, if this record is an intent record.
    pub fn intent(&self) -> Option<Intent<'_>> {
        let Self::Intent {
            session,
            vault,
            epoch,
            credentials_epoch,
            sha256,
            lane,
            target,
            regions,
            principals,
            window,
            reason,
            again,
            no_alert,
            drill_of,
            extra_key,
            older_epoch,
            endpoints,
            network,
        } = self
        else {
            return None;
        };
        Some(Intent {
            session: *session,
            vault,
            epoch: *epoch,
            credentials_epoch: *credentials_epoch,
            sha256,
            lane: *lane,
            target,
            regions,
            principals,
            window: *window,
            reason,
            again: again.as_deref(),
            no_alert: no_alert.as_deref(),
            drill_of: drill_of.as_deref(),
            extra_key: extra_key.as_deref(),
            older_epoch: older_epoch.as_deref(),
            endpoints,
            network: network.as_deref(),
        })
    }
}

impl Intent<'_> {
    /// Checks that `envelope` is an approval of exactly this intent by the custodian `name`. Returns the token that
    /// signed the approval.
    ///
    /// # Errors
    /// Returns the reason why the envelope is not an approval of this intent.
    pub fn approved<'m>(
        &self,
        name: &str,
        envelope: &Envelope,
        manifest: &'m Manifest,
    ) -> Result<&'m EnrolledToken, String> {
        let (custodian, token, statement) =
            Statement::<Approval>::signed(manifest, envelope).map_err(|why| why.to_string())?;
        if custodian.name != name {
            return Err(format!("{} signed it", custodian.name));
        }
        if let Some(what) = self.differs(&statement.predicate.request) {
            return Err(format!("the signed request has a different {what}"));
        }
        if statement.subject().digest.sha256 != self.sha256 {
            return Err("the signed request is about a different vault file".into());
        }
        Ok(token)
    }

    /// Returns the custodians of `manifest` who approved exactly this intent, in alphabetical order. `signed` has the
    /// approvals of the session, each with the custodian's name from the ledger record. Each custodian counts at most
    /// once.
    pub fn approvers<'e>(
        &self,
        signed: &[(&'e str, &'e Envelope)],
        manifest: &Manifest,
    ) -> BTreeSet<&'e str> {
        let valid = signed.iter().filter(|(name, envelope)| self.approved(name, envelope, manifest).is_ok());
        valid.map(|(name, _)| *name).collect()
    }

    /// Returns whether a quorum of the custodians of `manifest` approved exactly this intent. `entries` are the ledger
    /// records that can contain the approvals.
    pub fn has_quorum(&self, entries: &[&Entry], manifest: &Manifest) -> bool {
        self.approvers(&approvals(entries), manifest).len() >= usize::from(manifest.threshold.get())
    }

    /// Returns whether both intents are about the same credentials: the vault and the credentials epoch are equal, or
    /// the emergency access key is equal, for example after resealing. Drills use separate credentials, which only the
    /// drill vault contains.
    pub fn has_credentials_of(&self, other: &Intent<'_>) -> bool {
        let key =
            |intent: &Intent<'_>| Some(intent.principals.emergency.clone()).filter(|key| !key.is_empty());
        let same_vault = (self.vault, self.credentials_epoch) == (other.vault, other.credentials_epoch);
        same_vault || key(self).is_some() && key(self) == key(other)
    }

    /// Returns the name of the first field that differs between this intent and the signed request.
    fn differs(&self, signed: &Request) -> Option<&'static str> {
        let same = [
            ("session", signed.session == self.session),
            ("vault", signed.vault_id == self.vault),
            ("epoch", u64::from(signed.epoch) == self.epoch),
            ("epoch of the credentials", u64::from(signed.credentials_epoch) == self.credentials_epoch),
            ("reason", signed.reason == self.reason),
            ("reason to use spent credentials again", signed.again.as_deref() == self.again),
            ("reason for no alert", signed.no_alert.as_deref() == self.no_alert),
            ("window", signed.window == self.window),
            ("lane", signed.lane == self.lane),
            ("drill", signed.drill_of.as_deref() == self.drill_of),
            ("reason for another access key", signed.extra_key.as_deref() == self.extra_key),
            ("reason for an older epoch", signed.older_epoch.as_deref() == self.older_epoch),
            ("AWS endpoint", signed.endpoints == self.endpoints),
            ("network", signed.network.as_ref() == self.network),
            ("target", signed.targets.iter().any(|target| self.is_of(target))),
        ];
        same.into_iter().find_map(|(what, same)| (!same).then_some(what))
    }

    /// Returns whether this intent is for `target`. All fields of the target, including the regions, must be equal.
    fn is_of(&self, target: &TargetSummary) -> bool {
        let TargetId { name, partition, account, user } = self.target;
        (&target.name, &target.partition, &target.account, &target.user) == (name, partition, account, user)
            && target.regions == self.regions
    }
}

/// Returns the approvals in the records, each with the custodian's name from the record.
pub(super) fn approvals<'e>(entries: &[&'e Entry]) -> Vec<(&'e str, &'e Envelope)> {
    let approval = |entry: &&'e Entry| match &entry.record {
        Record::Approval { custodian, envelope, .. } => Some((custodian.as_str(), envelope)),
        _ => None,
    };
    entries.iter().filter_map(approval).collect()
}
