//! A calendar day from JSON: ISO dates, date-times at midnight and Unix times at midnight, with
//! the messages of the old service.

use serde_json::{Value as Json, json};

use super::coerce::{Wrong, wrong};
use crate::value::Date;

const TOO_SHORT: &str = "input is too short";
const SECONDS_PER_DAY: f64 = 86_400.0;

pub(super) fn date(json: &Json) -> Result<Date, Wrong> {
    match json {
        Json::String(text) => match text.parse() {
            Ok(date) => Ok(date),
            Err(()) => date_from_text(text),
        },
        Json::Number(number) => date_from_unix(number.as_f64().unwrap_or(f64::INFINITY)),
        _ => wrong("date_type", "Input should be a valid date"),
    }
}

fn unreadable(why: &str) -> Wrong {
    (
        "date_from_datetime_parsing",
        format!("Input should be a valid date or datetime, {why}"),
        Some(json!({ "error": why })),
    )
}

fn inexact() -> Wrong {
    let message = "Datetimes provided to dates should have zero time - e.g. be exact dates";
    ("date_from_datetime_inexact", message.to_owned(), None)
}

fn date_from_text(text: &str) -> Result<Date, Wrong> {
    if let Some(number) = plain_number(text) {
        return date_from_unix(number);
    }
    let moment = moment(text).map_err(unreadable)?;
    if moment.year == 0 {
        let why = "year 0 is out of range";
        return Err((
            "date_parsing",
            format!("Input should be a valid date in the format YYYY-MM-DD, {why}"),
            Some(json!({ "error": why })),
        ));
    }
    let day = jiff::civil::Date::new(moment.year, moment.month, moment.day)
        .map_err(|_| unreadable("day value is outside expected range"))?;
    if moment.midnight {
        Ok(Date::from(day))
    } else {
        Err(inexact())
    }
}

/// Digits with at most a sign and a fraction.
fn plain_number(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    (digits(whole) && digits(fraction)).then(|| text.parse().unwrap_or(f64::INFINITY))
}

fn date_from_unix(number: f64) -> Result<Date, Wrong> {
    // Seconds up to the year 2603, milliseconds beyond.
    let seconds = if number.abs() > 2e10 {
        number / 1000.0
    } else {
        number
    };
    if seconds > 253_402_300_799.0 {
        return Err(unreadable(
            "dates after 9999 are not supported as unix timestamps",
        ));
    }
    if seconds < -11_676_096_000.0 {
        return Err(unreadable(
            "dates before 1600 are not supported as unix timestamps",
        ));
    }
    match Date::from_days((seconds / SECONDS_PER_DAY) as i32) {
        Some(day) if seconds % SECONDS_PER_DAY == 0.0 => Ok(day),
        _ => Err(inexact()),
    }
}

/// A date, with its time if there is one.
struct Moment {
    year: i16,
    month: i8,
    day: i8,
    midnight: bool,
}

fn moment(text: &str) -> Result<Moment, &'static str> {
    if text.len() < "2026-01-15".len() {
        return Err(TOO_SHORT);
    }
    let mut rest = Rest(text.as_bytes());
    let year = rest.number(4, "invalid character in year")?;
    rest.separator(b"-", "invalid date separator, expected `-`")?;
    let month = rest.number(2, "invalid character in month")?;
    rest.separator(b"-", "invalid date separator, expected `-`")?;
    let day = rest.number(2, "invalid character in day")?;
    if !(1..=12).contains(&month) {
        return Err("month value is outside expected range of 1-12");
    }
    let midnight = rest.0.is_empty() || time(&mut rest)?;
    let (month, day) = (month as i8, day as i8);
    Ok(Moment {
        year,
        month,
        day,
        midnight,
    })
}

/// Whether the time is midnight, in whatever zone it names.
fn time(rest: &mut Rest) -> Result<bool, &'static str> {
    let expected = "invalid datetime separator, expected `T`, `t`, `_` or space";
    rest.separator(b"Tt_ ", expected)?;
    let hour = rest.number(2, "invalid character in hour")?;
    if hour > 23 {
        return Err("hour value is outside expected range of 0-23");
    }
    rest.separator(b":", "invalid time separator, expected `:`")?;
    let minute = rest.number(2, "invalid character in minute")?;
    if minute > 59 {
        return Err("minute value is outside expected range of 0-59");
    }
    let (mut second, mut fraction) = (0, false);
    if rest.take(b":").is_some() {
        second = rest.number(2, "invalid character in second")?;
        if second > 59 {
            return Err("second value is outside expected range of 0-59");
        }
        if rest.take(b".,").is_some() {
            fraction = rest.fraction()?;
        }
    }
    rest.zone()?;
    Ok(hour == 0 && minute == 0 && second == 0 && !fraction)
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take(&mut self, any_of: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        any_of.contains(first).then(|| {
            self.0 = rest;
            *first
        })
    }

    fn digit(&mut self) -> Option<i16> {
        self.take(b"0123456789").map(|b| i16::from(b - b'0'))
    }

    fn number(&mut self, digits: usize, fault: &'static str) -> Result<i16, &'static str> {
        (0..digits).try_fold(0, |number, _| match self.digit() {
            Some(digit) => Ok(10 * number + digit),
            None if self.0.is_empty() => Err(TOO_SHORT),
            None => Err(fault),
        })
    }

    fn separator(&mut self, any_of: &[u8], fault: &'static str) -> Result<(), &'static str> {
        match self.take(any_of) {
            Some(_) => Ok(()),
            None if self.0.is_empty() => Err(TOO_SHORT),
            None => Err(fault),
        }
    }

    /// Whether any of the first six digits, the microseconds, is not 0.
    fn fraction(&mut self) -> Result<bool, &'static str> {
        let (mut length, mut any) = (0, false);
        while let Some(digit) = self.digit() {
            length += 1;
            any |= length <= 6 && digit != 0;
        }
        if length == 0 {
            return Err("second fraction is missing");
        }
        Ok(any)
    }

    fn zone(&mut self) -> Result<(), &'static str> {
        if !self.0.is_empty() && self.take(b"Zz").is_none() {
            if self.take(b"+-").is_none() {
                return Err("invalid timezone sign");
            }
            let hours = self.number(2, "invalid timezone hour")?;
            let _ = self.take(b":");
            let minutes = self.number(2, "invalid timezone minute")?;
            if hours > 23 {
                return Err("timezone offset must be less than 24 hours");
            }
            if minutes > 59 {
                return Err("timezone minute value is outside expected range of 0-59");
            }
        }
        if self.0.is_empty() {
            Ok(())
        } else {
            Err("unexpected extra characters at the end of the input")
        }
    }
}
