//! A calendar day, as the wire and the data files write it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A day of the proleptic Gregorian calendar, years 1 to 9999, without a time zone.
///
/// ```
/// use mlp_data::Date;
///
/// let new_year: Date = "2026-01-01".parse()?;
/// assert_eq!(new_year.saturating_add_days(59).to_string(), "2026-03-01");
/// assert_eq!(
///     "2026-02-29".parse::<Date>().unwrap_err().to_string(),
///     "`2026-02-29` is not a date, expected YYYY-MM-DD"
/// );
/// # Ok::<(), mlp_data::DateError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// The last day that can be represented, 9999-12-31.
    pub const MAX: Date = Date {
        year: 9999,
        month: 12,
        day: 31,
    };

    /// The default start of arrivals.
    pub const FIRST_OF_2026: Date = Date {
        year: 2026,
        month: 1,
        day: 1,
    };

    /// The day `year-month-day`, or `None` where the calendar has no such day.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Date> {
        let valid = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day);
        valid.then_some(Date { year, month, day })
    }

    /// This day and `days` more, at most [`Date::MAX`].
    #[must_use]
    pub fn saturating_add_days(self, days: u32) -> Date {
        let mut date = self;
        let mut left = days;
        loop {
            let rest = u32::from(days_in_month(date.year, date.month) - date.day);
            if left <= rest {
                date.day += left as u8;
                return date;
            }
            left -= rest + 1;
            match date.first_of_next_month() {
                Some(next) => date = next,
                None => return Date::MAX,
            }
        }
    }

    fn first_of_next_month(self) -> Option<Date> {
        if self.month < 12 {
            Date::new(self.year, self.month + 1, 1)
        } else {
            Date::new(self.year + 1, 1, 1)
        }
    }
}

fn days_in_month(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// A text that is not a day in ISO form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a date, expected YYYY-MM-DD")]
pub struct DateError(String);

impl FromStr for Date {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Date, DateError> {
        parse_iso(text).ok_or_else(|| DateError(text.chars().take(40).collect()))
    }
}

fn parse_iso(text: &str) -> Option<Date> {
    // The digits are checked because `parse` would let a sign through.
    let number = |from: usize, to: usize| -> Option<u16> {
        let part = text.get(from..to)?;
        let digits = part.bytes().all(|b| b.is_ascii_digit());
        if digits { part.parse().ok() } else { None }
    };
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let month = u8::try_from(number(5, 7)?).ok()?;
    let day = u8::try_from(number(8, 10)?).ok()?;
    Date::new(number(0, 4)?, month, day)
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn date(text: &str) -> Date {
        text.parse().expect("a date")
    }

    #[test]
    fn adds_days_over_months_years_and_leap_days() {
        for (from, days, to) in [
            ("2026-01-01", 0, "2026-01-01"),
            ("2026-01-31", 1, "2026-02-01"),
            ("2026-12-31", 1, "2027-01-01"),
            ("2024-02-28", 1, "2024-02-29"),
            ("2024-02-28", 2, "2024-03-01"),
            ("2100-02-28", 1, "2100-03-01"),
            ("2000-02-28", 1, "2000-02-29"),
            // date(2026, 1, 1) + timedelta(36500), Python 3.11
            ("2026-01-01", 36_500, "2125-12-08"),
        ] {
            assert_eq!(date(from).saturating_add_days(days), date(to), "{from}");
        }
        assert_eq!(date("9999-12-30").saturating_add_days(u32::MAX), Date::MAX);
    }

    #[test]
    fn refuses_what_is_not_a_day() {
        for text in [
            "",
            "2026",
            "2026-1-1",
            "2026-13-01",
            "2026-00-10",
            "2026-04-31",
            "0000-01-01",
            "2025-02-29",
            "2026-01-01T00:00",
            "+026-01-01",
            "2026/01/01",
            "2026-01-0é",
        ] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
    }

    #[test]
    fn json_is_the_iso_text() {
        let json = serde_json::to_string(&date("2026-01-15")).expect("json");
        assert_eq!(json, "\"2026-01-15\"");
        assert_eq!(
            serde_json::from_str::<Date>(&json).expect("date"),
            date("2026-01-15")
        );
        assert!(serde_json::from_str::<Date>("\"soon\"").is_err());
    }

    proptest! {
        #[test]
        fn one_day_at_a_time_is_many_days_at_once(days in 0u32..2000) {
            let start = date("2023-06-15");
            let stepped = (0..days).fold(start, |d, _| d.saturating_add_days(1));
            prop_assert_eq!(stepped, start.saturating_add_days(days));
            prop_assert_eq!(date(&stepped.to_string()), stepped);
        }
    }
}
