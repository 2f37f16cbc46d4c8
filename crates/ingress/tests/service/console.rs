//! The console: static files that load from this origin only.

use std::path::PathBuf;

use liveness::ReasonCode;

use crate::server;
use crate::support::{LIVE, Request, Server, get, selfie};

fn with_console() -> Server {
    Server::start(|config| config.console = true)
}

/// Every file of the page, with the path it is served at.
fn files() -> Vec<(String, PathBuf)> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/console");
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let files = entries.map(|entry| {
        let name = entry.file_name().into_string().unwrap();
        let path =
            if name == "console.html" { "/console".into() } else { format!("/console/{name}") };
        (path, entry.path())
    });
    files.collect()
}

#[test]
fn every_file_has_its_media_type_and_a_policy_of_this_origin_only() {
    let server = with_console();
    let files = files();
    assert!(files.len() > 5);
    for (path, file) in files {
        let answer = server.send(&get(&path));
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.body == std::fs::read_to_string(&file).unwrap(), "{path}");
        let media_type = match file.extension().unwrap().to_str().unwrap() {
            "html" => "text/html; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "svg" => "image/svg+xml",
            other => panic!("{other}"),
        };
        assert_eq!(answer.header("content-type"), Some(media_type), "{path}");
        assert_eq!(
            answer.header("content-security-policy"),
            Some(
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; \
                 media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                 frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
            )
        );
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        let camera = answer.header("permissions-policy").unwrap();
        assert!(camera.starts_with("camera=(self), microphone=()"), "{camera}");
    }
}

#[test]
fn the_console_is_served_only_if_it_is_switched_on() {
    let server = server();
    for (path, _) in files() {
        assert_eq!(server.send(&get(&path)).refusal(), "404 not_found", "{path}");
    }
}

#[test]
fn the_console_takes_get_only() {
    let server = with_console();
    for path in ["/console", "/console/console.js"] {
        let posted = server.send(&Request::form(&[selfie(LIVE)]).to(path).bytes());
        assert_eq!(posted.refusal(), "405 method_not_allowed");
        assert_eq!(posted.header("allow"), Some("GET,HEAD"));
    }
    assert_eq!(server.send(&get("/console/")).refusal(), "404 not_found");
    assert_eq!(server.send(&get("/console/console.html")).refusal(), "404 not_found");
}

#[test]
fn preflights_of_the_console_get_405_with_its_methods() {
    let server = Server::start(|config| {
        config.console = true;
        config.cors_allowed_origins = vec!["https://app.example".into()];
    });
    let asked = "OPTIONS /console HTTP/1.1\r\nHost: localhost\r\nOrigin: https://app.example\r\n\
                 Access-Control-Request-Method: POST\r\n\r\n";
    let answer = server.send(asked.as_bytes());
    assert_eq!(answer.refusal(), "405 method_not_allowed");
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
}

#[test]
fn visits_of_the_console_are_not_counted() {
    let server = with_console();
    assert_eq!(server.send(&get("/console")).status, 200);
    assert_eq!(server.post(&[selfie(LIVE)]).status, 200);
    let metrics = server.metrics.render(server.accounts.health());
    assert!(metrics.contains("/v0.2/liveness-verification"), "{metrics}");
    assert!(!metrics.contains("route=\"other\""), "{metrics}");
}

#[test]
fn the_console_has_no_inline_script_or_style_and_no_other_origin() {
    for (path, file) in files() {
        let text = std::fs::read_to_string(file).unwrap();
        // The namespace of SVG files, which no browser loads.
        let text = text.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        for address in ["http:", "https:", "src=\"//", "href=\"//", "@import", " url("] {
            assert!(!text.contains(address), "{path} has {address}");
        }
        for sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!text.contains(sink), "{path} has {sink}");
        }
        if path == "/console" {
            assert!(!text.contains(" style=") && !text.contains("<style"));
            let mut scripts = text.split("<script").skip(1);
            assert!(scripts.all(|script| script.trim_start().starts_with("src=\"console/")));
            let handlers = [" onclick=", " onload=", " onerror=", " onsubmit=", " onchange="];
            assert!(handlers.iter().all(|handler| !text.contains(handler)));
        }
    }
}

/// docs/API.md has every code: `documented.rs` tests that.
#[test]
fn every_error_and_every_reason_has_a_sentence() {
    let problems = include_str!("../../src/console/problems.js");
    let codes = include_str!("../../../../docs/API.md").lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        cells.next()?.parse::<u16>().ok()?;
        cells.next()?.strip_prefix('`')?.strip_suffix('`')
    });
    let codes: Vec<_> = codes.collect();
    assert!(codes.len() > 15);
    for code in codes {
        assert!(problems.contains(&format!("\n  {code}: ['")), "{code}");
    }
    let reasons = include_str!("../../src/console/explain.js");
    for code in ReasonCode::ALL {
        let code = code.as_str();
        assert!(reasons.contains(&format!("\n  {code}: ['")), "{code}");
    }
}
