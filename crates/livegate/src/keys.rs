//! `livegate keys`: the apps that may call, their keys, quotas and rates.

mod flags;

use std::collections::HashMap;
use std::io::Read;
use std::num::NonZeroU32;
use std::path::Path;

use accounts::{App, Edit, EditError, Key, Limits, Rate, Store, StoreError, Usage};
use anyhow::Context;
use engine::config::{Layers, exposed_secrets, exposure};
use engine::exit;
use engine::terminal::{print, print_json, table, tell};
use engine::{Place, UsageError};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub(crate) use self::flags::{Common, Keys};
use self::flags::{KeyFile, Limit, Named, NewLimits};
use crate::known;

/// Whether the command was wrong, rather than something it needs.
pub(crate) fn is_usage(error: &anyhow::Error) -> bool {
    error.is::<UsageError>()
        || matches!(
            error.downcast_ref(),
            Some(
                StoreError::AppExists(_)
                    | StoreError::UnknownApp(_)
                    | StoreError::Edit(_)
                    | StoreError::Config(_)
            )
        )
}

pub(crate) fn run(command: &Keys, place: &Place) -> anyhow::Result<u8> {
    match command {
        Keys::Create { id, label, limits, key, common } => {
            let (mut store, accounts) = open_at(common, place)?;
            let key = read_or_generate(key)?;
            let id = id.clone().unwrap_or_else(|| {
                // Eight hexadecimal digits, as Kairos has them.
                uuid::Uuid::new_v4().simple().to_string()[..8].to_owned()
            });
            let app = with_flags(limits, Limits::default())
                .and_then(|limits| App::new(&id, label, limits, &key))
                .map_err(StoreError::from)?;
            store.create(&app)?;
            show_key(&app, &key, common)?;
            known::note(&accounts, &mut *store);
        }
        Keys::List(common) => {
            let mut store = open(common, place)?;
            list(&mut *store, common)?;
        }
        Keys::Rotate { id, finish: true, common, .. } => {
            change(common, place, id, "the older key is dropped", &mut App::finish_rotation)?;
        }
        Keys::Rotate { id, cancel: true, common, .. } => {
            change(common, place, id, "the newer key is dropped", &mut App::cancel_rotation)?;
        }
        Keys::Rotate { id, now, key, common, .. } => {
            let key = read_or_generate(key)?;
            let app = open(common, place)?.edit(id, &mut |app| {
                if *now { app.replace_keys(&key) } else { app.rotate(&key) }
            })?;
            show_key(&app, &key, common)?;
        }
        Keys::Set { id, label, limits, common } => {
            change(common, place, id, "it is set", &mut |app| {
                if let Some(label) = label {
                    app.relabel(label)?;
                }
                app.limit(with_flags(limits, app.limits)?)
            })?;
        }
        Keys::Enable(Named { id, common }) | Keys::Disable(Named { id, common }) => {
            let enabled = matches!(command, Keys::Enable(_));
            let done = if enabled { "it may call" } else { "it may not call" };
            change(common, place, id, done, &mut |app| {
                app.enabled = enabled;
                Ok(())
            })?;
        }
        Keys::Delete(Named { id, common }) => {
            let (mut store, accounts) = open_at(common, place)?;
            store.delete(id)?;
            known::note(&accounts, &mut *store);
            if common.json {
                print_json(&serde_json::json!({ "app_id": id, "deleted": true }))?;
            } else {
                print(&format!("{id}: it is gone; what it used stays on record"))?;
            }
        }
    }
    Ok(exit::SUCCESS)
}

/// The store that the configuration names.
pub(crate) fn open(common: &Common, place: &Place) -> anyhow::Result<Box<dyn Store>> {
    Ok(open_at(common, place)?.0)
}

/// The same, with the settings of the store.
fn open_at(common: &Common, place: &Place) -> anyhow::Result<(Box<dyn Store>, accounts::Config)> {
    let home = place.home()?;
    let layers = Layers::load(&common.settings, &[])?;
    let accounts = layers.config()?.accounts_in(&home);
    let mut store = accounts::open(&accounts)?;
    for warning in exposed_secrets(&layers, &accounts).into_iter().chain(store.warnings()) {
        tell(&format!("WARNING: {warning}"));
    }
    Ok((store, accounts))
}

