//! The peer of the queue: the statements that one would write by hand for the same tables, prepared,
//! on values that are encoded already.

use std::error::Error;

use mlp_store::conformance::postgres::TestDatabase;
use mlp_store::{Queue, Sessions, TaskId};
use postgres::types::private::BytesMut;
use postgres::types::{FromSql, IsNull, ToSql, Type};
use postgres::{Client, NoTls, Statement};
use uuid::Uuid;

use super::server;
use crate::load::Load;

/// A value as the server sends and takes it.
#[derive(Debug, Clone)]
struct Encoded(Vec<u8>);

impl<'a> FromSql<'a> for Encoded {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl ToSql for Encoded {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    postgres::types::to_sql_checked!();
}

/// A database with the store's tables, and what the store writes there.
pub struct Tables {
    pub database: TestDatabase,
    insert: String,
    claim: String,
    batch: usize,
    users: Vec<Encoded>,
    ranked: Vec<u8>,
}

impl Tables {
    /// Makes it, with one batch of settled tasks.
    pub fn create(server_url: &str, load: &Load, batch: usize) -> Self {
        let database = TestDatabase::create_on(server_url);
        let store = server::open_in(&database, 2);
        let (_, starts) = load.starts(batch);
        load.apply(&*store as &dyn Sessions, &starts);
        let leases = load.claim(&*store as &dyn Queue, batch);
        load.settle(&*store as &dyn Queue, &load.settlements(&leases));
        drop(store);
        let mut client = server::connect(&database.url());
        let columns = "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute
            WHERE attrelid = 'users'::regclass AND attnum > 0 AND NOT attisdropped
                AND attname NOT IN ('user_id', 'creation_time') ORDER BY attnum";
        let columns: Vec<(String, String)> = (client.query(columns, &[]).unwrap().iter())
            .map(|row| (row.get(0), row.get(1)))
            .collect();
        // Lists within a list would be taken apart by `unnest`: they travel as text.
        let sent = |kind: &str| {
            if kind.ends_with("[]") {
                "text".to_owned()
            } else {
                kind.to_owned()
            }
        };
        let gather: Vec<String> = (columns.iter())
            .map(|(name, kind)| format!("array_agg(\"{name}\"::{})", sent(kind)))
            .collect();
        let gather = format!(
            "SELECT {} FROM (SELECT * FROM users LIMIT {batch}) AS u",
            gather.join(", ")
        );
        let row = client.query_one(&gather, &[]).unwrap();
        let users = (0..columns.len()).map(|i| row.get(i)).collect();
        let ranked = "SELECT ranked FROM inferences WHERE status = 3 LIMIT 1";
        let ranked = client.query_one(ranked, &[]).unwrap().get(0);
        let list = |of: &dyn Fn(usize, &(String, String)) -> String| -> String {
            columns.iter().enumerate().map(|(i, c)| of(i, c)).collect()
        };
        let insert = format!(
            "WITH given AS MATERIALIZED (
                 SELECT nextval('inferences_users_seq') AS user_id, t.*
                 FROM unnest($1::uuid[]{parameters}) AS t (task_id{aliases})
             ), kept AS (
                 INSERT INTO users (user_id, creation_time{names})
                 SELECT user_id, now(){taken} FROM given
             )
             INSERT INTO inferences (task_id, user_id, creation_time, due_at)
             SELECT task_id, user_id, now(), now() FROM given",
            parameters = list(&|i, (_, kind)| format!(", ${}::{}[]", i + 2, sent(kind))),
            aliases = list(&|i, _| format!(", c{i}")),
            names = list(&|_, (name, _)| format!(", \"{name}\"")),
            taken = list(&|i, (_, kind)| format!(", c{i}::{kind}")),
        );
        let claim = format!(
            "WITH due AS (
                 SELECT inference_id FROM inferences
                 WHERE open AND priority = 0 AND inference_id > $1 AND due_at <= now()
                 ORDER BY inference_id LIMIT $2 FOR UPDATE SKIP LOCKED
             ), claimed AS (
                 UPDATE inferences AS i
                 SET status = 1, due_at = now() + interval '30 s', token = i.token + 1,
                     attempt = i.attempt + 1
                 FROM due WHERE i.inference_id = due.inference_id
                 RETURNING i.inference_id, i.task_id, i.token, i.user_id
             )
             SELECT c.inference_id, c.task_id, c.token{names}
             FROM claimed AS c JOIN users AS u USING (user_id) ORDER BY c.inference_id",
            names = list(&|_, (name, _)| format!(", u.\"{name}\"")),
        );
        Self {
            database,
            insert,
            claim,
            batch,
            users,
            ranked,
        }
    }

    /// A connection, with its statements.
    pub fn connect(&self) -> Raw<'_> {
        let mut client =
            Client::connect(&server::without_tls(&self.database.url()), NoTls).unwrap();
        let settings = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;
            SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off";
        client.batch_execute(settings).unwrap();
        let one = "UPDATE inferences SET status = 3, open = false, model_id = 1,
                catalog_version = 1, ranked = $3
            WHERE inference_id = $1 AND token = $2 AND status = 1";
        let many = "UPDATE inferences AS i SET status = 3, open = false, model_id = 1,
                catalog_version = 1, ranked = s.ranked
            FROM unnest($1::bigint[], $2::bigint[], $3::bytea[]) AS s (inference_id, token, ranked)
            WHERE i.inference_id = s.inference_id AND i.token = s.token AND i.status = 1";
        Raw {
            tables: self,
            insert: client.prepare(&self.insert).unwrap(),
            claim: client.prepare(&self.claim).unwrap(),
            one: client.prepare(one).unwrap(),
            many: client.prepare(many).unwrap(),
            after: 0,
            client,
        }
    }
}

