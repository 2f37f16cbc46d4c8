//! All apps of the store, in memory, for identifying callers.

use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock};

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::app::App;
use crate::key::{Key, KeyDigest};
use crate::limits::Limits;

/// All apps of the store.
#[derive(Debug)]
pub(crate) struct Directory {
    /// In the order of their places.
    listings: Vec<Listing>,
}

/// A caller with the right key.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The caller's app.
    pub app_id: Arc<str>,
    pub(crate) enabled: bool,
    pub(crate) limits: Limits,
    /// The key that the caller presented.
    pub(crate) key: KeyDigest,
}

impl Caller {
    /// The most requests of the app that one process may have under way; `None` without a limit.
    #[must_use]
    pub fn max_at_once(&self) -> Option<NonZeroU32> {
        self.limits.at_once
    }
}

#[derive(Debug)]
struct Listing {
    /// The first eight bytes of the id's digest, by which listings are sorted. The processor
    /// compares them in one step. (Two of a million ids share it with a probability of 1 in 37
    /// million. One of them would then not be found.)
    place: u64,
    /// SHA-256 of the id.
    id_digest: [u8; 32],
    /// The caller with the first key.
    caller: Caller,
    /// Always the same number; a free place has [`UNUSED_KEY`].
    keys: [KeyDigest; App::MAX_KEYS],
}

impl Listing {
    fn new(app: &App) -> Self {
        let id_digest = Sha256::digest(&app.id).into();
        let key = |i: usize| app.keys.get(i).map_or(*UNUSED_KEY, |key| key.digest);
        let keys = std::array::from_fn(key);
        let (app_id, enabled, limits) = (app.id.as_str().into(), app.enabled, app.limits);
        let caller = Caller { app_id, enabled, limits, key: keys[0] };
        Self { place: place(&id_digest), id_digest, caller, keys }
    }
}

/// The digest of a key that was thrown away.
static UNUSED_KEY: LazyLock<KeyDigest> = LazyLock::new(|| Key::generate().digest());

fn place(id_digest: &[u8; 32]) -> u64 {
    u64::from_be_bytes(std::array::from_fn(|i| id_digest[i]))
}

impl Directory {
    /// The number of apps.
    pub(crate) fn len(&self) -> usize {
        self.listings.len()
    }

    pub(crate) fn new(apps: &[App]) -> Self {
        let mut listings: Vec<Listing> = apps.iter().map(Listing::new).collect();
        listings.sort_unstable_by_key(|listing| listing.place);
        Self { listings }
    }

    /// The caller with this id and this key.
    ///
    /// An unknown id takes the same steps as a known one: the binary search always ends at some
    /// listing, and the id and the key are compared with all bytes of that listing. (With a hash
    /// table `benches/identify.rs` could tell hits from misses.)
    pub(crate) fn identify(&self, id: &[u8], key: &[u8]) -> Option<Caller> {
        let id_digest: [u8; 32] = Sha256::digest(id).into();
        let key = KeyDigest::of(key);
        let place = place(&id_digest);
        let found = self.listings.partition_point(|listing| listing.place < place);
        let listing = self.listings.get(found.min(self.listings.len().saturating_sub(1)))?;
        let is_its_key = listing.keys.iter().fold(Choice::from(0), |any, k| any | k.ct_eq(&key));
        let is_right = listing.id_digest.ct_eq(&id_digest) & is_its_key;
        bool::from(is_right).then(|| Caller { key, ..listing.caller.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_active_key_identifies_its_own_app_and_no_other() {
        let [one, old, new] = [(); 3].map(|()| Key::generate());
        let app = |id, key| App::new(id, "", Limits::default(), key).unwrap();
        let mut second = app("two", &old);
        second.rotate(&new).unwrap();
        let directory = Directory::new(&[app("one", &one), second]);
        let identified = |id: &str, key: &Key| {
            let caller = directory.identify(id.as_bytes(), key.reveal().as_bytes());
            caller.map(|caller| caller.app_id.to_string())
        };
        assert_eq!(identified("one", &one).as_deref(), Some("one"));
        assert_eq!(identified("two", &old).as_deref(), Some("two"));
        assert_eq!(identified("two", &new).as_deref(), Some("two"));
        for (id, key) in [("one", &old), ("two", &one), ("three", &one), ("", &one)] {
            assert_eq!(identified(id, key), None, "{id}");
        }
        assert!(directory.identify(b"one", b"").is_none());
    }

    #[test]
    fn an_empty_directory_identifies_no_caller() {
        let directory = Directory::new(&[]);
        assert!(directory.identify(b"", b"").is_none());
        assert!(directory.identify(b"one", b"key").is_none());
    }
}
