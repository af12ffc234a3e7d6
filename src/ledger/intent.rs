//! What a session was meant to be, as its record has it; and whether that is what custodians have signed.

use super::facts::Principals;
use super::record::Record;
use crate::custody::approval::{self, Request};
use crate::gate::SessionId;
use crate::vault::dsse::Envelope;
use crate::vault::manifest::{Lane, Manifest, Target, Token};
use crate::vault::target::TargetId;

/// What was intended.
#[derive(Clone, Copy, Debug)]
pub struct Intent<'a> {
    /// The session.
    pub session: SessionId,
    /// The vault's id.
    pub vault: &'a str,
    /// The vault's epoch.
    pub epoch: u64,
    /// The epoch of its credentials.
    pub credentials_epoch: u64,
    /// SHA-256 of the vault, hex.
    pub sha256: &'a str,
    /// How the window is made.
    pub lane: Lane,
    /// The user.
    pub target: &'a TargetId,
    /// Where the grant holds.
    pub regions: &'a [String],
    /// Whose calls AWS will show.
    pub principals: &'a Principals,
    /// The window's length in seconds.
    pub window: u64,
    /// Why.
    pub reason: &'a str,
    /// Why once more.
    pub again: Option<&'a str>,
    /// Why without an alert that was acknowledged.
    pub no_alert: Option<&'a str>,
    /// A drill: the id of the vault that is practised for.
    pub drill_of: Option<&'a str>,
    /// Where AWS was taken to be, if not at its own addresses.
    pub endpoint: Option<&'a str>,
}

impl Record {
    /// What was intended, if that is what it says.
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
            endpoint,
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
            endpoint: endpoint.as_deref(),
        })
    }
}

impl Intent<'_> {
    /// The token of this custodian of the vault's that approved exactly this.
    ///
    /// # Errors
    /// In words: why it did not.
    pub fn approved<'m>(
        &self,
        name: &str,
        envelope: &Envelope,
        manifest: &'m Manifest,
    ) -> Result<&'m Token, String> {
        let (custodian, token, statement) = approval::verify(manifest, envelope)?;
        if custodian.name != name {
            return Err(format!("it is {}'s", custodian.name));
        }
        if let Some(what) = self.differs(&statement.predicate.request) {
            return Err(format!("what was signed is about another {what}"));
        }
        if statement.subject().digest.sha256 != self.sha256 {
            return Err("what was signed is about another file".into());
        }
        Ok(token)
    }

    /// Both are about the same credentials: of the same vault and epoch, or with the same emergency key, however often that
    /// was sealed anew. A drill's are nobody else's.
    pub fn has_credentials_of(&self, other: &Intent<'_>) -> bool {
        let key =
            |intent: &Intent<'_>| Some(intent.principals.emergency.clone()).filter(|key| !key.is_empty());
        let same_vault = (self.vault, self.credentials_epoch) == (other.vault, other.credentials_epoch);
        same_vault || key(self).is_some() && key(self) == key(other)
    }

    /// The first thing in which the record is not what was signed.
    fn differs(&self, signed: &Request) -> Option<&'static str> {
        let same = [
            ("session", signed.session == self.session),
            ("vault", signed.vault_id == self.vault),
            ("epoch", u64::from(signed.epoch) == self.epoch),
            ("epoch of the credentials", u64::from(signed.credentials_epoch) == self.credentials_epoch),
            ("reason", signed.reason == self.reason),
            ("reason to open again", signed.again.as_deref() == self.again),
            ("reason to go without an alert", signed.no_alert.as_deref() == self.no_alert),
            ("window", signed.window == self.window),
            ("lane", signed.lane == self.lane),
            ("drill", signed.drill_of.as_deref() == self.drill_of),
            ("address of AWS", signed.endpoint.as_deref() == self.endpoint),
            ("target", signed.targets.iter().any(|target| self.is_of(target))),
        ];
        same.into_iter().find_map(|(what, same)| (!same).then_some(what))
    }

    /// Of this target, in all that the record says of it.
    fn is_of(&self, target: &Target) -> bool {
        let TargetId { name, partition, account, user } = self.target;
        (&target.name, &target.partition, &target.account, &target.user) == (name, partition, account, user)
            && target.regions == self.regions
    }
}
