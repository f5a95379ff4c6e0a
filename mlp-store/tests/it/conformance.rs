use std::sync::Arc;
use std::time::Duration;

use mlp_core::Schema;
use mlp_store::conformance::postgres::TestDatabase;
use mlp_store::conformance::{Backend, CASES, Capabilities, Limits};
use mlp_store::postgres::PostgresStore;
use mlp_store::sqlite::SqliteStore;
use mlp_store::{ManualClock, Store, StoreOptions};
use tempfile::TempDir;

/// Clocks of one store stand at one time.
struct Sqlite {
    directory: TempDir,
    clock: Arc<ManualClock>,
}

fn sqlite() -> Box<dyn Backend> {
    Box::new(Sqlite {
        directory: tempfile::tempdir().unwrap(),
        clock: Arc::new(ManualClock::new(1_767_225_600_000_000)),
    })
}

impl Backend for Sqlite {
    fn open(&self, schema: &Arc<Schema>, limits: &Limits) -> Arc<dyn Store> {
        let options = StoreOptions::new()
            .clock(Arc::<ManualClock>::clone(&self.clock))
            .max_attempts(limits.max_attempts)
            .max_pending(limits.max_pending)
            .abandon_after(limits.abandon_after);
        let path = self.directory.path().join("store.db");
        SqliteStore::open(path, Arc::clone(schema), options).unwrap()
    }

    fn pass_time(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            names_settled: true,
            is_quiet: true,
        }
    }
}

/// Clocks of one store are its server's, which nobody moves.
struct Postgres(TestDatabase);

fn postgres() -> Box<dyn Backend> {
    Box::new(Postgres(TestDatabase::create()))
}

impl Backend for Postgres {
    fn open(&self, schema: &Arc<Schema>, limits: &Limits) -> Arc<dyn Store> {
        let options = StoreOptions::new()
            .max_attempts(limits.max_attempts)
            .max_pending(limits.max_pending)
            .abandon_after(limits.abandon_after);
        PostgresStore::open(self.0.config().clone(), Arc::clone(schema), options).unwrap()
    }

    fn pass_time(&self, duration: Duration) {
        std::thread::sleep(duration);
    }

    fn capabilities(&self) -> Capabilities {
        // Behind a pooler nobody can listen: a look now and then takes the place of news.
        let listens = !self.0.config().pooled();
        Capabilities {
            names_settled: listens,
            is_quiet: listens,
        }
    }
}

mod on_sqlite {
    use super::*;
    mlp_store::conformance_tests!(sqlite());
}

mod on_postgres {
    use super::*;
    mlp_store::conformance_tests!(postgres());
}

#[test]
fn the_suite_is_as_long_as_it_should_be() {
    assert!(CASES.len() >= 80, "{}", CASES.len());
    let mut names: Vec<_> = CASES.iter().map(|case| case.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), CASES.len());
}
