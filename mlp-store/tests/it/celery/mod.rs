//! What only the transport over RabbitMQ and Redis has to do: to get along with other programs.

mod foreign;
mod python;
mod results;
mod timing;
mod tls;

use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use mlp_core::explore::Half;
use mlp_core::{Ranked, Schema};
use mlp_store::celery::{CelerySettings, CeleryTransport, Roles};
use mlp_store::conformance::postgres::TestDatabase;
use mlp_store::conformance::services::Space;
use mlp_store::conformance::{reading, sample_row};
use mlp_store::postgres::PostgresStore;
use mlp_store::{
    ClaimOptions, ItemChange, Items, Lease, Live, LiveOptions, Outcome, Ranking, Sessions, Settled,
    Settlement, Store, StoreOptions, TaskId, TaskKind, TaskView, Transport,
};
use python::Python;

const PATIENCE: Duration = Duration::from_secs(15);

/// Long enough for what is on its way to come.
const QUIET: Duration = Duration::from_millis(200);

/// A store with the items 1 to 5, a queue, and another program.
struct Rig {
    space: Space,
    python: Python,
    _database: TestDatabase,
    store: Arc<PostgresStore>,
    schema: Arc<Schema>,
}

impl Rig {
    fn new() -> Self {
        let (space, database, schema) = (Space::shared(), TestDatabase::create(), reading());
        let options = StoreOptions::new().connections(2);
        let store = PostgresStore::open(database.config().clone(), Arc::clone(&schema), options);
        let store = store.unwrap();
        let item = |seed| ItemChange::Put {
            item_id: None,
            row: sample_row(&schema.item, seed),
        };
        let items: Vec<ItemChange> = (1..=5).map(item).collect();
        store.change_items(&items).unwrap();
        Self {
            python: Python::new(&space),
            space,
            _database: database,
            store,
            schema,
        }
    }

    fn settings(&self) -> CelerySettings {
        self.settings_with(self.space.redis())
    }

    fn settings_with(&self, redis: &str) -> CelerySettings {
        let settings = CelerySettings::new(self.space.amqp(), redis, self.space.queue(), None);
        (settings.unwrap()).resend_after(Duration::from_millis(400))
    }

    /// One that is connected.
    fn join(&self, settings: CelerySettings, works: bool) -> Arc<CeleryTransport> {
        let transport = self.begin(settings, works);
        wait_until("it is connected", || transport.status().unwrap().broker);
        transport
    }

    fn begin(&self, settings: CelerySettings, works: bool) -> Arc<CeleryTransport> {
        let roles = Roles {
            publishes: !works,
            works,
        };
        let store: Arc<dyn Store> = Arc::<PostgresStore>::clone(&self.store);
        let (schema, options) = (Arc::clone(&self.schema), LiveOptions::default());
        let live = Live::start(Arc::clone(&store), Arc::clone(&schema), options).unwrap();
        CeleryTransport::start(settings, store, schema, live, roles).unwrap()
    }

    fn worker(&self) -> Arc<CeleryTransport> {
        self.join(self.settings(), true)
    }

    fn view(&self, id: TaskId) -> Option<TaskView> {
        self.store.statuses(&[id]).unwrap().remove(0)
    }

    fn waiting(&self) -> u32 {
        self.space.counts().unwrap().messages
    }

    /// Fails unless every message was acknowledged.
    #[track_caller]
    fn check_done(&self, worker: Arc<CeleryTransport>) {
        drop(worker);
        assert_eq!(self.waiting(), 0);
    }
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "in vain: {what}");
        sleep(Duration::from_millis(10));
    }
}

fn take(worker: &CeleryTransport, kind: TaskKind, timeout: Duration) -> Vec<Lease> {
    let options = ClaimOptions {
        kind,
        max: 10,
        lease: Duration::from_secs(60),
    };
    worker.take(&options, timeout).unwrap()
}

#[track_caller]
fn take_one(worker: &CeleryTransport) -> Lease {
    let mut leases = Vec::new();
    wait_until("an inference comes", || {
        leases = take(worker, TaskKind::Inference, QUIET);
        !leases.is_empty()
    });
    assert_eq!(leases.len(), 1);
    leases.remove(0)
}

#[track_caller]
fn check_nothing_comes(worker: &CeleryTransport) {
    let end = Instant::now() + QUIET;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        assert_eq!(take(worker, TaskKind::Inference, left), []);
    }
}

fn settle(worker: &CeleryTransport, lease: &Lease, outcome: Outcome) -> Settled {
    let lease = lease.reference();
    let settled = worker.settle(&[Settlement { lease, outcome }]);
    settled.unwrap().remove(0)
}

/// The items 3 and 1.
fn ranked() -> Outcome {
    let ranked = |(item_id, score)| Ranked { item_id, score };
    Outcome::Ranked(Ranking {
        model_id: None,
        catalog_version: 1,
        explored: false,
        half: Half::Training,
        ranked: [(3, 0.75), (1, 0.5)].map(ranked).to_vec(),
    })
}
