//! `livegate serve` with real models, asked over HTTP.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use image::{DynamicImage, ImageFormat, RgbImage};
use serde_json::Value;
use testbed::pictures::{self, ColorSpace, Jpeg, encoded};

use crate::{finished, livegate};

/// With what a shell would stumble over.
pub(crate) const DEMO_KEY: &str = "the-demo's-$own-key";

/// A running service with demo credentials; ended when dropped.
pub(crate) struct Service {
    child: Child,
    url: String,
    /// What it printed after the line that says where it listens.
    said: Vec<String>,
}

impl Service {
    pub(crate) fn start(pack: &str) -> Self {
        Self::start_on("cpu", pack)
    }

    pub(crate) fn start_on(device: &str, pack: &str) -> Self {
        Self::start_with(pack, &["--device", device])
    }

    pub(crate) fn start_with(pack: &str, flags: &[&str]) -> Self {
        let mut command = livegate(testbed::home().root());
        command.args(["serve", "--demo", "--offline", "--listen", "127.0.0.1:0", "--pack", pack]);
        command.args(flags);
        command.env("LIVEGATE_DEMO_APP_KEY", DEMO_KEY).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let first = lines.next().expect("the service starts");
        let url = first.strip_prefix("listening on ").expect(&first).to_owned();
        let said = lines.by_ref().take(6).collect();
        Self { child, url, said }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens, without `http://`.
    pub(crate) fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    /// Sends a form as a Kairos client does, and gives back status and body.
    fn post(&self, picture: &[u8], threshold: Option<&str>) -> (u16, Value) {
        self.post_to("/v0.2/liveness-verification", picture, threshold)
    }

    pub(crate) fn post_to(
        &self,
        path: &str,
        picture: &[u8],
        threshold: Option<&str>,
    ) -> (u16, Value) {
        let mut form = Vec::new();
        if let Some(threshold) = threshold {
            let head = "--B\r\nContent-Disposition: form-data; name=\"threshold\"\r\n\r\n";
            form.extend(format!("{head}{threshold}\r\n").bytes());
        }
        form.extend(
            b"--B\r\nContent-Disposition: form-data; name=\"selfie\"; filename=\"s\"\r\n\r\n",
        );
        form.extend(picture);
        form.extend(b"\r\n--B--\r\n");
        let agent = ureq::Agent::new_with_config(
            ureq::Agent::config_builder().http_status_as_error(false).build(),
        );
        let request = agent
            .post(format!("{}{path}", self.url))
            .header("app_id", "demo")
            .header("app_key", DEMO_KEY)
            .content_type("multipart/form-data; boundary=B");
        let mut response = request.send(&form[..]).unwrap();
        let body = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), serde_json::from_str(&body).unwrap())
    }

    /// Status and code of a picture: the error's, or `response_code`.
    pub(crate) fn outcome(&self, picture: &[u8]) -> String {
        let (status, body) = self.post(picture, None);
        match body["error"]["code"].as_str() {
            Some(code) => format!("{status} {code}"),
            None => format!("{status} {}", body["response_code"]),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn portrait() -> RgbImage {
    let bytes = std::fs::read(testbed::portrait()).unwrap();
    let frame = frame::decode(&bytes, &frame::Limits::default()).unwrap();
    let size = frame.size();
    let pixels = frame.pixels().to_vec();
    RgbImage::from_raw(size.width as u32, size.height as u32, pixels).unwrap()
}

#[test]
fn a_selfie_is_answered_as_kairos_documents_it() {
    for pack in testbed::packs() {
        let service = Service::start(pack);
        let (status, body) =
            service.post(&std::fs::read(testbed::portrait()).unwrap(), Some("0.5"));
        assert_eq!(status, 200, "{body}");
        assert_eq!(body["response_code"], 0);
        let data = &body["response_data"];
        assert!(data["faces_liveness"].as_f64().unwrap() >= 0.5, "{body}");
        assert_eq!(data["img"], serde_json::json!({"height": 512, "width": 512}));
        let faces = data["faces_predicted"].as_array().unwrap();
        assert_eq!(faces.len(), 1);
        // The face of the portrait, wherever it was found by: within a quarter of its size.
        for (key, axis, expected) in [
            ("top_left", "x", 178.0),
            ("top_left", "y", 64.0),
            ("delta", "x", 91.0),
            ("delta", "y", 111.0),
        ] {
            let found = faces[0][key][axis].as_f64().unwrap();
            assert!((found - expected).abs() < 25.0, "{key} {axis} {found}");
        }
        // The same picture under an impossible demand is not live, and nothing else changes.
        let (_, strict) = service.post(&std::fs::read(testbed::portrait()).unwrap(), Some("1"));
        assert_eq!(strict["response_code"], 1);
        assert_eq!(strict["response_data"], body["response_data"]);
    }
}

#[test]
fn every_kind_of_picture_is_read() {
    let service = Service::start("starter");
    let portrait = portrait();
    let picture = DynamicImage::ImageRgb8(portrait.clone());
    let gray = picture.to_luma8();
    // Adobe's inverse ink without black.
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
        let (status, body) = service.post(&bytes, None);
        assert_eq!(status, 200, "{kind}: {body}");
        assert_eq!(body["response_data"]["faces_predicted"].as_array().unwrap().len(), 1, "{kind}");
        assert_ne!(body["response_code"], 2, "{kind}");
    }
}

#[test]
fn every_exif_orientation_gives_the_upright_picture() {
    let service = Service::start("starter");
    // Not square, so that width and height tell a turn.
    let upright = image::imageops::crop_imm(&portrait(), 60, 0, 400, 512).to_image();
    let picture = DynamicImage::ImageRgb8(upright);
    for (orientation, stored) in pictures::stored_for_every_orientation(&picture) {
        let exif = Some(pictures::exif(orientation));
        let bytes = Jpeg { exif, ..Jpeg::default() }.of(&stored);
        let (status, body) = service.post(&bytes, None);
        let data = &body["response_data"];
        assert_eq!(status, 200, "{orientation}: {body}");
        assert_eq!(data["img"], serde_json::json!({"height": 512, "width": 400}), "{orientation}");
        let x = data["faces_predicted"][0]["top_left"]["x"].as_f64().unwrap();
        assert!((x - 118.0).abs() < 15.0, "{orientation}: {body}");
        assert_eq!(body["response_code"], 0, "{orientation}");
    }
}

#[test]
fn a_picture_that_cannot_be_judged_is_a_2() {
    let service = Service::start("starter");
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
        let (status, body) = service.post(&bytes, Some("0.0"));
        assert_eq!(status, 200, "{body}");
        assert_eq!(body["response_code"], 2, "{size:?}: {body}");
        assert_eq!(body["response_data"]["faces_liveness"], 0.0);
        let predicted = body["response_data"]["faces_predicted"].as_array().unwrap();
        assert_eq!(predicted.len(), faces, "{size:?}");
        assert_eq!(body["response_data"]["img"]["width"], size.0);
    }
}

