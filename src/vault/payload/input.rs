//! What the ceremony administrator feeds in: what is to be sealed, and the drill that is sealed beside it.

use serde::Deserialize;

use super::{Channel, MAX_BYTES, Payload, Target, names};
use crate::error::{Error, Result, Status};
use crate::vault::json;

/// Two payloads: the vault's, and its drill's if there is one.
#[derive(Debug)]
pub struct Input {
    /// For the vault.
    pub payload: Payload,
    /// For the drill vault: one target that may make the probe and nothing else.
    pub drill: Option<Payload>,
}

/// The members as they are fed in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    version: u8,
    targets: Vec<Target>,
    #[serde(default)]
    runbook: String,
    #[serde(default)]
    alerts: Vec<Channel>,
    drill: Option<Target>,
}

impl Input {
    /// Reads the JSON and checks every member.
    ///
    /// # Errors
    /// [`Status::Usage`], naming the target and the member; the secrets themselves are never repeated.
    pub fn parse(json: &[u8]) -> Result<Self> {
        Self::read(json).map_err(|why| {
            Error::new(Status::Usage, format!("the credentials are not valid: {why}"))
                .next("correct the JSON and seal again; nothing was written")
        })
    }

    fn read(json: &[u8]) -> Result<Self, String> {
        if json.len() > MAX_BYTES {
            return Err(format!("longer than {MAX_BYTES} bytes"));
        }
        let members = || json::read::<Members>(json);
        let Members { version, targets, runbook, alerts, drill } = members()?;
        let payload = Payload { version, targets, runbook, alerts }.checked()?;
        let drill = match drill {
            None => None,
            Some(target) => {
                check_drill(&target, &payload)?;
                // Secrets have no copies: what both vaults hold is read once for each.
                let Members { version, runbook, alerts, .. } = members()?;
                Some(Payload { version, targets: vec![target], runbook, alerts }.checked()?)
            }
        };
        Ok(Self { payload, drill })
    }
}

/// A drill's user is nobody whom the vault opens, and may only make the probe.
fn check_drill(drill: &Target, payload: &Payload) -> Result<(), String> {
    if !drill.grant.is_empty() {
        return Err(
            "drill: its grant is not empty; a drill's user may make the probe and nothing else".into()
        );
    }
    let same_user = |target: &Target| (&target.account, &target.user) == (&drill.account, &drill.user);
    if payload.targets.iter().any(same_user) {
        return Err("drill: its user is one that the vault opens; a drill has a user of its own".into());
    }
    let of_vault = payload.targets.iter().flat_map(Target::keys);
    let ids = of_vault.chain(drill.keys()).map(|(_, key)| key.id.as_str());
    names::all_different("access key", ids).map_err(|why| format!("drill: {why}"))
}
