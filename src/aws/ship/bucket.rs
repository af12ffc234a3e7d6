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

/// The version ids of each object key.
pub(super) type Versions = BTreeMap<String, Vec<Option<String>>>;

/// The parts of the object key of a record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct RecordKey {
    /// The id of the ledger.
    pub(super) ledger: String,
    /// The record's number.
    pub(super) seq: u64,
    /// The first 16 hex digits of the SHA-256 of the record's line.
    pub(super) digest: String,
}

/// The bucket, and a client with the credentials of the configured profile.
pub(crate) struct Bucket {
    client: Client,
    clock: AwsClock,
    ship: Ship,
    unlocked: OnceCell<bool>,
}

impl Bucket {
    pub(crate) async fn new(ship: &Ship) -> Self {
        Self::with_tries(ship, Tries::Four).await
    }

    /// Returns a bucket whose calls are not repeated after an error.
    pub(super) async fn impatient(ship: &Ship) -> Self {
        Self::with_tries(ship, Tries::One).await
    }

    async fn with_tries(ship: &Ship, tries: Tries) -> Self {
        let provider = ProfileFileCredentialsProvider::builder().profile_name(&ship.profile).build();
        let aws = AwsConfig::load().await;
        let config = aws.with_provider(SharedCredentialsProvider::new(provider), &ship.region, tries);
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

    /// Returns the prefix of the object keys of all ledgers' records.
    pub(super) fn root(&self) -> String {
        let prefix = self.ship.prefix.trim_matches('/');
        if prefix.is_empty() { String::new() } else { format!("{prefix}/") }
    }

    /// Returns the prefix of the object keys for one ledger.
    fn prefix(&self, ledger: &str) -> String {
        format!("{}{ledger}/", self.root())
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

    /// Returns the copies of a ledger's records. An object key contains the digest of the record. The function ignores
    /// object versions whose content has another digest.
    pub(crate) async fn copies(&self, ledger: &str) -> Result<Vec<CopiedRecord>, String> {
        // If two keys have the same record number, both copies are returned. The caller compares both copies with the
        // ledger.
        let mut copies = Vec::new();
        for (key, versions) in self.versions(&self.prefix(ledger)).await? {
            let Some(of) = self.parse(&key) else { continue };
            if let Some(line) = self.line(&key, versions, &of).await? {
                copies.push((of.seq, Sha256::digest(line).into()));
            }
        }
        copies.sort_unstable();
        Ok(copies)
    }

    /// Lists the version ids of each object key with this prefix.
    pub(super) async fn versions(&self, prefix: &str) -> Result<Versions, String> {
        let mut all = Versions::new();
        let (mut key_marker, mut version_marker) = (None, None);
        loop {
            let page = self
                .client
                .list_object_versions()
                .bucket(&self.ship.bucket)
                .prefix(prefix)
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

    /// Parses an object key. Returns `None` if the key does not belong to a record.
    pub(super) fn parse(&self, key: &str) -> Option<RecordKey> {
        let (ledger, name) = key.strip_prefix(&self.root())?.split_once('/')?;
        let (number, digest) = name.strip_suffix(".json")?.split_once('-')?;
        Some(RecordKey { ledger: ledger.to_owned(), seq: number.parse().ok()?, digest: digest.to_owned() })
    }

    /// Returns the line of a record: the body of the first version whose digest is in the object's key. Returns `None`
    /// if there is no such version.
    pub(super) async fn line(
        &self,
        key: &str,
        versions: Vec<Option<String>>,
        of: &RecordKey,
    ) -> Result<Option<Vec<u8>>, String> {
        for version in versions {
            let version = version.filter(|version| version != "null");
            let get = self.client.get_object().bucket(&self.ship.bucket).key(key).set_version_id(version);
            let answer = get.send().await.map_err(|error| fault(&error).to_string())?;
            let body = answer.body.collect().await.map_err(|error| error.to_string())?.into_bytes();
            if hex::encode(&Sha256::digest(&body)[..8]) == of.digest {
                return Ok(Some(body.to_vec()));
            }
        }
        Ok(None)
    }
}
