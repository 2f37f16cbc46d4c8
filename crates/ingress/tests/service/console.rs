//! The console: files that browsers take as they are, and that ask nobody else for anything.

use std::path::PathBuf;

use crate::server;
use crate::support::{LIVE, Request, Server, selfie};

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

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
fn every_file_of_it_is_served_as_what_it_is_and_may_load_from_here_alone() {
    let server = with_console();
    let files = files();
    assert!(files.len() > 5);
    for (path, file) in files {
        let answer = server.send(&get(&path));
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.body, std::fs::read_to_string(&file).unwrap(), "{path}");
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
fn it_is_there_only_where_it_is_switched_on() {
    let server = server();
    for (path, _) in files() {
        assert_eq!(server.send(&get(&path)).refusal(), "404 not_found", "{path}");
    }
}

#[test]
fn it_is_for_looking_at_and_takes_nothing() {
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
fn browsers_of_other_origins_are_told_what_it_takes() {
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
fn whoever_looks_at_it_is_not_counted() {
    let server = with_console();
    assert_eq!(server.send(&get("/console")).status, 200);
    assert_eq!(server.post(&[selfie(LIVE)]).status, 200);
    let metrics = server.metrics.render(server.accounts.health());
    assert!(metrics.contains("/v0.2/liveness-verification"), "{metrics}");
    assert!(!metrics.contains("route=\"other\""), "{metrics}");
}

#[test]
fn the_page_has_no_script_or_style_in_it_and_no_address_of_others() {
    for (path, file) in files() {
        let text = std::fs::read_to_string(file).unwrap();
        // What an SVG file is told by; nobody loads it.
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
