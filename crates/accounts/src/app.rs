//! An app: a caller with its keys and limits, and the changes that an operator may make to it.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::key::{Key, KeyDigest};
use crate::limits::{InvalidLimits, Limits};

/// A caller with its keys and limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// The value that the caller sends as `app_id`. It never changes.
    pub id: String,
    /// A name for people.
    pub label: String,
    /// True if its requests are served.
    pub enabled: bool,
    /// Its quotas and rate.
    pub limits: Limits,
    /// Its active keys, the newest last; [`App::MAX_KEYS`] at most.
    pub keys: Vec<ActiveKey>,
    /// Time of creation, to the second.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// A key that the app may call with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveKey {
    /// The digest of the key.
    pub digest: KeyDigest,
    /// When the key was added, to the second.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When a request with this key last reached the limits. It is at most a second late, unless
    /// the store is away.
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_used_at: Option<OffsetDateTime>,
}

/// Why a change of an app is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The id cannot be a header's value, looks like a flag, or is too long.
    #[error(
        "an app id has 1 to {} visible ASCII characters and does not begin with a hyphen",
        App::MAX_ID_LENGTH
    )]
    InvalidId,
    /// The label does not fit a line.
    #[error(
        "a label has {} characters at most, none of them a control character",
        App::MAX_LABEL_LENGTH
    )]
    InvalidLabel,
    /// A limit is out of range.
    #[error(transparent)]
    InvalidLimits(#[from] InvalidLimits),
    /// A burst without a rate: nothing would fill the bucket.
    #[error("a burst needs a rate")]
    BurstWithoutRate,
    /// The app has two keys already.
    #[error("two keys are active already: drop the older or the newer one first")]
    RotationUnderWay,
    /// The app has only one key.
    #[error("no rotation is under way: there is one active key")]
    NoRotation,
    /// The key is one of the app's already.
    #[error("this key is active already")]
    SameKey,
}

impl App {
    /// Maximum number of keys: the old one and the new one of a rotation.
    pub const MAX_KEYS: usize = 2;
    /// Maximum length of an id, characters.
    pub const MAX_ID_LENGTH: usize = 128;
    /// Maximum length of a label, characters.
    pub const MAX_LABEL_LENGTH: usize = 200;

    /// A new app with one key.
    ///
    /// # Errors
    /// When the id, the label or a limit is invalid.
    pub fn new(id: &str, label: &str, limits: Limits, key: &Key) -> Result<Self, EditError> {
        let is_sound = (1..=Self::MAX_ID_LENGTH).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_graphic())
            && !id.starts_with('-');
        if !is_sound {
            return Err(EditError::InvalidId);
        }
        let mut app = Self {
            id: id.to_owned(),
            label: String::new(),
            enabled: true,
            limits: Limits::default(),
            keys: vec![ActiveKey::new(key)],
            created_at: now(),
        };
        app.relabel(label)?;
        app.limit(limits)?;
        Ok(app)
    }

    /// Adds a second key: the first half of a rotation.
    ///
    /// # Errors
    /// When the app has two keys, or already has this one.
    pub fn rotate(&mut self, key: &Key) -> Result<(), EditError> {
        self.refuse_active(key)?;
        if self.keys.len() >= Self::MAX_KEYS {
            return Err(EditError::RotationUnderWay);
        }
        self.keys.push(ActiveKey::new(key));
        Ok(())
    }

    /// Removes the older key: the second half of a rotation.
    ///
    /// # Errors
    /// When the app has only one key.
    pub fn finish_rotation(&mut self) -> Result<(), EditError> {
        self.remove_key(0)
    }

    /// Removes the newer key: undoes the first half of a rotation.
    ///
    /// # Errors
    /// When the app has only one key.
    pub fn cancel_rotation(&mut self) -> Result<(), EditError> {
        self.remove_key(1)
    }

    fn remove_key(&mut self, place: usize) -> Result<(), EditError> {
        if self.keys.len() < Self::MAX_KEYS {
            return Err(EditError::NoRotation);
        }
        self.keys.remove(place);
        Ok(())
    }

    /// Replaces every key with `key` at once, for keys that were stolen.
    ///
    /// # Errors
    /// When the app already has this key.
    pub fn replace_keys(&mut self, key: &Key) -> Result<(), EditError> {
        self.refuse_active(key)?;
        self.keys = vec![ActiveKey::new(key)];
        Ok(())
    }

    fn refuse_active(&self, key: &Key) -> Result<(), EditError> {
        let is_active = self.keys.iter().any(|active| active.digest == key.digest());
        if is_active { Err(EditError::SameKey) } else { Ok(()) }
    }

    /// Sets the label.
    ///
    /// # Errors
    /// When it is too long or has control characters.
    pub fn relabel(&mut self, label: &str) -> Result<(), EditError> {
        if label.chars().count() > Self::MAX_LABEL_LENGTH || label.chars().any(char::is_control) {
            return Err(EditError::InvalidLabel);
        }
        label.clone_into(&mut self.label);
        Ok(())
    }

    /// Sets the limits.
    ///
    /// # Errors
    /// When one is out of range.
    pub fn limit(&mut self, limits: Limits) -> Result<(), EditError> {
        limits.validate()?;
        self.limits = limits;
        Ok(())
    }

    /// The last use of any of its keys.
    #[must_use]
    pub fn last_used_at(&self) -> Option<OffsetDateTime> {
        self.keys.iter().filter_map(|key| key.last_used_at).max()
    }
}

