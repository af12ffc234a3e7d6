//! Vaults with a fault in an alert channel.

use super::*;

pub(super) fn channels() -> Vec<Entry> {
    fails! { "open":
        ("payload_alerts_unlisted", "do not match the manifest",
            "the payload has an alert channel that the manifest does not list", with! {
            sealed: |s| s["alerts"] = json!([slack("https://hooks.example.org/services/T0/B0/EXAMPLE")]) }),
        ("payload_alerts_missing", "do not match the manifest",
            "the manifest lists an alert channel that the payload does not have", with! {
            manifest: |m| m["alerts"] = json!(["oncall"]) }),
        ("payload_alerts_order", "do not match the manifest",
            "the payload and the manifest list the alert channels in different orders", with! {
            credentials: alerts, sealed: |s| s["alerts"].as_array_mut().unwrap().swap(0, 1) }),
        ("payload_alerts_empty", "canonical form",
            "the field `alerts` in the payload is empty; without channels, the field must be left out", with! {
            sealed: |s| s["alerts"] = json!([]) }),
        ("payload_alert_kind", "the sealed payload is not valid",
            "an alert channel has a kind that version 1 does not define", with! {
            credentials: |c| { alerts(c); c["alerts"][2]["kind"] = "pigeon".into(); } }),
        ("payload_alert_unknown_field", "the sealed payload is not valid",
            "a Slack channel has the field `secret`, which only a webhook has", with! {
            credentials: |c| { alerts(c); c["alerts"][2]["secret"] = "whsec_".into(); } }),
        ("payload_alert_unknown_field_sns", "the sealed payload is not valid",
            "an SNS channel has the field `url`, which version 1 does not define for SNS", with! {
            credentials: |c| { alerts(c); c["alerts"][0]["url"] = "https://example.org/".into(); } }),
        ("payload_alert_unknown_field_pagerduty", "the sealed payload is not valid",
            "a PagerDuty channel has the field `secret`, which only a webhook has", with! {
            credentials: |c| { alerts(c); c["alerts"][1]["secret"] = "whsec_".into(); } }),
        ("payload_alert_timeout_slack", "longer than 60s",
            "the timeout of a Slack channel is 61 seconds, longer than the limit of 60", with! {
            credentials: |c| { alerts(c); c["alerts"][2]["timeout"] = "1m1s".into(); } }),
        ("payload_alert_timeout_webhook", "longer than 60s",
            "the timeout of a webhook is 61 seconds, longer than the limit of 60", with! {
            credentials: |c| { alerts(c); c["alerts"][3]["timeout"] = "1m1s".into(); } }),
        ("payload_alert_webhook_url", "its URL is not valid", "the URL of a webhook contains a space", with! {
            credentials: |c| { alerts(c); c["alerts"][3]["url"] = "https://hooks.example.org/a b".into(); } }),
        ("payload_alert_timeout", "longer than 60s",
            "the timeout of an SNS channel is 61 seconds, longer than the limit of 60", with! {
            credentials: |c| { alerts(c); c["alerts"][0]["timeout"] = "1m1s".into(); } }),
        ("payload_alert_topic", "not the ARN of an SNS topic",
            "`topic_arn` is the ARN of a queue instead of a topic", with! {
            credentials: |c| { alerts(c); c["alerts"][0]["topic_arn"] = "arn:aws:sqs:eu-west-1:111122223333:oncall".into(); } }),
        ("payload_alert_fifo", "not the ARN of an SNS topic", "`topic_arn` is the ARN of a FIFO topic", with! {
            credentials: |c| { alerts(c); c["alerts"][0]["topic_arn"] = "arn:aws:sns:eu-west-1:111122223333:oncall.fifo".into(); } }),
        ("payload_alert_routing_key", "routing key", "a routing key has 31 characters instead of 32", with! {
            credentials: |c| { alerts(c); c["alerts"][1]["routing_key"] = "r".repeat(31).into(); } }),
        ("payload_alert_http", "allowed for loopback only",
            "the URL of a channel has the scheme `http`, but its host is another machine", with! {
            credentials: |c| { alerts(c); c["alerts"][2]["url"] = "http://hooks.example.org/services/T0/B0/EXAMPLE".into(); } }),
        ("payload_alert_user", "its URL is not valid", "the URL of a channel contains a user name", with! {
            credentials: |c| { alerts(c); c["alerts"][2]["url"] = "https://user@hooks.example.org/".into(); } }),
        ("payload_alert_host", "its URL is not valid", "the URL of a channel has a port but no host", with! {
            credentials: |c| { alerts(c); c["alerts"][2]["url"] = "https://:443/".into(); } }),
        ("payload_alert_port", "its URL is not valid", "the URL of a channel has the port 65536", with! {
            credentials: |c| { alerts(c); c["alerts"][2]["url"] = "https://hooks.example.org:65536/".into(); } }),
        ("payload_alert_control", "without control characters",
            "the password of a mail channel contains a C1 control character", with! {
            credentials: |c| { alerts(c); c["alerts"][4]["password"] = "EXAMPLE\u{85}password".into(); } }),
        ("payload_alert_secret", "its secret is not", "the secret of a webhook has 23 bytes, one too few", with! {
            credentials: |c| { alerts(c); c["alerts"][3]["secret"] = "whsec_RVhBTVBMRS1FWEFNUExFLUVYQU1QTEU=".into(); } }),
        ("payload_alert_misplaced", "a secret is in its name, which is public",
            "the public name of a channel is its routing key, which is secret", with! {
            credentials: |c| { alerts(c); c["alerts"][1]["name"] = c["alerts"][1]["routing_key"].clone(); } }),
        ("payload_alert_mail_plain", "allowed for loopback only",
            "a mail channel does not use TLS, but its host is another machine", with! {
            credentials: |c| { alerts(c); c["alerts"][4]["tls"] = "none".into(); } }),
        ("payload_alert_mail_address", "not a mail address",
            "a receiver of a mail channel contains two addresses", with! {
            credentials: |c| { alerts(c); c["alerts"][4]["to"] = json!(["a@example.org,b@example.org"]); } }),
        ("payload_alert_mail_login", "the sealed payload is not valid",
            "a mail channel has a password but no user name", with! {
            credentials: |c| { alerts(c); drop(c["alerts"][4].as_object_mut().unwrap().remove("username")); } }),
    }
}
