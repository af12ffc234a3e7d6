//! Finds the session id in a CloudTrail event. The program and the operator's command put the id into the user agent of
//! each call. AWS puts the id into the identity of each role session and federated user.

use serde::Serialize;
use serde_json::Value;

use crate::gate::SessionId;

/// The text before the session's name in a user agent. AWS SDKs write the value of `AWS_SDK_UA_APP_ID` after `app/`.
const APP: &str = "app/";

/// How the session id in a call compares with the id of the reviewed session.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CarriedId {
    /// The call contains the id of this session and no other session id.
    This,
    /// The call contains the id of another session.
    Other,
    /// The call contains no session id.
    Missing,
    /// No session id is expected, because the caller is not part of the session, or because an AWS service made the
    /// call.
    NotExpected,
}

impl CarriedId {
    /// Compares the session id in a call with the id of `session`. `is_expected` is false if the call need not contain
    /// an id.
    pub(super) fn of(carried: Option<SessionId>, session: SessionId, is_expected: bool) -> Self {
        match carried {
            _ if !is_expected => Self::NotExpected,
            Some(id) if id == session => Self::This,
            Some(_) => Self::Other,
            None => Self::Missing,
        }
    }
}

/// Chooses one of the session ids in a call. Returns an id that differs from `session`, if there is one.
pub(super) fn carried(ids: &[SessionId], session: SessionId) -> Option<SessionId> {
    ids.iter().find(|id| **id != session).or(ids.first()).copied()
}

/// Returns the session ids in an event's JSON. An id can be in the user agent, in the source identity, or in the name
/// of a role session or federated user.
pub(super) fn ids(event: &Value) -> Vec<SessionId> {
    let text = |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let is_separator = |c: char| c.is_whitespace() || "[](),;".contains(c);
    let apps = text("/userAgent").split(is_separator).filter_map(|word| word.strip_prefix(APP));
    let is_session = matches!(text("/userIdentity/type"), "AssumedRole" | "FederatedUser");
    let name = text("/userIdentity/arn").rsplit('/').next().filter(|_| is_session);
    let names = apps.chain(name).chain([text("/userIdentity/sessionContext/sourceIdentity")]);
    let mut found = Vec::new();
    for id in names.filter_map(SessionId::of_traced) {
        if !found.contains(&id) {
            found.push(id);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn session(number: u8) -> SessionId {
        SessionId::from_bytes([number; 8])
    }

    fn in_agent(agent: &str) -> Vec<SessionId> {
        ids(&json!({ "userAgent": agent }))
    }

    #[test]
    fn a_session_id_is_found_in_each_field_that_can_contain_one() {
        let (id, agent) =
            (session(7), "aws-cli/2.15.0 md/awscrt#0.19.19 app/breakglass-0707070707070707 exec/x");
        assert_eq!(in_agent(agent), [id]);
        assert_eq!(in_agent("[aws-sdk-rust/1.3.9 ua/2.1 app/breakglass-0707070707070707]"), [id]);
        let role = json!({"userIdentity": {"type": "AssumedRole",
            "arn": "arn:aws:sts::111122223333:assumed-role/Emergency/breakglass-0707070707070707"}});
        assert_eq!(ids(&role), [id]);
        let federated = json!({"userIdentity": {"type": "FederatedUser",
            "arn": "arn:aws:sts::111122223333:federated-user/breakglass-0707070707070707"}});
        assert_eq!(ids(&federated), [id]);
        let source = json!({"userIdentity": {"type": "AssumedRole",
            "sessionContext": {"sourceIdentity": "breakglass-0707070707070707"}}});
        assert_eq!(ids(&source), [id]);
    }

    #[test]
    fn text_that_only_resembles_a_session_id_is_ignored() {
        for agent in [
            "",
            "aws-cli/2.15.0",
            "aws-cli/2.15.0 app/breakglass",
            "app/breakglass-070707070707070",
            "app/breakglass-07070707070707070",
            "app/breakglass-ABCDEF0707070707",
            "app/other-0707070707070707",
            "lib/breakglass-0707070707070707",
            "breakglass-0707070707070707",
            "xapp/breakglass-0707070707070707",
        ] {
            assert_eq!(in_agent(agent), [], "{agent}");
        }
        let user = json!({"userIdentity": {"type": "IAMUser",
            "arn": "arn:aws:iam::111122223333:user/breakglass-0707070707070707"}});
        assert_eq!(ids(&user), [], "the name of an IAM user is not the name of a session");
    }

    #[test]
    fn two_session_ids_in_one_call_are_both_found() {
        let agent = "app/breakglass-0707070707070707 app/breakglass-0808080808080808";
        assert_eq!(in_agent(agent), [session(7), session(8)]);
    }
}
