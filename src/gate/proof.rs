//! Proves that access is closed: AWS must refuse access several times in a row. Both lanes, `gate` and `static`, use
//! the same proof.

use std::time::Duration;

use jiff::SignedDuration;

use super::host::{Clock, Patience};

/// The number of refusals in a row that prove that access is closed. IAM is eventually consistent, so a single refusal
/// can come from the state before the opening.
pub(super) const IN_A_ROW: u32 = 4;
pub(super) const BETWEEN_LOOKS: Duration = Duration::from_millis(400);
/// How long the program tries to prove that access is closed, by AWS's clock. A write to IAM is usually visible within seconds.
const PATIENCE: SignedDuration = SignedDuration::from_mins(2);

/// The checks that prove that the access of one user or role is closed.
pub(super) trait ClosedAccess {
    /// Checks once and returns whether AWS refuses access.
    async fn is_refused(&mut self) -> bool;

    /// Whether the proof has become impossible. An impossible proof ends the checks.
    fn is_hopeless(&self) -> bool {
        false
    }

    /// Whether the work beside the proof is done, for example the repetition of failed writes. After [`IN_A_ROW`]
    /// refusals, the checks continue until this method returns true.
    fn is_settled(&self, _waited: SignedDuration) -> bool {
        true
    }

    /// Does the work beside the proof, for example the repetition of failed writes. Returns the pause before the next
    /// check.
    async fn settle(&mut self, _refused: bool, _waited: SignedDuration) -> Duration {
        BETWEEN_LOOKS
    }
}

/// Checks until AWS has refused access [`IN_A_ROW`] times in a row. Returns false if [`PATIENCE`] ends or the operator
/// stops waiting before the proof is complete.
pub(super) async fn prove(access: &mut impl ClosedAccess, host: &(impl Clock + Patience)) -> bool {
    let since = host.now();
    let mut in_a_row = 0;
    loop {
        let refused = access.is_refused().await;
        in_a_row = if refused { in_a_row + 1 } else { 0 };
        let waited = host.now().duration_since(since);
        if in_a_row >= IN_A_ROW && (access.is_settled(waited) || host.gave_up()) {
            return true;
        }
        if waited >= PATIENCE || host.gave_up() || access.is_hopeless() {
            return false;
        }
        let pause = access.settle(refused, waited).await;
        host.pause(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::fake::{FakeUser, now};

    /// The results of successive checks. The last result repeats.
    struct Looks {
        answers: &'static [bool],
        taken: usize,
    }

    impl ClosedAccess for Looks {
        async fn is_refused(&mut self) -> bool {
            self.taken += 1;
            self.answers[(self.taken - 1).min(self.answers.len() - 1)]
        }
    }

    /// Returns whether the checks prove that access is closed, and how many checks were made.
    fn proven(answers: &'static [bool], gave_up: bool) -> (bool, usize) {
        let user = FakeUser::at_rest();
        user.gave_up.set(gave_up);
        let mut looks = Looks { answers, taken: 0 };
        (now(prove(&mut looks, &user)), looks.taken)
    }

    #[test]
    fn only_refusals_in_a_row_prove_that_access_is_closed() {
        assert_eq!(proven(&[true], false), (true, 4));
        assert_eq!(
            proven(&[true, true, true, false, true], false),
            (true, 8),
            "an accepted call should restart the count"
        );
    }

    #[test]
    fn without_enough_refusals_in_a_row_the_proof_fails() {
        // With the fake user, each pause lasts one second, so 121 checks fit into two minutes.
        assert_eq!(proven(&[false], false), (false, 121));
        assert_eq!(
            proven(&[true, false], true),
            (false, 1),
            "nothing should be proven if the operator gives up"
        );
    }
}
