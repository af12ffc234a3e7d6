//! The calls that the emulated AWS received, and rules that hold, drop, fail or delay a call.

use super::Aws;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// One call that the emulated AWS received.
#[derive(Clone, Debug, Deserialize)]
pub struct Call {
    /// The time at which the call arrived, in seconds since 1970.
    pub time: f64,
    /// The account of the signing key, if known.
    pub account: Option<String>,
    /// The access key that signed the call.
    pub key: String,
    /// The name of the user who owns the signing key, or `root`.
    pub principal: Option<String>,
    /// The AWS service, such as `iam`.
    pub service: String,
    /// The region that the call's signature names.
    pub region: String,
    /// The API action that was called, such as `PutUserPolicy`.
    pub action: String,
    pub params: Value,
    /// The HTTP status of the answer. `None` if the call never took effect.
    #[serde(default)]
    pub status: Option<u16>,
    /// The error code with which AWS refused the call.
    #[serde(default)]
    pub code: Option<String>,
    /// The outcome of the call: `answered`, `dropped`, `late` or `failed`.
    #[serde(default)]
    pub outcome: String,
    /// The call's user agent.
    #[serde(default)]
    pub agent: String,
    pub(super) rig: bool,
}

/// Selects calls, and decides what happens to the selected calls. For example, `Rule::after("DetachUserPolicy").nth(2)`
/// holds the reply to the second call of this action.
#[derive(Clone, Debug)]
#[must_use]
pub struct Rule(Value);

impl Rule {
    /// Creates a rule that acts before a call of this action takes effect. `"*"` stands for any action.
    pub fn before(action: &str) -> Rule {
        Rule(json!({"action": action, "when": "before", "do": "hold"}))
    }

    /// Creates a rule that acts after the call took effect and before the reply is sent.
    pub fn after(action: &str) -> Rule {
        Rule(json!({"action": action, "when": "after", "do": "hold"}))
    }

    /// Selects the nth matching call. The first matching call after the rule is set has the number 1.
    pub fn nth(self, nth: u32) -> Rule {
        self.with("nth", json!(nth))
    }

    /// Selects this many matching calls in a row.
    pub fn times(self, times: u32) -> Rule {
        self.with("times", json!(times))
    }

    /// Selects only calls for this account.
    pub fn account(self, id: &str) -> Rule {
        self.with("account", json!(id))
    }

    /// Selects only calls of this service.
    pub fn service(self, service: &str) -> Rule {
        self.with("service", json!(service))
    }

    /// Selects only calls in this region.
    pub fn region(self, region: &str) -> Rule {
        self.with("region", json!(region))
    }

    /// Selects only writes: all calls except those whose action starts with `Get` or `List`.
    pub fn writes(self) -> Rule {
        self.with("writes", json!(true))
    }

    /// Selects only calls that this access key signed.
    pub fn key(self, key: &str) -> Rule {
        self.with("key", json!(key))
    }

    /// Closes the connection without a reply, instead of holding the call.
    pub fn lose(self) -> Rule {
        self.with("do", json!("drop"))
    }

    /// Answers with this status and error code, instead of holding the call.
    pub fn fail(self, status: u16, code: &str) -> Rule {
        self.with("do", json!("fail")).with("status", json!(status)).with("code", json!(code))
    }

    /// Closes the connection at once and lets the call take effect after this delay, instead of holding the call.
    pub fn late(self, by: Duration) -> Rule {
        self.with("do", json!("late")).with("when", json!("before")).with("seconds", json!(by.as_secs_f64()))
    }

    fn with(mut self, name: &str, value: Value) -> Rule {
        self.0[name] = value;
        self
    }
}

/// An active rule. Dropping this value releases the held call and removes the rule.
#[must_use = "the rule is removed when this value is dropped"]
pub struct ActiveRule {
    aws: Aws,
    number: u64,
}

impl ActiveRule {
    pub(super) fn set(aws: Aws, rule: Rule) -> ActiveRule {
        let Rule(rule) = rule;
        let number = aws.steer("POST", "rule", &rule)["rule"]
            .as_u64()
            .expect("launch.py should return the rule's number");
        ActiveRule { aws, number }
    }

    /// Waits until a call has matched the rule. Returns `None` if the wait is longer than `patience`.
    pub fn wait(&self, patience: Duration) -> Option<Call> {
        let path = format!("held?rule={}&timeout={}", self.number, patience.as_secs_f64());
        let call = self.aws.steer("GET", &path, &Value::Null)["call"].take();
        (!call.is_null()).then(|| serde_json::from_value(call).expect("launch.py should return a call"))
    }

    /// Releases the held call or reply, and removes the rule.
    pub fn release(self) {}
}

impl Drop for ActiveRule {
    fn drop(&mut self) {
        self.aws.steer("POST", "release", &json!({"rule": self.number}));
    }
}
