//! The canonical form of a payload, borrowed: secrets are copied into the locked buffer only.

use serde::Serialize;
use serde_json::Value;

use super::channel::ChannelForm;
use super::key::KeyForm;
use super::{Mfa, Payload, SealedTarget, Way};
use crate::vault::duration::Span;

/// The fields of a payload.
#[derive(Serialize)]
pub(super) struct PayloadForm<'a> {
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

impl<'a> PayloadForm<'a> {
    pub(super) fn of(payload: &'a Payload) -> Self {
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

/// Counts down the remaining bytes and keeps nothing.
pub(super) struct Remaining(pub(super) usize);

impl std::io::Write for Remaining {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::WriteZero)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
