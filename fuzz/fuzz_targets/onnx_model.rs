//! Inspects arbitrary bytes as an ONNX file, as it is done before ONNX Runtime gets them.

#![no_main]
#![forbid(unsafe_code)]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let first = onnx::inspect(input);
    if let Err(error) = &first {
        assert!(!error.to_string().is_empty());
    }
    assert_eq!(onnx::inspect(input), first);
});
