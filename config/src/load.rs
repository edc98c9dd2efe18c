//! Where settings come from, the later source winning: defaults, file, environment, flags.

use std::path::Path;

use crate::error::Source;
use crate::fields::{FIELDS, Field, PREFIX};
use crate::nearest::nearest;
use crate::{Config, ConfigError};

/// The table of the file that holds the numbers of the services.
const SETTINGS: &str = "settings";

/// The environment variable that holds the numbers of the services: `name=number`, commas between.
const SETTINGS_VARIABLE: &str = "ROOST_SETTINGS";

/// Variables that begin as ours do but belong to the tests of roost.
const FOREIGN: [&str; 8] = [
    "ROOST_TEST_DATA",
    "ROOST_NIGHTLY",
    "ROOST_FUZZ_SECONDS",
    "ROOST_PROMTOOL",
    "ROOST_SCHEMATHESIS",
    "ROOST_CHROMIUM",
    "ROOST_CENTRIFUGE_JS",
    "ROOST_CENTRIFUGE_PYTHON",
];

/// Reads the file, if there is to be one, and then the environment of this process.
///
/// # Errors
///
/// [`ConfigError`]
pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
    // A variable of ours that is no Unicode is no value of ours either: it is refused as text.
    let variables = std::env::vars_os()
        .map(|(name, value)| [name, value].map(|it| it.to_string_lossy().into_owned()));
    read(file, variables)
}

/// Reads the file, if there is to be one, and then the variables (name and value), which win.
fn read(
    file: Option<&Path>,
    variables: impl Iterator<Item = [String; 2]>,
) -> Result<Config, ConfigError> {
    let mut config = Config::default();
    if let Some(path) = file {
        let unreadable = |error| ConfigError::Unreadable { path: path.to_owned(), error };
        apply_file(&mut config, path, &std::fs::read_to_string(path).map_err(unreadable)?)?;
    }
    apply_environment(&mut config, variables)?;
    Ok(config)
}

/// Sets what the command line says.
///
/// # Errors
///
/// [`ConfigError::Value`]
///
/// # Panics
///
/// When no setting has the name of a flag: an error of the programmer.
pub fn merge(config: &mut Config, name: &str, text: &str) -> Result<(), ConfigError> {
    let field = FIELDS.iter().find(|it| it.name == name).expect("flags are named as settings");
    apply(config, field, &format!("--{name}"), text, &Source::Flag)
}

/// Sets what the text of a file says.
pub(crate) fn apply_file(config: &mut Config, path: &Path, text: &str) -> Result<(), ConfigError> {
    let syntax = |error: toml::de::Error| ConfigError::Syntax {
        path: path.to_owned(),
        message: error.to_string(),
    };
    let table: toml::Table = text.parse().map_err(syntax)?;
    let source = Source::File(path.to_owned());
    for (name, value) in &table {
        if name == SETTINGS {
            apply_settings_table(config, value, &source)?;
            continue;
        }
        let Some(field) = FIELDS.iter().find(|it| it.name == name) else {
            let known = FIELDS.iter().map(|it| it.name).chain([SETTINGS]);
            return Err(unknown(&source, name, nearest(name, known)));
        };
        apply(config, field, name, &plain(value), &source)?;
    }
    Ok(())
}

fn apply_settings_table(
    config: &mut Config,
    value: &toml::Value,
    source: &Source,
) -> Result<(), ConfigError> {
    let wrong = |name: &str, value: &toml::Value, expected: &str| ConfigError::Value {
        source: source.clone(),
        name: name.to_owned(),
        found: plain(value),
        expected: expected.to_owned(),
    };
    let table = value.as_table();
    for (name, value) in table.ok_or_else(|| wrong(SETTINGS, value, "a table: [settings]"))? {
        let number = value.as_integer().and_then(|it| u64::try_from(it).ok());
        let expected = "a number that is not negative; write names with a dot in quotes";
        let number = number.ok_or_else(|| wrong(name, value, expected))?;
        config.settings.insert(name.clone(), number);
    }
    Ok(())
}

