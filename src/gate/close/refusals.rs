//! The refusals by AWS that the proof of a close is based on.

/// What AWS refused during the proof. A session that another process issued is never probed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Refusals {
    /// Why AWS refused the sealed key. `None` if the program did not probe with the key.
    pub key: Option<KeyRefusal>,
    /// Whether the session that this process issued was refused.
    pub session: bool,
}

/// Why AWS refused the sealed key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyRefusal {
    /// A policy refused the key while the key was active, before T1. The deny is therefore in effect, and it also
    /// applies to every session of the user.
    ByPolicy,
    /// T1 had passed, so the gate itself refused the key. This refusal does not depend on the close.
    AfterEnd,
    /// The key is inactive. AWS refuses an inactive key regardless of the policies, but the user's sessions continue.
    Inactive,
}

impl Refusals {
    /// Whether the refusals show that a policy ended access. A refusal only because the key is inactive does not show
    /// this.
    pub fn probed(self) -> bool {
        self.session || matches!(self.key, Some(KeyRefusal::ByPolicy | KeyRefusal::AfterEnd))
    }
}
