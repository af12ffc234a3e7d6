//! Vaults with several values that are the smallest or the largest allowed.

use super::super::{ChallengeToken, Person, SoftToken};
use super::*;

fn target(root: &mut Value) -> &mut Value {
    &mut root["targets"][0]
}

/// Gives alice four PIV tokens and four challenge-response tokens.
fn eight_tokens(people: &mut [Person]) {
    people[0].tokens.extend((20..23).map(SoftToken::new));
    people[0].challenge_tokens.extend((30..34).map(ChallengeToken::new));
    people[1].tokens[0].serial = u32::MAX;
    people[0].tokens[0].serial = 0;
}

/// Sets the smallest value of each field.
fn smallest(credentials: &mut Value) {
    let target = target(credentials);
    for (field, value) in [
        ("name", "p"),
        ("user", "u"),
        ("account", "000000000000"),
        ("partition", "aws-cn"),
        ("max_window", "1s"),
    ] {
        target[field] = value.into();
    }
    target["regions"] = json!(["r"]);
    target["may_outlive"] = json!([]);
    target["grant"] = json!([]);
    target["boundary"] = "arn:aws-cn:iam::000000000000:policy/!".into();
    target["opener"]["access_key_id"] = "A".repeat(16).into();
    mfa(target);
    target["mfa"] =
        json!({"serial_number": "arn:aws-cn:iam::000000000000:mfa/~", "totp_seed": "A".repeat(16)});
    credentials["runbook"] = "".into();
}

/// Sets the largest value of each field.
fn largest(credentials: &mut Value) {
    let target = target(credentials);
    target["partition"] = "aws-us-gov".into();
    target["account"] = "999999999999".into();
    target["max_window"] = "11h59m59s".into();
    target["regions"] = (0..32).map(|n| Value::from(format!("{n:02}-{}", "r".repeat(29)))).collect();
    let arn =
        |kind: &str| Value::from(format!("arn:aws-us-gov:iam::999999999999:{kind}/{}", "a/".repeat(256)));
    target["boundary"] = arn("policy");
    target["mfa"] = json!({"serial_number": arn("mfa"), "totp_seed": "7".repeat(128)});
    target["closer"]["access_key_id"] = "Z".repeat(128).into();
    target["closer"]["secret_access_key"] = "aZ09/+=aZ09/+=aZ09/+=aZ09/+=aZ09/+=aZ09/".into();
}

/// Sets a grant whose summary has 256 entries, a service of 126 characters, and a condition key of 128
/// characters.
fn widest_grant(credentials: &mut Value) {
    let mut actions: Vec<_> = (0..127).flat_map(|n| [format!("s{n}:Get*"), format!("s{n}:Put*")]).collect();
    actions.push(format!("{}:*", "?".repeat(126)));
    let key = format!("{}~", "k".repeat(127));
    target(credentials)["grant"] = json!([
        {"Effect": "Allow", "Action": actions, "Resource": "*"},
        {"Effect": "Allow", "Action": format!("ec2:{}", "R".repeat(124)), "Condition": {"Bool": {key: "true"}, "Null": {"!": 1}}},
        {"Effect": "Deny", "NotAction": "*", "Resource": []},
    ]);
}

pub(super) fn limits() -> Vec<Entry> {
    vec![
        success(
            "eight_tokens",
            "a custodian has four PIV tokens and four challenge-response tokens; the serial numbers include 0 and 2^32 - 1",
            with! { people: eight_tokens },
        ),
        success(
            "smallest_values",
            "names, label and region have one character, and two names differ only in case. The window is one second, the grant is empty, the firmware is 0.0.0, the creation time is on the first possible day, and a token uses the last retired slot",
            with! {
            credentials: smallest,
            manifest: |m| {
                m["created"] = "0001-01-01T00:00:00Z".into();
                m["label"] = " ".into();
                m["custodians"][0]["name"] = "A".into();
                m["custodians"][1]["name"] = "a".into();
                m["custodians"][0]["fingerprint_checked"] = false.into();
                m["custodians"][0]["tokens"][0]["firmware"] = "0.0.0".into();
                m["custodians"][0]["tokens"][0]["signing_slot"] = "95".into();
            } },
        ),
        success(
            "largest_values",
            "a target has 32 regions of 32 characters, and the ARNs and keys have the greatest length. The firmware is 255.255.255, and the creation time is on the last possible day",
            with! {
            credentials: largest,
            manifest: |m| {
                m["created"] = "9998-12-31T23:59:59Z".into();
                m["custodians"][0]["tokens"][0]["firmware"] = "255.255.255".into();
                m["custodians"][0]["tokens"][0]["attestation"] = "yubico".into();
                m["custodians"][1]["tokens"][0]["attestation"] = "other".into();
                m["custodians"][1]["tokens"][0]["signing_slot"] = "8f".into();
            } },
        ),
        success(
            "grant_256",
            "the grant's summary has 256 entries; a service has 126 characters, and an action and a condition key have 128 characters each",
            with! {
            credentials: widest_grant },
        ),
        success(
            "targets_256",
            "the vault has 256 targets, the most allowed, and all targets have the same keys",
            with! { credentials: |c| {
                let mut one = target(c).clone();
                (one["grant"], one["may_outlive"], one["regions"]) = (json!([]), json!([]), json!(["r"]));
                let named = |n| { let mut target = one.clone(); target["name"] = format!("t{n}").into(); target };
                c["targets"] = (0..256).map(named).collect();
                c["runbook"] = "".into();
            } },
        ),
        Entry {
            wanted: "drill",
            ..success(
                "drill_static",
                "the vault is a drill vault of the lane `static` that was created on a leap day",
                with! {
                credentials: |c| { role(target(c)); target(c)["grant"] = json!([]); },
                manifest: |m| {
                    m["drill_of"] = "0".repeat(32).into();
                    m["lane"] = "static".into();
                    m["created"] = "2000-02-29T23:59:59Z".into();
                } },
            )
        },
        Entry {
            wanted: "vault",
            ..success(
                "console_star",
                "the grant allows every action of every service",
                with! {
                credentials: |c| target(c)["grant"] = json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}]),
                manifest: |m| m["targets"][0]["console"] = true.into() },
            )
        },
    ]
}

