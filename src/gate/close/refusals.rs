//! The refusals by AWS that prove that access is closed.

/// What AWS refused during the proof. The program never probes a session that another process issued.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Refusals {
    /// Why AWS refused the sealed key. `None` if the program did not probe with the sealed key.
    pub key: Option<KeyRefusal>,
    /// Whether AWS refused the session that this process issued.
    pub session: bool,
}

/// Why AWS refused the sealed key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyRefusal {
    /// A policy refused the key while the key was active, before T1. `AWSDenyAll` is therefore in effect. `AWSDenyAll`
    /// also applies to every session of the user.
    ByPolicy,
    /// T1 had passed, so the gate refused the key. The gate's refusal does not depend on the close.
    AfterEnd,
    /// The key is inactive. AWS refuses an inactive key, but the user's sessions can continue.
    Inactive,
}

impl Refusals {
    /// Whether the refusals show that a policy ended access. If AWS refused the key only because the key is inactive,
    /// the sessions of the user might still have access.
    pub fn probed(self) -> bool {
        self.session || matches!(self.key, Some(KeyRefusal::ByPolicy | KeyRefusal::AfterEnd))
    }
}
