//! `mlp health`: whether the server beside this command can answer, for an image without curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use hyper::{Request, StatusCode};
use serde::Deserialize;

use super::error::{Error, Result};
use crate::traffic::{Client, Target};

/// Asks a server for /readyz; exit status 0 where it can answer requests, 1 where not, and a sentence
/// that says why. The check of a container, and of a script that waits for a server.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  mlp health\n  mlp health --url http://127.0.0.1:4789 --timeout 1"
)]
pub struct Health {
    /// The server's URL. Default: where MLP_BIND says that it listens, through loopback where it
    /// listens everywhere
    #[arg(long, value_name = "URL")]
    pub url: Option<Target>,

    /// Where a server of the same environment listens
    #[arg(
        long,
        env = "MLP_BIND",
        default_value = "127.0.0.1:4789",
        value_name = "ADDRESS",
        hide = true
    )]
    pub bind: SocketAddr,

    /// Seconds that the answer may take, connecting included, 0.1 to 60
    #[arg(long, default_value_t = 3.0, value_name = "SECONDS")]
    pub timeout: f64,
}

/// The answer of /readyz, of either status.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Ready {
    items: u64,
    models: u64,
    reasons: Vec<String>,
}

/// Runs the command.
pub fn run(health: &Health) -> Result<()> {
    let timeout = match health.timeout {
        seconds if (0.1..=60.0).contains(&seconds) => Duration::from_secs_f64(seconds),
        seconds => {
            return Err(Error::usage(format!(
                "timeout is `{seconds}` seconds, must be from 0.1 to 60"
            )));
        }
    };
    let target = match &health.url {
        Some(target) => target.clone(),
        None => local(health.bind)?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::run)?;
    let said = runtime.block_on(ask(target, timeout))?;
    say!("{said}");
    Ok(())
}

async fn ask(target: Target, timeout: Duration) -> Result<String> {
    let name = target.to_string();
    let mut client = Client::new(target).with_timeout(timeout);
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = hyper::Uri::from_static("/readyz");
    let reply = (client.send(request).await).map_err(|error| no_answer(&name, &error))?;
    let ready: Ready = reply.json().unwrap_or_default();
    match reply.status {
        StatusCode::OK => Ok(format!(
            "{name} is ready: {} items, {} models",
            ready.items, ready.models
        )),
        StatusCode::SERVICE_UNAVAILABLE if !ready.reasons.is_empty() => Err(Error::run(format!(
            "{name} is not ready: {}",
            ready.reasons.join(", ")
        ))),
        status => Err(Error::run(format!(
            "{name} answers {} to /readyz, so it is no server of this program",
            status.as_u16()
        ))),
    }
}

fn no_answer(name: &str, error: &crate::traffic::Error) -> Error {
    let cause = std::error::Error::source(error).map(|source| format!(": {source}"));
    let cause = cause.unwrap_or_default();
    Error::run(format!("{name} does not answer: {error}{cause}"))
}

/// Where a server that listens on `bind` is reached from its own machine.
fn local(bind: SocketAddr) -> Result<Target> {
    let ip = match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let address = SocketAddr::new(ip, bind.port());
    (format!("http://{address}").parse()).map_err(Error::usage_from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_asked_through_loopback() {
        for (bind, url) in [
            ("0.0.0.0:4789", "http://127.0.0.1:4789"),
            ("[::]:80", "http://[::1]:80"),
            ("192.168.1.2:1", "http://192.168.1.2:1"),
        ] {
            assert_eq!(local(bind.parse().unwrap()).unwrap().to_string(), url);
        }
        // Port 0 is chosen by the system: nobody knows where that server is.
        assert!(local("127.0.0.1:0".parse().unwrap()).is_err());
    }
}
