//! Tests the review packet: evidence and records, calls inside and outside the window, findings and follow-up tasks.

use crate::drill_papers::of_drill;
use crate::packet::{
    CLOSER, EMERGENCY, ISSUED, OPENER, Papers, agent, at, call_at, has, has_to_do, ids, name, session, to_do,
};
use breakglass::custody::statement::LedgerHead;
use breakglass::custody::statement::drill::Drill;
use breakglass::ledger::{AlertTopic, Record};
use breakglass::review::{
    ApiCall, CallPurpose, CallTiming, CallerKind, CloudTrailEvent, CloudTrailQuery, EndedBy, Evidence,
    Packet, PacketFile, Severity, SignatureCheck, page, shown, summary, unreviewed, verify,
};
use breakglass::secret::SecretText;
use breakglass::vault::target::TargetId;
use jiff::SignedDuration;

#[test]
fn a_clean_session_has_a_clean_review_and_the_usual_follow_up() {
    let mut papers = Papers::of("INC-1: SSO down").queried();
    let packet = papers.packet();
    let findings: Vec<_> = packet.findings.iter().map(|of| (name(of.id), of.severity)).collect();
    assert_eq!(
        findings,
        [("alert_not_acknowledged".to_owned(), Severity::Note)],
        "the only finding should be the alert by mail, which was not acknowledged: {:?}",
        packet.findings
    );
    assert!(
        summary(&packet).contains("findings   0 problems, 0 to explain, 1 note\n"),
        "{}",
        summary(&packet)
    );
    papers.without(|record| matches!(record, Record::Alert { acknowledged: None, .. }));
    let clean = papers.packet();
    assert_eq!(clean.findings, []);
    let page = page(&clean, ("review.json", clean.json().as_bytes()));
    assert!(page.contains("0 problems, 0 to explain, 0 notes") && page.contains("is in order"), "{page}");
    assert_eq!(
        to_do(&packet),
        ["rotate_credentials", "reseal_vault", "review_changes", "hold_drill", "sign_review"]
    );
    assert!(packet.cloudtrail.complete);
    assert_eq!(packet.calls.len(), 15);
    assert!(packet.calls.iter().all(ApiCall::is_inside), "{:?}", packet.calls);
    assert_eq!(
        packet.calls.iter().filter(|call| call.is_refused()).count(),
        0,
        "a refused probe and the answer NoSuchEntity are expected, so they should not be listed as refused"
    );
}

#[test]
fn the_ledger_and_cloudtrail_both_show_how_long_access_was_enabled() {
    let mut papers = Papers::of("x").queried();
    let packet = papers.packet();
    let (ours, aws) = (
        packet.window.enabled.expect("the ledger should show when access was enabled"),
        packet.window.enabled_by_aws.expect("CloudTrail should show when access was enabled"),
    );
    assert_eq!((ours.seconds, ours.ended_by), (726, EndedBy::Close));
    assert_eq!((aws.from, aws.until, aws.ended_by), (at("02:16:58"), at("02:29:09"), EndedBy::Close));
    assert_eq!(packet.window.within_window, Some(true));
    // The ledger has no record of a close, so AWS ended access at T1.
    papers.without(|record| matches!(record, Record::Closed { .. }));
    papers.trail.as_mut().unwrap().events.retain(|event| event.event_name != "AttachUserPolicy");
    let packet = papers.packet();
    let (ours, aws) = (
        packet.window.enabled.expect("the ledger should show when access was enabled"),
        packet.window.enabled_by_aws.expect("CloudTrail should show when access was enabled"),
    );
    assert_eq!((ours.until, ours.ended_by, aws.ended_by), (at("02:46:55"), EndedBy::T1, EndedBy::T1));
    assert!(has(&packet, "close_not_proven") && has_to_do(&packet, "prove_closed"));
    // Access that is enabled before T0 is not within the window.
    papers.call("02:16:53", OPENER, "iam DetachUserPolicy", None);
    assert_eq!(
        papers.packet().window.within_window,
        Some(true),
        "a call before the intent should not belong to this session"
    );
    papers.call("02:16:54", OPENER, "iam DetachUserPolicy", None);
    let packet = papers.packet();
    assert_eq!(packet.window.within_window, Some(false));
    assert!(has(&packet, "enabled_outside_window"));
}

