//! The emergency user: its long-term key, the AWS session that STS issues for the key, and the probes (test calls) with
//! both.

use std::cell::RefCell;
use std::time::Duration;

use aws_sdk_sts::types::Credentials;
use aws_smithy_types::date_time::Format;
use jiff::Timestamp;

use crate::aws::clients::{AwsConfig, Tries, long_term, session};
use crate::aws::error::{code, fault};
use crate::aws::principals::IdentityClient;
use crate::aws::totp::TotpCodes;
use crate::gate::fault::{Fault, Write};
use crate::gate::iam::{Emergency, Probed, Wanted};
use crate::secret::SecretText;
use crate::vault::payload::{AccessKey, Mfa};

/// The limits of STS for the duration of a session, in seconds.
const SHORTEST_SESSION: i32 = 900;
const LONGEST_SESSION: i32 = 129_600;
const LONGEST_ROLE_SESSION: i32 = 43_200;
/// How many seconds before the end of the window (T1) a requested session ends. STS counts the duration from the time
/// when it receives the request, so without this margin the session could outlive the window.
const ON_THE_WAY: i64 = 10;

/// The error codes with which AWS answers a probe if a policy denies the call or if the session has ended.
const REFUSALS: [&str; 6] = [
    "AuthorizationError",
    "AuthorizationErrorException",
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
];

/// The STS call that issues the session.
#[derive(Debug)]
pub(crate) enum SessionCall {
    GetSessionToken,
    /// Issues a federated session. Of the sessions that STS issues to an IAM user, only a federated session can sign
    /// in to the console.
    GetFederationToken,
    /// Assumes the role with this ARN.
    AssumeRole(String),
}

/// The emergency user's key, and the session that STS issued for the key.
pub(crate) struct EmergencyUser {
    aws: AwsConfig,
    region: String,
    call: SessionCall,
    /// The STS client that issues the session for the emergency key. The client is dropped as soon as the session is
    /// issued.
    issuer: RefCell<Option<Issuer>>,
    /// The client that makes test calls (probes) with the emergency key. The field is `None` in the lane `static`,
    /// because in that lane the key alone grants no access.
    sns: Option<aws_sdk_sns::Client>,
    issued: RefCell<Option<Issued>>,
}

/// The STS client with the long-term key, and the codes of the MFA device if there is one.
struct Issuer {
    sts: aws_sdk_sts::Client,
    codes: Option<TotpCodes>,
}

/// One issued session.
pub(crate) struct Issued {
    pub(crate) id: String,
    pub(crate) secret: SecretText,
    pub(crate) token: SecretText,
    pub(crate) expires: Timestamp,
    sns: aws_sdk_sns::Client,
}

impl EmergencyUser {
    pub(crate) fn new(
        aws: &AwsConfig,
        region: &str,
        key: &AccessKey,
        mfa: Option<Mfa>,
        call: SessionCall,
    ) -> Self {
        let config = aws.with_credentials(long_term(key), region, Tries::One);
        let codes = mfa.map(|mfa| TotpCodes::new(mfa, aws.clock.clone()));
        let is_role = matches!(call, SessionCall::AssumeRole(_));
        Self {
            aws: aws.clone(),
            region: region.to_owned(),
            call,
            issuer: RefCell::new(Some(Issuer { sts: aws_sdk_sts::Client::new(&config), codes })),
            sns: (!is_role).then(|| aws_sdk_sns::Client::new(&config)),
            issued: RefCell::new(None),
        }
    }

