//! Creates data of one session for tests without AWS: software custodians, ledger records and CloudTrail events.

use breakglass::custody::statement::approval::{Approval, Request};
use breakglass::custody::statement::{LedgerHead, Predicate as _, Statement};
use breakglass::custody::token::{Slot, Token as _};
use breakglass::gate::SessionId;
use breakglass::ledger::{AlertTopic, Entry, Principals, Record, SharePurpose};
use breakglass::review::{
    ApiCall, CloudTrailEvent, CloudTrailResult, LedgerFact, Packet, PacketSources, RegionResult,
    ReviewCommand,
};
use breakglass::vault::dsse::{self, Envelope};
use breakglass::vault::file::Vault;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::soft::forge::Recipe;
use crate::soft::{Person, people};
use breakglass::vault::target::TargetId;

pub const OPENER: &str = "AKIAOPENER0000000001";
pub const CLOSER: &str = "AKIACLOSER0000000001";
pub const EMERGENCY: &str = "AKIAEMERGENCY0000001";
pub const ISSUED: &str = "ASIAISSUED0000000001";

/// Returns the instant of a UTC time, such as `02:17:00`, on the day of the session.
pub fn at(clock: &str) -> Timestamp {
    format!("2026-11-22T{clock}Z").parse().expect("the time should be valid")
}

pub fn session(number: u8) -> SessionId {
    SessionId::from_bytes([number; 8])
}

/// Returns the user agent of a call that contains the id of `session`.
pub fn agent(session: SessionId) -> String {
    format!("aws-sdk-rust/1.3.9 ua/2.1 os/linux lang/rust/1.95.0 app/breakglass-{session}")
}

/// Returns an id, such as the id of a finding, as the text in the JSON.
pub fn name(id: impl serde::Serialize) -> String {
    serde_json::to_value(id)
        .expect("an id should have a JSON form")
        .as_str()
        .expect("the JSON form of an id should be a string")
        .to_owned()
}

pub fn ids(packet: &Packet) -> Vec<String> {
    packet.findings.iter().map(|finding| name(finding.id)).collect()
}

pub fn has(packet: &Packet, id: &str) -> bool {
    ids(packet).iter().any(|of| of == id)
}

pub fn to_do(packet: &Packet) -> Vec<String> {
    packet.follow_up.iter().filter(|task| !task.done).map(|task| name(task.id)).collect()
}

pub fn has_to_do(packet: &Packet, id: &str) -> bool {
    to_do(packet).iter().any(|of| of == id)
}

/// Returns the only call at this time. Panics if there is no call or more than one call.
pub fn call_at<'a>(packet: &'a Packet, clock: &str) -> &'a ApiCall {
    let mut calls = packet.calls.iter().filter(|call| call.at == at(clock));
    let call = calls.next().unwrap_or_else(|| panic!("the packet should have a call at {clock}"));
    assert!(calls.next().is_none(), "the packet should have only one call at {clock}");
    call
}

/// The records and CloudTrail events of one session. Each test changes one detail of this data.
pub struct Papers {
    pub people: Vec<Person>,
    pub vault: Vault,
    pub entries: Vec<Entry>,
    pub trail: Option<CloudTrailResult>,
    pub now: Timestamp,
}

impl Papers {
    /// Returns the data of a session with the given reason. Two of three custodians approved, and two of three alerts
    /// were acknowledged. Access was open from 02:17:04 to 02:29:10, in a window of 30 minutes.
    pub fn of(reason: &str) -> Self {
        let people = people(3, 1);
        let made = Recipe { custodians: 3, ..Recipe::default() }.make(&people);
        let vault = Vault::parse(&made.file).expect("the file should be a valid vault");
        let mut papers = Self { people, vault, entries: Vec::new(), trail: None, now: at("09:00:00") };
        papers.approve(0, reason, "02:16:31");
        papers.approve(1, reason, "02:16:42");
        papers.alert("pagerduty", "02:16:43", Some("02:16:44"), "dedup_key bg-07");
        papers.alert("sns", "02:16:43", Some("02:16:43.4"), "MessageId 4f1c");
        papers.alert("mail", "02:16:43", None, "no answer within 10 s");
        papers.intend(session(7), reason, "02:16:54");
        papers.add(
            "02:16:55",
            Record::Window { session: session(7), from: at("02:16:55"), until: at("02:46:55") },
        );
        papers.add(
            "02:17:04.2",
            Record::Opened { session: session(7), from: at("02:16:55"), until: at("02:46:55") },
        );
        papers.add("02:17:04.2", Record::Issued { session: session(7), access_key_id: ISSUED.into() });
        let cause = "the command ended".into();
        papers.add("02:29:10.6", Record::Closed { session: session(7), probed: true, cause });
        papers
    }

    pub fn add(&mut self, clock: &str, record: Record) {
        let seq = self.entries.len() as u64;
        self.entries.push(Entry { v: 1, seq, prev: String::new(), torn: None, at: at(clock), record });
    }

