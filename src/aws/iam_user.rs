//! Reads and changes one IAM user through the IAM API. The SDK does not retry the writes.

use std::error::Error as StdError;

use aws_config::SdkConfig;
use aws_sdk_iam::Client;
use aws_sdk_iam::types::StatusType;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::aws::error::{code, fault};
use crate::gate::fault::{Fault, Read, Write};
use crate::gate::policy::GATE;
use crate::gate::snapshot::{AccessState, Credential, Snapshot, User};
use crate::vault::target::TargetId;

/// One IAM user, and the clients that read and change this user. The clients have the credentials of one principal.
pub(crate) struct IamUser {
    reads: Client,
    writes: Client,
    name: String,
    deny: String,
    boundary: Option<String>,
}

impl IamUser {
    /// Creates the clients. The SDK retries calls of the client for reads, but not calls of the client for writes.
    /// `boundary` is the ARN of the permissions boundary. If `boundary` is `None`, the policy document of the
    /// boundary is not read.
    pub(crate) fn new(
        reads: &SdkConfig,
        writes: &SdkConfig,
        target: &TargetId,
        boundary: Option<String>,
    ) -> Self {
        let (reads, writes) = (Client::new(reads), Client::new(writes));
        Self { reads, writes, name: target.user.clone(), deny: target.deny_all_arn(), boundary }
    }

    /// Reads all properties of the user, with concurrent calls.
    pub(crate) async fn read(&self) -> Snapshot {
        let (
            user,
            boundary_document,
            inline,
            gate,
            attached,
            groups,
            keys,
            login_profile,
            ssh,
            certificates,
            service,
        ) = tokio::join!(
            self.user(),
            self.boundary_document(),
            self.inline(),
            self.gate(),
            self.attached(),
            self.groups(),
            self.keys(),
            self.login_profile(),
            self.ssh_keys(),
            self.certificates(),
            self.service_credentials(),
        );
        Snapshot {
            user,
            boundary_document,
            inline,
            access: AccessState { gate, attached, keys },
            groups,
            login_profile,
            ssh_keys: ssh,
            certificates,
            service_credentials: service,
        }
    }

    /// Reads only the properties that show whether access is open: the gate policy, the attached policies and the
    /// access keys.
    pub(crate) async fn read_access_state(&self) -> AccessState {
        let (gate, attached, keys) = tokio::join!(self.gate(), self.attached(), self.keys());
        AccessState { gate, attached, keys }
    }

    async fn user(&self) -> Read<Option<User>> {
        let answer = there(self.reads.get_user().user_name(&self.name).send().await)?;
        let user = answer.map(|answer| {
            answer.user.ok_or_else(|| Fault::Unknown("AWS's answer to GetUser has no user".into()))
        });
        Ok(user.transpose()?.map(|user| User {
            boundary: user.permissions_boundary.and_then(|b| b.permissions_boundary_arn),
        }))
    }

    async fn boundary_document(&self) -> Read<Value> {
        let Some(arn) = &self.boundary else {
            return Err(Fault::Refused("no permissions boundary is expected, so none was read".into()));
        };
        let policy = self.reads.get_policy().policy_arn(arn).send().await.map_err(|e| fault(&e))?;
        let version = policy.policy.and_then(|policy| policy.default_version_id);
        let version =
            version.ok_or_else(|| Fault::Unknown("AWS's answer to GetPolicy has no version".into()))?;
        let request = self.reads.get_policy_version().policy_arn(arn).version_id(version);
        let answer = request.send().await.map_err(|e| fault(&e))?;
        match answer.policy_version.and_then(|version| version.document) {
            Some(text) => document(&text),
            None => Err(Fault::Unknown("AWS's answer to GetPolicyVersion has no document".into())),
        }
    }

    async fn inline(&self) -> Read<Vec<String>> {
        let pages = self.reads.list_user_policies().user_name(&self.name).into_paginator().items().send();
        Ok(listed(pages.collect().await)?.unwrap_or_default())
    }

    async fn gate(&self) -> Read<Option<Value>> {
        let request = self.reads.get_user_policy().user_name(&self.name).policy_name(GATE);
        there(request.send().await)?.map(|answer| document(&answer.policy_document)).transpose()
    }

    async fn attached(&self) -> Read<Vec<String>> {
        let pages =
            self.reads.list_attached_user_policies().user_name(&self.name).into_paginator().items().send();
        let policies = listed(pages.collect::<Result<Vec<_>, _>>().await)?.unwrap_or_default();
        policies.into_iter().map(|policy| named(policy.policy_arn, "a policy")).collect()
    }

    async fn groups(&self) -> Read<Vec<String>> {
        let pages = self.reads.list_groups_for_user().user_name(&self.name).into_paginator().items().send();
        let groups = listed(pages.collect::<Result<Vec<_>, _>>().await)?.unwrap_or_default();
        Ok(groups.into_iter().map(|group| group.group_name).collect())
    }

