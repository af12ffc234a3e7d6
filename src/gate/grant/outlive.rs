//! Finds granted actions whose effect can outlive the window. An action can outlive the window if the action issues
//! credentials of another principal, runs code as another principal, or returns tokens and secrets that stay valid. If
//! a grant allows an action from the lists below, the grant must name the action in `may_outlive`. Custodians then see
//! the action before they approve.
//!
//! The lists below have three sources: AWS's service authorization reference, cloudsplaining's list of actions that
//! expose credentials, and the published ways to run code as a role without `iam:PassRole`. The lists cannot be
//! complete, because AWS adds actions.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::vault::grant::{ActionPattern, Actions, Family, GrantStatement};
use crate::vault::names;

/// An AWS service, and the actions of this service whose effect can outlive the window. A final `*` matches any text.
type Service = (&'static str, &'static [&'static str]);

/// Actions that return credentials, tokens or secrets.
#[rustfmt::skip]
const CREDENTIALS: [Service; 34] = [
    ("airflow", &["CreateCliToken", "CreateWebLoginToken"]),
    ("bedrock-agentcore", &["GetResourceApiKey", "GetResourceOauth2Token", "GetWorkloadAccessToken*"]),
    ("chime", &["CreateApiKey"]),
    ("codeartifact", &["GetAuthorizationToken"]),
    ("codepipeline", &["PollForJobs"]),
    ("cognito-identity", &["GetCredentialsForIdentity", "GetOpenIdToken*"]),
    ("connect", &["GetFederationToken*"]),
    ("datazone", &["GetEnvironmentCredentials"]),
    ("dsql", &["DbConnect*"]),
    ("ecr", &["GetAuthorizationToken"]),
    ("ecr-public", &["GetAuthorizationToken"]),
    ("elasticache", &["Connect"]),
    ("elasticmapreduce", &["GetClusterSessionCredentials"]),
    ("gamelift", &["GetComputeAccess", "GetComputeAuthToken", "RequestUploadCredentials"]),
    ("grafana", &["CreateWorkspaceApiKey", "CreateWorkspaceServiceAccountToken"]),
    ("kms", &["CreateGrant"]),
    ("lakeformation", &["GetTemporary*"]),
    ("lightsail", &["DownloadDefaultKeyPair", "GetInstanceAccessDetails", "GetRelationalDatabaseMasterUserPassword"]),
    ("mediapackage", &["RotateChannelCredentials", "RotateIngestEndpointCredentials"]),
    ("memorydb", &["Connect"]),
    ("neptune-db", &["connect"]),
    ("rds-db", &["connect"]),
    ("redshift", &["GetClusterCredentials*"]),
    ("redshift-serverless", &["GetCredentials"]),
    ("s3", &["CreateAccessGrant*", "GetDataAccess"]),
    ("s3express", &["CreateSession"]),
    ("sagemaker", &["CreatePresigned*", "StartSession"]),
    ("secretsmanager", &["BatchGetSecretValue", "GetSecretValue"]),
    ("ssm", &["CreateActivation", "GetParameter*"]),
    ("ssm-guiconnect", &["StartConnection"]),
    ("sts", &["GetDelegatedAccessToken", "GetServiceBearerToken", "GetWebIdentityToken"]),
    ("transfer", &["ImportSshPublicKey", "CreateUser", "UpdateUser"]),
    ("workspaces", &["CreateConnectClientAddIn", "ModifyAccountAuthentication*"]),
    ("sso-oauth", &["CreateToken*"]),
];

/// Actions that run code as another principal, without `iam:PassRole`.
#[rustfmt::skip]
const CODE: [Service; 22] = [
    ("apprunner", &["StartDeployment", "UpdateService"]),
    ("autoscaling", &["CreateLaunchConfiguration", "StartInstanceRefresh"]),
    ("batch", &["SubmitJob"]),
    ("cloudformation", &[
        "ContinueUpdateRollback", "CreateChangeSet", "CreateStack*", "DeleteStack*", "ExecuteChangeSet",
        "ImportStacksToStackSet", "RollbackStack", "UpdateStack*",
    ]),
    ("cloudshell", &["CreateEnvironment", "CreateSession", "PutCredentials"]),
    ("codebuild", &["RetryBuild*", "StartBuild*", "StartCommandExecution", "StartSandbox*", "UpdateProject"]),
    ("codedeploy", &["CreateDeployment"]),
    ("codepipeline", &["PutJobSuccessResult", "StartPipelineExecution", "UpdatePipeline"]),
    ("ec2", &[
        "AttachVolume", "CreateLaunchTemplateVersion", "CreateReplaceRootVolumeTask", "DetachVolume", "GetPasswordData",
        "ModifyInstanceAttribute", "ModifyLaunchTemplate",
    ]),
    ("ec2-instance-connect", &["OpenTunnel", "SendS*"]),
    ("ecs", &[
        "DiscoverPollEndpoint", "ExecuteCommand", "Poll", "RegisterContainerInstance", "RunTask", "StartTask",
        "UpdateService*",
    ]),
    ("eks", &["AssociateAccessPolicy", "CreateAccessEntry", "UpdateAccessEntry"]),
    ("elasticbeanstalk", &["CreateApplicationVersion", "UpdateApplicationVersion", "UpdateEnvironment"]),
    ("elasticmapreduce", &["AddJobFlowSteps", "StartNotebookExecution"]),
    ("glue", &["CreateSession", "RunStatement", "StartJobRun", "UpdateJob*", "UpdateDevEndpoint"]),
    ("lambda", &["AddPermission", "UpdateFunctionCode", "UpdateFunctionConfiguration"]),
    ("servicecatalog", &["ExecuteProvisionedProduct*", "ProvisionProduct", "UpdateProvisionedProduct"]),
    ("ssm", &["CreateAssociation*", "ResumeSession", "SendCommand", "StartAutomationExecution", "StartSession", "UpdateAssociation"]),
    ("ssm", &["StartChangeRequestExecution", "StartExecutionPreview", "UpdateDocument*"]),
    ("states", &["StartExecution", "StartSyncExecution", "UpdateStateMachine"]),
    ("synthetics", &["StartCanary", "UpdateCanary"]),
    ("sagemaker", &["CreateApp", "StartNotebookInstance", "StartPipelineExecution"]),
];

/// Returns, sorted, the granted actions from the lists above that no entry of `listed` covers. If an unconditional Deny
/// covers an action for every resource, the action does not count as granted.
pub(super) fn unlisted(grant: &[GrantStatement], listed: &[String]) -> Vec<String> {
    let entries = parsed(listed);
    let is_denied = |family: Family| {
        grant.iter().filter(|statement| !statement.allows && statement.is_unlimited).any(|deny| {
            match &deny.actions {
                Actions::Only(patterns) => patterns.iter().any(|pattern| pattern.covers(family)),
                Actions::AllExcept(patterns) => !patterns.iter().any(|pattern| pattern.reaches(family)),
            }
        })
    };
    let name = |family: Family| format!("{}:{}", family.service, family.action);
    let families = grant.iter().flat_map(|statement| reached(statement, &entries));
    families.filter(|family| !is_denied(*family)).map(name).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Checks that `listed` covers every granted action from the lists above, and that the grant allows every entry of
/// `listed`.
pub(super) fn check(grant: &[GrantStatement], listed: &[String]) -> Result<()> {
    let reached = unlisted(grant, listed);
    if !reached.is_empty() {
        let all: BTreeSet<&String> = listed.iter().chain(&reached).collect();
        let count = if reached.len() == 1 { "an action whose effect" } else { "actions whose effects" };
        if all.len() > names::MAX_OUTLIVING {
            return Err(Error::usage(format!(
                "the grant allows {} {count} can outlive the window, more than may_outlive can list",
                all.len()
            ))
            .next("grant less: name the services and actions that an emergency needs"));
        }
        let all: Vec<_> = all.iter().map(|action| format!("{action:?}")).collect();
        return Err(Error::usage(format!("the grant allows {count} can outlive the window: {}", reached.join(", ")))
            .next(format!(
                "grant less, or list them, so that custodians see them before they approve: \"may_outlive\": [{}]",
                all.join(", ")
            )));
    }
    let entries = parsed(listed);
    let granted = |entry: &&ActionPattern| {
        grant.iter().filter(|statement| statement.allows).any(|statement| match &statement.actions {
            Actions::Only(patterns) => patterns.iter().any(|pattern| pattern.meets(entry)),
            Actions::AllExcept(patterns) => !patterns.iter().any(|pattern| pattern.contains(entry)),
        })
    };
    match entries.iter().find(|entry| !granted(entry)) {
        None => Ok(()),
        Some(entry) => Err(Error::usage(format!(
            "may_outlive lists {:?}, which the grant does not allow",
            entry.as_str()
        ))
        .next("remove the action from the list, or grant the action")),
    }
}

fn parsed(listed: &[String]) -> Vec<ActionPattern> {
    listed.iter().filter_map(|text| ActionPattern::parse(text)).collect()
}

/// Returns the actions from the lists above that a statement allows and that no entry covers.
fn reached(statement: &GrantStatement, entries: &[ActionPattern]) -> Vec<Family> {
    let all = CREDENTIALS.iter().chain(&CODE);
    let all = all.flat_map(|(service, actions)| actions.iter().map(move |action| Family { service, action }));
    let is_listed = |family: Family| entries.iter().any(|entry| entry.covers(family));
    let is_reached = |family: Family| match &statement.actions {
        // A granted pattern can match only some actions of a family. `may_outlive` must cover only the actions that the
        // granted pattern matches.
        Actions::Only(patterns) => patterns
            .iter()
            .any(|pattern| pattern.reaches(family) && !entries.iter().any(|entry| entry.contains(pattern))),
        Actions::AllExcept(patterns) => !patterns.iter().any(|pattern| pattern.covers(family)),
    };
    all.filter(|family| statement.allows && is_reached(*family) && !is_listed(*family)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn checked(statement: &Value, listed: &[&str]) -> Option<String> {
        let mut statement = statement.clone();
        statement["Resource"] = "*".into();
        statement["Effect"] = "Allow".into();
        let listed: Vec<_> = listed.iter().map(|&action| action.to_owned()).collect();
        let parsed = GrantStatement::parse(&statement).expect("a statement");
        check(&[parsed], &listed).err().map(|error| error.to_string())
    }

    #[test]
    fn every_granted_action_that_can_outlive_the_window_must_be_listed() {
        for (granted, listed) in [
            (json!("s3:GetDataAccess"), "s3:GetDataAccess"),
            (json!("S3:getdataaccess"), "s3:GetDataAccess"),
            (json!("kms:Create*"), "kms:CreateGrant"),
            (json!("secretsmanager:?etSecretValue"), "secretsmanager:GetSecretValue"),
            (json!("ssm:GetParametersByPath"), "ssm:GetParametersByPath"),
            (json!("ssm:GetParameter"), "ssm:GetParameter*"),
            (json!("rds-db:*"), "rds-db:*"),
            (json!(["ec2:Describe*", "ec2:AttachVolume"]), "ec2:AttachVolume"),
            (json!("e*r:GetAuth*Token"), "ecr:GetAuthorizationToken"),
        ] {
            let statement = json!({"Action": granted});
            let refusal = checked(&statement, &[]).unwrap_or_default();
            assert!(
                refusal.contains("can outlive the window") && refusal.contains("may_outlive"),
                "{granted}: {refusal}"
            );
            assert_eq!(checked(&statement, &[listed]), None, "{granted}");
        }
    }

    #[test]
    fn a_grant_without_actions_that_outlive_the_window_needs_no_list() {
        for granted in
            ["ec2:Describe*", "ec2:RebootInstances", "s3:Get?bject", "rds:Reboot*", "logs:*", "sqs:*"]
        {
            assert_eq!(checked(&json!({"Action": granted}), &[]), None, "{granted}");
        }
    }

    #[test]
    fn an_allow_with_notaction_grants_every_action_that_is_not_excluded() {
        let excluded: Vec<String> =
            CREDENTIALS.iter().chain(&CODE).map(|(service, _)| format!("{service}:*")).collect();
        assert_eq!(checked(&json!({"NotAction": excluded}), &[]), None);
        let but_one: Vec<_> = excluded.iter().filter(|service| *service != "kms:*").collect();
        let refusal = checked(&json!({"NotAction": but_one}), &[]).unwrap_or_default();
        assert!(
            refusal.contains("window: kms:CreateGrant\n") || refusal.contains("window: kms:CreateGrant"),
            "{refusal}"
        );
        assert_eq!(checked(&json!({"NotAction": but_one}), &["kms:CreateGrant"]), None);
    }

    #[test]
    fn an_action_that_is_denied_for_every_resource_need_not_be_listed() {
        let grant = |deny: Value| {
            let allow = json!({"Effect": "Allow", "Action": "kms:*", "Resource": "*"});
            [allow, deny].map(|statement| GrantStatement::parse(&statement).expect("a statement"))
        };
        let deny = |field: &str, actions: Value| json!({"Effect": "Deny", field: actions, "Resource": "*"});
        assert!(check(&grant(deny("Action", json!(["kms:CreateGrant"]))), &[]).is_ok());
        assert!(check(&grant(deny("NotAction", json!("kms:Describe*"))), &[]).is_ok());
        assert!(check(&grant(deny("NotAction", json!("kms:Create*"))), &[]).is_err());
        let mut limited = deny("Action", json!("kms:*"));
        limited["Condition"] = json!({"Bool": {"aws:SecureTransport": "false"}});
        assert!(check(&grant(limited), &[]).is_err());
        let mut one_key = deny("Action", json!("kms:*"));
        one_key["Resource"] = "arn:aws:kms:eu-west-1:1:key/x".into();
        assert!(check(&grant(one_key), &[]).is_err());
    }

    #[test]
    fn a_may_outlive_entry_that_the_grant_does_not_allow_is_refused() {
        let refusal =
            checked(&json!({"Action": "s3:GetDataAccess"}), &["kms:CreateGrant", "s3:GetDataAccess"]);
        assert!(refusal.unwrap_or_default().contains("\"kms:CreateGrant\", which the grant does not allow"));
    }

    #[test]
    fn the_refusal_contains_the_complete_may_outlive_list() {
        let refusal =
            checked(&json!({"Action": ["kms:*", "s3:*"]}), &["kms:CreateGrant"]).unwrap_or_default();
        let list = r#""may_outlive": ["kms:CreateGrant", "s3:CreateAccessGrant*", "s3:GetDataAccess"]"#;
        assert!(refusal.contains(list), "{refusal}");
        let listed = ["kms:CreateGrant", "s3:CreateAccessGrant*", "s3:GetDataAccess"];
        assert_eq!(checked(&json!({"Action": ["kms:*", "s3:*"]}), &listed), None);
    }
}