    pub fn request(&self, reason: &str) -> Request {
        let manifest = &self.vault.manifest;
        Request {
            again: None,
            credentials_epoch: manifest.credentials_epoch,
            drill_of: None,
            endpoints: Vec::new(),
            epoch: manifest.epoch,
            extra_key: None,
            lane: manifest.lane,
            network: None,
            no_alert: None,
            older_epoch: None,
            reason: reason.into(),
            session: session(7),
            targets: manifest.targets.clone(),
            vault_id: manifest.vault_id.clone(),
            window: 1800,
        }
    }

    /// Returns an approval of `request` that the custodian with the index `place` signed. The form of the request is not
    /// checked, so a test can make an approval that no reader accepts.
    pub fn sign(&self, place: usize, request: &Request) -> Envelope {
        let who = &self.vault.manifest.custodians[place];
        let approval = Approval {
            custodian: who.name.clone(),
            enrolment: who.enrolment.clone(),
            ledger: LedgerHead { seq: 3, sha256: "ab".repeat(32) },
            remote: false,
            request: request.clone(),
            serial: who.tokens[0].serial,
            signed: at("02:16:30"),
        };
        let statement = Statement::of(&self.vault.manifest.label, &self.vault.sha256, approval);
        let slot = Slot::parse("83").expect("the slot should be valid");
        let signature = self.people[place].tokens[0]
            .clone()
            .sign(slot, &dsse::to_sign(Approval::TYPE, &statement))
            .expect("the software token should sign");
        Envelope::new(Approval::TYPE, &statement, &signature)
    }

    pub fn approve(&mut self, place: usize, reason: &str, clock: &str) {
        self.approve_of(session(7), place, reason, clock);
    }

    pub fn approve_of(&mut self, session: SessionId, place: usize, reason: &str, clock: &str) {
        let envelope = self.sign(place, &Request { session, ..self.request(reason) });
        let custodian = self.vault.manifest.custodians[place].name.clone();
        let (vault, credentials_epoch) = self.vault_and_epoch();
        self.add(
            clock,
            Record::Approval {
                session,
                vault: vault.clone(),
                credentials_epoch,
                custodian: custodian.clone(),
                envelope,
            },
        );
        self.add(
            clock,
            Record::Share {
                session: Some(session),
                vault,
                credentials_epoch,
                custodian,
                purpose: SharePurpose::Open,
            },
        );
    }

    pub fn vault_and_epoch(&self) -> (String, u64) {
        (self.vault.manifest.vault_id.clone(), self.vault.manifest.credentials_epoch.into())
    }

    pub fn alert(&mut self, channel: &str, sent: &str, acknowledged: Option<&str>, detail: &str) {
        let (sent, acknowledged) = (at(sent), acknowledged.map(at));
        let receipt = ["dedup_key ", "MessageId ", "id "].iter().find_map(|kind| detail.strip_prefix(kind));
        self.add(
            "02:16:53",
            Record::Alert {
                session: Some(session(7)),
                topic: AlertTopic::Opening,
                channel: channel.into(),
                sealed: true,
                sent,
                acknowledged,
                receipt: receipt.map(str::to_owned),
                detail: detail.into(),
            },
        );
    }

    pub fn intend(&mut self, session: SessionId, reason: &str, clock: &str) {
        self.add(clock, self.intent(session, reason));
    }

    pub fn intent(&self, session: SessionId, reason: &str) -> Record {
        let target = &self.vault.manifest.targets[0];
        let facts = TargetId {
            name: target.name.clone(),
            partition: target.partition.clone(),
            account: target.account.clone(),
            user: target.user.clone(),
        };
        Record::Intent {
            session,
            vault: self.vault.manifest.vault_id.clone(),
            epoch: self.vault.manifest.epoch.into(),
            credentials_epoch: self.vault.manifest.credentials_epoch.into(),
            sha256: hex::encode(self.vault.sha256),
            lane: self.vault.manifest.lane,
            target: facts,
            regions: target.regions.clone(),
            principals: Box::new(Principals {
                emergency: EMERGENCY.into(),
                opener: Some(OPENER.into()),
                closer: Some(CLOSER.into()),
                role: None,
            }),
            window: 1800,
            reason: reason.into(),
            again: None,
            no_alert: None,
            drill_of: None,
            extra_key: None,
            older_epoch: None,
            endpoints: Vec::new(),
            network: None,
        }
    }

