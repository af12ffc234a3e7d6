//! Opener, closer and emergency user: the port of the gate, each with its own key and nothing else.

use std::cell::RefCell;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_smithy_types::date_time::Format;
use jiff::Timestamp;

use super::clients::{Base, Tries, iam_region, long_term, session};
use super::clock::{DateReader, Measured};
use super::fault::{code, fault};
use super::user::IamUser;
use crate::gate::iam::{Closer, Emergency, Fault, Identity, Opener, Probed, Write};
use crate::gate::rest::deny_all;
use crate::gate::snapshot::{Glance, Snapshot};
use crate::secret::SecretText;
use crate::vault::payload::AccessKey;
use crate::window::Instant;

/// Times that asking who one is is tried.
const ASKS: u32 = 4;
/// STS's own limits.
const SHORTEST_SESSION: i32 = 900;
const LONGEST_SESSION: i32 = 129_600;

/// The policies, or the end of a session, refuse the probe.
const REFUSALS: [&str; 6] = [
    "AuthorizationError",
    "AuthorizationErrorException",
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
];

/// Where a user is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) partition: String,
    pub(super) region: String,
    pub(super) user: String,
    pub(super) boundary: Option<String>,
}

impl Place {
    fn user(&self, reads: &SdkConfig, writes: &SdkConfig) -> IamUser {
        IamUser::new(reads, writes, self.user.clone(), deny_all(&self.partition), self.boundary.clone())
    }
}

/// Asks AWS who one is and what time it is.
pub(super) struct Asker {
    sts: aws_sdk_sts::Client,
    dates: DateReader,
    base: Base,
}

impl Asker {
    pub(super) fn new(base: &Base, config: &SdkConfig) -> Self {
        let dates = DateReader::default();
        let sts = aws_sdk_sts::config::Builder::from(config).interceptor(dates.clone()).build();
        Self { sts: aws_sdk_sts::Client::from_conf(sts), dates, base: base.clone() }
    }

    /// `GetCallerIdentity`; a wrong local clock is found by the first answer and right from the second on.
    pub(super) async fn identify(&self) -> Result<Identity, Fault> {
        let mut last = Fault::Unknown("AWS's clock and this machine's do not agree".into());
        for attempt in 0..ASKS {
            let sent = Instant::now();
            let answer = self.sts.get_caller_identity().send().await;
            let date = self.dates.take();
            let off = date.map(|date| self.base.clock.set(Measured { date, at: sent }));
            match (answer, date) {
                (Ok(answer), Some(time)) => {
                    let account = answer.account.unwrap_or_default();
                    return Ok(Identity { account, time });
                }
                (Ok(_), None) => return Err(Fault::Refused("AWS's answer carries no usable date".into())),
                (Err(error), _) => {
                    last = fault(&error);
                    let skewed = off.is_some_and(|off| off > Duration::from_mins(1));
                    match last {
                        Fault::Refused(_) if !skewed => return Err(last),
                        Fault::Refused(_) => {}
                        _ => tokio::time::sleep(Duration::from_millis(300 << attempt)).await,
                    }
                }
            }
        }
        Err(last)
    }
}

/// The opener, until it is dropped.
pub(super) struct CloudOpener {
    user: IamUser,
    asker: Asker,
}

impl CloudOpener {
    pub(super) fn new(base: &Base, place: &Place, key: AccessKey) -> Self {
        let iam = iam_region(&place.partition);
        let reads = base.principal(long_term(&key), iam, Tries::Four);
        let writes = base.principal(long_term(&key), iam, Tries::One);
        let sts = base.principal(long_term(&key), &place.region, Tries::One);
        drop(key);
        Self { user: place.user(&reads, &writes), asker: Asker::new(base, &sts) }
    }
}

impl Opener for CloudOpener {
    async fn identify(&self) -> Result<Identity, Fault> {
        self.asker.identify().await
    }

    async fn read(&self) -> Snapshot {
        Box::pin(self.user.read()).await
    }

    async fn put_gate(&self, document: &str) -> Write {
        self.user.put_gate(document).await
    }

    async fn lift_deny(&self) -> Write {
        self.user.lift_deny().await
    }
}

/// The closer: the vault's own, or anybody's who may close.
pub(super) struct CloudCloser {
    user: IamUser,
    asker: Asker,
}

