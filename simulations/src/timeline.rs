//! What happened when, to be drawn: lanes, what lasts, what happens in a moment, and what clients did.

use std::fmt::Write;
use std::time::Duration;

use entity::Address;

use crate::finding::Finding;

/// What happened when.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Timeline {
    /// Names of the lanes, from top to bottom.
    pub lanes: Vec<String>,
    /// What lasts.
    pub spans: Vec<Span>,
    /// What happens in a moment.
    pub marks: Vec<Mark>,
    /// What clients did.
    pub operations: Vec<Operation>,
}

/// What kind of thing it is: its colour.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Colour {
    /// A node or an executor is there.
    Alive,
    /// It leads.
    Leads,
    /// Something goes wrong.
    Fault,
    /// A shard begins another life.
    Activation,
}

/// Something that lasts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Span {
    /// In which lane.
    pub lane: usize,
    /// From when.
    pub from: Duration,
    /// Until when; to the end, if nothing ended it.
    pub to: Option<Duration>,
    /// What kind of thing it is.
    pub colour: Colour,
    /// What it is.
    pub text: String,
}

/// Something that happens in a moment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mark {
    /// In which lane.
    pub lane: usize,
    /// When.
    pub at: Duration,
    /// What kind of thing it is.
    pub colour: Colour,
    /// What it is.
    pub text: String,
}

/// Something that a client did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Operation {
    /// The workload.
    pub workload: &'static str,
    /// The client.
    pub client: usize,
    /// The entity.
    pub entity: Address,
    /// When it began.
    pub from: Duration,
    /// When it was told what became of it, if ever.
    pub to: Option<Duration>,
    /// What it asked, and what it was told.
    pub text: String,
}

/// Most operations that are drawn: a page has to open.
const OPERATIONS_MAX: usize = 2_000;

/// Width of a second, height of a lane and of a line of it, in pixels.
const SECOND: f64 = 120.0;
const LANE: usize = 56;
const LINE: usize = 16;
const LEFT: usize = 90;

