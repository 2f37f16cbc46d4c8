//! A schema as the rows of a table: one row for each field.

use serde_json::Value;

/// The row of a field.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The path from the root, as in `faces[].top_left`.
    pub path: String,
    pub kind: String,
    pub is_required: bool,
    pub words: String,
    /// The field's values and their meanings, if the schema lists them.
    pub choices: Vec<(String, String)>,
}

/// The target of a reference; any other schema itself.
pub(super) fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
    target.and_then(|target| document.pointer(target)).unwrap_or(schema)
}

/// The fields of the object that `schema` describes, and of nested objects.
pub(super) fn rows(document: &Value, schema: &Value) -> Vec<Row> {
    let mut rows = Vec::new();
    walk(document, schema, "", &mut rows);
    rows
}

fn walk(document: &Value, schema: &Value, prefix: &str, rows: &mut Vec<Row>) {
    let schema = resolved(document, schema);
    for option in schema["oneOf"].as_array().into_iter().flatten() {
        walk(document, option, prefix, rows);
    }
    let Some(properties) = schema["properties"].as_object() else { return };
    // `required` lists keys in the order of the response.
    let required: Vec<&str> = strings(&schema["required"]).collect();
    let others = properties.keys().map(String::as_str).filter(|key| !required.contains(key));
    for key in required.iter().copied().chain(others) {
        let property = &properties[key];
        let (target, is_nullable) = without_null(document, property);
        let described = [property, target].into_iter().find_map(|it| it["description"].as_str());
        let mut kind = kind(document, target);
        if is_nullable {
            kind.push_str(" or null");
        }
        let path = format!("{prefix}{key}");
        rows.push(Row {
            path: path.clone(),
            kind,
            is_required: required.contains(&key),
            words: described.unwrap_or_default().to_owned(),
            choices: choices(document, target),
        });
        let (inner, path) = match target["type"].as_str() {
            Some("array") => (&target["items"], format!("{path}[].")),
            _ if target["additionalProperties"].is_object() => {
                (&target["additionalProperties"], format!("{path}.*."))
            }
            _ => (target, format!("{path}.")),
        };
        if place(document, inner).is_none() {
            walk(document, inner, &path, rows);
        }
    }
}

/// The schema without null, and true if null is allowed.
fn without_null<'a>(document: &'a Value, schema: &'a Value) -> (&'a Value, bool) {
    let is_null = |option: &Value| option["type"] == "null";
    match schema["anyOf"].as_array().map(Vec::as_slice) {
        Some([option, null]) if is_null(null) => (resolved(document, option), true),
        _ => {
            let target = resolved(document, schema);
            (target, strings(&target["type"]).any(|kind| kind == "null"))
        }
    }
}

/// The field names of an object of two numbers. Such a pair needs no rows of its own.
fn place(document: &Value, schema: &Value) -> Option<String> {
    let properties = resolved(document, schema)["properties"].as_object()?;
    let is_plain = properties.len() == 2 && properties.values().all(|it| it["type"] == "number");
    let names = || properties.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    is_plain.then(|| format!("{{{}}}, numbers", names()))
}

fn kind(document: &Value, schema: &Value) -> String {
    let schema = resolved(document, schema);
    if let Some(options) = schema["anyOf"].as_array() {
        let kinds: Vec<String> = options.iter().map(|option| kind(document, option)).collect();
        return kinds.join(", or ");
    }
    if schema["const"].is_number() {
        return schema["const"].to_string();
    }
    if let Some([option, ..]) = schema["oneOf"].as_array().map(Vec::as_slice) {
        return kind(document, option);
    }
    let named = strings(&schema["type"]).find(|kind| *kind != "null");
    match named {
        Some("array") => format!("list of {}", plural(&kind(document, &schema["items"]))),
        Some("object") if schema["additionalProperties"].is_object() => {
            format!("{} by name", plural(&kind(document, &schema["additionalProperties"])))
        }
        Some("object") => place(document, schema).unwrap_or_else(|| "object".to_owned()),
        Some("number") => match (schema["minimum"].as_f64(), schema["maximum"].as_f64()) {
            (Some(least), Some(most)) => format!("number from {least} to {most}"),
            _ => "number".to_owned(),
        },
        Some("string") if schema["format"] == "uuid" => "string, a UUID".to_owned(),
        Some("string") if schema["format"] == "binary" => "file".to_owned(),
        Some("string") if schema["contentEncoding"] == "base64" => "string, base64".to_owned(),
        Some(kind) => kind.to_owned(),
        None => "anything".to_owned(),
    }
}

fn plural(kind: &str) -> String {
    match kind.split_once(' ') {
        Some((noun, rest)) => format!("{noun}s {rest}"),
        None if kind.starts_with('{') => kind.to_owned(),
        None => format!("{kind}s"),
    }
}

fn choices(document: &Value, schema: &Value) -> Vec<(String, String)> {
    let schema = match schema["type"].as_str() {
        Some("array") => resolved(document, &schema["items"]),
        _ => schema,
    };
    let words = |option: &Value| option["description"].as_str().unwrap_or_default().to_owned();
    if let Some(options) = schema["oneOf"].as_array() {
        let constant = |option: &Value| option["const"].as_str().map(str::to_owned);
        return options.iter().filter_map(|it| Some((constant(it)?, words(it)))).collect();
    }
    strings(&schema["enum"]).map(|value| (value.to_owned(), String::new())).collect()
}

/// The strings of a list; a string by itself is a list of one.
fn strings(value: &Value) -> impl Iterator<Item = &str> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    value.as_str().into_iter().chain(list.iter().filter_map(Value::as_str))
}
