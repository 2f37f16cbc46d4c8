//! The fault of an NVIDIA GPU, read from ONNX Runtime's error texts.

/// A fault of a GPU. Its text says what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GpuFault {
    /// There is no driver, it is older than CUDA 13 needs, or only a part of it is new.
    #[error(
        "the NVIDIA driver cannot be used: CUDA 13 needs version 580 or newer (`nvidia-smi` shows \
         it); after an upgrade the machine must be started again"
    )]
    Driver,
    /// This process sees no GPU.
    #[error(
        "this process sees no NVIDIA GPU: see `nvidia-smi` and CUDA_VISIBLE_DEVICES, and give the \
         container the card"
    )]
    NoCard,
    /// This process sees GPUs, but none with this number.
    #[error(
        "there is no NVIDIA GPU of this number: `gpu.cards` counts from 0 the cards that \
         CUDA_VISIBLE_DEVICES leaves; see `nvidia-smi`"
    )]
    NoSuchCard,
    /// The libraries contain no machine code for this GPU.
    #[error(
        "the libraries have no code for this GPU: CUDA 13 needs compute capability 7.5 (Turing) \
         or newer"
    )]
    Unsupported,
    /// Another process holds the GPU exclusively, it is being reset, or MPS takes no more clients.
    #[error(
        "the GPU cannot be used now: another process may hold it alone (`nvidia-smi` shows \
         processes and compute mode)"
    )]
    Busy,
    /// The machine's links between cards are not up.
    #[error(
        "the GPU is not ready: on machines with NVSwitch the service nvidia-fabricmanager must \
         run, in the driver's version"
    )]
    NotReady,
    /// The GPU's memory ran out, or the host's where the CPU runs the model.
    #[error(
        "memory ran out, the GPU's if a GPU runs the model: `nvidia-smi` shows the processes that \
         hold it; fewer models on one card or a smaller `batching.max_pictures` need less"
    )]
    OutOfMemory,
    /// The GPU, or this process's context there, is lost. CUDA fails every later call of this
    /// process in the same way.
    #[error(
        "the GPU is lost to this process, which must be started again: the kernel's log (`dmesg`, \
         lines with Xid) says why; if it happens again, the GPU, its memory or its power may be \
         broken"
    )]
    Lost,
}

impl GpuFault {
    /// The fault that the text of `error` or of one of its causes names, if any.
    #[must_use]
    pub fn of(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let mut causes = std::iter::successors(Some(error), |error| error.source());
        causes.find_map(|cause| Self::in_text(&cause.to_string()))
    }

    /// The fault that `text` names, if any.
    pub(crate) fn in_text(text: &str) -> Option<Self> {
        // `CUDA failure 35: ...`. The text before it may contain a model's own names.
        let number = text.rsplit_once("CUDA failure ").and_then(|(_, rest)| {
            let digits = rest.split_once(':')?.0;
            digits.parse::<u32>().ok()
        });
        number.and_then(Self::of_number).or_else(|| Self::of_words(text))
    }

    /// The fault of a `cudaError`, by its number in CUDA 13's `driver_types.h`.
    fn of_number(number: u32) -> Option<Self> {
        Some(match number {
            2 => Self::OutOfMemory,
            34..=36 | 222 | 803 | 804 => Self::Driver,
            3 | 46 | 216 | 805..=810 => Self::Busy,
            100 => Self::NoCard,
            101 => Self::NoSuchCard,
            200 | 209 | 218 => Self::Unsupported,
            802 | 919 => Self::NotReady,
            214 | 220 | 226 | 700 | 702 | 709 | 710 | 714..=719 | 721 | 999 => Self::Lost,
            _ => return None,
        })
    }

