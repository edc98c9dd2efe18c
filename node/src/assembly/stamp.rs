//! Whose data folder it is: said by the file `stamp.json` in it, and checked before anything is opened.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use entity::digest::sha256;
use serde::{Deserialize, Serialize};

use crate::hex::hex;

/// The form of data folders that this release writes and reads. Form 1 had rows under other keys; no
/// release has written it.
pub const FORMAT: u32 = 2;

const FILE: &str = "stamp.json";

const UNFINISHED: &str = "stamp.json.new";

/// Whose a data folder is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Stamp {
    /// The form of the folder. A later release may write another one.
    pub format: u32,
    /// The cluster, by its name.
    pub cluster: String,
    /// The node, by its name.
    pub node: String,
    /// The disk: 32 hexadecimal digits, drawn when the folder was new. A node on another disk is
    /// another node.
    pub disk: String,
    /// The number of the node, once it has one.
    pub number: Option<u32>,
    /// How the cluster is founded. None on a node that has joined one.
    pub founding: Option<Founding>,
    /// Over the others.
    checksum: String,
}

/// How a cluster is founded: all that found it have the same.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Founding {
    /// How many shards hold the entities.
    pub shards: u32,
    /// How many copies of each there are to be.
    pub copies: u8,
    /// Those that found it, in the order of their numbers.
    pub founders: Vec<Founder>,
}

/// One of those that found a cluster.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Founder {
    /// Its name.
    pub name: String,
    /// Its disk, as in [`Stamp::disk`].
    pub disk: String,
    /// Its zone; empty if there are none.
    pub zone: String,
    /// Its share of the shards, beside those of the others.
    pub weight: u32,
    /// Where others find it, as `host:port`.
    pub address: String,
    /// The newest release whose layouts its program can read.
    pub release: u16,
}

/// Why a data folder is not opened. Nothing in it has been changed.
#[derive(Debug)]
pub enum StampError {
    /// As the system has it.
    Io(PathBuf, io::Error),
    /// It is damaged.
    Damaged(PathBuf),
    /// A later release has written it.
    Newer {
        /// The folder.
        folder: PathBuf,
        /// Its form.
        format: u32,
    },
    /// It was written before the first release.
    Older {
        /// The folder.
        folder: PathBuf,
        /// Its form.
        format: u32,
    },
    /// It belongs to somebody else.
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// `cluster` or `node`.
        what: &'static str,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// There is data in it, and nothing says whose.
    Unstamped(PathBuf),
}

impl Stamp {
    /// Checks that a folder belongs to `node` of `cluster`. A folder that is new, or empty, does from
    /// now on; `disk` names it then.
    ///
    /// # Errors
    ///
    /// [`StampError`]
    pub fn check(
        folder: &Path,
        (cluster, node): (&str, &str),
        disk: u128,
    ) -> Result<Self, StampError> {
        let io = |error| StampError::Io(folder.to_owned(), error);
        let text = match fs::read_to_string(folder.join(FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Self::begin(folder, (cluster, node), disk);
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(StampError::Damaged(folder.to_owned()));
            }
            Err(error) => return Err(io(error)),
        };
        let stamp = Self::read(folder, &text)?;
        for (what, found, expected) in
            [("cluster", &stamp.cluster, cluster), ("node", &stamp.node, node)]
        {
            if found != expected {
                let (found, expected) = (found.clone(), expected.to_owned());
                let folder = folder.to_owned();
                return Err(StampError::Foreign { folder, what, found, expected });
            }
        }
        Ok(stamp)
    }

