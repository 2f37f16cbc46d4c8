//! The operator's page and the refusals on it.

use ingress::AdminConfig;
use serde_json::Value;

use crate::support::{Address, LIVE, Request, Server, get, selfie};

fn server() -> (Server, Address) {
    let listen = Some((std::net::Ipv4Addr::LOCALHOST, 0).into());
    let admin = AdminConfig { listen, ..AdminConfig::default() };
    let server = Server::with_admin(|_| (), |_| (), &admin);
    let admin = Address(server.admin.unwrap());
    (server, admin)
}

fn refusals(admin: Address) -> Vec<Value> {
    let answer = admin.send(&get("/recent-refusals"));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let mut body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body.as_object().unwrap().len(), 1);
    serde_json::from_value(body["refusals"].take()).unwrap()
}

#[test]
fn the_last_refusals_are_listed_the_newest_first() {
    let (server, admin) = server();
    assert!(refusals(admin).is_empty());
    assert_eq!(server.post(&[selfie(LIVE)]).status, 200);
    let v1 = Request::form(&[selfie(b"\0junk")]).to("/v1/liveness");
    let answers = [
        server.send(&v1.bytes()),
        server.send(&Request::form(&[selfie(LIVE)]).without("app_key").bytes()),
        server.send(&get("/nowhere")),
    ];
    let told = refusals(admin);
    let expected = [
        ("other", 404, "not_found"),
        ("/v0.2/liveness-verification", 401, "invalid_credentials"),
        ("/v1/liveness", 415, "unsupported_image"),
    ];
    assert_eq!(told.len(), expected.len());
    for ((told, (route, status, code)), answer) in
        told.iter().zip(expected).zip(answers.iter().rev())
    {
        let answered: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(told["route"], route);
        assert_eq!(told["status"], status);
        assert_eq!(told["code"], code);
        assert_eq!(told["request_id"], answered["api_req_uid"]);
        assert_eq!(told["requested_at"], answered["requested_at"]);
        assert!(told["duration_ms"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn refusals_contain_nothing_that_the_caller_chose() {
    let (server, admin) = server();
    let request = Request::form(&[selfie(b"\0a-picture-of-a-person")])
        .without("app_id")
        .with("app_id", "an-app-that-is-none")
        .with("user-agent", "an-agent-of-a-caller")
        .to("/v1/liveness/a-path-of-a-caller?with=a-query");
    server.send(&request.bytes());
    server.send(&request.to("/v1/liveness?with=a-query").bytes());
    let told = refusals(admin);
    let keys = ["requested_at", "request_id", "route", "status", "code", "duration_ms"];
    for refusal in &told {
        let refusal = refusal.as_object().unwrap();
        assert_eq!(refusal.len(), keys.len());
        assert!(keys.iter().all(|key| refusal.contains_key(*key)));
    }
    let routes: Vec<_> = told.iter().map(|refusal| &refusal["route"]).collect();
    assert_eq!(routes, ["/v1/liveness", "other"]);
}

#[test]
fn the_last_fifty_refusals_are_kept() {
    let (server, admin) = server();
    let mut sent: Vec<String> = (0..60)
        .map(|_| server.send(&get("/nowhere")).header("x-request-id").unwrap().to_owned())
        .collect();
    sent.reverse();
    let told: Vec<_> = refusals(admin).into_iter().map(|told| told["request_id"].clone()).collect();
    assert_eq!(told, sent[..50]);
}

#[test]
fn responses_to_probes_and_on_the_admin_listener_are_no_refusals() {
    let (server, admin) = server();
    admin.send(&get("/nowhere"));
    for path in ["/livez", "/readyz", "/version"] {
        server.send(&Request::form(&[]).to(path).bytes());
    }
    assert!(refusals(admin).is_empty());
}

#[test]
fn the_page_and_its_files_are_on_the_admin_listener_only() {
    let (server, admin) = server();
    let page = admin.send(&get("/"));
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("trusted-types 'none'"));
    let named = page.body.split('"').filter(|text| text.starts_with('/'));
    let named: Vec<_> = named.chain(["/operator/exposition.js", "/operator/history.js"]).collect();
    assert!(named.len() >= 5, "{named:?}");
    for path in named.into_iter().chain(["/", "/recent-refusals"]) {
        assert_eq!(admin.send(&get(path)).status, 200, "{path}");
        assert_eq!(server.send(&get(path)).refusal(), "404 not_found", "{path}");
    }
}
