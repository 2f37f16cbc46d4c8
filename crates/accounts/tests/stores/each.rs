//! The behaviour of every store, tested on a file and on a real server.

use std::num::NonZeroU32;
use std::sync::Arc;

use accounts::{
    App, EditError, Entry, Key, LimitReached, Limits, Settlement, Store, StoreError, Usage,
};
use time::macros::date;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::{app, empty_settlement, entry, hold, on_each_store, rate, settlement};

#[test]
fn apps_read_as_they_were_written() {
    on_each_store(|open| {
        let mut store = open();
        assert_eq!(store.apps().unwrap(), []);
        let mut first = app("one");
        first.limits =
            Limits { quota_per_day: Some(0), rate: Some(rate(7, 3)), ..Limits::default() };
        first.rotate(&Key::generate()).unwrap();
        let mut second = app("two");
        second.enabled = false;
        second.limits.at_once = NonZeroU32::new(9);
        second.label = "Caf\u{e9} \u{2615} 'quoted' \"twice\"".into();
        store.create(&second).unwrap();
        store.create(&first).unwrap();
        assert_eq!(store.apps().unwrap(), [first.clone(), second.clone()]);
        // Another connection reads the same.
        assert_eq!(open().apps().unwrap(), [first.clone(), second]);
        let duplicate = store.create(&app("two"));
        assert!(matches!(duplicate, Err(StoreError::AppExists(id)) if id == "two"));

        let edited = store.edit("one", &mut |app| {
            app.enabled = false;
            app.finish_rotation()
        });
        first.enabled = false;
        first.finish_rotation().unwrap();
        assert_eq!(edited.unwrap(), first);
        assert_eq!(store.apps().unwrap()[0], first);

        store.delete("two").unwrap();
        assert_eq!(store.apps().unwrap(), [first]);
        for outcome in [store.delete("two"), store.edit("two", &mut |_| Ok(())).map(drop)] {
            assert!(matches!(outcome, Err(StoreError::UnknownApp(id)) if id == "two"));
        }
    });
}

#[test]
fn an_edit_that_fails_changes_nothing() {
    on_each_store(|open| {
        let mut store = open();
        let unchanged = app("one");
        store.create(&unchanged).unwrap();
        let version = store.version().unwrap();
        let failed = store.edit("one", &mut |app| {
            app.enabled = false;
            app.finish_rotation()
        });
        assert!(matches!(failed, Err(StoreError::Edit(EditError::NoRotation))));
        assert_eq!(store.apps().unwrap(), [unchanged]);
        assert_eq!(store.version().unwrap(), version);
    });
}

#[test]
fn the_version_grows_with_every_change_to_apps_and_not_with_counts() {
    on_each_store(|open| {
        let (mut store, mut other) = (open(), open());
        let mut seen = vec![other.version().unwrap()];
        store.create(&app("one")).unwrap();
        seen.push(other.version().unwrap());
        store.edit("one", &mut |_| Ok(())).unwrap();
        seen.push(other.version().unwrap());
        store.delete("one").unwrap();
        seen.push(other.version().unwrap());
        assert!(seen.is_sorted_by(|a, b| a.changes < b.changes), "{seen:?}");
        hold(&mut *store, &entry("one", Limits::default(), OffsetDateTime::now_utc())).unwrap();
        assert_eq!(Some(&other.version().unwrap()), seen.last());
    });
}

#[test]
fn concurrent_changes_are_all_made() {
    on_each_store(|open| {
        open().create(&app("one")).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let mut store = open();
                scope.spawn(move || {
                    for _ in 0..25 {
                        let mut add_one = |app: &mut App| {
                            let quota = app.limits.quota_per_day.unwrap_or(0) + 1;
                            app.limit(Limits { quota_per_day: Some(quota), ..app.limits })
                        };
                        store.edit("one", &mut add_one).unwrap();
                    }
                });
            }
        });
        assert_eq!(open().apps().unwrap()[0].limits.quota_per_day, Some(100));
    });
}