    /// Failures that ONNX Runtime finds itself, or that other libraries number in another way.
    fn of_words(text: &str) -> Option<Self> {
        const WORDS: [(&str, GpuFault); 8] = [
            // ONNX Runtime's arena.
            ("Failed to allocate memory for requested buffer of size", GpuFault::OutOfMemory),
            ("is smaller than requested bytes of", GpuFault::OutOfMemory),
            // cuBLAS, cuDNN 8, cuDNN 9.
            ("CUBLAS_STATUS_ALLOC_FAILED", GpuFault::OutOfMemory),
            ("CUDNN_STATUS_ALLOC_FAILED", GpuFault::OutOfMemory),
            ("DEVICE_ALLOCATION_FAILED", GpuFault::OutOfMemory),
            // TensorRT writes CUDA's words without the number.
            ("Cuda Runtime (out of memory)", GpuFault::OutOfMemory),
            ("Cuda Runtime (an illegal memory access was encountered)", GpuFault::Lost),
            ("Device id should be less than total number of devices", GpuFault::NoSuchCard),
        ];
        WORDS.iter().find(|(words, _)| text.contains(words)).map(|(_, fault)| *fault)
    }

    /// Whether only a new process can use the GPU again.
    #[must_use]
    pub fn is_for_good(self) -> bool {
        self == Self::Lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ONNX Runtime 1.31's text: `%s failure %d: %s ; GPU=%d ; hostname=%s ; file=%s ; line=%d ;
    /// expr=%s; %s`.
    fn cuda(number: u32, words: &str) -> String {
        format!(
            "/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:114 onnxruntime::CudaCall CUDA failure {number}: \
             {words} ; GPU=0 ; hostname=gpu-1 ; \
             file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider.cc ; line=336 ; \
             expr=cudaSetDevice(info_.device_id); "
        )
    }

    #[test]
    fn a_cuda_error_in_a_text_of_onnx_runtime_is_told_by_its_number() {
        for (number, words, fault) in [
            (35, "CUDA driver version is insufficient for CUDA runtime version", GpuFault::Driver),
            (
                803,
                "system has unsupported display driver / cuda driver combination",
                GpuFault::Driver,
            ),
            (100, "no CUDA-capable device is detected", GpuFault::NoCard),
            (101, "invalid device ordinal", GpuFault::NoSuchCard),
            (
                209,
                "no kernel image is available for execution on the device",
                GpuFault::Unsupported,
            ),
            (46, "CUDA-capable device(s) is/are busy or unavailable", GpuFault::Busy),
            (802, "system not yet initialized", GpuFault::NotReady),
            (2, "out of memory", GpuFault::OutOfMemory),
            (214, "uncorrectable ECC error encountered", GpuFault::Lost),
            (700, "an illegal memory access was encountered", GpuFault::Lost),
            (719, "unspecified launch failure", GpuFault::Lost),
            (999, "unknown error", GpuFault::Lost),
        ] {
            assert_eq!(GpuFault::in_text(&cuda(number, words)), Some(fault), "{number}");
        }
        assert_eq!(GpuFault::in_text(&cuda(1, "invalid argument")), None);
    }

    #[test]
    fn memory_that_ran_out_is_told_for_every_library() {
        for text in [
            "Non-zero status code returned while running Conv node. Name:'Conv_3' Status Message: \
             /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:376 void* \
             onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for \
             requested buffer of size 13111296",
            "Available memory of 1024 is smaller than requested bytes of 4096",
            "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; hostname=egg ; \
             file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_stream_handle.cc ; line=73 ; \
             expr=cublasCreate(&cublas_handle_);",
            "CUDNN failure 4: CUDNN_STATUS_ALLOC_FAILED ; GPU=0",
            "CUDNN failure 4002: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED ; GPU=0",
        ] {
            assert_eq!(GpuFault::in_text(text), Some(GpuFault::OutOfMemory), "{text}");
        }
    }

    #[test]
    fn a_node_of_a_model_named_like_an_error_is_no_fault() {
        let named = "running Conv node. Name:'CUDA failure 35: x' Status Message: ";
        assert_eq!(GpuFault::in_text(&format!("{named}{}", cuda(700, "x"))), Some(GpuFault::Lost));
        for text in ["", "CUDA failure ", "CUDA failure x: y", "CUDA failure 99999999999: y"] {
            assert_eq!(GpuFault::in_text(text), None, "{text}");
        }
    }

    #[test]
    fn only_a_lost_gpu_needs_a_new_process() {
        assert!(GpuFault::Lost.is_for_good());
        for fault in [GpuFault::OutOfMemory, GpuFault::Busy, GpuFault::NotReady, GpuFault::NoCard] {
            assert!(!fault.is_for_good());
        }
    }
}
