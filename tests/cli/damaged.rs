//! A damaged vault, through the program: refused at 64 places, before anything is enabled.

use rig::pty::End;

use crate::two_of_two;

const PLACES: usize = 64;

#[test]
fn a_vault_changed_in_any_of_64_places_is_refused_before_anything_is_enabled() {
    let vault = two_of_two("damaged").all_plugged();
    let (site, account) = (&vault.site, &vault.account);
    let whole = std::fs::read(site.path("prod.age")).unwrap();
    let mut asked = 0;
    for place in 0..PLACES {
        let mut damaged = whole.clone();
        // Evenly over the file, the first and the last byte included.
        let at = place * (whole.len() - 1) / (PLACES - 1);
        damaged[at] ^= 1;
        std::fs::write(site.path("prod.age"), &damaged).unwrap();
        let mut person = vault.open("5m").reason("x").run(&["true"]).start();
        let end = site.answer_all(&mut person);
        assert_eq!(end, End::Code(6), "byte {at}: {}", person.transcript());
        asked += usize::from(person.transcript().contains("passphrase part"));
        assert!(person.transcript().contains("next: "), "byte {at}: {}", person.transcript());
    }
    assert!(asked > 0, "some damage is found by the shares alone");
    assert!(account.actions().is_empty() && account.rest().at_rest());
}
