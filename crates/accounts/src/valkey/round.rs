//! One round: a settlement, then the holds. Each is a script, which the server runs atomically.

use redis::{Pipeline, RedisError};
use serde_json::json;
use time::Date;

use super::keys::Keys;
use crate::limits::Rate;
use crate::store::{Entry, LimitReached, Settlement, StoreError, day_text, month_start};

const HOLD: &str = include_str!("hold.lua");
const SETTLE: &str = include_str!("settle.lua");

/// A script's reply: a word, and a number if the word has one.
pub(super) type Reply = (String, Option<i64>);

/// A settlement without a reply, then a script with a reply for each entry.
pub(super) fn pipeline(keys: &Keys, settlement: &Settlement, entries: &[Entry]) -> Pipeline {
    let mut pipeline = redis::pipe();
    add_settlement(&mut pipeline, keys, settlement);
    for entry in entries {
        add_entry(&mut pipeline, keys, entry, settlement);
    }
    pipeline
}

pub(super) fn read(reply: &[redis::Value]) -> Result<Reply, RedisError> {
    let word = reply.first().unwrap_or(&redis::Value::Nil);
    let number = reply.get(1).map(redis::from_redis_value_ref).transpose()?;
    Ok((redis::from_redis_value_ref(word)?, number))
}

/// The outcome that a reply stands for.
pub(super) fn outcome((word, wait_us): Reply) -> Result<Result<(), LimitReached>, StoreError> {
    match (word.as_str(), wait_us) {
        ("in", _) => Ok(Ok(())),
        ("day", _) => Ok(Err(LimitReached::DayQuotaSpent)),
        ("month", _) => Ok(Err(LimitReached::MonthQuotaSpent)),
        ("wait", Some(wait_us)) => Ok(Err(LimitReached::TooFast { wait_us })),
        _ => Err(StoreError::Damaged("a script gave an unknown reply")),
    }
}

fn add_entry(pipeline: &mut Pipeline, keys: &Keys, entry: &Entry, round: &Settlement) {
    let Entry { hold, app_id, limits, at, lease_ends_at } = entry;
    let lease = *lease_ends_at - *at;
    pipeline
        .cmd("EVAL")
        .arg(HOLD)
        .arg(4)
        .arg(keys.of_app("usage", app_id))
        .arg(keys.of_app("holds", app_id))
        .arg(keys.of_app("bucket", app_id))
        .arg(keys.outbox(round))
        .arg(hold.to_string())
        .arg(day_text(at.date()))
        .arg(month_text(at.date()))
        .arg(lease.whole_microseconds() as i64)
        .arg(or_empty(limits.quota_per_day))
        .arg(or_empty(limits.quota_per_month))
        .arg(or_empty(limits.rate.map(Rate::token_us)))
        .arg(or_empty(limits.rate.map(Rate::bucket_us)))
        .arg(round.sequence);
}

/// A number as text, or an empty text, which a script reads as no number.
fn or_empty(number: Option<impl ToString>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}

fn add_settlement(pipeline: &mut Pipeline, keys: &Keys, settlement: &Settlement) {
    let Settlement { sequence, counts, released, used_keys, .. } = settlement;
    let counts = counts.iter().map(|(app_id, day, requests)| {
        json!([**app_id, day_text(*day), month_text(*day), requests])
    });
    let released = released.iter().map(|(app_id, hold)| json!([**app_id, hold.to_string()]));
    let used_keys = used_keys
        .iter()
        .map(|(app_id, digest, at)| json!([**app_id, digest.to_hex(), at.unix_timestamp()]));
    let text = json!({
        "counts": counts.collect::<Vec<_>>(),
        "released": released.collect::<Vec<_>>(),
        "used_keys": used_keys.collect::<Vec<_>>(),
    });
    pipeline
        .cmd("EVAL")
        .arg(SETTLE)
        .arg(1)
        .arg(keys.outbox(settlement))
        .arg(sequence)
        .arg(&keys.prefix)
        .arg(text.to_string())
        .ignore();
}

/// The month of `day`, `2026-11`.
fn month_text(day: Date) -> String {
    day_text(month_start(day))[..7].to_owned()
}
