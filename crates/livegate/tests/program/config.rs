//! `livegate config check` and `livegate config show`.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::{finished, livegate};

fn run(command: &mut Command) -> (String, String, i32) {
    finished(&command.output().unwrap())
}

#[test]
fn a_flag_outweighs_a_variable_and_a_variable_outweighs_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("livegate.toml");
    std::fs::write(
        &file,
        "workers = 1\n[ingress]\nthreshold = 0.1\ndeadline_ms = 1\nmax_in_flight = 1\n\
         [accounts.valkey]\npassword = 'from the file'\n",
    )
    .unwrap();
    let mut command = livegate(directory.path());
    command.args(["config", "show", "--json", "--config"]).arg(&file);
    command.env("LIVEGATE_INGRESS_THRESHOLD", "0.2").env("LIVEGATE_INGRESS_DEADLINE_MS", "2");
    command.args(["--set", "ingress.threshold=0.3", "--set", "pack=mine"]);
    let (out, err, code) = run(&mut command);
    assert_eq!(code, 0, "{err}");
    assert!(!out.contains("from the file") && !err.contains("from the file"));
    let lines: Vec<Value> = serde_json::from_str(&out).unwrap();
    let told = |key: &str| {
        let line = lines.iter().find(|line| line["key"] == key).unwrap();
        (line["value"].clone(), line["origin"].as_str().unwrap(), line["from"].clone())
    };
    let file = Value::from(file.display().to_string());
    assert_eq!(told("ingress.threshold"), (0.3.into(), "flag", "--set ingress.threshold".into()));
    assert_eq!(
        told("ingress.deadline_ms"),
        (2.into(), "variable", "LIVEGATE_INGRESS_DEADLINE_MS".into())
    );
    assert_eq!(told("ingress.max_in_flight"), (1.into(), "file", file.clone()));
    assert_eq!(told("ingress.max_body_bytes"), (20_971_520.into(), "default", Value::Null));
    assert_eq!(told("pack"), ("mine".into(), "flag", "--set pack".into()));
    assert_eq!(told("workers").1, "file");
    assert_eq!(told("accounts.valkey.password"), ("(not shown)".into(), "file", file));

    // The text for people is a configuration again, without the secret.
    let mut command = livegate(directory.path());
    let (out, _, _) = run(command.args(["config", "show", "--set", "ingress.threshold=0.3"]));
    let shown = directory.path().join("shown.toml");
    std::fs::write(&shown, &out).unwrap();
    let mut command = livegate(directory.path());
    let (reread, err, _) = run(command.args(["config", "show", "--config"]).arg(&shown));
    let mut command = livegate(directory.path());
    command.env("LIVEGATE_ACCOUNTS_VALKEY_PASSWORD", "secret").args(["config", "show"]);
    let hidden = "# accounts.valkey.password = (not shown)";
    assert!(run(&mut command).0.contains(hidden), "{out}");
    let settings = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split("  #").next().unwrap().trim().to_owned()).collect()
    };
    assert_eq!(settings(&reread), settings(&out), "{err}");
}