    async fn keys(&self) -> Read<Vec<Credential>> {
        let pages = self.reads.list_access_keys().user_name(&self.name).into_paginator().items().send();
        let keys = listed(pages.collect::<Result<Vec<_>, _>>().await)?.unwrap_or_default();
        keys.into_iter()
            .map(|key| Ok(credential(named(key.access_key_id, "a key")?, key.status.as_ref())))
            .collect()
    }

    async fn login_profile(&self) -> Read<bool> {
        Ok(there(self.reads.get_login_profile().user_name(&self.name).send().await)?.is_some())
    }

    async fn ssh_keys(&self) -> Read<Vec<Credential>> {
        let pages = self.reads.list_ssh_public_keys().user_name(&self.name).into_paginator().items().send();
        let keys = listed(pages.collect::<Result<Vec<_>, _>>().await)?.unwrap_or_default();
        Ok(keys.into_iter().map(|k| credential(k.ssh_public_key_id, Some(&k.status))).collect())
    }

    async fn certificates(&self) -> Read<Vec<Credential>> {
        let pages =
            self.reads.list_signing_certificates().user_name(&self.name).into_paginator().items().send();
        let certificates = listed(pages.collect::<Result<Vec<_>, _>>().await)?.unwrap_or_default();
        Ok(certificates.into_iter().map(|c| credential(c.certificate_id, Some(&c.status))).collect())
    }

    async fn service_credentials(&self) -> Read<Vec<Credential>> {
        let request = self.reads.list_service_specific_credentials().user_name(&self.name);
        let Some(answer) = there(request.send().await)? else {
            return Ok(Vec::new());
        };
        if answer.is_truncated {
            return Err(Fault::Unknown("AWS returned only a part of the list".into()));
        }
        let all = answer.service_specific_credentials.unwrap_or_default();
        Ok(all.into_iter().map(|c| credential(c.service_specific_credential_id, Some(&c.status))).collect())
    }

    pub(crate) async fn put_gate(&self, document: &str) -> Write {
        let request = self.writes.put_user_policy().user_name(&self.name).policy_name(GATE);
        request.policy_document(document).send().await.map(drop).map_err(|e| fault(&e))
    }

    pub(crate) async fn attach_deny(&self) -> Write {
        let request = self.writes.attach_user_policy().user_name(&self.name).policy_arn(&self.deny);
        request.send().await.map(drop).map_err(|e| fault(&e))
    }

    pub(crate) async fn lift_deny(&self) -> Write {
        let request = self.writes.detach_user_policy().user_name(&self.name).policy_arn(&self.deny);
        request.send().await.map(drop).map_err(|e| fault(&e))
    }

    pub(crate) async fn switch_key(&self, id: &str, active: bool) -> Write {
        let status = if active { StatusType::Active } else { StatusType::Inactive };
        let request = self.writes.update_access_key().user_name(&self.name).access_key_id(id).status(status);
        request.send().await.map(drop).map_err(|e| fault(&e))
    }
}

/// Returns AWS's answer, or `None` if the error is `NoSuchEntity`.
fn there<T, E>(result: Result<T, SdkError<E, HttpResponse>>) -> Read<Option<T>>
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if code(&error).is_some_and(|c| c.starts_with("NoSuchEntity")) => Ok(None),
        Err(error) => Err(fault(&error)),
    }
}

/// Turns the error `NoSuchEntity` of a list call into `None`. The error means that the user does not exist. The caller
/// of this function also calls `GetUser`, which shows whether the user exists.
fn listed<T, E>(result: Result<Vec<T>, SdkError<E, HttpResponse>>) -> Read<Option<Vec<T>>>
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    there(result)
}

/// Makes a [`Credential`] from an id and a status. A credential counts as usable unless its status is `Inactive`.
fn credential(id: String, status: Option<&StatusType>) -> Credential {
    let other_status = match status {
        Some(StatusType::Active | StatusType::Inactive) | None => None,
        Some(other) => Some(other.as_str().to_owned()),
    };
    Credential { id, active: !matches!(status, Some(StatusType::Inactive)), other_status }
}

fn named(name: Option<String>, what: &str) -> Read<String> {
    name.ok_or_else(|| Fault::Unknown(format!("AWS listed {what} without a name")))
}

/// Decodes a policy document, which IAM returns URL-encoded (RFC 3986).
fn document(text: &str) -> Read<Value> {
    let decoded: Vec<u8> = percent_decode_str(text).collect();
    serde_json::from_slice(&decoded).map_err(|e| Fault::Unknown(format!("a document is not JSON: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_policy_document_is_read_with_and_without_url_encoding() {
        assert_eq!(document("%7B%22a%22%3A%22%C3%A9%22%7D"), Ok(json!({"a": "é"})));
        assert_eq!(document("{\"a\": 1}"), Ok(json!({"a": 1})));
        for bad in ["%7", "%zz", "", "%7B"] {
            assert!(document(bad).is_err(), "{bad:?}");
        }
    }
}
