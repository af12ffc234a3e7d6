//! The rehearsal: performs the main steps of the program on the terminal, with virtual YubiKeys and an emulated AWS.
//!
//! `rehearse PROGRAM` runs the rehearsal. The last line and the exit status show whether the rehearsal passed.

use std::path::PathBuf;
use std::process::ExitCode;

use rig::aws::{Account, Aws, Creds, Probe, python};
use rig::pty::{End, Person};
use rig::site::Site;

/// The operator's command: a Python script that uses boto3 with only the credentials of the window.
const INSIDE: &str = "\
import boto3, sys
name = 'breakglass-rehearsal-' + sys.argv[1]
s3 = boto3.client('s3')
s3.create_bucket(Bucket=name, CreateBucketConfiguration={'LocationConstraint': 'eu-west-1'})
print('boto3 made the bucket', s3.list_buckets()['Buckets'][0]['Name'])
got = boto3.Session().get_credentials().get_frozen_credentials()
open('session', 'w').write('\\n'.join([got.access_key, got.secret_key, got.token]))
";

fn main() -> ExitCode {
    let Some(program) = std::env::args_os().nth(1).map(PathBuf::from).filter(|program| program.exists())
    else {
        eprintln!("usage: rehearse PROGRAM");
        return ExitCode::from(2);
    };
    let program = program.canonicalize().unwrap_or(program);
    // If a step fails, the rehearsal panics and prints the complete transcript.
    if let Ok(summary) = std::panic::catch_unwind(|| rehearse(program)) {
        println!("\nrehearsal passed: {summary}");
        ExitCode::SUCCESS
    } else {
        println!("\nrehearsal FAILED: the failed check and the screen are printed above");
        ExitCode::FAILURE
    }
}

fn rehearse(program: PathBuf) -> String {
    let aws = Aws::start();
    let account = aws.seed("prod");
    let mut site = Site::new(program, &["alice", "bob", "carol"]).with_aws(&aws);

    chapter(1, "Three custodians enrol, each with their YubiKey, without a network.");
    for place in 0..3 {
        let name = site.custodians[place].name.clone();
        say(&format!(
            "breakglass enrol {name} --out {name}.custodian --attestation-root root.pem --allow-other-attestation"
        ));
        let screen = site.enrol(place);
        show(&screen);
    }

    chapter(2, "The credentials are sealed without a network. Any two custodians can open the vault.");
    say(
        "breakglass seal --custodian … --threshold 2 --label prod --allow-other-attestation --out prod.age < credentials.json",
    );
    let mut payload = account.payload(Account::grant(), "4h");
    let drill = account.second_user("drill", "drill-user");
    payload["drill"] = drill.target(serde_json::json!([]), "1h");
    site.seal(&payload, 2);
    say("breakglass inspect prod.age");
    let shown = site.offline(&["inspect", "prod.age"]).output().expect("inspect should run");
    assert!(shown.status.success());
    show(&String::from_utf8_lossy(&shown.stdout));

    chapter(3, "At rest, AWS refuses the emergency key. One custodian alone cannot open the vault.");
    refused(&account, &account.emergency, "the emergency key");
    site.plug("alice");
    let mut person = open(&site, &["--", "true"]);
    site.answer(&mut person, "alice");
    person.expect("1 more needed");
    person.eof();
    ends(&mut person, 3);
    refused(&account, &account.emergency, "the emergency key");

    chapter(
        4,
        "A drill opens and closes access of a user who is allowed only to make the probe. Alice signs the evidence.",
    );
    site.plug("carol");
    say("breakglass drill prod.drill.age --out drill.json");
    let mut person = site.person(&["drill", "prod.drill.age", "--out", "drill.json"]);
    site.quorum(&mut person, 2);
    person.expect("please sign the evidence");
    person.expect("alice: PIN of YubiKey");
    person.type_line(&site.custodian("alice").pin);
    ends(&mut person, 0);
    refused(&account, &account.emergency, "the emergency key");

    chapter(5, "02:17. Alice and carol open the vault for five minutes; bob is asleep.");
    let python = python().display().to_string();
    let mut person = open(&site, &["--", &python, "-c", INSIDE, &account.id]);
    site.quorum(&mut person, 2);
    person.expect("boto3 made the bucket");
    ends(&mut person, 0);

    chapter(6, "After the window, AWS refuses the key and the issued session, and the user is at rest.");
    refused(&account, &account.emergency, "the emergency key");
    refused(&account, &session(&site), "the issued session");
    assert!(account.rest().at_rest(), "the user should be at rest");

    chapter(7, "Audit: the ledger is valid, a quorum signed the request, and the review shows all calls.");
    afterwards(&site, &account);
    "three custodians enrolled, and any two of them can open the vault; one custodian alone could not open it; a \
     drill passed; two custodians opened a window; AWS accepted the emergency key only during the window; the ledger \
     is valid; the session was reviewed"
        .into()
}

