//! The commands of Livegate that measure instead of serving: `bench`, `evaluate`, `calibrate` and
//! `packs new`.

pub mod bench;
pub mod calibrate;
pub mod evaluate;
pub mod new_pack;
mod pack_name;
mod rounding;
mod settings;
mod whole_file;
