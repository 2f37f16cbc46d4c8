//! How this repository is written: the width of its prose, and pronouns that hide the actor.

use std::path::Path;

/// Widest line of prose, in columns: in comments of Rust and in Markdown.
const MAX_COLUMNS: usize = 100;

/// Pronouns that stand where a sentence should name its actor. In halves, because this file is read
/// too.
const VAGUE: [[&str; 2]; 5] =
    [["who", "ever"], ["no", "body"], ["some", "body"], ["any", "body"], ["what", "ever"]];

/// How often they may occur in all.
const MAX_VAGUE: usize = 15;

/// The files that git lists with this extension: their names and texts.
fn files(extension: &str) -> Vec<(String, String)> {
    let mut files = crate::tracked_texts();
    files.retain(|(name, _)| Path::new(name).extension().is_some_and(|it| it == extension));
    files
}

/// The words of `text`, in which an apostrophe or an underscore is part of a word.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == '\''))
}

/// Whether a line is too wide, and could be broken at a space.
fn is_too_wide(line: &str) -> bool {
    let has_link = line.contains("](") || line.contains("]: ") || line.contains("://");
    let breaks = line.trim().trim_start_matches(['/', '!']).trim().contains(' ');
    line.chars().count() > MAX_COLUMNS && breaks && !has_link
}

/// The numbers and texts of lines that are comments.
fn comments(rust: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    (1..).zip(rust.lines()).filter(move |(_, line)| {
        let comment = line.trim_start().strip_prefix("//");
        let text = comment.map(|text| text.trim_start_matches(['/', '!']).trim_start());
        if text.is_some_and(|text| text.starts_with("```")) {
            is_code = !is_code;
        }
        text.is_some_and(|text| !is_code && !text.starts_with('|'))
    })
}

/// The numbers and texts of lines outside tables and code.
fn prose(markdown: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    (1..).zip(markdown.lines()).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence && !line.starts_with('|') && !line.starts_with("    ")
    })
}

#[test]
fn no_line_of_prose_is_wider_than_100_columns() {
    let mut wide = Vec::new();
    let mut look = |name: &str, (number, line): (usize, &str)| {
        if is_too_wide(line) {
            wide.push(format!("{name}:{number}"));
        }
    };
    for (name, text) in files("rs") {
        comments(&text).for_each(|line| look(&name, line));
    }
    for (name, text) in files("md") {
        prose(&text).for_each(|line| look(&name, line));
    }
    assert!(wide.is_empty(), "{} lines are too wide:\n{}", wide.len(), wide.join("\n"));
}

#[test]
fn prose_names_its_actors() {
    let pronouns = VAGUE.map(|halves| halves.concat());
    let mut vague = Vec::new();
    for (name, text) in ["rs", "md", "html"].into_iter().flat_map(files) {
        for (number, line) in (1..).zip(text.lines()) {
            let found = words(line).filter(|word| pronouns.contains(&word.to_lowercase()));
            vague.extend(found.map(|word| format!("{name}:{number}: {word}")));
        }
    }
    assert!(
        vague.len() <= MAX_VAGUE,
        "{} vague words, at most {MAX_VAGUE} may be there:\n{}",
        vague.len(),
        vague.join("\n")
    );
}
