//! An app: one caller with its keys and limits, and what an operator may change about it.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::key::{Key, KeyDigest};
use crate::limits::{InvalidLimits, Limits};

/// One who may call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// What it sends as `app_id`; never changes.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// Whether it may call at present.
    pub enabled: bool,
    /// How much.
    pub limits: Limits,
    /// Its active keys, the newest last; [`App::MAX_KEYS`] at most.
    pub keys: Vec<ActiveKey>,
    /// When it was created, to the second.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// A key that opens the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveKey {
    /// All that is kept of it.
    pub digest: KeyDigest,
    /// When it was made or taken over, to the second.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When a request with it last got as far as the limits; a second late at most, or as long as the store
    /// is away.
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_used_at: Option<OffsetDateTime>,
}

/// Why an app cannot be changed so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The id would not survive as a header's value, looks like a flag, or is too long.
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
    /// A limit cannot be.
    #[error(transparent)]
    InvalidLimits(#[from] InvalidLimits),
    /// A bucket that nothing fills.
    #[error("a burst needs a rate")]
    BurstWithoutRate,
    /// Both places for keys are taken.
    #[error("two keys are active already: drop the older or the newer one first")]
    RotationUnderWay,
    /// There is only one key.
    #[error("no rotation is under way: there is one active key")]
    NoRotation,
    /// The key opens the door already.
    #[error("this key is active already")]
    SameKey,
}

impl App {
    /// One for whoever has the old key and one for whoever has the new.
    pub const MAX_KEYS: usize = 2;
    /// The longest id, characters.
    pub const MAX_ID_LENGTH: usize = 128;
    /// The longest label, characters.
    pub const MAX_LABEL_LENGTH: usize = 200;

    /// A new one that `key` opens.
    ///
    /// # Errors
    /// When id, label or limits cannot be.
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

    /// Adds `key` beside the one that is active: the first half of a rotation.
    ///
    /// # Errors
    /// When two are active already, or this one is.
    pub fn rotate(&mut self, key: &Key) -> Result<(), EditError> {
        self.refuse_active(key)?;
        if self.keys.len() >= Self::MAX_KEYS {
            return Err(EditError::RotationUnderWay);
        }
        self.keys.push(ActiveKey::new(key));
        Ok(())
    }

    /// Drops the older key: the second half.
    ///
    /// # Errors
    /// When there is only one.
    pub fn finish_rotation(&mut self) -> Result<(), EditError> {
        if self.keys.len() < Self::MAX_KEYS {
            return Err(EditError::NoRotation);
        }
        self.keys.remove(0);
        Ok(())
    }

    /// Drops the newer key: takes the first half back, when the new key was lost on the way.
    ///
    /// # Errors
    /// When there is only one.
    pub fn cancel_rotation(&mut self) -> Result<(), EditError> {
        if self.keys.len() < Self::MAX_KEYS {
            return Err(EditError::NoRotation);
        }
        self.keys.pop();
        Ok(())
    }

    /// Drops every key for `key`, at once: for keys that are in the wrong hands.
    ///
    /// # Errors
    /// When `key` is one of them.
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
    /// When it does not fit a line.
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
    /// When one cannot be what it is set to.
    pub fn limit(&mut self, limits: Limits) -> Result<(), EditError> {
        limits.validate()?;
        self.limits = limits;
        Ok(())
    }

    /// When it last came with a right key.
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

/// To the second: the precision in which every store keeps times.
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
    fn a_rotation_has_two_halves_and_no_third() {
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
    fn an_app_that_nobody_could_name_is_refused() {
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
    fn an_app_survives_being_written_down() {
        let mut app = app(&Key::generate());
        app.keys[0].last_used_at = Some(now());
        let text = serde_json::to_string(&app).unwrap();
        assert_eq!(serde_json::from_str::<App>(&text).unwrap(), app);
    }
}
