//! Creates an AWS account as an administrator prepares the account for breakglass, and deviations (drift) from this
//! state.

use super::{ActiveRule, Aws, AwsError, Call, Creds, Probe, REGION, Rule};
use crate::receiver::Receiver;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The ARN of the managed policy that denies the emergency user all access.
pub const DENY_ALL: &str = "arn:aws:iam::aws:policy/AWSDenyAll";
/// The name of the inline policy that grants the emergency user access during a window.
pub const GATE: &str = "breakglass-gate";
const CEILING: &str = "breakglass-ceiling";

const TEMPLATE_ACCOUNT: &str = "111122223333";
const TEMPLATE_USER: &str = "user/emergency";
const TEMPLATE_SESSION: &str = "S7f3a";
const TEMPLATE_T0: &str = "2026-11-22T02:17:00Z";
const TEMPLATE_T1: &str = "2026-11-22T03:17:00Z";
const CEILING_DOCUMENT: &str = include_str!("../../aws/policies/ceiling.json");
const OPENER_DOCUMENT: &str = include_str!("../../aws/policies/opener.json");
const PANIC_DOCUMENT: &str = include_str!("../../aws/policies/panic.json");
const CLOSER_DOCUMENT: &str = include_str!("../../aws/policies/closer.json");
const GATE_DOCUMENT: &str = include_str!("../../aws/policies/gate.json");

/// One emergency user with its permissions boundary, its opener and its closer.
pub struct Account {
    pub aws: Aws,
    /// The target's name in the vault.
    pub name: String,
    /// The account id, of twelve digits.
    pub id: String,
    pub user: String,
    pub emergency: Creds,
    /// The key of the user who writes the gate and detaches `AWSDenyAll`.
    pub opener: Creds,
    /// The key of the user who attaches `AWSDenyAll` and changes the status of the emergency key.
    pub closer: Creds,
    pub boundary_arn: String,
    /// The document of the permissions boundary, as it was sealed.
    pub boundary: Value,
    ahead: Arc<AtomicI64>,
}

/// A difference between the emergency user's state in IAM and the state that the vault describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// A second inline policy, `leftover`.
    InlinePolicy,
    /// A second managed policy, `AmazonS3ReadOnlyAccess`.
    AttachedPolicy,
    /// Membership in the group `admins`.
    Group,
    /// A second, active access key.
    SecondActiveKey,
    /// A second, inactive access key, which causes only a warning.
    SecondInactiveKey,
    /// A console password.
    LoginProfile,
    /// An SSH key for CodeCommit.
    SshPublicKey,
    /// An X.509 certificate for the SOAP interfaces.
    SigningCertificate,
    /// A service-specific credential for CodeCommit.
    ServiceCredential,
    /// A virtual MFA device.
    MfaDevice,
    /// The user was deleted.
    UserMissing,
    /// The permissions boundary is a different policy, `anything`.
    OtherBoundary,
    /// The permissions boundary was removed.
    NoBoundary,
    /// The document of the permissions boundary allows one additional service.
    EditedBoundary,
    /// AWSDenyAll is not attached.
    DenyMissing,
    /// The key is active.
    KeyActive,
}

/// The state of the emergency user in IAM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest {
    /// Whether AWSDenyAll is attached.
    pub denied: bool,
    /// Whether an access key is active.
    pub key_active: bool,
    /// The document of the policy `breakglass-gate`. `None` if the user has no gate.
    pub gate: Option<Value>,
}

impl Rest {
    /// Returns whether `AWSDenyAll` is attached and the key is inactive. A gate may still be present.
    pub fn at_rest(&self) -> bool {
        self.denied && !self.key_active
    }
}

impl Account {
    pub(super) fn seed(aws: Aws, name: &str, id: String, user: &str) -> Account {
        let none = Creds { key: String::new(), secret: String::new(), token: None };
        let mut account = Account {
            boundary_arn: format!("arn:aws:iam::{id}:policy/{CEILING}"),
            boundary: serde_json::from_str(CEILING_DOCUMENT).expect("ceiling.json should contain JSON"),
            name: name.to_owned(),
            user: user.to_owned(),
            ahead: Arc::default(),
            emergency: none.clone(),
            opener: none.clone(),
            closer: none,
            aws,
            id,
        };
        let made = account
            .try_root("create_policy", json!({"PolicyName": CEILING, "PolicyDocument": CEILING_DOCUMENT}));
        assert!(made.is_ok() || made.as_ref().is_err_and(|e| e.code == "EntityAlreadyExists"), "{made:?}");

        account.root("create_user", json!({"UserName": user, "PermissionsBoundary": account.boundary_arn}));
        account.root("attach_user_policy", json!({"UserName": user, "PolicyArn": DENY_ALL}));
        account.emergency = account.new_key(user);
        account.set_key(false);
        account.opener = account.servant("opener", OPENER_DOCUMENT);
        account.closer = account.servant("closer", CLOSER_DOCUMENT);
        account
    }

