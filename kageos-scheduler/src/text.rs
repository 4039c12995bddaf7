//! Dates and times as text, in one spelling each: what the library reads beyond it would be read and partly forgotten.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Time};
use serde::{Deserialize, Deserializer, de::Error as _};

/// Whether `text` has a digit where `shape` has a `0`, and is the same elsewhere.
fn has_shape(text: &str, shape: &str) -> bool {
    let fits = |(c, wanted): (u8, u8)| if wanted == b'0' { c.is_ascii_digit() } else { c == wanted };
    text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(fits)
}

fn wrong(text: &str, wanted: &str) -> jiff::Error {
    jiff::Error::from_args(format_args!("`{text}` is not {wanted}"))
}

/// A date, `2026-12-25`.
fn date(text: &str) -> Result<Date, jiff::Error> {
    if has_shape(text, "0000-00-00") { text.parse() } else { Err(wrong(text, "a date such as `2026-12-25`")) }
}

/// A time of day, `22:00` or `22:00:00`.
fn time(text: &str) -> Result<Time, jiff::Error> {
    // The library takes a second 60 for 59.
    let is_time = has_shape(text, "00:00") || has_shape(text, "00:00:00") && !text.ends_with(":60");
    if is_time { text.parse() } else { Err(wrong(text, "a time such as `22:00` or `22:00:00`")) }
}

/// A date with a time, `2026-12-31T18:00:00`, with or without seconds and a fraction of one.
pub(crate) fn date_and_time(text: &str) -> Result<DateTime, jiff::Error> {
    let wanted = || wrong(text, "a date and time such as `2026-12-31T18:00:00`");
    let (day, clock) = text.split_once('T').ok_or_else(wanted)?;
    let (whole, fraction) = clock.split_once('.').map_or((clock, None), |(whole, part)| (whole, Some(part)));
    let (day, whole) = (date(day)?, time(whole)?);
    match fraction {
        None => Ok(day.to_datetime(whole)),
        Some(part) if clock.len() == "00:00:00.".len() + part.len() => text.parse(),
        Some(_) => Err(wanted()),
    }
}

pub(crate) fn read_dates<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<Date>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| date(text).map_err(D::Error::custom)).collect()
}

pub(crate) fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
    time(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}