#[test]
fn a_quota_counts_what_was_answered_and_what_is_held() {
    on_each_store(|open| {
        let mut store = open();
        let now = OffsetDateTime::now_utc();
        let limits = Limits { quota_per_day: Some(3), ..Limits::default() };
        let hold_one = |store: &mut dyn Store| {
            let entry = entry("one", limits, now);
            hold(store, &entry).map(|()| entry.hold)
        };
        let holds: Vec<Uuid> = (0..3).map(|_| hold_one(&mut *store).unwrap()).collect();
        assert_eq!(hold_one(&mut *store), Err(LimitReached::DayQuotaSpent));
        // Other apps have quotas of their own.
        assert_eq!(hold(&mut *store, &entry("two", limits, now)), Ok(()));
        // One request is counted, one is given back.
        let app_id: Arc<str> = "one".into();
        let over = Settlement {
            counts: vec![(Arc::clone(&app_id), now.date(), 1)],
            released: holds[..2].iter().map(|hold| (Arc::clone(&app_id), *hold)).collect(),
            ..settlement(1)
        };
        store.post(&over, &[]).unwrap();
        hold_one(&mut *store).unwrap();
        assert_eq!(hold_one(&mut *store), Err(LimitReached::DayQuotaSpent));
        // Entries come after the settlement of the same round.
        let entries = [entry("one", limits, now), entry("one", limits, now)];
        let over = Settlement { released: vec![(app_id, holds[2])], ..settlement(2) };
        let outcomes = store.post(&over, &entries).unwrap();
        assert_eq!(outcomes, [Ok(()), Err(LimitReached::DayQuotaSpent)]);
    });
}

#[test]
fn days_and_months_have_quotas_of_their_own() {
    on_each_store(|open| {
        let mut store = open();
        let limits =
            Limits { quota_per_day: Some(2), quota_per_month: Some(3), ..Limits::default() };
        let days = [
            date!(2026 - 10 - 31),
            date!(2026 - 11 - 01),
            date!(2026 - 11 - 29),
            date!(2026 - 11 - 30),
        ];
        for (i, day) in days.into_iter().enumerate() {
            let requests = if day == days[0] { 9 } else { 1 };
            let counts = vec![("one".into(), day, requests)];
            let over = Settlement { counts, ..settlement(i as u64 + 1) };
            store.post(&over, &[]).unwrap();
        }
        let mut at = |day: time::Date| {
            let entry = entry("one", limits, day.midnight().assume_utc());
            let outcome = hold(&mut *store, &entry);
            let over = Settlement {
                released: vec![(entry.app_id, entry.hold)],
                ..settlement(entry.at.unix_timestamp().unsigned_abs())
            };
            store.post(&over, &[]).unwrap();
            outcome
        };
        assert_eq!(at(date!(2026 - 10 - 31)), Err(LimitReached::DayQuotaSpent));
        assert_eq!(at(date!(2026 - 11 - 30)), Err(LimitReached::MonthQuotaSpent));
        assert_eq!(at(date!(2026 - 12 - 01)), Ok(()));
        assert_eq!(at(date!(2027 - 11 - 30)), Ok(()));
    });
}

#[test]
fn the_hold_of_a_lost_process_ends_with_its_lease() {
    on_each_store(|open| {
        let mut store = open();
        let limits = Limits { quota_per_day: Some(1), ..Limits::default() };
        let now = OffsetDateTime::now_utc();
        let lost = Entry { lease_ends_at: now + Duration::seconds(2), ..entry("one", limits, now) };
        hold(&mut *store, &lost).unwrap();
        let next = entry("one", limits, now);
        assert_eq!(hold(&mut *store, &next), Err(LimitReached::DayQuotaSpent));
        std::thread::sleep(std::time::Duration::from_millis(3100));
        assert_eq!(hold(&mut *store, &next), Ok(()));
    });
}

