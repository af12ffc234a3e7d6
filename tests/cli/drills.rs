//! Tests of drills: the drill vault that `seal` writes, openings with injected failures, and the signed result.

use std::time::Duration;

use base64::Engine as _;

use rig::aws::{Account, Aws, Probe};
use rig::fixture::SealedVault;
use rig::pty::{End, Person};
use rig::receiver::Receiver;
use serde_json::{Value, json};

use crate::{two_of_three, two_of_two};

/// A vault and its drill vault. The two vaults open different users of the same account.
struct Exercise {
    vault: SealedVault,
    drill: Account,
}

impl Exercise {
    fn new(name: &str) -> Self {
        let mut drill = None;
        let fixture = two_of_three(name)
            .payload(|real| payload(real, drill.insert(real.second_user("drill", "drill-user"))));
        Self {
            vault: fixture.plugged(&["alice", "bob"]),
            drill: drill.expect("the payload should have a drill"),
        }
    }

    fn drill(&self, more: &[&str]) -> Person {
        self.vault.site.person(&[&["drill", "prod.drill.age", "--wait", "20s"], more].concat())
    }

    /// Types the PIN of the custodian who signs the result of the drill. The rig touches the token automatically.
    fn sign(&self, person: &mut Person, name: &str) {
        person.expect(&format!("{name}: please sign"));
        person.expect(&format!("{name}: PIN of YubiKey"));
        person.type_line(&self.vault.site.custodian(name).pin);
    }

    /// Returns the statement in the evidence file. Checks that the ledger has the envelope of the evidence file.
    fn evidence(&self) -> Value {
        let mut files = std::fs::read_dir(self.vault.site.dir.path()).unwrap().flatten();
        let file = files
            .find(|file| file.file_name().to_string_lossy().starts_with("drill-"))
            .expect("the drill should have written the evidence");
        let envelope: Value = serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap();
        assert_eq!(envelope["payloadType"], "application/vnd.breakglass.drill.v1+json");
        let record =
            self.vault.site.records_of("drill").pop().expect("the ledger should have a record of the drill");
        assert_eq!(record["envelope"], envelope, "the ledger should have the envelope of the evidence file");
        let payload = base64::prelude::BASE64_STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
        serde_json::from_slice::<Value>(&payload).unwrap()["predicate"].take()
    }

    fn all_at_rest(&self) -> bool {
        let closed = |account: &Account| {
            account.rest().at_rest() && matches!(account.probe(&account.emergency), Probe::Refused(_))
        };
        closed(&self.vault.account) && closed(&self.drill)
    }
}

fn payload(real: &Account, drill: &Account) -> Value {
    let mut payload = real.payload(Account::grant(), "4h");
    payload["drill"] = drill.target(Value::Array(Vec::new()), "1h");
    payload
}

#[test]
fn a_drill_opens_and_closes_without_real_credentials() {
    let exercise = Exercise::new("drill");
    let before = exercise.vault.account.journal().len();
    let mut person = exercise.drill(&[]);
    person.expect("a drill, session");
    exercise.vault.site.quorum(&mut person, 2);
    person.expect("gate: open");
    exercise.sign(&mut person, "alice");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let said = person.transcript();
    assert!(said.contains("drill       passed: it opens, and is proven closed"), "{said}");
    assert!(exercise.all_at_rest());
    let evidence = exercise.evidence();
    assert_eq!(
        (&evidence["passed"], &evidence["opened"], &evidence["closed"]),
        (&true.into(), &true.into(), &true.into())
    );
    assert_eq!((&evidence["custodian"], &evidence["exit"]), (&"alice".into(), &0.into()));
    assert_eq!(evidence["custodians"], serde_json::json!(["alice", "bob"]));
    let inspected = exercise.vault.site.command(&["inspect", "--json", "prod.age"]).output().unwrap();
    let inspected: Value = serde_json::from_slice(&inspected.stdout).unwrap();
    assert_eq!(
        evidence["drill_of"], inspected["vault_id"],
        "the evidence should name the vault to which the drill vault belongs"
    );
    assert_ne!(evidence["vault_id"], inspected["vault_id"]);
    let real = &exercise.vault.account;
    let keys = [&real.emergency.key, &real.opener.key, &real.closer.key];
    let calls = exercise.vault.account.journal();
    assert!(calls.len() > before, "the control: the drill's calls should be recorded");
    let used = calls[before..].iter().filter(|call| keys.contains(&&call.key)).count();
    // The test makes up to two probes with the emergency key, so up to two calls with the vault's keys are allowed.
    assert!(
        used <= 2 && exercise.vault.account.rest().gate.is_none(),
        "the drill should not use the vault's credentials: {calls:?}"
    );
    let alerts = exercise.vault.site.records_of("alert").len();
    assert_eq!(alerts, 2, "one alert should be sent before the drill, and one after it");
    let notices = Receiver::shared().got();
    let session = evidence["session"].as_str().unwrap();
    let mut notices = notices.iter().filter(|got| got.json["session"] == session);
    assert!(notices.all(|got| got.json["subject"].as_str().unwrap().starts_with("[DRILL] ")));
    let status = exercise.vault.site.command(&["status", "prod.age", "--json"]).output().unwrap();
    // The vault was never opened, and `status` did not read IAM, so the state of the vault's user is unknown.
    assert_eq!(status.status.code(), Some(1));
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(
        (&status["targets"][0]["state"], &status["readiness"]["overdue"]),
        (&"unknown".into(), &json!([]))
    );
    assert_eq!(
        (&status["readiness"]["last_drill"]["complete"], &status["readiness"]["spent"]),
        (&true.into(), &Value::Null)
    );
    assert!(
        status["readiness"]["custodians"][1]["last_used"].is_string(),
        "the status should show when bob last used his token and words: {status}"
    );
    // A drill does not spend credentials, so the drill can be repeated.
    let mut person = exercise.drill(&["--", "true"]);
    exercise.vault.site.quorum(&mut person, 2);
    exercise.sign(&mut person, "alice");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    let mut person = exercise.vault.open("5m").run(&["true"]).by_quorum();
    assert_eq!(
        person.wait(),
        End::Code(0),
        "the vault's credentials should not be spent: {}",
        person.transcript()
    );
}

