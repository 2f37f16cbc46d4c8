//! The nets alone, with tensors that are ready: what is left of a selfie once it is decoded and resized.
//!
//! Callers ask as a pipeline does, one net after the other, for pictures of noise; there are enough of them for every
//! lane of every net to have a full run waiting.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use frame::Size;
use onnx::{Device, Dim, Model, ModelError, OutputSignature, Runtime, Signature, Tally};
use serde::{Deserialize, Serialize};

use super::figures::{Latency, rounded};
use super::host::Process;
use super::load::{self, Answer, Length, Measured};
use super::stages::Stages;
use crate::config::Batching;
use crate::engine::Engine;

/// A picture as phones and webcams send it: the detector's tensor is made for one of this size.
const PICTURE: Size = Size { width: 640, height: 480 };

/// Looks at every number of a tensor once, and gives one for each picture (`onnx/tests/data/make.py`): its runs cost
/// the way to the device and back, and next to nothing there.
const GREATEST: &[u8] = include_bytes!("greatest.onnx");

/// More threads would be measured themselves.
const MOST_CALLERS: usize = 512;

/// What the nets do with so many pictures in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Nets {
    /// Most pictures in a run.
    pub pictures_in_a_run: usize,
    /// As many as there were on average, of all nets.
    pub mean_pictures_in_a_run: f64,
    /// Selfies under way at once.
    pub callers: usize,
    pub seconds: f64,
    pub selfies: usize,
    pub selfies_per_s: f64,
    /// From the first net to the last.
    pub latency: Option<Latency>,
    /// What the lanes spend on a selfie, all nets together.
    pub lane_ms_per_selfie: f64,
    /// The share of that for putting tensors into buffers, and overwriting them.
    pub copying_share: f64,
    /// The share of the way to the device and back: what the same tensors take without a net.
    pub transfer_share: f64,
    /// The rest.
    pub kernels_share: f64,
}

/// A net of the pack, and what it takes for a selfie.
struct Net<'a> {
    bytes: &'a [u8],
    signature: Signature,
    shape: [usize; 4],
    /// How often it is run for a selfie that is upright.
    runs: usize,
}

impl Net<'_> {
    fn load(&self, runtime: &Runtime, device: Device) -> Result<Loaded, ModelError> {
        let model = Model::load(runtime, self.bytes, device, &self.signature)?;
        let noise = |i: usize| (i.wrapping_mul(2_654_435_761) >> 8 & 0xff) as f32 / 255.0;
        let tensor = (0..self.shape.iter().product()).map(noise).collect();
        Ok(Loaded { model, shape: self.shape, tensor, runs: self.runs })
    }
}

struct Loaded {
    model: Model,
    shape: [usize; 4],
    tensor: Vec<f32>,
    runs: usize,
}

/// Those that a selfie meets, in order.
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
        // The face, and its mirror image.
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

/// The same tensors, and no net to speak of.
fn without_nets(nets: &[Net<'_>]) -> Vec<Net<'static>> {
    let signature = |shape: [usize; 4]| Signature {
        input: shape.map(Dim::Is),
        outputs: vec![OutputSignature { name: None, shape: vec![Dim::Is(1)] }],
    };
    let without = |net: &Net<'_>| Net {
        bytes: GREATEST,
        signature: signature(net.shape),
        shape: net.shape,
        runs: net.runs,
    };
    nets.iter().map(without).collect()
}

/// One point of the sweep: runs of up to `pictures`.
pub(super) fn measure(
    engine: &Engine,
    batching: &Batching,
    pictures: NonZeroUsize,
    measured: Duration,
    watch: &mut dyn FnMut(f64) -> anyhow::Result<()>,
) -> anyhow::Result<Nets> {
    let nets = nets(engine);
    let callers = (pictures.get() * batching.lanes.get() * nets.len()).min(MOST_CALLERS);
    let mut ask = |nets: &[Net<'_>], measured| {
        let runtime = batching.with_runs_of(engine.runtime(), pictures);
        asked(&runtime, nets, engine.device(), callers, measured, watch)
    };
    let (whole, done) = ask(&nets, measured)?;
    // The lanes of each shape for themselves: those of one model would wait for each other.
    let mut transfer = 0.0;
    for net in &without_nets(&nets) {
        let (_, tally) = ask(std::slice::from_ref(net), measured / 4)?;
        transfer += net.runs as f64 * tally.running.as_secs_f64() / tally.pictures.max(1) as f64;
    }
    let runs: usize = nets.iter().map(|net| net.runs).sum();
    // What was run in the warm-up and at the end is in the tally, too: by picture, not by the measured time.
    let of_a_selfie =
        |time: Duration| runs as f64 * time.as_secs_f64() / done.pictures.max(1) as f64;
    let (copying, running) = (of_a_selfie(done.copying), of_a_selfie(done.running));
    let share = |part: f64| rounded(part / (copying + running).max(f64::MIN_POSITIVE));
    let transfer = transfer.min(running);
    let seconds = whole.elapsed.as_secs_f64();
    let ms = |answer: &Answer| rounded(answer.latency.as_secs_f64() * 1e3);
    Ok(Nets {
        pictures_in_a_run: pictures.get(),
        mean_pictures_in_a_run: rounded(done.pictures as f64 / done.runs.max(1) as f64),
        callers,
        seconds: rounded(seconds),
        selfies: whole.answers.len(),
        selfies_per_s: rounded(whole.answers.len() as f64 / seconds),
        latency: Latency::of(whole.answers.iter().map(ms).collect()),
        lane_ms_per_selfie: rounded((copying + running) * 1e3),
        copying_share: share(copying),
        transfer_share: share(transfer),
        kernels_share: share(running - transfer),
    })
}

/// What `callers` got that asked `nets` one after the other, and what the lanes did.
fn asked(
    runtime: &Runtime,
    nets: &[Net<'_>],
    device: Device,
    callers: usize,
    measured: Duration,
    watch: &mut dyn FnMut(f64) -> anyhow::Result<()>,
) -> anyhow::Result<(Measured, Tally)> {
    let load = || nets.iter().map(|net| net.load(runtime, device)).collect::<Result<Vec<_>, _>>();
    let callers: Vec<_> = (0..callers).map(|_| load()).collect::<Result<_, _>>()?;
    let before = runtime.tally();
    let asking: Vec<_> = callers
        .into_iter()
        .map(|mut loaded| {
            move || {
                let begun = Instant::now();
                for Loaded { model, shape, tensor, runs } in &mut loaded {
                    for _ in 0..*runs {
                        model.run(*shape, tensor).map_err(|error| error.to_string())?;
                    }
                }
                Ok(Answer { latency: begun.elapsed(), stages: Stages::default() })
            }
        })
        .collect();
    // The models go with those who ask, and what was done with them.
    let kept = load()?;
    let warm_up = super::WARM_UP.min(measured);
    let length = Length { warm_up, measured, least_requests: asking.len() };
    let answered = load::measure(asking, length, &Process::own(), watch)?;
    if let Some((error, _)) = answered.errors.first_key_value() {
        anyhow::bail!("a net cannot be run: {error}");
    }
    let done = runtime.tally().since(before);
    drop(kept);
    Ok((answered, done))
}
