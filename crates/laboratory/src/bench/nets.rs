//! The rate of the nets alone, with ready tensors of noise: the part of a check after decoding and
//! resizing.
//!
//! A caller runs one net after the other, as a pipeline does. There are enough callers for every
//! lane of every net to have a full run group waiting.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use engine::Engine;
use engine::config::Batching;
use frame::Size;
use onnx::{Device, Dim, Model, ModelError, OutputSignature, Runtime, Signature, Tally};
use serde::{Deserialize, Serialize};

use super::host::Process;
use super::latency::Latency;
use super::load::{self, Measured, Served};
use super::stages::Stages;
use crate::rounding::rounded;

/// The size of the picture that the detector's tensor is made for, as webcams send it.
const PICTURE: Size = Size { width: 640, height: 480 };

/// A net that reads every number of a tensor once (`onnx/tests/data/make.py`). Its runs cost the
/// way to the device and back, and next to no arithmetic.
const GREATEST: &[u8] = include_bytes!("greatest.onnx");

/// With more callers, their threads would be measured.
const MOST_CALLERS: usize = 512;

/// The figures of the nets with run groups of one size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Nets {
    /// Most pictures in a run group.
    pub pictures_in_a_run: usize,
    /// Mean number of pictures in a run group, over all nets.
    pub mean_pictures_in_a_run: f64,
    /// Selfies under way at once.
    pub callers: usize,
    pub seconds: f64,
    pub selfies: usize,
    pub selfies_per_s: f64,
    /// From the start of the first net to the end of the last.
    pub latency: Option<Latency>,
    /// Time that lanes spend on a selfie, over all nets.
    pub lane_ms_per_selfie: f64,
    /// The share of it that copies tensors into buffers, and overwrites them.
    pub copying_share: f64,
    /// The share of the way to the device and back, measured with [`GREATEST`].
    pub transfer_share: f64,
    /// The rest.
    pub kernels_share: f64,
}

/// A net of the pack.
struct Net<'a> {
    bytes: &'a [u8],
    signature: Signature,
    shape: [usize; 4],
    /// Number of runs for an upright selfie.
    runs: usize,
}

impl Net<'_> {
    /// The model, and a tensor of noise for it.
    fn load(&self, runtime: &Runtime, device: Device) -> Result<(Model, Vec<f32>), ModelError> {
        let model = Model::load(runtime, self.bytes, device, &self.signature)?;
        let noise = |i: usize| (i.wrapping_mul(2_654_435_761) >> 8 & 0xff) as f32 / 255.0;
        Ok((model, (0..self.shape.iter().product()).map(noise).collect()))
    }
}

/// The nets of a check, in their order.
fn nets(engine: &Engine) -> Vec<Net<'_>> {
    let pack = engine.pack();
    let manifest = &pack.manifest;
    let detector = &manifest.detector.spec;
    let mut nets = vec![Net {
        bytes: pack.detector_model(),
        signature: detector.signature(),
        shape: detector.first_look(PICTURE),
        runs: 1,
    }];
    if let Some((landmarker, bytes)) = manifest.landmarker.as_ref().zip(pack.landmarker_model()) {
        let side = landmarker.spec.input_side_px;
        // It runs on the face and on its mirror image.
        let (signature, shape) = (landmarker.spec.signature(), [1, 1, side, side]);
        nets.push(Net { bytes, signature, shape, runs: 2 });
    }
    for (scorer, bytes) in manifest.scorers.iter().zip(pack.scorer_models()) {
        let Size { width, height } = scorer.spec.input;
        let (signature, shape) = (scorer.spec.signature(), [1, 3, height, width]);
        nets.push(Net { bytes, signature, shape, runs: 1 });
    }
    nets
}

/// The tensors of `nets` with [`GREATEST`] in place of each net.
fn without_nets(nets: &[Net<'_>]) -> Vec<Net<'static>> {
    let without = |&Net { shape, runs, .. }: &Net<'_>| {
        let outputs = vec![OutputSignature { name: None, shape: vec![Dim::Is(1)] }];
        let signature = Signature { input: shape.map(Dim::Is), outputs };
        Net { bytes: GREATEST, signature, shape, runs }
    };
    nets.iter().map(without).collect()
}

/// Measures one point: run groups of up to `pictures`.
pub(super) fn measure(
    engine: &Engine,
    batching: &Batching,
    pictures: NonZeroUsize,
    measured: Duration,
    watch: &mut dyn FnMut(f64) -> anyhow::Result<()>,
) -> anyhow::Result<Nets> {
    let nets = nets(engine);
    let callers = (pictures.get() * batching.lanes.get() * nets.len()).min(MOST_CALLERS);
    // Runs nets one after the other in each caller; returns the times, and the lanes' tally.
    let mut run = |nets: &[Net<'_>], measured| -> anyhow::Result<(Measured, Tally)> {
        let runtime = batching.with_runs_of(engine.runtime(), pictures);
        let load = || -> Result<Vec<_>, _> {
            nets.iter().map(|net| net.load(&runtime, engine.device())).collect()
        };
        let loaded: Vec<_> = (0..callers).map(|_| load()).collect::<Result<_, _>>()?;
        let tally_before = runtime.tally();
        let caller = |mut loaded: Vec<(Model, Vec<f32>)>| {
            move || {
                let begun = Instant::now();
                for (net, (model, tensor)) in nets.iter().zip(&mut loaded) {
                    for _ in 0..net.runs {
                        model.run(net.shape, tensor).map_err(|error| error.to_string())?;
                    }
                }
                Ok(Served { latency: begun.elapsed(), stages: Stages::default() })
            }
        };
        // The tally ends with the last model, and the callers' models end with them.
        let kept = load()?;
        let loaded = loaded.into_iter().map(caller).collect();
        let answered = load::measure(loaded, measured, callers, &Process::own(), watch)?;
        if let Some((error, _)) = answered.errors.first_key_value() {
            anyhow::bail!("a net cannot be run: {error}");
        }
        let done = runtime.tally().since(tally_before);
        drop(kept);
        Ok((answered, done))
    };
    let (whole, done) = run(&nets, measured)?;
    // Each shape alone: lanes of one model would wait for each other.
    let mut transfer = 0.0;
    for net in &without_nets(&nets) {
        let (_, tally) = run(std::slice::from_ref(net), measured / 4)?;
        transfer += net.runs as f64 * tally.running.as_secs_f64() / tally.pictures.max(1) as f64;
    }
    let runs: usize = nets.iter().map(|net| net.runs).sum();
    // The tally includes the warm-up, so it is divided by its pictures and not by the time.
    let of_a_selfie =
        |time: Duration| runs as f64 * time.as_secs_f64() / done.pictures.max(1) as f64;
    let (copying, running) = (of_a_selfie(done.copying), of_a_selfie(done.running));
    let share = |part: f64| rounded(part / (copying + running).max(f64::MIN_POSITIVE));
    let transfer = transfer.min(running);
    let seconds = whole.elapsed.as_secs_f64();
    Ok(Nets {
        pictures_in_a_run: pictures.get(),
        mean_pictures_in_a_run: rounded(done.pictures as f64 / done.runs.max(1) as f64),
        callers,
        seconds: rounded(seconds),
        selfies: whole.served.len(),
        selfies_per_s: rounded(whole.served.len() as f64 / seconds),
        latency: Latency::of(whole.served.iter().map(|request| request.latency)),
        lane_ms_per_selfie: rounded((copying + running) * 1e3),
        copying_share: share(copying),
        transfer_share: share(transfer),
        kernels_share: share(running - transfer),
    })
}
