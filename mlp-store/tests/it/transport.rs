//! The transports against their conformance suite.

use std::sync::{Arc, Mutex};

use mlp_core::Schema;
use mlp_store::conformance::postgres::TestDatabase;
use mlp_store::conformance::transport::{CASES, Capabilities, Joined, Medium, Seat};
use mlp_store::conformance::{Limits, reading, travel};
use mlp_store::postgres::PostgresStore;
use mlp_store::sqlite::SqliteStore;
use mlp_store::{DirectTransport, Store, StoreOptions, TaskId};
use tempfile::TempDir;

fn options(limits: &Limits) -> StoreOptions {
    StoreOptions::new()
        .max_attempts(limits.max_attempts)
        .max_pending(limits.max_pending)
        .abandon_after(limits.abandon_after)
        .connections(2)
}

/// One process: all share its store.
struct InProcess {
    directory: TempDir,
    store: Mutex<Option<Arc<dyn Store>>>,
}

fn in_process() -> Box<dyn Medium> {
    Box::new(InProcess {
        directory: tempfile::tempdir().unwrap(),
        store: Mutex::default(),
    })
}

impl Medium for InProcess {
    fn join(&self, schema: &Arc<Schema>, limits: &Limits, _: Seat) -> Joined {
        let path = self.directory.path().join("store.db");
        let mut store = self.store.lock().unwrap();
        let store = store.get_or_insert_with(|| {
            SqliteStore::open(path, Arc::clone(schema), options(limits)).unwrap()
        });
        direct(Arc::clone(store))
    }

    fn lose(&self) {}

    fn waiting(&self) -> u32 {
        0
    }

    fn owns(&self, _: TaskId) {}

    fn capabilities(&self) -> Capabilities {
        Capabilities { carries: false }
    }
}

fn direct(store: Arc<dyn Store>) -> Joined {
    let transport = Arc::new(DirectTransport::new(Arc::clone(&store)));
    Joined { store, transport }
}

/// Many processes, each with a handle of its own.
struct Postgres(TestDatabase);

fn postgres() -> Box<dyn Medium> {
    Box::new(Postgres(TestDatabase::create()))
}

impl Postgres {
    fn store(&self, schema: &Arc<Schema>, limits: &Limits) -> Arc<dyn Store> {
        let (config, schema) = (self.0.config().clone(), Arc::clone(schema));
        PostgresStore::open(config, schema, options(limits)).unwrap()
    }
}

impl Medium for Postgres {
    fn join(&self, schema: &Arc<Schema>, limits: &Limits, _: Seat) -> Joined {
        direct(self.store(schema, limits))
    }

    fn lose(&self) {}

    fn waiting(&self) -> u32 {
        0
    }

    fn owns(&self, _: TaskId) {}

    fn capabilities(&self) -> Capabilities {
        Capabilities { carries: false }
    }
}

mod over_sqlite {
    use super::*;
    mlp_store::transport_tests!(in_process(), reading());
}

mod over_postgres {
    use super::*;
    mlp_store::transport_tests!(postgres(), travel());
}

#[cfg(feature = "celery")]
mod over_celery {
    use std::time::Duration;

    use mlp_store::celery::{CelerySettings, CeleryTransport, Roles};
    use mlp_store::conformance::services::Space;
    use mlp_store::{Live, LiveOptions};

    use super::*;

    /// Processes of their own over PostgreSQL, RabbitMQ and Redis.
    struct Celery {
        // Dropped first: the queue goes before the tasks.
        space: Space,
        postgres: Postgres,
    }

    fn celery() -> Box<dyn Medium> {
        Box::new(Celery {
            space: Space::shared(),
            postgres: Postgres(TestDatabase::create()),
        })
    }

    /// Nobody listens there.
    const NOWHERE: [&str; 2] = ["amqp://127.0.0.1:1", "redis://127.0.0.1:1/0"];

    impl Medium for Celery {
        fn join(&self, schema: &Arc<Schema>, limits: &Limits, seat: Seat) -> Joined {
            let [broker, results] = match seat.cut_off {
                true => NOWHERE,
                false => [self.space.amqp(), self.space.redis()],
            };
            let settings = CelerySettings::new(broker, results, self.space.queue(), None);
            let settings = settings.unwrap().resend_after(Duration::from_millis(250));
            let store = self.postgres.store(schema, limits);
            let live = Live::start(
                Arc::clone(&store),
                Arc::clone(schema),
                LiveOptions::default(),
            );
            let roles = Roles {
                publishes: !seat.works,
                works: seat.works,
            };
            let (own, schema) = (Arc::clone(&store), Arc::clone(schema));
            let transport = CeleryTransport::start(settings, own, schema, live.unwrap(), roles);
            let transport = transport.unwrap();
            Joined { store, transport }
        }

        fn lose(&self) {
            self.space.purge().unwrap();
        }

        fn waiting(&self) -> u32 {
            self.space.counts().unwrap().messages
        }

        fn owns(&self, task_id: TaskId) {
            self.space.owns(task_id);
        }

        fn capabilities(&self) -> Capabilities {
            Capabilities { carries: true }
        }
    }

    mlp_store::transport_tests!(celery(), reading());
}

#[test]
fn the_suite_is_as_long_as_it_should_be() {
    assert!(CASES.len() >= 30, "{}", CASES.len());
    let mut names: Vec<_> = CASES.iter().map(|case| case.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), CASES.len());
}
