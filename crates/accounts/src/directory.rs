//! Who is calling: everyone who may, as the store had it a moment ago, in memory.

use std::sync::{Arc, LazyLock};

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::app::App;
use crate::key::{Key, KeyDigest};
use crate::limits::Limits;

/// Everyone who may call.
#[derive(Debug)]
pub(crate) struct Directory {
    /// In the order of their places.
    listings: Vec<Listing>,
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
struct Listing {
    /// The first eight bytes of the id's digest: where to look for it. A number that the processor compares
    /// at once. (That two ids of a million share it is a chance of one in 37 million; then one of
    /// them is not found.)
    place: u64,
    /// SHA-256 of the id.
    id_digest: [u8; 32],
    app_id: Arc<str>,
    enabled: bool,
    limits: Limits,
    /// Always as many; a place without a key has [`NOBODYS_KEY`].
    keys: [KeyDigest; App::MAX_KEYS],
}

impl Listing {
    fn new(app: &App) -> Self {
        let id_digest = Sha256::digest(&app.id).into();
        let key = |i: usize| app.keys.get(i).map(|key| key.digest);
        Self {
            place: place(&id_digest),
            id_digest,
            app_id: app.id.as_str().into(),
            enabled: app.enabled,
            limits: app.limits,
            keys: std::array::from_fn(|i| key(i).unwrap_or(*NOBODYS_KEY)),
        }
    }
}

/// The digest of a key that was thrown away.
static NOBODYS_KEY: LazyLock<KeyDigest> = LazyLock::new(|| Key::generate().digest());

fn place(id_digest: &[u8; 32]) -> u64 {
    u64::from_be_bytes(std::array::from_fn(|i| id_digest[i]))
}

impl Directory {
    pub(crate) fn is_empty(&self) -> bool {
        self.listings.is_empty()
    }

    pub(crate) fn new(apps: &[App]) -> Self {
        let mut listings: Vec<Listing> = apps.iter().map(Listing::new).collect();
        listings.sort_unstable_by_key(|listing| listing.place);
        Self { listings }
    }

    /// Whoever has this id and this key.
    ///
    /// An unknown id takes the very steps of a known one: a binary search of as many steps ends at some
    /// listing, and id and keys are compared with that one's, to the last byte. (A hash table does not do:
    /// `benches/identify.rs` could tell its hits from its misses.)
    pub(crate) fn identify(&self, id: &[u8], key: &[u8]) -> Option<Caller> {
        let id_digest: [u8; 32] = Sha256::digest(id).into();
        let key = KeyDigest::of(key);
        let place = place(&id_digest);
        let found = self.listings.partition_point(|listing| listing.place < place);
        let listing = self.listings.get(found.min(self.listings.len().saturating_sub(1)))?;
        let is_its_key = listing.keys.iter().fold(Choice::from(0), |any, k| any | k.ct_eq(&key));
        let is_right = listing.id_digest.ct_eq(&id_digest) & is_its_key;
        bool::from(is_right).then(|| Caller {
            app_id: Arc::clone(&listing.app_id),
            enabled: listing.enabled,
            limits: listing.limits,
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
