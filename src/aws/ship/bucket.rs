//! The S3 bucket with the copy of the ledger, one object per record. An object's body is the record's line in the
//! ledger. The key of an object contains the record's number and digest.

use std::collections::BTreeMap;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ObjectLockEnabled, ObjectLockMode};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

use crate::aws::clients::{AwsConfig, Tries};
use crate::aws::clock::AwsClock;
use crate::aws::error::{code, fault};
use crate::config::{RetentionMode, Ship};
use crate::ledger::Link;
use crate::ledger::verify::CopiedRecord;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// The bucket, and a client with the credentials of the configured profile.
pub(crate) struct Bucket {
    client: Client,
    clock: AwsClock,
    ship: Ship,
    unlocked: OnceCell<bool>,
}

impl Bucket {
    pub(crate) async fn new(ship: &Ship) -> Self {
        let provider = ProfileFileCredentialsProvider::builder().profile_name(&ship.profile).build();
        let aws = AwsConfig::load().await;
        let config = aws.with_provider(SharedCredentialsProvider::new(provider), &ship.region, Tries::Four);
        let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
        let clock = aws.clock;
        Self { client: Client::from_conf(config), clock, ship: ship.clone(), unlocked: OnceCell::new() }
    }

    /// Returns true if S3 reports that the bucket has no Object Lock. If S3 gives no clear answer, the result is
    /// false.
    pub(crate) async fn is_unlocked(&self) -> bool {
        *self.unlocked.get_or_init(|| self.read_unlocked()).await
    }

    /// Returns true if an earlier answer of S3 has shown that the bucket has no Object Lock. Sends no request.
    pub(crate) fn is_known_to_be_unlocked(&self) -> bool {
        self.unlocked.get() == Some(&true)
    }

    async fn read_unlocked(&self) -> bool {
        match self.client.get_object_lock_configuration().bucket(&self.ship.bucket).send().await {
            Ok(answer) => {
                let enabled = answer.object_lock_configuration().and_then(|lock| lock.object_lock_enabled());
                enabled != Some(&ObjectLockEnabled::Enabled)
            }
            Err(error) => code(&error) == Some("ObjectLockConfigurationNotFoundError"),
        }
    }

    /// Returns the prefix of the object keys for one ledger.
    fn prefix(&self, ledger: &str) -> String {
        let prefix = self.ship.prefix.trim_matches('/');
        if prefix.is_empty() { format!("{ledger}/") } else { format!("{prefix}/{ledger}/") }
    }

    /// Sends one record. Sends the record even if an object with the same key exists, because another writer might
    /// have stored a different object under this key.
    pub(crate) async fn put(&self, ledger: &str, link: &Link, body: &[u8]) -> Result<(), String> {
        let digest = hex::encode(&link.sha256[..8]);
        let key = format!("{}{:012}-{digest}.json", self.prefix(ledger), link.entry.seq);
        let mut put = self
            .client
            .put_object()
            .bucket(&self.ship.bucket)
            .key(key)
            .content_type("application/json")
            .checksum_sha256(BASE64_STANDARD.encode(link.sha256))
            .body(ByteStream::from(body.to_vec()));
        if !self.is_unlocked().await {
            let until = self.clock.now().as_second() + i64::from(self.ship.retain_days) * DAY_SECONDS;
            let mode = match self.ship.mode {
                RetentionMode::Governance => ObjectLockMode::Governance,
                RetentionMode::Compliance => ObjectLockMode::Compliance,
            };
            put = put.object_lock_mode(mode).object_lock_retain_until_date(DateTime::from_secs(until));
        }
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(fault(&error).to_string()),
        }
    }

    /// Returns the copies of a ledger's records. An object key contains the digest of the record. Of the versions
    /// under one key, only a version with this digest counts.
    pub(crate) async fn copies(&self, ledger: &str) -> Result<Vec<CopiedRecord>, String> {
        // If two keys have the same record number, both copies are returned. The caller compares both with the
        // ledger.
        let mut copies = Vec::new();
        for (key, versions) in self.versions(ledger).await? {
            for version in versions {
                let copy = self.copy(ledger, &key, version).await?;
                if copy.is_some() {
                    copies.extend(copy);
                    break;
                }
            }
        }
        copies.sort_unstable();
        Ok(copies)
    }

    /// Lists the version ids of each object key.
    async fn versions(&self, ledger: &str) -> Result<BTreeMap<String, Vec<Option<String>>>, String> {
        let mut all: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
        let (mut key_marker, mut version_marker) = (None, None);
        loop {
            let page = self
                .client
                .list_object_versions()
                .bucket(&self.ship.bucket)
                .prefix(self.prefix(ledger))
                .set_key_marker(key_marker)
                .set_version_id_marker(version_marker)
                .send()
                .await
                .map_err(|error| fault(&error).to_string())?;
            for version in page.versions() {
                let Some(key) = version.key() else { continue };
                all.entry(key.to_owned()).or_default().push(version.version_id().map(str::to_owned));
            }
            if page.is_truncated() != Some(true) {
                return Ok(all);
            }
            key_marker = page.next_key_marker().map(str::to_owned);
            version_marker = page.next_version_id_marker().map(str::to_owned);
        }
    }

    /// Reads one version of an object. Returns `None` if the digest of the object's body is not the digest in the
    /// object's key.
    async fn copy(
        &self,
        ledger: &str,
        key: &str,
        version: Option<String>,
    ) -> Result<Option<CopiedRecord>, String> {
        let name = key.strip_prefix(&self.prefix(ledger)).and_then(|name| name.strip_suffix(".json"));
        let Some((number, digest)) = name.and_then(|name| name.split_once('-')) else { return Ok(None) };
        let Ok(seq) = number.parse() else { return Ok(None) };
        let version = version.filter(|version| version != "null");
        let get = self.client.get_object().bucket(&self.ship.bucket).key(key).set_version_id(version);
        let answer = get.send().await.map_err(|error| fault(&error).to_string())?;
        let body = answer.body.collect().await.map_err(|error| error.to_string())?;
        let sha256: [u8; 32] = Sha256::digest(body.into_bytes()).into();
        Ok((hex::encode(&sha256[..8]) == digest).then_some((seq, sha256)))
    }
}
