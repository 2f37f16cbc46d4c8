//! Runs that are asked for at about the same time, run as one: what makes the most of a GPU.
//!
//! Models that are loaded from the same bytes with a runtime that [batches](Runtime::batching) share sessions. Each of
//! these has a thread of its own, a lane, which takes the tensors that have arrived, puts them into one buffer (pinned on a
//! GPU, kept, and overwritten after every run), runs them together and answers each. While one lane runs, the next takes
//! what arrives meanwhile. Whoever asks sees nothing of it: [`Model::run`](crate::Model::run) takes one picture and gives
//! its outputs.
//!
//! A run is padded to the next power of two, so that a device meets a few shapes only, each of which it has met before the
//! first request. That a model answers for every picture of a batch what it answers for it alone is tried before it
//! serves; one that does not is run one picture at a time, and a line in the log says so.

mod lane;
mod queue;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use ndarray::ArrayD;
use ort::session::Session;
use ort::value::ValueType;

use self::lane::Lane;
use self::queue::{Answer, Job, Queue};
use crate::device::Device;
use crate::error::ModelError;
use crate::inspect::inspect;
use crate::model::session;
use crate::open_batch::with_open_batch;
use crate::profile::{self, Providers};
use crate::runtime::Runtime;
use crate::signature::Dim;

/// How runs are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    /// Most pictures in one run.
    pub most: NonZeroUsize,
    /// How long a run of several waits for more. One picture alone never waits.
    pub wait: Duration,
    /// Sessions of each model: while one runs, the next takes what arrives.
    pub lanes: NonZeroUsize,
}

/// What the lanes have done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Runs, of one picture or of many.
    pub runs: u64,
    /// Pictures in them.
    pub pictures: u64,
    /// What the lanes spent on putting tensors into their buffers, and on overwriting them afterwards.
    pub copying: Duration,
    /// What ONNX Runtime's runs took: on a GPU, the way there and back included.
    pub running: Duration,
}

impl Tally {
    /// What has been done since `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            runs: self.runs - before.runs,
            pictures: self.pictures - before.pictures,
            copying: self.copying.saturating_sub(before.copying),
            running: self.running.saturating_sub(before.running),
        }
    }

    fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.pictures += other.pictures;
        self.copying += other.copying;
        self.running += other.running;
    }
}

/// The models that a runtime has loaded to be shared.
#[derive(Debug)]
pub(crate) struct Batches {
    batching: Batching,
    models: Mutex<Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    bytes: Box<[u8]>,
    device: Device,
    shared: Weak<Shared>,
}

impl Batches {
    pub(crate) fn new(batching: Batching) -> Self {
        Self { batching, models: Mutex::default() }
    }

    /// Most pictures in one run.
    pub(crate) fn most(&self) -> usize {
        self.batching.most.get()
    }

    /// The model in `bytes` on `device`: the one that is loaded, unless it has failed, or a new one. Whoever comes
    /// while it is being loaded waits for it.
    pub(crate) fn join(
        &self,
        runtime: &Runtime,
        bytes: &[u8],
        device: Device,
        input: &[Dim; 4],
    ) -> Result<Arc<Shared>, ModelError> {
        // What is in there is whole, whoever panicked.
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        models.retain(|it| it.shared.upgrade().is_some_and(|shared| !shared.queue.is_broken()));
        let known = models.iter().find(|it| it.device == device && *it.bytes == *bytes);
        if let Some(shared) = known.and_then(|it| it.shared.upgrade()) {
            return Ok(shared);
        }
        let shared = Arc::new(Shared::start(runtime, bytes, device, input, self.batching)?);
        models.push(Entry { bytes: bytes.into(), device, shared: Arc::downgrade(&shared) });
        Ok(shared)
    }

    /// What the lanes of all models that are in use have done so far.
    pub(crate) fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        let models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        for shared in models.iter().filter_map(|it| it.shared.upgrade()) {
            sum.add(*shared.tally.lock().unwrap_or_else(PoisonError::into_inner));
        }
        sum
    }
}

/// A model and its lanes, which end with the last [`Model`](crate::Model) that uses them.
#[derive(Debug)]
pub(crate) struct Shared {
    queue: Arc<Queue>,
    tally: Arc<Mutex<Tally>>,
    /// The graph's inputs, and its outputs.
    pub(crate) ports: [Vec<Port>; 2],
    /// What ran the model before it served, where that was watched.
    pub(crate) providers: Option<Providers>,
}

/// An input or output as the session has it.
#[derive(Debug, Clone)]
pub(crate) struct Port {
    pub name: String,
    pub dtype: ValueType,
}

/// What a graph leaves open is this many pixels in the runs before the first request: a multiple of 32, as `YuNet`
/// wants, and near its usual size.
const OPEN_SIDE_PX: usize = 320;