    fn read(folder: &Path, text: &str) -> Result<Self, StampError> {
        /// What every release can read.
        #[derive(Deserialize)]
        struct Any {
            format: u32,
        }
        let damaged = || StampError::Damaged(folder.to_owned());
        let Ok(Any { format }) = serde_json::from_str(text) else { return Err(damaged()) };
        if format > FORMAT {
            return Err(StampError::Newer { folder: folder.to_owned(), format });
        }
        if format < FORMAT {
            return Err(StampError::Older { folder: folder.to_owned(), format });
        }
        let Ok(stamp) = serde_json::from_str::<Self>(text) else { return Err(damaged()) };
        if stamp.checksum == stamp.sum() { Ok(stamp) } else { Err(damaged()) }
    }

    fn begin(folder: &Path, (cluster, node): (&str, &str), disk: u128) -> Result<Self, StampError> {
        let io = |error| StampError::Io(folder.to_owned(), error);
        fs::create_dir_all(folder).map_err(io)?;
        let names = fs::read_dir(folder).map_err(io)?.map(|it| it.map(|it| it.file_name()));
        let names: Vec<_> = names.collect::<io::Result<_>>().map_err(io)?;
        if names.iter().any(|name| name != UNFINISHED) {
            return Err(StampError::Unstamped(folder.to_owned()));
        }
        let (cluster, node) = (cluster.to_owned(), node.to_owned());
        let (disk, checksum) = (format!("{disk:032x}"), String::new());
        let (number, founding) = (None, None);
        let mut stamp = Self { format: FORMAT, cluster, node, disk, number, founding, checksum };
        stamp.put(folder)?;
        Ok(stamp)
    }

    /// The node has got its number, and keeps it with its disk.
    ///
    /// # Errors
    ///
    /// [`StampError::Io`]
    pub fn settle(
        &mut self,
        folder: &Path,
        number: u32,
        founding: Option<Founding>,
    ) -> Result<(), StampError> {
        (self.number, self.founding) = (Some(number), founding);
        self.put(folder)
    }

    fn put(&mut self, folder: &Path) -> Result<(), StampError> {
        self.checksum = self.sum();
        let text = serde_json::to_string_pretty(self).expect("texts and numbers");
        write(folder, UNFINISHED, &text).map_err(|error| StampError::Io(folder.to_owned(), error))
    }

    fn sum(&self) -> String {
        let said = Self { checksum: String::new(), ..self.clone() };
        let said = serde_json::to_vec(&said).expect("texts and numbers");
        hex(&sha256(&said)[..8])
    }
}

/// Writes it whole or not at all, whenever the power fails.
fn write(folder: &Path, unfinished: &str, text: &str) -> io::Result<()> {
    let path = folder.join(unfinished);
    let mut file = File::create(&path)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(path, folder.join(FILE))?;
    File::open(folder)?.sync_all()
}

impl fmt::Display for StampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(folder, error) => write!(f, "{}: {error}", folder.display()),
            Self::Damaged(folder) => write!(
                f,
                "data_folder_damaged: {FILE} in {} cannot be read. Put the file back, or start with \
                 an empty folder: the others still have the data.",
                folder.display()
            ),
            Self::Newer { folder, format } => write!(
                f,
                "data_folder_newer: {} has form {format}, and this release knows {FORMAT}. Start the \
                 release that wrote it, or a later one.",
                folder.display()
            ),
            Self::Older { folder, format } => write!(
                f,
                "data_folder_older: {} has form {format}, and this release knows {FORMAT}. Start the \
                 build that wrote it, or name an empty folder.",
                folder.display()
            ),
            Self::Foreign { folder, what, found, expected } => write!(
                f,
                "data_folder_foreign: {} belongs to {what} {found}, not to {expected}. Name the \
                 folder of this {what}, or an empty one.",
                folder.display()
            ),
            Self::Unstamped(folder) => write!(
                f,
                "data_folder_unknown: {} is not empty, and nothing in it says whose it is. Name an \
                 empty folder.",
                folder.display()
            ),
        }
    }
}

impl std::error::Error for StampError {}

#[cfg(test)]
mod tests {
    use super::*;

    struct Temporary(PathBuf);

