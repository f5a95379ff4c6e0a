//! Tells another program of decisions about models: one POST each, in their order, at least once.

mod address;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mlp_store::{DecisionKind, DecisionRow, Store};
use serde_json::json;

use super::error::{Error, Result};
pub use address::Address;

/// The address that settings name: a URL, and the file of the authorities that are trusted instead of
/// the system's. An empty URL, as Compose hands on what is not set: none.
pub fn address(url: &str, authorities: Option<&Path>) -> Result<Option<Address>> {
    let url = Some(url).filter(|url| !url.is_empty());
    url.map(|url| Address::new(url, authorities)).transpose()
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
        let told = self.address.post(message(row));
        let error = match self.runtime.block_on(told) {
            Ok(()) => {
                self.failed = 0;
                return true;
            }
            Err(error) => error,
        };
        self.failed += 1;
        let (host, decision_id) = (self.address.host(), row.decision_id);
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

/// What is told of a decision.
fn message(row: &DecisionRow) -> String {
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
    body.to_string()
}

/// What changes who answers, and what somebody may have to know of the traffic.
fn is_news(kind: DecisionKind) -> bool {
    kind.is_about_traffic()
        || matches!(
            kind,
            DecisionKind::Promote | DecisionKind::Rollback | DecisionKind::Withdraw
        )
}
