//! One user's polls.

use entity::registry::Rows;
use entity::{Answer, Context, Entity, Handle, Never, Table, data};

use crate::polls::api::{MY_POLLS_MAX, MyPolls, NoteOpened, PollId, PollList, Pollsters};

/// A user as somebody who opens polls; all of it is in a table.
#[data]
#[derive(Default)]
pub struct Pollster {}

impl Entity for Pollster {
    type Kind = Pollsters;
    type Tables = (Rows<Opened>,);
}

/// The polls that the user has opened.
pub enum Opened {}

impl Table for Opened {
    const NAME: &'static str = "opened";
    const TAG: u8 = 1;
    type Key = PollId;
    type Row = ();
}

impl Handle<NoteOpened> for Pollster {
    fn handle(&mut self, opened: NoteOpened, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        cx.put::<Opened>(&opened.poll, &());
        Ok(())
    }
}

impl Answer<MyPolls> for Pollster {
    fn answer(&self, _: MyPolls, view: &Context<'_, Self>) -> Result<PollList, Never> {
        let rows = view.scan_back::<Opened>(&PollId::MAX, MY_POLLS_MAX);
        Ok(PollList { polls: rows.into_iter().map(|(poll, ())| poll).collect() })
    }
}