    impl Drop for Temporary {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    fn stamped(name: &str) -> Temporary {
        let folder =
            std::env::temp_dir().join(format!("roost-stamp-{}-{name}", std::process::id()));
        fs::remove_dir_all(&folder).ok();
        Stamp::check(&folder, ("home", "n1"), 7).unwrap();
        Temporary(folder)
    }

    fn code(folder: &Temporary, whose: (&str, &str)) -> String {
        let error = Stamp::check(&folder.0, whose, 8).unwrap_err().to_string();
        error.split(':').next().unwrap().to_owned()
    }

    #[test]
    fn a_folder_keeps_its_disk() {
        let folder = stamped("keeps");
        let again = Stamp::check(&folder.0, ("home", "n1"), 8).unwrap();
        assert_eq!(again.disk, format!("{:032x}", 7));
    }

    #[test]
    fn a_folder_keeps_its_number() {
        let folder = stamped("number");
        let mut stamp = Stamp::check(&folder.0, ("home", "n1"), 8).unwrap();
        assert_eq!(stamp.number, None);
        let founder = Founder {
            name: "n1".to_owned(),
            disk: stamp.disk.clone(),
            zone: String::new(),
            weight: 100,
            address: "localhost:7400".to_owned(),
            release: 1,
        };
        let founding = Founding { shards: 8, copies: 3, founders: vec![founder] };
        stamp.settle(&folder.0, 3, Some(founding)).unwrap();
        assert_eq!(Stamp::check(&folder.0, ("home", "n1"), 8).unwrap(), stamp);
    }

    #[test]
    fn folders_of_others_are_refused() {
        let folder = stamped("others");
        assert_eq!(code(&folder, ("away", "n1")), "data_folder_foreign");
        assert_eq!(code(&folder, ("home", "n2")), "data_folder_foreign");
        fs::remove_file(folder.0.join(FILE)).unwrap();
        fs::write(folder.0.join("holiday.jpg"), "sun").unwrap();
        assert_eq!(code(&folder, ("home", "n1")), "data_folder_unknown");
    }

    #[test]
    fn later_releases_are_recognised_by_any_release() {
        let folder = stamped("later");
        fs::write(folder.0.join(FILE), r#"{"format":3,"what":"nobody knows"}"#).unwrap();
        assert_eq!(code(&folder, ("home", "n1")), "data_folder_newer");
    }

    #[test]
    fn what_was_written_before_the_first_release_is_refused() {
        let folder = stamped("older");
        let mut stamp = Stamp::check(&folder.0, ("home", "n1"), 8).unwrap();
        stamp.format = 1;
        stamp.put(&folder.0).unwrap();
        assert_eq!(code(&folder, ("home", "n1")), "data_folder_older");
    }

    #[test]
    fn whatever_comes_is_a_stamp_or_refused() {
        let folder = stamped("whatever");
        let seeds = [fs::read(folder.0.join(FILE)).unwrap()];
        fuzz::target("stamp").seeds(seeds).run(|bytes| {
            let text = String::from_utf8_lossy(bytes);
            if let Ok(stamp) = Stamp::read(&folder.0, &text) {
                let text = serde_json::to_string(&stamp).unwrap();
                assert_eq!(Stamp::read(&folder.0, &text).unwrap(), stamp);
            }
        });
    }

    #[test]
    fn every_broken_byte_is_found() {
        let folder = stamped("broken");
        let sound = fs::read(folder.0.join(FILE)).unwrap();
        for at in 0..sound.len() {
            let mut broken = sound.clone();
            broken[at] ^= 1;
            fs::write(folder.0.join(FILE), &broken).unwrap();
            let checked = Stamp::check(&folder.0, ("home", "n1"), 8);
            // Space between words may break as it likes.
            let is_same = checked.as_ref().is_ok_and(|it| it.disk == format!("{:032x}", 7));
            assert!(checked.is_err() || is_same && sound[at].is_ascii_whitespace(), "byte {at}");
        }
    }
}
