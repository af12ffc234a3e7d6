//! Vaults with one field of an alert channel that does not have the accepted form.

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
        ("payload_url_scheme_capitals", "neither https nor http",
            "the scheme of a URL is `HTTPS`, in capital letters", "url" = "HTTPS://hooks.example.org/"),
        ("payload_url_scheme", "neither https nor http",
            "the scheme of a URL is `ftp`", "url" = "ftp://hooks.example.org/"),
        ("payload_url_no_host", URL, "the URL of a channel has no host", "url" = "https:///services"),
        ("payload_url_password", URL,
            "the URL of a channel contains a user name and a password", "url" = "https://user:password@hooks.example.org/"),
        ("payload_url_loopback_capitals", "allowed for loopback only",
            "the URL of a channel has the scheme `http` and the host `LOCALHOST`, in capital letters",
            "url" = "http://LOCALHOST/"),
        ("payload_url_loopback_other", "allowed for loopback only",
            "the URL of a channel has the scheme `http` and the host `127.0.0.2`", "url" = "http://127.0.0.2/"),
        ("payload_url_loopback_prefix", "allowed for loopback only",
            "the URL of a channel has the scheme `http` and a host whose name only begins with `localhost`",
            "url" = "http://localhost.example.org/"),
        ("payload_url_port_zero", URL, "the URL of a channel has the port 0", "url" = "https://hooks.example.org:0/"),
        ("payload_url_port_empty", URL,
            "the URL of a channel has a colon but no port after it", "url" = "https://hooks.example.org:/"),
        ("payload_url_port_six_digits", URL,
            "the port in the URL of a channel has six digits", "url" = "https://hooks.example.org:000443/"),
        ("payload_url_two_ports", URL,
            "the URL of a channel has two ports", "url" = "https://hooks.example.org:443:443/"),
        ("payload_url_ipv6_bare", URL,
            "the URL of a channel has an IPv6 address without brackets", "url" = "https://2001:db8::1/"),
        ("payload_url_ipv6_empty", URL,
            "the URL of a channel has brackets without an address", "url" = "https://[]/"),
        ("payload_url_ipv6_zone", URL,
            "the URL of a channel has an IPv6 address with a zone", "url" = "https://[fe80::1%25eth0]/"),
        ("payload_url_space", URL, "the URL of a channel contains a space", "url" = "https://hooks.example.org/a b"),
        ("payload_url_quote", URL,
            "the URL of a channel contains a quotation mark", "url" = "https://hooks.example.org/\""),
        ("payload_url_caret", URL,
            "the host in the URL of a channel contains a caret", "url" = "https://hooks^example.org/"),
        ("payload_url_not_ascii", URL,
            "the URL of a channel contains a letter that is not ASCII", "url" = "https://höoks.example.org/"),
        ("payload_url_long", URL,
            "the URL of a channel has 2049 characters, one too many", "url" = format!("https://hooks.example.org/{}", "a".repeat(2049 - 26))),
        ("payload_url_null", "alerts", "the URL of a channel is null", "url" = Value::Null),
    }
}

