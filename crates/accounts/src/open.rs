//! Opening a store.

use crate::config::{Backend, Config};
use crate::sqlite::Sqlite;
use crate::store::{Store, StoreError};
use crate::valkey::Valkey;

/// Opens the store that `config` names. A missing file is created, readable by its owner alone.
///
/// # Errors
/// When the store cannot be opened.
pub fn open(config: &Config) -> Result<Box<dyn Store>, StoreError> {
    Ok(match config.backend {
        Backend::Sqlite => Box::new(Sqlite::open(&config.database)?),
        Backend::Valkey => Box::new(Valkey::connect(&config.valkey)?),
    })
}

/// Opens a store in memory, for demonstrations. It ends with the process.
///
/// # Errors
/// When memory is lacking.
pub fn open_in_memory() -> Result<Box<dyn Store>, StoreError> {
    Ok(Box::new(Sqlite::in_memory()?))
}
