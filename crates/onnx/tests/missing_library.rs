//! A library that cannot be loaded. In a process of its own, because a process that has loaded the
//! library keeps it.

use std::path::Path;

use onnx::{Runtime, RuntimeError};

#[test]
fn a_library_that_cannot_be_loaded_is_an_error_that_names_it() {
    let path = Path::new("/nowhere/libonnxruntime.so");
    let error = Runtime::load(path).expect_err("there is nothing there");
    assert!(matches!(error, RuntimeError::Library { .. }));
    assert!(error.to_string().contains("/nowhere/libonnxruntime.so"));

    // This file exists and is no library.
    let error = Runtime::load(Path::new(file!())).expect_err("Rust source is no library");
    assert!(matches!(error, RuntimeError::Library { .. }));
}
