//! The JSON form of a target, whose fields depend on the lane: `gate` or `static`.

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::error::FieldError;
use super::{AccessKey, Gatekeepers, Mfa, SealedTarget, Way, strict};
use crate::vault::duration::Span;

/// All fields that the JSON of a target can have, in the lane `gate` or `static`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetJson {
    name: String,
    partition: String,
    account: String,
    regions: Vec<String>,
    user: String,
    max_window: Span,
    emergency: AccessKey,
    #[serde(deserialize_with = "strict::objects")]
    grant: Vec<Value>,
    #[serde(default)]
    may_outlive: Vec<String>,
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

impl<'de> Deserialize<'de> for SealedTarget {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        Self::try_from(TargetJson::deserialize(json)?).map_err(de::Error::custom)
    }
}

impl TryFrom<TargetJson> for SealedTarget {
    type Error = FieldError;

    fn try_from(json: TargetJson) -> Result<Self, FieldError> {
        let TargetJson { boundary, boundary_sha256, opener, closer, .. } = json;
        let way = match json.role {
            None => Way::Gate(Gatekeepers {
                boundary: boundary.ok_or(FieldError::Missing("boundary"))?,
                boundary_sha256: boundary_sha256.ok_or(FieldError::Missing("boundary_sha256"))?.0,
                opener: opener.ok_or(FieldError::Missing("opener"))?,
                closer: closer.ok_or(FieldError::Missing("closer"))?,
            }),
            Some(_) if json.mfa.is_none() => return Err(FieldError::Missing("mfa")),
            Some(role) => {
                let gates =
                    [boundary.is_some(), boundary_sha256.is_some(), opener.is_some(), closer.is_some()];
                let names = ["boundary", "boundary_sha256", "opener", "closer"];
                match names.iter().zip(gates).find(|(_, there)| *there) {
                    Some((name, _)) => return Err(FieldError::Unknown(name)),
                    None => Way::Static(role),
                }
            }
        };
        Ok(Self {
            name: json.name,
            partition: json.partition,
            account: json.account,
            regions: json.regions,
            user: json.user,
            max_window: json.max_window,
            emergency: json.emergency,
            mfa: json.mfa,
            grant: json.grant,
            may_outlive: json.may_outlive,
            repairs_identity: json.repairs_identity,
            way,
        })
    }
}
