//! libjpeg's errors, and its warnings about a picture's data, as panics that unwind through C.

use std::ffi::{CStr, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use mozjpeg_sys::{jpeg_common_struct, jpeg_error_mgr, jpeg_std_error};

/// libjpeg's state when it begins to read the picture's data (`DSTATE_PRELOAD`). Earlier warnings
/// are about an unusual header, and are passed over.
const READING_DATA: c_int = 203;

/// What libjpeg says.
pub(crate) struct Message(pub(crate) String);

/// `JMSG_LENGTH_MAX`, libjpeg's longest message in bytes.
const LONGEST_MESSAGE: usize = 200;

extern "C-unwind" fn leave(common: &mut jpeg_common_struct) {
    let mut text = [0u8; LONGEST_MESSAGE];
    // SAFETY: libjpeg calls this with the manager that `strict` has made. The function writes a
    // text of at most `LONGEST_MESSAGE` bytes with a zero behind it; the binding's type of 80 bytes
    // is too short.
    let message = unsafe {
        if let Some(format) = (*common.err).format_message {
            format(common, &*text.as_mut_ptr().cast::<[u8; 80]>());
        }
        CStr::from_ptr(text.as_ptr().cast()).to_string_lossy().into_owned()
    };
    resume_unwind(Box::new(Message(message)));
}

extern "C-unwind" fn judge(common: &mut jpeg_common_struct, level: c_int) {
    if level < 0 && common.is_decompressor != 0 && common.global_state >= READING_DATA {
        leave(common);
    }
}

extern "C-unwind" fn ignore(_: &mut jpeg_common_struct) {}

/// An error manager that leaves on errors and on warnings about the picture's data.
pub(crate) fn strict() -> Box<jpeg_error_mgr> {
    // SAFETY: the struct is of numbers, pointers and optional functions, for which zeros are valid.
    let mut manager = Box::new(unsafe { std::mem::zeroed::<jpeg_error_mgr>() });
    // SAFETY: fills the struct.
    unsafe { jpeg_std_error(&mut manager) };
    manager.error_exit = Some(leave);
    manager.emit_message = Some(judge);
    manager.output_message = Some(ignore);
    manager
}

/// Runs calls to libjpeg, and returns what it says if it leaves.
pub(crate) fn attempt<T>(calls: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(calls)).map_err(|panic| match panic.downcast::<Message>() {
        Ok(message) => message.0,
        Err(other) => resume_unwind(other),
    })
}
