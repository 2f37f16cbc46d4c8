//! JSON Schemas of responses, from their types.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::Value;

/// Collects the schema of every referenced type.
pub(super) struct Schemas(SchemaGenerator);

impl Schemas {
    pub(super) fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self(settings.into_generator())
    }

    /// A reference to the schema of `T`.
    pub(super) fn of<T: JsonSchema>(&mut self) -> Value {
        self.0.subschema_for::<T>().to_value()
    }

    /// The schema of every referenced type, by name.
    pub(super) fn into_components(mut self) -> Value {
        let mut components = Value::Object(self.0.take_definitions(true));
        tidy(&mut components);
        components
    }
}

/// Closes objects to undescribed keys, and removes the widths of Rust's numbers.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let is_number = |kind: &Value| matches!(kind.as_str(), Some("number" | "integer"));
            let is_number = fields.get("type").is_some_and(|kind| match kind {
                Value::Array(kinds) => kinds.iter().any(is_number),
                kind => is_number(kind),
            });
            if is_number {
                fields.remove("format");
            }
            if let Some(Value::String(text)) = fields.get_mut("description") {
                // Line breaks of doc comments mean nothing to readers of the document.
                *text = text.replace('\n', " ");
            }
            if fields.contains_key("properties") {
                fields.insert("additionalProperties".to_owned(), false.into());
            }
            fields.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}