#[test]
fn a_burst_passes_and_then_one_request_for_each_token() {
    on_each_store(|open| {
        let mut store = open();
        let hold_at = |store: &mut dyn Store, rate| {
            let limits = Limits { rate: Some(rate), ..Limits::default() };
            hold(store, &entry("one", limits, OffsetDateTime::now_utc()))
        };
        // One a minute: no token comes back while this runs.
        let slow = rate(1, 3);
        for _ in 0..3 {
            assert_eq!(hold_at(&mut *store, slow), Ok(()));
        }
        let Err(LimitReached::TooFast { wait_us }) = hold_at(&mut *store, slow) else { panic!() };
        assert!((50_000_000..=60_000_000).contains(&wait_us), "{wait_us}");
        // A refusal takes no token, and a faster rate acts at once.
        let fast = rate(1200, 1);
        let Err(LimitReached::TooFast { wait_us }) = hold_at(&mut *store, fast) else { panic!() };
        assert!((1..=50_000).contains(&wait_us), "{wait_us}");
        std::thread::sleep(std::time::Duration::from_micros(wait_us.unsigned_abs()));
        assert_eq!(hold_at(&mut *store, fast), Ok(()));
    });
}

#[test]
fn usage_is_reported_by_day_and_app_and_outlives_the_app() {
    on_each_store(|open| {
        let mut store = open();
        store.create(&app("one")).unwrap();
        let (first, last) = (date!(2026 - 01 - 31), date!(2026 - 02 - 01));
        let counts = vec![
            ("two".into(), last, 5),
            ("one".into(), last, 2),
            ("one".into(), first, 1_000_000_000_000),
        ];
        store.post(&Settlement { counts, ..settlement(1) }, &[]).unwrap();
        let more = vec![("one".into(), last, 3)];
        store.post(&Settlement { counts: more, ..settlement(2) }, &[]).unwrap();
        store.delete("one").unwrap();
        let usage = |day, app_id: &str, requests| Usage { day, app_id: app_id.into(), requests };
        let all =
            [usage(first, "one", 1_000_000_000_000), usage(last, "one", 5), usage(last, "two", 5)];
        assert_eq!(store.usage(first, last).unwrap(), all);
        assert_eq!(store.usage(last, last).unwrap(), all[1..]);
        assert_eq!(store.usage(last, first).unwrap(), []);
    });
}

#[test]
fn the_last_use_of_a_key_is_kept_and_never_goes_back() {
    on_each_store(|open| {
        let mut store = open();
        let (old, new) = (Key::generate(), Key::generate());
        let mut rotating = App::new("one", "", Limits::default(), &old).unwrap();
        rotating.rotate(&new).unwrap();
        store.create(&rotating).unwrap();
        let late = date!(2026 - 11 - 23).midnight().assume_utc();
        for (sequence, at) in [(1, late), (2, late - Duration::hours(1))] {
            let used_keys = vec![("one".into(), new.digest(), at)];
            store.post(&Settlement { used_keys, ..settlement(sequence) }, &[]).unwrap();
        }
        let kept = store.apps().unwrap().remove(0);
        assert_eq!(kept.keys[0].last_used_at, None);
        assert_eq!(kept.keys[1].last_used_at, Some(late));
        assert_eq!(kept.last_used_at(), Some(late));
        // A change to the app keeps the last use. Removing the key removes it for good.
        store.edit("one", &mut |app| app.relabel("other")).unwrap();
        assert_eq!(store.apps().unwrap()[0].last_used_at(), Some(late));
        store.edit("one", &mut App::cancel_rotation).unwrap();
        let used_keys =
            vec![("one".into(), new.digest(), late), ("two".into(), old.digest(), late)];
        store.post(&Settlement { used_keys, ..settlement(3) }, &[]).unwrap();
        store.edit("one", &mut |app| app.rotate(&new)).unwrap();
        assert_eq!(store.apps().unwrap()[0].last_used_at(), None);
    });
}

/// The store's reply may be lost after the settlement was made. Then the process posts it again.
#[test]
fn a_settlement_that_is_posted_twice_is_made_once() {
    on_each_store(|open| {
        let mut store = open();
        let today = OffsetDateTime::now_utc().date();
        let counts = |requests| vec![("one".into(), today, requests)];
        for (sequence, requests) in [(1, 4), (1, 4), (2, 3), (2, 3), (1, 4)] {
            let over = Settlement { counts: counts(requests), ..settlement(sequence) };
            store.post(&over, &[]).unwrap();
        }
        let other = Settlement { counts: counts(2), ..empty_settlement() };
        store.post(&other, &[]).unwrap();
        assert_eq!(open().usage(today, today).unwrap()[0].requests, 4 + 3 + 2);
    });
}