/// Edits an app and prints it, or `change` in words.
fn change(
    common: &Common,
    place: &Place,
    id: &str,
    change: &str,
    edit: &mut Edit<'_>,
) -> anyhow::Result<()> {
    let app = open(common, place)?.edit(id, edit)?;
    if common.json {
        print_json(&Listed::new(&app))
    } else {
        print(&format!("{}: {change}", app.id))
    }
}

fn read_or_generate(source: &KeyFile) -> anyhow::Result<Key> {
    let Some(path) = &source.key_file else {
        return Ok(Key::generate());
    };
    // No key is longer, so the rest need not be read to refuse it.
    let mut text = String::new();
    let read = |reader: &mut dyn Read, text: &mut String| reader.take(4096).read_to_string(text);
    if path == Path::new("-") {
        read(&mut std::io::stdin().lock(), &mut text).context("standard input cannot be read")?;
    } else {
        std::fs::File::open(path)
            .and_then(|mut file| read(&mut file, &mut text))
            .with_context(|| format!("{} cannot be read", path.display()))?;
        if let Some(warning) = exposure(path) {
            tell(&format!("WARNING: {warning}"));
        }
    }
    Key::take_over(text.trim_end_matches(['\r', '\n']))
        .map_err(|error| UsageError(format!("{}: {error}", path.display())).into())
}

/// `old` with the limits of the flags in their place.
fn with_flags(new: &NewLimits, old: Limits) -> Result<Limits, EditError> {
    /// Spans of ten seconds in a minute.
    const TEN_SECOND_SPANS: u32 = 6;
    let kept = |flag: Option<Limit<u64>>, old| flag.map_or(old, |Limit(quota)| quota);
    let per_minute = match new.rate_per_minute {
        Some(Limit(per_minute)) => per_minute,
        None => old.rate.map(|rate| rate.per_minute),
    };
    let burst = new.burst.or(old.rate.map(|rate| rate.burst));
    let rate = match per_minute {
        None if new.burst.is_some() => return Err(EditError::BurstWithoutRate),
        None => None,
        Some(per_minute) => {
            let default = NonZeroU32::new(per_minute.get() / TEN_SECOND_SPANS);
            Some(Rate { per_minute, burst: burst.or(default).unwrap_or(NonZeroU32::MIN) })
        }
    };
    Ok(Limits {
        quota_per_day: kept(new.quota_per_day, old.quota_per_day),
        quota_per_month: kept(new.quota_per_month, old.quota_per_month),
        rate,
        at_once: new.at_once.map_or(old.at_once, |Limit(at_once)| at_once),
    })
}

/// An app in JSON.
#[derive(Serialize)]
struct Listed<'a> {
    app_id: &'a str,
    label: &'a str,
    enabled: bool,
    #[serde(flatten)]
    limits: Limits,
    keys: Vec<ListedKey>,
    created_at: String,
    last_used_at: Option<String>,
}

#[derive(Serialize)]
struct ListedKey {
    /// The first eight hexadecimal digits of its SHA-256.
    fingerprint: String,
    created_at: String,
    last_used_at: Option<String>,
}

impl<'a> Listed<'a> {
    fn new(app: &'a App) -> Self {
        let keys = app.keys.iter().map(|key| ListedKey {
            fingerprint: key.digest.fingerprint(),
            created_at: rfc3339(key.created_at),
            last_used_at: key.last_used_at.map(rfc3339),
        });
        Self {
            app_id: &app.id,
            label: &app.label,
            enabled: app.enabled,
            limits: app.limits,
            keys: keys.collect(),
            created_at: rfc3339(app.created_at),
            last_used_at: app.last_used_at().map(rfc3339),
        }
    }
}

fn rfc3339(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).expect("the years of our times have four digits")
}

/// Prints the key with its app. Livegate cannot show it later.
fn show_key(app: &App, key: &Key, common: &Common) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct WithKey<'a> {
        app_key: &'a str,
        #[serde(flatten)]
        app: Listed<'a>,
    }
    if common.json {
        print_json(&WithKey { app_key: key.reveal(), app: Listed::new(app) })?;
    } else {
        print(&format!("app_id   {}\napp_key  {}", app.id, key.reveal()))?;
    }
    tell("The key is shown this once: only its SHA-256 is kept.");
    Ok(())
}