pub(super) fn topics_and_keys() -> Vec<Entry> {
    const TOPIC: &str = "not the ARN of an SNS topic";
    const SECRET: &str = "its secret is not";
    let mut all = values! { "open" credentials topic;
        ("payload_alert_timeout_zero", "alerts", "the timeout of a channel is 0 seconds", "timeout" = "0s"),
        ("payload_alert_timeout_form", "canonical form",
            "the timeout of a channel is written `60s` instead of `1m`", "timeout" = "60s"),
        ("payload_alert_timeout_null", "canonical form", "the timeout of a channel is null", "timeout" = Value::Null),
        ("payload_topic_empty", TOPIC,
            "the ARN of a topic has no topic name", "topic_arn" = "arn:aws:sns:eu-west-1:111122223333:"),
        ("payload_topic_long", TOPIC,
            "the name of a topic has 257 characters, one too many", "topic_arn" = format!("arn:aws:sns:eu-west-1:111122223333:{}", "t".repeat(257))),
        ("payload_topic_partition", TOPIC,
            "the partition in the ARN of a topic is unknown", "topic_arn" = "arn:aws-moon:sns:eu-west-1:111122223333:oncall"),
        ("payload_topic_account", TOPIC,
            "the account in the ARN of a topic has 11 digits instead of 12", "topic_arn" = "arn:aws:sns:eu-west-1:11112222333:oncall"),
        ("payload_topic_region", TOPIC,
            "the ARN of a topic has no region", "topic_arn" = "arn:aws:sns::111122223333:oncall"),
        ("payload_topic_region_capitals", TOPIC,
            "the region in the ARN of a topic is in capital letters", "topic_arn" = "arn:aws:sns:EU-WEST-1:111122223333:oncall"),
        ("payload_topic_subscription", TOPIC,
            "`topic_arn` is the ARN of a subscription instead of a topic",
            "topic_arn" = "arn:aws:sns:eu-west-1:111122223333:oncall:0a1b"),
    };
    all.extend(values! { "open" credentials pager;
        ("payload_routing_key_long", "routing key",
            "a routing key has 33 characters instead of 32", "routing_key" = "r".repeat(33)),
        ("payload_routing_key_character", "routing key",
            "a routing key contains a dash", "routing_key" = "-".repeat(32)),
        ("payload_pager_url", "allowed for loopback only",
            "the URL of a PagerDuty channel has the scheme `http`, but its host is another machine",
            "url" = "http://events.example.org/"),
    });
    all.extend(values! { "open" credentials webhook;
        ("payload_webhook_secret_long", SECRET,
            "the secret of a webhook has 65 bytes, one too many", "secret" = format!("whsec_{}", "AAAA".repeat(21) + "AAA=")),
        ("payload_webhook_secret_prefix", SECRET,
            "the secret of a webhook does not start with `whsec_`", "secret" = "A".repeat(32)),
        ("payload_webhook_secret_unpadded", SECRET,
            "the Base64 text of a webhook's secret has no padding", "secret" = format!("whsec_{}", "A".repeat(34))),
        ("payload_webhook_secret_trailing_bits", SECRET,
            "the unused bits of the last Base64 character of a webhook's secret are not zero", "secret" = format!("whsec_{}B==", "A".repeat(33))),
        ("payload_webhook_secret_url_alphabet", SECRET,
            "the secret of a webhook is encoded with the alphabet of base64url", "secret" = format!("whsec_{}-_", "A".repeat(30))),
        ("payload_webhook_secret_line_end", SECRET,
            "the secret of a webhook contains a line end", "secret" = format!("whsec_{}\n{}", "A".repeat(16), "A".repeat(16))),
    });
    all.extend(fails! { "open":
        ("payload_topic_key", "access key ID",
            "the id of an SNS channel's access key has 15 characters, one too few", with! {
            credentials: |c| topic(c)["key"]["access_key_id"] = "A".repeat(15).into() }),
        ("payload_topic_key_unknown_field", "unknown field `note`",
            "the access key of an SNS channel has a field that version 1 does not define", with! {
            credentials: |c| topic(c)["key"]["note"] = "x".into() }),
        ("payload_webhook_secret_missing", "missing field `secret`", "a webhook channel has no secret", with! {
            credentials: |c| drop(webhook(c).as_object_mut().unwrap().remove("secret")) }),
        ("payload_alert_kind_missing", "missing field `kind`", "an alert channel has no field `kind`", with! {
            credentials: |c| drop(chat(c).as_object_mut().unwrap().remove("kind")) }),
    });
    all
}

