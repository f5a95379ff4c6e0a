//! Booleans and numbers from JSON, with the leniencies and messages of the old service.

use serde_json::Value as Json;

use super::coerce::{Wrong, wrong};

/// The spellings of a boolean, in lower case.
const TRUE: [&str; 6] = ["true", "t", "yes", "y", "on", "1"];
const FALSE: [&str; 6] = ["false", "f", "no", "n", "off", "0"];

pub(super) fn bool(json: &Json) -> Result<bool, Wrong> {
    let parsed = match json {
        Json::Bool(b) => Some(*b),
        Json::Number(n) => match n.as_f64() {
            Some(0.0) => Some(false),
            Some(1.0) => Some(true),
            // A whole number is an attempt at a boolean, a fraction is another type.
            Some(f) if f.fract() == 0.0 && f.abs() < TWO_POW_63 => None,
            _ => return wrong("bool_type", "Input should be a valid boolean"),
        },
        Json::String(s) => {
            let is = |word: &&str| s.eq_ignore_ascii_case(word);
            match (TRUE.iter().any(is), FALSE.iter().any(is)) {
                (false, false) => None,
                (truth, _) => Some(truth),
            }
        }
        _ => return wrong("bool_type", "Input should be a valid boolean"),
    };
    match parsed {
        Some(b) => Ok(b),
        None => wrong(
            "bool_parsing",
            "Input should be a valid boolean, unable to interpret input",
        ),
    }
}

/// The largest `i64` is no `f64`: this one itself is out of range.
const TWO_POW_63: f64 = 9_223_372_036_854_775_808.0;

/// A whole number as it was written.
pub(super) enum Whole {
    Fits(i64),
    /// Beyond 64 bits; near enough to be held against a bound.
    Huge(f64),
}

impl Whole {
    pub fn near(&self) -> f64 {
        match *self {
            Self::Fits(i) => i as f64,
            Self::Huge(f) => f,
        }
    }

    pub fn fits(self) -> Result<i64, Wrong> {
        match self {
            Self::Fits(i) => Ok(i),
            Self::Huge(_) => wrong(
                "int_parsing_size",
                "Unable to parse input string as an integer, exceeded maximum size",
            ),
        }
    }
}

pub(super) fn int(json: &Json) -> Result<Whole, Wrong> {
    match json {
        Json::Bool(b) => Ok(Whole::Fits(i64::from(*b))),
        Json::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(i), _) => Ok(Whole::Fits(i)),
            (None, f) => int_from_float(f.unwrap_or(f64::INFINITY)),
        },
        Json::String(s) => int_from_text(s.trim()),
        _ => wrong("int_type", "Input should be a valid integer"),
    }
}

fn int_from_float(f: f64) -> Result<Whole, Wrong> {
    if f.is_finite() && f.fract() != 0.0 {
        return wrong(
            "int_from_float",
            "Input should be a valid integer, got a number with a fractional part",
        );
    }
    // −2⁶³ itself is read as an integer: as a float it may stand for less.
    if f.abs() < TWO_POW_63 {
        Ok(Whole::Fits(f as i64))
    } else {
        Ok(Whole::Huge(f))
    }
}

fn int_from_text(text: &str) -> Result<Whole, Wrong> {
    let read = || {
        let text = without_underscores(text)?;
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(&text);
        // `3.0` is a whole number too.
        let (digits, zeros) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        let all = |s: &str, f: fn(u8) -> bool| !s.is_empty() && s.bytes().all(f);
        if !all(digits, |b| b.is_ascii_digit()) || !all(zeros, |b| b == b'0') {
            return None;
        }
        let sign = if text.starts_with('-') { "-" } else { "" };
        let digits = format!("{sign}{digits}");
        let huge = |_| Whole::Huge(digits.parse().unwrap_or(f64::INFINITY));
        Some(digits.parse().map_or_else(huge, Whole::Fits))
    };
    match read() {
        Some(whole) => Ok(whole),
        None => wrong(
            "int_parsing",
            "Input should be a valid integer, unable to parse string as an integer",
        ),
    }
}

/// Leaves out the underscores of `1_000`; `None` where one is not between two digits.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| {
        at.and_then(|i| bytes.get(i))
            .is_some_and(u8::is_ascii_digit)
    };
    let well_placed = |i: usize| digit(i.checked_sub(1)) && digit(Some(i + 1));
    let misplaced = (bytes.iter().enumerate()).any(|(i, b)| *b == b'_' && !well_placed(i));
    (!misplaced).then(|| text.replace('_', ""))
}

pub(super) fn float(json: &Json) -> Result<f64, Wrong> {
    let number: f64 = match json {
        Json::Bool(b) => f64::from(u8::from(*b)),
        Json::Number(n) => n.as_f64().unwrap_or(f64::INFINITY),
        Json::String(s) => match without_underscores(s.trim()).map(|s| s.parse()) {
            Some(Ok(f)) => f,
            _ => {
                return wrong(
                    "float_parsing",
                    "Input should be a valid number, unable to parse string as a number",
                );
            }
        },
        _ => return wrong("float_type", "Input should be a valid number"),
    };
    if number.is_finite() {
        // −0 becomes 0.
        Ok(number + 0.0)
    } else {
        wrong("finite_number", "Input should be a finite number")
    }
}
