//! A target's members as JSON has them: which there have to be depends on the lane.

use serde::Deserialize;
use serde_json::Value;

use super::{AccessKey, Gatekeepers, Mfa, Target, Way, strict};
use crate::vault::duration::Span;

/// Every member that a target of any lane may have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Members {
    name: String,
    partition: String,
    account: String,
    regions: Vec<String>,
    user: String,
    max_window: Span,
    emergency: AccessKey,
    #[serde(deserialize_with = "strict::values")]
    grant: Vec<Value>,
    #[serde(default)]
    repairs_identity: bool,
    mfa: Option<Mfa>,
    boundary: Option<String>,
    boundary_sha256: Option<Digest>,
    opener: Option<AccessKey>,
    closer: Option<AccessKey>,
    role: Option<String>,
}

/// SHA-256 as hex.
#[derive(Deserialize)]
struct Digest(#[serde(with = "hex")] [u8; 32]);

impl TryFrom<Members> for Target {
    type Error = String;

    fn try_from(members: Members) -> Result<Self, String> {
        let Members { boundary, boundary_sha256, opener, closer, .. } = members;
        let way = match members.role {
            None => Way::Gate(Gatekeepers {
                boundary: boundary.ok_or_else(|| missing("boundary"))?,
                boundary_sha256: boundary_sha256.ok_or_else(|| missing("boundary_sha256"))?.0,
                opener: opener.ok_or_else(|| missing("opener"))?,
                closer: closer.ok_or_else(|| missing("closer"))?,
            }),
            Some(_) if members.mfa.is_none() => return Err(missing("mfa")),
            Some(role) => {
                let gates =
                    [boundary.is_some(), boundary_sha256.is_some(), opener.is_some(), closer.is_some()];
                let names = ["boundary", "boundary_sha256", "opener", "closer"];
                match names.iter().zip(gates).find(|(_, there)| *there) {
                    Some((name, _)) => return Err(format!("unknown field `{name}`")),
                    None => Way::Static(role),
                }
            }
        };
        Ok(Self {
            name: members.name,
            partition: members.partition,
            account: members.account,
            regions: members.regions,
            user: members.user,
            max_window: members.max_window,
            emergency: members.emergency,
            mfa: members.mfa,
            grant: members.grant,
            repairs_identity: members.repairs_identity,
            way,
        })
    }
}

fn missing(name: &str) -> String {
    format!("missing field `{name}`")
}