const STYLE: &str = "
body { font: 13px system-ui; margin: 16px; background: #fff; color: #222 }
svg { background: #fafafa; border: 1px solid #ccc }
.alive { fill: #dfe8df } .leads { fill: #7fb3e6 } .fault { fill: #e0655f } .activation { fill: #8a5fc0 }
.line { stroke: #ddd } text { font: 11px system-ui } .operation { fill: #e8c46a }
pre { white-space: pre-wrap } div { overflow-x: auto }
td { padding: 1px 8px; vertical-align: top }";

impl Colour {
    fn class(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Leads => "leads",
            Self::Fault => "fault",
            Self::Activation => "activation",
        }
    }
}

impl Timeline {
    /// The place of a lane; one that is not there is added.
    pub fn lane(&mut self, name: &str) -> usize {
        let known = self.lanes.iter().position(|it| it == name);
        known.unwrap_or_else(|| {
            self.lanes.push(name.to_owned());
            self.lanes.len() - 1
        })
    }

    /// Something begins in a lane.
    pub fn begin(&mut self, lane: &str, from: Duration, colour: Colour, text: String) {
        let lane = self.lane(lane);
        self.spans.push(Span { lane, from, to: None, colour, text });
    }

    /// What is under way in a lane and begins with a text ends.
    pub fn end(&mut self, lane: &str, to: Duration, colour: Colour, text: &str) {
        let lane = self.lane(lane);
        let is_it = |it: &&mut Span| {
            it.lane == lane && it.to.is_none() && it.colour == colour && it.text.starts_with(text)
        };
        if let Some(span) = self.spans.iter_mut().rev().find(is_it) {
            span.to = Some(to);
        }
    }

    /// Something happens in a lane.
    pub fn mark(&mut self, lane: &str, at: Duration, colour: Colour, text: String) {
        let lane = self.lane(lane);
        self.marks.push(Mark { lane, at, colour, text });
    }

    /// A page that shows all of it; of the operations only those that a finding concerns, if there is one.
    pub fn page(&self, title: &str, finding: Option<&Finding>) -> String {
        let shown = |it: &&Operation| finding.is_none_or(|finding| finding.concerns(it));
        let operations: Vec<_> = self.operations.iter().filter(shown).collect();
        let (skipped, operations) =
            operations.split_at(operations.len().saturating_sub(OPERATIONS_MAX));
        let mut page = String::new();
        // A string takes whatever is written to it.
        self.write(&mut page, (title, skipped.len()), operations).ok();
        page
    }

    fn write(
        &self,
        page: &mut String,
        (title, skipped): (&str, usize),
        operations: &[&Operation],
    ) -> std::fmt::Result {
        let title = escaped(title);
        writeln!(page, "<!doctype html><meta charset=utf-8><title>roost, simulated</title>")?;
        writeln!(page, "<style>{STYLE}</style><pre>{title}</pre>")?;
        let height = self.lanes.len() * LANE + operations.len().min(200) * LINE / 4 + 40;
        let width = x(self.last()) + 20.0;
        writeln!(page, "<div><svg width='{width:.0}' height='{height}'>")?;
        for second in 0..=self.last().as_secs() {
            let at = x(Duration::from_secs(second));
            writeln!(page, "<line class=line x1='{at}' x2='{at}' y1=0 y2='{height}'/>")?;
            writeln!(page, "<text x='{at}' y='{}'>{second} s</text>", height - 4)?;
        }
        for (lane, name) in self.lanes.iter().enumerate() {
            writeln!(page, "<text x=4 y='{}'>{}</text>", lane * LANE + 24, escaped(name))?;
        }
        self.write_lanes(page)?;
        let below = self.lanes.len() * LANE + 8;
        for (line, it) in operations.iter().enumerate() {
            let to = it.to.unwrap_or_else(|| self.last());
            let (left, y) = (x(it.from), below + (line % 50) * LINE / 4);
            let wide = (x(to) - left).max(3.0);
            let text = escaped(&it.text);
            writeln!(
                page,
                "<rect class=operation x='{left:.1}' y='{y}' width='{wide:.1}' height=3><title>{text}</title></rect>"
            )?;
        }
        writeln!(page, "</svg></div>")?;
        if skipped > 0 {
            writeln!(page, "<p>{skipped} earlier operations are left out.</p>")?;
        }
        writeln!(page, "<table>")?;
        for it in operations {
            let to =
                it.to.map_or_else(|| "never".to_owned(), |to| format!("{:.6}", to.as_secs_f64()));
            let (entity, text) = (named(&it.entity), escaped(&it.text));
            writeln!(
                page,
                "<tr><td>{:.6}<td>{to}<td>{} {}<td>{entity}<td>{text}",
                it.from.as_secs_f64(),
                it.workload,
                it.client
            )?;
        }
        writeln!(page, "</table>")
    }

    fn write_lanes(&self, page: &mut String) -> std::fmt::Result {
        for it in &self.spans {
            let to = it.to.unwrap_or_else(|| self.last());
            let (left, class, text) = (x(it.from), it.colour.class(), escaped(&it.text));
            let (top, tall) = match it.colour {
                Colour::Alive => (8, 40),
                Colour::Leads => (12, 14),
                Colour::Fault => (40, 6),
                Colour::Activation => (28, 8),
            };
            let (y, wide) = (it.lane * LANE + top, (x(to) - left).max(1.0));
            writeln!(
                page,
                "<rect class={class} x='{left:.1}' y='{y}' width='{wide:.1}' height={tall}><title>{text}</title></rect>"
            )?;
            if it.colour == Colour::Leads {
                writeln!(page, "<text x='{:.1}' y='{}'>{text}</text>", left + 2.0, y + 11)?;
            }
        }
        for it in &self.marks {
            let (at, y, text) = (x(it.at), it.lane * LANE + 32, escaped(&it.text));
            let class = it.colour.class();
            writeln!(
                page,
                "<circle class={class} cx='{at:.1}' cy='{y}' r=4><title>{text}</title></circle>"
            )?;
        }
        Ok(())
    }

    /// When the last thing happened.
    fn last(&self) -> Duration {
        let spans = self.spans.iter().map(|it| it.to.unwrap_or(it.from));
        let marks = self.marks.iter().map(|it| it.at);
        let operations = self.operations.iter().map(|it| it.to.unwrap_or(it.from));
        spans.chain(marks).chain(operations).max().unwrap_or_default()
    }
}

fn x(at: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a few pixels")]
    let left = LEFT as f64;
    left + at.as_secs_f64() * SECOND
}

/// An entity, for people: its kind, and its key without the zeros that it begins with.
fn named(entity: &Address) -> String {
    let key: Vec<String> = entity.key.iter().map(|byte| format!("{byte:02x}")).collect();
    let key = key.concat();
    let key = key.trim_start_matches('0');
    format!("{}:{}", entity.kind, if key.is_empty() { "0" } else { key })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use entity::Key;

    use super::*;
    use crate::finding::{Oracle, Under};

    #[test]
    fn a_page_shows_what_happened() {
        let mut timeline = Timeline::default();
        let second = Duration::from_secs;
        timeline.begin("n1", second(0), Colour::Alive, "n1".to_owned());
        timeline.begin("n1", second(1), Colour::Leads, "shard 0, term 2".to_owned());
        timeline.end("n1", second(2), Colour::Leads, "shard 0");
        timeline.mark("n2", second(3), Colour::Fault, "kill <n2>".to_owned());
        let operation = |workload, key: u64, text: &str| Operation {
            workload,
            client: 1,
            entity: Address { kind: 7, key: key.to_bytes() },
            from: second(1),
            to: None,
            text: text.to_owned(),
        };
        timeline.operations = vec![
            operation("bank", 5, "pays"),
            operation("bank", 6, "owes"),
            operation("counter", 5, "adds"),
        ];
        let wrong = Err::<(), _>("it is poor").under(&5_u64).expect_err("it was one");
        let page = timeline.page("seed 7", Some(&Oracle::Workload("bank").finds(wrong)));
        for shown in
            ["seed 7", "shard 0, term 2", "kill &lt;n2&gt;", "pays", "7:5", ">n1<", ">n2<", "3 s"]
        {
            assert!(page.contains(shown), "{shown}: {page}");
        }
        assert!(!page.contains("adds") && !page.contains("owes"), "{page}");
        let page = timeline.page("seed 7", Some(&Oracle::Raft.finds("two leaders")));
        assert!(page.contains("pays") && page.contains("owes") && page.contains("adds"), "{page}");
        assert_eq!(timeline.spans[1].to, Some(second(2)));
    }
}
