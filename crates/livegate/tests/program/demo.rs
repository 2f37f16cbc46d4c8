//! A service with demo credentials, and the portrait that most tests send to it.

use std::process::Command;

use image::RgbImage;
use testbed::client::{Answer, Body};
use testbed::service::Service;

use crate::livegate_serve;

/// A key with characters that a shell treats specially.
pub(crate) const DEMO_KEY: &str = "the-demo's-$own-key";

/// The headers of a request from the demo's app.
pub(crate) const CREDENTIALS: [(&str, &str); 2] = [("app_id", "demo"), ("app_key", DEMO_KEY)];

pub(crate) const V0_2: &str = "/v0.2/liveness-verification";
pub(crate) const V1: &str = "/v1/liveness";

/// `livegate serve --demo` with this pack, on the CPU.
pub(crate) fn demo(pack: &str) -> Command {
    demo_on("cpu", pack)
}

/// The same on another device.
pub(crate) fn demo_on(device: &str, pack: &str) -> Command {
    let mut command = livegate_serve(testbed::home().root(), pack);
    command.args(["--demo", "--device", device]).env("LIVEGATE_DEMO_APP_KEY", DEMO_KEY);
    command
}

/// A demo with the starter pack.
pub(crate) fn start() -> Service {
    Service::start(demo("starter"))
}

/// The response to a picture, sent in a form as a Kairos client does.
pub(crate) fn check(service: &Service, picture: &[u8]) -> Answer {
    service.ask(V0_2, &CREDENTIALS, &Body::form(picture))
}

/// The bytes of the portrait's file.
pub(crate) fn portrait_file() -> Vec<u8> {
    std::fs::read(testbed::portrait()).unwrap()
}

/// The portrait's pixels.
pub(crate) fn portrait() -> RgbImage {
    let frame = frame::decode(&portrait_file(), &frame::Limits::default()).unwrap();
    let size = frame.size();
    let pixels = frame.pixels().to_vec();
    RgbImage::from_raw(size.width as u32, size.height as u32, pixels).unwrap()
}
