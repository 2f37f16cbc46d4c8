//! Bytes in, verdict out, with the pack `starter` of a home that `livegate setup` has filled:
//!
//! ```sh
//! LIVEGATE_HOME=~/.local/share/livegate cargo run -p liveness --example check -- selfie.jpg
//! ```

#![expect(clippy::print_stdout, reason = "the example prints its result")]

use std::error::Error;
use std::path::PathBuf;

use liveness::{Device, Pipeline, Settings, Terms};
use model_pack::{Home, Library, Pack};
use onnx::Runtime;

fn main() -> Result<(), Box<dyn Error>> {
    let home = std::env::var_os("LIVEGATE_HOME").ok_or("set LIVEGATE_HOME to the home")?;
    let home = Home::new(PathBuf::from(home));
    let library = home.runtime_library(Library::Cpu).ok_or("run `livegate setup` first")?;
    let runtime = Runtime::load(&library)?;
    let pack = Pack::open(&home.pack_directory("starter"))?;
    let mut pipeline = Pipeline::load(&runtime, &pack, Device::Cpu, Settings::default())?;

    for file in std::env::args().skip(1) {
        let bytes = std::fs::read(&file)?;
        let judgement = pipeline.check(&bytes, &Terms::default(), &|| false)?.judgement;
        print!("{file}: {}", judgement.verdict.as_str());
        if let Some(score) = judgement.score() {
            print!(", score {:.4}", score.get());
        }
        for reason in &judgement.reasons {
            print!(", {}: {}", reason.code.as_str(), reason.hint);
        }
        println!();
    }
    Ok(())
}
