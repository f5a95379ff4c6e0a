//! One command to a Redis, and its answer.

use std::io::{BufRead, BufReader, Error, ErrorKind, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Sends a command to `redis://:password@host:port/db` and gives the first line of the answer, as
/// `+PONG` or `:1`.
pub(super) fn ask(url: &str, words: &[&str]) -> Result<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (place, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (who, place) = place.rsplit_once('@').unwrap_or(("", place));
    let place = match place {
        place if place.contains(':') => place.to_owned(),
        host => format!("{host}:6379"),
    };
    let stream = TcpStream::connect(place)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut reader = BufReader::new(stream);
    if let Some((user, password)) = who.split_once(':') {
        let user = if user.is_empty() { "default" } else { user };
        one(&mut reader, &["AUTH", user, password])?;
    }
    if !database.is_empty() {
        one(&mut reader, &["SELECT", database])?;
    }
    one(&mut reader, words)
}

fn one(reader: &mut BufReader<TcpStream>, words: &[&str]) -> Result<String> {
    let mut request = format!("*{}\r\n", words.len());
    for word in words {
        request += &format!("${}\r\n{word}\r\n", word.len());
    }
    reader.get_mut().write_all(request.as_bytes())?;
    let mut line = String::new();
    reader.read_line(&mut line)?;
    match line.trim_end() {
        "" => Err(Error::from(ErrorKind::UnexpectedEof)),
        error if error.starts_with('-') => Err(Error::other(error.to_owned())),
        line => Ok(line.to_owned()),
    }
}
