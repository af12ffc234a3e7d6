//! `PagerDuty`'s Events API v2: an incident for each session, resolved when its access is shut.

use serde_json::{Value, json};

use super::http::Http;
use super::{Failure, Notice, Receipt};
use crate::ledger::About;
use crate::secret::SecretText;

const EVENTS: &str = "https://events.pagerduty.com/v2/enqueue";

pub(super) async fn enqueue(
    http: &Http,
    routing_key: &SecretText,
    url: Option<&SecretText>,
    notice: &Notice,
) -> Result<Receipt, Failure> {
    let usual = SecretText::copy_of(EVENTS);
    let mut receipt = Receipt::default();
    for (action, incident) in incidents(notice) {
        let event = event(routing_key.expose(), notice, action, &incident);
        let answer = http.post(url.unwrap_or(&usual), Vec::new(), event.to_string().into_bytes()).await?;
        if answer.status != 202 {
            return Err(Failure::Final(format!("it answered with HTTP status {}, not 202", answer.status)));
        }
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        receipt = Receipt::of("incident", body["dedup_key"].as_str());
    }
    Ok(receipt)
}

/// What is done to which incidents. That access may be open has one of its own, for one that somebody has acknowledged
/// pages nobody again; when it is shut, both are over.
fn incidents(notice: &Notice) -> Vec<(&'static str, String)> {
    let of = notice.session.map_or_else(|| notice.vault.id.clone(), |session| session.to_string());
    let opening = format!("breakglass-{of}");
    let may_be_open = format!("{opening}-may-be-open");
    match notice.about {
        About::Opening => vec![("trigger", opening)],
        About::MayBeOpen => vec![("trigger", may_be_open)],
        About::NotOpened => vec![("resolve", opening)],
        About::Closed => vec![("resolve", may_be_open), ("resolve", opening)],
    }
}

fn event(routing_key: &str, notice: &Notice, action: &str, incident: &str) -> Value {
    let details: Value = serde_json::from_slice(&notice.json()).unwrap_or_default();
    json!({
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": incident,
        "payload": {
            "summary": notice.subject(),
            "source": notice.host,
            "severity": if notice.is_critical() { "critical" } else { "info" },
            "timestamp": notice.at.to_string(),
            "component": notice.target.name,
            "custom_details": details,
        },
    })
}
