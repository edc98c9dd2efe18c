//! What is broken on purpose is found: checks that cannot fail would be worth nothing.

use simulations::sweep::first_to_find;
use simulations::world::sabotage::Sabotage;

#[test]
fn every_sabotage_is_found_within_three_hundred_seeds() {
    for sabotage in Sabotage::ALL {
        let found = first_to_find(sabotage, 0..300);
        assert!(found.is_some(), "{sabotage:?} was not found");
    }
}
