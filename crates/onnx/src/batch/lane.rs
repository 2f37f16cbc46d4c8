//! One session and the thread that runs it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ndarray::{ArrayD, Axis, Slice};
use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::Session;
use ort::value::{Tensor, TensorRef};

use super::queue::{Job, Queue};
use super::{Tally, halve, padded, sizes};
use crate::error::{ModelError, chain};
use crate::gpu::Card;

/// How far the answers for a picture may be apart, alone and among others, in parts of the largest of them: other
/// kernels add up in another order. A model that mixes pictures up is off by far more.
const MAX_APART: f32 = 1e-3;

pub(super) struct Lane {
    pub session: Session,
    /// Where pictures are put together; all zero between runs.
    buffer: Tensor<f32>,
    allocator: Allocator,
    tally: Arc<Mutex<Tally>>,
}

/// What a run gave for each of its pictures.
type Answers = Vec<Vec<ArrayD<f32>>>;

impl Lane {
    /// A lane of `session`, which is on `card`, or on the CPU.
    pub(super) fn new(
        session: Session,
        card: Option<&Card>,
        tally: Arc<Mutex<Tally>>,
    ) -> Result<Self, ModelError> {
        let allocator = match card {
            Some(card) => pinned(&session, card).map_err(ModelError::Load)?,
            None => Allocator::default(),
        };
        let buffer = Tensor::new(&allocator, [1_usize]).map_err(ModelError::Load)?;
        Ok(Self { session, buffer, allocator, tally })
    }

    /// Works until the queue is closed.
    pub(super) fn work(mut self, queue: &Queue, most: &AtomicUsize, wait: Duration) {
        while let Some(jobs) = queue.take(|| most.load(Ordering::Relaxed), wait) {
            self.answer(jobs, queue, most);
        }
    }

    /// Runs `jobs`, which are of one shape, and answers them. A run of several that fails is tried with each alone; one
    /// alone that fails shows that the session is not to be used any more.
    fn answer(&mut self, jobs: Vec<Job>, queue: &Queue, most: &AtomicUsize) {
        let together = jobs.len();
        let size = padded(together, most.load(Ordering::Relaxed).max(together));
        match self.run(&jobs, size) {
            Ok(answers) => {
                jobs.into_iter().zip(answers).for_each(|(job, outputs)| job.answer(Ok(outputs)));
            }
            Err(error) if together == 1 => {
                let error = Arc::new(error);
                queue.break_with(&error);
                for job in jobs {
                    job.refuse(&error);
                }
            }
            Err(error) => {
                tracing::warn!(error = chain(&error), "a run of {together} pictures failed");
                let mut failed = None;
                for job in jobs {
                    if let Some(error) = &failed {
                        job.refuse(error);
                        continue;
                    }
                    match self.run(std::slice::from_ref(&job), 1) {
                        Ok(mut answers) => job.answer(Ok(answers.pop().unwrap_or_default())),
                        Err(error) => {
                            let error = Arc::new(error);
                            queue.break_with(&error);
                            job.refuse(&error);
                            failed = Some(error);
                        }
                    }
                }
                if failed.is_none() {
                    halve(most, together);
                }
            }
        }
    }

    /// One run of `jobs` and as many empty pictures as make `size`.
    fn run(&mut self, jobs: &[Job], size: usize) -> Result<Answers, ModelError> {
        let begun = Instant::now();
        let [_, channels, height, width] = jobs[0].shape;
        let length = channels * height * width;
        self.make_room(size * length)?;
        let (_, buffer) = self.buffer.extract_tensor_mut();
        for (place, job) in buffer.chunks_exact_mut(length).zip(jobs) {
            place.copy_from_slice(&job.tensor);
        }
        let copied = Instant::now();
        let answers = {
            let shape = [size, channels, height, width];
            let input = TensorRef::from_array_view((shape, &buffer[..size * length]));
            let input = input.map_err(ModelError::Run)?;
            let outputs = self.session.run(ort::inputs![input]).map_err(ModelError::Run);
            outputs.and_then(|outputs| {
                let answer = |(i, job): (usize, &Job)| {
                    let output = |&position: &usize| {
                        let whole = outputs[position].try_extract_array::<f32>();
                        let whole = whole.map_err(ModelError::Run)?;
                        if whole.shape().first() != Some(&size) {
                            let found = whole.shape().to_vec();
                            return Err(ModelError::NotBatched { size, found });
                        }
                        Ok(whole.slice_axis(Axis(0), Slice::from(i..=i)).to_owned())
                    };
                    job.wanted.iter().map(output).collect()
                };
                jobs.iter().enumerate().map(answer).collect()
            })
        };
        let ran = Instant::now();
        buffer[..jobs.len() * length].fill(0.0);
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.add(Tally {
            runs: 1,
            pictures: jobs.len() as u64,
            copying: copied - begun + ran.elapsed(),
            running: ran - copied,
        });
        answers
    }

