//! Golden bytes and what is compared with them.

use std::fs;
use std::path::Path;

use entity::kind::Form;
use entity::{Data, Release};

/// A value of a type, and how its lines are made and read.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    version: u16,
    /// The value as it is written today.
    line: String,
    /// What bytes of any layout are, in JSON.
    read: fn(&[u8]) -> Option<String>,
}

impl Sample {
    /// Takes a value from its JSON, in which `@7` stands for the seventh id.
    pub(crate) fn of<D: Data + Form>(json: &str) -> Self {
        let path = std::any::type_name::<D>();
        let name = path.rsplit("::").next().expect("a path has a last part");
        let json = with_ids(json);
        let value: D =
            serde_json::from_str(&json).unwrap_or_else(|it| panic!("{name} {json}: {it}"));
        assert_eq!(serde_json::to_string(&value).ok(), Some(json.clone()), "{name}");
        let mut bytes = Vec::new();
        value.encode(Release::NEWEST, &mut bytes);
        assert_eq!(D::decode(&bytes).ok(), Some(value), "{name} {json}");
        let line = format!("{name} v{} {} {json}", D::VERSION, hex(&bytes));
        Self { name, version: D::VERSION, line, read: read::<D> }
    }
}

fn read<D: Data + Form>(bytes: &[u8]) -> Option<String> {
    serde_json::to_string(&D::decode(bytes).ok()?).ok()
}

fn with_ids(json: &str) -> String {
    (1..=9_u128).fold(json.to_owned(), |json, n| {
        json.replace(&format!("@{n}"), &entity::Id(n << 64 | n).to_string())
    })
}

/// Compares samples with the golden lines of a service, or writes these anew.
pub(crate) fn check(service: &str, samples: &[Sample]) {
    let path = Path::new(crate::FOLDER).join(format!("golden/wire/{service}.hex"));
    let golden = fs::read_to_string(&path).unwrap_or_default();
    let older: Vec<&str> = golden.lines().filter(|it| is_older(it, samples)).collect();
    let newest = samples.iter().map(|it| it.line.as_str());
    let lines: Vec<&str> = older.into_iter().chain(newest).collect();
    let expected = lines.join(
        "
",
    ) + "
";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("it can be made");
        fs::write(&path, expected).expect("it can be written");
        return;
    }
    assert_eq!(golden, expected, "{service}: stored bytes changed; write a new layout instead");
    for line in golden.lines() {
        let (sample, hex) = parse(line, samples);
        assert!((sample.read)(&unhex(hex)).is_some(), "no longer readable: {line}");
    }
}

/// Whether a line shows a layout that is not written any more.
fn is_older(line: &str, samples: &[Sample]) -> bool {
    let version = line.split(' ').nth(1).and_then(|it| it.strip_prefix('v')?.parse::<u16>().ok());
    let newest = samples.iter().find(|it| line.starts_with(&format!("{} ", it.name)));
    newest.zip(version).is_some_and(|(newest, version)| version < newest.version)
}

fn parse<'a>(line: &'a str, samples: &'a [Sample]) -> (&'a Sample, &'a str) {
    let mut words = line.split(' ');
    let (name, hex) = (words.next(), words.nth(1));
    let sample = samples.iter().find(|it| Some(it.name) == name);
    sample.zip(hex).unwrap_or_else(|| panic!("no line of a known type: {line}"))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |it: u8| char::from_digit(it.into(), 16).expect("below 16");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn unhex(hex: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal digits");
    (0..hex.len()).step_by(2).map(byte).collect()
}