#[test]
fn every_call_is_inside_or_outside_the_window() {
    let mut papers = Papers::of("x").queried();
    for (clock, key, call) in [
        ("02:05:00", OPENER, "iam GetUser"),
        ("02:16:53", OPENER, "iam PutUserPolicy"),
        ("02:29:12", ISSUED, "s3 ListBuckets"),
        ("02:16:54.9", ISSUED, "s3 GetBucketAcl"),
        ("03:10:00", CLOSER, "iam AttachUserPolicy"),
        ("05:00:00", EMERGENCY, "sts GetSessionToken"),
        ("02:20:00", OPENER, "iam CreateUser"),
        ("02:20:01", EMERGENCY, "s3 ListBuckets"),
        ("02:20:02", CLOSER, "iam ListAccessKeys"),
        ("02:20:03", "ASIASOMEBODYELSE0001", "s3 ListBuckets"),
    ] {
        papers.call(clock, key, call, None);
    }
    papers.call("02:22:00", ISSUED, "kms ScheduleKeyDeletion", Some("AccessDenied"));
    papers.call_by("02:22:01", "ASIASOMEBODYELSE0002", "mallory", "s3 ListBuckets", None);
    papers.call_by(
        "02:22:02",
        "ASIACONSOLE000000001",
        "breakglass-0707070707070707",
        "ec2 RunInstances",
        None,
    );
    let packet = papers.packet();
    for (clock, principal, kind, when) in [
        ("02:05:00", CallerKind::Opener, CallPurpose::Gate, CallTiming::Before),
        ("02:16:53", CallerKind::Opener, CallPurpose::Gate, CallTiming::Before),
        ("02:29:12", CallerKind::Issued, CallPurpose::Work, CallTiming::After),
        ("03:10:00", CallerKind::Closer, CallPurpose::Gate, CallTiming::After),
        ("05:00:00", CallerKind::Emergency, CallPurpose::Gate, CallTiming::After),
        ("02:20:00", CallerKind::Opener, CallPurpose::Unexpected, CallTiming::Inside),
        ("02:20:01", CallerKind::Emergency, CallPurpose::Unexpected, CallTiming::Inside),
        ("02:20:02", CallerKind::Closer, CallPurpose::Gate, CallTiming::Inside),
        ("02:20:03", CallerKind::UnknownKey, CallPurpose::Unexpected, CallTiming::Inside),
        ("02:22:00", CallerKind::Issued, CallPurpose::Work, CallTiming::Inside),
        ("02:22:02", CallerKind::Issued, CallPurpose::Work, CallTiming::Inside),
    ] {
        let call = call_at(&packet, clock);
        assert_eq!((call.principal, call.kind, call.when), (principal, kind, when), "{clock}");
    }
    assert!(
        !packet.calls.iter().any(|call| call.user.as_deref() == Some("mallory")),
        "mallory should not be listed as a caller of this session"
    );
    let early = packet
        .calls
        .iter()
        .find(|call| call.event_name == "GetBucketAcl")
        .expect("the call before T0 should be listed");
    assert_eq!(
        early.when,
        CallTiming::Before,
        "a call that the issued session made before T0 should be listed as before the window"
    );
    assert_eq!(packet.calls.iter().filter(|call| call.is_outside()).count(), 6);
    let ids = ids(&packet);
    for id in ["calls_outside_window", "calls_unexpected", "calls_refused"] {
        assert!(ids.iter().any(|of| of == id), "{id}: {ids:?}");
    }
    assert_eq!(
        ids.iter().filter(|id| *id == "calls_outside_window").count(),
        4,
        "each caller should have one finding"
    );
    assert!(to_do(&packet).starts_with(&["explain_calls".into(), "explain_refused_calls".into()]));
}

#[test]
fn calls_of_another_approved_session_are_attributed_to_that_session() {
    let mut papers = Papers::of("x").queried();
    papers.approve_of(session(8), 0, "again", "02:59:00");
    papers.approve_of(session(8), 1, "again", "02:59:00");
    papers.intend(session(8), "again", "03:00:00");
    papers
        .add("03:00:01", Record::Window { session: session(8), from: at("03:00:01"), until: at("03:30:01") });
    let other = "ASIAOTHER00000000001";
    papers.add("03:00:05", Record::Issued { session: session(8), access_key_id: other.into() });
    papers.call_from("03:00:03", OPENER, "iam PutUserPolicy", &agent(session(8)));
    papers.call_from("03:10:00", other, "s3 ListBuckets", "aws-cli/1.29.0");
    papers.call("03:40:00", OPENER, "iam GetUser", None);
    let packet = papers.packet();
    for clock in ["03:00:03", "03:10:00"] {
        let call = call_at(&packet, clock);
        assert_eq!((call.when, call.other_session), (CallTiming::OtherSession, Some(session(8))), "{clock}");
    }
    assert_eq!(
        call_at(&packet, "03:40:00").when,
        CallTiming::After,
        "a call after the ends of both windows should be listed as after the window"
    );
    // The review attributes no call to a session without signed approvals, because the operator alone could have
    // written the records of such a session.
    papers.without(|record| matches!(record, Record::Approval { session: of, .. } if *of == session(8)));
    let packet = papers.packet();
    for clock in ["03:00:03", "03:40:00"] {
        assert_eq!(call_at(&packet, clock).when, CallTiming::After, "{clock}");
    }
}

