//! Opener and closer: the port of the gate, each with its own key and nothing else.

use std::time::Duration;

use aws_config::SdkConfig;

use crate::aws::clients::{Base, Tries, long_term};
use crate::aws::clock::{DateReader, Measured};
use crate::aws::error::fault;
use crate::aws::iam_user::IamUser;
use crate::boot_clock::Instant;
use crate::gate::fault::{Fault, Write};
use crate::gate::iam::{Caller, Closer, Identity, Opener};
use crate::gate::snapshot::{Glance, Snapshot};
use crate::vault::payload::AccessKey;
use crate::vault::target::{deny_all_arn, iam_region};

/// Times that asking who one is is tried.
const ASKS: u32 = 4;

/// Where a user is.
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

/// Asks AWS who one is and what time it is.
pub(crate) struct Asker {
    sts: aws_sdk_sts::Client,
    dates: DateReader,
    base: Base,
}

impl Asker {
    pub(crate) fn new(base: &Base, config: &SdkConfig) -> Self {
        let dates = DateReader::default();
        let sts = aws_sdk_sts::config::Builder::from(config).interceptor(dates.clone()).build();
        Self { sts: aws_sdk_sts::Client::from_conf(sts), dates, base: base.clone() }
    }
}

impl Caller for Asker {
    /// A wrong local clock is found by the first answer and right from the second on.
    async fn identify(&self) -> Result<Identity, Fault> {
        let mut last = Fault::Unknown("AWS's clock and this machine's do not agree".into());
        for attempt in 0..ASKS {
            let sent = Instant::now();
            let answer = self.sts.get_caller_identity().send().await;
            let date = self.dates.take();
            let off = date.map(|date| self.base.clock.set(Measured { date, at: sent }));
            match (answer, date) {
                (Ok(answer), Some(time)) => {
                    let account = answer.account.unwrap_or_default();
                    return Ok(Identity { account, time, asked_at: sent });
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
pub(crate) struct CloudOpener {
    user: IamUser,
    asker: Asker,
}

impl CloudOpener {
    pub(crate) fn new(base: &Base, place: &Place, key: AccessKey) -> Self {
        let iam = iam_region(&place.partition);
        let reads = base.principal(long_term(&key), iam, Tries::Four);
        let writes = base.principal(long_term(&key), iam, Tries::One);
        let sts = base.principal(long_term(&key), &place.region, Tries::One);
        drop(key);
        Self { user: place.user(&reads, &writes), asker: Asker::new(base, &sts) }
    }
}

impl Caller for CloudOpener {
    async fn identify(&self) -> Result<Identity, Fault> {
        self.asker.identify().await
    }
}

impl Opener for CloudOpener {
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
pub(crate) struct CloudCloser {
    user: IamUser,
    asker: Asker,
}

impl CloudCloser {
    pub(crate) fn new(base: &Base, place: &Place, key: &AccessKey) -> Self {
        let with = |region: &str, tries| base.principal(long_term(key), region, tries);
        Self::with(base, place, with)
    }

    pub(crate) fn with(base: &Base, place: &Place, config: impl Fn(&str, Tries) -> SdkConfig) -> Self {
        let iam = iam_region(&place.partition);
        let user = place.user(&config(iam, Tries::Four), &config(iam, Tries::One));
        Self { user, asker: Asker::new(base, &config(&place.region, Tries::One)) }
    }
}

impl Caller for CloudCloser {
    async fn identify(&self) -> Result<Identity, Fault> {
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
