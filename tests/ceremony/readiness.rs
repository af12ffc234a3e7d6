//! Tests which drills count as proof of a vault's readiness. A drill counts if the drill was complete, has the
//! signature of a custodian of the vault, and is not dated in the future.

use std::collections::BTreeSet;

use crate::drill_papers::of_drill as record;
use crate::packet::{Papers, session};
use breakglass::custody::statement::drill::{Drill, ExpectedOutcome};
use breakglass::ledger::{Entry, Readiness, Record, has_passed};
use jiff::Timestamp;

fn at(text: &str) -> Timestamp {
    text.parse().expect("the time should be valid")
}

/// Returns the data of a session whose vault was sealed in September.
fn papers() -> Papers {
    let mut papers = Papers::of("x");
    papers.vault.manifest.created = "2026-09-01T00:00:00Z".into();
    papers
}

fn entry(record: Record) -> Entry {
    Entry { v: 1, seq: 0, prev: String::new(), torn: None, at: at("2026-11-01T00:00:00Z"), record }
}

/// Returns the readiness that these records show. Each drill in the records is approved by two custodians.
fn kept(papers: &Papers, records: Vec<Record>, now: &str) -> Readiness {
    let sessions: BTreeSet<_> = records.iter().filter_map(Record::session).collect();
    let approved = sessions.into_iter().flat_map(|session| papers.drill_session(session, &[0, 1]));
    kept_without_approvals(papers, approved.chain(records).collect(), now)
}

fn kept_without_approvals(papers: &Papers, records: Vec<Record>, now: &str) -> Readiness {
    let entries: Vec<_> = records.into_iter().map(entry).collect();
    Readiness::of(&entries, &papers.vault.manifest, at(now))
}

#[test]
fn a_drill_is_due_a_quarter_after_the_sealing_or_after_the_last_drill() {
    let papers = papers();
    assert!(kept(&papers, vec![], "2026-12-01T00:00:00Z").is_ready());
    assert!(!kept(&papers, vec![], "2026-12-03T00:00:00Z").is_ready());
    let drill = papers.drill("2026-11-01T00:00:00Z");
    let complete = record(&drill, Some(papers.sign_drill(&drill)));
    let readiness = kept(&papers, vec![complete.clone()], "2026-12-03T00:00:00Z");
    assert!(
        readiness.is_ready() && readiness.last_drill.as_ref().is_some_and(|last| last.complete),
        "{readiness:?}"
    );
    assert!(!kept(&papers, vec![complete.clone()], "2027-02-02T00:00:00Z").is_ready());

    let failed = Drill {
        passed: false,
        exit: 5,
        opened: false,
        ended: at("2026-11-01T12:00:00Z"),
        session: session(2),
        ..drill
    };
    let failed = record(&failed, Some(papers.sign_drill(&failed)));
    let again = kept(&papers, vec![complete.clone(), failed.clone()], "2026-11-02T00:00:00Z");
    assert!(again.overdue[0].contains("did not pass"), "{again:?}");
    let later = Drill {
        ended: at("2026-11-03T00:00:00Z"),
        session: session(3),
        ..papers.drill("2026-11-01T00:00:00Z")
    };
    let later = record(&later, Some(papers.sign_drill(&later)));
    assert!(
        kept(&papers, vec![later, failed.clone()], "2026-11-04T00:00:00Z").is_ready(),
        "a later drill that passed should count"
    );
    // Only the signed time decides which drill is the last. The order of the records and duplicate records make no
    // difference.
    for order in [vec![failed.clone(), complete.clone()], vec![complete.clone(), failed, complete]] {
        assert!(!kept(&papers, order, "2026-11-02T00:00:00Z").is_ready());
    }
    let mut ahead = papers;
    ahead.vault.manifest.created = "2099-01-01T00:00:00Z".into();
    assert!(kept(&ahead, vec![], "2026-12-03T00:00:00Z").overdue[0].contains("in the future"));
}

#[test]
fn a_drill_without_signature_or_quorum_does_not_count() {
    let papers = papers();
    let drill = papers.drill("2026-11-20T00:00:00Z");
    let now = "2026-12-03T00:00:00Z";
    let counts = |record: Record| kept(&papers, vec![record], now).is_ready();
    let with = |change: &dyn Fn(&mut Drill)| {
        let mut drill = drill.clone();
        change(&mut drill);
        record(&drill, Some(papers.sign_drill(&drill)))
    };
    assert!(counts(with(&|_| ())), "the control: an unchanged drill should count");
    assert!(!counts(record(&drill, None)), "a drill without a signature should not count");
    assert!(
        !counts(with(&|drill| drill.ended = at("2026-12-04T00:00:00Z"))),
        "a drill that ends tomorrow should not count"
    );
    assert!(
        !counts(with(&|drill| drill.drill_of = "ab".repeat(16))),
        "a drill of another vault should not count"
    );
    assert!(
        !counts(with(&|drill| drill.custodian = "mallory".into())),
        "a drill that names a stranger as its signer should not count"
    );
    let all_absent = with(&|drill| {
        (drill.custodians, drill.opened, drill.exit) = (Vec::new(), false, 3);
        drill.expected = ExpectedOutcome::NoQuorum;
    });
    assert!(!counts(all_absent), "a drill with every custodian absent should not count");
    let refused = with(&|drill| (drill.opened, drill.closed, drill.exit) = (false, false, 5));
    assert!(!counts(refused), "a drill that opened nothing should not count");
    // The record names more custodians than the signed statement names.
    let mut padded = with(&|drill| drill.custodians.truncate(1));
    if let Record::Drill { custodians, .. } = &mut padded {
        custodians.clone_from(&drill.custodians);
    }
    assert!(!counts(padded), "one custodian should not count as a quorum");
    let other = Papers::of("x");
    let strangers = other.sign_drill(&Drill { custodian: drill.custodian.clone(), ..drill.clone() });
    assert!(
        !counts(record(&drill, Some(strangers))),
        "the signature of another vault's alice should not count"
    );
}