impl CloudCloser {
    pub(super) fn new(base: &Base, place: &Place, key: &AccessKey) -> Self {
        let with = |region: &str, tries| base.principal(long_term(key), region, tries);
        Self::with(base, place, with)
    }

    pub(super) fn with(base: &Base, place: &Place, config: impl Fn(&str, Tries) -> SdkConfig) -> Self {
        let iam = iam_region(&place.partition);
        let user = place.user(&config(iam, Tries::Four), &config(iam, Tries::One));
        Self { user, asker: Asker::new(base, &config(&place.region, Tries::One)) }
    }

    pub(super) async fn identify(&self) -> Result<Identity, Fault> {
        self.asker.identify().await
    }
}

impl Closer for CloudCloser {
    async fn glance(&self) -> Glance {
        self.user.glance().await
    }

    async fn attach_deny(&self) -> Write {
        self.user.attach_deny().await
    }

    async fn switch_key(&self, id: &str, active: bool) -> Write {
        self.user.switch_key(id, active).await
    }
}

/// The emergency user's own key, and the session that work gets.
pub(super) struct CloudEmergency {
    base: Base,
    region: String,
    sts: aws_sdk_sts::Client,
    sns: aws_sdk_sns::Client,
    /// T1, once it is known.
    until: std::cell::Cell<Option<Timestamp>>,
    issued: RefCell<Option<Issued>>,
}

/// One issued session.
pub(super) struct Issued {
    pub(super) id: String,
    pub(super) secret: SecretText,
    pub(super) token: SecretText,
    pub(super) expires: Timestamp,
    sns: aws_sdk_sns::Client,
}

impl CloudEmergency {
    pub(super) fn new(base: &Base, region: &str, key: &AccessKey) -> Self {
        let config = base.principal(long_term(key), region, Tries::One);
        Self {
            base: base.clone(),
            region: region.to_owned(),
            sts: aws_sdk_sts::Client::new(&config),
            sns: aws_sdk_sns::Client::new(&config),
            until: std::cell::Cell::new(None),
            issued: RefCell::new(None),
        }
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// T1: no session is asked to last longer.
    pub(super) fn ends(&self, until: Timestamp) {
        self.until.set(Some(until));
    }

    /// The issued session, for the credential endpoint.
    pub(super) fn issued(&self) -> std::cell::Ref<'_, Option<Issued>> {
        self.issued.borrow()
    }

    /// Whole seconds until T1, within what STS gives.
    fn duration(&self) -> i32 {
        let left = self.until.get().map_or(0, |until| until.duration_since(self.base.clock.now()).as_secs());
        i32::try_from(left).unwrap_or(LONGEST_SESSION).clamp(SHORTEST_SESSION, LONGEST_SESSION)
    }
}

impl Emergency for CloudEmergency {
    async fn probe_key(&self) -> Option<Probed> {
        Some(probe(&self.sns).await)
    }

    async fn issue_session(&self) -> Write {
        let request = self.sts.get_session_token().duration_seconds(self.duration());
        let answer = request.send().await.map_err(|e| fault(&e))?;
        let missing = || Fault::Unknown("GetSessionToken answered without credentials".into());
        let issued = answer.credentials.ok_or_else(missing)?;
        let expires = issued.expiration.fmt(Format::DateTime).ok().and_then(|text| text.parse().ok());
        let (secret, token) =
            (SecretText::copy_of(&issued.secret_access_key), SecretText::copy_of(&issued.session_token));
        let credentials = session(&issued.access_key_id, &secret, &token);
        let sns = aws_sdk_sns::Client::new(&self.base.principal(credentials, &self.region, Tries::One));
        let expires = expires.ok_or_else(missing)?;
        *self.issued.borrow_mut() = Some(Issued { id: issued.access_key_id, secret, token, expires, sns });
        Ok(())
    }

    async fn probe_session(&self) -> Option<Probed> {
        let sns = self.issued.borrow().as_ref().map(|issued| issued.sns.clone())?;
        Some(probe(&sns).await)
    }
}

/// No emergency credential is at hand: nothing can be probed.
pub(super) struct NoEmergency;

impl Emergency for NoEmergency {
    async fn probe_key(&self) -> Option<Probed> {
        None
    }

    async fn issue_session(&self) -> Write {
        Err(Fault::Refused("there is no emergency key at hand".into()))
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