impl ActiveKey {
    fn new(key: &Key) -> Self {
        Self { digest: key.digest(), created_at: now(), last_used_at: None }
    }
}

/// The time to the second, which is the precision of every store.
pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc().truncate_to_second()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(key: &Key) -> App {
        App::new("shop", "The shop", Limits::default(), key).unwrap()
    }

    #[test]
    fn a_rotation_adds_one_key_and_then_removes_one() {
        let [one, two, three] = [(); 3].map(|()| Key::generate());
        let mut app = app(&one);
        let digests = |app: &App| app.keys.iter().map(|key| key.digest).collect::<Vec<_>>();
        assert_eq!(app.finish_rotation(), Err(EditError::NoRotation));
        assert_eq!(app.rotate(&one), Err(EditError::SameKey));
        app.rotate(&two).unwrap();
        assert_eq!(digests(&app), [one.digest(), two.digest()]);
        assert_eq!(app.rotate(&three), Err(EditError::RotationUnderWay));
        app.finish_rotation().unwrap();
        assert_eq!(digests(&app), [two.digest()]);
        app.rotate(&three).unwrap();
        app.cancel_rotation().unwrap();
        assert_eq!(digests(&app), [two.digest()]);
        assert_eq!(app.cancel_rotation(), Err(EditError::NoRotation));
        app.rotate(&three).unwrap();
        assert_eq!(app.replace_keys(&three), Err(EditError::SameKey));
        app.replace_keys(&one).unwrap();
        assert_eq!(digests(&app), [one.digest()]);
    }

    #[test]
    fn an_app_with_an_invalid_id_or_label_is_refused() {
        let key = Key::generate();
        let refused = |id: &str, label: &str| App::new(id, label, Limits::default(), &key).err();
        for id in ["", "two words", "caf\u{e9}", "a\n", "-x", &"x".repeat(129)] {
            assert_eq!(refused(id, ""), Some(EditError::InvalidId), "{id:?}");
        }
        for label in ["two\nlines", "\u{1b}[2J", &"x".repeat(201)] {
            assert_eq!(refused("shop", label), Some(EditError::InvalidLabel), "{label:?}");
        }
        assert_eq!(refused("x", "Caf\u{e9} \u{2615}"), None);
    }

    #[test]
    fn an_app_reads_as_it_was_written() {
        let mut app = app(&Key::generate());
        app.keys[0].last_used_at = Some(now());
        let text = serde_json::to_string(&app).unwrap();
        assert_eq!(serde_json::from_str::<App>(&text).unwrap(), app);
    }
}
