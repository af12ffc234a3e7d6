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
    let event = event(routing_key.expose(), notice);
    let answer = http.post(url.unwrap_or(&usual), Vec::new(), event.to_string().into_bytes()).await?;
    if answer.status != 202 {
        return Err(Failure::Final(format!("it answered with HTTP status {}, not 202", answer.status)));
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    Ok(Receipt::of("incident", body["dedup_key"].as_str()))
}

fn event(routing_key: &str, notice: &Notice) -> Value {
    let session = notice.session.map_or_else(|| notice.vault.id.clone(), |session| session.to_string());
    let action = match notice.about {
        About::Opening | About::MayBeOpen => "trigger",
        About::NotOpened | About::Closed => "resolve",
    };
    // An incident that somebody has acknowledged pages nobody again.
    let own = if notice.about == About::MayBeOpen { "-may-be-open" } else { "" };
    let details: Value = serde_json::from_slice(&notice.json()).unwrap_or_default();
    json!({
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": format!("breakglass-{session}{own}"),
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
