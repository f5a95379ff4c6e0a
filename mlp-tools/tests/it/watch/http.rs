//! Asking a server whose answers may come in pieces: as HTTP/1.0, they do not.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// The body of an answer with status 200 from `host:port`, else why there is none.
pub fn get(authority: &str, path: &str) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("{authority}{path}: {error}");
    let mut stream = TcpStream::connect(authority).map_err(failed)?;
    let patience = Some(Duration::from_secs(10));
    stream.set_read_timeout(patience).map_err(failed)?;
    let head = format!("GET {path} HTTP/1.0\r\nHost: {authority}\r\n\r\n");
    stream.write_all(head.as_bytes()).map_err(failed)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(failed)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head.get(9..12) != Some("200") {
        return Err(format!("{authority}{path}: {answer}"));
    }
    Ok(body.to_owned())
}

/// The member `data` of what Prometheus's API answers.
pub fn data(authority: &str, path: &str) -> Result<Value, String> {
    let body = get(authority, path)?;
    let mut value: Value = serde_json::from_str(&body).map_err(|e| format!("{path}: {e}"))?;
    Ok(value["data"].take())
}

/// The vector that a query answers with, now.
pub fn query(authority: &str, expression: &str) -> Result<Vec<Value>, String> {
    let path = format!("/api/v1/query?query={}", encoded(expression));
    let data = data(authority, &path)?;
    let found = data["result"].as_array();
    let found = found.ok_or_else(|| format!("`{expression}` gives no list"))?;
    Ok(found.clone())
}

/// Whatever is not a letter or a digit as `%XX`.
fn encoded(text: &str) -> String {
    let escape = |byte: u8| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