    /// Creates another emergency user in the same account, with a separate opener and closer, for a drill.
    #[must_use]
    pub fn second_user(&self, name: &str, user: &str) -> Account {
        Account::seed(self.aws.clone(), name, self.id.clone(), user)
    }

    /// Creates a user that is only allowed to attach `AWSDenyAll` to the emergency user and to read the emergency
    /// user's state in IAM.
    pub fn panic_user(&self) -> Creds {
        self.servant("panic", PANIC_DOCUMENT)
    }

    /// Removes an action from the closer's policy.
    pub fn take_from_closer(&self, action: &str) {
        let document = self.here(CLOSER_DOCUMENT).replace(action, "iam:GetUser");
        let name = format!("{}-closer", self.user);
        self.root(
            "put_user_policy",
            json!({"UserName": name, "PolicyName": "closer", "PolicyDocument": document}),
        );
    }

    /// Creates a user whose only permissions are those in `document`.
    fn servant(&self, role: &str, document: &str) -> Creds {
        let name = format!("{}-{role}", self.user);
        let document = self.here(document);
        self.root("create_user", json!({"UserName": name}));
        self.root(
            "put_user_policy",
            json!({"UserName": name, "PolicyName": role, "PolicyDocument": document}),
        );
        self.new_key(&name)
    }

    pub(super) fn new_key(&self, user: &str) -> Creds {
        Creds::from_reply(&self.root("create_access_key", json!({"UserName": user}))["AccessKey"])
    }

    /// Fills this account and this user into a policy template.
    fn here(&self, template: &str) -> String {
        let user = format!("user/{}", self.user);
        template.replace(TEMPLATE_ACCOUNT, &self.id).replace(TEMPLATE_USER, &user)
    }

    // The payload ------------------------------------------------------------

    /// Returns a payload for `breakglass seal`, with this account as its only target. [`Receiver::shared`]
    /// acknowledges the payload's alerts.
    pub fn payload(&self, grant: Value, max_window: &str) -> Value {
        json!({"version": 1, "targets": [self.target(grant, max_window)], "runbook": "call the owner of the service",
            "alerts": [Receiver::shared().channel("oncall")]})
    }

    /// Returns this account as one target of a payload.
    pub fn target(&self, grant: Value, max_window: &str) -> Value {
        let pair = |c: &Creds| json!({"access_key_id": c.key, "secret_access_key": c.secret});
        let mut target = json!({
            "name": self.name, "partition": "aws", "account": self.id, "regions": [REGION], "user": self.user,
            "boundary": self.boundary_arn, "boundary_sha256": self.boundary_sha256(), "max_window": max_window,
            "opener": pair(&self.opener), "closer": pair(&self.closer), "emergency": pair(&self.emergency),
        });
        let reaches_s3 = grant.to_string().contains("\"s3:*\"");
        target["may_outlive"] = if reaches_s3 { Self::may_outlive() } else { json!([]) };
        target["grant"] = grant;
        target
    }

    /// Returns the grant that most tests use.
    pub fn grant() -> Value {
        json!([{"Effect": "Allow", "Action": ["s3:*"], "Resource": "*"}])
    }

    /// Returns the actions of [`Account::grant`] whose effect can outlive the window.
    pub fn may_outlive() -> Value {
        json!(["s3:CreateAccessGrant*", "s3:GetDataAccess"])
    }

    /// Returns the SHA-256, in hex, of the RFC 8785 form of the boundary's document.
    pub fn boundary_sha256(&self) -> String {
        let canonical = serde_json_canonicalizer::to_vec(&self.boundary)
            .expect("the boundary's document should have a canonical form");
        hex::encode(Sha256::digest(canonical))
    }

    /// Creates an SNS topic for alerts, and a key that is only allowed to publish to this topic.
    pub fn topic(&self, name: &str) -> (String, Creds) {
        let made = self.call(&self.aws.root_of(&self.id), "sns", "create_topic", json!({"Name": name}));
        let arn = made.expect("the topic should be created")["TopicArn"]
            .as_str()
            .expect("the answer should contain the topic's ARN")
            .to_owned();
        let user = format!("{name}-publisher");
        let document = json!({"Version": "2012-10-17", "Statement": [
            {"Sid": "Tell", "Effect": "Allow", "Action": "sns:Publish", "Resource": arn}]});
        self.root("create_user", json!({"UserName": user}));
        self.root(
            "put_user_policy",
            json!({"UserName": user, "PolicyName": "publish", "PolicyDocument": document.to_string()}),
        );
        (arn, self.new_key(&user))
    }

