//! Sends alerts to `PagerDuty` with the Events API v2. A session has one incident, which is resolved when access is
//! closed. If access may still be open after a close, the session gets a second incident. A close by a quorum triggers
//! the session's incident again.

use serde_json::{Value, json};

use super::http::Http;
use super::notice::Notice;
use super::receipt::{Failure, Receipt};
use crate::ledger::AlertTopic;
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
            return Err(Failure::Permanent(format!("HTTP status {}, expected 202", answer.status)));
        }
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        receipt = Receipt::with_id("incident", body["dedup_key"].as_str());
    }
    Ok(receipt)
}

/// Returns the event actions to send to `PagerDuty`, each with the deduplication key of its incident. If access may
/// still be open, the action triggers a second incident, because `PagerDuty` does not page again for an acknowledged
/// incident. A close resolves both incidents.
fn incidents(notice: &Notice) -> Vec<(&'static str, String)> {
    let id = notice.session.map_or_else(|| notice.vault.id.clone(), |session| session.to_string());
    let opening = format!("breakglass-{id}");
    let may_be_open = format!("{opening}-may-be-open");
    match notice.topic {
        AlertTopic::Opening | AlertTopic::Closing => vec![("trigger", opening)],
        AlertTopic::MayBeOpen => vec![("trigger", may_be_open)],
        AlertTopic::NotOpened => vec![("resolve", opening)],
        AlertTopic::Closed => vec![("resolve", may_be_open), ("resolve", opening)],
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
