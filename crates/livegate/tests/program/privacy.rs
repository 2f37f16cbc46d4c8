//! Nothing of a selfie leaves memory, and nothing of it stays there: looked for in the memory of a
//! running service, in what it writes, and in what it leaves when it crashes.

#[cfg(target_os = "linux")]
mod core_files;
#[cfg(target_os = "linux")]
mod files;
mod marked;
#[cfg(target_os = "linux")]
mod memory;
mod requests;