impl Shared {
    fn start(
        runtime: &Runtime,
        bytes: &[u8],
        device: Device,
        input: &[Dim; 4],
        batching: Batching,
    ) -> Result<Self, ModelError> {
        inspect(bytes)?;
        let opened = with_open_batch(bytes);
        let model = opened.as_deref().unwrap_or(bytes);
        let usual = input.map(|side| match side {
            Dim::Is(size) => size,
            Dim::Any => OPEN_SIDE_PX,
        });
        let tally = Arc::new(Mutex::new(Tally::default()));
        let mut lanes = Vec::new();
        for _ in 0..batching.lanes.get() {
            let session = session(runtime, model, device, input)?;
            lanes.push(Lane::new(session, runtime.card_of(device), Arc::clone(&tally))?);
        }
        let mut most = batching.most.get();
        let is_opened = opened.is_some() && lanes[0].answers_alike_together(usual)?;
        if most > 1 && !is_opened {
            tracing::warn!(
                "a model answers otherwise for several pictures at once than for each alone: it is run one at a time"
            );
            most = 1;
        }
        let ports = ports(&lanes[0].session);
        let mut providers = None;
        for lane in &mut lanes {
            most = lane.warm_up(usual, most)?;
            if runtime.profiles.is_some() {
                providers = Some(profile::end(&mut lane.session).map_err(ModelError::Profile)?);
            }
        }
        *tally.lock().unwrap_or_else(PoisonError::into_inner) = Tally::default();
        let queue = Arc::new(Queue::default());
        // Closes the queue also when one of the threads cannot be had.
        let shared = Self { queue: Arc::clone(&queue), tally, ports, providers };
        let most = Arc::new(AtomicUsize::new(most));
        for (i, lane) in lanes.into_iter().enumerate() {
            let (queue, most) = (Arc::clone(&queue), Arc::clone(&most));
            let ends = EndsTheLane(Arc::clone(&queue));
            let work = move || {
                let _ends = ends;
                lane.work(&queue, &most, batching.wait);
            };
            let name = format!("{device}-{i}");
            thread::Builder::new().name(name).spawn(work).map_err(ModelError::Thread)?;
        }
        Ok(shared)
    }

    /// What the model gives for `tensor` alone, of the outputs `wanted`. The tensor is lent meanwhile.
    pub(crate) fn run(
        &self,
        shape: [usize; 4],
        tensor: &mut Vec<f32>,
        wanted: &Arc<[usize]>,
    ) -> Result<Vec<ArrayD<f32>>, ModelError> {
        if shape[0] != 1 || shape.iter().product::<usize>() != tensor.len() {
            return Err(ModelError::TensorLength { shape, found: tensor.len() });
        }
        let (answer, answered) = sync_channel(1);
        let (lent, wanted) = (std::mem::take(tensor), Arc::clone(wanted));
        let job = Job { shape, tensor: lent, wanted, answer };
        self.queue.put(job).map_err(ModelError::Shared)?;
        let Answer { tensor: returned, outputs } =
            answered.recv().map_err(|_| ModelError::NoLane)?;
        *tensor = returned;
        outputs.map_err(ModelError::Shared)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// Whichever way a lane's thread ends, it is seen.
struct EndsTheLane(Arc<Queue>);

impl Drop for EndsTheLane {
    fn drop(&mut self) {
        self.0.lane_ends();
    }
}

/// How many pictures a run of `pictures` is padded to.
fn padded(pictures: usize, most: usize) -> usize {
    pictures.next_power_of_two().min(most)
}

/// Every size that runs are padded to, falling: what a device keeps for the largest serves the others.
fn sizes(most: usize) -> impl Iterator<Item = usize> {
    let doubled = std::iter::successors(Some(1), |size| Some(2 * size));
    let mut sizes: Vec<usize> = doubled.take_while(|size| *size < most).collect();
    sizes.push(most);
    sizes.into_iter().rev()
}

/// The ports of a session.
pub(crate) fn ports(session: &Session) -> [Vec<Port>; 2] {
    [session.inputs(), session.outputs()].map(|outlets| {
        let port = |outlet: &ort::value::Outlet| Port {
            name: outlet.name().to_owned(),
            dtype: outlet.dtype().clone(),
        };
        outlets.iter().map(port).collect()
    })
}

/// Once the card is out of memory for a run, it is asked for half as many from then on.
fn halve(most: &AtomicUsize, failed: usize) {
    let half = (failed / 2).max(1);
    if most.fetch_min(half, Ordering::Relaxed) > half {
        tracing::warn!(
            "a run of {failed} pictures failed where each alone did not: from now on {half} at most are run together"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_padded_to_a_few_sizes() {
        assert_eq!(sizes(12).collect::<Vec<_>>(), [12, 8, 4, 2, 1]);
        assert_eq!(sizes(1).collect::<Vec<_>>(), [1]);
        for most in [1, 12, 32] {
            for pictures in 1..=most {
                let padded = padded(pictures, most);
                assert!((pictures..=most).contains(&padded) && sizes(most).any(|it| it == padded));
            }
        }
    }

    #[test]
    fn half_of_what_failed_is_run_together_afterwards_and_never_more_again() {
        let most = AtomicUsize::new(32);
        let after = |failed| {
            halve(&most, failed);
            most.load(Ordering::Relaxed)
        };
        assert_eq!([after(16), after(32), after(8), after(2), after(1)], [8, 8, 4, 1, 1]);
    }
}
