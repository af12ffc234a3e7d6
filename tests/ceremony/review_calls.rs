//! Tests how the review judges single calls, by the session id in the call and by AWS's answer.

use crate::packet::{
    CLOSER, EMERGENCY, ISSUED, OPENER, Papers, agent, at, call_at, has, has_to_do, name, session,
};
use breakglass::ledger::Record;
use breakglass::review::{CallAnswer, CallTiming, CarriedId, Severity};

#[test]
fn a_call_without_a_session_id_or_with_another_sessions_id_is_a_finding() {
    let mut papers = Papers::of("x").queried();
    papers.call_from("02:20:00", ISSUED, "s3 ListBuckets", "aws-cli/1.29.0");
    papers.call_from("02:20:01", ISSUED, "s3 ListBuckets", "aws-cli/1.29.0");
    papers.call_from("02:20:02", ISSUED, "ec2 DescribeInstances", "aws-cli/1.29.0");
    papers.call_from("02:20:03", ISSUED, "s3 GetBucketAcl", "aws-cli/2.15.0 app/breakglass-0808080808080808");
    let packet = papers.packet();
    let of = |id: &str| {
        let found: Vec<_> = packet.findings.iter().filter(|of| name(of.id) == id).collect();
        assert_eq!(found.len(), 1, "{id}: {:?}", packet.findings);
        (found[0].severity, found[0].what.clone())
    };
    assert_eq!(
        of("calls_without_session_id"),
        (
            Severity::Explain,
            "3 calls by the issued credentials in the window without a session id: ec2 DescribeInstances (1), s3 \
             ListBuckets (2); source address 198.51.100.7, user agent aws-cli/1.29.0"
                .into()
        )
    );
    assert_eq!(
        of("calls_of_another_session"),
        (
            Severity::Problem,
            "1 call by the issued credentials in the window with the id of session 0808080808080808: s3 \
             GetBucketAcl (1); source address 198.51.100.7, user agent aws-cli/2.15.0 app/breakglass-0808080808080808"
                .into()
        )
    );
    assert_eq!(packet.findings[0].severity, Severity::Problem, "problems should be listed first");
    let call = call_at(&packet, "02:20:03");
    assert_eq!((call.carried_id, call.carried_session), (CarriedId::Other, Some(session(8))));
    assert!(has_to_do(&packet, "explain_calls"));
}

#[test]
fn a_call_that_cannot_contain_a_session_id_needs_none() {
    let mut papers = Papers::of("x").queried();
    // An AWS service can make calls for the caller, with the caller's key.
    papers.call_from("02:20:00", ISSUED, "ec2 DescribeSubnets", "cloudformation.amazonaws.com");
    papers.last_event().invoked_by = Some("cloudformation.amazonaws.com".into());
    // On-call staff are not part of the session.
    papers.call_from("02:25:00", "AKIAONCALL0000000001", "iam AttachUserPolicy", "aws-cli/2.15.0");
    papers.last_event().who = Some("oncall".into());
    papers.last_event().on = Some("emergency".into());
    // A call before or after the session is already a finding (outside of the window), so the session id in the call is
    // not judged.
    papers.call_from("02:05:00", OPENER, "iam GetUser", "aws-cli/2.15.0");
    papers.call_from("08:00:00", CLOSER, "iam GetUser", "aws-cli/2.15.0 app/breakglass-0808080808080808");
    // The name of the role session contains the session id, even if the user agent does not.
    papers.call_from("02:22:00", "ASIACONSOLE000000001", "ec2 RunInstances", "Mozilla/5.0");
    let event = papers.last_event();
    (event.who, event.session_ids) = (Some("breakglass-0707070707070707".into()), vec![session(7)]);
    let packet = papers.packet();
    for (clock, carried) in [
        ("02:20:00", CarriedId::NotExpected),
        ("02:25:00", CarriedId::NotExpected),
        ("02:05:00", CarriedId::Missing),
        ("08:00:00", CarriedId::Other),
        ("02:22:00", CarriedId::This),
    ] {
        assert_eq!(call_at(&packet, clock).carried_id, carried, "{clock}");
    }
    for id in ["calls_without_session_id", "calls_of_another_session"] {
        assert!(!has(&packet, id), "{id}: {:?}", packet.findings);
    }
    assert!(has(&packet, "calls_outside_window"), "the control: calls outside should have a finding");
}

#[test]
fn if_two_sessions_overlap_a_call_belongs_to_the_session_whose_id_it_contains() {
    let mut papers = Papers::of("x").queried();
    papers.approve_of(session(8), 0, "at once", "02:20:00");
    papers.approve_of(session(8), 1, "at once", "02:20:00");
    papers.intend(session(8), "at once", "02:20:00");
    papers
        .add("02:20:01", Record::Window { session: session(8), from: at("02:20:01"), until: at("02:50:01") });
    papers.call_from("02:20:02", CLOSER, "iam ListAccessKeys", &agent(session(8)));
    papers.call_from("02:20:03", CLOSER, "iam GetUser", &agent(session(7)));
    papers.call_from("02:35:00", CLOSER, "iam GetUser", &agent(session(7)));
    let packet = papers.packet();
    let at_clock = |clock| {
        let call = call_at(&packet, clock);
        (call.when, call.other_session)
    };
    assert_eq!(at_clock("02:20:02"), (CallTiming::OtherSession, Some(session(8))));
    assert_eq!(at_clock("02:20:03"), (CallTiming::Inside, None));
    assert_eq!(
        at_clock("02:35:00"),
        (CallTiming::After, None),
        "a call with this session's id should not be attributed to another session"
    );
    // The caller can choose the user agent. Without signed approvals of the other session, no call belongs to that
    // session.
    papers.without(|record| matches!(record, Record::Approval { session: of, .. } if *of == session(8)));
    let packet = papers.packet();
    assert_eq!(call_at(&packet, "02:20:02").when, CallTiming::Inside);
    assert!(has(&packet, "calls_of_another_session"), "{:?}", packet.findings);
}

#[test]
fn an_unexpected_refusal_is_a_finding_and_an_expected_error_is_not() {
    let answer = |key: &str, call: &str, error: &str| {
        let mut papers = Papers::of("x").queried();
        papers.call("02:16:59", key, call, Some(error));
        let packet = papers.packet();
        let refused = has(&packet, "calls_refused");
        assert_eq!(refused, has_to_do(&packet, "explain_refused_calls"));
        (call_at(&packet, "02:16:59").answer, refused)
    };
    let (expected, refused) = ((CallAnswer::ExpectedError, false), (CallAnswer::Refused, true));
    assert_eq!(answer(OPENER, "iam GetLoginProfile", "NoSuchEntity"), expected);
    assert_eq!(answer(CLOSER, "iam GetUserPolicy", "NoSuchEntityException"), expected);
    assert_eq!(answer(EMERGENCY, "sns ListTopics", "AuthorizationError"), expected);
    assert_eq!(answer(OPENER, "iam GetLoginProfile", "AccessDenied"), refused);
    assert_eq!(answer(OPENER, "iam DetachUserPolicy", "NoSuchEntity"), refused, "a write should succeed");
    assert_eq!(
        answer(ISSUED, "s3 GetBucketAcl", "NoSuchEntity"),
        refused,
        "the program never makes this read, so NoSuchEntity should count as refused"
    );
}
