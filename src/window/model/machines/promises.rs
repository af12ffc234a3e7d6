//! The promises that the program keeps when several machines use the same vault.

use std::collections::BTreeMap;

use iam_rs::{Arn, Context, Decision, IAMPolicy, IAMRequest, Principal, PrincipalId, evaluate_policies};

use super::facts::{Facts, Over};
use super::hash::QuickMap;
use super::iam::{Iam, World, at, seconds};
use super::process::{Ended, Report, Role};
use crate::time_text::iso;

const DENY_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;

/// A promise that a schedule breaks.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Broken {
    /// 1. IAM accepts the key after the end in the gate, or without a gate.
    Unbounded,
    /// 2. A process reported that access is closed, but IAM accepts the key.
    FalselyClosed,
    /// 3. A process that wrote to IAM has ended, IAM still accepts the key, and the process's report names no end of
    ///    access or too early an end.
    EndNotNamed,
    /// 3. All processes have ended, IAM accepts the key, and no report names the end of access.
    OpenUnreported,
    /// 4. A process wrote to IAM although it had read that another session has an open window.
    EndsOther,
    /// 5. A process reported a plain success although it had read that its window was ended or replaced.
    PlainSuccess,
}

/// Checks the promises, and counts the steps that break each promise.
#[derive(Default)]
pub(super) struct Promises {
    /// Whether IAM accepts the key in each world.
    judged: QuickMap<World, bool>,
    /// For each promise: the first state that breaks it, and the number of steps that break it.
    pub(super) broken: BTreeMap<Broken, (u32, usize)>,
}

impl Promises {
    pub(super) fn note(&mut self, broken: Broken, state: u32) {
        self.broken.entry(broken).or_insert((state, 0)).1 += 1;
    }

    /// Checks the promises that hold in every state.
    pub(super) fn bounded(&mut self, iam: &Iam, world: World) -> Vec<Broken> {
        let is_open = *self.judged.entry(world).or_insert_with(|| {
            let is_open = judge(iam, world);
            assert_eq!(is_open, iam.is_usable(world), "the user in memory should agree with IAM's policies");
            is_open
        });
        let end = end(iam, world);
        let is_bounded = !is_open || end.is_some_and(|end| world.clock < end);
        let is_endless = world.user.active && !world.user.denied && end.is_none();
        if is_bounded && !is_endless { Vec::new() } else { vec![Broken::Unbounded] }
    }

    /// Checks the promises about one step of a process.
    pub(super) fn step(
        iam: &Iam,
        world: World,
        role: Role,
        (was, facts): (&Facts, &Facts),
        report: Option<&Report>,
    ) -> Vec<Broken> {
        let mut broken = Vec::new();
        if facts.ends_other && !was.ends_other && !matches!(role, Role::CloseAll) {
            broken.push(Broken::EndsOther);
        }
        let Some(report) = report else { return broken };
        if facts.sees_end && report.is_plain_success() {
            broken.push(Broken::PlainSuccess);
        }
        if iam.is_usable(world) {
            if report.ended == Ended::Closed {
                broken.push(Broken::FalselyClosed);
            } else if report.ended != Ended::Untouched && report.named < end(iam, world) {
                broken.push(Broken::EndNotNamed);
            }
        }
        broken
    }

    /// Checks the promises about the end of all processes.
    pub(super) fn at_end(iam: &Iam, world: World, roles: &[Role], overs: &[Over]) -> Vec<Broken> {
        if !iam.is_usable(world) {
            return Vec::new();
        }
        let gate = world.user.gate.map(|id| iam.gate(id));
        let end = gate.map(|gate| seconds(gate.until));
        let is_named = overs.iter().filter_map(|over| over.report.as_ref()).any(|report| report.named >= end);
        let owner = overs.iter().find(|over| roles[over.process].session() == gate.map(|gate| gate.session));
        let is_killed = owner.is_some_and(|owner| owner.report.is_none() && owner.facts.until >= end);
        if is_named || is_killed { Vec::new() } else { vec![Broken::OpenUnreported] }
    }
}

/// Returns the end of access in the gate, in seconds since the start.
fn end(iam: &Iam, world: World) -> Option<i64> {
    world.user.gate.map(|id| seconds(iam.gate(id).until))
}

/// Whether IAM accepts the key: the key is active, and the policies allow the probe's action. The policy evaluator
/// shares no code with the program.
fn judge(iam: &Iam, world: World) -> bool {
    let policy = |text: &str| IAMPolicy::from_json(text).expect("a policy");
    let gate = world.user.gate.map(|id| policy(&iam.document(id).to_string()));
    let policies: Vec<_> = gate.into_iter().chain(world.user.denied.then(|| policy(DENY_ALL))).collect();
    let context = Context::new()
        .with_string("aws:CurrentTime", iso(at(world.clock)))
        .with_string("aws:RequestedRegion", "eu-west-1");
    let request = IAMRequest::new_with_context(
        Principal::Aws(PrincipalId::String("arn:aws:iam::111122223333:user/emergency".into())),
        "sns:ListTopics",
        Arn::parse("arn:aws:sns:eu-west-1:111122223333:any").expect("an ARN"),
        context,
    );
    world.user.active && matches!(evaluate_policies(&policies, &request), Ok(Decision::Allow))
}
