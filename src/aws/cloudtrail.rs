//! The review: what CloudTrail's event history has of a session's keys and names, asked no faster than it allows.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::operation::lookup_events::LookupEventsOutput;
use aws_sdk_cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey};
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::aws::clients::{Base, Tries};
use crate::aws::error::fault;
use crate::aws::preload::{Warm, runtime};
use crate::aws::profile::provider;
use crate::error::Result;
use crate::gate::fault::Fault;
use crate::gate::open::other_account;
use crate::review::{AskedRegion, Trail, TrailEvent, Wanted};
use crate::stderr;
use crate::terminal::countable;
use crate::vault::target::iam_region;

/// AWS allows two lookups a second in each region of an account.
const BETWEEN: Duration = Duration::from_millis(510);
/// Throttled: how often it is asked again, each time after twice as long.
const THROTTLED: u32 = 6;
/// Not answered, or not in a way that tells.
const UNCLEAR: u32 = 2;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The most that one region is asked: 100,000 calls.
const MOST: u32 = 2_000;
/// How long it may take until it says how far it is, and how often then.
const QUIET: Duration = Duration::from_secs(1);
const BETWEEN_NOTES: Duration = Duration::from_secs(2);

/// Asks every region, each at its own pace. What a region does not tell is in its `error`.
///
/// # Errors
/// Usage, when the profile gives no credentials; refused, when they are of another account.
pub fn look_up(profile: &str, wanted: &Wanted) -> Result<Trail> {
    let runtime = runtime()?;
    let base = Warm::start().base(&runtime);
    let provider = provider(profile, &runtime).map_err(|error| {
        error.next("name a profile of the shared AWS configuration that may call cloudtrail:LookupEvents")
    })?;
    let result = runtime.block_on(async {
        let unknown = match caller(&base, &provider, wanted).await {
            Ok(account) if account != wanted.account => {
                return Err(other_account(&account, &wanted.account));
            }
            Ok(_) => None,
            Err(fault) => Some(format!("AWS does not say of which account the profile is: {fault}")),
        };
        let mut trail = everywhere(&base, &provider, wanted).await;
        for region in &mut trail.regions {
            region.error = region.error.take().or_else(|| unknown.clone());
        }
        Ok(trail)
    });
    runtime.shutdown_background();
    result
}

/// The profile's account.
async fn caller(base: &Base, provider: &SharedCredentialsProvider, wanted: &Wanted) -> Result<String, Fault> {
    let config = base.with(provider.clone(), iam_region(&wanted.partition), Tries::Four);
    let answer = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await;
    let account = answer.map_err(|error| fault(&error))?.account;
    account.ok_or_else(|| Fault::Unknown("AWS answered without an account".into()))
}

async fn everywhere(base: &Base, provider: &SharedCredentialsProvider, wanted: &Wanted) -> Trail {
    let at = base.clock.now();
    let until = wanted.until.min(at);
    let mut regions = wanted.regions.clone();
    let iam = iam_region(&wanted.partition).to_owned();
    if !regions.contains(&iam) {
        regions.push(iam.clone());
    }
    let progress = Progress::default();
    let mut asking = JoinSet::new();
    for (place, region) in regions.iter().enumerate() {
        let client = Client::new(&base.with(provider.clone(), region, Tries::One));
        let (from, progress) = (wanted.from, progress.clone());
        let lookup = Lookup { client, from, until, next: Instant::now(), requests: 0, progress };
        let attributes = attributes(wanted, *region == iam);
        asking.spawn(async move { (place, lookup.all(attributes).await) });
    }
    let mut answers = asking.join_all().await;
    answers.sort_by_key(|(place, _)| *place);
    let mut trail = Trail { at, from: wanted.from, until, regions: Vec::new(), events: Vec::new() };
    let mut seen = BTreeSet::new();
    for ((_, answer), region) in answers.into_iter().zip(regions) {
        let fresh: Vec<_> = answer.events.into_iter().filter(|e| seen.insert(e.id.clone())).collect();
        let Answer { error, requests, .. } = answer;
        trail.regions.push(AskedRegion { region, error, calls: fresh.len(), requests });
        trail.events.extend(fresh);
    }
    trail
}

/// CloudTrail takes one attribute for each lookup.
fn attributes(wanted: &Wanted, is_of_iam: bool) -> Vec<(LookupAttributeKey, String)> {
    let keys = wanted.keys.iter().map(|key| (LookupAttributeKey::AccessKeyId, key.clone()));
    let names = wanted.names.iter().map(|name| (LookupAttributeKey::Username, name.clone()));
    let resources = wanted.resources.iter().filter(|_| is_of_iam);
    let resources = resources.map(|name| (LookupAttributeKey::ResourceName, name.clone()));
    keys.chain(names).chain(resources).collect()
}

