//! Tests of the credential endpoint with AWS clients and with hostile clients. AWS clients get access only during the
//! window.

use std::fmt::Write as _;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use aws_config::BehaviorVersion;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use rig::aws::{Creds, Probe, python};
use rig::fixture::SealedVault;
use rig::pty::{End, Person, Signal};

use crate::endpoint::{self, Endpoint};
use crate::two_of_two;

/// Opens a window on a machine that has other AWS credentials in every place where an AWS client looks for credentials.
fn open(vault: &SealedVault, window: &str, work: &[&str]) -> Person {
    let home = &vault.site;
    std::fs::create_dir_all(home.path(".aws")).unwrap();
    let lying = "aws_access_key_id = AKIALYINGINWAIT\naws_secret_access_key = other\n";
    std::fs::write(home.path(".aws/credentials"), format!("[default]\n{lying}")).unwrap();
    std::fs::write(home.path(".aws/config"), format!("[default]\nregion = us-west-2\n{lying}")).unwrap();
    let mut command =
        home.command(&[&["open", "prod.age", "--for", window, "--reason", "INC-1"], work].concat());
    for name in ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"] {
        command.env_remove(name);
    }
    command.env("AWS_ACCESS_KEY_ID", "AKIAINHERITED").env("AWS_SECRET_ACCESS_KEY", "inherited");
    command.env("AWS_PROFILE", "default").env("AWS_SESSION_TOKEN", "inherited");
    let mut person = Person::run(command);
    home.quorum(&mut person, 2);
    person
}

/// Returns the session that the endpoint served, from the file `session`. The client saved the key, the secret and the
/// token of its AWS session in the file `session`.
fn captured(vault: &SealedVault) -> Creds {
    let text = std::fs::read_to_string(vault.site.path("session"))
        .expect("the client should have saved its session");
    let mut lines = text.lines().map(str::to_owned);
    let mut next = || lines.next().expect("the file should have three lines: key, secret and token");
    Creds { key: next(), secret: next(), token: Some(next()) }
}

/// A Python client that makes one granted call with the credentials that boto3 finds. The client also saves these
/// credentials.
const BOTO3: &str = "import boto3, sys
where = {'LocationConstraint': 'eu-west-1'}
boto3.client('s3').create_bucket(Bucket=sys.argv[1], CreateBucketConfiguration=where)
got = boto3.Session().get_credentials().get_frozen_credentials()
open('session', 'w').write('\\n'.join([got.access_key, got.secret_key, got.token]))
";

#[test]
fn the_aws_cli_boto3_and_the_rust_sdk_use_the_issued_session_until_the_window_ends() {
    let vault = two_of_two("clients").all_plugged();
    let (python, id) = (python().display().to_string(), &vault.account.id);
    let own = std::env::current_exe().unwrap().display().to_string();
    let script = format!(
        "'{python}' -m awscli s3api create-bucket --bucket cli-{id} \
           --create-bucket-configuration LocationConstraint=eu-west-1 && \
         '{python}' -c \"$BOTO3\" boto3-{id} && \
         '{own}' --ignored --exact --nocapture access::rust_client && echo ALL-WORKED"
    );
    let script = format!("BOTO3=$(cat client.py); {script}");
    std::fs::write(vault.site.path("client.py"), BOTO3).unwrap();
    let mut person = open(&vault, "20m", &["--", "sh", "-c", &script]);
    assert_eq!(person.wait_within(Duration::from_mins(1)), End::Code(0), "{}", person.transcript());
    let said = person.transcript();
    assert!(said.contains("ALL-WORKED"), "{said}");

    let session = captured(&vault);
    assert!(session.key.starts_with("ASIA"), "{}", session.key);
    assert!(said.contains(&format!("RUST {}", session.key)), "{said}");
    let journal = vault.account.journal();
    let s3: Vec<_> = journal.iter().filter(|call| call.service == "s3").collect();
    for bucket in [format!("PUT /cli-{id}"), format!("PUT /boto3-{id}"), "GET /".to_owned()] {
        let call = s3.iter().find(|call| call.action == bucket).unwrap_or_else(|| panic!("{bucket}: {s3:?}"));
        assert_eq!(call.status, Some(200), "{call:?}");
    }
    assert!(s3.iter().all(|call| call.key == session.key), "{s3:?}");

    // Every call of the session has the session's id in the user agent, except the call that this test signs without an
    // SDK.
    let ledger = std::fs::read_to_string(vault.site.path("state/ledger.jsonl")).unwrap();
    let id = &ledger.split("\"session\":\"").nth(1).expect("the ledger should have a session")[..16];
    let traced = format!("app/breakglass-{id}");
    for call in journal.iter().filter(|call| call.action != "GET /") {
        assert!(call.agent.contains(&traced), "{call:?}");
    }

    let refused = vault.account.call(&session, "s3", "list_buckets", serde_json::json!({}));
    assert!(refused.is_err(), "the session should not work after the window: {refused:?}");
    assert!(matches!(vault.account.probe(&session), Probe::Refused(_)));

    let issued = journal
        .iter()
        .find(|call| call.action == "GetSessionToken")
        .expect("a session should have been issued");
    let duration = issued.params["DurationSeconds"]
        .as_str()
        .expect("the call should have a duration")
        .parse::<f64>()
        .unwrap();
    let ended = issued.time + duration;
    let end = end_of_window(&vault);
    assert!(
        (end - 30.0..=end).contains(&ended),
        "the session should end in the last 30 s before T1, but it ends {} s after T1",
        ended - end
    );
}