/// Sets what environment variables (name and value) say.
pub(crate) fn apply_environment(
    config: &mut Config,
    variables: impl Iterator<Item = [String; 2]>,
) -> Result<(), ConfigError> {
    for [name, text] in variables {
        if !name.starts_with(PREFIX) || FOREIGN.contains(&name.as_str()) {
            continue;
        }
        if name == SETTINGS_VARIABLE {
            apply_settings_variable(config, &text)?;
            continue;
        }
        let Some(field) = FIELDS.iter().find(|it| it.variable() == name) else {
            let mut known: Vec<String> = FIELDS.iter().map(Field::variable).collect();
            known.push(SETTINGS_VARIABLE.to_owned());
            let nearest = nearest(&name, known.iter().map(String::as_str));
            return Err(unknown(&Source::Environment, &name, nearest));
        };
        apply(config, field, &name, &text, &Source::Environment)?;
    }
    Ok(())
}

fn apply_settings_variable(config: &mut Config, text: &str) -> Result<(), ConfigError> {
    for pair in text.split(',').filter(|it| !it.is_empty()) {
        let parsed = pair.split_once('=').and_then(|(name, it)| Some((name, it.parse().ok()?)));
        let (name, number) = parsed.ok_or_else(|| ConfigError::Value {
            source: Source::Environment,
            name: SETTINGS_VARIABLE.to_owned(),
            found: text.to_owned(),
            expected: "name=number with commas between".to_owned(),
        })?;
        config.settings.insert(name.to_owned(), number);
    }
    Ok(())
}

fn apply(
    config: &mut Config,
    field: &Field,
    name: &str,
    text: &str,
    source: &Source,
) -> Result<(), ConfigError> {
    field.set(config, text).map_err(|expected| ConfigError::Value {
        source: source.clone(),
        name: name.to_owned(),
        found: text.to_owned(),
        expected,
    })
}

fn unknown(source: &Source, name: &str, nearest: &str) -> ConfigError {
    let (name, nearest) = (name.to_owned(), nearest.to_owned());
    ConfigError::Unknown { source: source.clone(), name, nearest }
}