    /// Returns a client that uses the emergency key to ask AWS for the account and the time. The lane `static` uses
    /// this client, because a vault of that lane contains no opener's key.
    pub(crate) fn identity(aws: &AwsConfig, region: &str, key: &AccessKey) -> IdentityClient {
        IdentityClient::new(aws, &aws.with_credentials(long_term(key), region, Tries::One))
    }

    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Returns the issued session, for the credential endpoint.
    pub(crate) fn issued(&self) -> std::cell::Ref<'_, Option<Issued>> {
        self.issued.borrow()
    }

    async fn issue(&self, issuer: &Issuer, wanted: &Wanted<'_>) -> Result<Option<Credentials>, Fault> {
        let left = wanted.until.duration_since(self.aws.clock.now()).as_secs() - ON_THE_WAY;
        let seconds = |longest| i32::try_from(left).unwrap_or(longest).clamp(SHORTEST_SESSION, longest);
        let name = wanted.session.traced();
        let policy = wanted.policy.map(ToString::to_string);
        let (serial, code) = issuer.codes.as_ref().map(TotpCodes::take).unzip();
        match &self.call {
            SessionCall::GetSessionToken => {
                let request = issuer.sts.get_session_token().duration_seconds(seconds(LONGEST_SESSION));
                let request = request.set_serial_number(serial).set_token_code(code);
                Ok(request.send().await.map_err(|e| fault(&e))?.credentials)
            }
            SessionCall::GetFederationToken => {
                let request = issuer.sts.get_federation_token().name(name).set_policy(policy);
                let request = request.duration_seconds(seconds(LONGEST_SESSION));
                Ok(request.send().await.map_err(|e| fault(&e))?.credentials)
            }
            SessionCall::AssumeRole(arn) => {
                let request = issuer.sts.assume_role().role_arn(arn).role_session_name(&name);
                let request = request.source_identity(name);
                let request = request.set_policy(policy).duration_seconds(seconds(LONGEST_ROLE_SESSION));
                let request = request.set_serial_number(serial).set_token_code(code);
                Ok(request.send().await.map_err(|e| fault(&e))?.credentials)
            }
        }
    }

    fn keep(&self, issued: Credentials) -> Write {
        let expires = issued.expiration.fmt(Format::DateTime).ok().and_then(|text| text.parse().ok());
        let expires = expires.ok_or_else(incomplete)?;
        let (secret, token) =
            (SecretText::copy_of(&issued.secret_access_key), SecretText::copy_of(&issued.session_token));
        let credentials = session(&issued.access_key_id, &secret, &token);
        let sns = aws_sdk_sns::Client::new(&self.aws.with_credentials(credentials, &self.region, Tries::One));
        *self.issued.borrow_mut() = Some(Issued { id: issued.access_key_id, secret, token, expires, sns });
        Ok(())
    }
}

fn incomplete() -> Fault {
    Fault::Unknown("AWS's answer has no credentials".into())
}

fn no_key() -> Fault {
    Fault::Refused("the emergency key is not available".into())
}

impl Emergency for EmergencyUser {
    async fn probe_key(&self) -> Option<Probed> {
        Some(probe(self.sns.as_ref()?).await)
    }

    fn ready_in(&self) -> Duration {
        let issuer = self.issuer.borrow();
        issuer.as_ref().and_then(|issuer| issuer.codes.as_ref()).map_or(Duration::ZERO, TotpCodes::ready_in)
    }

    async fn issue_session(&self, wanted: &Wanted<'_>) -> Write {
        let issuer = self.issuer.take().ok_or_else(no_key)?;
        let result = self.issue(&issuer, wanted).await.and_then(|issued| issued.ok_or_else(incomplete));
        match result.and_then(|issued| self.keep(issued)) {
            // After a success, `issuer` is dropped, together with its long-term key and MFA seed.
            Ok(()) => Ok(()),
            Err(fault) => {
                self.issuer.replace(Some(issuer));
                Err(fault)
            }
        }
    }

    async fn probe_session(&self) -> Option<Probed> {
        let sns = self.issued.borrow().as_ref().map(|issued| issued.sns.clone())?;
        Some(probe(&sns).await)
    }
}

/// A replacement for [`EmergencyUser`] if the emergency key is not available. Its probes return `None`.
pub(crate) struct NoEmergencyKey;

impl Emergency for NoEmergencyKey {
    async fn probe_key(&self) -> Option<Probed> {
        None
    }

    fn ready_in(&self) -> Duration {
        Duration::ZERO
    }

    async fn issue_session(&self, _: &Wanted<'_>) -> Write {
        Err(no_key())
    }

    async fn probe_session(&self) -> Option<Probed> {
        None
    }
}

/// Probes a credential: calls `sns:ListTopics`, which every gate policy allows during the window (T0 to T1).
async fn probe(sns: &aws_sdk_sns::Client) -> Probed {
    let Err(error) = sns.list_topics().send().await else {
        return Probed::Open;
    };
    match code(&error) {
        Some(code) if REFUSALS.contains(&code) => Probed::Refused,
        Some("InvalidClientTokenId") => Probed::KeyRefused,
        _ => Probed::Unclear(fault(&error).to_string()),
    }
}