#[test]
fn a_contradiction_between_ledger_and_cloudtrail_is_a_finding() {
    let mut papers = Papers::of("x").queried();
    papers.trail.as_mut().unwrap().events.clear();
    assert!(has(&papers.packet(), "opening_not_in_cloudtrail"), "{:?}", papers.packet().findings);
    let mut papers = Papers::of("x").queried();
    papers.trail.as_mut().unwrap().events.retain(|event| event.event_name != "AttachUserPolicy");
    assert!(has(&papers.packet(), "close_not_in_cloudtrail"));
    let mut papers = Papers::of("x").queried();
    papers.without(|record| matches!(record, Record::Opened { .. } | Record::Issued { .. }));
    assert!(has(&papers.packet(), "opening_not_in_ledger"));
    assert!(has_to_do(&papers.packet(), "review_changes"));
    let mut papers = Papers::of("x").queried();
    for entry in &mut papers.entries {
        if let Record::Window { until, .. } | Record::Opened { until, .. } = &mut entry.record {
            *until = at("12:00:00");
        }
    }
    assert!(has(&papers.packet(), "other_window"));
    let mut papers = Papers::of("x").queried();
    papers.vault.sha256[0] ^= 1;
    assert!(has(&papers.packet(), "other_vault_file"));
    let mut papers = Papers::of("x").queried();
    papers.vault.manifest.alerts = vec!["pagerduty".into(), "chat".into()];
    let findings =
        papers.packet().findings.into_iter().filter(|of| name(of.id) == "alert_not_sent").collect::<Vec<_>>();
    assert!(findings.len() == 1 && findings[0].what.starts_with("chat: "), "{findings:?}");
}

#[test]
fn a_wrong_local_clock_does_not_move_calls_out_of_the_session() {
    // Before the program knows AWS's time, the records have the time of the local clock. The local clock in this test
    // is five minutes fast or slow.
    for wrong in ["02:21:54", "02:11:54"] {
        let mut papers = Papers::of("x").queried();
        for entry in &mut papers.entries {
            if !matches!(entry.record, Record::Opened { .. } | Record::Issued { .. } | Record::Closed { .. })
            {
                entry.at = at(wrong);
            }
        }
        papers.call("02:15:00", OPENER, "iam GetUser", None);
        let packet = papers.packet();
        assert_eq!(
            ids(&packet),
            ["calls_outside_window", "alert_not_acknowledged"],
            "{wrong}: {:?}",
            packet.findings
        );
        assert_eq!(call_at(&packet, "02:15:00").when, CallTiming::Before, "{wrong}");
        assert_eq!(packet.window.closed, Some(at("02:29:10.6")), "{wrong}");
    }
}

#[test]
fn calls_of_a_role_session_are_expected_until_t1_even_after_a_close() {
    let mut papers = Papers::of("x").queried();
    for entry in &mut papers.entries {
        if let Record::Intent { lane, .. } = &mut entry.record {
            *lane = breakglass::vault::manifest::Lane::Static;
        }
    }
    papers.call_by("02:40:00", "ASIAROLE000000000001", "breakglass-0707070707070707", "s3 ListBuckets", None);
    papers.call_by("02:46:56", "ASIAROLE000000000001", "breakglass-0707070707070707", "s3 ListBuckets", None);
    let packet = papers.packet();
    assert_eq!(call_at(&packet, "02:40:00").when, CallTiming::Inside);
    assert_eq!(call_at(&packet, "02:46:56").when, CallTiming::After);
    assert_eq!(packet.window.enabled.expect("access should have been enabled").ended_by, EndedBy::T1);
}

#[test]
fn only_a_signature_of_an_enrolled_token_about_this_session_is_evidence() {
    let papers = Papers::of("INC-1");
    let packet = papers.packet();
    assert_eq!(packet.approvals.len(), 2);
    for approval in &packet.approvals {
        assert_eq!((approval.signature, approval.evidence), (SignatureCheck::Verified, Evidence::Signature));
        assert!(approval.serial.is_some() && approval.key.is_some());
    }
    let without = papers.packet_with(None);
    assert!(
        without
            .approvals
            .iter()
            .all(|a| (a.signature, a.evidence) == (SignatureCheck::NotChecked, Evidence::Reported))
    );
    assert!(has(&without, "signatures_not_checked"));

    // The reason in the record differs from the signed reason.
    let mut changed = Papers::of("INC-1");
    for entry in &mut changed.entries {
        if let Record::Intent { reason, .. } = &mut entry.record {
            *reason = "INC-2".into();
        }
    }
    let packet = changed.packet();
    assert!(packet.approvals.iter().all(|approval| approval.signature == SignatureCheck::NotValid));
    assert_eq!(packet.approvals[0].why.as_deref(), Some("the signed request has a different reason"));
    assert!(has(&packet, "too_few_approvals"));

    // The record of one approval names alice, but bob signed the approval. A stranger signed the other approval.
    let mut swapped = Papers::of("INC-1");
    let bobs = swapped.sign(1, &swapped.request("INC-1"));
    let strangers = Papers::of("INC-1").sign(0, &swapped.request("INC-1"));
    for (place, wrong) in [(0, bobs), (2, strangers)] {
        if let Record::Approval { envelope, .. } = &mut swapped.entries[place].record {
            *envelope = wrong;
        }
    }
    let packet = swapped.packet();
    assert_eq!(packet.approvals[0].why.as_deref(), Some("bob signed it"));
    assert_eq!(packet.approvals[1].signature, SignatureCheck::NotValid);

    // Two approvals by the same custodian count as one approval.
    let mut twice = Papers::of("INC-1");
    twice.without(|record| matches!(record, Record::Approval { custodian, .. } if custodian == "bob"));
    twice.approve(0, "INC-1", "02:16:45");
    assert!(has(&twice.packet(), "too_few_approvals"));
}

