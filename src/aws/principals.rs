//! The opener and the closer. Each of these two types implements a trait of `gate`, with the credentials of one AWS
//! principal.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use jiff::Timestamp;

use crate::aws::clients::{AwsConfig, Tries, long_term};
use crate::aws::clock::{DateReader, Measured};
use crate::aws::error::fault;
use crate::aws::iam_user::IamUser;
use crate::boot_clock::Instant;
use crate::gate::fault::{Fault, Write};
use crate::gate::iam::{Caller, Closer, Identity, Opener};
use crate::gate::snapshot::{AccessState, Snapshot};
use crate::vault::payload::AccessKey;
use crate::vault::target::TargetId;

/// The maximum number of `GetCallerIdentity` calls until one succeeds.
const ATTEMPTS: u32 = 4;

/// A client that asks AWS for the caller's account. The client also sets the shared clock to the time in AWS's answer.
pub(crate) struct IdentityClient {
    sts: aws_sdk_sts::Client,
    dates: DateReader,
    aws: AwsConfig,
}

impl IdentityClient {
    pub(crate) fn new(aws: &AwsConfig, config: &SdkConfig) -> Self {
        let dates = DateReader::default();
        let sts = aws_sdk_sts::config::Builder::from(config).interceptor(dates.clone()).build();
        Self { sts: aws_sdk_sts::Client::from_conf(sts), dates, aws: aws.clone() }
    }

    /// Returns a client that can only ask for the time. AWS refuses each call of this client, because the client signs
    /// with the example key of AWS's documentation. The refusal has a date.
    pub(crate) fn without_credentials(aws: &AwsConfig, region: &str) -> Self {
        let example = Credentials::new("AKIAIOSFODNN7EXAMPLE", "none", None, None, "example");
        Self::new(aws, &aws.with_credentials(example, region, Tries::One))
    }

    /// Returns AWS's time, and sets the shared clock to this time. The time comes from the `Date` header, which a
    /// refusal has, too.
    ///
    /// # Errors
    /// Returns [`Fault`] if no answer has a valid date.
    pub(crate) async fn time(&self) -> Result<Timestamp, Fault> {
        let sent = Instant::now();
        let answer = self.sts.get_caller_identity().send().await;
        let Some(date) = self.dates.take() else {
            return Err(answer.map_or_else(
                |error| fault(&error),
                |_| Fault::Unknown("AWS's answer has no valid Date header".into()),
            ));
        };
        self.aws.clock.set(Measured { date, at: sent });
        Ok(date)
    }
}

impl Caller for IdentityClient {
    /// Calls `GetCallerIdentity`. If the local clock is wrong, AWS refuses the first request. After such a refusal,
    /// the program sets its clock to the date of AWS's answer, and sends a second request.
    async fn identify(&self) -> Result<Identity, Fault> {
        let mut last = Fault::Unknown("AWS's clock and this machine's clock differ too much".into());
        for attempt in 0..ATTEMPTS {
            let sent = Instant::now();
            let answer = self.sts.get_caller_identity().send().await;
            let date = self.dates.take();
            let off = date.map(|date| self.aws.clock.set(Measured { date, at: sent }));
            match (answer, date) {
                (Ok(answer), Some(time)) => {
                    let account = answer.account.unwrap_or_default();
                    return Ok(Identity { account, time, asked_at: sent });
                }
                (Ok(_), None) => return Err(Fault::Refused("AWS's answer has no valid Date header".into())),
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

/// The opener's clients. Dropping the value drops the opener's key.
pub(crate) struct IamOpener {
    user: IamUser,
    identity: IdentityClient,
}

impl IamOpener {
    /// Creates the clients. `region` is the region of the STS endpoint that reports AWS's time. `boundary` is the ARN
    /// of the sealed permissions boundary.
    pub(crate) fn new(
        aws: &AwsConfig,
        target: &TargetId,
        region: &str,
        boundary: String,
        key: AccessKey,
    ) -> Self {
        let config = |region: &str, tries| aws.with_credentials(long_term(&key), region, tries);
        let iam = target.iam_region();
        let (reads, writes) = (config(iam, Tries::Four), config(iam, Tries::One));
        let user = IamUser::new(&reads, &writes, target, Some(boundary));
        let identity = IdentityClient::new(aws, &config(region, Tries::One));
        drop(key);
        Self { user, identity }
    }
}

impl Caller for IamOpener {
    async fn identify(&self) -> Result<Identity, Fault> {
        self.identity.identify().await
    }
}

impl Opener for IamOpener {
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

/// The closer's clients. The clients use either the closer's key from the vault, or the credentials of an AWS
/// profile.
pub(crate) struct IamCloser {
    user: IamUser,
    identity: IdentityClient,
}

impl IamCloser {
    /// Creates the clients with the closer's key. `region` is the region of the STS endpoint that reports AWS's time.
    pub(crate) fn new(aws: &AwsConfig, target: &TargetId, region: &str, key: &AccessKey) -> Self {
        let config = |region: &str, tries| aws.with_credentials(long_term(key), region, tries);
        Self::with_config(aws, target, region, config)
    }

    /// Creates the clients with the credentials that `config` provides. `config` returns a client configuration for a
    /// region.
    pub(crate) fn with_config(
        aws: &AwsConfig,
        target: &TargetId,
        region: &str,
        config: impl Fn(&str, Tries) -> SdkConfig,
    ) -> Self {
        let iam = target.iam_region();
        let user = IamUser::new(&config(iam, Tries::Four), &config(iam, Tries::One), target, None);
        Self { user, identity: IdentityClient::new(aws, &config(region, Tries::One)) }
    }
}

impl Caller for IamCloser {
    async fn identify(&self) -> Result<Identity, Fault> {
        self.identity.identify().await
    }
}

impl Closer for IamCloser {
    async fn read_access_state(&self) -> AccessState {
        self.user.read_access_state().await
    }

    async fn attach_deny(&self) -> Write {
        self.user.attach_deny().await
    }

    async fn switch_key(&self, id: &str, active: bool) -> Write {
        self.user.switch_key(id, active).await
    }
}
