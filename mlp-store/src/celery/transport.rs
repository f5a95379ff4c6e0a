//! The transport over RabbitMQ and Redis.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use mlp_core::Schema;

use super::amqp::{self, Mail};
use super::collect::Collector;
use super::deliver::{Deliverer, now, travels};
use super::link::{Counters, Link};
use super::message::Template;
use super::mirror;
use super::outstanding::Outstanding;
use super::redis_link::Results;
use super::settings::CelerySettings;
use super::user_json::UserJson;
use crate::error::StoreError;
use crate::live::Live;
use crate::traits::{Result, Store};
use crate::transport::{Announcement, DirectTransport, Roles, Transport, TransportStatus};
use crate::types::{ClaimOptions, Lease, Settled, Settlement, TaskKind};

/// Messages that may wait for the broker's thread.
const OUTGOING: usize = 8192;

/// While the broker has been away for so long, work is taken from the store.
const AWAY: Duration = Duration::from_secs(1);

/// How long a stop waits for the threads.
const FAREWELL: Duration = Duration::from_secs(5);

/// Tasks over RabbitMQ as Celery sends them, results in Redis as Celery keeps them. Trainings are
/// taken from the store; those that other programs ask for are put there.
pub struct CeleryTransport {
    link: Arc<Link>,
    deliverer: Arc<Deliverer>,
    direct: DirectTransport,
    live: Arc<Live>,
    outstanding: Arc<Outstanding>,
    roles: Roles,
    threads: Vec<JoinHandle<()>>,
}

impl CeleryTransport {
    /// Starts the threads that connect, and connect again. Neither RabbitMQ nor Redis need be there
    /// yet.
    ///
    /// # Errors
    ///
    /// Where the system gives no thread.
    pub fn start(
        settings: CelerySettings,
        store: Arc<dyn Store>,
        schema: Arc<Schema>,
        live: Arc<Live>,
        roles: Roles,
    ) -> Result<Arc<Self>> {
        let (outgoing, sent) = tokio::sync::mpsc::channel(OUTGOING);
        let (commands, told) = tokio::sync::mpsc::unbounded_channel();
        let link = Arc::new(Link::new(commands, outgoing));
        let max_shown = schema.max_shown;
        let deliverer = Arc::new(Deliverer::new(
            Arc::clone(&store),
            schema,
            settings.clone(),
            Arc::clone(&link),
        ));
        let outstanding = Arc::new(Outstanding::default());
        let mut threads = Vec::new();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(no_thread)?;
        threads.push(spawn("mlp-amqp", {
            let (link, settings) = (Arc::clone(&link), settings.clone());
            let mail = Mail::new(sent, told);
            move || runtime.block_on(amqp::run(link, settings, roles.works, mail))
        })?);
        threads.push(spawn("mlp-results", {
            let (link, expires) = (Arc::clone(&link), settings.result_expires);
            let contact = Arc::clone(&link.writing);
            let results = Results::new(settings.results.clone(), contact, "writing");
            move || mirror::run(&link, results, expires)
        })?);
        if roles.publishes {
            let collector = Collector {
                store: Arc::clone(&store),
                live: Arc::clone(&live),
                max_shown,
                link: Arc::clone(&link),
                outstanding: Arc::clone(&outstanding),
                results: Results::new(
                    settings.results.clone(),
                    Arc::clone(&link.reading),
                    "reading",
                ),
                settings,
                sent_again: HashMap::new(),
            };
            threads.push(spawn("mlp-collect", move || collector.run())?);
        }
        Ok(Arc::new(Self {
            link,
            deliverer,
            direct: DirectTransport::new(store),
            live,
            outstanding,
            roles,
            threads,
        }))
    }

    /// This process's name as a worker.
    pub fn node(&self) -> &str {
        &self.link.node
    }

    fn settings(&self) -> &CelerySettings {
        &self.deliverer.settings
    }
}

fn no_thread(error: std::io::Error) -> StoreError {
    StoreError::Unavailable {
        reason: format!("the system gives no thread: {error}"),
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let thread = Builder::new().name(name.to_owned());
    thread.spawn(run).map_err(no_thread)
}

/// Hands inferences to the broker's thread; gives how many did not go, since too many wait.
pub(super) fn publish(
    link: &Link,
    settings: &CelerySettings,
    live: &Live,
    tasks: &[Announcement<'_>],
) -> usize {
    let after = SignedDuration::try_from(settings.task_expires).unwrap_or(SignedDuration::MAX);
    let expires = now().checked_add(after).unwrap_or(Timestamp::MAX);
    let name = &settings.inference_tasks[0];
    let template = Arc::new(Template::new(name, expires, &link.node));
    let serving = live.current();
    let entity = &serving.schema().user;
    let message = |task: &Announcement<'_>| {
        let row = task.user;
        let user = UserJson { entity, row };
        template.write(task.task_id.to_string(), &user, task.candidates)
    };
    // All are written before the first is sent: the broker's thread, once awake, finds them together.
    let messages: Vec<_> = tasks.iter().map(message).collect();
    let sent = messages.into_iter().map(|message| link.send(message));
    sent.filter(|sent| !sent).count()
}

impl Transport for CeleryTransport {
    fn announce(&self, tasks: &[Announcement<'_>]) {
        let postponed = publish(&self.link, self.settings(), &self.live, tasks);
        self.outstanding.add(tasks.iter().map(|task| task.task_id));
        Counters::add(&self.link.counters.postponed, postponed);
    }

    fn take(&self, options: &ClaimOptions, timeout: Duration) -> Result<Vec<Lease>> {
        if !travels(options.kind) {
            let leases = self.direct.take(options, timeout)?;
            leases
                .iter()
                .for_each(|lease| self.deliverer.started(lease));
            return Ok(leases);
        }
        if self.link.is_away_for(AWAY) {
            // Nobody brings work: it lies in the store.
            return self
                .direct
                .take(options, timeout.min(Duration::from_millis(200)));
        }
        self.deliverer.take(options, timeout)
    }

    fn settle(&self, settlements: &[Settlement]) -> Result<Vec<Settled>> {
        let settled = self.deliverer.settle(settlements)?;
        if self.roles.publishes {
            let final_ones = settlements
                .iter()
                .zip(&settled)
                .filter(|(settlement, settled)| {
                    let is_final = matches!(settled, Settled::Now(status, _) if status.is_final());
                    is_final && settlement.lease.kind == TaskKind::Inference
                });
            let ids = final_ones.map(|(settlement, _)| settlement.lease.task_id);
            self.outstanding.done(ids);
        }
        Ok(settled)
    }

    fn status(&self) -> Option<TransportStatus> {
        Some(self.link.status())
    }
}

impl Drop for CeleryTransport {
    fn drop(&mut self) {
        self.link.stopping.store(true, Ordering::Release);
        let end = Instant::now() + FAREWELL;
        for thread in std::mem::take(&mut self.threads) {
            while !thread.is_finished() && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(5));
            }
            if thread.is_finished() {
                // A panic there has been printed already.
                let _ = thread.join();
            }
        }
    }
}