#[test]
fn only_an_alert_that_is_acknowledged_before_the_opening_counts() {
    let mut papers = Papers::of("x");
    let packet = papers.packet();
    let evidence: Vec<_> = packet.alerts.iter().map(|alert| alert.evidence).collect();
    assert_eq!(evidence, [Evidence::Reported; 3], "only the operator's machine reports a receipt");
    let page = page(&packet, ("review.json", packet.json().as_bytes()));
    let said = "reported by the operator's machine";
    assert!(page.contains(said) && summary(&packet).contains(said));
    assert!(!has(&packet, "no_alert_acknowledged"));
    papers.without(|record| matches!(record, Record::Alert { acknowledged: Some(_), .. }));
    assert!(has(&papers.packet(), "no_alert_acknowledged"));
    // An acknowledgement after the opening does not count.
    papers.alert("late", "02:16:43", Some("02:17:05"), "id 1");
    assert!(has(&papers.packet(), "no_alert_acknowledged"));
}

#[test]
fn incomplete_cloudtrail_data_is_a_finding() {
    let mut papers = Papers::of("x");
    assert!(has(&papers.packet(), "cloudtrail_not_queried"));
    assert!(has_to_do(&papers.packet(), "query_cloudtrail_again"));
    papers = papers.queried();
    papers.queried_after_the_close(SignedDuration::from_mins(14));
    let packet = papers.packet();
    assert!(!packet.cloudtrail.complete && has(&packet, "cloudtrail_queried_too_early"));
    assert_eq!(packet.cloudtrail.query_again_after, Some(at("02:44:10.6")));
    let page = page(&packet, ("x.json", b""));
    assert!(
        page.contains("15 minutes late") && page.contains("query again after 2026-11-22 02:44:10"),
        "{page}"
    );
    papers.queried_after_the_close(SignedDuration::from_mins(15));
    assert!(papers.packet().cloudtrail.complete);
    papers.trail.as_mut().unwrap().regions[1].error = Some("AccessDenied".into());
    let packet = papers.packet();
    assert!(!packet.cloudtrail.complete && has(&packet, "cloudtrail_incomplete"));
    assert!(has_to_do(&packet, "query_cloudtrail_again"));
    papers.now = papers.now.saturating_add(SignedDuration::from_hours(91 * 24)).unwrap();
    assert!(has(&papers.packet(), "session_older_than_cloudtrail"));
}

#[test]
fn the_cloudtrail_query_has_every_key_and_name_and_covers_the_whole_session() {
    let papers = Papers::of("x");
    let wanted =
        CloudTrailQuery::of(session(7), &papers.entries).expect("the ledger should have the session");
    assert_eq!(wanted.keys, [EMERGENCY, OPENER, CLOSER, ISSUED]);
    assert_eq!(wanted.names, ["emergency", "breakglass-0707070707070707"]);
    assert_eq!(wanted.resources, ["emergency"]);
    assert_eq!((wanted.from, wanted.until), (at("02:01:54"), "2026-11-23T02:29:10.6Z".parse().unwrap()));
    assert!(CloudTrailQuery::of(session(9), &papers.entries).is_err());
}

#[test]
fn a_cloudtrail_event_is_parsed() {
    let text = r#"{"eventVersion":"1.10","userIdentity":{"type":"AssumedRole","principalId":"AROA:breakglass-07",
        "arn":"arn:aws:sts::111122223333:assumed-role/Emergency/breakglass-07","accessKeyId":"ASIAX",
        "sessionContext":{"sessionIssuer":{"type":"Role","userName":"Emergency"}}},
        "eventTime":"2026-11-22T02:18:12Z","eventSource":"s3.amazonaws.com","eventName":"ListBuckets",
        "awsRegion":"eu-west-1","sourceIPAddress":"198.51.100.7","userAgent":"aws-cli","errorCode":"AccessDenied",
        "eventID":"e-1","readOnly":true}"#;
    let event = CloudTrailEvent::parse(text).expect("the event should be valid");
    assert_eq!(event.who.as_deref(), Some("breakglass-07"));
    assert_eq!((event.key.as_deref(), event.error.as_deref()), (Some("ASIAX"), Some("AccessDenied")));
    for bad in ["", "[]", "{}", r#"{"eventID":"x","eventName":"y","eventTime":"yesterday"}"#, "\u{0}"] {
        assert_eq!(CloudTrailEvent::parse(bad), None, "{bad:?}");
    }
}

