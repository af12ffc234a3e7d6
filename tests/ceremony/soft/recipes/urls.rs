//! Values of alert channels outside their accepted form, one field each.

use super::*;

fn channel(credentials: &mut Value, place: usize) -> &mut Value {
    alerts(credentials);
    &mut credentials["alerts"][place]
}

fn topic(credentials: &mut Value) -> &mut Value {
    channel(credentials, 0)
}

fn pager(credentials: &mut Value) -> &mut Value {
    channel(credentials, 1)
}

fn chat(credentials: &mut Value) -> &mut Value {
    channel(credentials, 2)
}

fn webhook(credentials: &mut Value) -> &mut Value {
    channel(credentials, 3)
}

fn mail(credentials: &mut Value) -> &mut Value {
    channel(credentials, 4)
}

fn relay(credentials: &mut Value) -> &mut Value {
    channel(credentials, 5)
}

pub(super) fn urls() -> Vec<Entry> {
    const URL: &str = "its URL is not valid";
    values! { "open" credentials chat;
        ("payload_url_scheme_capitals", "neither https nor http", "HTTPS in capitals", "url" = "HTTPS://hooks.example.org/"),
        ("payload_url_scheme", "neither https nor http", "another scheme", "url" = "ftp://hooks.example.org/"),
        ("payload_url_no_host", URL, "a URL without a host", "url" = "https:///services"),
        ("payload_url_password", URL, "a user's name and password in a URL", "url" = "https://user:password@hooks.example.org/"),
        ("payload_url_loopback_capitals", "allowed for loopback only", "http to LOCALHOST, in capitals", "url" = "http://LOCALHOST/"),
        ("payload_url_loopback_other", "allowed for loopback only", "http to 127.0.0.2", "url" = "http://127.0.0.2/"),
        ("payload_url_loopback_prefix", "allowed for loopback only", "http to a host whose name begins with localhost", "url" = "http://localhost.example.org/"),
        ("payload_url_port_zero", URL, "port 0", "url" = "https://hooks.example.org:0/"),
        ("payload_url_port_empty", URL, "a colon without a port", "url" = "https://hooks.example.org:/"),
        ("payload_url_port_six_digits", URL, "a port of six digits", "url" = "https://hooks.example.org:000443/"),
        ("payload_url_two_ports", URL, "two ports", "url" = "https://hooks.example.org:443:443/"),
        ("payload_url_ipv6_bare", URL, "an IPv6 address without brackets", "url" = "https://2001:db8::1/"),
        ("payload_url_ipv6_empty", URL, "brackets without an address", "url" = "https://[]/"),
        ("payload_url_ipv6_zone", URL, "an IPv6 address with a zone", "url" = "https://[fe80::1%25eth0]/"),
        ("payload_url_space", URL, "a space in a URL", "url" = "https://hooks.example.org/a b"),
        ("payload_url_quote", URL, "a quotation mark in a URL", "url" = "https://hooks.example.org/\""),
        ("payload_url_caret", URL, "a caret in the host of a URL", "url" = "https://hooks^example.org/"),
        ("payload_url_not_ascii", URL, "a letter that is not ASCII in a URL", "url" = "https://höoks.example.org/"),
        ("payload_url_long", URL, "a URL of 2049 characters", "url" = format!("https://hooks.example.org/{}", "a".repeat(2049 - 26))),
        ("payload_url_null", "alerts", "a URL of null", "url" = Value::Null),
    }
}

