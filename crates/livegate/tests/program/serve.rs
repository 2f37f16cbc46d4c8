//! `livegate serve` with real models, asked over HTTP.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use image::{DynamicImage, ImageFormat, RgbImage};
use testbed::client::{Body, Client};
use testbed::pictures::{self, ColorSpace, Jpeg, encoded};
use testbed::process;
use testbed::service::Service;

use crate::demo::{CREDENTIALS, DEMO_KEY, V0_2, check, demo, portrait, portrait_file, start};
use crate::{finished, livegate};

#[test]
fn a_selfie_is_answered_as_kairos_documents_it() {
    for pack in testbed::packs() {
        let service = Service::start(demo(pack));
        let ask = |threshold| {
            let form = Body::form_with_threshold(&portrait_file(), threshold);
            let answer = service.ask(V0_2, &CREDENTIALS, &form);
            assert_eq!(answer.status, 200, "{}", answer.body);
            answer.json()
        };
        let body = ask("0.5");
        assert_eq!(body["response_code"], 0);
        let data = &body["response_data"];
        assert!(data["faces_liveness"].as_f64().unwrap() >= 0.5, "{body}");
        assert_eq!(data["img"], serde_json::json!({"height": 512, "width": 512}));
        let faces = data["faces_predicted"].as_array().unwrap();
        assert_eq!(faces.len(), 1);
        // The portrait's face, which each pack's detector finds within a quarter of its size.
        for (key, axis, expected) in [
            ("top_left", "x", 178.0),
            ("top_left", "y", 64.0),
            ("delta", "x", 91.0),
            ("delta", "y", 111.0),
        ] {
            let found = faces[0][key][axis].as_f64().unwrap();
            assert!((found - expected).abs() < 25.0, "{key} {axis} {found}");
        }
        // No score reaches a threshold of 1: the verdict changes, and nothing else.
        let strict = ask("1");
        assert_eq!(strict["response_code"], 1);
        assert_eq!(strict["response_data"], body["response_data"]);
    }
}

#[test]
fn every_kind_of_picture_is_read() {
    let service = start();
    let portrait = portrait();
    let picture = DynamicImage::ImageRgb8(portrait.clone());
    let gray = picture.to_luma8();
    // Adobe stores inks inverted: 255 is no black.
    let inks: Vec<u8> = portrait.pixels().flat_map(|p| [p[0], p[1], p[2], 255]).collect();
    let of_samples =
        |samples: &[u8], space| Jpeg::default().of_samples(samples, portrait.dimensions(), space);
    let kinds = [
        ("png", encoded(&picture, ImageFormat::Png)),
        ("16-bit png", encoded(&DynamicImage::ImageRgb16(picture.to_rgb16()), ImageFormat::Png)),
        ("palette png", pictures::palette_png(&gray)),
        ("gif", encoded(&picture, ImageFormat::Gif)),
        ("tiff", encoded(&picture, ImageFormat::Tiff)),
        ("bmp", encoded(&picture, ImageFormat::Bmp)),
        ("webp", encoded(&picture, ImageFormat::WebP)),
        ("jpeg", Jpeg::default().of(&portrait)),
        ("progressive jpeg", Jpeg { progressive: true, ..Jpeg::default() }.of(&portrait)),
        ("gray jpeg", of_samples(gray.as_raw(), ColorSpace::JCS_GRAYSCALE)),
        ("cmyk jpeg", of_samples(&inks, ColorSpace::JCS_CMYK)),
    ];
    for (kind, bytes) in kinds {
        let answer = check(&service, &bytes);
        let body = answer.json();
        assert_eq!(answer.status, 200, "{kind}: {body}");
        assert_eq!(body["response_data"]["faces_predicted"].as_array().unwrap().len(), 1, "{kind}");
        assert_ne!(body["response_code"], 2, "{kind}");
    }
}

#[test]
fn every_exif_orientation_gives_the_upright_picture() {
    let service = start();
    // Not square, so that width and height show a turn.
    let upright = image::imageops::crop_imm(&portrait(), 60, 0, 400, 512).to_image();
    let picture = DynamicImage::ImageRgb8(upright);
    for (orientation, stored) in pictures::stored_for_every_orientation(&picture) {
        let exif = Some(pictures::exif(orientation));
        let bytes = Jpeg { exif, ..Jpeg::default() }.of(&stored);
        let answer = check(&service, &bytes);
        let body = answer.json();
        let data = &body["response_data"];
        assert_eq!(answer.status, 200, "{orientation}: {body}");
        assert_eq!(data["img"], serde_json::json!({"height": 512, "width": 400}), "{orientation}");
        let x = data["faces_predicted"][0]["top_left"]["x"].as_f64().unwrap();
        assert!((x - 118.0).abs() < 15.0, "{orientation}: {body}");
        assert_eq!(body["response_code"], 0, "{orientation}");
    }
}

