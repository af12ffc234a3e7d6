//! Looks up a session's calls in CloudTrail's event history, within CloudTrail's rate limit.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::operation::lookup_events::LookupEventsOutput;
use aws_sdk_cloudtrail::operation::lookup_events::builders::LookupEventsFluentBuilder;
use aws_sdk_cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey};
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::aws::clients::{AwsConfig, Tries};
use crate::aws::error::fault;
use crate::aws::preload::{Preload, runtime};
use crate::aws::profile::provider;
use crate::error::Result;
use crate::gate::fault::Fault;
use crate::gate::open::other_account;
use crate::review::{CloudTrailEvent, CloudTrailQuery, CloudTrailResult, RegionResult};
use crate::terminal::countable;
use crate::terminal::print;
use crate::vault::target::iam_region;

/// The pause between two requests. AWS allows two lookups per second in each region of an account.
const BETWEEN_REQUESTS: Duration = Duration::from_millis(510);
/// The maximum number of retries of a request that AWS throttled. The pause doubles after each retry.
const RETRIES_THROTTLED: u32 = 6;
/// The largest number of retries of a request that was not sent, or whose outcome is not known.
const RETRIES_UNCLEAR: u32 = 2;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The largest number of requests to one region. This number of requests is enough for 100,000 events.
const MOST_REQUESTS: u32 = 2_000;
/// If the lookups take longer than this, the program starts to show progress.
const FIRST_NOTE: Duration = Duration::from_secs(1);
/// The minimum pause between two lines that show progress.
const BETWEEN_NOTES: Duration = Duration::from_secs(2);

/// Looks up the events in all regions concurrently. If the events of a region cannot be read completely, the result
/// for this region has an `error`.
///
/// # Errors
/// The error has the status `Usage` if the profile has no credentials. The error has the status `Refused` if the
/// credentials belong to another account.
pub(crate) fn look_up(profile: &str, wanted: &CloudTrailQuery) -> Result<CloudTrailResult> {
    let runtime = runtime()?;
    let aws = Preload::start().config(&runtime);
    let provider = provider(profile, &runtime)
        .map_err(|error| error.next("choose a profile that is allowed to call cloudtrail:LookupEvents"))?;
    let result = runtime.block_on(async {
        let unknown = match caller(&aws, &provider, wanted).await {
            Ok(account) if account != wanted.account => {
                return Err(other_account(&account, &wanted.account));
            }
            Ok(_) => None,
            Err(fault) => Some(format!("the profile's account could not be checked: {fault}")),
        };
        let mut trail = everywhere(&aws, &provider, wanted).await;
        for region in &mut trail.regions {
            region.error = region.error.take().or_else(|| unknown.clone());
        }
        Ok(trail)
    });
    runtime.shutdown_background();
    result
}

/// Returns the AWS account that the profile's credentials belong to.
async fn caller(
    aws: &AwsConfig,
    provider: &SharedCredentialsProvider,
    wanted: &CloudTrailQuery,
) -> Result<String, Fault> {
    let config = aws.with_provider(provider.clone(), iam_region(&wanted.partition), Tries::Four);
    let answer = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await;
    let account = answer.map_err(|error| fault(&error))?.account;
    account.ok_or_else(|| Fault::Unknown("AWS's answer names no account".into()))
}

async fn everywhere(
    aws: &AwsConfig,
    provider: &SharedCredentialsProvider,
    wanted: &CloudTrailQuery,
) -> CloudTrailResult {
    let at = aws.clock.now();
    let until = wanted.until.min(at);
    let mut regions = wanted.regions.clone();
    let iam = iam_region(&wanted.partition).to_owned();
    if !regions.contains(&iam) {
        regions.push(iam.clone());
    }
    let progress = Progress::default();
    let mut asking = JoinSet::new();
    for (place, region) in regions.iter().enumerate() {
        let client = Client::new(&aws.with_provider(provider.clone(), region, Tries::One));
        let (from, progress) = (wanted.from, progress.clone());
        let lookup = Lookup {
            region: region.clone(),
            client,
            from,
            until,
            next: Instant::now(),
            requests: 0,
            progress,
        };
        let attributes = attributes(wanted, *region == iam);
        asking.spawn(async move { (place, lookup.all(attributes).await) });
    }
    let mut answers = asking.join_all().await;
    answers.sort_by_key(|(place, _)| *place);
    let mut trail =
        CloudTrailResult { at, from: wanted.from, until, regions: Vec::new(), events: Vec::new() };
    let mut seen = BTreeSet::new();
    for ((_, answer), region) in answers.into_iter().zip(regions) {
        let fresh: Vec<_> = answer.events.into_iter().filter(|e| seen.insert(e.id.clone())).collect();
        let RegionEvents { error, requests, .. } = answer;
        trail.regions.push(RegionResult { region, error, events: fresh.len(), requests });
        trail.events.extend(fresh);
    }
    trail
}

/// Lists the attributes to look up. A request can have only one attribute, so each attribute is looked up separately.
/// A user is looked up as a resource only in IAM's region, because only that region has such events.
fn attributes(wanted: &CloudTrailQuery, is_of_iam: bool) -> Vec<(LookupAttributeKey, String)> {
    let keys = wanted.keys.iter().map(|key| (LookupAttributeKey::AccessKeyId, key.clone()));
    let names = wanted.names.iter().map(|name| (LookupAttributeKey::Username, name.clone()));
    let resources = wanted.resources.iter().filter(|_| is_of_iam);
    let resources = resources.map(|name| (LookupAttributeKey::ResourceName, name.clone()));
    keys.chain(names).chain(resources).collect()
}