/// Returns T1 in seconds since 1970, as the ledger records it.
fn end_of_window(vault: &SealedVault) -> f64 {
    let ledger = std::fs::read_to_string(vault.site.path("state/ledger.jsonl")).unwrap();
    let (_, rest) = ledger.rsplit_once("\"until\":\"").unwrap_or_else(|| panic!("{ledger}"));
    let until: jiff::Timestamp = rest[..rest.find('"').unwrap()].parse().unwrap();
    until.duration_since(jiff::Timestamp::UNIX_EPOCH).as_secs_f64()
}

#[test]
#[ignore = "this test is started by another test, during a window"]
fn rust_client() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
        aws_sdk_sns::Client::new(&config)
            .list_topics()
            .send()
            .await
            .expect("the probe should work during the window");
        let found = config
            .credentials_provider()
            .expect("the SDK should have a credentials provider")
            .provide_credentials()
            .await;
        let found = found.expect("the SDK should get credentials");
        println!("RUST {}", found.access_key_id());
        list_buckets(found);
    });
}

/// Calls `s3:ListAllMyBuckets` with a signature that this function computes. The AWS SDK for S3 is not used, because
/// building the SDK would take longer than building all other dependencies.
fn list_buckets(found: aws_credential_types::Credentials) {
    let host = std::env::var("AWS_ENDPOINT_URL").unwrap();
    let host = host.trim_start_matches("http://");
    let region = std::env::var("AWS_REGION").unwrap();
    let token = found.session_token().map(str::to_owned);
    let identity = found.into();
    let with = v4::SigningParams::builder()
        .identity(&identity)
        .region(&region)
        .name("s3")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .unwrap();
    let url = format!("http://{host}/");
    let request =
        SignableRequest::new("GET", &url, [("host", host)].into_iter(), SignableBody::Bytes(b"")).unwrap();
    let (signed, _) = sign(request, &with.into()).unwrap().into_parts();
    let mut head = format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in signed.headers() {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    assert!(
        token.is_some_and(|token| head.contains(&token)),
        "the signed headers should include the session's token"
    );
    let answer = endpoint::exchange(host, &format!("{head}\r\n")).expect("S3 should answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// A client that ignores SIGTERM at the end of the window. Before each action, the client asks the endpoint for
/// credentials. The client prints the result of each action.
const REFRESHING: &str = "import boto3, datetime, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
session = boto3.Session()
got = session.get_credentials()
with open('refreshed', 'w', buffering=1) as out:
    while True:
        began = time.time()
        try:
            got._expiry_time = datetime.datetime.now(datetime.timezone.utc)
            got.get_frozen_credentials()
            session.client('s3').list_buckets()
            went = 'ok'
        except Exception as error:
            went = type(error).__name__
        out.write(f'{began} {time.time()} {went}\\n')
        time.sleep(0.1)
";

#[test]
fn the_endpoint_serves_until_t1_and_not_after() {
    let vault = two_of_two("refresh").all_plugged();
    std::fs::write(vault.site.path("client.py"), REFRESHING).unwrap();
    let python = python().display().to_string();
    let mut person = open(&vault, "20s", &["--", &python, "client.py"]);
    assert_eq!(person.wait_within(Duration::from_mins(1)), End::Code(1), "{}", person.transcript());
    let end = end_of_window(&vault);
    let text = std::fs::read_to_string(vault.site.path("refreshed")).unwrap();
    let rows: Vec<(f64, f64, &str)> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?))
        })
        .collect();
    assert!(rows.iter().filter(|(.., went)| *went == "ok").count() > 5, "{text}");
    for (began, ended, went) in rows {
        assert!(
            ended > end - 0.3 || went == "ok",
            "the client should get access until T1, but was refused {} s before T1: {went}",
            end - ended
        );
        assert!(
            began < end || went != "ok",
            "the client should get no access after T1, but was served {} s after T1",
            began - end
        );
    }
    assert!(
        text.contains("Credential") || text.contains("ClientError"),
        "the client's last action should be refused: {text}"
    );
}

