//! The OpenAPI document and its page as served, and the routes that the document names.

use crate::server;
use crate::support::{Answer, Request, Server, get};

fn asked(server: &Server, method: &str, path: &str) -> Answer {
    let line = format!("{method} {path} HTTP/1.1");
    server.send(&Request::form(&[]).line(&line).bytes())
}

#[test]
fn the_document_and_its_page_need_no_credentials() {
    let server = server();
    let document = server.send(&get("/openapi.json"));
    assert_eq!((document.status, document.header("content-type")), (200, Some("application/json")));
    let document_there: serde_json::Value = serde_json::from_str(&document.body).unwrap();
    assert_eq!(document_there, ingress::openapi());
    for (path, media_type) in
        [("/docs", "text/html; charset=utf-8"), ("/docs.css", "text/css; charset=utf-8")]
    {
        let answer = server.send(&get(path));
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(media_type)));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    }
    let metrics = server.metrics.render(server.accounts.health());
    let mut counted = metrics.lines().filter(|line| line.starts_with("livegate_requests_total{"));
    assert!(counted.all(|line| line.ends_with(" 0")), "{metrics}");
}

#[test]
fn every_path_takes_the_documented_methods_and_no_other() {
    let with_cors = Server::start(|config| config.cors_allowed_origins = vec!["*".into()]);
    for server in [server(), with_cors] {
        takes_the_documented_methods(&server);
    }
}

fn takes_the_documented_methods(server: &Server) {
    let document = ingress::openapi();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let is_documented = item.get(method.to_lowercase()).is_some();
            let answer = asked(server, method, path);
            assert_ne!(answer.status, 404, "{method} {path}");
            assert_eq!(answer.status != 405, is_documented, "{method} {path}: {answer:?}");
            if answer.status == 405 {
                let allow = answer.header("allow").unwrap().to_lowercase();
                let mut documented = item.as_object().unwrap().keys();
                assert!(
                    documented.all(|method| allow.split(',').any(|it| it == method)),
                    "{allow}"
                );
            }
        }
    }
}