/// Sets 16 channels with the shortest and longest values and with URLs of every form.
fn widest_channels(credentials: &mut Value) {
    alerts(credentials);
    let channels = credentials["alerts"].as_array_mut().unwrap();
    channels[0]["timeout"] = "1s".into();
    channels[0]["topic_arn"] =
        format!("arn:aws-cn:sns:{}:000000000000:{}", "r".repeat(32), "aZ0-_".repeat(51) + "t").into();
    channels[1]["url"] = "https://events.example.org".into();
    let url = "https://hooks.example.org:65535/?";
    channels[2]["url"] = (url.to_owned() + &"~".repeat(2048 - url.len())).into();
    channels[3]["url"] = "http://[::1]:1#".into();
    channels[3]["secret"] = format!("whsec_{}", "+/".repeat(42) + "Aw==").into();
    channels[4]["host"] = ("h".repeat(251) + ".:").into();
    channels[4]["port"] = 65535.into();
    channels[4]["tls"] = "starttls".into();
    channels[4]["username"] = "é".repeat(127).into();
    channels[4]["password"] = ("é".repeat(127) + "~").into();
    channels[4]["from"] = ("b".repeat(254 - 12) + "@example.org").into();
    channels[4]["to"] = vec![Value::from("!#$%&'*+-/=?^_`{|}~.[]:@a.-:"); 16].into();
    channels[5]["host"] = "::1".into();
    channels[5]["port"] = 1.into();
    let urls = [
        "http://localhost",
        "http://127.0.0.1:00080?",
        "https://[2001:DB8::ffff:1.2.3.4]:443/",
        "https://!$%&'()*+,-.09;=AZ_az~",
        "https://h/!#$%&'()*+,-./09:;=?@AZ[]_az~",
        "https://h?x",
        "https://h#://",
        "https://h:1/a:b@c",
        "https://h/",
    ];
    for (number, url) in urls.iter().enumerate() {
        let mut one = slack(url);
        one["name"] = format!("{number}{}", "._-".repeat(11))[..32].into();
        channels.push(one);
    }
    let mut last = slack("https://h");
    last["timeout"] = "1m".into();
    channels.push(last);
    channels[15]["name"] = "0".into();
}

/// Sets a grant with all forms of numbers, and a runbook with all kinds of characters.
fn every_json(credentials: &mut Value) {
    credentials["runbook"] =
        "\u{0}\u{8}\t\n\u{b}\u{c}\r\u{1f}\"\\/ \u{7f}\u{80}\u{2028}é\u{fb33}\u{1f600}\u{ffff}".into();
    let statement = &mut target(credentials)["grant"][0];
    statement["n"] = json!([
        0,
        -1,
        0.5,
        1e20,
        1e21,
        1e-6,
        1e-7,
        f64::MAX,
        5e-324,
        f64::MIN_POSITIVE,
        9_007_199_254_740_992_u64,
        9_007_199_254_740_994_u64,
        -9_007_199_254_740_994_i64,
        9_223_372_036_854_775_808_u64,
        18_446_744_073_709_552_000_f64,
        333_333_333.333_333_3_f64,
        true,
        false,
        null,
        [],
        {},
        "",
    ]);
    statement[""] = 1.into();
    statement["\u{fb33}"] = json!({"\u{1f600}": 1, "\r": 2, "1": 3, "\u{20ac}": 4, "\u{80}": 5, "\u{f6}": 6});
    statement["\u{1f600}"] = "\u{ff}".into();
    statement["Condition"] = json!({});
}

pub(super) fn channels_and_texts() -> Vec<Entry> {
    vec![
        success(
            "alerts_edges",
            "the vault has 16 channels; their values have the shortest and longest lengths, and their URLs have every form",
            with! { credentials: widest_channels },
        ),
        success(
            "payload_json",
            "the payload has strings with every kind of escape, numbers of every form, and fields sorted by UTF-16",
            with! { credentials: every_json },
        ),
        success(
            "grease_bare",
            "the grease stanza has the type `-grease`, no arguments and no body",
            with! {
            stanzas: |s| s.push(Stanza { tag: "-grease".into(), args: vec![], body: vec![] }) },
        ),
        success(
            "grease_whole_lines",
            "the body of a grease stanza is exactly one full line, so an empty line follows the body",
            with! {
            stanzas: |s| s.push(Stanza { tag: "x-grease".into(), args: vec!["!".into()], body: vec![7; 48] }) },
        ),
    ]
}