#[test]
fn a_picture_that_cannot_be_assessed_gets_response_code_2() {
    let service = start();
    let portrait = portrait();
    let gray = RgbImage::from_pixel(400, 400, image::Rgb([128; 3]));
    let (width, height) = portrait.dimensions();
    let mut two = RgbImage::new(2 * width, height);
    image::imageops::replace(&mut two, &portrait, 0, 0);
    image::imageops::replace(&mut two, &portrait, i64::from(width), 0);
    // The documented sample's size, below the documented minimum.
    let tiny = image::imageops::crop_imm(&portrait, 150, 50, 190, 142).to_image();
    let tiny = image::imageops::resize(&tiny, 95, 71, image::imageops::FilterType::Triangle);
    for (picture, faces) in [(gray, 0), (two, 2), (tiny, 1)] {
        let size = picture.dimensions();
        let bytes = encoded(&DynamicImage::ImageRgb8(picture), ImageFormat::Png);
        let form = Body::form_with_threshold(&bytes, "0.0");
        let answer = service.ask(V0_2, &CREDENTIALS, &form);
        let body = answer.json();
        assert_eq!(answer.status, 200, "{body}");
        assert_eq!(body["response_code"], 2, "{size:?}: {body}");
        assert_eq!(body["response_data"]["faces_liveness"], 0.0);
        let predicted = body["response_data"]["faces_predicted"].as_array().unwrap();
        assert_eq!(predicted.len(), faces, "{size:?}");
        assert_eq!(body["response_data"]["img"]["width"], size.0);
    }
}

#[test]
fn a_bad_picture_gets_its_code_and_the_next_good_one_is_answered() {
    let service = start();
    let good = portrait_file();
    let whole = Jpeg::default().of(&portrait());
    let wide = RgbImage::from_pixel(5001, 400, image::Rgb([9; 3]));
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("415 unsupported_image", b"not an image".to_vec()),
        ("415 unsupported_image", Vec::new()),
        ("415 unsupported_image", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec()),
        ("422 unreadable_image", whole[..whole.len() / 2].to_vec()),
        ("422 unreadable_image", good[..good.len() / 2].to_vec()),
        ("422 unreadable_image", [&whole[..5000], &whole[9000..]].concat()),
        ("422 image_too_large", pictures::png_bomb(60_000)),
        ("422 image_too_large", encoded(&DynamicImage::ImageRgb8(wide), ImageFormat::Png)),
        ("413 body_too_large", vec![0; 30 << 20]),
    ];
    for (expected, bytes) in cases {
        assert_eq!(check(&service, &bytes).outcome(), expected);
        assert_eq!(check(&service, &good).outcome(), "200 0", "after {expected}");
    }
}

#[test]
fn the_printed_curl_line_works_when_pasted() {
    let service = start();
    let printed = service.printed(7);
    let (credentials, command) = (&printed[1], printed[4..].join("\n"));
    assert_eq!(*credentials, format!("credentials for this run: app_id demo, app_key {DEMO_KEY}"));
    assert!(command.trim_start().starts_with("curl -X POST http://127.0.0.1:"), "{command}");
    if Command::new("curl").arg("--version").output().is_err() {
        testbed::left_out_without("curl", "the printed line");
        return;
    }
    let output = Command::new("sh").arg("-c").arg(format!("{command} --silent")).output().unwrap();
    let body: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(body["response_code"], 0, "{body}");
}

#[test]
fn a_demo_prints_a_link_to_its_console_with_the_credentials_behind_the_hash() {
    let service = start();
    let printed = service.printed(3);
    let link = printed[2].strip_prefix("look at it: ").unwrap();
    let page = format!("{}/console", service.url());
    assert_eq!(link, format!("{page}#app_id=demo&app_key=the-demo%27s-%24own-key"));
    let text = Client::default().get(&page).unwrap().body;
    assert!(text.contains("<title>Livegate console</title>"), "{text}");
}

#[test]
fn a_refusal_is_heard_over_http_2_while_the_body_is_still_coming() {
    if Command::new("curl").arg("--version").output().is_err() {
        testbed::left_out_without("curl", "HTTP/2");
        return;
    }
    let service = start();
    let directory = tempfile::tempdir().unwrap();
    let big = directory.path().join("big");
    std::fs::write(&big, vec![0; 30 << 20]).unwrap();
    let post = |key: &str| {
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--http2-prior-knowledge",
            "--write-out",
            "\n%{http_version} %{http_code}",
        ]);
        curl.args(["-H", "app_id: demo", "-H", &format!("app_key: {key}")]);
        curl.arg("-F").arg(format!("selfie=@{}", big.display()));
        let output = curl.arg(format!("{}{V0_2}", service.url())).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().last().unwrap().to_owned()
    };
    assert_eq!(post(DEMO_KEY), "2 413");
    assert_eq!(post("wrong"), "2 401");
}