/// The state of the lookups in one region.
struct Lookup {
    region: String,
    client: Client,
    from: Timestamp,
    until: Timestamp,
    /// The earliest time of the next request.
    next: Instant,
    requests: u32,
    progress: Progress,
}

/// One region's events.
struct RegionEvents {
    events: Vec<CloudTrailEvent>,
    error: Option<String>,
    requests: u32,
}

impl Lookup {
    async fn all(mut self, attributes: Vec<(LookupAttributeKey, String)>) -> RegionEvents {
        let mut answer = RegionEvents { events: Vec::new(), error: None, requests: 0 };
        for (key, value) in attributes {
            if let Err(why) = self.pages(&key, &value, &mut answer).await {
                answer.error = Some(why);
                break;
            }
        }
        answer.requests = self.requests;
        answer
    }

    /// Reads all pages of the events that match one attribute.
    async fn pages(
        &mut self,
        key: &LookupAttributeKey,
        value: &str,
        answer: &mut RegionEvents,
    ) -> Result<(), String> {
        let mut token: Option<String> = None;
        loop {
            let page = self.page(key, value, token.clone()).await?;
            let events = page.events.unwrap_or_default();
            self.progress.count(events.len());
            for event in events {
                match read(event, &self.region) {
                    Some(event) => answer.events.push(event),
                    None => answer.error = Some("an event could not be read".into()),
                }
            }
            match page.next_token {
                None => return Ok(()),
                next if next == token => return Err("CloudTrail returns the same page again".into()),
                next => token = next,
            }
        }
    }

    /// Reads one page of events. Retries the request if it fails.
    async fn page(
        &mut self,
        key: &LookupAttributeKey,
        value: &str,
        token: Option<String>,
    ) -> Result<LookupEventsOutput, String> {
        let (mut tries, mut pause) = (0, FIRST_PAUSE);
        loop {
            let request = self.request(key, value, token.clone())?;
            self.wait().await;
            let fault = match request.send().await {
                Ok(page) => return Ok(page),
                Err(error) => fault(&error),
            };
            let most = match fault {
                Fault::Throttled(_) => RETRIES_THROTTLED,
                Fault::Refused(_) => 0,
                Fault::NotSent(_) | Fault::Unknown(_) => RETRIES_UNCLEAR,
            };
            if tries >= most {
                return Err(fault.to_string());
            }
            tries += 1;
            sleep(pause).await;
            pause *= 2;
        }
    }

    /// Prepares the next request. Fails if [`MOST_REQUESTS`] requests were already made.
    fn request(
        &mut self,
        key: &LookupAttributeKey,
        value: &str,
        token: Option<String>,
    ) -> Result<LookupEventsFluentBuilder, String> {
        if self.requests >= MOST_REQUESTS {
            return Err(format!("more than {MOST_REQUESTS} pages; query CloudTrail directly"));
        }
        self.requests += 1;
        let attribute = LookupAttribute::builder().attribute_key(key.clone()).attribute_value(value).build();
        let attribute = attribute.map_err(|error| error.to_string())?;
        let request = self.client.lookup_events().lookup_attributes(attribute).max_results(50);
        Ok(request
            .start_time(DateTime::from_secs(self.from.as_second()))
            .end_time(DateTime::from_secs(self.until.as_second() + 1))
            .set_next_token(token))
    }

    /// Waits until the rate limit allows the next request.
    async fn wait(&mut self) {
        sleep_until(self.next).await;
        self.next = Instant::now() + BETWEEN_REQUESTS;
    }
}

/// Reads an event from its JSON record. If the record cannot be parsed, reads the event from the other fields of
/// AWS's answer. `region` is the region of the lookup.
fn read(event: Event, region: &str) -> Option<CloudTrailEvent> {
    let whole = event.cloud_trail_event.as_deref().and_then(CloudTrailEvent::parse);
    whole.or_else(|| {
        Some(CloudTrailEvent {
            id: event.event_id?,
            at: Timestamp::from_second(event.event_time?.secs()).ok()?,
            event_name: event.event_name?,
            event_source: event.event_source.unwrap_or_default(),
            region: region.to_owned(),
            key: event.access_key_id,
            who: event.username,
            source_address: None,
            user_agent: None,
            session_ids: Vec::new(),
            invoked_by: None,
            error: None,
            on: None,
            policy: None,
        })
    })
}

/// The progress of the lookups in all regions. The progress is shown if the lookups take longer than [`FIRST_NOTE`].
#[derive(Clone)]
struct Progress(Arc<Mutex<ProgressCount>>);

struct ProgressCount {
    requests: usize,
    calls: usize,
    next_note: Instant,
}

impl Default for Progress {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(ProgressCount {
            requests: 0,
            calls: 0,
            next_note: Instant::now() + FIRST_NOTE,
        })))
    }
}

impl Progress {
    fn count(&self, calls: usize) {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        count.requests += 1;
        count.calls += calls;
        if Instant::now() >= count.next_note {
            count.next_note = Instant::now() + BETWEEN_NOTES;
            let requests = countable(count.requests, "page", "pages");
            print::progress(&format!(
                "CloudTrail: {requests}, {} so far (AWS allows two requests per second in a region)",
                countable(count.calls, "call", "calls")
            ));
        }
    }
}
