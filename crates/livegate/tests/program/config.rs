//! `livegate config`, and the configuration that it speaks of.

use std::process::Command;

use serde_json::Value;

use crate::{finished, livegate};

fn run(command: &mut Command) -> (String, String, i32) {
    finished(&command.output().unwrap())
}

#[test]
fn flags_count_for_more_than_variables_and_those_for_more_than_the_file() {
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

    // What is shown for people is a configuration again, but for the secret.
    let mut command = livegate(directory.path());
    let (out, _, _) = run(command.args(["config", "show", "--set", "ingress.threshold=0.3"]));
    let shown = directory.path().join("shown.toml");
    std::fs::write(&shown, &out).unwrap();
    let mut command = livegate(directory.path());
    let (again, err, _) = run(command.args(["config", "show", "--config"]).arg(&shown));
    let mut command = livegate(directory.path());
    command.env("LIVEGATE_ACCOUNTS_VALKEY_PASSWORD", "secret").args(["config", "show"]);
    let hidden = "# accounts.valkey.password = (not shown)";
    assert!(run(&mut command).0.contains(hidden), "{out}");
    let settings = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split("  #").next().unwrap().trim().to_owned()).collect()
    };
    assert_eq!(settings(&again), settings(&out), "{err}");
}

#[test]
fn what_would_not_work_is_said_by_check_and_by_everyone_else_alike() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("livegate.toml");
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let mut command = livegate(directory.path());
        run(command.args(["config", "check", "--config"]).arg(&file))
    };
    let (out, err, code) = check("[ingress]\nthreshold = 0.6\n");
    assert_eq!((out.trim(), err.as_str(), code), ("the configuration is sound", "", 0));
    // An attack must never read as live, nor a gate be switched off by what is no number.
    for (text, because) in [
        ("[ingress]\nmax_body_byte = 1", "max_body_byte"),
        ("[ingress.response_codes]\nnot_live = 0", "response_codes"),
        ("[ingress]\nrate_limited_status = 200", "429 or 403"),
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
    // Two layers may only make sense together.
    std::fs::write(&file, "[ingress.response_codes]\nlive = 1").unwrap();
    let mut command = livegate(directory.path());
    command.args(["config", "check", "--config"]).arg(&file);
    let (_, err, code) = run(command.env("LIVEGATE_INGRESS_RESPONSE_CODES_NOT_LIVE", "5"));
    assert_eq!((err.as_str(), code), ("", 0));
    // An empty variable is none.
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
fn a_secret_that_others_can_read_is_mentioned() {
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
        // What SQLite has beside its file while a service runs.
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
    // Nobody is accused whose file has no secret in it.
    std::fs::write(path("plain"), "workers = 1").unwrap();
    let mut command = livegate(directory.path());
    command.args(["config", "check", "--config"]).arg(path("plain"));
    let (_, err, _) = run(command.env("LIVEGATE_ACCOUNTS_VALKEY_PASSWORD", "secret"));
    assert_eq!(err, "");
}

/// docs/OPERATIONS.md, "Every key": in the order of the example, with each default and variable.
#[test]
fn the_documented_table_has_every_key_with_its_default_and_its_variable() {
    let home = tempfile::tempdir().unwrap();
    let output = livegate(home.path()).args(["config", "show", "--json"]).output().unwrap();
    let (out, err, code) = finished(&output);
    assert_eq!(code, 0, "{err}");
    let shown: serde_json::Value = serde_json::from_str(&out).unwrap();
    let row = |key: &serde_json::Value| {
        let default = match &key["value"] {
            serde_json::Value::Null => String::new(),
            value => format!("`{value}`"),
        };
        let text = |name: &str| format!("`{}`", key[name].as_str().unwrap());
        [text("key"), default, text("variable")]
    };
    let real: std::collections::BTreeSet<_> = shown.as_array().unwrap().iter().map(row).collect();
    let page = testbed::workspace().join("docs/OPERATIONS.md");
    let page = std::fs::read_to_string(page).unwrap();
    let section = page.split("### Every key\n").nth(1).unwrap().split("\n#").next().unwrap();
    let rows: Vec<_> = section.lines().filter(|line| line.starts_with("| `")).collect();
    let documented = rows.iter().map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        let row = [(); 3].map(|()| cells.next().unwrap());
        assert!(cells.next().is_some_and(|meaning| !meaning.is_empty()), "{line}");
        row
    });
    assert_eq!(documented.collect::<std::collections::BTreeSet<_>>(), real);
    assert_eq!(rows.len(), real.len(), "no key is there twice");
}
