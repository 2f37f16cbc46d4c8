//! `livegate usage`: the requests of each app, by day.

use anyhow::Context;
use clap::Args;
use engine::exit;
use engine::terminal::{print, print_json, table};
use engine::{Place, refuse};
use time::{Date, OffsetDateTime};

use crate::keys::{self, Common};

#[derive(Args)]
pub(crate) struct Usage {
    /// Only this app.
    #[arg(long, value_name = "ID")]
    pub app: Option<String>,
    /// From this day on, as in 2026-11-23 [default: the first of this month].
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub from: Option<Date>,
    /// To this day, which is included [default: today].
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub to: Option<Date>,
    /// Print CSV.
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    #[command(flatten)]
    pub common: Common,
}

fn day(text: &str) -> Result<Date, &'static str> {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    Date::parse(text, format).map_err(|_| "a day is YEAR-MONTH-DAY")
}

pub(crate) fn run(command: &Usage, place: &Place) -> anyhow::Result<u8> {
    let today = OffsetDateTime::now_utc().date();
    let to = command.to.unwrap_or(today);
    let first = to.replace_day(1).context("a month has a first day")?;
    let from = command.from.unwrap_or(first);
    if from > to {
        refuse!("--from {from} is after --to {to}");
    }
    let mut usage = keys::open(&command.common, place)?.usage(from, to)?;
    usage.retain(|usage| command.app.as_ref().is_none_or(|app| *app == usage.app_id));
    let mut rows =
        usage.iter().map(|it| [it.day.to_string(), it.app_id.clone(), it.requests.to_string()]);
    if command.common.json {
        print_json(&usage)?;
    } else if command.csv {
        let mut writer = csv::Writer::from_writer(std::io::stdout().lock());
        writer.write_record(["day", "app_id", "requests"])?;
        rows.try_for_each(|row| writer.write_record(row))?;
        writer.flush()?;
    } else {
        let mut printed = table("day  app_id  requests");
        printed.add_rows(rows);
        let total: u64 = usage.iter().map(|usage| usage.requests).sum();
        printed.add_row(["total", "", &total.to_string()]);
        print(&printed.trim_fmt())?;
    }
    Ok(exit::SUCCESS)
}
