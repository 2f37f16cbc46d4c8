//! The queue of tensors that wait for a lane.

use std::collections::VecDeque;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ndarray::ArrayD;

use super::lock;
use crate::error::ModelError;

/// One tensor that is to be run.
pub(super) struct Job {
    /// Its first side is 1.
    pub shape: [usize; 4],
    pub tensor: Vec<f32>,
    /// The places of the wanted outputs among the graph's.
    pub wanted: Arc<[usize]>,
    pub sender: SyncSender<JobResult>,
}

/// The outputs of a job, and its tensor, whose memory is used again.
pub(super) struct JobResult {
    pub tensor: Vec<f32>,
    pub outputs: Result<Vec<ArrayD<f32>>, Arc<ModelError>>,
}

/// Jobs in the order in which they arrived.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    arrival: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// No job will come any more.
    is_closed: bool,
    /// Why no job can be run any more.
    broken: Option<Arc<ModelError>>,
}

impl Queue {
    /// Appends `job`.
    ///
    /// # Errors
    /// When the queue is broken.
    pub(super) fn put(&self, job: Job) -> Result<(), Arc<ModelError>> {
        let mut state = lock(&self.state);
        if let Some(error) = &state.broken {
            return Err(Arc::clone(error));
        }
        state.waiting.push_back(job);
        drop(state);
        self.arrival.notify_one();
        Ok(())
    }

    /// Takes the first job, and the jobs of the same shape that have arrived, up to `most` in all.
    /// Several jobs wait up to `wait` for more; a job alone does not. `None` once the queue is
    /// closed.
    pub(super) fn take(&self, most: impl Fn() -> usize, wait: Duration) -> Option<Vec<Job>> {
        let mut state = lock(&self.state);
        loop {
            if let Some(first) = state.waiting.pop_front() {
                let most = most();
                let mut taken = vec![first];
                state.take_alike(&mut taken, most);
                if taken.len() > 1 {
                    self.wait_for_more(state, &mut taken, most, wait);
                }
                return Some(taken);
            }
            if state.is_closed {
                return None;
            }
            state = self.arrival.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn wait_for_more(
        &self,
        mut state: MutexGuard<'_, State>,
        taken: &mut Vec<Job>,
        most: usize,
        wait: Duration,
    ) {
        let until = Instant::now() + wait;
        while taken.len() < most {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || state.is_closed {
                return;
            }
            let woken = self.arrival.wait_timeout(state, left);
            (state, _) = woken.unwrap_or_else(PoisonError::into_inner);
            state.take_alike(taken, most);
            if !state.waiting.is_empty() {
                // A job of another shape is for another lane, which this wake-up was meant for.
                self.arrival.notify_one();
                return;
            }
        }
    }

    /// Fails the waiting jobs and `taken` with `error`, and every later one. The first error stays.
    pub(super) fn break_with(&self, error: ModelError, taken: impl IntoIterator<Item = Job>) {
        let error = Arc::new(error);
        let mut state = lock(&self.state);
        state.broken.get_or_insert_with(|| Arc::clone(&error));
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        for job in waiting.into_iter().chain(taken) {
            job.finish(Err(Arc::clone(&error)));
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        lock(&self.state).broken.is_some()
    }

    pub(super) fn close(&self) {
        lock(&self.state).is_closed = true;
        self.arrival.notify_all();
    }

    /// Breaks the queue because a lane has ended, unless the queue is closed.
    pub(super) fn lane_ends(&self) {
        let is_closed = lock(&self.state).is_closed;
        if !is_closed {
            self.break_with(ModelError::NoLane, []);
        }
    }
}

impl State {
    /// Moves waiting jobs of the same shape to `taken`, in their order, until it holds `most`.
    fn take_alike(&mut self, taken: &mut Vec<Job>, most: usize) {
        let mut i = 0;
        while taken.len() < most && i < self.waiting.len() {
            if self.waiting[i].shape == taken[0].shape {
                taken.extend(self.waiting.remove(i));
            } else {
                i += 1;
            }
        }
    }
}

impl Job {
    pub(super) fn finish(self, outputs: Result<Vec<ArrayD<f32>>, Arc<ModelError>>) {
        // The caller's thread may have ended meanwhile.
        let _ = self.sender.send(JobResult { tensor: self.tensor, outputs });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, sync_channel};

    use super::*;

    /// A job of a picture with sides of `side`, told from others by `mark`.
    fn job(side: usize, mark: f32) -> (Job, Receiver<JobResult>) {
        let (sender, receiver) = sync_channel(1);
        let wanted = Arc::from([0]);
        (Job { shape: [1, 1, side, side], tensor: vec![mark], wanted, sender }, receiver)
    }

    fn queue(jobs: &[(usize, f32)]) -> (Queue, Vec<Receiver<JobResult>>) {
        let queue = Queue::default();
        let receivers = jobs.iter().map(|&(side, mark)| {
            let (job, receiver) = job(side, mark);
            assert!(queue.put(job).is_ok());
            receiver
        });
        let receivers = receivers.collect();
        (queue, receivers)
    }

    fn marks(jobs: &[Job]) -> Vec<f32> {
        jobs.iter().map(|job| job.tensor[0]).collect()
    }

    #[test]
    fn jobs_of_one_shape_are_taken_together_in_order_and_the_others_keep_their_place() {
        let (queue, _receivers) = queue(&[(2, 0.0), (3, 1.0), (2, 2.0), (2, 3.0), (3, 4.0)]);
        let take = |most| marks(&queue.take(|| most, Duration::ZERO).unwrap());
        assert_eq!(take(2), [0.0, 2.0]);
        assert_eq!(take(8), [1.0, 4.0]);
        assert_eq!(take(8), [3.0]);
        queue.close();
        assert!(queue.take(|| 8, Duration::ZERO).is_none());
    }

    #[test]
    fn a_job_alone_does_not_wait_and_two_wait_for_a_third() {
        let (queue, _receivers) = queue(&[(2, 0.0)]);
        // If it waited, this test would not end.
        assert_eq!(marks(&queue.take(|| 3, Duration::MAX).unwrap()), [0.0]);
        let (queue, _receivers) = super::tests::queue(&[(2, 0.0), (2, 1.0)]);
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| queue.take(|| 3, Duration::from_hours(1)));
            while !lock(&queue.state).waiting.is_empty() {
                std::thread::yield_now();
            }
            let (third, _) = job(2, 2.0);
            assert!(queue.put(third).is_ok());
            assert_eq!(marks(&taken.join().unwrap().unwrap()), [0.0, 1.0, 2.0]);
        });
    }

    #[test]
    fn no_job_waits_for_a_lane_that_has_ended_or_is_broken() {
        let (queue, receivers) = queue(&[(2, 0.0)]);
        queue.lane_ends();
        let result = receivers[0].recv().unwrap();
        assert!(matches!(*result.outputs.unwrap_err(), ModelError::NoLane));
        assert_eq!(result.tensor, [0.0]);
        assert!(queue.put(job(2, 1.0).0).is_err() && queue.is_broken());

        let (queue, receivers) = super::tests::queue(&[(2, 0.0)]);
        let (taken, receiver) = job(2, 1.0);
        queue.break_with(ModelError::InputCount { found: 7 }, [taken]);
        for receiver in [&receivers[0], &receiver] {
            let error = receiver.recv().unwrap().outputs.unwrap_err();
            assert!(matches!(*error, ModelError::InputCount { found: 7 }));
        }
        assert!(queue.put(job(2, 1.0).0).is_err() && queue.is_broken());
    }
}
