//! What is secret does not come into a log by accident.

use entity::data;

/// Opens a door.
#[data(secret)]
struct Code(u32);

/// A door with its code.
#[data]
struct Door {
    number: u32,
    code: Code,
}

#[test]
fn debug_does_not_show_a_secret() {
    let door = Door { number: 7, code: Code(1234) };
    assert_eq!(format!("{door:?}"), "Door { number: 7, code: Code(..) }");
}
