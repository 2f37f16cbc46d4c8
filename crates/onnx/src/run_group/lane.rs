//! One session and the thread that runs it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ndarray::{ArrayD, Axis, Slice};
use ort::memory::Allocator;
use ort::value::{DynValue, Tensor};

use super::queue::{Job, Queue};
use super::{Tally, lock};
use crate::error::{ModelError, chain};
use crate::session::DeviceSession;

/// Largest difference between the outputs for a picture alone and in a run group, as a share of the
/// largest output. Other kernels add up in another order. A model that mixes pictures up is off by
/// far more.
const MAX_DIFFERENCE: f32 = 1e-3;

pub(super) struct Lane {
    pub session: DeviceSession,
    /// The input of a run group. All zero between runs.
    buffer: Tensor<f32>,
    allocator: Allocator,
    tally: Arc<Mutex<Tally>>,
}

/// The outputs of one picture that its job wants.
type Outputs = Vec<ArrayD<f32>>;

impl Lane {
    pub(super) fn new(
        session: DeviceSession,
        tally: Arc<Mutex<Tally>>,
    ) -> Result<Self, ModelError> {
        let allocator = session.input_allocator().map_err(ModelError::Load)?;
        let buffer = Tensor::new(&allocator, [1_usize]).map_err(ModelError::Load)?;
        Ok(Self { session, buffer, allocator, tally })
    }

    /// Runs jobs until the queue is closed.
    pub(super) fn work(mut self, queue: &Queue, max_pictures: &AtomicUsize, wait: Duration) {
        while let Some(jobs) = queue.take(|| max_pictures.load(Ordering::Relaxed), wait) {
            self.finish(jobs, queue, max_pictures);
        }
    }

    /// Runs `jobs`, which have one shape, and sends each its result. If the run fails, each job is
    /// run alone. If one alone fails, the session is broken.
    fn finish(&mut self, jobs: Vec<Job>, queue: &Queue, max_pictures: &AtomicUsize) {
        let pictures = jobs.len();
        let size = padded(pictures, max_pictures.load(Ordering::Relaxed).max(pictures));
        match self.run(&jobs, size) {
            Ok(outputs) => {
                jobs.into_iter().zip(outputs).for_each(|(job, outputs)| job.finish(Ok(outputs)));
            }
            Err(error) if pictures == 1 => queue.break_with(error, jobs),
            Err(error) => {
                tracing::warn!(error = chain(&error), "a run of {pictures} pictures failed");
                let mut jobs = jobs.into_iter();
                while let Some(job) = jobs.next() {
                    match self.run(std::slice::from_ref(&job), 1) {
                        Ok(mut outputs) => job.finish(Ok(outputs.pop().unwrap_or_default())),
                        Err(error) => {
                            return queue.break_with(error, [job].into_iter().chain(jobs));
                        }
                    }
                }
                halve(max_pictures, pictures);
            }
        }
    }

    /// Runs `jobs`, padded with empty pictures to `size`.
    fn run(&mut self, jobs: &[Job], size: usize) -> Result<Vec<Outputs>, ModelError> {
        let started = Instant::now();
        let [_, channels, height, width] = jobs[0].shape;
        let length = channels * height * width;
        self.make_room(size * length)?;
        let (_, buffer) = self.buffer.extract_tensor_mut();
        for (place, job) in buffer.chunks_exact_mut(length).zip(jobs) {
            place.copy_from_slice(&job.tensor);
        }
        let copied = Instant::now();
        let shape = [size, channels, height, width];
        let values = self.session.run(shape, &buffer[..size * length], false);
        let outputs = values.and_then(|values| {
            let of_job = |(i, job): (usize, &Job)| {
                job.wanted.iter().map(|&index| part(&values[index], i, size)).collect()
            };
            jobs.iter().enumerate().map(of_job).collect()
        });
        let ran = Instant::now();
        buffer[..jobs.len() * length].fill(0.0);
        *lock(&self.tally) += Tally {
            runs: 1,
            pictures: jobs.len() as u64,
            copying: copied - started + ran.elapsed(),
            running: ran - copied,
        };
        outputs
    }

    /// Grows the buffer to at least `length` numbers.
    fn make_room(&mut self, length: usize) -> Result<(), ModelError> {
        let (_, buffer) = self.buffer.extract_tensor();
        if buffer.len() < length {
            let mut grown = Tensor::new(&self.allocator, [length]).map_err(ModelError::Run)?;
            // The allocator does not clear memory.
            grown.extract_tensor_mut().1.fill(0.0);
            self.buffer = grown;
        }
        Ok(())
    }

