//! The input of the command `seal`: the payload of the vault, and the payload of its drill vault.

use serde::Deserialize;

use super::error::PayloadError;
use super::{Channel, MAX_BYTES, Payload, SealedTarget, names};
use crate::error::{Error, Result, Status};
use crate::vault::json;

/// The payload of a vault, and the payload of its drill vault if the input has one.
#[derive(Debug)]
pub struct Input {
    /// The vault's payload.
    pub payload: Payload,
    /// The drill vault's payload. This payload has one target, whose user is allowed only the test call (probe).
    pub drill: Option<Payload>,
}

/// The fields of the input's JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InputJson {
    version: u8,
    targets: Vec<SealedTarget>,
    #[serde(default)]
    runbook: String,
    #[serde(default)]
    alerts: Vec<Channel>,
    drill: Option<SealedTarget>,
}

impl Input {
    /// Reads the JSON and checks every field.
    ///
    /// # Errors
    /// Returns [`Status::Usage`]. The message names the target and the field, and contains no secret.
    pub fn parse(json: &[u8]) -> Result<Self> {
        Self::read(json).map_err(|why| {
            Error::new(Status::Usage, format!("the credentials are not valid: {why}"))
                .next("correct the JSON and seal again; nothing was written")
        })
    }

    fn read(json: &[u8]) -> Result<Self, PayloadError> {
        if json.len() > MAX_BYTES {
            return Err(PayloadError::TooLong);
        }
        let fields = || {
            let mut input = json::read::<InputJson>(json).map_err(PayloadError::Json)?;
            // The input can list the actions in any order. In the payload the actions must be sorted.
            for target in input.targets.iter_mut().chain(&mut input.drill) {
                target.may_outlive.sort_unstable();
                target.may_outlive.dedup();
            }
            Ok::<_, PayloadError>(input)
        };
        let InputJson { version, targets, runbook, alerts, drill } = fields()?;
        let payload = Payload { version, targets, runbook, alerts }.checked()?;
        let drill = match drill {
            None => None,
            Some(target) => {
                check_drill(&target, &payload)?;
                // Both vaults contain the runbook and the alert channels. The types for secrets cannot be cloned, so
                // these fields are read from the JSON a second time.
                let InputJson { version, runbook, alerts, .. } = fields()?;
                Some(Payload { version, targets: vec![target], runbook, alerts }.checked()?)
            }
        };
        Ok(Self { payload, drill })
    }
}

/// Checks that the drill's user and keys are not in the vault, and that the user is allowed only the test call (probe).
fn check_drill(drill: &SealedTarget, payload: &Payload) -> Result<(), PayloadError> {
    if !drill.grant.is_empty() {
        return Err(PayloadError::DrillGrant);
    }
    let same_user = |target: &SealedTarget| (&target.account, &target.user) == (&drill.account, &drill.user);
    if payload.targets.iter().any(same_user) {
        return Err(PayloadError::DrillUser);
    }
    let of_vault = payload.targets.iter().flat_map(SealedTarget::keys);
    let ids = of_vault.chain(drill.keys()).map(|(_, key)| key.id.as_str());
    names::all_different("access key", ids).map_err(PayloadError::DrillKey)
}
