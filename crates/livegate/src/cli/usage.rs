//! Flags of `usage`.

use clap::Args;
use time::Date;

use super::Common;

#[derive(Args)]
pub(crate) struct Usage {
    /// Of this app alone.
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