    /// Creates a user who is allowed only to query CloudTrail.
    pub fn auditor(&self) -> Creds {
        let document = json!({"Version": "2012-10-17", "Statement": [
            {"Sid": "Look", "Effect": "Allow", "Action": "cloudtrail:LookupEvents", "Resource": "*"}]});
        self.root("create_user", json!({"UserName": "auditor"}));
        self.root(
            "put_user_policy",
            json!({"UserName": "auditor", "PolicyName": "look", "PolicyDocument": document.to_string()}),
        );
        self.new_key("auditor")
    }

    // Calls and reads --------------------------------------------------------

    /// Makes one IAM call as the account's root. Panics if the call fails.
    pub fn root(&self, op: &str, args: Value) -> Value {
        let asked = format!("{op} {args}");
        self.try_root(op, args).unwrap_or_else(|error| panic!("{asked}: {error:?}"))
    }

    /// Makes one IAM call as the account's root.
    pub fn try_root(&self, op: &str, args: Value) -> Result<Value, AwsError> {
        self.call(&self.aws.root_of(&self.id), "iam", op, args)
    }

    /// Makes one call with any credentials.
    pub fn call(&self, who: &Creds, service: &str, op: &str, args: Value) -> Result<Value, AwsError> {
        self.aws.call(who, service, op, args)
    }

    /// Probes these credentials; see [`Aws::probe`].
    pub fn probe(&self, who: &Creds) -> Probe {
        self.aws.probe(who)
    }

    /// Reads the state of the emergency user, as root.
    pub fn rest(&self) -> Rest {
        let user = json!({"UserName": self.user});
        let attached = self.root("list_attached_user_policies", user.clone());
        let keys = self.root("list_access_keys", user.clone());
        let gate = self.try_root("get_user_policy", json!({"UserName": self.user, "PolicyName": GATE}));
        let any = |list: &Value, name: &str, wanted: &str| {
            list.as_array().is_some_and(|all| all.iter().any(|one| one[name] == wanted))
        };
        Rest {
            denied: any(&attached["AttachedPolicies"], "PolicyArn", DENY_ALL),
            key_active: any(&keys["AccessKeyMetadata"], "Status", "Active"),
            gate: gate.ok().map(|found| found["PolicyDocument"].clone()),
        }
    }

    /// Returns the calls that this account has received, without the rig's calls.
    pub fn journal(&self) -> Vec<Call> {
        self.aws.journal().into_iter().filter(|call| call.account.as_deref() == Some(&self.id)).collect()
    }

    /// Returns the actions of the account's calls, in the order of the journal.
    pub fn actions(&self) -> Vec<String> {
        self.journal().into_iter().map(|call| call.action).collect()
    }

    // Faults -----------------------------------------------------------------

    /// Sets a rule for this account's calls.
    pub fn rule(&self, rule: Rule) -> ActiveRule {
        self.aws.rule(rule.account(&self.id))
    }

    /// Lets later IAM writes take effect only after this delay. IAM's reads show the writes at once.
    pub fn lag(&self, by: Duration) {
        self.aws.steer("POST", "lag", &json!({"account": self.id, "seconds": by.as_secs_f64()}));
    }

    /// Sets how many seconds AWS's clock is ahead of this machine's clock.
    pub fn set_ahead(&self, seconds: i64) {
        self.ahead.store(seconds, Ordering::Relaxed);
        self.aws.steer("POST", "clock", &json!({"account": self.id, "ahead": seconds}));
    }

    /// Returns how many seconds AWS's clock is ahead. The returned counter is shared, so it also shows later changes.
    pub(crate) fn ahead(&self) -> Arc<AtomicI64> {
        self.ahead.clone()
    }

    /// Returns AWS's time in seconds since 1970.
    pub fn now(&self) -> i64 {
        let here = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("this machine's clock should be after 1970")
            .as_secs();
        here.cast_signed() + self.ahead.load(Ordering::Relaxed)
    }

