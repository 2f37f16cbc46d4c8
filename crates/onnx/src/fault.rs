//! What ails an NVIDIA GPU, from what ONNX Runtime says of it.

/// What ails a GPU, and what to do: told from the number that CUDA gives it.
///
/// The numbers are those of `cudaError` in `driver_types.h` of CUDA 13.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GpuFault {
    /// 34, 35, 36, 222, 803, 804: none, an older one than CUDA 13 needs, or one of which only a part is new.
    #[error(
        "the NVIDIA driver does not do: CUDA 13 needs version 580 or newer, and after an upgrade the machine must be \
         started again (`nvidia-smi` shows the version)"
    )]
    Driver,
    /// 100
    #[error(
        "there is no NVIDIA GPU that this process may use: see `nvidia-smi`, CUDA_VISIBLE_DEVICES, and that a container is \
         given the card"
    )]
    NoCard,
    /// 101
    #[error(
        "there is no NVIDIA GPU of that number here: `gpu.cards` counts from 0 those that CUDA_VISIBLE_DEVICES leaves; see \
         `nvidia-smi`"
    )]
    NoSuchCard,
    /// 200, 209, 218: no machine code for it is in the libraries.
    #[error(
        "the libraries have no code for this GPU: CUDA 13 needs one of compute capability 7.5 (Turing) or newer"
    )]
    Unsupported,
    /// 3, 46, 216, 805 to 810: another process has it for itself, or it is being reset, or MPS does not take more.
    #[error(
        "the GPU cannot be used now: another process may have it for itself (`nvidia-smi` shows processes and compute mode)"
    )]
    Busy,
    /// 802, 919: the machine's links between cards are not up.
    #[error(
        "the GPU is not ready: on machines with NVSwitch the service nvidia-fabricmanager must run, in the driver's version"
    )]
    NotReady,
    /// 2
    #[error(
        "memory ran out, the GPU's where one runs the model: `nvidia-smi` shows who holds it; fewer models on one card or \
         smaller batches need less"
    )]
    OutOfMemory,
    /// 214, 220, 226, 700, 702, 709, 710, 714 to 719, 721, 999: the GPU, or what this process had there, is lost. CUDA
    /// gives every later call in this process the same answer.
    #[error(
        "the GPU is lost to this process, which must be started again: the kernel's log (`dmesg`, lines with Xid) says what \
         befell it; where it comes again, the GPU, its memory or its power may be broken"
    )]
    Lost,
}

impl GpuFault {
    /// What `text`, which ONNX Runtime says of a failure, has as its cause; none where it names none of these.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        // `CUDA failure 35: ...`. What comes before may be a model's own names.
        let number = text.rsplit_once("CUDA failure ").and_then(|(_, rest)| {
            let digits = rest.split_once(':')?.0;
            digits.parse::<u32>().ok()
        });
        number.and_then(Self::of_number).or_else(|| Self::of_words(text))
    }

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

    /// Of failures that ONNX Runtime finds itself, or that libraries beside CUDA's own call by another number.
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

    /// Whether nothing that this process does will mend it, and a new one may do better.
    #[must_use]
    pub fn is_for_good(self) -> bool {
        self == Self::Lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the form of ONNX Runtime 1.31's own `%s failure %d: %s ; GPU=%d ; hostname=%s ; file=%s ; line=%d ; expr=%s; %s`.
    fn cuda(number: u32, words: &str) -> String {
        format!(
            "/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:114 onnxruntime::CudaCall CUDA failure {number}: \
             {words} ; GPU=0 ; hostname=gpu-1 ; \
             file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider.cc ; line=336 ; \
             expr=cudaSetDevice(info_.device_id); "
        )
    }

    #[test]
    fn what_cuda_says_through_onnx_runtime_has_its_cause() {
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
            assert_eq!(GpuFault::of(&cuda(number, words)), Some(fault), "{number}");
        }
        assert_eq!(GpuFault::of(&cuda(1, "invalid argument")), None);
    }

    #[test]
    fn memory_that_ran_out_is_told_whoever_asked_for_it() {
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
            assert_eq!(GpuFault::of(text), Some(GpuFault::OutOfMemory), "{text}");
        }
    }

    #[test]
    fn what_a_model_calls_its_nodes_is_no_cause() {
        let named = "running Conv node. Name:'CUDA failure 35: x' Status Message: ";
        assert_eq!(GpuFault::of(&format!("{named}{}", cuda(700, "x"))), Some(GpuFault::Lost));
        for text in ["", "CUDA failure ", "CUDA failure x: y", "CUDA failure 99999999999: y"] {
            assert_eq!(GpuFault::of(text), None, "{text}");
        }
    }

    #[test]
    fn only_what_a_new_process_may_mend_is_for_good() {
        assert!(GpuFault::Lost.is_for_good());
        for fault in [GpuFault::OutOfMemory, GpuFault::Busy, GpuFault::NotReady, GpuFault::NoCard] {
            assert!(!fault.is_for_good());
        }
    }
}
