//! Opener and closer: each implements its port of the gate with one principal's credentials.

use std::time::Duration;

use aws_config::SdkConfig;

use crate::aws::clients::{AwsConfig, Tries, long_term};
use crate::aws::clock::{DateReader, Measured};
use crate::aws::error::fault;
use crate::aws::iam_user::IamUser;
use crate::boot_clock::Instant;
use crate::gate::fault::{Fault, Write};
use crate::gate::iam::{Caller, Closer, Identity, Opener};
use crate::gate::snapshot::{AccessState, Snapshot};
use crate::vault::payload::AccessKey;
use crate::vault::target::{deny_all_arn, iam_region};

/// Attempts of `GetCallerIdentity`.
const ATTEMPTS: u32 = 4;

/// An IAM user, and the region whose STS is called.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) partition: String,
    pub(crate) region: String,
    pub(crate) user: String,
    pub(crate) boundary: Option<String>,
}

impl Place {
    fn user(&self, reads: &SdkConfig, writes: &SdkConfig) -> IamUser {
        IamUser::new(reads, writes, self.user.clone(), deny_all_arn(&self.partition), self.boundary.clone())
    }
}

/// Asks AWS for the caller's account and sets the clock from the answer.
pub(crate) struct IdentityClient {
    sts: aws_sdk_sts::Client,
    dates: DateReader,
    base: AwsConfig,
}

impl IdentityClient {
    pub(crate) fn new(base: &AwsConfig, config: &SdkConfig) -> Self {
        let dates = DateReader::default();
        let sts = aws_sdk_sts::config::Builder::from(config).interceptor(dates.clone()).build();
        Self { sts: aws_sdk_sts::Client::from_conf(sts), dates, base: base.clone() }
    }
}

impl Caller for IdentityClient {
    /// A wrong local clock makes AWS refuse the first request; its answer sets the clock for the second.
    async fn identify(&self) -> Result<Identity, Fault> {
        let mut last = Fault::Unknown("AWS's clock and this machine's do not agree".into());
        for attempt in 0..ATTEMPTS {
            let sent = Instant::now();
            let answer = self.sts.get_caller_identity().send().await;
            let date = self.dates.take();
            let off = date.map(|date| self.base.clock.set(Measured { date, at: sent }));
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

/// The opener's client. Dropping it drops the opener's key.
pub(crate) struct IamOpener {
    user: IamUser,
    identity: IdentityClient,
}

impl IamOpener {
    pub(crate) fn new(base: &AwsConfig, place: &Place, key: AccessKey) -> Self {
        let iam = iam_region(&place.partition);
        let reads = base.with_credentials(long_term(&key), iam, Tries::Four);
        let writes = base.with_credentials(long_term(&key), iam, Tries::One);
        let sts = base.with_credentials(long_term(&key), &place.region, Tries::One);
        drop(key);
        Self { user: place.user(&reads, &writes), identity: IdentityClient::new(base, &sts) }
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

/// The closer's client, with the vault's closer key or with a profile's credentials.
pub(crate) struct IamCloser {
    user: IamUser,
    identity: IdentityClient,
}

impl IamCloser {
    pub(crate) fn new(base: &AwsConfig, place: &Place, key: &AccessKey) -> Self {
        Self::with_config(base, place, |region, tries| base.with_credentials(long_term(key), region, tries))
    }

    /// With any source of credentials: `config` returns a client configuration for a region.
    pub(crate) fn with_config(
        base: &AwsConfig,
        place: &Place,
        config: impl Fn(&str, Tries) -> SdkConfig,
    ) -> Self {
        let iam = iam_region(&place.partition);
        let user = place.user(&config(iam, Tries::Four), &config(iam, Tries::One));
        Self { user, identity: IdentityClient::new(base, &config(&place.region, Tries::One)) }
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
