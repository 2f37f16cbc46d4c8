//! The error of a command that cannot be carried out as it was given.

/// A flag, an argument or an input file is wrong. The program exits with 64 (`EX_USAGE`).
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Returns a [`UsageError`] with a formatted message.
#[macro_export]
macro_rules! refuse {
    ($($message:tt)*) => {
        return Err($crate::UsageError(format!($($message)*)).into())
    };
}
