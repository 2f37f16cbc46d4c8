//! One session of ONNX Runtime, with what belongs to it.

use std::sync::Arc;

use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{RunOptions, Session, SessionOutputs};
use ort::value::TensorRef;

use crate::error::ModelError;
use crate::graph::Graph;
use crate::profile::{self, ProfileError, Profiles, Providers};

/// One session on one device.
pub(crate) struct DeviceSession {
    session: Session,
    /// Settings of a run that returns its memory to the system.
    giving_back: RunOptions,
    /// The index of the GPU that the session is on; `None` on the CPU.
    card: Option<u32>,
    /// The directory of the session's profile while it is watched.
    profiles: Option<Arc<Profiles>>,
}

impl DeviceSession {
    pub(crate) fn new(
        session: Session,
        card: Option<u32>,
        profiles: Option<Arc<Profiles>>,
    ) -> ort::Result<Self> {
        let mut giving_back = RunOptions::new()?;
        giving_back.set("memory.enable_memory_arena_shrinkage", "cpu:0")?;
        Ok(Self { session, giving_back, card, profiles })
    }

    pub(crate) fn graph(&self) -> Graph {
        Graph::of(&self.session)
    }

    /// Runs the model on one tensor. With `gives_back`, ONNX Runtime returns the host memory that
    /// it no longer uses to the system, which takes about a millisecond.
    pub(crate) fn run(
        &mut self,
        shape: [usize; 4],
        tensor: &[f32],
        gives_back: bool,
    ) -> Result<SessionOutputs<'_>, ModelError> {
        let input = TensorRef::from_array_view((shape, tensor)).map_err(ModelError::Run)?;
        let input = ort::inputs![input];
        let outputs = if gives_back {
            self.session.run_with_options(input, &self.giving_back)
        } else {
            self.session.run(input)
        };
        outputs.map_err(ModelError::Run)
    }

    /// Ends the profile, and reads and removes it.
    pub(crate) fn end_profile(&mut self) -> Result<Providers, ProfileError> {
        // The last session to end removes the directory.
        let _directory = self.profiles.take().ok_or(ProfileError::NotWatched)?;
        profile::end(&mut self.session)
    }

    /// Allocates host memory for inputs. On a GPU it is pinned: the card reads it without a copy
    /// in between.
    pub(crate) fn input_allocator(&self) -> ort::Result<Allocator> {
        let Some(card) = self.card else { return Ok(Allocator::default()) };
        let memory = MemoryInfo::new(
            AllocationDevice::CUDA_PINNED,
            card as i32,
            AllocatorType::Device,
            MemoryType::CPUInput,
        )?;
        Allocator::new(&self.session, memory)
    }
}