#[test]
fn it_ends_cleanly_when_asked() {
    let mut service = start();
    service.stop();
}

#[test]
fn a_service_that_cannot_work_does_not_start() {
    let serve = |arguments: &[&str]| {
        let mut command = livegate(testbed::home().root());
        command.args(["serve", "--offline", "--pack", "starter"]).args(arguments);
        finished(&command.output().unwrap())
    };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (out, err, code) = serve(&["--demo", "--listen", &address]);
    assert_eq!((out.as_str(), code), ("", 69), "{err}");
    assert!(err.contains(&address), "{err}");

    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("livegate.toml");
    std::fs::write(&config, "[ingress]\nmax_body_byte = 1\n").unwrap();
    let (_, err, code) = serve(&["--demo", "--config", config.to_str().unwrap()]);
    assert_eq!(code, 64);
    assert!(err.contains("max_body_byte") && err.contains("livegate.toml"), "{err}");

    // An attack must never get the code of a live picture, and NaN must not switch off a gate.
    for (setting, key) in [
        ("[ingress.response_codes]\nnot_live = 0", "response_codes"),
        ("[liveness]\nmin_face_side_px = nan", "min_face_side_px"),
        ("[liveness]\nmin_face_lead = -1.0", "min_face_lead"),
    ] {
        std::fs::write(&config, setting).unwrap();
        let (_, err, code) = serve(&["--demo", "--config", config.to_str().unwrap()]);
        assert_eq!(code, 64, "{setting}");
        assert!(err.contains(key), "{err}");
    }

    let (_, err, code) = serve(&["--demo", "--onnxruntime", config.to_str().unwrap()]);
    assert_eq!(code, 69);
    assert!(err.contains("ONNX Runtime") && err.contains("cannot be loaded"), "{err}");
}

/// systemd sends SIGHUP at `systemctl reload`, also to a service without a certificate to reload.
#[test]
fn a_hangup_does_not_end_a_service() {
    let service = start();
    service.signal("HUP");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(check(&service, &portrait_file()).outcome(), "200 0");
}

/// The kernel drops SIGTERM for the first process of a container unless the process handles it.
#[test]
fn a_service_that_is_still_loading_ends_at_sigterm() {
    let mut command = demo("starter");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // The signal may come before it is handled, while models load, or once it serves.
    std::thread::sleep(Duration::from_millis(60));
    process::signal(&child, "TERM");
    let status = child.wait().unwrap();
    assert!(matches!(status.code(), None | Some(0 | 143)), "{status}");
}

/// The answer of a Unix socket to a request, and its status.
fn ask_socket(path: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_listens_on_names_on_every_address_and_on_files() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("livegate.sock");
    let unix = format!("unix:{}", file.display());
    for listen in ["localhost:0", ":0", "[::1]:0"] {
        let mut service = Service::start(listening_on(listen));
        let port = service.url().rsplit_once(':').unwrap().1.to_owned();
        let host = if listen.starts_with('[') { "[::1]" } else { "127.0.0.1" };
        let answer = Client::default().get(&format!("http://{host}:{port}/livez")).unwrap();
        assert_eq!(answer.status, 200, "{listen}");
        service.stop();
    }
    // The file of a process that was killed is replaced.
    drop(UnixListener::bind(&file).unwrap());
    let mut service = Service::start(listening_on(&unix));
    assert_eq!(service.url(), unix);
    let request = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert!(ask_socket(&file, request).starts_with("HTTP/1.1 200 "));
    let health = || {
        let mut command = livegate(testbed::home().root());
        finished(&command.args(["health", "--set", &format!("listen={unix}")]).output().unwrap())
    };
    assert_eq!(health(), ("{\"status\":\"ready\"}\n".into(), String::new(), 0));
    let second = listening_on(&unix).output().unwrap();
    let (_, said, code) = finished(&second);
    assert!(said.contains("cannot be listened on") && code == 69, "{said}");
    service.stop();
    assert!(!file.exists());
    let (said, _, code) = health();
    assert!(said.contains("does not answer") && code == 1, "{said}");
}

#[test]
fn a_bare_port_is_refused_with_what_is_wanted() {
    let mut by_variable = demo("starter");
    by_variable.env("LIVEGATE_ADMIN_LISTEN", "9464");
    let mut by_flag = demo("starter");
    by_flag.args(["--set", "admin.listen=9464"]);
    for command in [&mut listening_on("8080"), &mut by_variable, &mut by_flag] {
        let (_, said, code) = finished(&command.output().unwrap());
        assert_eq!(code, 64, "{said}");
        assert!(said.contains("127.0.0.1:8080") && said.contains("unix:/path"), "{said}");
    }
}

/// A demo that listens on `address`.
fn listening_on(address: &str) -> Command {
    let mut command = livegate(testbed::home().root());
    command.args(["serve", "--offline", "--demo", "--pack", "starter", "--device", "cpu"]);
    command.args(["--listen", address]);
    command
}
