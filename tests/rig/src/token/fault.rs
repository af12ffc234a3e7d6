//! Faults that tests inject. Each fault happens once.

use super::Fault;
use super::card::Card;
use super::management::random;

impl Card {
    /// Returns garbage if `Fault::Garbage` is pending.
    pub(super) fn garbage(&mut self) -> Option<Vec<u8>> {
        self.take(Fault::Garbage).then(|| random(7))
    }

    /// Returns the result. Changes the result's last byte if `Fault::WrongResult` is pending.
    pub(super) fn spoiled(&mut self, mut result: Vec<u8>) -> Vec<u8> {
        if self.take(Fault::WrongResult)
            && let Some(last) = result.last_mut()
        {
            *last ^= 0xff;
        }
        result
    }

    /// Counts one private-key operation. Unplugs the token if `Fault::UnplugAtUse` is due at this operation.
    pub(super) fn count_use(&mut self) {
        for fault in &mut self.faults {
            if let Fault::UnplugAtUse(n) = fault {
                *n = n.saturating_sub(1);
            }
        }
        if self.take(Fault::UnplugAtUse(0)) {
            self.unplugged = true;
        }
    }

    fn take(&mut self, fault: Fault) -> bool {
        let at = self.faults.iter().position(|&f| f == fault);
        at.map(|at| self.faults.remove(at)).is_some()
    }
}