#[test]
fn hostile_clients_get_no_credentials_and_do_not_delay_others() {
    let vault = two_of_two("hostile").all_plugged();
    let mut person = open(&vault, "5m", &["--", "sh", "-c", "env >env.new; mv env.new env; exec sleep 300"]);
    let endpoint = Endpoint::of(&vault, &mut person);
    assert!(endpoint.good().contains("ASIA"), "a client with the token should get credentials");
    let expires = endpoint.good();
    let (_, expires) =
        expires.split_once("\"Expiration\":\"").expect("the answer should contain a time of expiry");
    let expires: jiff::Timestamp = expires[..expires.find('"').unwrap()].parse().unwrap();
    let expires = expires.duration_since(jiff::Timestamp::UNIX_EPOCH).as_secs_f64();
    assert!(expires <= end_of_window(&vault), "the credentials should expire at T1 or earlier");

    // This client runs as another user of this machine, and does not know the endpoint's token.
    let ask = format!(
        "exec 3<>/dev/tcp/{}; printf 'GET / HTTP/1.1\\r\\nHost: x\\r\\nAuthorization: no\\r\\n\\r\\n' >&3; cat <&3",
        endpoint.address.replace(':', "/")
    );
    let other_user = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "bash", "-c", &ask])
        .current_dir("/")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&other_user.stdout);
    assert!(said.starts_with("HTTP/1.1 403") && !said.contains("ASIA"), "{said} {other_user:?}");

    let timed = || {
        let began = Instant::now();
        let answer = endpoint.good();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        began.elapsed()
    };
    // The test compares the median duration of an answer before and during the attack. A fixed limit would not work,
    // because on a busy machine all answers are slow and a few answers are very slow.
    let median = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    let idle = median((0..21).map(|_| timed()).collect());
    let limit = Duration::from_millis(500).max(10 * idle);
    thread::scope(|scope| {
        let attack = endpoint.attacked(scope);
        thread::sleep(Duration::from_millis(500));
        let attacked: Vec<_> = (0..51).map(|_| timed()).collect();
        let worst = attacked.iter().max().copied().unwrap_or_default();
        let slow = attacked.iter().filter(|time| **time >= limit).count();
        let usual = median(attacked);
        assert!(
            usual < limit,
            "the median answer should stay fast, but took {usual:?} during the attack and {idle:?} before it"
        );
        assert!(slow <= 5, "at most 5 of 51 answers should take {limit:?} or more, not {slow}");
        assert!(worst < Duration::from_secs(5), "no answer should take 5 s or more, but one took {worst:?}");
        let began = Instant::now();
        person.send_signal(Signal::SIGTERM);
        assert_eq!(person.wait(), End::Code(143), "{}", person.transcript());
        let took = began.elapsed();
        assert!(took < Duration::from_secs(8), "the close should take less than 8 s, not {took:?}");
        drop(attack);
    });
    assert!(vault.account.rest().at_rest());
    assert!(
        endpoint::exchange(&endpoint.address, "GET / HTTP/1.1\r\n\r\n").is_err(),
        "the endpoint should be closed after the window"
    );
}
