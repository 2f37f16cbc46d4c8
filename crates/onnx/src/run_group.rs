//! Run groups: pictures that arrive at about the same time share one run, which makes the most of a
//! GPU.
//!
//! Models loaded from the same bytes share sessions. Each session has a thread, its lane. The lane
//! takes the tensors that have arrived, copies them into one buffer (pinned on a GPU, kept, and
//! overwritten after every run), runs them together and answers each caller. While one lane runs,
//! the next takes the tensors that arrive meanwhile. [`Model::run`](crate::Model::run) hides this:
//! it takes one picture and returns its outputs.
//!
//! A run is padded to the next power of two, so that a device meets few shapes, all of them before
//! the first request. A model joins run groups only if it gives for two pictures together what it
//! gives for each alone, which is tried when it is loaded. Another model runs one picture at a
//! time, and the log says so.

mod lane;
mod queue;

use std::num::NonZeroUsize;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use ndarray::ArrayD;

use self::lane::Lane;
use self::queue::{Job, Queue};
use crate::device::Device;
use crate::error::ModelError;
use crate::graph::Graph;
use crate::inspect::{Inspected, inspect};
use crate::open_batch::with_open_batch;
use crate::profile::{ProfileError, Providers};
use crate::session::DeviceSession;
use crate::signature::Dim;

/// How run groups are formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grouping {
    /// Most pictures in one run.
    pub max_pictures: NonZeroUsize,
    /// How long a run of several pictures waits for more. A picture alone never waits.
    pub wait: Duration,
    /// Sessions of each model. While one runs, the next takes the pictures that arrive.
    pub lanes: NonZeroUsize,
}

/// The work of lanes so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Runs, of one or several pictures.
    pub runs: u64,
    /// Pictures in these runs.
    pub pictures: u64,
    /// Time for copying tensors into buffers and overwriting the buffers afterwards.
    pub copying: Duration,
    /// Time of ONNX Runtime's runs; on a GPU with the transfer to the card and back.
    pub running: Duration,
}

impl Tally {
    /// The work done since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            runs: self.runs - earlier.runs,
            pictures: self.pictures - earlier.pictures,
            copying: self.copying.saturating_sub(earlier.copying),
            running: self.running.saturating_sub(earlier.running),
        }
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.pictures += other.pictures;
        self.copying += other.copying;
        self.running += other.running;
    }
}

/// Locks `mutex`. A thread that panics leaves no half-written state behind any mutex of run groups.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The shared models of a runtime.
pub(crate) struct SharedModels {
    pub(crate) grouping: Grouping,
    loaded: Mutex<Vec<Entry>>,
}

struct Entry {
    bytes: Box<[u8]>,
    device: Device,
    model: Weak<SharedModel>,
}

impl SharedModels {
    pub(crate) fn new(grouping: Grouping) -> Self {
        Self { grouping, loaded: Mutex::default() }
    }

    /// The shared model of these bytes on `device`: the loaded one unless it has failed, else a new
    /// one, whose sessions `open` makes. A caller that comes during the loading waits for its end.
    pub(crate) fn join(
        &self,
        model: Inspected<'_>,
        device: Device,
        input: &[Dim; 4],
        open: impl Fn(Inspected<'_>) -> Result<DeviceSession, ModelError>,
    ) -> Result<Arc<SharedModel>, ModelError> {
        let mut loaded = lock(&self.loaded);
        loaded.retain(|it| it.model.upgrade().is_some_and(|model| !model.queue.is_broken()));
        let known = loaded.iter().find(|it| it.device == device && *it.bytes == *model.bytes());
        if let Some(shared) = known.and_then(|it| it.model.upgrade()) {
            return Ok(shared);
        }
        let shared = Arc::new(SharedModel::start(model, device, input, self.grouping, open)?);
        let bytes = model.bytes().into();
        loaded.push(Entry { bytes, device, model: Arc::downgrade(&shared) });
        Ok(shared)
    }

    /// The work of all models in use.
    pub(crate) fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        for model in lock(&self.loaded).iter().filter_map(|it| it.model.upgrade()) {
            sum += *lock(&model.tally);
        }
        sum
    }
}

