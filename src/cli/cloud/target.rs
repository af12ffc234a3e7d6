//! Which target of a vault is meant, and taking it out of what is sealed.

use crate::error::{Error, Result};
use crate::terminal::listed;
use crate::vault::file::Vault;
use crate::vault::manifest;
use crate::vault::payload::{Channel, Target};
use crate::vault::quorum::Share;

/// The target of this name, or the only one.
pub fn choose<'a>(vault: &'a Vault, name: Option<&str>) -> Result<&'a manifest::Target> {
    let targets = &vault.manifest.targets;
    let names: Vec<_> = targets.iter().map(|target| target.name.as_str()).collect();
    match (name, targets.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => Err(Error::usage("the vault has several targets")
            .next(format!("say which one with --target: {}", listed(&names, "or")))),
        (Some(name), _) => targets.iter().find(|target| target.name == name).ok_or_else(|| {
            Error::usage(format!("the vault has no target {name:?}"))
                .next(format!("it has {}", listed(&names, "and")))
        }),
    }
}

/// Opens what is sealed and keeps this one target, and who is to be told; the rest is wiped.
pub fn unseal(vault: &Vault, shares: &[Share], name: &str) -> Result<(Target, Vec<Channel>)> {
    let payload = vault.open(&shares.iter().collect::<Vec<_>>()).map_err(Error::or_another_copy)?;
    let target = payload.targets.into_iter().find(|target| target.name == name);
    let target =
        target.ok_or_else(|| Error::damaged("what is sealed has not the targets of the manifest"))?;
    Ok((target, payload.alerts))
}
