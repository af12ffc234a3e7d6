//! The findings about calls: calls outside of the window, calls that the program never makes, refused calls, and calls
//! without this session's id.

use std::collections::BTreeMap;

use super::finding::{Finding, FindingId, Severity};
use crate::gate::SessionId;
use crate::review::facts::calls::{ApiCall, CallPurpose, CallerKind, count};
use crate::review::wording::{NAMES, calls_of, service};

/// How many actions a finding about a group of calls lists at most.
const LISTED: usize = 10;

pub(super) fn of(calls: &[ApiCall]) -> Vec<Finding> {
    let mut all = Vec::new();
    for (principal, who) in NAMES {
        let outside = count(calls, |call| call.principal == principal && call.is_outside());
        if outside > 0 {
            // An administrator can change the user before and after a session, for example to rotate the user's
            // credentials.
            let severity = if principal == CallerKind::Other { Severity::Explain } else { Severity::Problem };
            let what = format!("{} by {who} outside the window", calls_of(outside));
            all.push(Finding { id: FindingId::CallsOutsideWindow, severity, what });
        }
        let unexpected = |call: &ApiCall| {
            call.principal == principal && call.kind == CallPurpose::Unexpected && call.is_inside()
        };
        let unexpected = count(calls, unexpected);
        if unexpected > 0 {
            let what =
                format!("{} by {who} in the window that the program never makes", calls_of(unexpected));
            all.push(Finding { id: FindingId::CallsUnexpected, severity: Severity::Problem, what });
        }
    }
    let refused = count(calls, |call| call.is_refused() && call.is_inside());
    if refused > 0 {
        let what = format!("{} in the window refused by AWS", calls_of(refused));
        all.push(Finding { id: FindingId::CallsRefused, severity: Severity::Explain, what });
    }
    for (group, calls) in groups(calls, ApiCall::has_other_id) {
        let id = group.carried.map(|id| id.to_string()).unwrap_or_default();
        let what = describe(&group, &calls, &format!("with the id of session {id}"));
        all.push(Finding { id: FindingId::CallsOfAnotherSession, severity: Severity::Problem, what });
    }
    for (group, calls) in groups(calls, ApiCall::lacks_id) {
        let what = describe(&group, &calls, "without a session id");
        all.push(Finding { id: FindingId::CallsWithoutSessionId, severity: Severity::Explain, what });
    }
    all
}

/// The properties that all calls of one finding have in common.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct CallGroup<'a> {
    principal: CallerKind,
    source_address: Option<&'a str>,
    user_agent: Option<&'a str>,
    carried: Option<SessionId>,
}

/// Groups the calls for which `is` returns true.
fn groups(calls: &[ApiCall], is: fn(&ApiCall) -> bool) -> BTreeMap<CallGroup<'_>, Vec<&ApiCall>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for call in calls.iter().filter(|call| is(call)) {
        let group = CallGroup {
            principal: call.principal,
            source_address: call.source_address.as_deref(),
            user_agent: call.user_agent.as_deref(),
            carried: call.carried_session,
        };
        groups.entry(group).or_default().push(call);
    }
    groups
}

/// Describes a group of calls: the caller, the actions, the source address and the user agent.
fn describe(group: &CallGroup<'_>, calls: &[&ApiCall], with: &str) -> String {
    let who =
        NAMES.iter().find(|(kind, _)| *kind == group.principal).map_or("an unknown caller", |(_, who)| who);
    let mut actions: BTreeMap<String, usize> = BTreeMap::new();
    for call in calls {
        *actions.entry(service(call)).or_default() += 1;
    }
    let mut listed: Vec<_> =
        actions.iter().take(LISTED).map(|(action, count)| format!("{action} ({count})")).collect();
    if let Some(more) = actions.len().checked_sub(LISTED).filter(|more| *more > 0) {
        listed.push(format!("and {more} more actions"));
    }
    let listed = listed.join(", ");
    format!(
        "{} by {who} in the window {with}: {listed}; source address {}, user agent {}",
        calls_of(calls.len()),
        group.source_address.unwrap_or("not known"),
        group.user_agent.unwrap_or("not known")
    )
}
