//! Lines of a script.

use std::time::Duration;

/// One line of a script.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Line {
    /// Nothing to do: narration, or an empty line.
    Narration,
    /// Something to do.
    Act(Act),
}

/// Something that a script does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Act {
    /// Names the next account.
    User(String),
    /// Sends a command or a query to an entity, and waits for the answer.
    Request(Asked),
    /// Lets time pass.
    Pass(Duration),
    /// Ends the executor without a word; another one takes over.
    Crash,
}

/// A request as it is written: names are not replaced yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Asked {
    /// Who asks.
    pub caller: Speaker,
    /// Whether it may change something.
    pub way: Way,
    /// Name of the kind.
    pub kind: String,
    /// Text of the key.
    pub key: String,
    /// Name of the command or query.
    pub name: String,
    /// Its JSON.
    pub json: String,
    /// What is kept of the reply.
    pub binding: Option<Binding>,
}

/// Who asks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Speaker {
    /// A person with the operator's token.
    Operator,
    /// Someone without any token.
    Anyone,
    /// An account; its text.
    Account(String),
}

/// How an entity is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// By a command.
    Call,
    /// By a query.
    Ask,
}

/// ` -> $name` or ` -> $name .field`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Binding {
    /// The name.
    pub name: String,
    /// Which field of the reply, or the whole reply, which must be a string then.
    pub field: Option<String>,
}

/// Reads a line; `None` when it is transcript.
///
/// # Errors
///
/// What is wrong with it.
pub fn line(text: &str) -> Result<Option<Line>, String> {
    if text.starts_with("  ") {
        return Ok(None);
    }
    if text.is_empty() || text.starts_with('#') {
        return Ok(Some(Line::Narration));
    }
    act(text).map(|act| Some(Line::Act(act)))
}

fn act(text: &str) -> Result<Act, String> {
    let (first, rest) = word(text);
    match first {
        "user" if !rest.is_empty() => Ok(Act::User(rest.to_owned())),
        "pass" => duration(rest).map(Act::Pass).ok_or(format!("`{rest}` is no time, as 60s is")),
        "crash" => Ok(Act::Crash),
        "as" => {
            let (who, rest) = word(rest);
            let caller = match who {
                "operator" => Speaker::Operator,
                "anyone" => Speaker::Anyone,
                account => Speaker::Account(account.to_owned()),
            };
            let (way, rest) = word(rest);
            asked(caller, way, rest)
        }
        way => asked(Speaker::Operator, way, rest),
    }
}

fn asked(caller: Speaker, way: &str, text: &str) -> Result<Act, String> {
    let way = match way {
        "call" => Way::Call,
        "ask" => Way::Ask,
        other => return Err(format!("`{other}` is nothing that a script can do")),
    };
    let (text, binding) = match text.rsplit_once(" -> $") {
        Some((text, binding)) => (text, Some(binding)),
        None => (text, None),
    };
    let binding = binding.map(|it| {
        let (name, field) = word(it);
        let field = field.strip_prefix('.').map(ToOwned::to_owned);
        Binding { name: name.to_owned(), field }
    });
    let ((kind, rest), name_at) = (word(text), |rest| word(rest));
    let (key, rest) = name_at(rest);
    let (name, json) = name_at(rest);
    if json.is_empty() {
        return Err("expected kind, key, name and JSON".to_owned());
    }
    let [kind, key, name, json] = [kind, key, name, json].map(ToOwned::to_owned);
    Ok(Act::Request(Asked { caller, way, kind, key, name, json, binding }))
}

/// The first word, and the rest.
fn word(text: &str) -> (&str, &str) {
    let (first, rest) = text.trim_start().split_once(' ').unwrap_or((text.trim_start(), ""));
    (first, rest.trim())
}

fn duration(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let count: u64 = text[..text.len() - unit.len_utf8()].parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(count * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood() {
        let asked = |caller, way, binding| {
            let [kind, key, name, json] = ["a.b", "$ann", "Do", "{\"x\": 1}"].map(str::to_owned);
            Ok(Some(Line::Act(Act::Request(Asked { caller, way, kind, key, name, json, binding }))))
        };
        let binding = |field: Option<&str>| {
            Some(Binding { name: "x".into(), field: field.map(str::to_owned) })
        };
        let ann = Speaker::Account("$ann".into());
        let cases = [
            ("", Ok(Some(Line::Narration))),
            ("# Hm.", Ok(Some(Line::Narration))),
            ("  = ok", Ok(None)),
            ("user ann", Ok(Some(Line::Act(Act::User("ann".into()))))),
            ("crash", Ok(Some(Line::Act(Act::Crash)))),
            ("pass 2m", Ok(Some(Line::Act(Act::Pass(Duration::from_mins(2)))))),
            ("call a.b $ann Do {\"x\": 1}", asked(Speaker::Operator, Way::Call, None)),
            ("as anyone ask a.b $ann Do {\"x\": 1}", asked(Speaker::Anyone, Way::Ask, None)),
            ("as $ann call a.b $ann Do {\"x\": 1} -> $x", asked(ann, Way::Call, binding(None))),
            (
                "call a.b $ann Do {\"x\": 1} -> $x .y",
                asked(Speaker::Operator, Way::Call, binding(Some("y"))),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(line(text), expected, "{text}");
        }
    }

    #[test]
    fn other_lines_are_refused() {
        for text in ["go", "pass", "pass 3", "pass 3w", "call a.b $ann Do", "user", "as $ann"] {
            assert!(line(text).is_err(), "{text}");
        }
    }
}