/// Prints every app, with its use today and this month.
fn list(store: &mut dyn Store, common: &Common) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Row<'a> {
        #[serde(flatten)]
        app: Listed<'a>,
        used_today: u64,
        used_this_month: u64,
    }
    let apps = store.apps()?;
    let today = OffsetDateTime::now_utc().date();
    let first = today.replace_day(1).context("a month has a first day")?;
    let mut used: HashMap<String, (u64, u64)> = HashMap::new();
    for Usage { day, app_id, requests } in store.usage(first, today)? {
        let (of_today, of_month) = used.entry(app_id).or_default();
        *of_month += requests;
        if day == today {
            *of_today += requests;
        }
    }
    let row = |app| {
        let app = Listed::new(app);
        let (used_today, used_this_month) = used.get(app.app_id).copied().unwrap_or_default();
        Row { app, used_today, used_this_month }
    };
    let rows: Vec<Row<'_>> = apps.iter().map(row).collect();
    if common.json {
        return print_json(&rows);
    }
    let mut printed =
        table("app_id  label  state  today  month  rate  at once  keys  created  last used");
    for Row { app, used_today, used_this_month } in &rows {
        let of = |used: u64, quota: Option<u64>| {
            quota.map_or_else(|| used.to_string(), |quota| format!("{used} of {quota}"))
        };
        let rate = app.limits.rate;
        let rate =
            rate.map(|Rate { per_minute, burst }| format!("{per_minute}/min, burst {burst}"));
        let at_once = app.limits.at_once.map(|at_once| at_once.to_string());
        let keys: Vec<&str> = app.keys.iter().map(|key| key.fingerprint.as_str()).collect();
        printed.add_row([
            app.app_id,
            app.label,
            if app.enabled { "enabled" } else { "disabled" },
            &of(*used_today, app.limits.quota_per_day),
            &of(*used_this_month, app.limits.quota_per_month),
            rate.as_deref().unwrap_or("no limit"),
            at_once.as_deref().unwrap_or("no limit"),
            &keys.join(" "),
            &app.created_at,
            app.last_used_at.as_deref().unwrap_or("never"),
        ]);
    }
    print(&printed.trim_fmt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(rate_per_minute: Option<Limit<NonZeroU32>>, burst: Option<u32>) -> NewLimits {
        let burst = burst.and_then(NonZeroU32::new);
        let (quota_per_day, quota_per_month, at_once) = (None, None, None);
        NewLimits { quota_per_day, quota_per_month, rate_per_minute, burst, at_once }
    }

    #[test]
    fn limits_without_a_flag_stay() {
        let number = |n| NonZeroU32::new(n);
        let rate = |per_minute, burst| {
            number(per_minute)
                .zip(number(burst))
                .map(|(per_minute, burst)| Rate { per_minute, burst })
        };
        let old = Limits {
            quota_per_day: Some(5),
            quota_per_month: Some(50),
            rate: rate(60, 3),
            at_once: number(4),
        };
        assert_eq!(with_flags(&flags(None, None), old), Ok(old));
        for (new, old, expected) in [
            (flags(Some(Limit(number(120))), None), None, rate(120, 20)),
            (flags(Some(Limit(number(1))), None), None, rate(1, 1)),
            (flags(Some(Limit(number(120))), None), rate(60, 3), rate(120, 3)),
            (flags(None, Some(9)), rate(60, 3), rate(60, 9)),
            (flags(Some(Limit(None)), None), rate(60, 3), None),
        ] {
            let old = Limits { rate: old, ..Limits::default() };
            assert_eq!(with_flags(&new, old).unwrap().rate, expected);
        }
        let no_rate = with_flags(&flags(None, Some(9)), Limits::default());
        assert_eq!(no_rate, Err(EditError::BurstWithoutRate));
        let quotas = NewLimits {
            quota_per_day: Some(Limit(None)),
            quota_per_month: Some(Limit(Some(7))),
            ..flags(None, None)
        };
        let quotas = with_flags(&quotas, old).unwrap();
        assert_eq!((quotas.quota_per_day, quotas.quota_per_month), (None, Some(7)));
        let no_limit = NewLimits { at_once: Some(Limit(None)), ..flags(None, None) };
        assert_eq!(with_flags(&no_limit, old), Ok(Limits { at_once: None, ..old }));
    }
}