/// One region being asked.
struct Lookup {
    client: Client,
    from: Timestamp,
    until: Timestamp,
    /// No request before that.
    next: Instant,
    requests: u32,
    progress: Progress,
}

/// What a region told.
struct Answer {
    events: Vec<TrailEvent>,
    error: Option<String>,
    requests: u32,
}

impl Lookup {
    async fn all(mut self, attributes: Vec<(LookupAttributeKey, String)>) -> Answer {
        let mut answer = Answer { events: Vec::new(), error: None, requests: 0 };
        for (key, value) in attributes {
            if let Err(why) = self.pages(&key, &value, &mut answer).await {
                answer.error = Some(why);
                break;
            }
        }
        answer.requests = self.requests;
        answer
    }

    /// Every page of one attribute.
    async fn pages(
        &mut self,
        key: &LookupAttributeKey,
        value: &str,
        answer: &mut Answer,
    ) -> Result<(), String> {
        let mut token: Option<String> = None;
        loop {
            let page = self.page(key, value, token.clone()).await?;
            let events = page.events.unwrap_or_default();
            self.progress.tell(events.len());
            for event in events {
                match read(event) {
                    Some(event) => answer.events.push(event),
                    None => answer.error = Some("one of its events cannot be read".into()),
                }
            }
            match page.next_token {
                None => return Ok(()),
                next if next == token => return Err("it answers with the same page again and again".into()),
                next => token = next,
            }
        }
    }

    /// One page, asked for again where that may help.
    async fn page(
        &mut self,
        key: &LookupAttributeKey,
        value: &str,
        token: Option<String>,
    ) -> Result<LookupEventsOutput, String> {
        let (mut tries, mut pause) = (0, FIRST_PAUSE);
        loop {
            let fault = match self.request(key, value, token.clone()).await? {
                Ok(page) => return Ok(page),
                Err(fault) => fault,
            };
            let most = match fault {
                Fault::Throttled(_) => THROTTLED,
                Fault::Refused(_) => 0,
                Fault::NotSent(_) | Fault::Unknown(_) => UNCLEAR,
            };
            if tries >= most {
                return Err(fault.to_string());
            }
            tries += 1;
            sleep(pause).await;
            pause *= 2;
        }
    }

    async fn request(
        &mut self,
        key: &LookupAttributeKey,
        value: &str,
        token: Option<String>,
    ) -> Result<Result<LookupEventsOutput, Fault>, String> {
        if self.requests >= MOST {
            return Err(format!("it has more than {MOST} pages; ask CloudTrail itself"));
        }
        self.requests += 1;
        sleep_until(self.next).await;
        self.next = Instant::now() + BETWEEN;
        let attribute = LookupAttribute::builder().attribute_key(key.clone()).attribute_value(value).build();
        let attribute = attribute.map_err(|_| "the lookup cannot be written".to_owned())?;
        let request = self.client.lookup_events().lookup_attributes(attribute).max_results(50);
        let request = request
            .start_time(DateTime::from_secs(self.from.as_second()))
            .end_time(DateTime::from_secs(self.until.as_second() + 1))
            .set_next_token(token);
        Ok(request.send().await.map_err(|error| fault(&error)))
    }
}

/// CloudTrail's own record of it; where that cannot be read, what stands beside it.
fn read(event: Event) -> Option<TrailEvent> {
    let whole = event.cloud_trail_event.as_deref().and_then(TrailEvent::parse);
    whole.or_else(|| {
        Some(TrailEvent {
            id: event.event_id?,
            at: Timestamp::from_second(event.event_time?.secs()).ok()?,
            name: event.event_name?,
            source: event.event_source.unwrap_or_default(),
            region: String::new(),
            key: event.access_key_id,
            who: event.username,
            address: None,
            agent: None,
            error: None,
            on: None,
            policy: None,
        })
    })
}

/// How far it is, said once it takes long.
#[derive(Clone)]
struct Progress(Arc<Mutex<Count>>);

struct Count {
    requests: usize,
    calls: usize,
    next_note: Instant,
}

impl Default for Progress {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Count { requests: 0, calls: 0, next_note: Instant::now() + QUIET })))
    }
}

impl Progress {
    fn tell(&self, calls: usize) {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        count.requests += 1;
        count.calls += calls;
        if Instant::now() >= count.next_note {
            count.next_note = Instant::now() + BETWEEN_NOTES;
            let requests = countable(count.requests, "answer", "answers");
            stderr::line(&format!(
                "CloudTrail: {requests}, {} so far; it takes two questions a second",
                countable(count.calls, "call", "calls")
            ));
        }
    }
}