#[test]
fn after_each_injected_failure_of_a_drill_access_is_closed() {
    let exercise = Exercise::new("drill-failures");
    let mut person = exercise.drill(&["--inject", "iam-down"]);
    exercise.vault.site.quorum(&mut person, 2);
    person.expect("control plane does not answer");
    exercise.sign(&mut person, "alice");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(person.transcript().contains("is refused, and nothing is enabled"), "{}", person.transcript());
    assert!(exercise.all_at_rest());
    let evidence = exercise.evidence();
    assert_eq!(
        (&evidence["passed"], &evidence["opened"], &evidence["exit"]),
        (&true.into(), &false.into(), &5.into())
    );
    assert_eq!(evidence["injected"], serde_json::json!(["iam-down"]));

    let mut person = exercise.drill(&["--inject", "cut-at-close", "--out", "cut.json"]);
    exercise.vault.site.quorum(&mut person, 2);
    person.expect("drill: the network is cut for 15 s");
    let open = exercise.drill.rest();
    assert!(!open.denied, "access should stay open while AWS does not answer");
    person.expect_within(Duration::from_mins(1), "please sign");
    assert!(exercise.all_at_rest(), "access should be closed as soon as AWS answers");
    person.expect("alice: PIN of YubiKey");
    person.type_line(&exercise.vault.site.custodian("alice").pin);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
}

#[test]
fn a_drill_does_not_ask_absent_custodians_and_two_absent_custodians_leave_no_quorum() {
    let exercise = Exercise::new("drill-absent");
    exercise.vault.site.plug("carol");
    let mut person = exercise.drill(&["--inject", "absent=alice"]);
    for name in ["bob", "carol"] {
        exercise.vault.site.answer(&mut person, name);
    }
    // Alice is absent because of `--inject`, so the program does not ask her. If a custodian declines to sign, the
    // program asks the next custodian.
    person.expect("bob: PIN of YubiKey");
    person.type_line("");
    exercise.sign(&mut person, "carol");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(!person.transcript().contains("alice: "), "{}", person.transcript());
    let mut person =
        exercise.drill(&["--inject", "absent=alice", "--inject", "absent=bob", "--out", "two.json"]);
    exercise.sign(&mut person, "carol");
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(person.transcript().contains("finds no quorum"), "{}", person.transcript());
    assert!(exercise.all_at_rest());
}

#[test]
fn a_failed_drill_is_recorded_as_failed() {
    let exercise = Exercise::new("drill-drift");
    exercise.drill.drift(rig::aws::Drift::Group);
    let mut person = exercise.drill(&[]);
    exercise.vault.site.quorum(&mut person, 2);
    exercise.sign(&mut person, "alice");
    assert_eq!(person.wait(), End::Code(5), "{}", person.transcript());
    assert!(person.transcript().contains("drill       FAILED"), "{}", person.transcript());
    assert_eq!(exercise.evidence()["passed"], false);
}

