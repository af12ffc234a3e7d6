//! A damaged vault, through the program: refused at 64 places, before anything is enabled.

use rig::night::Night;
use rig::pty::End;

use crate::PROGRAM;

const PLACES: usize = 64;

#[test]
fn a_vault_changed_in_any_of_64_places_is_refused_before_anything_is_enabled() {
    let Night { office, account, .. } =
        Night::new(PROGRAM, "damaged", &["alice", "bob"]).plugged(&["alice", "bob"]);
    let vault = std::fs::read(office.path("prod.age")).unwrap();
    let mut asked = 0;
    for place in 0..PLACES {
        let mut damaged = vault.clone();
        // Evenly over the file, the first and the last byte included.
        let at = place * (vault.len() - 1) / (PLACES - 1);
        damaged[at] ^= 1;
        std::fs::write(office.path("prod.age"), &damaged).unwrap();
        let mut person = office.person(&["open", "prod.age", "--for", "5m", "--reason", "x", "--", "true"]);
        let end = office.humour(&mut person);
        assert_eq!(end, End::Code(6), "byte {at}: {}", person.transcript());
        asked += usize::from(person.transcript().contains("passphrase part"));
        assert!(person.transcript().contains("next: "), "byte {at}: {}", person.transcript());
    }
    assert!(asked > 0, "some damage is found by the shares alone");
    assert!(account.actions().is_empty() && account.rest().at_rest());
}
