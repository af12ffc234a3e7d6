//! The emergency user: its own key, the session that work gets, and the probe of both.

use std::cell::RefCell;
use std::time::Duration;

use aws_sdk_sts::types::Credentials;
use aws_smithy_types::date_time::Format;
use jiff::Timestamp;

use crate::aws::clients::{Base, Tries, long_term, session};
use crate::aws::error::{code, fault};
use crate::aws::principals::Asker;
use crate::aws::totp::Codes;
use crate::gate::fault::{Fault, Write};
use crate::gate::iam::{Emergency, Probed, Wanted};
use crate::secret::SecretText;
use crate::vault::payload::{AccessKey, Mfa};

/// STS's own limits.
const SHORTEST_SESSION: i32 = 900;
const LONGEST_SESSION: i32 = 129_600;
const LONGEST_ROLE_SESSION: i32 = 43_200;
/// STS counts from when it has the request: as long as that may take, a session is asked to be shorter.
const ON_THE_WAY: i64 = 10;

/// The policies, or the end of a session, refuse the probe.
const REFUSALS: [&str; 6] = [
    "AuthorizationError",
    "AuthorizationErrorException",
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
];

/// How a session is issued.
#[derive(Debug)]
pub(crate) enum Source {
    /// `GetSessionToken`.
    User,
    /// `GetFederationToken`: the console signs in with no other session of a user.
    Federation,
    /// `AssumeRole`, of this ARN.
    Role(String),
}

/// The emergency user's own key, and the session that work gets.
pub(crate) struct CloudEmergency {
    base: Base,
    region: String,
    source: Source,
    /// What issues sessions; gone as soon as there is one.
    issuer: RefCell<Option<Issuer>>,
    /// What probes the key; `None` where the key alone opens nothing.
    sns: Option<aws_sdk_sns::Client>,
    issued: RefCell<Option<Issued>>,
}

/// The key at STS, and the codes beside it.
struct Issuer {
    sts: aws_sdk_sts::Client,
    codes: Option<Codes>,
}

/// One issued session.
pub(crate) struct Issued {
    pub(crate) id: String,
    pub(crate) secret: SecretText,
    pub(crate) token: SecretText,
    pub(crate) expires: Timestamp,
    sns: aws_sdk_sns::Client,
}

impl CloudEmergency {
    pub(crate) fn new(base: &Base, region: &str, key: &AccessKey, mfa: Option<Mfa>, source: Source) -> Self {
        let config = base.principal(long_term(key), region, Tries::One);
        let codes = mfa.map(|mfa| Codes::new(mfa, base.clock.clone()));
        let is_role = matches!(source, Source::Role(_));
        Self {
            base: base.clone(),
            region: region.to_owned(),
            source,
            issuer: RefCell::new(Some(Issuer { sts: aws_sdk_sts::Client::new(&config), codes })),
            sns: (!is_role).then(|| aws_sdk_sns::Client::new(&config)),
            issued: RefCell::new(None),
        }
    }

    /// Who asks AWS for the time where there is no opener.
    pub(crate) fn asker(base: &Base, region: &str, key: &AccessKey) -> Asker {
        Asker::new(base, &base.principal(long_term(key), region, Tries::One))
    }

    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// The issued session, for the credential endpoint.
    pub(crate) fn issued(&self) -> std::cell::Ref<'_, Option<Issued>> {
        self.issued.borrow()
    }

    async fn issue(&self, issuer: &Issuer, wanted: &Wanted<'_>) -> Result<Option<Credentials>, Fault> {
        let left = wanted.until.duration_since(self.base.clock.now()).as_secs() - ON_THE_WAY;
        let seconds = |longest| i32::try_from(left).unwrap_or(longest).clamp(SHORTEST_SESSION, longest);
        let name = format!("breakglass-{}", wanted.session);
        let policy = wanted.policy.map(ToString::to_string);
        let (serial, code) = issuer.codes.as_ref().map(Codes::take).unzip();
        match &self.source {
            Source::User => {
                let request = issuer.sts.get_session_token().duration_seconds(seconds(LONGEST_SESSION));
                let request = request.set_serial_number(serial).set_token_code(code);
                Ok(request.send().await.map_err(|e| fault(&e))?.credentials)
            }
            Source::Federation => {
                let request = issuer.sts.get_federation_token().name(name).set_policy(policy);
                let request = request.duration_seconds(seconds(LONGEST_SESSION));
                Ok(request.send().await.map_err(|e| fault(&e))?.credentials)
            }
            Source::Role(arn) => {
                let request = issuer.sts.assume_role().role_arn(arn).role_session_name(name);
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
        let sns = aws_sdk_sns::Client::new(&self.base.principal(credentials, &self.region, Tries::One));
        *self.issued.borrow_mut() = Some(Issued { id: issued.access_key_id, secret, token, expires, sns });
        Ok(())
    }
}

fn incomplete() -> Fault {
    Fault::Unknown("AWS answered without credentials".into())
}

fn gone() -> Fault {
    Fault::Refused("there is no emergency key at hand".into())
}

impl Emergency for CloudEmergency {
    async fn probe_key(&self) -> Option<Probed> {
        Some(probe(self.sns.as_ref()?).await)
    }

    fn ready_in(&self) -> Duration {
        let issuer = self.issuer.borrow();
        issuer.as_ref().and_then(|issuer| issuer.codes.as_ref()).map_or(Duration::ZERO, Codes::ready_in)
    }

    async fn issue_session(&self, wanted: &Wanted<'_>) -> Write {
        let issuer = self.issuer.take().ok_or_else(gone)?;
        let result = self.issue(&issuer, wanted).await.and_then(|issued| issued.ok_or_else(incomplete));
        match result.and_then(|issued| self.keep(issued)) {
            // The long-term key and the seed have done their work here.
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

/// No emergency credential is at hand: nothing can be probed.
pub(crate) struct NoEmergency;

impl Emergency for NoEmergency {
    async fn probe_key(&self) -> Option<Probed> {
        None
    }

    fn ready_in(&self) -> Duration {
        Duration::ZERO
    }

    async fn issue_session(&self, _: &Wanted<'_>) -> Write {
        Err(gone())
    }

    async fn probe_session(&self) -> Option<Probed> {
        None
    }
}

/// `sns:ListTopics`, which every gate allows while it is open.
async fn probe(sns: &aws_sdk_sns::Client) -> Probed {
    let Err(error) = sns.list_topics().send().await else {
        return Probed::Open;
    };
    match code(&error) {
        Some(code) if REFUSALS.contains(&code) => Probed::Shut,
        Some("InvalidClientTokenId") => Probed::KeyRefused,
        _ => Probed::Unclear(fault(&error).to_string()),
    }
}
