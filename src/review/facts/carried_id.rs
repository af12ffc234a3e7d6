//! The session id that a call carries. The program and the command in the window put the id into the user agent of
//! each call. AWS puts the id into the identity of each session that is issued under a name.

use serde::Serialize;
use serde_json::Value;

use crate::gate::SessionId;

/// The part of a user agent before the session's name. SDKs write the value of `AWS_SDK_UA_APP_ID` in this form.
const APP: &str = "app/";

/// The session id that a call carries, compared with the session of the review.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CarriedId {
    /// The call carries this session's id, and no other id.
    This,
    /// The call carries the id of another session.
    Other,
    /// The call carries no session id.
    Missing,
    /// No session id is expected: the caller is not part of the session, or an AWS service made the call.
    NotExpected,
}

impl CarriedId {
    /// Compares the id that a call carries with the id of `session`. `is_expected` is false if the call need not
    /// carry an id.
    pub(super) fn of(carried: Option<SessionId>, session: SessionId, is_expected: bool) -> Self {
        match carried {
            _ if !is_expected => Self::NotExpected,
            Some(id) if id == session => Self::This,
            Some(_) => Self::Other,
            None => Self::Missing,
        }
    }
}

/// Returns the id that a call with these ids carries. If one of the ids is not the id of `session`, returns that id.
pub(super) fn carried(ids: &[SessionId], session: SessionId) -> Option<SessionId> {
    ids.iter().find(|id| **id != session).or(ids.first()).copied()
}

/// Returns the session ids in an event's JSON: in the user agent, in the source identity, and in the name of a role
/// session or a federated user.
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
    fn an_id_is_found_in_each_place_where_a_call_can_carry_it() {
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
    fn text_that_only_resembles_an_id_is_not_an_id() {
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
    fn a_second_id_in_the_same_call_is_found() {
        let agent = "app/breakglass-0707070707070707 app/breakglass-0808080808080808";
        assert_eq!(in_agent(agent), [session(7), session(8)]);
    }
}