    /// Changes the emergency user so that the user differs from the sealed properties.
    pub fn drift(&self, drift: Drift) {
        let user = self.user.as_str();
        match drift {
            Drift::InlinePolicy => {
                let document = json!({"Version": "2012-10-17", "Statement": [
                    {"Sid": "Leftover", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]});
                self.put_inline("leftover", &document);
            }
            Drift::AttachedPolicy => {
                let arn = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
                self.root("attach_user_policy", json!({"UserName": user, "PolicyArn": arn}));
            }
            Drift::Group => {
                self.root("create_group", json!({"GroupName": "admins"}));
                self.root("add_user_to_group", json!({"GroupName": "admins", "UserName": user}));
            }
            Drift::SecondActiveKey => drop(self.new_key(user)),
            Drift::SecondInactiveKey => {
                let key = self.new_key(user).key;
                self.root(
                    "update_access_key",
                    json!({"UserName": user, "AccessKeyId": key, "Status": "Inactive"}),
                );
            }
            Drift::LoginProfile => {
                self.root("create_login_profile", json!({"UserName": user, "Password": "correct-Horse-9"}));
            }
            Drift::SshPublicKey => {
                self.root(
                    "upload_ssh_public_key",
                    json!({"UserName": user, "SSHPublicKeyBody": "ssh-rsa AAAA"}),
                );
            }
            Drift::SigningCertificate => {
                self.root("upload_signing_certificate", json!({"UserName": user, "CertificateBody": "PEM"}));
            }
            Drift::ServiceCredential => {
                let service = "codecommit.amazonaws.com";
                self.root(
                    "create_service_specific_credential",
                    json!({"UserName": user, "ServiceName": service}),
                );
            }
            Drift::MfaDevice => {
                let made = self.root("create_virtual_mfa_device", json!({"VirtualMFADeviceName": user}));
                let serial = &made["VirtualMFADevice"]["SerialNumber"];
                self.root(
                    "enable_mfa_device",
                    json!({
                    "UserName": user, "SerialNumber": serial, "AuthenticationCode1": "123456",
                    "AuthenticationCode2": "654321"}),
                );
            }
            Drift::UserMissing => self.delete_user(),
            Drift::OtherBoundary => {
                let document = json!({"Version": "2012-10-17", "Statement": [
                    {"Effect": "Allow", "Action": "*", "Resource": "*"}]});
                self.root(
                    "create_policy",
                    json!({"PolicyName": "anything", "PolicyDocument": document.to_string()}),
                );
                let arn = format!("arn:aws:iam::{}:policy/anything", self.id);
                self.root(
                    "put_user_permissions_boundary",
                    json!({"UserName": user, "PermissionsBoundary": arn}),
                );
            }
            Drift::NoBoundary => {
                self.root("delete_user_permissions_boundary", json!({"UserName": user}));
            }
            Drift::EditedBoundary => {
                let mut document = self.boundary.clone();
                let services = document["Statement"][0]["Action"]
                    .as_array_mut()
                    .expect("the boundary should have a list of services");
                services.push(json!("kms:*"));
                self.root("create_policy_version", json!({
                    "PolicyArn": self.boundary_arn, "PolicyDocument": document.to_string(), "SetAsDefault": true}));
            }
            Drift::DenyMissing => {
                // `AWSDenyAll` might already be detached.
                let _ = self.try_root("detach_user_policy", json!({"UserName": user, "PolicyArn": DENY_ALL}));
            }
            Drift::KeyActive => self.set_key(true),
        }
    }

    fn delete_user(&self) {
        self.root("detach_user_policy", json!({"UserName": self.user, "PolicyArn": DENY_ALL}));
        let key = &self.emergency.key;
        self.root("delete_access_key", json!({"UserName": self.user, "AccessKeyId": key}));
        self.root("delete_user", json!({"UserName": self.user}));
    }

    fn put_inline(&self, name: &str, document: &Value) {
        self.root(
            "put_user_policy",
            json!({
            "UserName": self.user, "PolicyName": name, "PolicyDocument": document.to_string()}),
        );
    }

    /// Activates or deactivates the emergency key, as root.
    pub fn set_key(&self, active: bool) {
        let status = if active { "Active" } else { "Inactive" };
        self.root(
            "update_access_key",
            json!({
            "UserName": self.user, "AccessKeyId": self.emergency.key, "Status": status}),
        );
    }

    /// Returns the gate of another session of the program. Each Sid starts with `session`. `t0` and `t1` are seconds
    /// since 1970 by AWS's clock.
    pub fn gate(&self, session: &str, t0: i64, t1: i64) -> Value {
        let text = GATE_DOCUMENT
            .replace(TEMPLATE_SESSION, session)
            .replace(TEMPLATE_T0, &utc(t0))
            .replace(TEMPLATE_T1, &utc(t1));
        serde_json::from_str(&text).expect("gate.json should contain JSON")
    }

    /// Opens a window of another session: writes a gate, activates the key and detaches `AWSDenyAll`. T1 can be in the
    /// past.
    pub fn put_window(&self, session: &str, t0: i64, t1: i64) {
        self.put_inline(GATE, &self.gate(session, t0, t1));
        self.drift(Drift::KeyActive);
        self.drift(Drift::DenyMissing);
    }

    /// Closes access as root, so that a test can continue after a window.
    pub fn put_to_rest(&self) {
        self.root("attach_user_policy", json!({"UserName": self.user, "PolicyArn": DENY_ALL}));
        self.set_key(false);
    }
}

/// Converts seconds since 1970 to the date format of IAM, such as `2026-11-22T02:17:00Z`.
pub fn utc(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // The computation uses the proleptic Gregorian calendar, with years that start on 1 March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest % 3_600 / 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}
