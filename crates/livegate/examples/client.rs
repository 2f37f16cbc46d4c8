//! The Rust example of docs/API.md. The conformance suite compares the page with it, and runs it.

#![expect(clippy::print_stdout, reason = "an example says what it got")]
#![expect(clippy::disallowed_methods, reason = "an example has no command line of its own")]

use std::env;
use std::error::Error;
use std::time::Duration;

use serde_json::Value;
use ureq::unversioned::multipart::Form;

fn main() -> Result<(), Box<dyn Error>> {
    let form = Form::new().text("threshold", "0.6").file("selfie", "selfie.jpg")?;
    let url = env::var("LIVENESS_URL")? + "/v0.2/liveness-verification";
    let mut response = ureq::post(&url)
        .config()
        .timeout_global(Some(Duration::from_secs(15)))
        .http_status_as_error(false)
        .build()
        .header("app_id", env::var("LIVENESS_APP_ID")?)
        .header("app_key", env::var("LIVENESS_APP_KEY")?)
        .send(form)?;
    let answer: Value = serde_json::from_reader(response.body_mut().as_reader())?;
    if !response.status().is_success() {
        let error = &answer["error"];
        return Err(format!("{} {}: {}", response.status(), error["code"], error["message"]).into());
    }
    let score = &answer["response_data"]["faces_liveness"];
    println!("response_code {}, score {score}", answer["response_code"]);
    Ok(())
}
