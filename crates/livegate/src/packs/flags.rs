//! The commands and flags of `livegate packs`.

use clap::Subcommand;
use engine::flags::On;
use engine::install::Sources;
use laboratory::new_pack::New;

#[derive(Subcommand)]
pub(crate) enum Packs {
    /// List every pack that Livegate knows, and every one that is installed.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show every fact about a pack, installed or not: models, licences, preprocessing, evaluation.
    Show {
        /// The pack.
        name: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Install a pack that Livegate knows, and the ONNX Runtime library where it is missing.
    Install {
        /// The packs.
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        #[command(flatten)]
        sources: Sources,
    },
    /// Check packs: every file's hash, every graph, and the golden vectors on the device in use.
    /// Exits with 0 if all are in order, 1 if any is not.
    Verify {
        /// The packs [default: all that are installed].
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        #[command(flatten)]
        on: On,
    },
    /// Make a pack of your own ONNX model. docs/PACKS.md walks through it.
    New(Box<New>),
}
