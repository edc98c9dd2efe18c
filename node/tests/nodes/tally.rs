//! What commands go to: sums, with as many bytes as a test likes.

use entity::kind::Kind;
use entity::registry::Rows;
use entity::{Answer, Command, Context, Entity, Handle, Never, Query, Table, data};

/// The family of tallies.
#[derive(Debug)]
pub(crate) enum Tallies {}

impl Kind for Tallies {
    const NAME: &'static str = "test.tally";
    const TAG: u16 = 60_500;
    type Key = u64;
    type Commands = (Add, Clear);
    type Queries = (Look,);
}

/// A sum.
#[data]
#[derive(Default)]
pub(crate) struct Tally {
    sum: u64,
    rows: u64,
}

impl Entity for Tally {
    type Kind = Tallies;
    type Tables = (Rows<Fillers>,);
}

/// What came with additions, by their number.
pub(crate) enum Fillers {}

impl Table for Fillers {
    const NAME: &'static str = "fillers";
    const TAG: u8 = 1;
    type Key = u64;
    type Row = Filler;
}

/// What came with an addition.
#[data]
pub(crate) struct Filler {
    bytes: Vec<u8>,
}

/// Adds `n`, and keeps the filler.
#[data]
pub(crate) struct Add {
    pub(crate) n: u64,
    pub(crate) filler: Vec<u8>,
}

impl Command for Add {
    type Kind = Tallies;
    const TAG: u16 = 1;
    type Reply = u64;
    type Error = Never;
}

impl Handle<Add> for Tally {
    fn handle(&mut self, add: Add, cx: &mut Context<'_, Self>) -> Result<u64, Never> {
        self.sum += add.n;
        if !add.filler.is_empty() {
            self.rows += 1;
            cx.put::<Fillers>(&self.rows, &Filler { bytes: add.filler });
        }
        Ok(self.sum)
    }
}

/// Throws the fillers away.
#[data]
pub(crate) struct Clear {}

impl Command for Clear {
    type Kind = Tallies;
    const TAG: u16 = 2;
    type Reply = ();
    type Error = Never;
    const FREES_SPACE: bool = true;
}

impl Handle<Clear> for Tally {
    fn handle(&mut self, _: Clear, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        for (row, _) in cx.scan_all::<Fillers>(1_000) {
            cx.remove::<Fillers>(&row);
        }
        Ok(())
    }
}

/// Asks for the sum.
#[data]
pub(crate) struct Look {}

impl Query for Look {
    type Kind = Tallies;
    const TAG: u16 = 1;
    type Reply = u64;
    type Error = Never;
}

impl Answer<Look> for Tally {
    fn answer(&self, _: Look, _: &Context<'_, Self>) -> Result<u64, Never> {
        Ok(self.sum)
    }
}