pub(super) fn mails() -> Vec<Entry> {
    const HOST: &str = "its host is not a host name";
    const ADDRESS: &str = "not a mail address";
    const LOGIN: &str = "its user name or password";
    values! { "open" credentials mail;
        ("payload_alert_field_null", "canonical form",
            "the field `url` of a mail channel is null; a mail channel must not have this field",
            "url" = Value::Null),
        ("payload_mail_unknown_field", "unknown field `note`",
            "a mail channel has a field that version 1 does not define", "note" = "x"),
        ("payload_mail_host_empty", HOST, "the host of a mail channel is empty", "host" = ""),
        ("payload_mail_host_long", HOST,
            "the host of a mail channel has 254 characters, one too many", "host" = "h".repeat(254)),
        ("payload_mail_host_brackets", HOST,
            "the host of a mail channel is an address in brackets", "host" = "[2001:db8::1]"),
        ("payload_mail_port_zero", "its port is not", "the port of a mail channel is 0", "port" = 0),
        ("payload_mail_port_wide", "alerts",
            "the port of a mail channel is 65536, one above the limit", "port" = 65536),
        ("payload_mail_tls_unknown", "alerts",
            "the field `tls` of a mail channel has a value that version 1 does not define", "tls" = "optional"),
        ("payload_mail_username_empty", LOGIN, "the user name of a mail channel is empty", "username" = ""),
        ("payload_mail_username_long", LOGIN,
            "the user name of a mail channel has 256 bytes, one too many", "username" = "é".repeat(128)),
        ("payload_mail_password_long", LOGIN,
            "the password of a mail channel has 256 bytes, one too many", "password" = "p".repeat(256)),
        ("payload_mail_password_empty", LOGIN, "the password of a mail channel is empty", "password" = ""),
        ("payload_mail_username_control", LOGIN,
            "the user name of a mail channel contains a line end", "username" = "break\nglass"),
        ("payload_mail_from_missing_at", ADDRESS,
            "the sender of a mail channel has no `@`", "from" = "breakglass.example.org"),
        ("payload_mail_from_no_user", ADDRESS,
            "the sender of a mail channel has nothing before the `@`", "from" = "@example.org"),
        ("payload_mail_from_no_host", ADDRESS,
            "the sender of a mail channel has nothing after the `@`", "from" = "breakglass@"),
        ("payload_mail_from_two_ats", ADDRESS,
            "the sender of a mail channel contains `@` twice", "from" = "break@glass@example.org"),
        ("payload_mail_from_name", ADDRESS,
            "the sender of a mail channel has a name and angle brackets", "from" = "breakglass<breakglass@example.org>"),
        ("payload_mail_from_space", ADDRESS,
            "the sender of a mail channel contains a space", "from" = "break glass@example.org"),
        ("payload_mail_from_host", ADDRESS,
            "the sender of a mail channel has an underscore after the `@`", "from" = "breakglass@mail_1.example.org"),
        ("payload_mail_from_not_ascii", ADDRESS,
            "the sender of a mail channel contains a letter that is not ASCII", "from" = "bréakglass@example.org"),
        ("payload_mail_from_long", ADDRESS,
            "the sender of a mail channel has 255 characters, one too many", "from" = format!("{}@example.org", "b".repeat(255 - 12))),
        ("payload_mail_to_empty", "1 to 16 receivers", "a mail channel has no receiver", "to" = json!([])),
        ("payload_mail_to_seventeen", "1 to 16 receivers",
            "a mail channel has 17 receivers, one too many", "to" = vec![Value::from("a@example.org"); 17]),
    }
}

/// Vaults with a channel that lacks a field, with mail that lacks TLS, or with a secret in a channel's name.
pub(super) fn others() -> Vec<Entry> {
    const EXPOSED: &str = "a secret is in its name, which is public";
    fails! { "open":
        ("payload_mail_password_missing", "missing field `password`",
            "a mail channel has a user name but no password", with! {
            credentials: |c| drop(mail(c).as_object_mut().unwrap().remove("password")) }),
        ("payload_mail_port_missing", "missing field `port`", "a mail channel has no port", with! {
            credentials: |c| drop(mail(c).as_object_mut().unwrap().remove("port")) }),
        ("payload_mail_loopback_other", "allowed for loopback only",
            "a mail channel does not use TLS, and its host is `127.0.0.2`", with! {
            credentials: |c| relay(c)["host"] = "127.0.0.2".into() }),
        ("payload_mail_loopback_capitals", "allowed for loopback only",
            "a mail channel does not use TLS, and its host is `LOCALHOST`, in capital letters", with! {
            credentials: |c| relay(c)["host"] = "LOCALHOST".into() }),
        ("payload_mail_tls_null", "alerts", "the field `tls` of a mail channel is null", with! {
            credentials: |c| relay(c)["tls"] = Value::Null }),
        ("secret_in_channel_name", EXPOSED, "the name of one channel is the routing key of another channel", with! {
            credentials: |c| { let key = pager(c)["routing_key"].clone(); c["alerts"][2]["name"] = key; } }),
        ("secret_in_channel_name_password", EXPOSED,
            "the name of a channel contains the password of a mail channel", with! {
            credentials: |c| { mail(c)["password"] = "swordfish".into(); c["alerts"][5]["name"] = "relay-swordfish".into(); } }),
        ("payload_alert_more", "do not match the manifest",
            "the payload has one alert channel more than the manifest lists", with! {
            credentials: alerts,
            sealed: |s| { let mut again = s["alerts"][2].clone(); again["name"] = "chat2".into(); s["alerts"].as_array_mut().unwrap().push(again); } }),
    }
}
