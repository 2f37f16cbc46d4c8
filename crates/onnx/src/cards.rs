//! NVIDIA GPUs: the one that models run on, and those of the machine as the driver lists them.

use std::path::{Path, PathBuf};

/// The GPU that models run on, and how TensorRT runs them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Card {
    /// Its number, from 0, as CUDA counts the cards that this process sees
    /// (`CUDA_VISIBLE_DEVICES`).
    pub index: u32,
    /// The directory of TensorRT's engines, made where needed. Without it engines are built each
    /// time a model is loaded.
    pub engines: Option<PathBuf>,
    /// Whether TensorRT may use 16-bit floats. No other device uses them.
    pub fp16: bool,
}

/// The driver's own directory.
pub(crate) const DRIVER: &str = "/proc/driver/nvidia";

/// The cards of this machine or container, and their driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cards {
    /// The line with the driver's version; empty without a driver.
    driver: String,
    /// The model of each card, as `NVIDIA H100 80GB HBM3`, in the order of the bus.
    models: Vec<String>,
    /// The environment's choice and order of cards.
    environment: String,
}

impl Cards {
    /// Reads the driver's files below `root`, which is [`DRIVER`] outside of tests.
    pub(crate) fn read(root: &Path) -> Self {
        let version = std::fs::read_to_string(root.join("version")).unwrap_or_default();
        let entries = std::fs::read_dir(root.join("gpus")).into_iter().flatten().flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.path().join("information")).collect();
        paths.sort();
        let model = |path: &PathBuf| {
            let text = std::fs::read_to_string(path).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix("Model:"))?;
            Some(line.trim().to_owned())
        };
        // CUDA's variables, not settings of ours.
        let variables = ["CUDA_DEVICE_ORDER", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"];
        let values = variables.map(|name| std::env::var_os(name).unwrap_or_default());
        Self {
            driver: version.lines().next().unwrap_or_default().trim().to_owned(),
            models: paths.iter().filter_map(model).collect(),
            environment: values.map(|value| value.to_string_lossy().into_owned()).join(";"),
        }
    }

    /// Everything here that an engine for card `index` depends on. Cards of the same model share
    /// engines. With cards of different models, only the number and the environment tell which
    /// card it is, because CUDA's order is not the bus'. The environment alone tells a part of a
    /// card (MIG).
    pub(crate) fn identity(&self, index: u32) -> String {
        let Self { driver, models, environment } = self;
        let is_one = models.windows(2).all(|pair| pair[0] == pair[1]);
        if is_one && !environment.contains("MIG") {
            let model = models.first().map_or("not told", String::as_str);
            return format!("{driver}\n{model}");
        }
        format!("{driver}\n{}\n{index} of {environment}", models.join("\n"))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A driver's directory that lists cards of these models.
    pub(crate) fn driver(version: &str, models: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let line = format!(
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {version}  Release Build\n\
             GCC version: 12\n"
        );
        std::fs::write(root.path().join("version"), line).unwrap();
        for (number, model) in models.iter().enumerate() {
            let directory = root.path().join(format!("gpus/0000:{number:02x}:00.0"));
            std::fs::create_dir_all(&directory).unwrap();
            let text = format!("Model: \t\t {model}\nIRQ:   \t\t 39\nGPU UUID: \t GPU-{number}\n");
            std::fs::write(directory.join("information"), text).unwrap();
        }
        root
    }

    #[test]
    fn another_card_or_another_driver_is_another_identity() {
        let identity = |version: &str, models: &[&str], index| {
            Cards::read(driver(version, models).path()).identity(index)
        };
        let h100 = identity("580.65.06", &["NVIDIA H100 80GB HBM3"], 0);
        assert!(h100.contains("580.65.06") && h100.ends_with("NVIDIA H100 80GB HBM3"), "{h100}");
        assert_ne!(h100, identity("580.95.05", &["NVIDIA H100 80GB HBM3"], 0));
        assert_ne!(h100, identity("580.65.06", &["NVIDIA L4"], 0));
        // Two cards of one model share engines, two of different models do not.
        let two = ["NVIDIA H100 80GB HBM3"; 2];
        assert_eq!(identity("580.65.06", &two, 0), identity("580.65.06", &two, 1));
        assert_eq!(identity("580.65.06", &two, 1), h100);
        let mixed = ["NVIDIA H100 80GB HBM3", "NVIDIA L4"];
        assert_ne!(identity("580.65.06", &mixed, 0), identity("580.65.06", &mixed, 1));
    }

    #[test]
    fn a_machine_without_a_driver_has_an_identity_too() {
        let nothing = tempfile::tempdir().unwrap();
        let cards = Cards::read(nothing.path());
        assert_eq!(cards.identity(0), "\nnot told");
        assert_eq!(Cards::read(Path::new("/nowhere")), cards);
    }
}