#[test]
fn bad_input_gets_its_code_and_the_next_good_request_is_answered() {
    let service = Service::start("starter");
    let good = std::fs::read(testbed::portrait()).unwrap();
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
        assert_eq!(service.outcome(&bytes), expected);
        assert_eq!(service.outcome(&good), "200 0", "after {expected}");
    }
}

#[test]
fn the_printed_curl_line_works_when_pasted() {
    let service = Service::start("starter");
    let (credentials, command) = (&service.said[0], service.said[3..].join("\n"));
    assert_eq!(*credentials, format!("credentials for this run: app_id demo, app_key {DEMO_KEY}"));
    assert!(command.trim_start().starts_with("curl -X POST http://127.0.0.1:"), "{command}");
    if Command::new("curl").arg("--version").output().is_err() {
        testbed::left_out_without("curl", "the printed line");
        return;
    }
    let output = Command::new("sh").arg("-c").arg(format!("{command} --silent")).output().unwrap();
    let body: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(body["response_code"], 0, "{body}");
}

#[test]
fn a_demo_prints_a_link_to_its_console_with_the_credentials_behind_the_hash() {
    let service = Service::start("starter");
    let link = service.said[1].strip_prefix("look at it: ").unwrap();
    let page = format!("{}/console", service.url);
    assert_eq!(link, format!("{page}#app_id=demo&app_key=the-demo%27s-%24own-key"));
    let text = ureq::get(&page).call().unwrap().body_mut().read_to_string().unwrap();
    assert!(text.contains("<title>Livegate console</title>"), "{text}");
}

#[test]
fn a_refusal_is_heard_over_http_2_while_the_body_is_still_coming() {
    if Command::new("curl").arg("--version").output().is_err() {
        testbed::left_out_without("curl", "HTTP/2");
        return;
    }
    let service = Service::start("starter");
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
        let output =
            curl.arg(format!("{}/v0.2/liveness-verification", service.url)).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().last().unwrap().to_owned()
    };
    assert_eq!(post(DEMO_KEY), "2 413");
    assert_eq!(post("wrong"), "2 401");
}

#[test]
fn it_ends_cleanly_when_asked() {
    let mut service = Service::start("starter");
    let kill = format!("kill -TERM {}", service.child.id());
    assert!(Command::new("sh").arg("-c").arg(kill).status().unwrap().success());
    assert_eq!(service.child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_would_not_work_is_refused_at_the_start() {
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

    // An attack must never read as live, nor a gate be switched off by what is no number.
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

pub(crate) fn base64_of(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |chunk: &[u8]| {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        let letters = [18, 12, 6, 0].map(|shift| ALPHABET[(bits >> shift) as usize & 63] as char);
        letters.into_iter().take(chunk.len() + 1).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

/// As a unit's reload sends it, whether there is a certificate or not.
#[test]
fn a_hangup_ends_no_service_that_nobody_sits_at() {
    let service = Service::start("starter");
    let hangup = format!("kill -HUP {}", service.id());
    assert!(Command::new("sh").arg("-c").arg(hangup).status().unwrap().success());
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(service.outcome(&std::fs::read(testbed::portrait()).unwrap()), "200 0");
}

/// The first process of a container is not ended by a signal that it does not listen to.
#[test]
fn a_service_that_is_still_loading_ends_when_it_is_asked_to() {
    let mut command = livegate(testbed::home().root());
    command.args(["serve", "--demo", "--offline", "--listen", "127.0.0.1:0", "--pack", "starter"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Sooner or later in its start: it ends in every case, by the signal, by its own exit, or when it has begun.
    std::thread::sleep(std::time::Duration::from_millis(60));
    let term = format!("kill -TERM {}", child.id());
    assert!(Command::new("sh").arg("-c").arg(term).status().unwrap().success());
    let status = child.wait().unwrap();
    assert!(matches!(status.code(), None | Some(0 | 143)), "{status}");
}
