//! The bodies that callers send.

use crate::server;
use crate::support::{LIVE, Part, Request, selfie, threshold};

#[test]
fn every_documented_form_of_body_is_accepted() {
    let server = server();
    let base64 = "AGxpdmU="; // "\0live"
    let url = format!("data:image/jpeg;base64,{base64}");
    let accepted = [
        Request::form(&[selfie(LIVE), threshold("0.5")]),
        Request::form(&[threshold("0.5"), selfie(LIVE)]),
        Request::form(&[Part("extra", "", b"1"), selfie(LIVE), Part("more", "", b"2")]),
        Request::form(&[Part("selfie", "", LIVE)]),
        Request::form(&[Part("selfie", "; filename=\"x.txt\"\r\nContent-Type: text/plain", LIVE)]),
        Request::form(&[Part("selfie", "", base64.as_bytes())]),
        Request::form(&[Part("selfie", "", url.as_bytes())]),
        Request::json(&format!("{{\"selfie\":\"{base64}\"}}")),
        Request::json(&format!("{{\"selfie\":\"{url}\",\"threshold\":0.6,\"extra\":[1]}}")),
        Request::json(&format!("{{\"threshold\":\"0.6\",\"selfie\":\"{base64}\"}}")),
        Request::json(&format!("{{\"threshold\":1,\"selfie\":\"{base64}\"}}")),
        Request::new(
            "application/json; charset=utf-8",
            format!("{{\"selfie\":\"{base64}\"}}").as_bytes(),
        ),
    ];
    for request in accepted {
        let answer = server.send(&request.bytes());
        assert_eq!(
            answer.status,
            200,
            "{} {}",
            String::from_utf8_lossy(&request.body),
            answer.body
        );
        assert_eq!(server.send(&request.chunked(7)).status, 200);
    }
}

#[test]
fn a_malformed_body_is_refused_with_its_code() {
    let server = server();
    let cases: [(&str, Request); 20] = [
        ("400 missing_selfie", Request::form(&[])),
        ("400 missing_selfie", Request::form(&[threshold("0.5")])),
        ("400 missing_selfie", Request::form(&[Part("selfi", "", LIVE)])),
        ("400 malformed_body", Request::form(&[selfie(LIVE), selfie(LIVE)])),
        ("400 malformed_body", Request::form(&[selfie(LIVE), threshold("0.5"), threshold("0.5")])),
        ("400 malformed_body", Request::new("multipart/form-data", b"--B--")),
        ("400 malformed_body", Request::new("multipart/form-data; boundary=B", b"")),
        ("400 malformed_body", Request::new("multipart/form-data; boundary=B", b"hello")),
        (
            "400 malformed_body",
            Request::new(
                "multipart/form-data; boundary=B",
                b"--B\r\nContent-Disposition: form-data; name=\"selfie\"\r\n\r\nhalf a pic",
            ),
        ),
        ("415 unsupported_media_type", Request::new("image/jpeg", LIVE)),
        (
            "415 unsupported_media_type",
            Request::new("application/x-www-form-urlencoded", b"selfie=1"),
        ),
        ("415 unsupported_media_type", Request::form(&[selfie(LIVE)]).without("Content-Type")),
        ("400 malformed_body", Request::json("")),
        ("400 malformed_body", Request::json("{\"selfie\":")),
        ("400 malformed_body", Request::json("[]")),
        ("400 malformed_body", Request::json("{\"selfie\":\"%%%\"}")),
        ("400 malformed_body", Request::json("{\"selfie\":7}")),
        ("400 malformed_body", Request::json("{\"selfie\":\"AGxpdmU=\",\"selfie\":\"AGxpdmU=\"}")),
        ("400 missing_selfie", Request::json("{}")),
        ("400 missing_selfie", Request::json("{\"selfie\":null}")),
    ];
    for (expected, request) in cases {
        let answer = server.send(&request.bytes());
        assert_eq!(answer.refusal(), expected, "{}", String::from_utf8_lossy(&request.body));
    }
    assert_eq!(server.post(&[selfie(b"")]).refusal(), "415 unsupported_image");
    assert_eq!(server.post(&[selfie(b"hello")]).refusal(), "415 unsupported_image");
    assert_eq!(server.post(&[selfie(LIVE)]).status, 200);
}

#[test]
fn a_threshold_is_a_number_from_0_to_1() {
    let server = server();
    for good in ["0", "1", "0.6", " 0.6 ", "1e-3"] {
        assert_eq!(server.post(&[selfie(LIVE), threshold(good)]).status, 200, "{good:?}");
    }
    let long = "0".repeat(100_000);
    for bad in ["abc", "NaN", "inf", "-0.1", "1.1", "", " ", "0,6", "\u{ff}", &long] {
        let answer = server.post(&[selfie(LIVE), threshold(bad)]);
        assert_eq!(answer.refusal(), "400 invalid_threshold", "{:?}", bad.get(..9));
    }
    for bad in ["1.1", "-1", "\"abc\"", "\"\"", "null", "true", "[0.5]"] {
        let text = format!("{{\"selfie\":\"AGxpdmU=\",\"threshold\":{bad}}}");
        let answer = server.send(&Request::json(&text).bytes());
        assert_eq!(answer.refusal(), "400 invalid_threshold", "{bad}");
    }
}
