//! From the start of a session to its result in Redis: store, RabbitMQ, worker, store, Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lapin::options::BasicGetOptions;
use mlp_store::celery::{CelerySettings, CeleryTransport, Roles};
use mlp_store::conformance::services::Space;
use mlp_store::sqlite::SqliteStore;
use mlp_store::{
    Announcing, ClaimOptions, Live, LiveOptions, Sessions, Settled, Store, StoreOptions, TaskKind,
    TaskStatus, Transport,
};

use super::UNDER_WAY;
use super::bare::Sample;
use crate::fixture;
use crate::load::Load;
use crate::process::scratch;

/// Sessions started in one transaction, as by an API under load.
const BATCH: usize = 64;

/// Tasks that a worker takes at a time: as ours does.
const CLAIM: usize = 256;

pub struct Ours {
    store: Arc<dyn Store>,
    live: Arc<Live>,
    load: Load,
}

impl Ours {
    pub fn open() -> Self {
        let options = StoreOptions::new().server(true).max_pending(10_000_000);
        let path = scratch("celery").join("ours.db");
        let store = SqliteStore::open(path, fixture::schema(), options).unwrap();
        let store: Arc<dyn Store> = store;
        let live = Live::start(
            Arc::clone(&store),
            fixture::schema(),
            LiveOptions::default(),
        );
        Self {
            live: live.unwrap(),
            store,
            load: Load::new(),
        }
    }

    fn transport(&self, space: &Space, publishes: bool) -> Arc<CeleryTransport> {
        let settings = CelerySettings::new(space.amqp(), space.redis(), space.queue(), None);
        let settings = settings.unwrap().result_expires(Duration::from_secs(120));
        let roles = Roles {
            publishes,
            works: !publishes,
        };
        let (store, live) = (Arc::clone(&self.store), Arc::clone(&self.live));
        let transport = CeleryTransport::start(settings, store, fixture::schema(), live, roles);
        let transport = transport.unwrap();
        let end = Instant::now() + Duration::from_secs(20);
        while !transport.status().unwrap().broker {
            assert!(Instant::now() < end, "the broker is away");
            std::thread::sleep(Duration::from_millis(5));
        }
        transport
    }

    /// A message as it is published.
    pub fn sample(&self) -> Sample {
        let space = Space::shared();
        let publisher = self.transport(&space, true);
        let started: Arc<dyn Transport> = publisher;
        let sessions = Announcing::new(Arc::<dyn Store>::clone(&self.store), started);
        sessions.apply(&self.load.starts(1).1).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let sample = runtime.block_on(async {
            let connection = super::bare::connect(space.amqp()).await;
            let channel = connection.create_channel().await.unwrap();
            loop {
                let options = BasicGetOptions { no_ack: true };
                let got = channel
                    .basic_get(space.queue().into(), options)
                    .await
                    .unwrap();
                if let Some(got) = got {
                    break Sample {
                        properties: got.delivery.properties,
                        body: got.delivery.data,
                    };
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        // Else it would be published again while something is measured.
        let lease = &self.load.claim(&*self.store, 1)[0];
        (self.load).settle(
            &*self.store,
            &self.load.settlements(std::slice::from_ref(lease)),
        );
        sample
    }

    /// Tasks a second, from the first start to the last settlement.
    pub fn rate(&self, tasks: usize) -> f64 {
        let space = Space::shared();
        let (publisher, worker) = (self.transport(&space, true), self.transport(&space, false));
        let settled = AtomicUsize::new(0);
        let told: Arc<dyn Transport> = publisher;
        let sessions = Announcing::new(Arc::<dyn Store>::clone(&self.store), told);
        let starts: Vec<_> = (0..tasks.div_ceil(BATCH))
            .map(|_| self.load.starts(BATCH).1)
            .collect();
        let wanted = starts.len() * BATCH;
        let begun = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for (started, batch) in starts.iter().enumerate() {
                    while started * BATCH >= settled.load(Ordering::Relaxed) + UNDER_WAY {
                        std::thread::sleep(Duration::from_micros(200));
                    }
                    sessions.apply(batch).unwrap();
                }
            });
            scope.spawn(|| self.work(&*worker, wanted, &settled));
        });
        // The last results are on their way to Redis.
        let end = Instant::now() + Duration::from_secs(10);
        while (worker.status().unwrap().mirrored as usize) < wanted {
            assert!(Instant::now() < end, "results are missing in Redis");
            std::thread::sleep(Duration::from_millis(1));
        }
        let rate = wanted as f64 / begun.elapsed().as_secs_f64();
        assert_eq!(space.counts().unwrap().messages, 0, "messages are left");
        rate
    }

    fn work(&self, worker: &dyn Transport, wanted: usize, settled: &AtomicUsize) {
        let claim = ClaimOptions {
            kind: TaskKind::Inference,
            max: CLAIM,
            lease: Duration::from_secs(10),
        };
        let success = Settled::Now(TaskStatus::Success, None);
        while settled.load(Ordering::Relaxed) < wanted {
            let leases = worker.take(&claim, Duration::from_millis(500)).unwrap();
            let done = worker.settle(&self.load.settlements(&leases)).unwrap();
            assert!(done.iter().all(|settled| *settled == success));
            settled.fetch_add(done.len(), Ordering::Relaxed);
        }
    }
}