    /// Runs every size up to `max_pictures` once, and returns the largest that the device has
    /// memory for. The largest comes first: the device reuses its memory for the others.
    pub(super) fn warm_up(
        &mut self,
        shape: [usize; 4],
        max_pictures: usize,
    ) -> Result<usize, ModelError> {
        let job = self.noise(shape, 1);
        let mut largest = 1;
        for size in sizes(max_pictures).into_iter().rev() {
            match self.run(std::slice::from_ref(&job), size) {
                Ok(_) => largest = largest.max(size),
                Err(error) if size > 1 => {
                    tracing::warn!(error = chain(&error), "{size} pictures cannot be run together");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(largest)
    }

    /// Whether the model gives for two pictures together what it gives for each alone.
    pub(super) fn treats_pictures_alone(&mut self, shape: [usize; 4]) -> Result<bool, ModelError> {
        let jobs = [1, 2].map(|seed| self.noise(shape, seed));
        let Ok(together) = self.run(&jobs, 2) else { return Ok(false) };
        for (job, in_group) in jobs.iter().zip(&together) {
            let alone = self.run(std::slice::from_ref(job), 1)?;
            if !alone.iter().flatten().zip(in_group).all(|(a, b)| are_near(a, b)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A job with a picture of noise that wants every float32 output.
    fn noise(&self, shape: [usize; 4], seed: u32) -> Job {
        let mut state = seed;
        let noise = std::iter::repeat_with(|| {
            // Numerical Recipes' generator (Press et al. 1992, 7.1).
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        });
        let tensor = noise.take(shape.iter().product()).collect();
        let outputs = self.session.graph().outputs.into_iter().enumerate();
        let wanted = outputs.filter_map(|(i, port)| port.shape.map(|_| i)).collect();
        Job { shape, tensor, wanted, sender: sync_channel(1).0 }
    }
}

/// The part of an output that belongs to picture `i` of `size`.
fn part(output: &DynValue, i: usize, size: usize) -> Result<ArrayD<f32>, ModelError> {
    let whole = output.try_extract_array::<f32>().map_err(ModelError::Run)?;
    if whole.shape().first() != Some(&size) {
        return Err(ModelError::NotPerPicture { size, found: whole.shape().to_vec() });
    }
    Ok(whole.slice_axis(Axis(0), Slice::from(i..=i)).to_owned())
}

/// Whether two outputs are the same but for rounding.
fn are_near(a: &ArrayD<f32>, b: &ArrayD<f32>) -> bool {
    let largest = a.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let most = MAX_DIFFERENCE * largest.max(f32::MIN_POSITIVE);
    a.shape() == b.shape() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= most)
}

/// The size that a run of `pictures` is padded to.
fn padded(pictures: usize, most: usize) -> usize {
    pictures.next_power_of_two().min(most)
}

/// Every size that runs are padded to, rising.
fn sizes(most: usize) -> Vec<usize> {
    let powers = std::iter::successors(Some(1), |size| Some(2 * size));
    powers.take_while(|size| *size < most).chain([most]).collect()
}

/// Halves the size of run groups after a run of `failed` pictures: the device lacks memory for it.
fn halve(max_pictures: &AtomicUsize, failed: usize) {
    let half = (failed / 2).max(1);
    if max_pictures.fetch_min(half, Ordering::Relaxed) > half {
        tracing::warn!(
            "a run of {failed} pictures failed, and each alone did not: from now on at most \
             {half} share a run"
        );
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::device::Device;
    use crate::inspect::inspect;
    use crate::model::open;
    use crate::open_batch::with_open_batch;
    use crate::runtime::Runtime;
    use crate::signature::Dim;

    const BRITTLE: &[u8] = include_bytes!("../../tests/data/brittle.onnx");

    #[test]
    fn the_buffer_is_zero_after_a_run_that_succeeded_and_after_one_that_failed() {
        let runtime = Runtime::load(&testbed::library()).unwrap();
        let shape = [1, 3, 2, 2];
        let opened = with_open_batch(BRITTLE).unwrap();
        let opened = inspect(&opened).unwrap();
        let session = open(&runtime, opened, Device::Cpu, &shape.map(Dim::Is)).unwrap();
        let mut lane = Lane::new(session, Arc::default()).unwrap();
        for (number, is_success) in [(1.0, true), (1000.0, false)] {
            let mut jobs = [1, 2].map(|seed| lane.noise(shape, seed));
            jobs[1].tensor.fill(number);
            assert_eq!(lane.run(&jobs, 2).is_ok(), is_success);
            let (_, left) = lane.buffer.extract_tensor();
            assert!(left.len() >= 24 && left.iter().all(|number| number.to_bits() == 0));
        }
    }

    #[test]
    fn outputs_that_differ_by_rounding_alone_are_near() {
        let near =
            |a: [f32; 2], b: [f32; 2]| are_near(&array![a].into_dyn(), &array![b].into_dyn());
        assert!(near([10.0, 0.0], [10.001, 0.001]) && near([0.0, 0.0], [0.0, 0.0]));
        assert!(!near([10.0, 0.0], [10.0, 0.1]) && !near([1.0, 2.0], [2.0, 1.0]));
        assert!(!near([1.0, f32::NAN], [1.0, f32::NAN]));
    }

    #[test]
    fn runs_are_padded_to_a_few_sizes() {
        assert_eq!(sizes(12), [1, 2, 4, 8, 12]);
        assert_eq!(sizes(1), [1]);
        for most in [1, 12, 32] {
            for pictures in 1..=most {
                let padded = padded(pictures, most);
                assert!((pictures..=most).contains(&padded) && sizes(most).contains(&padded));
            }
        }
    }

    #[test]
    fn run_groups_are_halved_after_a_failed_run_and_never_grow_again() {
        let max_pictures = AtomicUsize::new(32);
        let after = |failed| {
            halve(&max_pictures, failed);
            max_pictures.load(Ordering::Relaxed)
        };
        assert_eq!([after(16), after(32), after(8), after(2), after(1)], [8, 8, 4, 1, 1]);
    }
}
