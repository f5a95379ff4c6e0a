//! A few requests to a server, ours or not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use serde_json::Value;

use crate::traffic::Target;
use crate::traffic::connection::Connection;

/// How long all of the requests may take.
const LIMIT: Duration = Duration::from_secs(4);

/// What a server answers.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// Whether it is a server of ours: none other answers `/healthz` and `/readyz` so.
    pub is_ours: bool,
    /// Why it is not ready; empty where it is.
    pub reasons: Vec<String>,
    /// Its items and models with traffic, where it is ready.
    pub serving: Option<(u64, u64)>,
    /// Its version, where it says so.
    pub version: Option<String>,
}

/// The server that listens at an address; `None` for the port 0, which is any.
pub fn at(address: SocketAddr) -> Option<Target> {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let address = SocketAddr::new(ip, address.port());
    format!("http://{address}").parse().ok()
}

/// Asks for health, readiness and version.
pub fn ask(target: &Target) -> Result<Answers, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let answers = runtime.block_on(async { tokio::time::timeout(LIMIT, answers(target)).await });
    answers.unwrap_or_else(|_| Err(format!("no answer within {} s", LIMIT.as_secs())))
}

async fn answers(target: &Target) -> Result<Answers, String> {
    let (health, body) = get(target, "/healthz").await?;
    let mut answers = Answers::default();
    if health != StatusCode::OK || !body.contains("\"ok\"") {
        return Ok(answers);
    }
    let (status, body) = get(target, "/readyz").await?;
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    let number = |name: &str| body[name].as_u64();
    answers.serving = number("items").zip(number("models"));
    let reasons = body["reasons"].as_array().cloned().unwrap_or_default();
    answers.is_ours = answers.serving.is_some() || !reasons.is_empty();
    answers.reasons = (reasons.iter().filter_map(Value::as_str))
        .map(str::to_owned)
        .collect();
    if status != StatusCode::OK && answers.reasons.is_empty() {
        answers.reasons.push(format!("/readyz answers {status}"));
    }
    let (_, document) = get(target, "/openapi.json").await?;
    let document: Value = serde_json::from_str(&document).unwrap_or_default();
    answers.version = document["info"]["version"].as_str().map(str::to_owned);
    Ok(answers)
}

/// A connection for each: not every server keeps one open.
async fn get(target: &Target, path: &str) -> Result<(StatusCode, String), String> {
    let request = Request::get(format!("{}{path}", target.prefix()))
        .header(HOST, target.host_header())
        .body(Full::new(Bytes::new()))
        .map_err(|error| error.to_string())?;
    let mut connection = Connection::open(target).await.map_err(|e| causes(&e))?;
    let mut body = Vec::new();
    let answer = connection.exchange(request, &mut body).await;
    let answer = answer.map_err(|error| causes(&error))?;
    Ok((answer.status(), String::from_utf8_lossy(&body).into_owned()))
}

fn causes(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