    /// Has the buffer hold `length` numbers.
    fn make_room(&mut self, length: usize) -> Result<(), ModelError> {
        let (_, buffer) = self.buffer.extract_tensor();
        if buffer.len() < length {
            let mut grown = Tensor::new(&self.allocator, [length]).map_err(ModelError::Run)?;
            // What is in there is anyone's.
            grown.extract_tensor_mut().1.fill(0.0);
            self.buffer = grown;
        }
        Ok(())
    }

    /// Runs every size once, the largest first, and comes back with the largest that can be run: there may be no memory
    /// for more.
    pub(super) fn warm_up(&mut self, shape: [usize; 4], most: usize) -> Result<usize, ModelError> {
        let job = self.job(shape, 1);
        let mut largest = None;
        for size in sizes(most) {
            match self.run(std::slice::from_ref(&job), size) {
                Ok(_) => largest = largest.or(Some(size)),
                Err(error) if size > 1 => {
                    tracing::warn!(error = chain(&error), "{size} pictures cannot be run together");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(largest.unwrap_or(1))
    }

    /// Whether the model gives for two pictures together what it gives for each alone.
    pub(super) fn answers_alike_together(&mut self, shape: [usize; 4]) -> Result<bool, ModelError> {
        let jobs = [1, 2].map(|seed| self.job(shape, seed));
        let Ok(together) = self.run(&jobs, 2) else { return Ok(false) };
        for (job, among_others) in jobs.iter().zip(&together) {
            let alone = self.run(std::slice::from_ref(job), 1)?;
            if !alone.iter().flatten().zip(among_others).all(|(a, b)| are_near(a, b)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A picture of noise that asks for every output that is made of float32.
    fn job(&self, shape: [usize; 4], seed: u32) -> Job {
        let mut state = seed;
        let noise = std::iter::repeat_with(|| {
            // Numerical Recipes' generator (Press et al. 1992, 7.1).
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        });
        let tensor = noise.take(shape.iter().product()).collect();
        let outputs = self.session.outputs().iter().enumerate();
        let is_float = |outlet: &ort::value::Outlet| {
            outlet.dtype().tensor_type() == Some(ort::value::TensorElementType::Float32)
        };
        let wanted = outputs.filter(|(_, outlet)| is_float(outlet)).map(|(i, _)| i).collect();
        let (answer, _) = std::sync::mpsc::sync_channel(1);
        Job { shape, tensor, wanted, answer }
    }
}

/// Memory of the host that the card reads by itself, without a copy between.
fn pinned(session: &Session, card: &Card) -> ort::Result<Allocator> {
    let memory = MemoryInfo::new(
        AllocationDevice::CUDA_PINNED,
        card.index as i32,
        AllocatorType::Device,
        MemoryType::CPUInput,
    )?;
    Allocator::new(session, memory)
}

/// Whether two answers are the same but for rounding.
fn are_near(a: &ArrayD<f32>, b: &ArrayD<f32>) -> bool {
    let largest = a.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= MAX_APART * largest.max(f32::MIN_POSITIVE);
    a.shape() == b.shape() && a.iter().zip(b).all(near)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::device::Device;
    use crate::model::session;
    use crate::open_batch::with_open_batch;
    use crate::runtime::Runtime;
    use crate::signature::Dim;

    const BRITTLE: &[u8] = include_bytes!("../../tests/data/brittle.onnx");

    #[test]
    fn nothing_of_a_picture_is_left_in_the_buffer_after_a_run_that_went_well_or_failed() {
        let runtime = Runtime::load(&testbed::library()).unwrap();
        let shape = [1, 3, 2, 2];
        let opened = with_open_batch(BRITTLE).unwrap();
        let session = session(&runtime, &opened, Device::Cpu, &shape.map(Dim::Is)).unwrap();
        let mut lane = Lane::new(session, None, Arc::default()).unwrap();
        for (number, is_well) in [(1.0, true), (1000.0, false)] {
            let mut jobs = [1, 2].map(|seed| lane.job(shape, seed));
            jobs[1].tensor.fill(number);
            assert_eq!(lane.run(&jobs, 2).is_ok(), is_well);
            let (_, left) = lane.buffer.extract_tensor();
            assert!(left.len() >= 24 && left.iter().all(|number| number.to_bits() == 0));
        }
    }

    #[test]
    fn answers_are_near_that_differ_by_rounding_alone() {
        let near =
            |a: [f32; 2], b: [f32; 2]| are_near(&array![a].into_dyn(), &array![b].into_dyn());
        assert!(near([10.0, 0.0], [10.001, 0.001]) && near([0.0, 0.0], [0.0, 0.0]));
        assert!(!near([10.0, 0.0], [10.0, 0.1]) && !near([1.0, 2.0], [2.0, 1.0]));
        assert!(!near([1.0, f32::NAN], [1.0, f32::NAN]));
    }
}
