//! One value, from the text in which PostgreSQL writes it.

use mlp_core::{Column, Date, FieldType, Value};

/// Text that is quoted in a message is cut to so many characters.
const QUOTED: usize = 40;

/// Converts a value to what its column wants.
///
/// # Errors
///
/// What it is, and what it must be.
pub(super) fn value(column: &Column, text: &str) -> Result<Value, String> {
    let wanted = |what: &str| {
        let name = &column.name;
        Err(format!("`{name}` is `{}`, must be {what}", shortened(text)))
    };
    let converted = match &column.kind {
        FieldType::Bool => boolean(text).map(Value::Bool),
        FieldType::Int => whole(text).map(Value::Int),
        FieldType::Float => number(text).map(Value::Float),
        FieldType::Text => Some(Value::Text(text.into())),
        FieldType::Date => day(text).map(Value::Date),
        FieldType::Category(levels) => level(levels, text).map(Value::Level),
        FieldType::IntList => list(text).map(Value::Ints),
    };
    match (converted, &column.kind) {
        (Some(value), _) => Ok(value),
        (None, FieldType::Category(levels)) => wanted(&format!("one of {}", levels.join(", "))),
        (None, kind) => wanted(&format!("a value of type {}", kind.name())),
    }
}

/// A boolean, also where it is stored as 0 or 1.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "t" => Some(true),
        "false" | "f" => Some(false),
        number => match whole(number)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
    }
}

/// A whole number, also where it is stored as one with a fraction of 0.
pub(super) fn whole(text: &str) -> Option<i64> {
    /// Beyond these not every whole number is one of the stored kind.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if let Ok(whole) = text.parse() {
        return Some(whole);
    }
    let number = number(text)?;
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

/// A finite number.
pub(super) fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A day, also where it is stored as its midnight.
fn day(text: &str) -> Option<Date> {
    let (day, time) = text.split_at_checked(10)?;
    let midnight = ["", " 00:00:00", "T00:00:00", " 00:00:00+00"].contains(&time);
    if midnight { day.parse().ok() } else { None }
}

fn level(levels: &[String], text: &str) -> Option<u16> {
    let level = levels.iter().position(|level| level == text)?;
    u16::try_from(level).ok()
}

/// `{1,2}` of an array or `[1, 2]` of JSON.
fn list(text: &str) -> Option<Vec<i64>> {
    let inner = (text.strip_prefix('{').and_then(|t| t.strip_suffix('}')))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']'))?;
    if inner.trim().is_empty() {
        return Some(Vec::new());
    }
    inner
        .split(',')
        .map(|number| whole(number.trim()))
        .collect()
}

/// As it stands in a message.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_booleans_and_days_are_checked() {
        assert_eq!(whole("12"), Some(12));
        assert_eq!(whole("12.0"), Some(12));
        assert_eq!(whole("-9223372036854775808"), Some(i64::MIN));
        for text in ["12.5", "1e300", "", "x", "NaN", "9223372036854775808"] {
            assert_eq!(whole(text), None, "{text}");
        }
        assert_eq!(number("3"), Some(3.0));
        for text in ["NaN", "Infinity", "", "1,5"] {
            assert_eq!(number(text), None, "{text}");
        }
        for (text, wanted) in [
            ("true", Some(true)),
            ("false", Some(false)),
            ("1", Some(true)),
            ("0.0", Some(false)),
            ("2", None),
            ("yes", None),
        ] {
            assert_eq!(boolean(text), wanted, "{text}");
        }
        for text in ["2026-01-15", "2026-01-15 00:00:00", "2026-01-15T00:00:00"] {
            assert_eq!(day(text).unwrap().to_string(), "2026-01-15", "{text}");
        }
        for text in [
            "2026-01-15 10:00:00",
            "2026-02-30",
            "15.01.2026",
            "2026-01-1é",
            "",
        ] {
            assert_eq!(day(text), None, "{text}");
        }
        assert_eq!(list("{1,-2}"), Some(vec![1, -2]));
        assert_eq!(list("[1, 2]"), Some(vec![1, 2]));
        assert_eq!(list("{}"), Some(vec![]));
        for text in ["1,2", "{1,}", "{a}", "{1]"] {
            assert_eq!(list(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_quoted_is_short() {
        assert_eq!(shortened(&"é".repeat(QUOTED)).chars().count(), QUOTED);
        assert_eq!(shortened(&"é".repeat(500)).chars().count(), QUOTED + 1);
    }
}
