//! The proof that access is closed, in both lanes: AWS refuses access several times in a row.

use std::time::Duration;

use jiff::SignedDuration;

use super::host::{Clock, Patience};

/// Refusals in a row that are a proof. IAM is eventually consistent, so a single one may come from before the opening.
const IN_A_ROW: u32 = 4;
pub(super) const BETWEEN_LOOKS: Duration = Duration::from_millis(400);
/// How long a proof may take, by AWS's clock. A write of IAM is usually seen within seconds.
const PATIENCE: SignedDuration = SignedDuration::from_mins(2);

/// Access that has to be proven closed.
pub(super) trait ClosedAccess {
    /// Looks once; returns whether AWS refuses access.
    async fn is_refused(&mut self) -> bool;

    /// Whether nothing is left to do but prove. After [`IN_A_ROW`] refusals the looks go on until this is true.
    fn is_settled(&self, _waited: SignedDuration) -> bool {
        true
    }

    /// Does what is left to do after a look that was not the last; returns the pause before the next one.
    async fn settle(&mut self, _refused: bool, _waited: SignedDuration) -> Duration {
        BETWEEN_LOOKS
    }
}

/// Looks until access was refused [`IN_A_ROW`] times; false if [`PATIENCE`] or the operator's ended first.
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
        if waited >= PATIENCE || host.gave_up() {
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

    /// What the looks show in turn; the last answer repeats.
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

    /// Whether the looks prove it, and how many were taken.
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
            "an accepted call starts again"
        );
    }

    #[test]
    fn without_refusals_in_a_row_the_proof_ends_unproven() {
        // A pause of the fake user takes one second: one look each, and one at two minutes.
        assert_eq!(proven(&[false], false), (false, 121));
        assert_eq!(proven(&[true, false], true), (false, 1), "the operator gave up");
    }
}
