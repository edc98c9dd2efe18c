//! Short names for long texts.

use std::collections::BTreeMap;

/// Shortest text that is printed back under its name, in characters: that of an id. A shorter one
/// may occur by chance.
const PRINTED_CHARS_MIN: usize = 26;

/// What scripts write as `$name`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Names {
    texts: BTreeMap<String, String>,
}

impl Names {
    /// Gives a text a name. The last text of a name counts.
    pub fn bind(&mut self, name: &str, text: &str) {
        self.texts.insert(name.to_owned(), text.to_owned());
    }

    /// The text with every `$name` replaced.
    ///
    /// # Errors
    ///
    /// A name that nothing has.
    pub fn replace(&self, text: &str) -> Result<String, String> {
        let mut parts = text.split('$');
        let mut replaced = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let is_end = |it: char| !it.is_ascii_alphanumeric() && it != '_';
            let (name, rest) = part.split_at(part.find(is_end).unwrap_or(part.len()));
            replaced += self.texts.get(name).ok_or(format!("nothing is named ${name}"))?;
            replaced += rest;
        }
        Ok(replaced)
    }

    /// The text with names for what has one.
    pub fn restore(&self, text: &str) -> String {
        let long = self.texts.iter().filter(|(_, it)| it.len() >= PRINTED_CHARS_MIN);
        let mut long: Vec<_> = long.collect();
        // A token begins with an id: the longer text comes first.
        long.sort_by_key(|(name, text)| (usize::MAX - text.len(), *name));
        let restore = |line: String, (name, text): &(&String, &String)| {
            line.replace(text.as_str(), &format!("${name}"))
        };
        long.iter().fold(text.to_owned(), restore)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_and_restored() {
        let mut names = Names::default();
        names.bind("a", &"x".repeat(26));
        names.bind("b_1", "short");
        let long = "x".repeat(26);
        assert_eq!(names.replace("{\"$a\":$b_1}"), Ok(format!("{{\"{long}\":short}}")));
        assert_eq!(names.replace("$c"), Err("nothing is named $c".into()));
        assert_eq!(names.restore(&format!("({long}) short")), "($a) short");
    }
}
