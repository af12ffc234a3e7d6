//! What the proof of a close has shown, and what it has not.

/// What AWS refused during the proof. A session that another process issued is never probed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Refusals {
    /// Why the sealed key was refused; `None` if it was not probed.
    pub key: Option<KeyRefusal>,
    /// Whether the session that this process issued was refused.
    pub session: bool,
}

/// Why AWS refused the sealed key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyRefusal {
    /// By policy, while the key was active and before T1. The deny also holds for every session of the user.
    ByPolicy,
    /// T1 had passed, so the gate itself refuses, whatever the close did.
    AfterEnd,
    /// The key is inactive. This does not end sessions, and it is so whatever the policies are.
    Inactive,
}

impl Refusals {
    /// Whether the refusals show that policy ends access, rather than only that the key is inactive.
    pub fn probed(self) -> bool {
        self.session || matches!(self.key, Some(KeyRefusal::ByPolicy | KeyRefusal::AfterEnd))
    }
}