#[test]
fn after_rotation_and_a_signed_review_the_follow_up_is_done() {
    let mut papers = Papers::of("x");
    assert!(has_to_do(&papers.packet(), "rotate_credentials"));
    papers.vault.manifest.credentials_epoch += 1;
    assert!(
        !has_to_do(&papers.packet(), "rotate_credentials") && has_to_do(&papers.packet(), "reseal_vault")
    );
    papers.vault.manifest.epoch += 1;
    assert!(!has_to_do(&papers.packet(), "reseal_vault"));

    let mut papers = Papers::of("x").queried();
    assert_eq!(unreviewed(&papers.entries, &papers.vault.manifest), [session(7)]);
    let json = papers.packet().json();
    let written = PacketFile::read("review-07.json", json.as_bytes()).expect("the JSON should be a packet");
    assert_eq!(
        (written.session, written.counts.words()),
        (session(7), "0 problems, 0 to explain, 1 note".into())
    );
    let carol = &papers.vault.manifest.custodians[2];
    let head = LedgerHead { seq: 14, sha256: "cd".repeat(32) };
    let statement = written.statement(carol, &carol.tokens[0], (at("09:10:00"), head));
    let mut token = papers.people[2].tokens[0].clone();
    let pin = SecretText::copy_of("123456");
    let envelope = statement
        .sign(&carol.tokens[0], &mut token, &pin, &mut || ())
        .expect("the software token should sign");
    let said = verify(&papers.vault.manifest, &envelope).expect("carol's signature should be valid");
    assert_eq!(said.subject().digest.sha256, hex::encode(written.sha256));
    assert!(
        verify(&Papers::of("x").vault.manifest, &envelope).is_err(),
        "a signature should not be valid for another vault"
    );
    let review = |session| Record::Review { session, custodian: "carol".into(), envelope: envelope.clone() };
    papers.add("09:11:00", review(session(7)));
    assert!(unreviewed(&papers.entries, &papers.vault.manifest).is_empty());
    let packet = papers.packet();
    assert_eq!((packet.reviews.len(), packet.reviews[0].evidence), (1, Evidence::Signature));
    assert!(!has_to_do(&packet, "sign_review"));
    // A review is not valid if the record does not name the custodian who signed the review.
    if let Some(Record::Review { custodian, .. }) = papers.entries.last_mut().map(|entry| &mut entry.record) {
        *custodian = "alice".into();
    }
    assert_eq!(papers.packet().reviews[0].signature, SignatureCheck::NotValid);
    for bad in ["", "{}", r#"{"v":2}"#, &json.replacen("\"v\": 1", "\"v\": 2", 1), &json[..json.len() / 2]] {
        assert!(PacketFile::read("x", bad.as_bytes()).is_err());
    }
}

#[test]
fn a_session_is_reviewed_only_by_a_signature_about_this_session() {
    let papers = Papers::of("x").queried();
    let pin = SecretText::copy_of("123456");
    let signed = |change: &dyn Fn(&mut PacketFile)| {
        let mut written = PacketFile::read("r.json", papers.packet().json().as_bytes())
            .expect("the JSON should be a packet");
        change(&mut written);
        let carol = &papers.vault.manifest.custodians[2];
        let head = LedgerHead { seq: 14, sha256: "cd".repeat(32) };
        let statement = written.statement(carol, &carol.tokens[0], (at("09:10:00"), head));
        let mut token = papers.people[2].tokens[0].clone();
        statement
            .sign(&carol.tokens[0], &mut token, &pin, &mut || ())
            .expect("the software token should sign")
    };
    let left = |envelope| {
        let mut entries = papers.entries.clone();
        let record = Record::Review { session: session(7), custodian: "carol".into(), envelope };
        entries.push(breakglass::ledger::Entry { record, ..entries[0].clone() });
        unreviewed(&entries, &papers.vault.manifest).len()
    };
    assert_eq!(left(signed(&|_| ())), 0, "the control: a valid signature should make the session reviewed");
    assert_eq!(
        left(signed(&|written| written.session = session(8))),
        1,
        "carol's signature about another session should not count"
    );
    assert_eq!(
        left(papers.sign(2, &papers.request("x"))),
        1,
        "carol's signature under an approval should not count as a review"
    );
    let mut other = Papers::of("x");
    other.vault.manifest.vault_id.clone_from(&papers.vault.manifest.vault_id);
    let stranger = other.sign(2, &other.request("x"));
    assert_eq!(left(stranger), 1, "a stranger's signature should not count");
}

