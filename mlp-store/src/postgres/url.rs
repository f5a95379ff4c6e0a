//! A database's URL, taken apart and put together.

use std::borrow::Cow;
use std::net::IpAddr;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use postgres::Config;
use postgres::config::Host;

const PORT: u16 = 5432;

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

fn encode(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text, RESERVED).into()
}

/// A path within a query, where a slash is but a slash.
fn encode_path(path: &str) -> String {
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

/// `host` may be a URL in which somebody put the password: then it is not quoted.
pub(super) fn host_and_port(host: &str) -> Result<(&str, u16), String> {
    if host.starts_with('/') || host.parse::<IpAddr>().is_ok() {
        return Ok((host, PORT));
    }
    if host.contains(['@', '/']) {
        return Err("the database's host must be HOST or HOST:PORT, not a URL".to_owned());
    }
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    };
    let bare = (name.strip_prefix('['))
        .and_then(|name| name.strip_suffix(']'))
        .filter(|name| name.parse::<IpAddr>().is_ok());
    let name = bare.unwrap_or(name);
    let is_name = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || (bare.is_none() && !name.chars().all(is_name)) {
        return Err(format!(
            "the database's host is `{host}`, must be HOST or HOST:PORT"
        ));
    }
    let port = match port {
        Some(port) => (port.parse().ok().filter(|port| *port != 0)).ok_or_else(|| {
            format!("the port of the database's host `{host}` must be a number from 1 to 65535")
        })?,
        None => PORT,
    };
    Ok((name, port))
}

/// The URL without its password and parameters.
pub(super) fn place(config: &Config, database: &str) -> String {
    let user = config
        .get_user()
        .map_or(String::new(), |user| format!("{}@", encode(user)));
    let port = |i: usize| {
        let ports = config.get_ports();
        *ports.get(i).or(ports.first()).unwrap_or(&PORT)
    };
    let (mut hosts, mut sockets) = (Vec::new(), String::new());
    for (i, host) in config.get_hosts().iter().enumerate() {
        match host {
            Host::Tcp(host) if host.contains(':') => hosts.push(format!("[{host}]:{}", port(i))),
            Host::Tcp(host) => hosts.push(format!("{host}:{}", port(i))),
            #[cfg(unix)]
            Host::Unix(path) => {
                sockets.push(if sockets.is_empty() { '?' } else { '&' });
                let path = encode_path(&path.to_string_lossy());
                sockets += &format!("host={path}&port={}", port(i));
            }
        }
    }
    let database = encode(database);
    format!("postgres://{user}{}/{database}{sockets}", hosts.join(","))
}
