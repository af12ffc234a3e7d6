//! The identity of a target: the target's name in the vault, and the IAM user to which the target gives access.

use serde::{Deserialize, Serialize};

use super::names::{self, NameError};
use super::{manifest, payload};

/// One emergency IAM user. Deserializing validates every field, because the program displays the values and shows
/// commands that contain them.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "Fields")]
pub struct TargetId {
    /// The target's name in the vault.
    pub name: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The account ID, twelve digits.
    pub account: String,
    /// The name of the IAM user, without a path.
    pub user: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    name: String,
    partition: String,
    account: String,
    user: String,
}

impl TryFrom<Fields> for TargetId {
    type Error = NameError;

    fn try_from(Fields { name, partition, account, user }: Fields) -> Result<Self, NameError> {
        names::user(&name, &partition, &account, &user)?;
        Ok(Self { name, partition, account, user })
    }
}

impl TargetId {
    /// Returns the ARN of `AWSDenyAll` in the target's partition.
    pub fn deny_all_arn(&self) -> String {
        deny_all_arn(&self.partition)
    }

    /// Returns the region of the IAM endpoint in the target's partition.
    pub fn iam_region(&self) -> &'static str {
        iam_region(&self.partition)
    }
}

/// Returns the ARN of `AWSDenyAll`, the AWS managed policy that denies a user every action.
pub fn deny_all_arn(partition: &str) -> String {
    format!("arn:{partition}:iam::aws:policy/AWSDenyAll")
}

/// Returns the region of the IAM endpoint in a partition.
pub fn iam_region(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    }
}

impl From<&manifest::TargetSummary> for TargetId {
    fn from(target: &manifest::TargetSummary) -> Self {
        let manifest::TargetSummary { name, partition, account, user, .. } = target.clone();
        Self { name, partition, account, user }
    }
}

impl From<&payload::SealedTarget> for TargetId {
    fn from(target: &payload::SealedTarget) -> Self {
        Self {
            name: target.name.clone(),
            partition: target.partition.clone(),
            account: target.account.clone(),
            user: target.user.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_its_own_policy_arn_and_iam_region() {
        let id = |partition: &str| TargetId {
            name: "prod".into(),
            partition: partition.into(),
            account: "111122223333".into(),
            user: "emergency".into(),
        };
        for (partition, region) in
            [("aws", "us-east-1"), ("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")]
        {
            assert_eq!(id(partition).iam_region(), region);
            let arn = format!("arn:{partition}:iam::aws:policy/AWSDenyAll");
            assert_eq!(id(partition).deny_all_arn(), arn);
        }
    }

    #[test]
    fn a_target_that_a_shell_would_misread_is_rejected() {
        let json = |user: &str| {
            format!(r#"{{"name":"prod","partition":"aws","account":"111122223333","user":"{user}"}}"#)
        };
        assert!(serde_json::from_str::<TargetId>(&json("emergency")).is_ok());
        assert!(serde_json::from_str::<TargetId>(&json("x; rm -r /")).is_err());
    }
}
