//! Tells another program of decisions about models: one POST each, in their order, at least once.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::Request;
use hyper::header::CONTENT_TYPE;
use mlp_store::{DecisionKind, DecisionRow, Store};
use serde_json::json;

use super::error::{Error, Result};
use crate::traffic::{Client, Target};

/// Where decisions are posted to: `http://HOST[:PORT][/PATH][?QUERY]`.
#[derive(Debug, Clone)]
pub struct Address {
    target: Target,
    path: String,
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let fail = |why: String| Error::usage(format!("the webhook's URL {why}"));
        let Some(rest) = text.strip_prefix("http://") else {
            return Err(fail("must begin with `http://`".to_owned()));
        };
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        let target = format!("http://{authority}").parse::<Target>();
        let path = match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("/{path}"),
        };
        if path.contains('#') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(fail(
                "has a fragment, or is not in visible ASCII".to_owned(),
            ));
        }
        Ok(Self {
            target: target.map_err(|error| fail(format!("is wrong: {error}")))?,
            path,
        })
    }
}

/// The address that a setting names. Empty, as Compose hands on what is not set: none.
pub fn address(url: &str) -> Result<Option<Address>> {
    let url = Some(url).filter(|url| !url.is_empty());
    url.map(str::parse).transpose()
}

/// The duty of which one of all processes has a turn at a time.
const DUTY: &str = "webhook";

/// The setting that holds the number of the newest decision that was told, or need not be.
const TOLD: &str = "webhook_told";

/// How often decisions are looked for.
const EVERY: Duration = Duration::from_secs(1);

/// Decisions looked at together.
const TOGETHER: usize = 200;

/// A decision that so many attempts could not tell is passed over: about eight minutes.
const ATTEMPTS: u32 = 12;

/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The thread that tells; it ends when this is dropped.
pub struct Webhook {
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Webhook {
    /// Starts to tell of decisions that are taken from now on, and of those since an earlier process
    /// told of one.
    pub fn start(store: Arc<dyn Store>, address: Address) -> Result<Self> {
        if told(&*store)?.is_none() {
            let newest = store.decisions(1)?.pop().map_or(0, |row| row.decision_id);
            store.set_setting(TOLD, &newest.to_string())?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::run)?;
        let stopping = Arc::new(AtomicBool::new(false));
        let mut teller = Teller {
            store,
            client: Client::new(address.target.clone()),
            address,
            runtime,
            failed: 0,
            next: Instant::now(),
        };
        let thread = std::thread::Builder::new()
            .name("mlp-webhook".to_owned())
            .spawn({
                let stopping = Arc::clone(&stopping);
                move || {
                    while !stopping.load(Ordering::Acquire) {
                        std::thread::sleep(Duration::from_millis(100));
                        teller.look();
                    }
                }
            })
            .map_err(Error::run)?;
        Ok(Self {
            stopping,
            thread: Some(thread),
        })
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed already.
            let _ = thread.join();
        }
    }
}

fn told(store: &dyn Store) -> Result<Option<i64>> {
    Ok(store.setting(TOLD)?.and_then(|text| text.parse().ok()))
}

struct Teller {
    store: Arc<dyn Store>,
    address: Address,
    client: Client,
    runtime: tokio::runtime::Runtime,
    /// Attempts in a row that failed.
    failed: u32,
    next: Instant,
}

impl Teller {
    fn look(&mut self) {
        if Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + EVERY;
        if let Err(error) = self.try_look() {
            tracing::warn!(%error, "the webhook cannot see what was decided: trying again");
        }
    }

    fn try_look(&mut self) -> Result<()> {
        // A bit less, since a timer that wakes early would lose its turn.
        if !self.store.turn(DUTY, EVERY.mul_f64(0.9))? {
            return Ok(());
        }
        let before = told(&*self.store)?.unwrap_or(0);
        let mut newest = before;
        let mut decisions = self.store.decisions(TOGETHER)?;
        decisions.retain(|row| row.decision_id > before);
        for row in decisions.iter().rev() {
            if is_news(row.decision.kind) && !self.tell(row) {
                break;
            }
            newest = row.decision_id;
        }
        if newest != before {
            self.store.set_setting(TOLD, &newest.to_string())?;
        }
        Ok(())
    }

    /// Whether it is done with: told, or given up.
    fn tell(&mut self, row: &DecisionRow) -> bool {
        let told = post(&mut self.client, &self.address.path, row);
        let error = match self.runtime.block_on(told) {
            Ok(()) => {
                self.failed = 0;
                return true;
            }
            Err(error) => error,
        };
        self.failed += 1;
        // The path may hold a secret.
        let (host, decision_id) = (self.address.target.host(), row.decision_id);
        if self.failed >= ATTEMPTS {
            tracing::error!(host, decision_id, %error, "the webhook was not told of a decision, and will not be");
            self.failed = 0;
            return true;
        }
        tracing::warn!(host, decision_id, %error, "the webhook could not be told of a decision: trying again");
        let wait = EVERY.saturating_mul(1 << self.failed.min(10));
        self.next = Instant::now() + wait.min(LONGEST_WAIT);
        false
    }
}

async fn post(
    client: &mut Client,
    path: &str,
    row: &DecisionRow,
) -> std::result::Result<(), String> {
    let evidence: serde_json::Value =
        serde_json::from_str(&row.decision.evidence).unwrap_or_default();
    let body = json!({
        "decision_id": row.decision_id,
        "created_us": row.created_us,
        "kind": row.decision.kind.name(),
        "model_id": row.model_id,
        "reason": row.decision.reason,
        "evidence": evidence,
    });
    let request = Request::post(path)
        .header(CONTENT_TYPE, "application/json")
        .body(Bytes::from(body.to_string()))
        .map_err(|error| error.to_string())?;
    let reply = client.send(request).await;
    let status = reply.map_err(|error| error.to_string())?.status;
    match status.is_success() {
        true => Ok(()),
        false => Err(format!("it answers {status}")),
    }
}

/// What changes who answers.
fn is_news(kind: DecisionKind) -> bool {
    matches!(
        kind,
        DecisionKind::Promote | DecisionKind::Rollback | DecisionKind::Withdraw
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_in_parts() {
        for (text, path) in [
            ("http://a.example", "/"),
            ("http://a.example:8080/hook/", "/hook/"),
            ("http://[::1]:80?key=1", "/?key=1"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().path, path, "{text}");
        }
        for wrong in [
            "",
            "https://a.example",
            "a.example/x",
            "http://",
            "http://a/#x",
            "http://a/ä",
        ] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }
}