    /// Adds the result of a CloudTrail query at 08:59, with only expected calls.
    pub fn queried(mut self) -> Self {
        let answered = |region: &str, events, error: Option<&str>| RegionResult {
            region: region.into(),
            events,
            requests: 6,
            error: error.map(str::to_owned),
        };
        self.trail = Some(CloudTrailResult {
            at: at("08:59:00"),
            from: at("02:01:54"),
            until: at("08:59:00"),
            regions: vec![answered("eu-west-1", 5, None), answered("us-east-1", 8, None)],
            events: Vec::new(),
        });
        for (clock, key, call) in [
            ("02:16:54", OPENER, "sts GetCallerIdentity"),
            ("02:16:55", OPENER, "iam GetUser"),
            ("02:16:56", OPENER, "iam PutUserPolicy"),
            ("02:16:57", CLOSER, "iam UpdateAccessKey"),
            ("02:16:58", OPENER, "iam DetachUserPolicy"),
            ("02:17:01", EMERGENCY, "sns ListTopics"),
            ("02:17:03", EMERGENCY, "sts GetSessionToken"),
            ("02:18:12", ISSUED, "s3 ListBuckets"),
            ("02:21:40", ISSUED, "ec2 DescribeInstances"),
            ("02:26:05", ISSUED, "s3 PutBucketPolicy"),
            ("02:29:09", CLOSER, "iam AttachUserPolicy"),
            ("02:29:09", CLOSER, "iam UpdateAccessKey"),
        ] {
            self.call(clock, key, call, None);
        }
        self.call("02:16:55", OPENER, "iam GetLoginProfile", Some("NoSuchEntityException"));
        self.call("02:16:55", OPENER, "iam GetUserPolicy", Some("NoSuchEntityException"));
        self.call("02:29:10", ISSUED, "sns ListTopics", Some("AuthorizationError"));
        self
    }

    /// Adds one CloudTrail event. `call` is a service and an action, such as `iam PutUserPolicy`.
    pub fn call(&mut self, clock: &str, key: &str, call: &str, error: Option<&str>) {
        self.call_by(clock, key, "emergency", call, error);
    }

    pub fn call_by(&mut self, clock: &str, key: &str, who: &str, call: &str, error: Option<&str>) {
        self.event(clock, (key, who), call, &agent(session(7)));
        self.last_event().error = error.map(str::to_owned);
    }

    /// Adds one CloudTrail event with this user agent.
    pub fn call_from(&mut self, clock: &str, key: &str, call: &str, user_agent: &str) {
        self.event(clock, (key, "emergency"), call, user_agent);
    }

    fn event(&mut self, clock: &str, (key, who): (&str, &str), call: &str, user_agent: &str) {
        let trail = self.trail.as_mut().expect("CloudTrail should have been queried");
        let (service, name) = call.split_once(' ').expect("a call should consist of a service and an action");
        let event = json!({
            "eventVersion": "1.10", "eventID": format!("event-{}", trail.events.len()),
            "eventTime": at(clock).to_string(), "eventSource": format!("{service}.amazonaws.com"),
            "eventName": name, "awsRegion": "eu-west-1", "sourceIPAddress": "198.51.100.7",
            "userAgent": user_agent,
            "userIdentity": {"type": "IAMUser", "accessKeyId": key, "userName": who},
        });
        trail.events.push(CloudTrailEvent::parse(&event.to_string()).expect("the event should be valid"));
    }

    /// Returns the event that was added last.
    pub fn last_event(&mut self) -> &mut CloudTrailEvent {
        self.trail
            .as_mut()
            .and_then(|trail| trail.events.last_mut())
            .expect("CloudTrail should have an event")
    }

    /// Adds one call of another principal that reads or changes the emergency user.
    pub fn call_on(&mut self, clock: &str, key: &str, who: &str, call: &str) {
        self.call_by(clock, key, who, call, None);
        self.last_event().on = Some("emergency".into());
    }

    /// Removes the records for which `is` returns true.
    pub fn without(&mut self, is: impl Fn(&Record) -> bool) {
        self.entries.retain(|entry| !is(&entry.record));
    }

    pub fn packet(&self) -> Packet {
        self.packet_with(Some(&self.vault))
    }

    pub fn packet_with(&self, vault: Option<&Vault>) -> Packet {
        Packet::of(session(7), self.sources(vault)).expect("the ledger should have the session")
    }

    pub fn sources<'a>(&'a self, vault: Option<&'a Vault>) -> PacketSources<'a> {
        let command = ReviewCommand {
            vault: vault.map(|_| "prod.age".into()),
            profile: self.trail.as_ref().map(|_| "audit".into()),
            ..ReviewCommand::default()
        };
        let ledgers = vec![LedgerFact {
            path: "/home/oncall/.local/state/breakglass/ledger.jsonl".into(),
            records: self.entries.len() as u64,
            sha256: "7c".repeat(32),
            words: "abandon ability able about above absent".into(),
            error: None,
        }];
        PacketSources {
            entries: &self.entries,
            ledgers,
            vault,
            trail: self.trail.as_ref(),
            now: self.now,
            command,
        }
    }

    /// Sets the time of the CloudTrail query to the duration `late` after the close.
    pub fn queried_after_the_close(&mut self, late: SignedDuration) {
        let trail = self.trail.as_mut().expect("CloudTrail should have been queried");
        trail.at = at("02:29:10.6").saturating_add(late).expect("the time should be valid");
    }
}