/// Makes the checks of an auditor.
fn afterwards(site: &Site, account: &Account) {
    say("breakglass ledger verify --vault prod.age --vault prod.drill.age");
    let vaults = ["ledger", "verify", "--vault", "prod.age", "--vault", "prod.drill.age"];
    let verified = site.command(&vaults).output().expect("ledger verify should run");
    show(&String::from_utf8_lossy(&verified.stdout));
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let records =
        site.command(&["ledger", "show", "--json"]).output().expect("ledger show should run").stdout;
    let records: Vec<serde_json::Value> = String::from_utf8_lossy(&records)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let last =
        records.iter().rfind(|record| record["kind"] == "intent").expect("the ledger should have an intent");
    let session = last["session"].as_str().expect("the intent should have a session");
    say(&format!("breakglass review {session} --vault prod.age --profile audit"));
    std::fs::create_dir_all(site.path(".aws")).expect("the directory should be created");
    std::fs::write(site.path(".aws/credentials"), account.auditor().profile("audit"))
        .expect("the profile should be written");
    let mut review = site.command(&["review", session, "--vault", "prod.age", "--profile", "audit"]);
    for name in ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"] {
        review.env_remove(name);
    }
    let reviewed = review.output().expect("review should run");
    show(&String::from_utf8_lossy(&reviewed.stdout));
    assert!(reviewed.status.success(), "{}", String::from_utf8_lossy(&reviewed.stderr));
    assert!(
        site.path(&format!("review-{session}.1.html")).exists(),
        "the review should have written its page"
    );
}

fn open(site: &Site, work: &[&str]) -> Person {
    say("breakglass open prod.age --for 5m --reason \"INC-1: SSO down\" -- …");
    site.person(&[&["open", "prod.age", "--for", "5m", "--reason", "INC-1: SSO down"], work].concat())
}

fn ends(person: &mut Person, code: i32) {
    let end = person.wait();
    show(&person.story());
    assert_eq!(end, End::Code(code));
    println!("    exit status {code}");
}

fn refused(account: &Account, who: &Creds, what: &str) {
    match account.probe(who) {
        Probe::Refused(code) => println!("    AWS refuses {what}: {code}"),
        other => panic!("AWS should refuse {what}: {other:?}"),
    }
}

/// Returns the AWS session that the operator's command got during the window.
fn session(site: &Site) -> Creds {
    let text =
        std::fs::read_to_string(site.path("session")).expect("the command should have saved its session");
    let mut lines = text.lines().map(str::to_owned);
    let mut next = || lines.next().expect("the file should have three lines");
    Creds { key: next(), secret: next(), token: Some(next()) }
}

fn chapter(number: u8, text: &str) {
    println!("\n{number}. {text}");
}

fn say(command: &str) {
    println!("    $ {command}");
}

fn show(screen: &str) {
    screen.lines().filter(|line| !line.trim().is_empty()).for_each(|line| println!("      {line}"));
}
