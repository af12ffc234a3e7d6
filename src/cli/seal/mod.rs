//! `seal`: encrypts credentials in a new vault, without network access.

mod credentials;
mod custodians;

use std::path::{Path, PathBuf};

use jiff::{Timestamp, Unit};

use super::args::SealArgs;
use super::{genuine, input, output};
use crate::error::{Error, Result};
use crate::terminal::{listed, print, warning};
use crate::vault::ceremony::Prepared;
use crate::vault::file::Vault;
use crate::vault::manifest::{Custodian, Lane, Manifest};
use crate::vault::payload::{Input, Payload};
use crate::vault::quorum::Threshold;
use crate::vault::{random, words};

/// The recommended quorum in the lane `static`. The recommendation is above the minimum of two, because a window of
/// this lane cannot be closed early.
const STATIC_QUORUM: u8 = 3;

/// Reads the credentials and seals them in a new vault file. The file gets its final name only after the program has
/// read the file back and opened it as a test. If the input has a drill, the drill vault is also written. If one of
/// the two files cannot be written, neither file is left.
pub fn run(arguments: SealArgs) -> Result<()> {
    let request = SealRequest::new(arguments)?;
    let Input { payload, drill } = credentials::read()?;
    request.advise(&payload, drill.is_some());
    let manifest = request.manifest(&payload);
    let prepared = Prepared::new(&manifest, &payload)?;
    let Some(drill) = drill else {
        let vault = request.write(&prepared, &request.out, || Ok(()))?;
        return request.print(&vault, None);
    };
    let drill_out = drill_path(&request.out);
    output::must_be_new(&drill_out)?;
    let prepared_drill = Prepared::new(&drill_manifest(&manifest, &drill), &drill)?;
    let mut drill_vault = None;
    let vault = request.write(&prepared, &request.out, || {
        drill_vault = Some(request.write(&prepared_drill, &drill_out, || Ok(()))?);
        Ok(())
    });
    // The drill vault is removed again if the vault itself could not be written.
    if vault.is_err() && drill_vault.is_some() {
        let _ = std::fs::remove_file(&drill_out);
    }
    request.print(&vault?, drill_vault.as_ref().map(|vault| (drill_out.as_path(), vault)))
}

/// The validated arguments of `seal`. The enrolments have been read, and their fingerprints have been checked.
struct SealRequest {
    threshold: Threshold,
    custodians: Vec<Custodian>,
    label: String,
    out: PathBuf,
    armor: bool,
    json: bool,
}

impl SealRequest {
    fn new(arguments: SealArgs) -> Result<Self> {
        let SealArgs { custodians, threshold, label, out, armor, yes_fingerprints, json, accepted } =
            arguments;
        let threshold = Threshold::try_from(threshold).map_err(Error::usage)?;
        output::must_be_new(&out)?;
        let custodians = custodians::read(&custodians, threshold, !yes_fingerprints, |name, token| {
            genuine::require_yubico(name, token, accepted)
        })?;
        Ok(Self { threshold, custodians, label, out, armor, json: json.json })
    }

    /// Warns about choices that are allowed but not recommended.
    fn advise(&self, payload: &Payload, has_drill: bool) {
        if payload.lane() == Lane::Static && self.threshold.get() < STATIC_QUORUM {
            warning(format_args!(
                "a window of the lane static cannot be closed early; use a higher quorum (--threshold {STATIC_QUORUM})"
            ));
        }
        if payload.alerts.is_empty() {
            warning(
                "there are no alert channels; every opening will need --no-alert or channels that are configured on the opening machine\n  \
                 next: add \"alerts\" to the JSON",
            );
        }
        for channel in payload.alerts.iter().filter(|channel| channel.is_on_this_machine()) {
            warning(format_args!(
                "alert channel {} points at this machine; anyone who controls it can fake the acknowledgement",
                channel.name
            ));
        }
        if !has_drill {
            warning("no drill vault was created, so you cannot rehearse\n  next: add \"drill\" to the JSON");
        }
    }

    fn manifest(&self, payload: &Payload) -> Manifest {
        Manifest {
            alerts: payload.channels(),
            created: Timestamp::now().round(Unit::Second).unwrap_or_default().to_string(),
            credentials_epoch: 1,
            custodians: self.custodians.clone(),
            drill_of: None,
            epoch: 1,
            label: self.label.clone(),
            lane: payload.lane(),
            replaces: None,
            targets: payload.summaries(),
            threshold: self.threshold,
            vault_id: random::hex::<16>(),
            version: 1,
        }
    }

    /// Writes the vault to a temporary file, reads the file back to check it, runs `with_it`, and renames the file to
    /// `path`.
    fn write(
        &self,
        prepared: &Prepared<'_>,
        path: &Path,
        with_it: impl FnOnce() -> Result<()>,
    ) -> Result<Vault> {
        output::create_proven(path, &prepared.bytes(self.armor), |path| {
            let vault = input::vault(path)?;
            prepared.prove(&vault)?;
            with_it()?;
            Ok(vault)
        })
    }

    fn print(&self, vault: &Vault, drill: Option<(&Path, &Vault)>) -> Result<()> {
        if self.json { print::exact(&json(vault, drill)) } else { print::result(&self.text(vault, drill)) }
    }

    fn text(&self, vault: &Vault, drill: Option<(&Path, &Vault)>) -> String {
        let manifest = &vault.manifest;
        let (sha256, words) = (hex::encode(vault.sha256), words::of(&vault.sha256));
        let names: Vec<_> = manifest.custodians.iter().map(|c| c.name.as_str()).collect();
        let drill = drill.map_or_else(String::new, |(path, vault)| {
            format!("drill       {}\nwords       {}\n", path.display(), words::of(&vault.sha256))
        });
        format!(
            "sealed      {} ({})\ncustodians  {} of {}: {}\nvault id    {}\nepoch       {}\nsha256      {sha256}\n\
             words       {words}\n{drill}",
            self.out.display(),
            manifest.label,
            manifest.threshold.get(),
            names.len(),
            listed(&names, "and"),
            manifest.vault_id,
            manifest.epoch,
        )
    }
}

fn json(vault: &Vault, drill: Option<(&Path, &Vault)>) -> String {
    let digest = |vault: &Vault| (hex::encode(vault.sha256), words::of(&vault.sha256));
    let (sha256, words) = digest(vault);
    let (vault_id, epoch) = (&vault.manifest.vault_id, vault.manifest.epoch);
    let mut result =
        serde_json::json!({ "vault_id": vault_id, "epoch": epoch, "sha256": sha256, "words": words });
    if let Some((path, vault)) = drill {
        let (sha256, words) = digest(vault);
        let vault_id = &vault.manifest.vault_id;
        result["drill"] =
            serde_json::json!({ "file": path, "vault_id": vault_id, "sha256": sha256, "words": words });
    }
    format!("{result}\n")
}

/// Returns the path of the drill vault: `prod.drill.age` for `prod.age`.
fn drill_path(vault: &Path) -> PathBuf {
    let name = vault.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".age").unwrap_or(&name);
    vault.with_file_name(format!("{stem}.drill.age"))
}

/// Returns the manifest of the drill vault, which has the vault's custodians and a different id.
fn drill_manifest(manifest: &Manifest, drill: &Payload) -> Manifest {
    Manifest {
        drill_of: Some(manifest.vault_id.clone()),
        lane: drill.lane(),
        replaces: None,
        targets: drill.summaries(),
        vault_id: random::hex::<16>(),
        ..manifest.clone()
    }
}
