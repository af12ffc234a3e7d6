//! What counts as the quarter's drill: a whole one, signed by a custodian of the vault, and not dated ahead.

mod packet;
mod soft;

use breakglass::custody::drill::{Drill, Expected};
use breakglass::ledger::{Entry, Record, Upkeep};
use jiff::Timestamp;
use packet::{Papers, of_drill as record};

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// Some nights of a vault that was sealed in September.
fn papers() -> Papers {
    let mut papers = Papers::of("x");
    papers.vault.manifest.created = "2026-09-01T00:00:00Z".into();
    papers
}

fn kept(papers: &Papers, records: Vec<Record>, now: &str) -> Upkeep {
    let entry = |record| Entry {
        v: 1,
        seq: 0,
        prev: String::new(),
        torn: None,
        at: at("2026-11-01T00:00:00Z"),
        record,
    };
    let entries: Vec<_> = records.into_iter().map(entry).collect();
    Upkeep::of(&entries, &papers.vault.manifest, at(now))
}

#[test]
fn a_quarter_after_it_was_sealed_or_practised_a_drill_is_due() {
    let papers = papers();
    assert!(kept(&papers, vec![], "2026-12-01T00:00:00Z").is_well());
    assert!(!kept(&papers, vec![], "2026-12-03T00:00:00Z").is_well());
    let drill = papers.drill("2026-11-01T00:00:00Z");
    let practised = record(&drill, Some(papers.sign_drill(&drill)));
    let upkeep = kept(&papers, vec![practised.clone()], "2026-12-03T00:00:00Z");
    assert!(upkeep.is_well() && upkeep.last_drill.as_ref().is_some_and(|last| last.whole), "{upkeep:?}");
    assert_eq!(upkeep.custodians[1].last, Some(at("2026-11-01T00:00:00Z")), "the second was there");
    assert_eq!(upkeep.custodians[2].last, None);
    assert!(!kept(&papers, vec![practised.clone()], "2027-02-02T00:00:00Z").is_well());

    let failed = Drill { passed: false, exit: 5, opened: false, ..drill };
    let failed = record(&failed, Some(papers.sign_drill(&failed)));
    let again = kept(&papers, vec![practised.clone(), failed.clone()], "2026-11-02T00:00:00Z");
    assert!(again.overdue[0].contains("did not pass"), "{again:?}");
    assert!(kept(&papers, vec![failed, practised], "2026-11-02T00:00:00Z").is_well(), "and one that did");
}

#[test]
fn what_nobody_signed_or_nobody_held_is_no_drill() {
    let papers = papers();
    let drill = papers.drill("2026-11-20T00:00:00Z");
    let now = "2026-12-03T00:00:00Z";
    let counts = |record: Record| {
        let kept = kept(&papers, vec![record], now);
        (kept.is_well(), kept.custodians[1].last.is_some())
    };
    let with = |change: &dyn Fn(&mut Drill)| {
        let mut drill = drill.clone();
        change(&mut drill);
        record(&drill, Some(papers.sign_drill(&drill)))
    };
    assert_eq!(counts(with(&|_| ())), (true, true), "the control");
    assert_eq!(counts(record(&drill, None)), (false, false), "unsigned");
    assert_eq!(counts(with(&|drill| drill.ended = at("2026-12-04T00:00:00Z"))), (false, false), "tomorrow's");
    assert_eq!(counts(with(&|drill| drill.drill_of = "another".into())), (false, false), "another vault's");
    assert_eq!(counts(with(&|drill| drill.signed_by = "mallory".into())), (false, false), "a stranger's");
    let nobody = with(&|drill| {
        (drill.custodians, drill.opened, drill.exit) = (Vec::new(), false, 3);
        drill.expected = Expected::NoQuorum;
    });
    assert_eq!(counts(nobody), (false, false), "everybody played absent");
    let refused = with(&|drill| (drill.opened, drill.closed, drill.exit) = (false, false, 5));
    assert_eq!(counts(refused), (false, true), "a quorum came, and nothing was opened and shut");
    // The record beside it says more than was signed.
    let mut padded = with(&|drill| drill.custodians.truncate(1));
    if let Record::Drill { custodians, .. } = &mut padded {
        custodians.clone_from(&drill.custodians);
    }
    assert_eq!(counts(padded), (false, false));
    let other = Papers::of("x");
    let strangers = other.sign_drill(&Drill { signed_by: drill.signed_by.clone(), ..drill.clone() });
    assert_eq!(counts(record(&drill, Some(strangers))), (false, false), "signed by another alice");
}