pub(super) fn topics_and_keys() -> Vec<Entry> {
    const TOPIC: &str = "not the ARN of an SNS topic";
    const SECRET: &str = "its secret is not";
    let mut all = values! { "open" credentials topic;
        ("payload_alert_timeout_zero", "alerts", "a timeout of 0 seconds", "timeout" = "0s"),
        ("payload_alert_timeout_form", "canonical form", "60s for 1m", "timeout" = "60s"),
        ("payload_alert_timeout_null", "canonical form", "a timeout of null", "timeout" = Value::Null),
        ("payload_topic_empty", TOPIC, "a topic without a name", "topic_arn" = "arn:aws:sns:eu-west-1:111122223333:"),
        ("payload_topic_long", TOPIC, "a topic's name of 257 characters", "topic_arn" = format!("arn:aws:sns:eu-west-1:111122223333:{}", "t".repeat(257))),
        ("payload_topic_partition", TOPIC, "a topic of an unknown partition", "topic_arn" = "arn:aws-moon:sns:eu-west-1:111122223333:oncall"),
        ("payload_topic_account", TOPIC, "a topic of an account of 11 digits", "topic_arn" = "arn:aws:sns:eu-west-1:11112222333:oncall"),
        ("payload_topic_region", TOPIC, "a topic without a region", "topic_arn" = "arn:aws:sns::111122223333:oncall"),
        ("payload_topic_region_capitals", TOPIC, "a topic's region in capitals", "topic_arn" = "arn:aws:sns:EU-WEST-1:111122223333:oncall"),
        ("payload_topic_subscription", TOPIC, "a subscription where a topic belongs", "topic_arn" = "arn:aws:sns:eu-west-1:111122223333:oncall:0a1b"),
    };
    all.extend(values! { "open" credentials pager;
        ("payload_routing_key_long", "routing key", "a routing key of 33 characters", "routing_key" = "r".repeat(33)),
        ("payload_routing_key_character", "routing key", "a dash in a routing key", "routing_key" = "-".repeat(32)),
        ("payload_pager_url", "allowed for loopback only", "http to another machine for a pager", "url" = "http://events.example.org/"),
    });
    all.extend(values! { "open" credentials webhook;
        ("payload_webhook_secret_long", SECRET, "a webhook's secret of 65 bytes", "secret" = format!("whsec_{}", "AAAA".repeat(21) + "AAA=")),
        ("payload_webhook_secret_prefix", SECRET, "a webhook's secret without whsec_", "secret" = "A".repeat(32)),
        ("payload_webhook_secret_unpadded", SECRET, "a webhook's secret without padding", "secret" = format!("whsec_{}", "A".repeat(34))),
        ("payload_webhook_secret_trailing_bits", SECRET, "a bit in a webhook's secret that its last character does not need", "secret" = format!("whsec_{}B==", "A".repeat(33))),
        ("payload_webhook_secret_url_alphabet", SECRET, "a webhook's secret in the alphabet of base64url", "secret" = format!("whsec_{}-_", "A".repeat(30))),
        ("payload_webhook_secret_line_end", SECRET, "a line end in a webhook's secret", "secret" = format!("whsec_{}\n{}", "A".repeat(16), "A".repeat(16))),
    });
    all.extend(fails! { "open":
        ("payload_topic_key", "access key ID", "an SNS key whose id has 15 characters", with! {
            credentials: |c| topic(c)["key"]["access_key_id"] = "A".repeat(15).into() }),
        ("payload_topic_key_unknown_field", "unknown field `note`", "a field of an SNS key that version 1 does not have", with! {
            credentials: |c| topic(c)["key"]["note"] = "x".into() }),
        ("payload_webhook_secret_missing", "missing field `secret`", "a webhook without a secret", with! {
            credentials: |c| drop(webhook(c).as_object_mut().unwrap().remove("secret")) }),
        ("payload_alert_kind_missing", "missing field `kind`", "an alert channel without a kind", with! {
            credentials: |c| drop(chat(c).as_object_mut().unwrap().remove("kind")) }),
    });
    all
}

