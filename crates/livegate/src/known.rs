//! What this machine last knew of the accounts store, noted beside the accounts file. A store that
//! was lost looks like a new one; only the note tells them apart.

use std::path::PathBuf;

use accounts::{Backend, Store, StoreError};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The store that was last seen with apps.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Known {
    backend: Backend,
    /// The store's id.
    store: String,
    /// The number of its apps.
    pub apps: usize,
    /// When it was seen, RFC 3339.
    pub seen_at: String,
}

/// The store that this machine knew, if it is not the one that is open.
pub(crate) fn other_store(
    place: &accounts::Config,
    store: &mut dyn Store,
) -> Result<Option<Known>, StoreError> {
    let Some(known) = read(place) else { return Ok(None) };
    let id = store.version()?.store.map(|id| id.to_string());
    Ok(Some(known).filter(|known| known.apps > 0 && id.as_ref() != Some(&known.store)))
}

/// The store that this machine knew, of the configured kind.
pub(crate) fn read(place: &accounts::Config) -> Option<Known> {
    let known: Known = serde_json::from_slice(&std::fs::read(file(place)).ok()?).ok()?;
    Some(known).filter(|known| known.backend == place.backend)
}

/// Notes the store and the number of its apps, unless it is empty and another one than is noted: an
/// operator must still be able to see what was lost. A home that cannot be written to gets no note.
pub(crate) fn note(place: &accounts::Config, store: &mut dyn Store) {
    if let Err(error) = write(place, store) {
        tracing::debug!(%error, "what is known of the accounts store is not noted");
    }
}

fn write(place: &accounts::Config, store: &mut dyn Store) -> anyhow::Result<()> {
    let apps = store.apps()?.len();
    let Some(id) = store.version()?.store else { return Ok(()) };
    let store = id.to_string();
    if apps == 0 && read(place).is_none_or(|known| known.store != store) {
        return Ok(());
    }
    let seen_at = OffsetDateTime::now_utc().replace_nanosecond(0)?.format(&Rfc3339)?;
    let known = Known { backend: place.backend, store, apps, seen_at };
    let file = file(place);
    let mut new = file.clone().into_os_string();
    new.push(".new");
    std::fs::write(&new, serde_json::to_string(&known)?)?;
    Ok(std::fs::rename(&new, &file)?)
}

/// `accounts.db-known`, also for accounts on a server.
fn file(place: &accounts::Config) -> PathBuf {
    let mut file = place.database.clone().into_os_string();
    file.push("-known");
    file.into()
}
