//! The documents that list every key: `just configuration` writes them from the fields' comments,
//! defaults and ranges, and these tests fail where one differs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::fmt::Write;
use std::path::Path;

use engine::config::{Config, Key, Layers, Settings, keys, meaning, schema};
use serde_json::Value;

const EXAMPLE_HEADER: &str = "\
# Every key of Livegate's configuration with its default. `just configuration` writes this file.
# A key without a default is commented out, and shows an example.
#
# Unknown keys are refused. Each key has a variable, which counts for more than the file
# (LIVEGATE_INGRESS_THRESHOLD=0.6), and --set counts for most (--set ingress.threshold=0.6).
#
#   livegate config check --config livegate.toml    checks the file, without starting anything
#   livegate config show --config livegate.toml     shows each value, and where it came from
#   livegate serve --config livegate.toml
";

const PAGE_HEADER: &str = "\
# Configuration

Which keys does the configuration have, what does each do, and what is its default?

<!-- `just configuration` writes this page from the comments on the fields: change those. -->

A TOML file (`--config`) counts least, a variable more, and `--set KEY=VALUE` most. Values are
written as in TOML. A text needs no quotes in a variable or flag. An empty variable is an unset
one. Unknown keys and unknown `LIVEGATE_*` variables are refused.
[livegate.example.toml](../deploy/livegate.example.toml) has the same keys as a file to start from.
";

/// The name of the table that `key` is in; empty for the outermost.
fn table_of(key: &Key) -> &str {
    key.path.rsplit_once('.').map_or("", |(table, _)| table)
}

/// Every table with its meaning and keys, in the order in which TOML wants them.
fn tables() -> Vec<(&'static str, String, Vec<&'static Key>)> {
    let mut tables: Vec<(&str, String, Vec<&Key>)> = Vec::new();
    for key in keys() {
        let name = table_of(key);
        if let Some((.., keys)) = tables.iter_mut().find(|(table, ..)| *table == name) {
            keys.push(key);
            continue;
        }
        let pointer = format!("/properties/{}", name.replace('.', "/properties/"));
        let meaning = schema().pointer(&pointer).map(meaning).unwrap_or_default();
        tables.push((name, meaning, vec![key]));
    }
    tables
}

/// The words that the key, or each item of its list, can be.
fn choices(schema: &Value) -> Vec<&Value> {
    let list = |name| schema.get(name).and_then(Value::as_array).into_iter().flatten();
    let nested = list("oneOf").chain(list("anyOf")).chain(schema.get("items")).flat_map(choices);
    list("enum").chain(schema.get("const")).chain(nested).filter(|value| !value.is_null()).collect()
}

/// The values that the key can have, as far as its type does not say it: words or a range.
fn values(key: &Key, word: fn(&Value) -> String) -> String {
    let choices: Vec<_> = choices(key.schema).into_iter().map(word).collect();
    if choices.is_empty() { key.range.clone().unwrap_or_default() } else { choices.join(", ") }
}

fn example(key: &Key) -> Option<&Value> {
    key.schema.pointer("/examples/0")
}

/// `text` in lines of at most 100 columns that begin with `prefix`.
fn wrapped(prefix: &str, text: &str) -> String {
    let mut lines = vec![prefix.to_owned()];
    for word in text.split(' ') {
        let line = lines.last_mut().unwrap();
        if line.len() + 1 + word.len() > 100 {
            lines.push(prefix.to_owned() + word);
        } else {
            let gap = if line == prefix { "" } else { " " };
            *line += &(gap.to_owned() + word);
        }
    }
    lines.join("\n") + "\n"
}

fn comment(text: &str) -> String {
    wrapped("# ", text)
}

fn example_file() -> String {
    let mut file = EXAMPLE_HEADER.to_owned();
    for (name, meaning, keys) in tables() {
        if !name.is_empty() {
            write!(file, "\n\n{}[{name}]\n", comment(&meaning)).unwrap();
        }
        for key in keys {
            let name = key.path.rsplit('.').next().unwrap();
            file += "\n";
            file += &comment(&key.meaning);
            let values = values(key, Value::to_string);
            if key.range.as_ref() == Some(&values) {
                file += &comment(&capitalized(&values));
            } else if !values.is_empty() {
                file += &comment(&format!("One of {values}."));
            }
            match example(key).filter(|_| key.default.is_null()) {
                Some(example) => writeln!(file, "#{name} = {example}").unwrap(),
                None => writeln!(file, "{name} = {}", key.default).unwrap(),
            }
        }
    }
    file
}

/// `From 1 to 8.`, of `from 1 to 8`.
fn capitalized(text: &str) -> String {
    let (first, rest) = text.split_at(1);
    format!("{}{rest}.", first.to_uppercase())
}

