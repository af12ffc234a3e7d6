//! Chooses one target of a vault, and decrypts it.

use crate::error::{Error, Result};
use crate::terminal::listed;
use crate::vault::file::Vault;
use crate::vault::manifest;
use crate::vault::payload::{Channel, SealedTarget};
use crate::vault::quorum::Share;

/// Returns the target with this name. Without a name, returns the only target of the vault.
pub fn choose<'a>(vault: &'a Vault, name: Option<&str>) -> Result<&'a manifest::TargetSummary> {
    let targets = &vault.manifest.targets;
    let names: Vec<_> = targets.iter().map(|target| target.name.as_str()).collect();
    match (name, targets.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => Err(Error::usage("the vault has several targets")
            .next(format!("name one with --target: {}", listed(&names, "or")))),
        (Some(name), _) => targets.iter().find(|target| target.name == name).ok_or_else(|| {
            Error::usage(format!("the vault has no target {name:?}"))
                .next(format!("it has {}", listed(&names, "and")))
        }),
    }
}

/// The parts of a decrypted payload that a session needs.
pub struct Unsealed {
    pub target: SealedTarget,
    pub alerts: Vec<Channel>,
    /// Instructions for the operator. The program shows the instructions when the window opens.
    pub runbook: String,
}

/// Decrypts the payload, and keeps the target with the name `name`. Wipes all other targets from memory.
pub fn unseal(vault: &Vault, shares: &[Share], name: &str) -> Result<Unsealed> {
    let payload = vault.open(&shares.iter().collect::<Vec<_>>()).map_err(Error::or_another_copy)?;
    let target = payload.targets.into_iter().find(|target| target.name == name);
    let target = target.ok_or_else(|| Error::damaged("the sealed targets do not match the manifest"))?;
    Ok(Unsealed { target, alerts: payload.alerts, runbook: payload.runbook })
}
