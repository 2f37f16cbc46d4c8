//! The name of a new pack.

use engine::{UsageError, refuse};
use model_pack::{Home, catalog, is_plain};

/// Checks that a new pack may be called `name`. Messages call the argument `argument`.
///
/// # Errors
/// When it is no name, or one of a pack that is built in or in `home`.
pub(crate) fn check_new(name: &str, home: &Home, argument: &str) -> Result<(), UsageError> {
    const LONGEST: usize = 100;
    let problem = if name.len() > LONGEST {
        format!("{argument} is longer than {LONGEST} characters")
    } else if !is_plain(name) || name.starts_with('-') {
        format!(
            "{argument} `{name}` is not a pack name: use letters, digits, `-`, `_` and `.`, no path, \
             and begin with a letter, a digit or `_`"
        )
    } else if catalog().iter().any(|(manifest, _)| manifest.name == name) {
        format!("`{name}` is a pack that Livegate knows; a changed built-in pack is put back")
    } else if home.pack_directory(name).symlink_metadata().is_ok() {
        let directory = home.pack_directory(name);
        let directory = directory.display();
        refuse!("{directory} is there already: choose another {argument}; it is not overwritten");
    } else {
        return Ok(());
    };
    Err(UsageError(format!("{problem}: choose another {argument}")))
}
