//! What the database holds, compared row by row with what the clients were promised.
//!
//! # How it is known that no task was executed to effect twice
//!
//! A task may be executed twice: its token says how often it was claimed, and `claimed_again` counts
//! the tasks that were claimed more than once. Its *effect* is a write of its end. A trigger, which
//! only the test's database has, writes each such write down; by the columns that a statement names,
//! not by their values: a ranking made twice is the same both times, and would leave no difference.
//! What `show` and `select` change is not among them. So every task that was done has exactly one row
//! there; one that a woken worker settled a second time, under its old token, would have two. Apart
//! from that the clients read the same results at several times, and they must be equal.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;

use postgres::GenericClient;
use uuid::Uuid;

/// The notes of effects, in a schema of their own: the store refuses no table beside its own there.
pub const NOTES: &str = "
    CREATE SCHEMA chaos;
    CREATE TABLE chaos.effects (
        no bigint GENERATED ALWAYS AS IDENTITY, task_id uuid NOT NULL, token bigint NOT NULL,
        kind text NOT NULL, before smallint NOT NULL, after smallint NOT NULL);
    CREATE FUNCTION chaos.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO chaos.effects (task_id, token, kind, before, after)
        VALUES (NEW.task_id, NEW.token, TG_TABLE_NAME, OLD.status, NEW.status);
        RETURN NULL;
    END $$;
    CREATE TRIGGER effects AFTER UPDATE OF status, ranked, model_id ON inferences FOR EACH ROW
        WHEN (NEW.status >= 3) EXECUTE FUNCTION chaos.note();
    CREATE TRIGGER effects AFTER UPDATE OF status, result, error ON tasks FOR EACH ROW
        WHEN (NEW.status >= 3) EXECUTE FUNCTION chaos.note();
";

/// What the clients were promised, from their logs.
#[derive(Debug, Default)]
pub struct Promises {
    /// Keys that were sent, answered or not.
    pub begun: HashSet<String>,
    /// Each accepted session's key and task.
    pub accepted: HashMap<String, Uuid>,
    /// The last choice that was acknowledged.
    pub selected: HashMap<Uuid, i64>,
    /// All choices that were acknowledged, changed ones among them.
    pub acknowledged: usize,
    /// What was ever sent as a choice.
    pub chosen: HashMap<Uuid, Vec<i64>>,
    /// The results as they were seen first.
    pub seen: HashMap<Uuid, String>,
    /// Told to have failed.
    pub failed: HashSet<Uuid>,
}