#[test]
fn the_custodian_who_signs_a_drill_sees_the_result() {
    let exercise = Exercise::new("drill-seen");
    for (drift, verdict) in [(None, "which passed"), (Some(rig::aws::Drift::Group), "which FAILED")] {
        if let Some(drift) = drift {
            exercise.drill.drift(drift);
        }
        let mut person = exercise.drill(&[]);
        exercise.vault.site.quorum(&mut person, 2);
        person.expect(&format!("please sign the evidence of this drill, {verdict}"));
        person.expect("alice: PIN of YubiKey");
        person.type_line(&exercise.vault.site.custodian("alice").pin);
        person.expect(&format!("to sign the evidence of this drill, {verdict}"));
        person.wait();
    }
}

#[test]
fn a_drill_in_the_lane_static_succeeds_without_iam() {
    let fixture = two_of_two("drill-static").payload(|real| {
        let mut payload = real.standby_payload(&real.standby(), "1h");
        let elsewhere = Aws::shared().seed("drill-static-user");
        payload["drill"] = elsewhere.standby_payload(&elsewhere.standby(), "1h")["targets"][0].clone();
        payload["drill"]["grant"] = json!([]);
        payload
    });
    let site = &fixture.all_plugged().site;
    let mut person = site.person(&["drill", "prod.drill.age", "--for", "8s", "--inject", "iam-down"]);
    site.quorum(&mut person, 2);
    person.expect_within(Duration::from_mins(1), "alice: PIN of YubiKey");
    person.type_line(&site.custodian("alice").pin);
    assert_eq!(person.wait(), End::Code(0), "{}", person.transcript());
    assert!(
        person.transcript().contains("passed: it opens, and is proven closed"),
        "{}",
        person.transcript()
    );
}

#[test]
fn a_drill_fails_if_its_injected_failure_never_happens() {
    let exercise = Exercise::new("drill-unmet");
    let mut payload = payload(&exercise.vault.account, &exercise.drill);
    payload["drill"]["opener"]["secret_access_key"] = "wrong/wrong/wrong/wrong/wrong/wrong/wron".into();
    exercise.vault.site.seal_as("unmet.age", &payload, 2);
    let mut person = exercise.vault.site.person(&["drill", "unmet.drill.age", "--inject", "iam-down"]);
    exercise.vault.site.quorum(&mut person, 2);
    exercise.sign(&mut person, "alice");
    assert_eq!(person.wait(), End::Code(5), "{}", person.transcript());
    assert!(person.transcript().contains("drill       FAILED"), "{}", person.transcript());
}

#[test]
fn a_drill_vault_and_a_vault_are_not_interchangeable() {
    let exercise = Exercise::new("drill-mixed");
    let ends = |arguments: &[&str], says: &str| {
        let done = exercise.vault.site.command(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{said}");
        assert!(said.contains(says), "{said}");
    };
    ends(&["open", "prod.drill.age", "--for", "5m", "--reason", "x"], "is a drill vault");
    ends(&["drill", "prod.age"], "is not a drill vault");
    ends(&["drill", "prod.drill.age", "--inject", "absent=mallory"], "mallory is not a custodian");
    ends(&["drill", "prod.drill.age", "--inject", "fire"], "expected iam-down");
    assert!(!exercise.vault.account.actions().contains(&"PutUserPolicy".to_owned()));
}

#[test]
fn a_drill_vault_with_access_is_not_sealed() {
    let exercise = Exercise::new("drill-sealed");
    let seal = |change: &dyn Fn(&mut Value), says: &str| {
        let mut payload = payload(&exercise.vault.account, &exercise.drill);
        change(&mut payload);
        let done = exercise.vault.site.try_seal("other.age", payload.to_string().as_bytes(), 2, &[]);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{said}");
        assert!(said.contains(says), "{says}: {said}");
        for name in ["other.age", "other.drill.age"] {
            assert!(!exercise.vault.site.path(name).exists(), "{name}");
        }
    };
    seal(&|p| p["drill"]["grant"] = Account::grant(), "its grant is not empty");
    seal(&|p| p["drill"]["user"] = p["targets"][0]["user"].clone(), "a drill needs its own user");
    seal(&|p| p["drill"]["opener"] = p["targets"][0]["opener"].clone(), "appears twice");
    std::fs::write(exercise.vault.site.path("other.drill.age"), "another file").unwrap();
    let done = exercise.vault.site.try_seal(
        "other.age",
        payload(&exercise.vault.account, &exercise.drill).to_string().as_bytes(),
        2,
        &[],
    );
    assert_eq!(done.status.code(), Some(2), "an existing file should not be overwritten");
    assert!(!exercise.vault.site.path("other.age").exists());
    assert_eq!(std::fs::read(exercise.vault.site.path("other.drill.age")).unwrap(), b"another file");
}