#[test]
fn check_and_every_other_command_refuse_a_wrong_configuration_alike() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("livegate.toml");
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let mut command = livegate(directory.path());
        run(command.args(["config", "check", "--config"]).arg(&file))
    };
    let (out, err, code) = check("[ingress]\nthreshold = 0.6\n");
    assert_eq!((out.trim(), err.as_str(), code), ("the configuration is sound", "", 0));
    // An attack must never read as live, and NaN must not switch a limit off.
    for (text, because) in [
        ("[ingress]\nmax_body_byte = 1", "max_body_byte"),
        ("[ingress.response_codes]\nnot_live = 0", "response_codes"),
        ("[ingress]\nrate_limited_status = 200", "429 or 403"),
        ("[ingress]\nmax_in_flight = 0", "`ingress.max_in_flight` must be from 1 to 100000"),
        ("[ingress]\nmax_in_flight = 9223372036854775807", "ingress.max_in_flight"),
        ("[ingress]\nmax_body_bytes = 0", "`ingress.max_body_bytes` must be at least 1"),
        ("[ingress]\ndeadline_ms = 0", "`ingress.deadline_ms` must be from 1 to 3600000"),
        ("[accounts.valkey]\ntimeout_ms = 0", "accounts.valkey.timeout_ms"),
        ("[gpu]\ncards = []", "gpu.cards"),
        ("[gpu]\ncards = [1, 0, 1]", "none twice"),
        ("[gpu]\ncards = [64]", "from 0 to 63"),
        ("[ingress]\ncors_allowed_origins = ['app.example']", "cors_allowed_origins"),
        ("[liveness]\nmin_face_side_px = nan", "min_face_side_px"),
        ("[liveness]\nmin_face_lead = -1.0", "min_face_lead"),
        ("[liveness]\nmax_face_share = 0.0", "max_face_share"),
        ("[liveness]\nmin_luma = 240.0", "under `liveness.max_luma`"),
        ("[liveness.severity]\nface_cropped = 'ignore'", "line 2"),
        ("[liveness.severity]\nface_not_found = 'off'", "face_not_found"),
        ("[ingress]\nsecurity_level = 'paranoid'", "line 2"),
        ("[ingress]\nsecurity_level = 'hardened'\nthreshold = 0.6", "ingress.threshold"),
        ("[accounts]\nbackend = 'postgres'", "line 2"),
        ("[accounts.valkey]\nurl = 'redis://u:secret@h/0'", "must not hold a user or a password"),
        ("[accounts.valkey]\npassword = 1234567890", "line 2: expected a string"),
        ("[accounts]\nvalkey.password = 1234567890", "line 2: expected a string"),
        ("[accounts]\nvalkey = { password = 1234567890 }", "line 2: expected a string"),
        ("[accounts.valkey]\n\"password\" = 1234567890", "line 2: expected a string"),
        ("[accounts.valkey]\ntimeout_ms = '1234567890'", "line 2: expected u64"),
        ("[accounts.valkey]\npassword = secret@1234567890", "line 2"),
        ("[accounts.valkey]\nurl = 'redis://h/0?password=secret@'", "redis://HOST:PORT/DB"),
        ("pack = ''", "the name of a pack"),
        ("[accounts.valkey]\npassword = 'secret'\npassword_file = '/x'", "not both"),
        ("listen = ", "line 1"),
    ] {
        let (out, err, code) = check(text);
        assert_eq!((out.as_str(), code), ("", 64), "{text}: {err}");
        assert!(err.contains(because), "{text}: {err}");
        assert!(!err.contains("secret@") && !err.contains("1234567890"), "{err}");
        for other in ["serve", "keys list", "usage", "verify x.png"] {
            let mut command = livegate(directory.path());
            command.args(other.split(' ')).arg("--config").arg(&file);
            assert_eq!(run(&mut command), (String::new(), err.clone(), 64), "{other}");
        }
    }
    // Values of two layers are checked together.
    std::fs::write(&file, "[ingress.response_codes]\nlive = 1").unwrap();
    let mut command = livegate(directory.path());
    command.args(["config", "check", "--config"]).arg(&file);
    let (_, err, code) = run(command.env("LIVEGATE_INGRESS_RESPONSE_CODES_NOT_LIVE", "5"));
    assert_eq!((err.as_str(), code), ("", 0));
    // An empty variable is an unset one.
    let mut command = livegate(directory.path());
    command.env("LIVEGATE_CONFIG", "").env("LIVEGATE_FROM", "").env("LIVEGATE_PACK", "");
    assert_eq!(run(command.args(["config", "check"])).2, 0);
    for (variable, value, because) in [
        ("LIVEGATE_INGRES_THRESHOLD", "1", "means nothing here"),
        ("LIVEGATE_INGRESS_THRESHOLD", "2", "from 0 to 1"),
        ("LIVEGATE_ACCOUNTS_VALKEY_TIMEOUT_MS", "0", "timeout_ms"),
        ("LIVEGATE_ACCOUNTS_VALKEY_TIMEOUT_MS", "secret", "expected u64"),
        ("LIVEGATE_ACCOUNTS_BACKEND", "secret", "expected `sqlite` or `valkey`"),
    ] {
        let mut command = livegate(directory.path());
        let (_, err, code) = run(command.args(["config", "check"]).env(variable, value));
        assert_eq!(code, 64, "{variable}");
        assert!(err.contains(because) && !err.contains("secret"), "{err}");
    }
    for (flag, because) in [
        ("ingress.threshold=x", "--set ingress.threshold"),
        ("ingress.thresold=1", "no such key"),
        ("accounts.valkey.password=secret", "does not belong on a command line"),
    ] {
        let mut command = livegate(directory.path());
        let (_, err, code) = run(command.args(["config", "check", "--set", flag]));
        assert_eq!(code, 64, "{flag}");
        assert!(err.contains(because) && !err.contains("=secret"), "{err}");
    }
}