/// A connection that does what the store does.
pub struct Raw<'a> {
    tables: &'a Tables,
    client: Client,
    insert: Statement,
    claim: Statement,
    one: Statement,
    many: Statement,
    /// Below this nothing is looked for, as long as something is found.
    after: i64,
}

impl Raw<'_> {
    /// Adds a batch.
    pub fn start(&mut self) {
        let new = (0..self.tables.batch).map(|_| TaskId::new_v7());
        let ids: Vec<Uuid> = new.map(|id| Uuid::from_bytes(*id.as_bytes())).collect();
        let mut values: Vec<&(dyn ToSql + Sync)> = vec![&ids];
        values.extend(self.tables.users.iter().map(|u| u as &(dyn ToSql + Sync)));
        let inserted = self.client.execute(&self.insert, &values).unwrap();
        assert_eq!(inserted, ids.len() as u64);
    }

    /// Numbers and tokens.
    pub fn claim(&mut self, max: usize) -> Vec<(i64, i64)> {
        // Others have claimed what lies between.
        let margin = 32 * max as i64;
        let rows = self
            .client
            .query(&self.claim, &[&self.after, &(max as i64)]);
        let rows = rows.unwrap();
        let claimed: Vec<(i64, i64)> = rows.iter().map(|row| (row.get(0), row.get(2))).collect();
        self.after = claimed.first().map_or(0, |first| (first.0 - margin).max(0));
        claimed
    }

    pub fn settle_one(&mut self, (number, token): (i64, i64)) {
        let values: [&(dyn ToSql + Sync); 3] = [&number, &token, &self.tables.ranked];
        assert_eq!(self.client.execute(&self.one, &values).unwrap(), 1);
    }

    pub fn settle(&mut self, claimed: &[(i64, i64)]) {
        let (numbers, tokens): (Vec<i64>, Vec<i64>) = claimed.iter().copied().unzip();
        let lists = vec![&self.tables.ranked[..]; claimed.len()];
        let values: [&(dyn ToSql + Sync); 3] = [&numbers, &tokens, &lists];
        let settled = self.client.execute(&self.many, &values).unwrap();
        assert_eq!(settled, claimed.len() as u64);
    }
}