pub(super) fn mails() -> Vec<Entry> {
    const HOST: &str = "its host is not a host name";
    const ADDRESS: &str = "not a mail address";
    const LOGIN: &str = "its user name or password";
    values! { "open" credentials mail;
        ("payload_alert_field_null", "canonical form", "a null in a field of another kind", "url" = Value::Null),
        ("payload_mail_unknown_field", "unknown field `note`", "a field of a channel that version 1 does not have", "note" = "x"),
        ("payload_mail_host_empty", HOST, "a mail server without a name", "host" = ""),
        ("payload_mail_host_long", HOST, "a mail server's name of 254 characters", "host" = "h".repeat(254)),
        ("payload_mail_host_brackets", HOST, "brackets around the address of a mail server", "host" = "[2001:db8::1]"),
        ("payload_mail_port_zero", "its port is not", "port 0 of a mail server", "port" = 0),
        ("payload_mail_port_wide", "alerts", "port 65536 of a mail server", "port" = 65536),
        ("payload_mail_tls_unknown", "alerts", "a kind of TLS that version 1 does not have", "tls" = "optional"),
        ("payload_mail_username_empty", LOGIN, "an empty user name", "username" = ""),
        ("payload_mail_username_long", LOGIN, "a user name of 256 bytes", "username" = "é".repeat(128)),
        ("payload_mail_password_long", LOGIN, "a password of 256 bytes", "password" = "p".repeat(256)),
        ("payload_mail_password_empty", LOGIN, "an empty password", "password" = ""),
        ("payload_mail_username_control", LOGIN, "a line end in a user name", "username" = "break\nglass"),
        ("payload_mail_from_missing_at", ADDRESS, "a sender without @", "from" = "breakglass.example.org"),
        ("payload_mail_from_no_user", ADDRESS, "a sender with nothing before its @", "from" = "@example.org"),
        ("payload_mail_from_no_host", ADDRESS, "a sender with nothing after its @", "from" = "breakglass@"),
        ("payload_mail_from_two_ats", ADDRESS, "a sender with two @", "from" = "break@glass@example.org"),
        ("payload_mail_from_name", ADDRESS, "a sender with a name and angle brackets", "from" = "breakglass<breakglass@example.org>"),
        ("payload_mail_from_space", ADDRESS, "a space in a sender", "from" = "break glass@example.org"),
        ("payload_mail_from_host", ADDRESS, "an underscore after the @ of a sender", "from" = "breakglass@mail_1.example.org"),
        ("payload_mail_from_not_ascii", ADDRESS, "a letter that is not ASCII in a sender", "from" = "bréakglass@example.org"),
        ("payload_mail_from_long", ADDRESS, "a sender of 255 characters", "from" = format!("{}@example.org", "b".repeat(255 - 12))),
        ("payload_mail_to_empty", "1 to 16 receivers", "no receiver", "to" = json!([])),
        ("payload_mail_to_seventeen", "1 to 16 receivers", "17 receivers", "to" = vec![Value::from("a@example.org"); 17]),
    }
}

/// A channel without one of its fields, mail without TLS, and secrets in names.
pub(super) fn others() -> Vec<Entry> {
    const EXPOSED: &str = "a secret is in its name, which is public";
    fails! { "open":
        ("payload_mail_password_missing", "missing field `password`", "a user name without a password", with! {
            credentials: |c| drop(mail(c).as_object_mut().unwrap().remove("password")) }),
        ("payload_mail_port_missing", "missing field `port`", "a mail server without a port", with! {
            credentials: |c| drop(mail(c).as_object_mut().unwrap().remove("port")) }),
        ("payload_mail_loopback_other", "allowed for loopback only", "mail without TLS to 127.0.0.2", with! {
            credentials: |c| relay(c)["host"] = "127.0.0.2".into() }),
        ("payload_mail_loopback_capitals", "allowed for loopback only", "mail without TLS to LOCALHOST, in capitals", with! {
            credentials: |c| relay(c)["host"] = "LOCALHOST".into() }),
        ("payload_mail_tls_null", "alerts", "tls of null", with! {
            credentials: |c| relay(c)["tls"] = Value::Null }),
        ("secret_in_channel_name", EXPOSED, "the routing key of a channel in the name of another", with! {
            credentials: |c| { let key = pager(c)["routing_key"].clone(); c["alerts"][2]["name"] = key; } }),
        ("secret_in_channel_name_password", EXPOSED, "a mail server's password in the name of a channel", with! {
            credentials: |c| { mail(c)["password"] = "swordfish".into(); c["alerts"][5]["name"] = "relay-swordfish".into(); } }),
        ("payload_alert_more", "do not match the manifest", "a channel more than in the manifest", with! {
            credentials: alerts,
            sealed: |s| { let mut again = s["alerts"][2].clone(); again["name"] = "chat2".into(); s["alerts"].as_array_mut().unwrap().push(again); } }),
    }
}
