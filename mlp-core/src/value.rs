//! A typed value and a row of them.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A calendar day of the years 1 to 9999, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(i32);

/// 0001-01-01 and 9999-12-31.
const DAYS: RangeInclusive<i32> = -719_162..=2_932_896;

impl Date {
    /// The day `days` after 1970-01-01 (negative: before); `None` outside the years 1 to 9999.
    pub fn from_days(days: i32) -> Option<Self> {
        DAYS.contains(&days).then_some(Self(days))
    }

    /// Days since 1970-01-01.
    pub fn days(self) -> i32 {
        self.0
    }
}

/// A day before the year 1 becomes its first.
impl From<jiff::civil::Date> for Date {
    fn from(date: jiff::civil::Date) -> Self {
        let epoch = jiff::civil::date(1970, 1, 1);
        // Jiff's dates span about 7.3 million days: the difference always fits.
        let days = date.since(epoch).map_or(0, |span| span.get_days());
        Self(days.clamp(*DAYS.start(), *DAYS.end()))
    }
}

impl FromStr for Date {
    type Err = ();

    /// Reads `2026-01-15`, in just that form.
    fn from_str(text: &str) -> Result<Self, ()> {
        let &[a, b, c, d, b'-', e, f, b'-', g, h] = text.as_bytes() else {
            return Err(());
        };
        let number = |digits: &[u8]| {
            (digits.iter()).try_fold(0_i16, |n, digit| match digit {
                b'0'..=b'9' => Ok(10 * n + i16::from(digit - b'0')),
                _ => Err(()),
            })
        };
        let year = number(&[a, b, c, d])?;
        let (month, day) = (number(&[e, f])? as i8, number(&[g, h])? as i8);
        match jiff::civil::Date::new(year, month, day) {
            Ok(date) if year >= 1 => Ok(Self::from(date)),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = jiff::civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(self.0));
        write!(f, "{date}")
    }
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Not given; a feature then uses the field's default.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A finite number.
    Float(f64),
    /// Text without NUL.
    Text(Box<str>),
    /// A calendar day.
    Date(Date),
    /// The position of a category's level in its field's list of levels.
    Level(u16),
    /// A list of whole numbers.
    Ints(Vec<i64>),
}

impl Value {
    /// The value as a number: booleans as 0 and 1, dates as days since 1970-01-01, levels as their
    /// position; `None` for what is no number or missing.
    pub fn number(&self) -> Option<f64> {
        match *self {
            Self::Bool(b) => Some(f64::from(u8::from(b))),
            Self::Int(i) => Some(i as f64),
            Self::Float(f) => Some(f),
            Self::Date(d) => Some(f64::from(d.days())),
            Self::Level(l) => Some(f64::from(l)),
            Self::Null | Self::Text(_) | Self::Ints(_) => None,
        }
    }
}

/// The values of a user or an item, one per column of its [`Entity`](crate::Entity), in that order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row(pub Vec<Value>);

impl Row {
    /// The values, in the order of the entity's columns.
    pub fn values(&self) -> &[Value] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_count_from_the_epoch_and_print_as_iso() {
        assert_eq!("1970-01-02".parse(), Ok(Date(1)));
        assert_eq!("2026-01-15".parse::<Date>().map(Date::days), Ok(20468));
        assert_eq!(Date(20468).to_string(), "2026-01-15");
        for (text, days) in [("0001-01-01", *DAYS.start()), ("9999-12-31", *DAYS.end())] {
            assert_eq!(text.parse(), Ok(Date(days)));
            assert_eq!(Date(days).to_string(), text);
        }
        for text in [
            "2026-1-15",
            "2026-02-30",
            "2026-13-01",
            "0000-01-01",
            "-001-01-01",
            "20260115T0",
            "2026-01-1\u{666}",
            " 2026-01-1",
            "",
        ] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
        assert!(Date::from_days(DAYS.end() + 1).is_none());
        assert!(Date::from_days(DAYS.start() - 1).is_none());
        assert!(Date::from_days(i32::MIN).is_none());
        assert!(Date::from_days(i32::MAX).is_none());
    }
}
