//! The document as a page without scripts, which loads its own style only.

use maud::{DOCTYPE, Markup, html};
use serde_json::{Deserializer, Map, Value, json};
use serde_transcode::Transcoder;

use super::examples::example;
use super::fields::{Row, resolved, rows};
use crate::documented::{ERRORS, Of};
use crate::routes::{DOCS_ICON, DOCS_STYLE, OPENAPI};

/// An operation with its method and path.
struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    spec: &'a Value,
}

/// The page.
pub(super) fn html(document: &Value) -> String {
    let info = &document["info"];
    let title = text(&info["title"]);
    let operations = operations(document);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" type="image/svg+xml" href=(DOCS_ICON);
                link rel="stylesheet" href=(DOCS_STYLE);
            }
            body {
                a class="skip" href="#content" { "Skip to the content" }
                header {
                    h1 { (title) }
                    p class="lead" { (text(&info["summary"])) ", version " (text(&info["version"])) "." }
                }
                nav aria-label="Operations" {
                    ul {
                        @for operation in &operations {
                            li { a href={ "#" (text(&operation.spec["operationId"])) } { (line(operation)) } }
                        }
                        li { a href="#errors" { "Errors" } }
                        li { a href=(OPENAPI) { "OpenAPI 3.1 document" } }
                    }
                }
                main id="content" {
                    (paragraphs(text(&info["description"])))
                    @for tag in list(&document["tags"]) {
                        section {
                            h2 { (text(&tag["name"])) }
                            p { (text(&tag["description"])) }
                            @for operation in &operations {
                                @if operation.spec["tags"][0] == tag["name"] {
                                    (section(document, operation))
                                }
                            }
                        }
                    }
                    (all_errors())
                }
            }
        }
    }
    .into_string()
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let operations = fields(&document["paths"]).flat_map(|(path, item)| {
        fields(item).map(move |(method, spec)| Operation { method, path, spec })
    });
    let mut operations: Vec<_> = operations.collect();
    let tags = list(&document["tags"]);
    let group = |it: &Operation<'_>| tags.iter().position(|tag| tag["name"] == it.spec["tags"][0]);
    operations.sort_by_key(group);
    operations
}

fn line(operation: &Operation<'_>) -> Markup {
    html! {
        span class="method" { (operation.method.to_uppercase()) } " "
        span class="path" { (operation.path) }
    }
}

fn section(document: &Value, operation: &Operation<'_>) -> Markup {
    let Operation { path, spec, .. } = operation;
    let id = text(&spec["operationId"]);
    html! {
        article id=(id) aria-labelledby={ (id) "-title" } {
            h3 id={ (id) "-title" } { (line(operation)) }
            p class="summary" { (text(&spec["summary"])) "." }
            (paragraphs(text(&spec["description"])))
            @if spec["security"].as_array().is_some_and(|needed| !needed.is_empty()) {
                p { "Needs the headers " code { "app_id" } " and " code { "app_key" } "." }
            }
            @if !list(&spec["parameters"]).is_empty() {
                h4 { "Parameters" }
                (parameter_table(document, operation))
            }
            @for (media_type, content) in fields(&spec["requestBody"]["content"]) {
                h4 { "Body: " code { (media_type) } }
                (table(&rows(document, &content["schema"]), &format!("Body of {path} as {media_type}")))
                (shown_examples(content))
            }
            @for sample in list(&spec["x-codeSamples"]) {
                h4 { (text(&sample["label"])) }
                pre { code { (text(&sample["source"])) } }
            }
            (answers(document, operation))
        }
    }
}

fn parameter_table(document: &Value, operation: &Operation<'_>) -> Markup {
    let properties = list(&operation.spec["parameters"]).iter().map(|parameter| {
        let mut schema = parameter["schema"].clone();
        schema["description"] = parameter["description"].clone();
        (format!("?{}=", text(&parameter["name"])), schema)
    });
    let schema = json!({"properties": properties.collect::<Map<_, _>>()});
    table(&rows(document, &schema), &format!("Parameters of {}", operation.path))
}

