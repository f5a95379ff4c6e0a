//! Parameters of a request: in the query, in the path and as JSON numbers.

use std::borrow::Cow;
use std::time::Duration;

use mlp_core::Fault;
use serde_json::{Value as Json, json};

use crate::failure::Failure;

/// A raw query, `a=1&b=2`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query<'a>(pub &'a str);

/// What is wrong with a value, before it is located.
type Wrong = (&'static str, &'static str);

const INT_PARSING: Wrong = (
    "int_parsing",
    "Input should be a valid integer, unable to parse string as an integer",
);
const INT_SIZE: Wrong = (
    "int_parsing_size",
    "Unable to parse input string as an integer, exceeded maximum size",
);

impl<'a> Query<'a> {
    /// The last value of that name, decoded.
    pub fn get(self, name: &str) -> Option<Cow<'a, str>> {
        let mut pairs = self
            .0
            .split('&')
            .map(|p| p.split_once('=').unwrap_or((p, "")));
        let (_, value) = pairs.rfind(|(n, _)| *n == name)?;
        Some(decode(value))
    }

    /// A whole number of at least `least`, or `default` where it is not given.
    pub fn int(self, name: &'static str, default: i64, least: i64) -> Result<i64, Failure> {
        let Some(text) = self.get(name) else {
            return Ok(default);
        };
        let fail = |fault: Fault| Failure::fault(fault.with_input(&json!(text)));
        let number = int_from_text(&text)
            .map_err(|(kind, message)| fail(Fault::new(kind, query_loc(name), message)))?;
        if number < least {
            return Err(fail(at_least(name, &json!(least))));
        }
        Ok(number)
    }

    /// How many results or rows; more than `most` is `most`.
    pub fn limit(self, default: usize, most: usize) -> Result<usize, Failure> {
        let limit = self.int("limit", default as i64, 1)?;
        Ok(usize::try_from(limit).unwrap_or(most).min(most))
    }

    /// Seconds, at most `most`; zero where they are not given.
    pub fn seconds(self, name: &'static str, most: f64) -> Result<Duration, Failure> {
        let Some(text) = self.get(name) else {
            return Ok(Duration::ZERO);
        };
        let fail = |fault: Fault| Failure::fault(fault.with_input(&json!(text)));
        let Ok(seconds) = text.trim().parse::<f64>() else {
            let message = "Input should be a valid number, unable to parse string as a number";
            return Err(fail(Fault::new("float_parsing", query_loc(name), message)));
        };
        if !seconds.is_finite() {
            let message = "Input should be a finite number";
            return Err(fail(Fault::new("finite_number", query_loc(name), message)));
        }
        if seconds < 0.0 {
            return Err(fail(at_least(name, &json!(0))));
        }
        Ok(Duration::from_secs_f64(seconds.min(most)))
    }

    /// Yes or no; no where it is not given.
    pub fn flag(self, name: &'static str) -> Result<bool, Failure> {
        let Some(text) = self.get(name) else {
            return Ok(false);
        };
        match text.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" | "t" | "y" => Ok(true),
            "0" | "false" | "no" | "off" | "f" | "n" => Ok(false),
            _ => {
                let message = "Input should be a valid boolean, unable to interpret input";
                let fault = Fault::new("bool_parsing", query_loc(name), message);
                Err(Failure::fault(fault.with_input(&json!(text))))
            }
        }
    }
}

fn query_loc(name: &str) -> Vec<Json> {
    vec![json!("query"), json!(name)]
}

fn at_least(name: &str, least: &Json) -> Fault {
    let message = format!("Input should be greater than or equal to {least}");
    Fault::new("greater_than_equal", query_loc(name), message).with_context(json!({ "ge": least }))
}

/// The whole number in a path.
pub(crate) fn path_int(name: &str, text: &str) -> Result<i64, Failure> {
    int_from_text(text).map_err(|(kind, message)| {
        let fault = Fault::new(kind, vec![json!("path"), json!(name)], message);
        Failure::fault(fault.with_input(&json!(text)))
    })
}

/// A whole number in a body, as leniently as schemas' own fields are read.
pub(crate) fn json_int(value: &Json, place: Vec<Json>) -> Result<i64, Box<Fault>> {
    let number = match value {
        Json::Bool(b) => Ok(i64::from(*b)),
        Json::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(i), _) => Ok(i),
            (None, Some(f)) if f.fract() != 0.0 => Err((
                "int_from_float",
                "Input should be a valid integer, got a number with a fractional part",
            )),
            // 2^63 itself is no i64.
            (None, Some(f)) if (-(2_f64.powi(63))..2_f64.powi(63)).contains(&f) => Ok(f as i64),
            _ => Err(INT_SIZE),
        },
        Json::String(text) => int_from_text(text),
        _ => Err(("int_type", "Input should be a valid integer")),
    };
    number.map_err(|(kind, message)| Box::new(Fault::new(kind, place, message).with_input(value)))
}

fn int_from_text(text: &str) -> Result<i64, Wrong> {
    let text = text.trim();
    let (whole, zeros) = text.split_once('.').unwrap_or((text, "0"));
    let digits = whole.strip_prefix(['+', '-']).unwrap_or(whole);
    let shaped = !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !zeros.is_empty()
        && zeros.bytes().all(|b| b == b'0');
    if !shaped {
        return Err(INT_PARSING);
    }
    whole.parse().map_err(|_| INT_SIZE)
}

/// Undoes `%41` and `+`; what is no such code stays as it is.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes.get(at + 1..at + 3).and_then(hex);
        match (bytes[at], code) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

pub(crate) fn hex(pair: &[u8]) -> Option<u8> {
    let digit = |b: u8| (b as char).to_digit(16);
    Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_counts_and_codes_are_undone() {
        let query = Query("a=1&b=%41+%zz%&a=2&c");
        assert_eq!(query.get("a").as_deref(), Some("2"));
        assert_eq!(query.get("b").as_deref(), Some("A %zz%"));
        assert_eq!(query.get("c").as_deref(), Some(""));
        assert_eq!(query.get("d"), None);
    }

    #[test]
    fn limits_are_capped_and_bad_ones_are_faults() {
        for (query, expected) in [
            ("", Some(10)),
            ("limit=3", Some(3)),
            ("limit=%2B7", Some(7)),
            ("limit=3.0", Some(3)),
            ("limit=1000", Some(100)),
            ("limit=0", None),
            ("limit=-1", None),
            ("limit=abc", None),
            ("limit=", None),
            ("limit=2.5", None),
            ("limit=99999999999999999999", None),
        ] {
            assert_eq!(Query(query).limit(10, 100).ok(), expected, "{query}");
        }
    }

    #[test]
    fn seconds_are_finite_and_capped() {
        let seconds = |text: &'static str| Query(text).seconds("wait", 30.0).ok();
        assert_eq!(seconds("wait=0.5"), Some(Duration::from_millis(500)));
        assert_eq!(seconds("wait=1e9"), Some(Duration::from_secs(30)));
        assert_eq!(seconds("wait=nan"), None);
        assert_eq!(seconds("wait=inf"), None);
        assert_eq!(seconds("wait=-1"), None);
        assert_eq!(seconds("wait=x"), None);
    }
}
