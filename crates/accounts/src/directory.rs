//! Who is calling: everyone who may, as the store had it a moment ago, in memory.

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::Choice;

use crate::app::App;
use crate::key::{Key, KeyDigest};
use crate::limits::Limits;

/// Everyone who may call.
#[derive(Debug)]
pub(crate) struct Directory {
    /// By SHA-256 of the id: what a search's time tells of a digest is nothing about the id.
    entries: HashMap<[u8; 32], Entry>,
    /// Compared with where an id is unknown.
    nobody: Entry,
}

/// A caller who showed the right key.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The app.
    pub app_id: Arc<str>,
    pub(crate) enabled: bool,
    pub(crate) limits: Limits,
    /// Which of its keys.
    pub(crate) key: KeyDigest,
}

#[derive(Debug)]
struct Entry {
    app_id: Arc<str>,
    enabled: bool,
    limits: Limits,
    /// Always as many; a place without a key has the digest of one that was thrown away.
    keys: [KeyDigest; App::MAX_KEYS],
}

impl Entry {
    fn new(app_id: &str, enabled: bool, limits: Limits, active: &[KeyDigest]) -> Self {
        let key = |i| active.get(i).copied().unwrap_or_else(|| Key::generate().digest());
        Self { app_id: app_id.into(), enabled, limits, keys: std::array::from_fn(key) }
    }
}

impl Directory {
    pub(crate) fn new(apps: &[App]) -> Self {
        let entry = |app: &App| {
            let digests: Vec<KeyDigest> = app.keys.iter().map(|key| key.digest).collect();
            let id_digest = Sha256::digest(&app.id).into();
            (id_digest, Entry::new(&app.id, app.enabled, app.limits, &digests))
        };
        Self {
            entries: apps.iter().map(entry).collect(),
            nobody: Entry::new("", false, Limits::default(), &[]),
        }
    }

    /// Whoever has this id and this key. An unknown id takes the same steps as a wrong key: both are
    /// hashed, and the key is compared with [`App::MAX_KEYS`] others to the last byte.
    pub(crate) fn identify(&self, id: &[u8], key: &[u8]) -> Option<Caller> {
        let id: [u8; 32] = Sha256::digest(id).into();
        let key = KeyDigest::of(key);
        let entry = self.entries.get(&id).unwrap_or(&self.nobody);
        let is_right = entry.keys.iter().fold(Choice::from(0), |known, k| known | k.ct_eq(&key));
        bool::from(is_right).then(|| Caller {
            app_id: Arc::clone(&entry.app_id),
            enabled: entry.enabled,
            limits: entry.limits,
            key,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_active_key_opens_its_own_app_and_no_other() {
        let [one, old, new] = [(); 3].map(|()| Key::generate());
        let app = |id, key| App::new(id, "", Limits::default(), key).unwrap();
        let mut second = app("two", &old);
        second.rotate(&new).unwrap();
        let directory = Directory::new(&[app("one", &one), second]);
        let who = |id: &str, key: &Key| {
            let caller = directory.identify(id.as_bytes(), key.reveal().as_bytes());
            caller.map(|caller| caller.app_id.to_string())
        };
        assert_eq!(who("one", &one).as_deref(), Some("one"));
        assert_eq!(who("two", &old).as_deref(), Some("two"));
        assert_eq!(who("two", &new).as_deref(), Some("two"));
        for (id, key) in [("one", &old), ("two", &one), ("three", &one), ("", &one)] {
            assert_eq!(who(id, key), None, "{id}");
        }
        assert!(directory.identify(b"one", b"").is_none());
    }

    #[test]
    fn nobody_may_call_where_nobody_is_listed() {
        let directory = Directory::new(&[]);
        assert!(directory.identify(b"", b"").is_none());
        assert!(directory.identify(b"one", b"key").is_none());
    }
}
