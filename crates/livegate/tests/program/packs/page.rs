//! docs/PACKS.md: its commands, their output and its example manifest are the program's.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{home, own_model, packs, replace};
use crate::{finished, livegate};

fn page() -> String {
    std::fs::read_to_string(testbed::workspace().join("docs/PACKS.md")).unwrap()
}

/// The page's code blocks in one language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    page.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn the_pages_commands_make_a_pack_that_scores_like_its_original() {
    let (home, desk) = (home(), tempfile::tempdir().unwrap());
    own_model(desk.path());
    std::fs::copy(testbed::portrait(), desk.path().join("portrait.png")).unwrap();
    let page = page();
    let script = blocks(&page, "sh").concat();
    assert!(script.matches("livegate ").count() >= 8, "{script}");
    let program = Path::new(env!("CARGO_BIN_EXE_livegate")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var_os("PATH").unwrap().display());
    let output = Command::new("sh")
        .args(["-euc", &script])
        .current_dir(desk.path())
        .env("PATH", path)
        .env("LIVEGATE_HOME", home.path())
        .output()
        .unwrap();
    let (out, err, code) = finished(&output);
    assert_eq!(code, 0, "{out}{err}");
    assert!(err.contains("cannot tell whether the preprocessing is right"), "{err}");
    assert!(err.contains("livegate verify PICTURE --pack mine --exact --json"), "{err}");
    assert!(out.contains("livegate evaluate --pack mine"), "{out}");
    assert!(!out.contains("Still to be filled in"), "{out}");

    let verify = |pack: &str, model: &str| {
        let mut command = livegate(home.path());
        command.args(["verify", "--offline", "--exact", "--json", "--pack", pack]);
        let (out, err, _) = finished(&command.arg(testbed::portrait()).output().unwrap());
        let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{err}"));
        report["models"][model].as_f64().unwrap()
    };
    assert_eq!(verify("mine", "my-model"), verify("starter", "fr_liveness"));
    // A block of output follows the block of commands that printed it.
    assert!(out.contains("\"models\":{\"my-model\":"), "{out}");
}

#[test]
fn the_pages_wrong_colours_are_found_as_it_says() {
    let home = home();
    let model = own_model(home.path());
    let (_, err, code) =
        packs(home.path(), &["new", "mine", "--scorer", &model, "--live-class", "0"]);
    assert_eq!(code, 0, "{err}");
    replace(&home.path().join("packs/mine/pack.toml"), "\"bgr\"", "\"rgb\"");
    let (out, _, code) = packs(home.path(), &["verify", "mine"]);
    assert_eq!(code, 1);
    let page = page();
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        blocks(&page, "text").iter().any(|block| words(block) == words(&out)),
        "the page does not show: {out}"
    );
}

#[test]
fn the_pages_example_is_a_manifest_and_its_tables_have_every_key() {
    fn paths(value: &toml::Value, path: &str, found: &mut BTreeSet<String>) {
        match value {
            toml::Value::Table(table) => {
                for (key, value) in table {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    paths(value, &path, found);
                }
            }
            toml::Value::Array(items) if items.iter().any(toml::Value::is_table) => {
                for item in items {
                    paths(item, path, found);
                }
            }
            _ => {
                found.insert(path.to_owned());
            }
        }
    }

    let page = page();
    let [example] = blocks(&page, "toml")[..] else { panic!("one example") };
    model_pack::Manifest::parse(example).unwrap();
    let mut keys = BTreeSet::new();
    paths(&toml::from_str(example).unwrap(), "", &mut keys);

    let section = page.split("\n## pack.toml\n").nth(1).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.map(|row| row.split('|').nth(1).unwrap().to_owned()).collect::<String>();
    let documented: Vec<&str> = cells.split('`').skip(1).step_by(2).collect();
    let is_below = |key: &str, documented: &str| {
        key == documented || key.strip_prefix(documented).is_some_and(|rest| rest.starts_with('.'))
    };
    for key in &keys {
        assert!(documented.iter().any(|it| is_below(key, it)), "{key} is not in the tables");
    }
    for documented in documented {
        assert!(
            keys.iter().any(|key| is_below(key, documented)),
            "{documented} is not in the example"
        );
    }
}
