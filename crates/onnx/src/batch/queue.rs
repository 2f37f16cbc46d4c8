//! What waits to be run, and how what has arrived is taken together.

use std::collections::VecDeque;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ndarray::ArrayD;

use crate::error::ModelError;

/// One tensor that is to be run, and where its answer goes.
pub(super) struct Job {
    /// Its first side is 1.
    pub shape: [usize; 4],
    pub tensor: Vec<f32>,
    /// Which of the graph's outputs are read.
    pub wanted: Arc<[usize]>,
    pub answer: SyncSender<Answer>,
}

/// The tensor comes back with what became of it: its memory is used again.
pub(super) struct Answer {
    pub tensor: Vec<f32>,
    pub outputs: Result<Vec<ArrayD<f32>>, Arc<ModelError>>,
}

/// Jobs in the order in which they came, and those who take them.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    arrival: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// Nothing will be asked any more.
    is_closed: bool,
    /// Why nothing can be answered any more.
    broken: Option<Arc<ModelError>>,
}

impl std::fmt::Debug for Queue {
    /// Without the jobs: there are pictures in them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

impl Queue {
    /// Nobody panics while holding it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a lane take `job`, in time.
    ///
    /// # Errors
    /// When nothing can be answered any more.
    pub(super) fn put(&self, job: Job) -> Result<(), Arc<ModelError>> {
        let mut state = self.state();
        if let Some(error) = &state.broken {
            return Err(Arc::clone(error));
        }
        state.waiting.push_back(job);
        drop(state);
        self.arrival.notify_one();
        Ok(())
    }

    /// The first job, and whatever else of the same shape has arrived, `most` together. One that came alone is not
    /// kept waiting; several wait up to `wait` for more. Nothing once the queue is closed.
    pub(super) fn take(&self, most: impl Fn() -> usize, wait: Duration) -> Option<Vec<Job>> {
        let mut state = self.state();
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
                // Of another shape, and somebody else's.
                self.arrival.notify_one();
                return;
            }
        }
    }

    /// Nothing can be answered any more, and those who wait are told why.
    pub(super) fn break_with(&self, error: &Arc<ModelError>) {
        let mut state = self.state();
        state.broken.get_or_insert_with(|| Arc::clone(error));
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        for job in waiting {
            job.refuse(error);
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        self.state().broken.is_some()
    }

    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.arrival.notify_all();
    }

    /// A lane takes nothing any more. Before the queue is closed that is a fault, and nobody waits for the others.
    pub(super) fn lane_ends(&self) {
        let is_closed = self.state().is_closed;
        if !is_closed {
            self.break_with(&Arc::new(ModelError::NoLane));
        }
    }
}

impl State {
    /// Adds to `taken` whatever else is of its shape, in the order in which it came, until there are `most`.
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
    /// Whoever asked may have gone meanwhile.
    pub(super) fn answer(self, outputs: Result<Vec<ArrayD<f32>>, Arc<ModelError>>) {
        let _ = self.answer.send(Answer { tensor: self.tensor, outputs });
    }

    pub(super) fn refuse(self, error: &Arc<ModelError>) {
        self.answer(Err(Arc::clone(error)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, sync_channel};

    use super::*;

    /// A job of a picture with sides of `side`, told from others by `mark`.
    fn job(side: usize, mark: f32) -> (Job, Receiver<Answer>) {
        let (answer, answered) = sync_channel(1);
        let wanted = Arc::from([0]);
        (Job { shape: [1, 1, side, side], tensor: vec![mark], wanted, answer }, answered)
    }

    fn queue(jobs: &[(usize, f32)]) -> (Queue, Vec<Receiver<Answer>>) {
        let queue = Queue::default();
        let answered = jobs.iter().map(|&(side, mark)| {
            let (job, answered) = job(side, mark);
            assert!(queue.put(job).is_ok());
            answered
        });
        let answered = answered.collect();
        (queue, answered)
    }

    fn marks(jobs: &[Job]) -> Vec<f32> {
        jobs.iter().map(|job| job.tensor[0]).collect()
    }

    #[test]
    fn what_is_alike_is_taken_together_in_order_and_the_rest_keeps_its_place() {
        let (queue, _answered) = queue(&[(2, 0.0), (3, 1.0), (2, 2.0), (2, 3.0), (3, 4.0)]);
        let take = |most| marks(&queue.take(|| most, Duration::ZERO).unwrap());
        assert_eq!(take(2), [0.0, 2.0]);
        assert_eq!(take(8), [1.0, 4.0]);
        assert_eq!(take(8), [3.0]);
        queue.close();
        assert!(queue.take(|| 8, Duration::ZERO).is_none());
    }

    #[test]
    fn one_that_came_alone_does_not_wait_and_two_wait_for_a_third() {
        let (queue, _answered) = queue(&[(2, 0.0)]);
        // Would it wait, this test would not end.
        assert_eq!(marks(&queue.take(|| 3, Duration::MAX).unwrap()), [0.0]);
        let (queue, _answered) = super::tests::queue(&[(2, 0.0), (2, 1.0)]);
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| queue.take(|| 3, Duration::from_hours(1)));
            while !queue.state().waiting.is_empty() {
                std::thread::yield_now();
            }
            let (third, _) = job(2, 2.0);
            assert!(queue.put(third).is_ok());
            assert_eq!(marks(&taken.join().unwrap().unwrap()), [0.0, 1.0, 2.0]);
        });
    }

    #[test]
    fn nobody_waits_for_lanes_that_are_gone_or_broken() {
        let (queue, answered) = queue(&[(2, 0.0)]);
        queue.lane_ends();
        let answer = answered[0].recv().unwrap();
        assert!(matches!(*answer.outputs.unwrap_err(), ModelError::NoLane));
        assert_eq!(answer.tensor, [0.0]);
        assert!(queue.put(job(2, 1.0).0).is_err() && queue.is_broken());

        let (queue, answered) = super::tests::queue(&[(2, 0.0)]);
        queue.break_with(&Arc::new(ModelError::InputCount { found: 7 }));
        let said = answered[0].recv().unwrap().outputs.unwrap_err();
        assert!(matches!(*said, ModelError::InputCount { found: 7 }));
        assert!(queue.put(job(2, 1.0).0).is_err() && queue.is_broken());
    }
}
