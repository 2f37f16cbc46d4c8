//! The commit that the program was built from.

/// The commit's hash, where the build knows it (`build.rs`).
pub(crate) fn commit() -> Option<&'static str> {
    option_env!("BUILD_COMMIT").filter(|commit| !commit.is_empty())
}
