//! `livegate usage`: what apps used, by day.

use std::process::ExitCode;

use anyhow::Context;
use time::OffsetDateTime;

use crate::cli::{Place, Usage};
use crate::keys::{self, Unusable};
use crate::{print, print_json};

pub(crate) fn run(command: &Usage, place: &Place) -> anyhow::Result<ExitCode> {
    let today = OffsetDateTime::now_utc().date();
    let to = command.to.unwrap_or(today);
    let first = to.replace_day(1).context("a month has a first day")?;
    let from = command.from.unwrap_or(first);
    if from > to {
        return Err(Unusable(format!("--from {from} is after --to {to}")).into());
    }
    let mut usage = keys::open(&command.common, place)?.usage(from, to)?;
    usage.retain(|usage| command.app.as_ref().is_none_or(|app| *app == usage.app_id));
    if command.common.json {
        print_json(&usage)?;
    } else if command.csv {
        let mut writer = csv::Writer::from_writer(std::io::stdout().lock());
        writer.write_record(["day", "app_id", "requests"])?;
        for usage in &usage {
            let day = usage.day.to_string();
            writer.write_record([&day, &usage.app_id, &usage.requests.to_string()])?;
        }
        writer.flush()?;
    } else {
        let mut table = keys::table(["day", "app_id", "requests"]);
        for usage in &usage {
            let (day, requests) = (usage.day.to_string(), usage.requests.to_string());
            table.add_row([day.as_str(), &usage.app_id, &requests]);
        }
        let total: u64 = usage.iter().map(|usage| usage.requests).sum();
        table.add_row(["total", "", &total.to_string()]);
        print(&table.trim_fmt())?;
    }
    Ok(ExitCode::SUCCESS)
}
