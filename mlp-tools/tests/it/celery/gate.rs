//! Where our worker is caught: in the moment in which the database keeps the end of an inference.

use std::time::{Duration, Instant};

use postgres::{Client, NoTls};

/// In a schema of its own: the store refuses no table beside its own there. The end of an inference
/// waits while the test holds the lock, and fails while the sequence is below 3, as a server fails that
/// is just going down.
const SQL: &str = "
    CREATE SCHEMA gate;
    CREATE SEQUENCE gate.errors MINVALUE 1 START 1000;
    CREATE FUNCTION gate.pass() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_advisory_xact_lock_shared(4711);
        IF nextval('gate.errors') <= 3 THEN
            RAISE EXCEPTION 'planted' USING ERRCODE = '57P03';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER gate BEFORE INSERT OR UPDATE OF status ON inferences FOR EACH ROW
        WHEN (NEW.status >= 3) EXECUTE FUNCTION gate.pass();
";

/// Who waits for the lock, in this database.
const WAITING: &str = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711
    AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// A gate that is open until it is shut.
pub struct Gate(Client);

impl Gate {
    pub fn build(url: &str) -> Self {
        let mut db = Client::connect(url, NoTls).unwrap();
        db.batch_execute(SQL).unwrap();
        Self(db)
    }

    pub fn shut(&mut self) {
        let sql = "SELECT pg_advisory_lock(4711)";
        self.0.batch_execute(sql).unwrap();
    }

    pub fn open(&mut self) {
        let sql = "SELECT pg_advisory_unlock_all()";
        self.0.batch_execute(sql).unwrap();
    }

    /// Waits until somebody stands before the gate.
    pub fn wait_for_somebody(&mut self, limit: Duration) -> Result<(), String> {
        let end = Instant::now() + limit;
        while !self.is_somebody_there() {
            if Instant::now() > end {
                return Err("our worker did not take the task".to_owned());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn is_somebody_there(&mut self) -> bool {
        let sql = format!("SELECT EXISTS ({WAITING})");
        self.0.query_one(&sql, &[]).unwrap().get(0)
    }

    /// Ends the sessions of those who stand before it, and returns when they are gone: a killed
    /// worker's would otherwise go through.
    pub fn end_those_who_wait(&mut self) {
        while self.is_somebody_there() {
            let sql = format!("SELECT pg_terminate_backend(pid) FROM ({WAITING}) AS waiting");
            self.0.batch_execute(&sql).unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The next ends fail, three times.
    pub fn fail_three_times(&mut self) {
        let sql = "ALTER SEQUENCE gate.errors RESTART 1";
        self.0.batch_execute(sql).unwrap();
    }

    /// Whether they have failed so often.
    pub fn has_failed(&mut self) -> bool {
        let sql = "SELECT last_value >= 4 FROM gate.errors";
        self.0.query_one(sql, &[]).unwrap().get(0)
    }

    /// How many inferences have that task id, and how many of them succeeded.
    pub fn rows(&mut self, task: &str) -> (i64, i64) {
        let sql = "SELECT count(*), count(*) FILTER (WHERE status = 3) FROM inferences
            WHERE task_id = $1::text::uuid";
        let row = self.0.query_one(sql, &[&task]).unwrap();
        (row.get(0), row.get(1))
    }
}
