//! Which NVIDIA GPUs and which driver there are, as the driver itself tells without a library.

use std::path::Path;

/// Where the driver tells of itself.
pub(crate) const DRIVER: &str = "/proc/driver/nvidia";

/// The cards of this machine, or those that this container was given, and their driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cards {
    /// The line with the driver's version; empty where it tells nothing.
    driver: String,
    /// What each card is called, as `NVIDIA H100 80GB HBM3`, by its place on the bus.
    models: Vec<String>,
    /// Which of them a process is to see, and in what order, as its environment says.
    chosen: String,
}

impl Cards {
    /// Reads what the driver has below `root`: [`DRIVER`], outside of tests.
    pub(crate) fn read(root: &Path) -> Self {
        let version = std::fs::read_to_string(root.join("version")).unwrap_or_default();
        let entries = std::fs::read_dir(root.join("gpus")).into_iter().flatten().flatten();
        let mut places: Vec<_> = entries.map(|entry| entry.path()).collect();
        places.sort();
        let model = |text: String| {
            let line = text.lines().find_map(|line| line.strip_prefix("Model:"))?;
            Some(line.trim().to_owned())
        };
        let told = places.iter().filter_map(|place| {
            std::fs::read_to_string(place.join("information")).ok().and_then(model)
        });
        let models = told.collect();
        let variables = ["CUDA_DEVICE_ORDER", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"];
        // CUDA's own: no settings of ours.
        let chosen = variables.map(|name| std::env::var_os(name).unwrap_or_default());
        let chosen = chosen.map(|value| value.to_string_lossy().into_owned()).join(";");
        let driver = version.lines().next().unwrap_or_default().trim().to_owned();
        Self { driver, models, chosen }
    }

    /// What an engine for card `index` depends on of all this. Cards of the same model share engines. Where they are of
    /// different ones CUDA's order is not the bus', so that number and environment say which it is; and a part of a card
    /// (MIG) is told by the environment alone.
    pub(crate) fn identity(&self, index: u32) -> String {
        let Self { driver, models, chosen } = self;
        let is_one = models.windows(2).all(|pair| pair[0] == pair[1]) && !chosen.contains("MIG");
        if is_one {
            let model = models.first().map_or("not told", String::as_str);
            return format!("{driver}\n{model}");
        }
        format!("{driver}\n{}\n{index} of {chosen}", models.join("\n"))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A driver's directory with these cards.
    pub(crate) fn driver(version: &str, models: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let line = format!(
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {version}  Release Build\nGCC version: 12\n"
        );
        std::fs::write(root.path().join("version"), line).unwrap();
        for (number, model) in models.iter().enumerate() {
            let place = root.path().join(format!("gpus/0000:{number:02x}:00.0"));
            std::fs::create_dir_all(&place).unwrap();
            let text = format!("Model: \t\t {model}\nIRQ:   \t\t 39\nGPU UUID: \t GPU-{number}\n");
            std::fs::write(place.join("information"), text).unwrap();
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
        // Two of a kind share engines, two of different kinds do not.
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
