//! Every key of the configuration, read from the JSON Schema of its structs.
//!
//! The facts of a key stand on its field: the first paragraph of the comment, the default, the
//! range.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::Config;

/// One key of the configuration.
#[derive(Debug)]
pub struct Key {
    /// Its dotted path, such as `ingress.threshold`.
    pub path: String,
    /// Its effect, in one to three sentences for operators.
    pub meaning: String,
    /// Its default; `null` where there is none.
    pub default: Value,
    /// The range of a number, such as `from 1 to 60000`.
    pub range: Option<String>,
    /// Whether the value is never shown, and never taken from a command line.
    pub is_secret: bool,
    /// The JSON Schema of its value.
    pub schema: &'static Value,
}

impl Key {
    /// The variable that stands for the key.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("LIVEGATE_{}", self.path.replace('.', "_").to_uppercase())
    }

    /// Its value in `settings`, a configuration as JSON.
    #[must_use]
    pub fn value_in<'a>(&self, settings: &'a Value) -> Option<&'a Value> {
        settings.pointer(&format!("/{}", self.path.replace('.', "/")))
    }

    /// Whether its value is a text, which needs no quotes in a variable or flag.
    pub(super) fn is_text(&self) -> bool {
        let kind = &self.schema["type"];
        let is = |other: &&str| kind == *other || kind.get(0).is_some_and(|first| first == *other);
        !["integer", "number", "boolean", "array"].iter().any(is)
    }

    /// Whether `value`, of the right type, is within the range.
    pub(super) fn allows(&self, value: &Value) -> bool {
        let Some(number) = value.as_f64() else {
            // JSON has `null` for a number that is missing, infinite or NaN.
            return self.range.is_none() || self.default.is_null();
        };
        let [least, above, most] = limits(self.schema);
        least.is_none_or(|least| number >= least)
            && above.is_none_or(|above| number > above)
            && most.is_none_or(|most| number <= most)
    }
}

/// The least number, the number below the least, and the greatest number that `schema` allows.
fn limits(schema: &Value) -> [Option<f64>; 3] {
    ["minimum", "exclusiveMinimum", "maximum"].map(|name| schema.get(name)?.as_f64())
}

fn range(schema: &Value) -> Option<String> {
    match limits(schema) {
        [Some(least), _, Some(most)] => Some(format!("from {least} to {most}")),
        [Some(least), _, None] => Some(format!("at least {least}")),
        [None, above, _] => above.map(|above| format!("above {above}")),
    }
}

/// The JSON Schema of the configuration.
#[must_use]
pub fn schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.inline_subschemas = true;
        });
        settings.into_generator().into_root_schema_for::<Config>().to_value()
    });
    &SCHEMA
}

/// The first paragraph of the comment on a key or table, as one line.
#[must_use]
pub fn meaning(schema: &Value) -> String {
    let comment = schema["description"].as_str().unwrap_or_default();
    comment.split("\n\n").next().unwrap_or_default().replace('\n', " ")
}

/// Every key, in the order of the structs' fields.
#[must_use]
pub fn keys() -> &'static [Key] {
    static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
        let mut keys = Vec::new();
        collect("", schema(), &mut keys);
        // A JSON object loses the order of the fields; its text keeps it.
        let text = serde_json::to_string(&Config::default()).unwrap_or_default();
        let place =
            |at, name: &str| text[at..].find(&format!("\"{name}\":")).map_or(at, |next| at + next);
        keys.sort_by_key(|key| key.path.split('.').fold(0, place));
        keys
    });
    &KEYS
}

fn collect(table: &str, schema: &'static Value, keys: &mut Vec<Key>) {
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = if table.is_empty() { name.clone() } else { format!("{table}.{name}") };
        if schema.get("properties").is_some() {
            collect(&path, schema, keys);
            continue;
        }
        keys.push(Key {
            path,
            meaning: meaning(schema),
            default: schema["default"].clone(),
            range: range(schema),
            is_secret: schema["writeOnly"] == true,
            schema,
        });
    }
}

/// The key called `path`.
#[must_use]
pub fn find(path: &str) -> Option<&'static Key> {
    keys().iter().find(|key| key.path == path)
}

/// The help of a flag that stands for the key called `path`.
///
/// # Panics
/// When there is no such key.
#[must_use]
pub fn help(path: &str) -> String {
    let key = find(path).expect("a flag stands for a key that exists");
    let default = match &key.default {
        Value::Null => String::new(),
        Value::String(text) => format!(" [default: {text}]"),
        value => format!(" [default: {value}]"),
    };
    format!("{}{default} [env: {}]", key.meaning.trim_end_matches('.'), key.variable())
}