/// A model and its lanes. The lanes end with the last [`Model`](crate::Model) that uses them.
pub(crate) struct SharedModel {
    queue: Arc<Queue>,
    tally: Arc<Mutex<Tally>>,
    pub(crate) graph: Graph,
    /// The execution providers of the runs before the first request, if these were watched.
    pub(crate) providers: Option<Providers>,
}

/// Pixels of a side that the graph leaves open, in the runs before the first request: a multiple of
/// 32, as `YuNet` needs, and near its usual size.
const OPEN_SIDE_PX: usize = 320;

impl SharedModel {
    fn start(
        model: Inspected<'_>,
        device: Device,
        input: &[Dim; 4],
        grouping: Grouping,
        open: impl Fn(Inspected<'_>) -> Result<DeviceSession, ModelError>,
    ) -> Result<Self, ModelError> {
        let opened = with_open_batch(model.bytes());
        let model = opened.as_deref().map_or(Ok(model), inspect)?;
        let usual = input.map(|side| match side {
            Dim::Is(size) => size,
            Dim::Any => OPEN_SIDE_PX,
        });
        let tally = Arc::new(Mutex::new(Tally::default()));
        let mut lanes = Vec::new();
        for _ in 0..grouping.lanes.get() {
            lanes.push(Lane::new(open(model)?, Arc::clone(&tally))?);
        }
        let mut max_pictures = grouping.max_pictures.get();
        let is_groupable = opened.is_some() && lanes[0].treats_pictures_alone(usual)?;
        if max_pictures > 1 && !is_groupable {
            tracing::warn!(
                "a model gives other outputs for several pictures at once than for each alone: \
                 it runs one picture at a time"
            );
            max_pictures = 1;
        }
        let graph = lanes[0].session.graph();
        let mut providers = None;
        for lane in &mut lanes {
            max_pictures = lane.warm_up(usual, max_pictures)?;
            providers = match lane.session.end_profile() {
                Ok(found) => Some(found),
                Err(ProfileError::NotWatched) => None,
                Err(error) => return Err(ModelError::Profile(error)),
            };
        }
        *lock(&tally) = Tally::default();
        let queue = Arc::new(Queue::default());
        // Made before the threads: dropping it closes the queue if one of them does not start.
        let shared = Self { queue: Arc::clone(&queue), tally, graph, providers };
        let max_pictures = Arc::new(AtomicUsize::new(max_pictures));
        for (i, lane) in lanes.into_iter().enumerate() {
            let (guard, max_pictures) = (LaneGuard(Arc::clone(&queue)), Arc::clone(&max_pictures));
            let work = move || {
                let guard = guard;
                lane.work(&guard.0, &max_pictures, grouping.wait);
            };
            let name = format!("{device}-{i}");
            thread::Builder::new().name(name).spawn(work).map_err(ModelError::Thread)?;
        }
        Ok(shared)
    }

    /// The outputs `wanted` for `tensor`, one picture, which a lane borrows meanwhile.
    pub(crate) fn run(
        &self,
        shape: [usize; 4],
        tensor: &mut Vec<f32>,
        wanted: &Arc<[usize]>,
    ) -> Result<Vec<ArrayD<f32>>, ModelError> {
        if shape[0] != 1 || shape.iter().product::<usize>() != tensor.len() {
            return Err(ModelError::TensorLength { shape, found: tensor.len() });
        }
        let (sender, receiver) = sync_channel(1);
        let (lent, wanted) = (std::mem::take(tensor), Arc::clone(wanted));
        let job = Job { shape, tensor: lent, wanted, sender };
        self.queue.put(job).map_err(ModelError::Shared)?;
        let result = receiver.recv().map_err(|_| ModelError::NoLane)?;
        *tensor = result.tensor;
        result.outputs.map_err(ModelError::Shared)
    }
}

impl Drop for SharedModel {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// Tells the queue that a lane's thread ends, also by a panic.
struct LaneGuard(Arc<Queue>);

impl Drop for LaneGuard {
    fn drop(&mut self) {
        self.0.lane_ends();
    }
}
