//! MFA devices, and the role that a vault with the lane `static` opens.

use super::{Account, Creds, REGION};
use crate::receiver::Receiver;
use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};

/// A virtual MFA device.
#[derive(Clone, Debug)]
pub struct Mfa {
    /// The device's ARN.
    pub serial: String,
    /// The device's TOTP seed in base32.
    pub seed: String,
}

impl Mfa {
    /// Returns the field `mfa` of a target, with this device.
    pub fn sealed(&self) -> Value {
        json!({"serial_number": self.serial, "totp_seed": self.seed})
    }
}

/// A role, and a user with an active key. The only permission of the user is to assume the role with MFA.
#[derive(Debug)]
pub struct Standby {
    pub user: String,
    pub key: Creds,
    pub mfa: Mfa,
    /// The role's ARN.
    pub role: String,
}

impl Account {
    /// Gives a user of this account an MFA device.
    ///
    /// # Panics
    ///
    /// Panics if IAM refuses a call.
    pub fn give_mfa(&self, user: &str) -> Mfa {
        let made = self.root("create_virtual_mfa_device", json!({"VirtualMFADeviceName": user}));
        let device = &made["VirtualMFADevice"];
        let serial = device["SerialNumber"].as_str().expect("the device should have an ARN").to_owned();
        let seed =
            Base64::decode_vec(device["Base32StringSeed"].as_str().expect("the device should have a seed"))
                .expect("the seed should be Base64 text");
        let codes = json!({"UserName": user, "SerialNumber": serial, "AuthenticationCode1": "123456",
            "AuthenticationCode2": "654321"});
        self.root("enable_mfa_device", codes);
        Mfa { serial, seed: String::from_utf8(seed).expect("the decoded seed should be base32 text") }
    }

    /// Returns this account as a target whose user has an MFA device.
    pub fn target_with_mfa(&self, grant: Value, max_window: &str) -> Value {
        let mut target = self.target(grant, max_window);
        target["mfa"] = self.give_mfa(&self.user).sealed();
        target
    }

    /// Creates a role, and a user that is allowed to assume the role. A session of the role lasts at most one hour, and
    /// is allowed to call S3 and to make the probe.
    pub fn standby(&self) -> Standby {
        let user = "standby".to_owned();
        self.root("create_user", json!({"UserName": user}));
        let mfa = self.give_mfa(&user);
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
            "Principal": {"AWS": format!("arn:aws:iam::{}:user/{user}", self.id)},
            "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}]});
        let role = self.root(
            "create_role",
            json!({"RoleName": "Emergency", "AssumeRolePolicyDocument": trust.to_string()}),
        );
        let role = role["Role"]["Arn"].as_str().expect("the role should have an ARN").to_owned();
        let allow = |action: &Value, resource: &str| {
            json!({"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": action, "Resource": resource}]})
            .to_string()
        };
        let document = allow(&json!(["s3:*", "sns:ListTopics"]), "*");
        self.root(
            "put_role_policy",
            json!({"RoleName": "Emergency", "PolicyName": "emergency", "PolicyDocument": document}),
        );
        let document = allow(&json!(["sts:AssumeRole", "sts:SetSourceIdentity"]), &role);
        self.root(
            "put_user_policy",
            json!({"UserName": user, "PolicyName": "assume", "PolicyDocument": document}),
        );
        Standby { key: self.new_key(&user), user, mfa, role }
    }

    /// Returns the payload of a vault that opens sessions of this role.
    pub fn standby_payload(&self, standby: &Standby, max_window: &str) -> Value {
        json!({"version": 1, "runbook": "IAM is down", "alerts": [Receiver::shared().channel("oncall")], "targets": [{
            "name": "standby", "partition": "aws", "account": self.id, "regions": [REGION],
            "user": standby.user, "max_window": max_window, "grant": Self::grant(), "may_outlive": Self::may_outlive(), "role": standby.role,
            "emergency": {"access_key_id": standby.key.key, "secret_access_key": standby.key.secret},
            "mfa": standby.mfa.sealed(),
        }]})
    }
}
