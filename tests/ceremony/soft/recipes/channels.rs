//! Errors in alert channels.

use super::*;

pub(super) fn channels() -> Vec<Entry> {
    fails! { "open":
        ("payload_alerts_unlisted", "do not match the manifest", "an alert channel that the manifest does not mention", with! {
            sealed: |s| s["alerts"] = json!([slack("https://hooks.example.org/services/T0/B0/EXAMPLE")]) }),
        ("payload_alerts_missing", "do not match the manifest", "an alert channel in the manifest alone", with! {
            manifest: |m| m["alerts"] = json!(["oncall"]) }),
        ("payload_alerts_order", "do not match the manifest", "alert channels in another order than the manifest's", with! {
            credentials: alerts, sealed: |s| s["alerts"].as_array_mut().unwrap().swap(0, 1) }),
        ("payload_alerts_empty", "canonical form", "alerts without a channel: they are left out where there are none", with! {
            sealed: |s| s["alerts"] = json!([]) }),
        ("payload_alert_kind", "the sealed payload is not valid", "a kind of channel that version 1 does not have", with! {
            credentials: |c| { alerts(c); c["alerts"][2]["kind"] = "pigeon".into(); } }),
        ("payload_alert_unknown_field", "the sealed payload is not valid", "a webhook's secret in a Slack channel", with! {
            credentials: |c| { alerts(c); c["alerts"][2]["secret"] = "whsec_".into(); } }),
        ("payload_alert_unknown_field_sns", "the sealed payload is not valid", "a URL in an SNS channel", with! {
            credentials: |c| { alerts(c); c["alerts"][0]["url"] = "https://example.org/".into(); } }),
        ("payload_alert_unknown_field_pagerduty", "the sealed payload is not valid", "a secret in a PagerDuty channel", with! {
            credentials: |c| { alerts(c); c["alerts"][1]["secret"] = "whsec_".into(); } }),
        ("payload_alert_timeout_slack", "longer than 60s", "a Slack channel with a timeout of 61 seconds", with! {
            credentials: |c| { alerts(c); c["alerts"][2]["timeout"] = "1m1s".into(); } }),
        ("payload_alert_timeout_webhook", "longer than 60s", "a webhook with a timeout of 61 seconds", with! {
            credentials: |c| { alerts(c); c["alerts"][3]["timeout"] = "1m1s".into(); } }),
        ("payload_alert_webhook_url", "its URL is not valid", "a space in the URL of a webhook", with! {
            credentials: |c| { alerts(c); c["alerts"][3]["url"] = "https://hooks.example.org/a b".into(); } }),
        ("payload_alert_timeout", "longer than 60s", "a channel that may take 61 seconds", with! {
            credentials: |c| { alerts(c); c["alerts"][0]["timeout"] = "1m1s".into(); } }),
        ("payload_alert_topic", "not the ARN of an SNS topic", "a queue where a topic belongs", with! {
            credentials: |c| { alerts(c); c["alerts"][0]["topic_arn"] = "arn:aws:sqs:eu-west-1:111122223333:oncall".into(); } }),
        ("payload_alert_fifo", "not the ARN of an SNS topic", "a topic whose messages are ordered in groups", with! {
            credentials: |c| { alerts(c); c["alerts"][0]["topic_arn"] = "arn:aws:sns:eu-west-1:111122223333:oncall.fifo".into(); } }),
        ("payload_alert_routing_key", "routing key", "a routing key of 31 characters", with! {
            credentials: |c| { alerts(c); c["alerts"][1]["routing_key"] = "r".repeat(31).into(); } }),
        ("payload_alert_http", "allowed for loopback only", "a webhook without TLS on another machine", with! {
            credentials: |c| { alerts(c); c["alerts"][2]["url"] = "http://hooks.example.org/services/T0/B0/EXAMPLE".into(); } }),
        ("payload_alert_user", "its URL is not valid", "a user's name in a URL", with! {
            credentials: |c| { alerts(c); c["alerts"][2]["url"] = "https://user@hooks.example.org/".into(); } }),
        ("payload_alert_host", "its URL is not valid", "a URL with a port and no host", with! {
            credentials: |c| { alerts(c); c["alerts"][2]["url"] = "https://:443/".into(); } }),
        ("payload_alert_port", "its URL is not valid", "port 65536 in a URL", with! {
            credentials: |c| { alerts(c); c["alerts"][2]["url"] = "https://hooks.example.org:65536/".into(); } }),
        ("payload_alert_control", "without control characters", "a C1 control character in a password", with! {
            credentials: |c| { alerts(c); c["alerts"][4]["password"] = "EXAMPLE\u{85}password".into(); } }),
        ("payload_alert_secret", "its secret is not", "a webhook's secret of 23 bytes", with! {
            credentials: |c| { alerts(c); c["alerts"][3]["secret"] = "whsec_RVhBTVBMRS1FWEFNUExFLUVYQU1QTEU=".into(); } }),
        ("payload_alert_misplaced", "a secret is in its name, which is public", "a routing key as a channel's name", with! {
            credentials: |c| { alerts(c); c["alerts"][1]["name"] = c["alerts"][1]["routing_key"].clone(); } }),
        ("payload_alert_mail_plain", "allowed for loopback only", "mail without TLS to another machine", with! {
            credentials: |c| { alerts(c); c["alerts"][4]["tls"] = "none".into(); } }),
        ("payload_alert_mail_address", "not a mail address", "two receivers in one", with! {
            credentials: |c| { alerts(c); c["alerts"][4]["to"] = json!(["a@example.org,b@example.org"]); } }),
        ("payload_alert_mail_login", "the sealed payload is not valid", "a password without a name", with! {
            credentials: |c| { alerts(c); drop(c["alerts"][4].as_object_mut().unwrap().remove("username")); } }),
    }
}