fn in_code(value: &Value) -> String {
    format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn page() -> String {
    let mut page = PAGE_HEADER.to_owned();
    for (name, meaning, keys) in tables() {
        if name.is_empty() {
            page += "\n## Outside of every table\n";
        } else {
            write!(page, "\n## `[{name}]`\n\n{}", wrapped("", &meaning)).unwrap();
        }
        page += "\n| key | default | variable | values | meaning |\n|---|---|---|---|---|\n";
        for key in keys {
            let default =
                if key.default.is_null() { String::new() } else { format!("`{}`", key.default) };
            let (path, variable, values) = (&key.path, key.variable(), values(key, in_code));
            writeln!(page, "| `{path}` | {default} | `{variable}` | {values} | {} |", key.meaning)
                .unwrap();
        }
    }
    page
}

/// Compares `text` with the file at `path`, or writes it there if `WRITE_CONFIGURATION` is set.
fn hold(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::env::var_os("WRITE_CONFIGURATION").is_some_and(|value| !value.is_empty()) {
        std::fs::write(&file, text).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap();
    let differs = found.lines().zip(text.lines()).find(|(found, wanted)| found != wanted);
    assert!(found == text, "{path}: run `just configuration` and review the diff: {differs:#?}");
}

#[test]
fn the_example_is_written_from_the_fields() {
    hold("deploy/livegate.example.toml", &example_file());
}

#[test]
fn the_page_is_written_from_the_fields() {
    hold("docs/CONFIGURATION.md", &page());
}

#[test]
fn the_example_is_the_defaults_and_with_its_comments_every_key() {
    let json = |text: &str| serde_json::to_value(toml::from_str::<Config>(text).unwrap()).unwrap();
    let text = example_file();
    assert_eq!(json(&text), serde_json::to_value(Config::default()).unwrap());
    let is_key = |line: &&str| line.starts_with('#') && !line.starts_with("# ") && line.len() > 1;
    let uncomment = |line| if is_key(&line) { &line[1..] } else { line };
    let full: Vec<&str> = text.lines().map(uncomment).collect();
    let full = full.join("\n");
    json(&full);
    let full = serde_json::to_value(toml::from_str::<toml::Table>(&full).unwrap()).unwrap();
    for key in keys() {
        assert!(key.value_in(&full).is_some(), "{}", key.path);
    }
    let page = page();
    for line in text.lines().chain(page.lines().filter(|line| !line.starts_with('|'))) {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

/// A leaf of the schema is a key, and each value of the default configuration belongs to a key.
#[test]
fn no_key_is_missing_and_each_has_its_default() {
    fn leaves(value: &Value) -> usize {
        value.as_object().map_or(1, |fields| fields.values().map(leaves).sum())
    }
    let defaults = serde_json::to_value(Config::default()).unwrap();
    assert_eq!(keys().len(), leaves(&defaults));
    for key in keys() {
        assert_eq!(key.value_in(&defaults), Some(&key.default), "{}", key.path);
    }
    let secrets: Vec<&str> =
        keys().iter().filter(|key| key.is_secret).map(|key| &*key.path).collect();
    assert_eq!(secrets, ["accounts.valkey.password"]);
}

#[test]
fn each_key_says_in_plain_sentences_what_it_does_and_in_which_unit() {
    for key in keys() {
        let Key { path, meaning, .. } = key;
        assert!(meaning.ends_with('.') && !meaning.contains(['[', '|']), "{path}: {meaning}");
        let sentences: Vec<&str> = meaning.split(". ").collect();
        assert!(sentences.len() <= 4, "{path}: {meaning}");
        for sentence in sentences {
            assert!(sentence.split(' ').count() <= 30, "{path}: {sentence}");
        }
        for (part, unit) in [
            ("_ms", "in milliseconds"),
            ("_us", "in microseconds"),
            ("_px", "in pixels"),
            ("_degrees", "in degrees"),
            ("bytes", "in bytes"),
        ] {
            let has_unit = path.contains(part) && key.range.is_some();
            assert!(!has_unit || meaning.contains(unit), "{path}: {meaning}");
        }
        if key.default.is_null() {
            assert!(example(key).is_some(), "{path}");
            assert!(meaning.contains("Default: "), "{path}: {meaning}");
        }
    }
}

fn set(key: &Key, value: &str) -> Result<Config, String> {
    let settings = Settings { config: None, set: vec![(key.path.clone(), value.to_owned())] };
    let layers = Layers::load(&settings, &[]).map_err(|error| error.to_string())?;
    layers.config().map_err(|error| error.to_string())
}

#[test]
fn a_number_out_of_the_documented_range_is_refused_and_its_ends_are_taken() {
    let mut ranges = 0;
    let has_range = |key: &&Key| key.range.is_some() && choices(key.schema).is_empty();
    for key in keys().iter().filter(has_range) {
        let limit = |name| key.schema.get(name).and_then(Value::as_f64);
        let is_float = key.schema["type"] == "number";
        for end in [limit("minimum"), limit("maximum")].into_iter().flatten() {
            let outside = if Some(end) == limit("minimum") { end - 1.0 } else { end + 1.0 };
            let text =
                |number: f64| if is_float { format!("{number:?}") } else { number.to_string() };
            let refused = set(key, &text(outside)).unwrap_err();
            assert!(refused.contains(&key.path), "{refused}");
            // Some ends contradict other keys: luma 255 as the minimum, or fewer bytes than a body
            // has.
            if let Err(error) = set(key, &text(end)) {
                assert!(
                    error.contains("under `liveness.max_luma`") || error.contains("ingress.max_b"),
                    "{error}"
                );
            }
            ranges += 1;
        }
        if is_float {
            for number in ["nan", "inf", "-inf"] {
                let refused = set(key, number).unwrap_err();
                assert!(refused.contains(&key.path), "{refused}");
            }
        }
        if let Some(above) = limit("exclusiveMinimum") {
            assert!(set(key, &format!("{above:?}")).unwrap_err().contains("above 0"));
            ranges += 1;
        }
    }
    assert!(ranges >= 57, "{ranges}");
}

/// Each word that the documents offer is one that the key takes, and no other word is.
#[test]
fn the_documented_words_are_taken_and_others_refused() {
    for key in keys() {
        let is_list = key.schema["type"] == "array";
        for word in choices(key.schema) {
            let value = if is_list { format!("[{word}]") } else { word.to_string() };
            set(key, &value).unwrap();
        }
        if !choices(key.schema).is_empty() {
            let refused = set(key, if is_list { "['no such word']" } else { "no such word" });
            assert!(refused.unwrap_err().contains(&key.path));
        }
    }
}