impl Promises {
    /// Adds a client's log.
    pub fn read(&mut self, path: &Path) {
        let id = |text: &str| text.parse::<Uuid>().unwrap();
        for line in std::fs::read_to_string(path).unwrap().lines() {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["start", key] => {
                    self.begun.insert(key.to_owned());
                }
                ["accepted", key, task] => {
                    self.accepted.insert(key.to_owned(), id(task));
                }
                ["seen", task, ranking] => {
                    self.seen.insert(id(task), ranking.to_owned());
                }
                ["failed", task] => {
                    self.failed.insert(id(task));
                }
                ["choose", task, item] => {
                    let item = item.parse().unwrap();
                    self.chosen.entry(id(task)).or_default().push(item);
                }
                ["selected", task, item] => {
                    self.acknowledged += 1;
                    self.selected.insert(id(task), item.parse().unwrap());
                }
                ["wrong", ..] => {}
                _ => panic!("`{line}` is no line of the log"),
            }
        }
    }
}

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident: $text:literal,)*) => {
        /// Counts that must be 0.
        #[derive(Debug, Default, Clone, PartialEq, Eq)]
        pub struct Faults { $($(#[$doc])* pub $name: usize,)* }

        impl Faults {
            /// Each count with its words.
            pub fn rows(&self) -> Vec<(&'static str, usize)> {
                vec![$(($text, self.$name),)*]
            }
        }
    };
}

counts! {
    unknown: "accepted sessions that are not there",
    unfinished: "accepted sessions that are not final",
    other_end: "sessions with another end than was told",
    missing_selections: "acknowledged selections that are missing",
    other_selections: "acknowledged selections that are others now",
    invented_selections: "selections that nobody made",
    other_tasks: "keys whose task is not the acknowledged one",
    lost_keys: "keys whose inference is not there",
    doubled_keys: "inferences beyond one for each key",
    unknown_keys: "keys that no client sent",
    orphan_users: "users without an inference",
    orphan_inferences: "inferences without a user",
    shared_users: "users of more than one inference",
    open_inferences: "inferences that are stuck open",
    open_tasks: "trainings that are stuck open",
    doubled_effects: "tasks executed to effect twice",
    effects_without_task: "effects of no task, or ends without an effect",
    doubled_models: "models beyond one for each training",
    lost_models: "trainings done without their model",
    champions: "champions beyond one",
}

/// What was found.
#[derive(Debug, Default, Clone)]
pub struct Verdict {
    pub faults: Faults,
    pub accepted: usize,
    pub acknowledged: usize,
    pub selections: usize,
    pub inferences: i64,
    pub users: i64,
    pub keys: i64,
    pub failures: i64,
    pub effects: i64,
    pub claimed_again: i64,
    pub most_claims: i64,
    pub trainings: i64,
    pub trainings_again: i64,
    pub models: i64,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = [
            ("sessions accepted", self.accepted as i64),
            ("selections acknowledged", self.acknowledged as i64),
            (
                "sessions with an acknowledged selection",
                self.selections as i64,
            ),
            ("inferences in the database", self.inferences),
            ("users in the database", self.users),
            ("idempotency keys", self.keys),
            ("inferences that ended in FAILURE", self.failures),
            ("effects of tasks", self.effects),
            ("inferences claimed more than once", self.claimed_again),
            ("most claims of one task", self.most_claims),
            ("trainings that ended", self.trainings),
            ("trainings claimed more than once", self.trainings_again),
            ("models", self.models),
        ];
        for (words, count) in known {
            writeln!(f, "  {words:<48} {count:>8}")?;
        }
        writeln!(f, "  must be 0:")?;
        for (words, count) in self.faults.rows() {
            let mark = if count == 0 { "" } else { "  <== FAULT" };
            writeln!(f, "  {words:<48} {count:>8}{mark}")?;
        }
        Ok(())
    }
}

/// Compares. Everything was started by the clients of these promises.
pub fn judge(db: &mut impl GenericClient, promises: &Promises) -> Verdict {
    let mut verdict = Verdict {
        accepted: promises.accepted.len(),
        acknowledged: promises.acknowledged,
        selections: promises.selected.len(),
        ..Verdict::default()
    };
    compare(db, promises, &mut verdict.faults);
    keys(db, promises, &mut verdict.faults);
    count(db, &mut verdict);
    verdict
}

fn compare(db: &mut impl GenericClient, promises: &Promises, faults: &mut Faults) {
    let mut rows: HashMap<Uuid, (i16, Option<i64>)> = HashMap::new();
    let select = "SELECT task_id, status, selected FROM inferences";
    for row in db.query(select, &[]).unwrap() {
        rows.insert(row.get(0), (row.get(1), row.get(2)));
    }
    for task in promises.accepted.values() {
        let Some((status, selected)) = rows.get(task) else {
            faults.unknown += 1;
            continue;
        };
        // 3 is SUCCESS, 4 is FAILURE.
        faults.unfinished += usize::from(*status < 3);
        let told = match (
            promises.failed.contains(task),
            promises.seen.contains_key(task),
        ) {
            (true, _) => Some(4),
            (_, true) => Some(3),
            _ => None,
        };
        faults.other_end += usize::from(told.is_some_and(|told| told != *status));
        match (promises.selected.get(task), selected) {
            (Some(_), None) => faults.missing_selections += 1,
            (Some(promised), Some(found)) => {
                faults.other_selections += usize::from(promised != found);
            }
            // One that was sent and never acknowledged may be there, or not.
            (None, Some(found)) => {
                let sent = promises.chosen.get(task);
                let sent = sent.is_some_and(|items| items.contains(found));
                faults.invented_selections += usize::from(!sent);
            }
            (None, None) => {}
        }
    }
}

fn keys(db: &mut impl GenericClient, promises: &Promises, faults: &mut Faults) {
    let mut keys: HashMap<String, Uuid> = HashMap::new();
    let select = "SELECT key, task_id FROM idempotency";
    for row in db.query(select, &[]).unwrap() {
        keys.insert(row.get(0), row.get(1));
    }
    for (key, task) in &promises.accepted {
        faults.other_tasks += usize::from(keys.get(key) != Some(task));
    }
    let unknown = keys.keys().filter(|key| !promises.begun.contains(*key));
    faults.unknown_keys += unknown.count();
}

fn count(db: &mut impl GenericClient, verdict: &mut Verdict) {
    let mut number = |sql: &str| -> i64 { db.query_one(sql, &[]).unwrap().get(0) };
    verdict.inferences = number("SELECT count(*) FROM inferences");
    verdict.users = number("SELECT count(*) FROM users");
    verdict.keys = number("SELECT count(*) FROM idempotency");
    verdict.failures = number("SELECT count(*) FROM inferences WHERE status = 4");
    verdict.effects = number("SELECT count(*) FROM chaos.effects");
    verdict.claimed_again = number("SELECT count(*) FROM inferences WHERE token > 1");
    verdict.most_claims = number("SELECT coalesce(max(token), 0) FROM inferences");
    verdict.trainings = number("SELECT count(*) FROM tasks WHERE kind = 1 AND status >= 3");
    verdict.trainings_again = number("SELECT count(*) FROM tasks WHERE token > 1");
    verdict.models = number("SELECT count(*) FROM models_registry");
    let mut fault = |sql: &str| usize::try_from(number(sql)).unwrap();
    let faults = &mut verdict.faults;
    faults.lost_keys = fault(
        "SELECT count(*) FROM idempotency AS k WHERE NOT EXISTS
            (SELECT FROM inferences AS i WHERE i.task_id = k.task_id)",
    );
    faults.doubled_keys = fault(
        "SELECT count(*) FROM inferences AS i WHERE NOT EXISTS
            (SELECT FROM idempotency AS k WHERE i.task_id = k.task_id)",
    );
    faults.orphan_users = fault(
        "SELECT count(*) FROM users AS u WHERE NOT EXISTS
            (SELECT FROM inferences AS i WHERE i.user_id = u.user_id)",
    );
    faults.orphan_inferences = fault(
        "SELECT count(*) FROM inferences AS i WHERE NOT EXISTS
            (SELECT FROM users AS u WHERE i.user_id = u.user_id)",
    );
    faults.shared_users = fault(
        "SELECT count(*) FROM (SELECT FROM inferences GROUP BY user_id HAVING count(*) > 1) AS s",
    );
    faults.open_inferences = fault("SELECT count(*) FROM inferences WHERE open OR status < 3");
    faults.open_tasks = fault("SELECT count(*) FROM tasks WHERE open OR status < 3");
    faults.doubled_effects = fault(
        "SELECT count(*) FROM (SELECT FROM chaos.effects GROUP BY task_id HAVING count(*) > 1) AS e",
    );
    faults.effects_without_task = fault(
        "SELECT count(*) FROM chaos.effects AS e FULL JOIN (
                SELECT task_id FROM inferences WHERE status >= 3
                UNION ALL SELECT task_id FROM tasks WHERE status >= 3) AS t USING (task_id)
            WHERE e.no IS NULL OR t.task_id IS NULL",
    );
    faults.doubled_models = fault(
        "SELECT count(*) FROM (
            SELECT FROM models_registry GROUP BY task_id HAVING count(*) > 1) AS m",
    );
    faults.lost_models = fault(
        "SELECT count(*) FROM tasks AS t WHERE t.kind = 1 AND t.status = 3 AND NOT EXISTS
            (SELECT FROM models_registry AS m WHERE m.task_id = t.task_id)",
    );
    faults.champions =
        fault("SELECT greatest(count(*) - 1, 0) FROM models_registry WHERE status = 'champion'");
}
