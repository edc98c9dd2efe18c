//! A value written by any release is read by every later one, and by the one before while an upgrade
//! is not finalized.

use entity::{Data, DataError, Release, Upgrade, data};

/// A name, as release 1 stored it.
#[data]
struct NameV1 {
    text: String,
}

/// Release 2 knows how often it changed.
#[data(version = 2, release = 2, previous = NameV1)]
struct NameV2 {
    text: String,
    changes: u32,
}

/// Release 4 allows for none at all.
#[data(version = 3, release = 4, previous = NameV2)]
enum Name {
    /// There is none.
    None,
    /// There is one.
    Some { text: String, changes: u64 },
}

impl Upgrade<NameV1> for NameV2 {
    fn up(before: NameV1) -> Self {
        Self { text: before.text, changes: 0 }
    }

    fn down(&self) -> NameV1 {
        NameV1 { text: self.text.clone() }
    }
}

impl Upgrade<NameV2> for Name {
    fn up(before: NameV2) -> Self {
        if before.text.is_empty() {
            return Self::None;
        }
        Self::Some { text: before.text, changes: before.changes.into() }
    }

    fn down(&self) -> NameV2 {
        match self {
            Self::None => NameV2 { text: String::new(), changes: 0 },
            Self::Some { text, changes } => {
                NameV2 { text: text.clone(), changes: u32::try_from(*changes).unwrap_or(u32::MAX) }
            }
        }
    }
}

fn encoded<D: Data>(value: &D, release: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode(Release(release), &mut bytes);
    bytes
}

fn ann(changes: u64) -> Name {
    Name::Some { text: "ann".into(), changes }
}

#[test]
fn each_release_writes_what_all_of_its_nodes_can_read() {
    let versions = [1, 2, 3, 4, 5].map(|release| encoded(&ann(7), release)[0]);
    assert_eq!(versions, [1, 2, 2, 3, 3]);
}

#[test]
fn what_an_older_release_wrote_is_read() {
    let cases = [(1, ann(0)), (2, ann(7)), (3, ann(7)), (4, ann(7))];
    for (release, expected) in cases {
        assert_eq!(Name::decode(&encoded(&ann(7), release)), Ok(expected), "release {release}");
    }
    assert_eq!(NameV1::decode(&encoded(&ann(7), 1)), Ok(NameV1 { text: "ann".into() }));
}

#[test]
fn what_a_later_release_wrote_is_refused() {
    let newest = encoded(&ann(7), 4);
    assert_eq!(NameV2::decode(&newest), Err(DataError::TooNew { version: 3, known: 2 }));
}

#[test]
fn the_stored_bytes_do_not_change() {
    assert_eq!(encoded(&ann(7), 1), b"\x01\x00ann\xff\xff\xff\xff\xff");
    assert_eq!(encoded(&ann(7), 2), b"\x02\x00ann\xff\xff\xff\xff\xff\x07\x00\x00\x00");
}

#[test]
fn damaged_bytes_never_panic() {
    let whole = encoded(&ann(7), 4);
    for length in 0..whole.len() {
        assert!(Name::decode(&whole[..length]).is_err(), "{length} bytes");
    }
    // What a flip yields is the checksum's business (`entity::header`), not that of the layout.
    let readable = |at: usize, bit: u32| {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << bit;
        Name::decode(&damaged).is_ok()
    };
    let flips = (0..whole.len()).flat_map(|at| (0..8).map(move |bit| (at, bit)));
    let refused = flips.filter(|(at, bit)| !readable(*at, *bit)).count();
    assert!(refused > 0, "validation is on");
    assert_eq!(Name::decode(&[0, 0]), Err(DataError::Invalid));
}
