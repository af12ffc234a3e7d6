//! The canonical form of what is sealed, written without a copy of any secret.

use serde::Serialize;
use serde_json::Value;

use super::{AccessKey, Payload, Target};
use crate::vault::duration::Span;

/// The members as they are written. Borrowed: no secret is copied but into the locked buffer.
#[derive(Serialize)]
pub(super) struct Form<'a> {
    runbook: &'a str,
    targets: Vec<TargetForm<'a>>,
    version: u8,
}

#[derive(Serialize)]
struct TargetForm<'a> {
    account: &'a str,
    boundary: &'a str,
    boundary_sha256: String,
    closer: KeyForm<'a>,
    emergency: KeyForm<'a>,
    grant: &'a [Value],
    max_window: Span,
    name: &'a str,
    opener: KeyForm<'a>,
    partition: &'a str,
    regions: &'a [String],
    repairs_identity: bool,
    user: &'a str,
}

#[derive(Serialize)]
struct KeyForm<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
}

impl<'a> Form<'a> {
    pub(super) fn of(payload: &'a Payload) -> Self {
        let targets = payload.targets.iter().map(TargetForm::of).collect();
        Self { runbook: &payload.runbook, targets, version: payload.version }
    }
}

impl<'a> TargetForm<'a> {
    fn of(target: &'a Target) -> Self {
        Self {
            account: &target.account,
            boundary: &target.boundary,
            boundary_sha256: hex::encode(target.boundary_sha256),
            closer: KeyForm::of(&target.closer),
            emergency: KeyForm::of(&target.emergency),
            grant: &target.grant,
            max_window: target.max_window,
            name: &target.name,
            opener: KeyForm::of(&target.opener),
            partition: &target.partition,
            regions: &target.regions,
            repairs_identity: target.repairs_identity,
            user: &target.user,
        }
    }
}

impl<'a> KeyForm<'a> {
    fn of(key: &'a AccessKey) -> Self {
        Self { access_key_id: &key.id, secret_access_key: key.secret.expose() }
    }
}

/// Counts what is written and keeps nothing.
pub(super) struct Room(pub(super) usize);

impl std::io::Write for Room {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::WriteZero)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