#[cfg(unix)]
#[test]
fn a_file_with_secrets_that_others_can_read_gives_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let chmod = |name: &str, mode| {
        std::fs::set_permissions(path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    std::fs::write(path("with"), "[accounts.valkey]\npassword = 'secret'\n").unwrap();
    let database = path("accounts.db");
    let mut command = livegate(directory.path());
    let (_, err, _) = run(command.args(["keys", "create"]));
    assert!(!err.contains("WARNING"), "{err}");
    let from_file = format!("accounts.valkey.password_file={}", path("password").display());
    let with = path("with").display().to_string();
    let key_file = path("password").display().to_string();
    std::fs::write(path("password"), "a-long-enough-secret").unwrap();
    for (exposed, words) in [
        (database.as_path(), vec!["config", "check"]),
        (&database, vec!["keys", "list"]),
        (&path("accounts.db-wal"), vec!["config", "check"]),
        (&path("with"), vec!["config", "check", "--config", &with]),
        (
            &path("password"),
            vec!["config", "check", "--set", "accounts.backend=valkey", "--set", &from_file],
        ),
        (&path("password"), vec!["keys", "create", "--key-file", &key_file]),
    ] {
        let name = exposed.file_name().unwrap().to_str().unwrap();
        // SQLite keeps this file beside its database while a service runs.
        if name.ends_with("-wal") {
            std::fs::write(exposed, "").unwrap();
        }
        chmod(name, 0o640);
        let (_, err, code) = run(livegate(directory.path()).args(&words));
        assert_eq!(code, 0, "{err}");
        assert!(err.contains(&format!("{} holds secrets", exposed.display())), "{err}");
        assert!(err.contains("mode 640") && !err.contains("long-enough"), "{err}");
        chmod(name, 0o600);
        let (_, err, _) = run(livegate(directory.path()).args(&words));
        assert!(!err.contains("WARNING"), "{err}");
    }
    // A file without secrets gives no warning.
    std::fs::write(path("plain"), "workers = 1").unwrap();
    let mut command = livegate(directory.path());
    command.args(["config", "check", "--config"]).arg(path("plain"));
    let (_, err, _) = run(command.env("LIVEGATE_ACCOUNTS_VALKEY_PASSWORD", "secret"));
    assert_eq!(err, "");
}

/// The engine's tests hold the page against the fields; this one holds it against the program.
#[test]
fn the_documented_tables_have_every_key_that_the_program_shows() {
    let home = tempfile::tempdir().unwrap();
    let output = livegate(home.path()).args(["config", "show", "--json"]).output().unwrap();
    let (out, err, code) = finished(&output);
    assert_eq!(code, 0, "{err}");
    let shown: Vec<Value> = serde_json::from_str(&out).unwrap();
    let row = |key: &Value| {
        let default = match &key["value"] {
            Value::Null => String::new(),
            value => format!("`{value}`"),
        };
        let text = |name: &str| format!("`{}`", key[name].as_str().unwrap());
        [text("key"), default, text("variable")]
    };
    let real: BTreeSet<_> = shown.iter().map(row).collect();
    let page = std::fs::read_to_string(testbed::workspace().join("docs/CONFIGURATION.md")).unwrap();
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let documented = rows.iter().map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert!(cells.len() == 5 && !cells[4].is_empty(), "{line}");
        [cells[0], cells[1], cells[2]].map(str::to_owned)
    });
    assert_eq!(documented.collect::<BTreeSet<_>>(), real);
    assert_eq!(rows.len(), real.len(), "no key is there twice");
}

/// `LIVEGATE_TEST_HOME=` once made tests install into the user's own directory.
#[test]
fn every_script_and_test_takes_an_empty_variable_for_an_unset_one() {
    let name_end = |c: char| !(c.is_ascii_uppercase() || c == '_');
    let after_name = |rest: &str| rest[rest.find(name_end).unwrap_or(0)..].to_owned();
    let is_wrong = |line: &str| {
        let after = |opening: &'static str| line.split(opening).skip(1);
        let python =
            after("environ.get(").any(|rest| rest.split(')').next().unwrap().contains(','));
        let script = after("process.env.").any(|rest| after_name(rest).starts_with(" ??"));
        let shell =
            after("${").any(|rest| after_name(rest).starts_with('-') && !rest.starts_with('-'));
        let rust = after("var_os(").any(|rest| {
            let is_named = rest.starts_with(|c: char| c == '"' || c.is_ascii_uppercase());
            is_named && [".is_some()", ".is_none()"].iter().any(|asked| rest.contains(asked))
        });
        python || script || shell || rust
    };
    for wrong in [
        r#"os.environ.get("HOME_OF_TESTS", "x")"#,
        "process.env.BINARY ?? 'x'",
        r#"std::env::var_os("CI").is_none()"#,
        "${DEVICES-cpu}",
    ] {
        assert!(is_wrong(wrong), "{wrong}");
    }
    let this_file = "crates/livegate/tests/program/config.rs";
    let files = crate::tracked_texts().into_iter().filter(|(name, _)| name != this_file);
    for (name, text) in files {
        let wrong: Vec<&str> = text.lines().filter(|line| is_wrong(line)).collect();
        assert!(wrong.is_empty(), "{name} takes an empty variable for a set one: {wrong:?}");
    }
}