/// The operation's responses: successes in full, errors as a list of codes.
fn answers(document: &Value, operation: &Operation<'_>) -> Markup {
    let responses = fields(&operation.spec["responses"])
        .map(|(status, response)| (status, resolved(document, response)));
    let (errors, answers): (Vec<_>, Vec<_>) =
        responses.partition(|(_, response)| !codes(response).is_empty());
    let errors = errors.into_iter().flat_map(|(status, response)| {
        codes(response).iter().map(move |code| (status.as_str(), text(code)))
    });
    let errors: Vec<(&str, &str)> = errors.collect();
    html! {
        @for (status, response) in answers {
            h4 { "Answer " (status) }
            p { (inline(text(&response["description"]))) }
            @for (media_type, content) in fields(&response["content"]) {
                @let rows = rows(document, &content["schema"]);
                @if rows.is_empty() { p { code { (media_type) } } }
                @else { (table(&rows, &format!("Answer {status} of {}", operation.path))) }
                (shown_examples(content))
            }
        }
        @if !errors.is_empty() {
            h4 { "Errors" }
            p {
                @for (i, (status, code)) in errors.iter().enumerate() {
                    @if i > 0 { ", " }
                    span class="nowrap" { (status) " " a href={ "#error-" (code) } { code { (code) } } }
                }
                "."
            }
        }
    }
}

fn codes(response: &Value) -> &[Value] {
    let codes = "/content/application~1json/schema/properties/error/properties/code/enum";
    response.pointer(codes).map(list).unwrap_or_default()
}

fn all_errors() -> Markup {
    let rows = html! {
        @for error in ERRORS {
            tr id={ "error-" (error.code) } {
                td { (error.status) }
                th scope="row" { code { (error.code) } }
                td { (inline(error.when)) @if error.of == Of::Route { " (any path)" } }
            }
        }
    };
    html! {
        section {
            h2 id="errors" { "Errors" }
            p {
                "Codes stay the same in later versions; messages are for people and may change. The \
                 service checks in this order: room for the request, the route, credentials, limits, \
                 the body, the picture."
            }
            (scroll("Errors", ["Status", "Code", "When"], &rows))
            @for error in ERRORS {
                @if let Some(recorded) = example(error.code) {
                    (shown(recorded.summary, recorded.text))
                }
            }
        }
    }
}

/// A table of fields.
fn table(rows: &[Row], label: &str) -> Markup {
    let rows = html! {
        @for row in rows {
            tr {
                th scope="row" { code { (row.path) } }
                td { (row.kind) @if !row.is_required { span class="optional" { ", optional" } } }
                td {
                    (inline(&row.words))
                    @if !row.choices.is_empty() { (choices(&row.choices)) }
                }
            }
        }
    };
    scroll(label, ["Field", "Type", "Meaning"], &rows)
}

/// A table that scrolls sideways.
fn scroll(label: &str, heads: [&str; 3], rows: &Markup) -> Markup {
    html! {
        div class="scroll" role="group" aria-label=(label) tabindex="0" {
            table {
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody { (rows) }
            }
        }
    }
}

fn choices(choices: &[(String, String)]) -> Markup {
    html! {
        ul class="choices" {
            @for (value, words) in choices {
                li { code { (value) } @if !words.is_empty() { ": " (inline(words)) } }
            }
        }
    }
}

fn shown_examples(content: &Value) -> Markup {
    html! {
        @for (name, described) in fields(&content["examples"]) {
            @match example(name) {
                // As received, with its keys in order.
                Some(recorded) => (shown(recorded.summary, recorded.text)),
                None => (shown(text(&described["summary"]), &described["value"].to_string())),
            }
        }
    }
}

fn shown(summary: &str, json: &str) -> Markup {
    html! {
        details {
            summary { "Example: " (summary) }
            pre { code { (indented(json)) } }
        }
    }
}

/// JSON with a line for each key and item, in their order.
fn indented(json: &str) -> String {
    let pretty = serde_json::to_string_pretty(&Transcoder::new(&mut Deserializer::from_str(json)));
    pretty.expect("recorded responses are JSON")
}

fn paragraphs(text: &str) -> Markup {
    html! { @for paragraph in text.split("\n\n").filter(|it| !it.is_empty()) { p { (inline(paragraph)) } } }
}

/// Text, with the parts between backticks as code.
fn inline(text: &str) -> Markup {
    html! {
        @for (i, part) in text.split('`').enumerate() {
            @if i % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_with_its_keys_in_order_and_its_texts_unchanged() {
        let json = r#"{"z":"a, \"b\": {c}\\","a":[1,2.0],"e":{},"l":[],"n":null}"#;
        let lines = indented(json);
        assert_eq!(
            lines,
            "{\n  \"z\": \"a, \\\"b\\\": {c}\\\\\",\n  \"a\": [\n    1,\n    2.0\n  ],\n  \"e\": {},\n  \"l\": [],\n  \"n\": null\n}"
        );
        let value: Value = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&lines).unwrap(), value);
    }
}
