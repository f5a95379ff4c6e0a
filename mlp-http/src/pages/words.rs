//! Names and numbers as people read them.

use maud::{Markup, html};
use mlp_core::{Column, FieldType, Value};

/// `page count` of `page_count`, `genre is poetry` of `genre=poetry`.
pub(super) fn plain(name: &str) -> String {
    let (name, level) = match name.split_once('=') {
        Some((name, level)) => (name, Some(level)),
        None => (name, None),
    };
    let name = name.replace('_', " ").replace('.', ": ");
    match level {
        Some(level) => format!("{name} is {level}"),
        None => name,
    }
}

/// The same with a capital in front.
pub(super) fn title(name: &str) -> String {
    let name = plain(name);
    let mut letters = name.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => name,
    }
}

/// A sentence whose `names` stand between back-ticks.
pub(super) fn sentence(text: &str) -> Markup {
    html! {
        @for (i, part) in text.split('`').enumerate() {
            @if i % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// `12,345`.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number with as many digits as tell something: `0.0123`, `3.25`, `1,234`.
pub(super) fn number(x: f64) -> String {
    let sign = if x < 0.0 { "−" } else { "" };
    let size = x.abs();
    if size >= 1e15 || (size > 0.0 && size < 1e-4) {
        return format!("{sign}{size:.2e}");
    }
    let digits = match size {
        s if s >= 1000.0 => 0,
        s if s >= 100.0 => 1,
        s if s >= 1.0 => 2,
        s if s >= 0.1 => 3,
        _ => 4,
    };
    let text = format!("{size:.digits$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    match whole.parse() {
        Ok(0) if rest.is_empty() => "0".to_owned(),
        Ok(whole) => format!("{sign}{}{rest}", count(whole)),
        Err(_) => format!("{sign}{text}"),
    }
}

/// With a sign always: `+0.42`, `−0.42`.
pub(super) fn signed(x: f64) -> String {
    let text = format!("{:.2}", x.abs());
    match x {
        _ if text == "0.00" => "0".to_owned(),
        x if x < 0.0 => format!("−{text}"),
        _ => format!("+{text}"),
    }
}

/// `89.3 %`, in one piece.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}\u{a0}%", share * 100.0)
}

/// A duration: `0.4 ms`, `12 ms`, `3.2 s`, `5 min`.
pub(super) fn seconds(s: f64) -> String {
    match s {
        s if s < 0.01 => format!("{:.1} ms", s * 1e3),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 120.0 => format!("{s:.1} s"),
        s => format!("{:.0} min", s / 60.0),
    }
}

/// How long before `now_us` a moment was, both in microseconds since 1970.
pub(super) fn ago(us: i64, now_us: i64) -> String {
    let seconds = now_us.saturating_sub(us) / 1_000_000;
    let (n, unit) = match seconds {
        s if s < 1 => return "just now".to_owned(),
        s if s < 120 => (s, "s"),
        s if s < 7200 => (s / 60, "min"),
        s if s < 172_800 => (s / 3600, "h"),
        s => (s / 86_400, "days"),
    };
    format!("{n} {unit} ago")
}

/// `2026-01-15 08:00:00`, in UTC, of microseconds since 1970.
pub(super) fn time(us: i64) -> String {
    let moment = jiff::Timestamp::from_microsecond(us).unwrap_or(jiff::Timestamp::MIN);
    moment.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A column's value; `None` where it is missing.
pub(super) fn value(column: &Column, value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Int(i) if *i < 0 => format!("−{}", count(i.unsigned_abs())),
        Value::Int(i) => count(i.unsigned_abs()),
        Value::Float(x) => number(*x),
        Value::Text(text) => text.to_string(),
        Value::Date(date) => date.to_string(),
        Value::Level(level) => match &column.kind {
            FieldType::Category(levels) => levels.get(usize::from(*level))?.clone(),
            _ => return None,
        },
        Value::Ints(list) => {
            let numbers: Vec<String> = list.iter().map(i64::to_string).collect();
            numbers.join(", ")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (x, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (3.25, "3.25"),
            (3.0, "3"),
            (0.5, "0.5"),
            (1234.56, "1,235"),
            (-1_234_567.0, "−1,234,567"),
            (0.01234, "0.0123"),
            (0.00001, "1.00e-5"),
            (1e300, "1.00e300"),
            (199.96, "200"),
        ] {
            assert_eq!(number(x), expected, "{x}");
        }
        assert_eq!(percent(0.8934), "89.3\u{a0}%");
        assert_eq!(seconds(0.0004), "0.4 ms");
        assert_eq!(seconds(0.25), "250 ms");
        assert_eq!(seconds(300.0), "5 min");
        assert_eq!(ago(0, 90_000_000), "90 s ago");
        assert_eq!(ago(5, 0), "just now");
        assert_eq!(ago(i64::MIN, i64::MAX), ago(0, i64::MAX));
        assert_eq!(time(1_768_464_000_000_000), "2026-01-15 08:00:00");
        assert_eq!(count(999), "999");
        assert_eq!(count(1000), "1,000");
        assert_eq!(signed(-0.001), "0");
        assert_eq!(signed(0.425), "+0.42");
        assert_eq!(signed(-1.0), "−1.00");
    }

    #[test]
    fn names_are_words() {
        assert_eq!(plain("page_count"), "page count");
        assert_eq!(plain("group=bande dessinée"), "group is bande dessinée");
        assert_eq!(plain("reader.hours"), "reader: hours");
        assert_eq!(title("ümlaut_x"), "Ümlaut x");
        assert_eq!(title(""), "");
    }
}