#[test]
fn an_approval_is_valid_only_if_every_field_of_the_record_was_signed() {
    type Change = fn(&mut Record);
    let changes: [(&str, Change); 6] = [
        ("epoch", |record| {
            if let Record::Intent { epoch, .. } = record {
                *epoch += 1;
            }
        }),
        ("epoch of the credentials", |record| {
            if let Record::Intent { credentials_epoch, .. } = record {
                *credentials_epoch += 1;
            }
        }),
        ("target", |record| {
            if let Record::Intent { target, .. } = record {
                target.user.push('2');
            }
        }),
        ("target", |record| {
            if let Record::Intent { target, .. } = record {
                *target = TargetId { account: "999988887777".into(), ..target.clone() };
            }
        }),
        ("target", |record| {
            if let Record::Intent { regions, .. } = record {
                regions.push("eu-south-1".into());
            }
        }),
        ("window", |record| {
            if let Record::Intent { window, .. } = record {
                *window += 1;
            }
        }),
    ];
    for (what, change) in changes {
        let mut papers = Papers::of("x").queried();
        papers.entries.iter_mut().for_each(|entry| change(&mut entry.record));
        let packet = papers.packet();
        for approval in &packet.approvals {
            assert_eq!(approval.why.as_deref(), Some(&*format!("the signed request has a different {what}")));
        }
        assert!(has(&packet, "too_few_approvals"), "{what}");
    }
}

#[test]
fn calls_of_the_opener_while_access_is_open_are_a_finding() {
    let mut papers = Papers::of("x").queried();
    papers.call("02:17:05", OPENER, "iam GetUser", None);
    assert!(
        !has(&papers.packet(), "calls_unexpected"),
        "a call in the same second as the opening should be expected"
    );
    papers.call("02:17:06", OPENER, "iam PutUserPolicy", None);
    let packet = papers.packet();
    let call = call_at(&packet, "02:17:06");
    assert_eq!((call.kind, call.when), (CallPurpose::Unexpected, CallTiming::Inside));
    assert!(has(&packet, "calls_unexpected"), "{:?}", packet.findings);
}

#[test]
fn a_session_without_a_recorded_opening_still_needs_a_review() {
    let mut papers = Papers::of("x").queried();
    papers.without(|record| {
        matches!(record, Record::Opened { .. } | Record::Issued { .. } | Record::Closed { .. })
    });
    papers.add("02:16:58", Record::Enabling { session: session(7) });
    assert_eq!(unreviewed(&papers.entries, &papers.vault.manifest), [session(7)]);
    let packet = papers.packet();
    let enabled = packet.window.enabled.expect("the packet should state when access might have been open");
    assert_eq!((enabled.from, enabled.ended_by), (at("02:16:58"), EndedBy::T1));
    for id in ["opening_not_confirmed", "close_not_proven"] {
        assert!(has(&packet, id), "{id}: {:?}", packet.findings);
    }
}

#[test]
fn the_review_shows_changes_of_the_emergency_user_by_other_principals() {
    let mut papers = Papers::of("x").queried();
    papers.without(|record| matches!(record, Record::Closed { .. }));
    papers.trail.as_mut().unwrap().events.retain(|event| event.key.as_deref() != Some(CLOSER));
    papers.call_on("02:25:00", "AKIAONCALL0000000001", "oncall", "iam AttachUserPolicy");
    papers.call_on("02:24:00", "AKIAONCALL0000000001", "oncall", "iam GetUser");
    let packet = papers.packet();
    assert_eq!(
        packet.window.enabled_by_aws.map(|span| (span.until, span.ended_by)),
        Some((at("02:25:00"), EndedBy::Close))
    );
    let call = call_at(&packet, "02:25:00");
    assert_eq!(
        (call.principal, call.kind, call.when),
        (CallerKind::Other, CallPurpose::Gate, CallTiming::Inside)
    );
    assert!(!packet.calls.iter().any(|call| call.at == at("02:24:00")), "a read should not be listed");
    papers.call_on("02:26:00", "AKIAMALLORY000000001", "mallory", "iam CreateLoginProfile");
    assert!(has(&papers.packet(), "calls_unexpected"));
}

