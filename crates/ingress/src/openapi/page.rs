//! The document as a page: no script, and nothing loaded but its own style.

use maud::{DOCTYPE, Markup, html};
use serde_json::Value;

use super::fields::{Row, resolved, rows};
use super::{DOCS_ICON, DOCS_STYLE, OPENAPI, examples};
use crate::documented::{ERRORS, Of};

/// An operation, and where it is.
struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    id: &'a str,
    it: &'a Value,
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
                            li { a href={ "#" (operation.id) } { (line(operation)) } }
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
                            @for operation in operations.iter().filter(|it| it.it["tags"][0] == tag["name"]) {
                                (section(document, operation))
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
    let paths = document["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods.map(move |(method, it)| Operation {
            method,
            path,
            id: text(&it["operationId"]),
            it,
        })
    });
    let mut operations: Vec<_> = operations.collect();
    let tags = list(&document["tags"]);
    operations.sort_by_key(|it| tags.iter().position(|tag| tag["name"] == it.it["tags"][0]));
    operations
}

fn line(operation: &Operation<'_>) -> Markup {
    html! {
        span class="method" { (operation.method.to_uppercase()) } " "
        span class="path" { (operation.path) }
    }
}

fn section(document: &Value, operation: &Operation<'_>) -> Markup {
    let Operation { id, it, .. } = operation;
    let parameters = list(&it["parameters"]);
    html! {
        article id=(id) aria-labelledby={ (id) "-title" } {
            h3 id={ (id) "-title" } { (line(operation)) }
            p class="summary" { (text(&it["summary"])) "." }
            (paragraphs(text(&it["description"])))
            @if it["security"].as_array().is_some_and(|needed| !needed.is_empty()) {
                p { "Needs the headers " code { "app_id" } " and " code { "app_key" } "." }
            }
            @if !parameters.is_empty() {
                h4 { "Parameters" }
                (parameter_table(parameters, operation))
            }
            @for (media_type, content) in it["requestBody"]["content"].as_object().into_iter().flatten() {
                h4 { "Body: " code { (media_type) } }
                (table(&rows(document, &content["schema"]), &format!("Body of {} as {media_type}", operation.path)))
                (shown_examples(content))
            }
            @for sample in list(&it["x-codeSamples"]) {
                h4 { (text(&sample["label"])) }
                pre { code { (text(&sample["source"])) } }
            }
            (answers(document, operation))
        }
    }
}

fn parameter_table(parameters: &[Value], operation: &Operation<'_>) -> Markup {
    let row = |parameter: &Value| {
        let choices = list(&parameter["schema"]["enum"]).iter();
        Row {
            path: format!("?{}=", text(&parameter["name"])),
            kind: text(&parameter["schema"]["type"]).to_owned(),
            is_required: parameter["required"] == true,
            words: text(&parameter["description"]).to_owned(),
            choices: choices.map(|choice| (text(choice).to_owned(), String::new())).collect(),
        }
    };
    let rows: Vec<Row> = parameters.iter().map(row).collect();
    table(&rows, &format!("Parameters of {}", operation.path))
}

/// What it answers: where all is well in full, errors as a table.
fn answers(document: &Value, operation: &Operation<'_>) -> Markup {
    let responses = operation.it["responses"].as_object().into_iter().flatten();
    let responses = responses.map(|(status, response)| (status, resolved(document, response)));
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
            @for (media_type, content) in response["content"].as_object().into_iter().flatten() {
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
    html! {
        section {
            h2 id="errors" { "Errors" }
            p {
                "Codes stay as they are; messages are for people and may change. They are checked in the order of the \
                 request: whether there is room, the route, credentials, limits, the body, the picture."
            }
            div class="scroll" role="group" aria-label="Errors" tabindex="0" {
                table {
                    thead { tr { th scope="col" { "Status" } th scope="col" { "Code" } th scope="col" { "When" } } }
                    tbody {
                        @for error in ERRORS {
                            tr id={ "error-" (error.code) } {
                                td { (error.status) }
                                th scope="row" { code { (error.code) } }
                                td { (inline(error.when)) @if error.of == Of::Route { " (any path)" } }
                            }
                        }
                    }
                }
            }
            @for error in ERRORS {
                @if let Some(example) = examples::of_error(error.code) {
                    (shown(example.summary, example.text))
                }
            }
        }
    }
}

/// A table of fields.
fn table(rows: &[Row], label: &str) -> Markup {
    html! {
        div class="scroll" role="group" aria-label=(label) tabindex="0" {
            table {
                thead { tr { th scope="col" { "Field" } th scope="col" { "Type" } th scope="col" { "Meaning" } } }
                tbody {
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
                }
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
        @for (name, example) in content["examples"].as_object().into_iter().flatten() {
            @match examples::text(name) {
                // As it came, with its keys in order.
                Some(recorded) => (shown(text(&example["summary"]), recorded)),
                None => (shown(text(&example["summary"]), &format!("{:#}", example["value"]))),
            }
        }
    }
}

fn shown(summary: &str, json: &str) -> Markup {
    html! {
        details {
            summary { "Example: " (summary) }
            pre { code { (indented(json.trim_end())) } }
        }
    }
}

/// JSON with a line for each key and item, in the order in which they are.
fn indented(json: &str) -> String {
    let mut lines = String::new();
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    for (i, character) in json.char_indices() {
        let is_empty = json[i + character.len_utf8()..].starts_with(['}', ']']);
        match character {
            _ if is_text => lines.push(character),
            '{' | '[' => {
                depth += 1;
                lines.push(character);
                if !is_empty {
                    lines.push('\n');
                    lines.push_str(&"  ".repeat(depth));
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if !lines.ends_with(['{', '[']) {
                    lines.push('\n');
                    lines.push_str(&"  ".repeat(depth));
                }
                lines.push(character);
            }
            ',' => {
                lines.push_str(",\n");
                lines.push_str(&"  ".repeat(depth));
            }
            ':' => lines.push_str(": "),
            character if character.is_ascii_whitespace() => {}
            character => lines.push(character),
        }
        is_text ^= character == '"' && !is_escaped;
        is_escaped = is_text && character == '\\' && !is_escaped;
    }
    lines
}

fn paragraphs(text: &str) -> Markup {
    html! { @for paragraph in text.split("\n\n").filter(|it| !it.is_empty()) { p { (inline(paragraph)) } } }
}

/// Text with what stands between backticks as code.
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

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_with_its_keys_in_order_and_its_texts_as_they_are() {
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
