//! Which execution providers ran a pack's models: not what was asked for, but what ONNX Runtime's own profile of
//! the golden run shows, taken of the very sessions that serve.

use anti_spoof::Scorer;
use face_detector::Finder;
use model_pack::Manifest;
use onnx::{Device, ProfileError, Providers};
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::LoadError;
use crate::pipeline::finders_device;

/// Which execution providers ran how many nodes of a model, as in `{"CPUExecutionProvider": 31}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ModelProviders {
    /// Its id in the pack.
    pub id: String,
    /// Provider to nodes.
    pub providers: Providers,
}

/// What ran each model of a pack, the detector first; or why that is not known.
pub type Watched = Result<Vec<ModelProviders>, ProfileError>;

/// Ends the profiles of all models. Each must have run on what it was asked to; on any other device than the CPU,
/// that must also be known.
pub(crate) fn watched(
    manifest: &Manifest,
    finder: &mut Finder,
    scorer: &mut Scorer,
    device: Device,
) -> Result<Watched, LoadError> {
    let detectors = finders_device(device);
    let mut profiles =
        vec![(manifest.detector.id.as_str(), detectors, finder.detector().end_profile())];
    if let (Some(it), Some(landmarker)) = (&manifest.landmarker, finder.landmarker()) {
        profiles.push((&it.id, detectors, landmarker.end_profile()));
    }
    for (it, classifier) in manifest.scorers.iter().zip(scorer.classifiers()) {
        profiles.push((&it.id, device, classifier.end_profile()));
    }
    let mut models = Vec::new();
    for (id, device, profile) in profiles {
        match profile {
            Ok(providers) => {
                ran_on(id, device, &providers)?;
                models.push(ModelProviders { id: id.to_owned(), providers });
            }
            Err(source) if device == Device::Cpu => return Ok(Err(source)),
            Err(source) => return Err(LoadError::NotWatched { device, source }),
        }
    }
    Ok(Ok(models))
}

/// Whether every node of the model `id` ran on `device`.
fn ran_on(id: &str, device: Device, providers: &Providers) -> Result<(), LoadError> {
    let elsewhere = providers.iter().find(|(provider, _)| *provider != device.provider());
    match elsewhere {
        None => Ok(()),
        Some((provider, &nodes)) => Err(LoadError::RanElsewhere {
            id: id.to_owned(),
            device,
            provider: provider.clone(),
            nodes,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_of_which_a_node_ran_elsewhere_is_named() {
        let cpu = Device::Cpu.provider().to_owned();
        let openvino = Device::OpenVino.provider().to_owned();
        let whole = Providers::from([(openvino.clone(), 1)]);
        assert!(ran_on("fr_liveness", Device::OpenVino, &whole).is_ok());
        assert!(ran_on("fr_liveness", Device::Cpu, &whole).is_err());
        let parts = Providers::from([(openvino, 2), (cpu, 3)]);
        let said = ran_on("fr_liveness", Device::OpenVino, &parts).unwrap_err().to_string();
        assert_eq!(
            said,
            "the device openvino was asked for, and 3 nodes of the model `fr_liveness` ran on \
             CPUExecutionProvider; use --device cpu"
        );
    }
}
