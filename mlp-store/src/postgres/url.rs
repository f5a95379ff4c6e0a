//! A database's URL, taken apart and put together.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What has a meaning of its own in a URL, or would hide in a message.
const RESERVED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'/')
    .add(b':')
    .add(b'?')
    .add(b'@')
    .add(b'`');

pub(super) fn encode(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text, RESERVED).into()
}

/// A path within a query, where a slash is but a slash.
pub(super) fn encode_path(path: &str) -> String {
    encode(path).replace("%2F", "/")
}

/// A URL whose query is split.
pub(super) struct Parts<'a> {
    /// All before the `?`.
    pub head: &'a str,
    /// The name as it stands, its decoded value, and both as they were written.
    pub query: Vec<Parameter<'a>>,
}

pub(super) struct Parameter<'a> {
    pub name: Cow<'a, str>,
    pub value: Cow<'a, str>,
    pub written: &'a str,
}

/// Splits a URL.
///
/// The faults that are found here are those after which the driver would take a piece of the
/// password for the name of a host or a database, and print it; so no message quotes the URL.
pub(super) fn split(url: &str) -> Result<Parts<'_>, String> {
    let (head, query) = url.split_once('?').unwrap_or((url, ""));
    let rest = ["postgres://", "postgresql://"]
        .iter()
        .find_map(|scheme| head.strip_prefix(scheme))
        .ok_or("it must begin with `postgres://` or `postgresql://`")?;
    let (credentials, place) = match rest.split_once('@') {
        Some((credentials, place)) => (credentials, place),
        None if query.contains('@') => {
            return Err("a `?` before the `@` is written `%3F`, an `@` after it `%40`".into());
        }
        None => ("", rest),
    };
    if place.contains('@') {
        return Err("it has more than one `@`: in a name or a password it is written `%40`".into());
    }
    if credentials.contains('/') {
        return Err("it has a `/` before the `@`: in a password it is written `%2F`".into());
    }
    let query = query.split('&').filter(|pair| !pair.is_empty());
    Ok(Parts {
        head,
        query: query.map(parameter).collect::<Result<_, _>>()?,
    })
}

fn parameter(written: &str) -> Result<Parameter<'_>, String> {
    // Not quoted: it may be the end of a password with an `&` in it.
    let (name, value) = (written.split_once('='))
        .ok_or("a parameter after the `?` has no `=`; an `&` in a value is written `%26`")?;
    let decode = |text| percent_decode_str(text).decode_utf8();
    let name = decode(name).map_err(|_| "a parameter's name is not UTF-8".to_owned())?;
    let value = decode(value).map_err(|_| format!("the value of `{name}` is not UTF-8"))?;
    Ok(Parameter {
        name,
        value,
        written,
    })
}