#[test]
fn the_packet_has_the_gate_policy_that_aws_received() {
    let mut papers = Papers::of("x").queried();
    assert_eq!(papers.packet().window.policy, None);
    let events = &mut papers.trail.as_mut().unwrap().events;
    let put = events
        .iter_mut()
        .find(|event| event.event_name == "PutUserPolicy")
        .expect("CloudTrail should have an event with the gate");
    put.policy = Some(r#"{"Version":"2012-10-17"}"#.into());
    let packet = papers.packet();
    assert_eq!(packet.window.policy.as_deref(), Some(r#"{"Version":"2012-10-17"}"#));
    assert_eq!(packet.session.grant_sha256.as_ref(), Some(&papers.vault.manifest.targets[0].grant_sha256));
    let page = page(&packet, ("review.json", b"{}"));
    assert!(page.contains("Gate policy as AWS received it") && page.contains("2012-10-17"));
}

#[test]
fn opening_without_an_acknowledged_sealed_channel_is_a_finding() {
    let mut papers = Papers::of("x").queried();
    papers.without(|record| matches!(record, Record::Alert { acknowledged: Some(_), .. }));
    for entry in &mut papers.entries {
        if let Record::Intent { no_alert, again, .. } = &mut entry.record {
            (*no_alert, *again) = (Some("the pager is down".into()), Some("a second time".into()));
        }
    }
    papers.alert("own", "02:16:43", Some("02:16:44"), "id 1");
    if let Some(Record::Alert { sealed, .. }) = papers.entries.last_mut().map(|entry| &mut entry.record) {
        *sealed = false;
    }
    let alert = papers.entries.pop().expect("the ledger should have an alert");
    papers.entries.insert(0, alert);
    for id in ["no_alert_acknowledged", "opened_without_alert", "credentials_used_again"] {
        assert!(has(&papers.packet(), id), "{id}: {:?}", papers.packet().findings);
    }
}

#[test]
fn a_receipt_is_reported_by_the_operators_machine() {
    let mut papers = Papers::of("x").queried();
    papers.alert("siem", "02:16:43", Some("02:16:44"), "HTTP status 200");
    let packet = papers.packet();
    let receipt = |channel: &str| {
        let alert = packet
            .alerts
            .iter()
            .find(|alert| alert.channel == channel)
            .expect("the packet should have an alert of this channel");
        assert_eq!(alert.topic, AlertTopic::Opening);
        assert_eq!(alert.evidence, Evidence::Reported, "{channel}");
        (alert.acknowledged.is_some(), alert.receipt.as_deref())
    };
    assert_eq!(receipt("siem"), (true, None));
    assert_eq!(receipt("sns"), (true, Some("4f1c")));
    assert_eq!(receipt("mail"), (false, None));
    let json: serde_json::Value = serde_json::from_str(&packet.json()).expect("JSON");
    assert!(json["alerts"].as_array().unwrap().iter().all(|alert| alert["evidence"] == "reported"), "{json}");
}

#[test]
fn a_drill_result_is_evidence_only_if_exactly_this_result_is_signed() {
    let signature = |passed_on_record: bool, is_signed: bool| {
        let mut papers = Papers::of("x").queried();
        let said = papers.drill("2026-11-22T02:30:00Z");
        let envelope = is_signed.then(|| papers.sign_drill(&said));
        papers.add("02:30:00", of_drill(&Drill { passed: passed_on_record, ..said }, envelope));
        let packet = papers.packet();
        let found = has(&packet, "drill_not_signed");
        let part = packet.drill.expect("the packet should have the drill");
        (part.signature, part.evidence, found)
    };
    assert_eq!(signature(true, true), (SignatureCheck::Verified, Evidence::Signature, false));
    assert_eq!(signature(false, true), (SignatureCheck::NotValid, Evidence::Reported, true));
    assert_eq!(signature(true, false), (SignatureCheck::NotValid, Evidence::Reported, true));
}

#[test]
fn a_complete_drill_needs_valid_approvals() {
    let review = |places: &[usize], with_vault: bool| {
        let mut papers = Papers::of("x").queried();
        papers.entries.clear();
        for record in papers.drill_session(session(7), places) {
            papers.add("02:16:54", record);
        }
        let said = papers.drill("2026-11-22T02:30:00Z");
        let envelope = papers.sign_drill(&said);
        papers.add("02:30:00", of_drill(&said, Some(envelope)));
        papers.vault.manifest.drill_of =
            Some(std::mem::replace(&mut papers.vault.manifest.vault_id, "dd".repeat(16)));
        let packet = papers.packet_with(with_vault.then_some(&papers.vault));
        let part = packet.drill.as_ref().expect("the packet should have the drill");
        (part.complete, has(&packet, "drill_not_complete"), has(&packet, "too_few_approvals"))
    };
    assert_eq!(review(&[0, 1], true), (Some(true), false, false));
    assert_eq!(review(&[0], true), (Some(false), true, true));
    assert_eq!(review(&[0, 1], false), (None, false, false), "without the vault, nothing can be checked");
}

#[test]
fn drills_and_sessions_that_never_opened_need_no_review() {
    let mut papers = Papers::of("x");
    papers.without(|record| matches!(record, Record::Opened { .. }));
    assert!(
        unreviewed(&papers.entries, &papers.vault.manifest).is_empty(),
        "a session that never opened should need no review"
    );
    let packet = papers.packet();
    assert!(packet.window.enabled.is_none() && has_to_do(&packet, "released_shares"));
    let mut papers = Papers::of("x");
    for entry in &mut papers.entries {
        if let Record::Intent { drill_of, .. } = &mut entry.record {
            *drill_of = Some("00".repeat(16));
        }
    }
    assert!(unreviewed(&papers.entries, &papers.vault.manifest).is_empty(), "a drill should need no review");
    assert!(!has_to_do(&papers.packet(), "rotate_credentials"), "a drill should not require rotation");
}

#[test]
fn an_unknown_session_and_another_vault_are_errors() {
    let papers = Papers::of("x");
    let error = Packet::of(session(9), papers.sources(None))
        .map(drop)
        .expect_err("an unknown session should be refused");
    assert!(error.what.contains("0909090909090909"), "{error}");
    let other = Papers::of("x");
    let error = Packet::of(session(7), papers.sources(Some(&other.vault)))
        .map(drop)
        .expect_err("another vault should be refused");
    assert!(error.what.contains(&other.vault.manifest.vault_id), "{error}");
}

/// Hostile text. A person can type hostile text as the reason, and a CloudTrail event can repeat hostile text from a
/// request.
const HOSTILE: &str = "<script>alert(1)</script>\"><img src=http://evil.example/x onerror=alert(2)>'\u{202e}txet\u{0}\u{1b}[31m&amp;";

#[test]
fn untrusted_text_is_escaped_everywhere() {
    let mut papers = Papers::of(HOSTILE).queried();
    papers.alert(HOSTILE, "02:16:43", None, HOSTILE);
    papers.call_by("02:20:00", ISSUED, HOSTILE, &format!("{HOSTILE}.amazonaws.com {HOSTILE}"), Some(HOSTILE));
    let long = "A\u{301}".repeat(50_000);
    papers.call("02:21:00", ISSUED, &format!("s3 {long}"), None);
    for entry in &mut papers.entries {
        match &mut entry.record {
            Record::Closed { cause, .. } => *cause = HOSTILE.into(),
            Record::Intent { again, no_alert, regions, .. } => {
                (*again, *no_alert) = (Some(HOSTILE.into()), Some(HOSTILE.into()));
                regions.push(HOSTILE.into());
            }
            _ => {}
        }
    }
    let packet = papers.packet();
    assert!(
        packet.approvals.iter().all(|a| a.signature == SignatureCheck::NotValid),
        "the signed request has another reason, so no signature should be valid"
    );
    let page = page(&packet, ("review.json", packet.json().as_bytes()));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    for unsafe_text in ["<script", "<img", "\u{202e}", "\u{0}", "\u{1b}"] {
        assert!(!page.contains(unsafe_text), "{unsafe_text:?}");
    }
    assert!(page.contains("\\u{202e}") && page.contains("\\u{0}"), "invisible characters should be escaped");
    assert!(page.len() < 1_000_000, "long text should be cut: {} bytes", page.len());
    let text = summary(&packet);
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}') && text.contains("\\u{1b}[31m"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&packet.json()).expect("the packet should be JSON");
    assert_eq!(json["session"]["reason"], HOSTILE, "the JSON should have the reason unchanged");
    assert!(shown(&long).contains("100000 characters"));
}

#[test]
fn the_review_page_is_self_contained() {
    let packet = Papers::of("INC-1: SSO down").queried().packet();
    let page = page(&packet, ("review.json", packet.json().as_bytes()));
    assert!(
        page.contains("default-src 'none'; style-src 'sha256-"),
        "the page should have a content security policy"
    );
    for outside in ["<script", "<link", "<img", "<iframe", "src=", "href=", "url(", "@import", "javascript:"]
    {
        assert!(!page.contains(outside), "{outside}");
    }
    for part in ["<title id=\"picture-title\">", "<desc", "aria-labelledby", "scope=\"col\"", "lang=\"en\""] {
        assert!(page.contains(part), "{part}");
    }
    assert!(
        page.contains("20000001") || page.contains("100000"),
        "the page should show the token's serial number"
    );
    let out = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("review.html");
    std::fs::write(out, page).expect("the page should be written");
}

#[test]
fn every_printed_command_has_its_values_filled_in() {
    let mut papers = Papers::of("x").queried();
    papers.queried_after_the_close(SignedDuration::from_mins(1));
    papers.without(|record| matches!(record, Record::Closed { .. }));
    let packet = papers.packet();
    let text = summary(&packet);
    for command in [
        "breakglass review 0707070707070707 --vault prod.age --profile audit",
        "breakglass review 0707070707070707 --vault prod.age --sign",
        "breakglass status prod.age",
        "breakglass close prod.age",
    ] {
        assert!(text.lines().any(|line| line.trim() == command), "{command}: {text}");
    }
    for placeholder in ["SESSION", "FILE", "NAME"] {
        assert!(!text.contains(placeholder), "{placeholder}: {text}");
    }
}
