//! The caller that the headers name.

use accounts::{Accounts, Caller};
use axum::http::{HeaderMap, HeaderValue};

/// Clients use both spellings. Header names have no case.
const ID_HEADERS: [&str; 2] = ["app_id", "app-id"];
const KEY_HEADERS: [&str; 2] = ["app_key", "app-key"];

/// The caller that the headers name. Missing, unknown and wrong credentials give `None` in the same
/// time: a missing value is looked up as an empty one, and no app has an empty id.
pub(crate) fn identify(accounts: &Accounts, headers: &HeaderMap) -> Option<Caller> {
    let id = presented(headers, ID_HEADERS).unwrap_or_default();
    let key = presented(headers, KEY_HEADERS).unwrap_or_default();
    accounts.identify(id, key)
}

/// The one value of all headers called `names`. Different values count as a missing one.
fn presented<'a>(headers: &'a HeaderMap, names: [&str; 2]) -> Option<&'a [u8]> {
    let values = names.iter().flat_map(|name| headers.get_all(*name));
    let mut values = values.map(HeaderValue::as_bytes);
    let first = values.next()?;
    values.all(|other| other == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use accounts::{App, Key, Limits, WhenUnavailable};

    use super::*;

    const ONE: &str = "the-key-of-the-first";
    const TWO: &str = "the-key-of-the-second";

    fn admits(headers: &[(&'static str, &'static str)]) -> bool {
        let mut store = accounts::open_in_memory().unwrap();
        for (id, key) in [("one", ONE), ("two", TWO)] {
            let key = Key::take_over(key).unwrap();
            store.create(&App::new(id, "", Limits::default(), &key).unwrap()).unwrap();
        }
        let deadline = Duration::from_secs(1);
        let accounts = Accounts::start(store, WhenUnavailable::Refuse, deadline).unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        identify(&accounts, &map).is_some()
    }

    #[test]
    fn both_spellings_are_accepted_also_mixed() {
        assert!(admits(&[("app_id", "one"), ("app_key", ONE)]));
        assert!(admits(&[("app-id", "two"), ("app-key", TWO)]));
        assert!(admits(&[("app-id", "two"), ("app_key", TWO)]));
        assert!(admits(&[
            ("app_id", "one"),
            ("app-id", "one"),
            ("app_key", ONE),
            ("app-key", ONE)
        ]));
    }

    #[test]
    fn missing_unknown_wrong_and_ambiguous_credentials_are_refused() {
        assert!(!admits(&[]));
        assert!(!admits(&[("app_id", "one")]));
        assert!(!admits(&[("app_key", ONE)]));
        assert!(!admits(&[("app_id", "one"), ("app_key", TWO)]));
        assert!(!admits(&[("app_id", "three"), ("app_key", ONE)]));
        assert!(!admits(&[("app_id", ""), ("app_key", "")]));
        assert!(!admits(&[("app_id", "one"), ("app-id", "two"), ("app_key", ONE)]));
        assert!(!admits(&[("app_id", "one"), ("app_key", ONE), ("app_key", TWO)]));
    }
}