#[test]
fn a_drill_without_a_quorum_of_valid_approvals_is_not_complete() {
    let papers = papers();
    let drill = papers.drill("2026-11-20T00:00:00Z");
    let signed = record(&drill, Some(papers.sign_drill(&drill)));
    let is_complete = |session: Vec<Record>| {
        let records = session.into_iter().chain([signed.clone()]).collect();
        let readiness = kept_without_approvals(&papers, records, "2026-12-03T00:00:00Z");
        let last = readiness.last_drill.as_ref().expect("a drill");
        assert!(last.passed && last.signed, "{readiness:?}");
        assert_eq!(last.complete, readiness.is_ready(), "{readiness:?}");
        last.complete
    };
    let approved = papers.drill_session(session(7), &[0, 1]);
    assert!(is_complete(approved.clone()), "the control: two custodians approved the drill");
    assert!(!is_complete(Vec::new()), "the ledger has no records of the session");
    assert!(!is_complete(papers.drill_session(session(7), &[0])), "one custodian approved the drill");
    assert!(
        !is_complete(papers.drill_session(session(7), &[0, 0])),
        "one custodian approved the drill twice"
    );
    assert!(!is_complete(papers.drill_session(session(8), &[0, 1])), "another session was approved");
    assert!(!is_complete(papers.drill_session(session(7), &[0, 2])), "carol approved, but gave no share");
    let changed = |change: &dyn Fn(&mut Record)| {
        let mut records = approved.clone();
        records.iter_mut().for_each(change);
        is_complete(records)
    };
    let another_reason = changed(&|record| {
        if let Record::Intent { reason, .. } = record {
            reason.push('!');
        }
    });
    assert!(!another_reason, "the custodians approved another reason");
    let not_a_drill = changed(&|record| {
        if let Record::Intent { drill_of, .. } = record {
            *drill_of = None;
        }
    });
    assert!(!not_a_drill, "an opening that is not a drill should not count");
    let renamed = changed(&|record| {
        if let Record::Approval { custodian, .. } = record {
            *custodian = "alice".into();
        }
    });
    assert!(!renamed, "bob's approval under alice's name should not count");
}

#[test]
fn the_result_of_a_drill_without_valid_approvals_is_failed() {
    let papers = papers();
    let drill = papers.drill("2026-11-20T00:00:00Z");
    let passed = |drill: &Drill, places: &[usize]| {
        let records = papers.drill_session(session(7), places).into_iter().map(entry).collect::<Vec<_>>();
        has_passed(drill, &records.iter().collect::<Vec<_>>(), &papers.vault.manifest)
    };
    assert!(passed(&drill, &[0, 1]), "the control: two custodians approved the drill");
    assert!(!passed(&drill, &[0]), "one custodian approved the drill");
    assert!(!passed(&Drill { exit: 1, ..drill.clone() }, &[0, 1]), "the opening failed");
    let refused =
        Drill { expected: ExpectedOutcome::RefusedUnopened, opened: false, closed: false, exit: 5, ..drill };
    assert!(passed(&refused, &[]), "a drill that must not open access passes without approvals");
}

#[test]
fn a_signed_approval_and_a_later_share_prove_possession_of_token_and_part() {
    let papers = Papers::of("x");
    let proven = |papers: &Papers| {
        let readiness = Readiness::of(&papers.entries, &papers.vault.manifest, at("2026-11-23T00:00:00Z"));
        readiness.custodians.iter().map(|proof| proof.last_used.is_some()).collect::<Vec<_>>()
    };
    assert_eq!(proven(&papers), [true, true, false]);
    let mut without = Papers::of("x");
    without.without(|record| matches!(record, Record::Share { .. }));
    assert_eq!(proven(&without), [false; 3], "an approval without a share should prove no use of a token");
    let mut without = Papers::of("x");
    without.without(|record| matches!(record, Record::Approval { .. }));
    assert_eq!(proven(&without), [false; 3], "a share without an approval should prove no use of a token");
    let mut other = Papers::of("x");
    other.vault.manifest.custodians[0].enrolment = "ab".repeat(16);
    assert_eq!(
        proven(&other),
        [false, true, false],
        "a signature from an earlier enrolment should prove no use of a token"
    );
}
