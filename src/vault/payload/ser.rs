//! The canonical form of a payload. These types borrow the payload's values, so secrets are copied only into the
//! locked buffer.

use serde::Serialize;
use serde_json::Value;

use super::channel::ChannelForm;
use super::key::KeyForm;
use super::size::{BLOCK, MAX_BYTES, Remaining};
use super::{Mfa, Payload, SealedTarget, Way};
use crate::secret::SecretBuf;
use crate::vault::duration::Span;

/// The fields of a payload's JSON.
#[derive(Serialize)]
struct PayloadForm<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    alerts: Vec<ChannelForm<'a>>,
    runbook: &'a str,
    targets: Vec<TargetForm<'a>>,
    version: u8,
}

#[derive(Serialize)]
struct TargetForm<'a> {
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    boundary: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    boundary_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closer: Option<KeyForm<'a>>,
    emergency: KeyForm<'a>,
    grant: &'a [Value],
    max_window: Span,
    may_outlive: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    mfa: Option<MfaForm<'a>>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    opener: Option<KeyForm<'a>>,
    partition: &'a str,
    regions: &'a [String],
    repairs_identity: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    user: &'a str,
}

#[derive(Serialize)]
struct MfaForm<'a> {
    serial_number: &'a str,
    totp_seed: &'a str,
}

impl Payload {
    /// Returns the canonical JSON, padded to whole blocks.
    ///
    /// # Panics
    /// Never panics: the program checks the length of a payload when it reads the payload.
    pub fn to_sealed(&self) -> SecretBuf {
        let length = self.canonical_length().expect("a checked payload fits into a vault");
        let mut buffer = SecretBuf::with_capacity(length.next_multiple_of(BLOCK));
        serde_json_canonicalizer::to_writer(&PayloadForm::of(self), &mut buffer)
            .expect("the buffer has the measured length");
        buffer.spare_mut().fill(b' ');
        buffer.advance(length.next_multiple_of(BLOCK) - length);
        buffer
    }

    /// Returns the length of the canonical JSON in bytes. Returns `None` if the JSON is too long, or if a number has
    /// no canonical form.
    pub(super) fn canonical_length(&self) -> Option<usize> {
        let mut remaining = Remaining(MAX_BYTES);
        serde_json_canonicalizer::to_writer(&PayloadForm::of(self), &mut remaining).ok()?;
        Some(MAX_BYTES - remaining.0)
    }
}

impl<'a> PayloadForm<'a> {
    fn of(payload: &'a Payload) -> Self {
        let targets = payload.targets.iter().map(TargetForm::of).collect();
        let alerts = payload.alerts.iter().map(ChannelForm::of).collect();
        Self { alerts, runbook: &payload.runbook, targets, version: payload.version }
    }
}

impl<'a> TargetForm<'a> {
    fn of(target: &'a SealedTarget) -> Self {
        let (gatekeepers, role) = match &target.way {
            Way::Gate(gatekeepers) => (Some(gatekeepers), None),
            Way::Static(role) => (None, Some(role.as_str())),
        };
        Self {
            account: &target.account,
            boundary: gatekeepers.map(|g| g.boundary.as_str()),
            boundary_sha256: gatekeepers.map(|g| hex::encode(g.boundary_sha256)),
            closer: gatekeepers.map(|g| KeyForm::of(&g.closer)),
            emergency: KeyForm::of(&target.emergency),
            grant: &target.grant,
            max_window: target.max_window,
            may_outlive: &target.may_outlive,
            mfa: target.mfa.as_ref().map(MfaForm::of),
            name: &target.name,
            opener: gatekeepers.map(|g| KeyForm::of(&g.opener)),
            partition: &target.partition,
            regions: &target.regions,
            repairs_identity: target.repairs_identity,
            role,
            user: &target.user,
        }
    }
}

impl<'a> MfaForm<'a> {
    fn of(mfa: &'a Mfa) -> Self {
        Self { serial_number: &mfa.serial, totp_seed: mfa.seed.expose() }
    }
}