/// A value as a field reads it: a string without its quotes.
fn plain(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const EXAMPLE: &str = include_str!("../roost.toml");

    fn from_file(text: &str) -> Result<Config, String> {
        let mut config = Config::default();
        let applied = apply_file(&mut config, Path::new("roost.toml"), text);
        applied.map(|()| config).map_err(|error| error.to_string())
    }

    fn from_environment(variables: &[(&str, &str)]) -> Result<Config, String> {
        let mut config = Config::default();
        let variables = variables.iter().map(|it| [it.0.to_owned(), it.1.to_owned()]);
        let applied = apply_environment(&mut config, variables);
        applied.map(|()| config).map_err(|error| error.to_string())
    }

    #[test]
    fn example_is_complete_and_says_the_defaults() {
        assert_eq!(from_file(EXAMPLE), Ok(Config::default()));
        for Field { name, .. } in FIELDS {
            assert!(EXAMPLE.lines().any(|it| it.starts_with(&format!("{name} = "))), "{name}");
        }
        assert!(EXAMPLE.contains("[settings]"));
    }

    #[test]
    fn file_sets_what_it_names() {
        let config = from_file("shards = 2\n[settings]\n\"posts.a\" = 7\n").unwrap();
        assert_eq!(config.shards, 2);
        assert_eq!(config.settings["posts.a"], 7);
        assert_eq!(Config { shards: 8, settings: [].into(), ..config }, Config::default());
    }

    #[test]
    fn environment_sets_what_it_names() {
        let config = from_environment(&[
            ("ROOST_REQUEST_TIMEOUT_SECONDS", "3"),
            ("ROOST_SETTINGS", "posts.a=7,posts.b=8"),
            ("ROOST_NIGHTLY", "1"),
            ("PATH", "x"),
        ]);
        let config = config.unwrap();
        assert_eq!(config.request_timeout, Duration::from_secs(3));
        assert_eq!(config.settings["posts.b"], 8);
    }

    #[test]
    fn whatever_comes_is_a_configuration_or_refused_in_words() {
        let seeds = [EXAMPLE, "shards = 2\n[settings]\n\"posts.a\" = 7\n", "shard = [1]"];
        fuzz::target("config").seeds(seeds).bytes_max(8_192).run(|bytes| {
            let text = String::from_utf8_lossy(bytes);
            if let Err(error) = from_file(&text) {
                assert!(error.starts_with("roost.toml: "), "{error}");
            }
            let lines = text.lines().filter_map(|it| it.split_once(" = "));
            let name = |name: &str| format!("ROOST_{}", name.to_uppercase());
            let variables: Vec<_> = lines.map(|(it, value)| (name(it), value)).collect();
            let variables: Vec<_> = variables.iter().map(|(it, value)| (&**it, *value)).collect();
            from_environment(&variables).ok();
        });
    }

    #[test]
    fn wrong_files_are_refused_with_reasons() {
        let cases = [
            ("shard = 1", "there is no setting shard; did you mean shards?"),
            ("shards = 0", "shards is \"0\"; expected a number from 1 to 256"),
            ("shards = 257", "expected a number from 1 to 256"),
            ("shards = -1", "expected a number from 1 to 256"),
            ("shards = 1.5", "expected a number from 1 to 256"),
            ("shards = [1]", "expected a number from 1 to 256"),
            ("listen = \"localhost\"", "expected an address such as 127.0.0.1:8080"),
            ("peers = \"a\"", "such as a:7400,b:7400"),
            ("copies = 2", "expected 1, 3 or 5"),
            ("cluster = \"\"", "expected 1 to 63 letters"),
            ("argon2_memory_kib = 7", "expected a number from 8 to 1048576"),
            ("settings = 3", "expected a table: [settings]"),
            ("[settings]\nposts.a = 3", "write names with a dot in quotes"),
            ("[settings]\n\"posts.a\" = -3", "expected a number that is not negative"),
            ("shards = ", "line 1"),
        ];
        for (text, expected) in cases {
            let error = from_file(text).unwrap_err();
            assert!(error.starts_with("roost.toml: "), "{text}: {error}");
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn wrong_variables_are_refused_with_reasons() {
        let cases = [
            ("ROOST_SHARD", "1", "there is no setting ROOST_SHARD; did you mean ROOST_SHARDS?"),
            ("ROOST_SHARDS", "many", "expected a number from 1 to 256"),
            ("ROOST_SETTINGS", "posts.a", "expected name=number with commas between"),
        ];
        for (name, text, expected) in cases {
            let error = from_environment(&[(name, text)]).unwrap_err();
            assert!(error.contains(expected), "{name}: {error}");
        }
    }

    #[test]
    fn the_environment_wins_over_the_file_and_flags_over_both() {
        // It names every setting.
        let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/roost.toml"));
        let variables = [["ROOST_SHARDS", "3"], ["ROOST_COPIES", "5"]];
        let variables = variables.into_iter().map(|it| it.map(str::to_owned));
        let mut config = read(Some(file), variables).unwrap();
        assert_eq!(config, Config { shards: 3, copies: 5, ..Config::default() });
        merge(&mut config, "shards", "4").unwrap();
        assert_eq!(config, Config { shards: 4, copies: 5, ..Config::default() });
    }

    #[test]
    fn of_services_too_the_environment_wins() {
        let mut config = from_file("[settings]\n\"posts.a\" = 7\n\"posts.b\" = 7\n").unwrap();
        apply_settings_variable(&mut config, "posts.b=8,posts.c=8").unwrap();
        let expected = [("posts.a", 7), ("posts.b", 8), ("posts.c", 8)];
        assert!(config.settings.iter().map(|(name, it)| (&**name, *it)).eq(expected));
    }

    #[test]
    fn flags_win_and_are_checked() {
        let mut config = from_file("shards = 2").unwrap();
        merge(&mut config, "shards", "3").unwrap();
        assert_eq!(config.shards, 3);
        let error = merge(&mut config, "shards", "0").unwrap_err().to_string();
        assert_eq!(error, "command line: --shards is \"0\"; expected a number from 1 to 256");
    }
}
