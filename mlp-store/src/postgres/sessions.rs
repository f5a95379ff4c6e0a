//! The hot path: a batch of sessions' operations, in few statements.
//!
//! A batch is loaded, decided on in memory in the order of its operations, and written: one statement
//! reads what it is about, one inserts users with their inferences, one updates. Nothing is locked
//! while it is decided. What is written fits whatever others write meanwhile: more can be shown than
//! before but never less, the last choice stands, and a request that another process stored first is
//! a unique violation, after which the batch begins anew and finds it.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use postgres::Row;
use uuid::Uuid;

use super::PostgresStore;
use super::db::{Mode, Session};
use super::error::{Failure, Result};
use super::pending::{Count, Reserved, Room};
use super::users::UserTable;
use super::values::{status, task_id, unsigned};
use crate::choice::{Choice, Place};
use crate::codec;
use crate::error::StoreError;
use crate::state::{code, judging, priority_code, ranking_to_bytes};
use crate::types::{
    NONE_OF_THESE, NewSession, Ranking, SessionOp, SessionReply, Shown, TaskId, TaskKind,
    TaskStatus, TaskView,
};

/// The statements of the hot path that the schema shapes.
pub(super) struct SessionSql {
    /// Users and inferences, from arrays.
    insert: String,
}

/// The parameters of [`SessionSql::insert`] before the user's columns.
const INFERENCE_ARRAYS: usize = 11;

impl SessionSql {
    pub fn new(users: &UserTable) -> Self {
        let (table, id, columns) = (&users.table, &users.id, &users.columns);
        let insert = format!(
            "WITH given AS MATERIALIZED (
                 SELECT nextval('inferences_users_seq') AS user_id, t.*
                 FROM unnest($1::uuid[], $2::smallint[], $3::integer[], $4::smallint[],
                     $5::bigint[], $6::bigint[], $7::boolean[], $8::boolean[], $9::smallint[],
                     $10::bytea[], $11::bytea[]{parameters}) AS t (task_id, status, attempt,
                     priority, model_id, catalog_version, explored, judging, shown_n,
                     candidates, ranked{aliases})
             ), kept AS (
                 INSERT INTO {table} ({id}, creation_time{names})
                 SELECT user_id, now(){taken} FROM given
             )
             INSERT INTO inferences (task_id, user_id, creation_time, due_at, status, open,
                 attempt, priority, model_id, catalog_version, explored, judging, shown_n,
                 shown_at, candidates, ranked)
             SELECT task_id, user_id, now(), now(), status, status < 3, attempt, priority,
                 model_id, catalog_version, explored, judging, shown_n,
                 CASE WHEN shown_n > 0 THEN now() END, candidates, ranked FROM given
             RETURNING task_id, inference_id, user_id",
            parameters = columns.parameters(INFERENCE_ARRAYS + 1),
            aliases = columns.aliases(),
            names = columns.list(""),
            taken = columns.taken(),
        );
        Self { insert }
    }
}

impl PostgresStore {
    pub(super) fn apply_ops(
        &self,
        ops: &[SessionOp],
    ) -> std::result::Result<Vec<SessionReply>, StoreError> {
        if ops.is_empty() {
            return Ok(Vec::new());
        }
        let mut again = false;
        let mut room = Reserved::new(&self.pending);
        let replies = self.db.run("sessions", Mode::Single, |session| {
            let careful = std::mem::replace(&mut again, true);
            // What an earlier attempt reserved was not used.
            room = Reserved::new(&self.pending);
            self.apply_once(session, ops, careful, &mut room)
        })?;
        if room.commit() {
            self.wake.work(&self.db, TaskKind::Inference);
        }
        Ok(replies)
    }

    /// Does the batch. `careful`: looks whether requests are known by
    /// their very task, which is only so after an attempt whose end nobody saw.
    fn apply_once(
        &self,
        session: &mut Session<'_>,
        ops: &[SessionOp],
        careful: bool,
        room: &mut Reserved<'_>,
    ) -> Result<Vec<SessionReply>> {
        let segments = segments(ops);
        if let [whole] = &segments[..] {
            return Segment::new(self, whole, careful).run(session, true, room);
        }
        session.begin()?;
        let mut all = Vec::with_capacity(ops.len());
        let outcome = segments.into_iter().try_for_each(|part| {
            all.extend(Segment::new(self, part, careful).run(session, false, room)?);
            Ok(())
        });
        session.end(outcome)?;
        Ok(all)
    }

    pub(super) fn task_views(
        &self,
        ids: &[TaskId],
    ) -> std::result::Result<Vec<Option<TaskView>>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let uuids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let mut found = self.db.run("statuses", Mode::Single, |session| {
            let mut found: HashMap<TaskId, TaskView> = HashMap::with_capacity(ids.len());
            let select = "SELECT task_id, 0::smallint, status, attempt, error FROM inferences
                WHERE task_id = ANY($1)";
            for row in session.query(select, &[&uuids])? {
                let view = view(&row)?;
                found.insert(view.task_id, view);
            }
            if found.len() < ids.len() {
                let select = "SELECT task_id, kind, status, attempt, error FROM tasks
                    WHERE task_id = ANY($1)";
                for row in session.query(select, &[&uuids])? {
                    let view = view(&row)?;
                    found.insert(view.task_id, view);
                }
            }
            Ok(found)
        })?;
        // An id may stand twice.
        let mut views: Vec<Option<TaskView>> = Vec::with_capacity(ids.len());
        let mut first: HashMap<TaskId, usize> = HashMap::new();
        for (place, id) in ids.iter().enumerate() {
            let view = match found.remove(id) {
                Some(view) => Some(view),
                None => first.get(id).and_then(|first| views[*first].clone()),
            };
            first.entry(*id).or_insert(place);
            views.push(view);
        }
        Ok(views)
    }
}

fn view(row: &Row) -> Result<TaskView> {
    Ok(TaskView {
        task_id: task_id(row, 0)?,
        kind: super::values::kind(row, 1)?,
        status: status(row, 2)?,
        attempts: u32::try_from(row.try_get::<_, i32>(3)?).unwrap_or(0),
        error: row.try_get(4)?,
    })
}

/// Parts of a batch in which no operation is about an inference that a [`SessionOp::Rank`] of the
/// same part makes: its numbers are known only once it is written.
fn segments(ops: &[SessionOp]) -> Vec<&[SessionOp]> {
    let mut parts = Vec::new();
    let mut begin = 0;
    let mut ids: HashSet<TaskId> = HashSet::new();
    let mut keys: HashSet<&str> = HashSet::new();
    for (place, op) in ops.iter().enumerate() {
        let (id, request) = match op {
            SessionOp::Start(session) => (session.task_id, Some(session)),
            SessionOp::Rank { session, .. } => (session.task_id, Some(session)),
            SessionOp::Show { task_id, .. } | SessionOp::Select { task_id, .. } => (*task_id, None),
        };
        let key = request
            .and_then(|r| r.idempotency.as_ref())
            .map(|i| i.key.as_str());
        if ids.contains(&id) || key.is_some_and(|key| keys.contains(key)) {
            parts.push(&ops[begin..place]);
            begin = place;
            ids.clear();
            keys.clear();
        }
        if matches!(op, SessionOp::Rank { .. }) {
            ids.insert(id);
            keys.extend(key);
        }
    }
    parts.push(&ops[begin..]);
    parts
}

/// An inference as it was loaded, and as the batch has changed it so far.
struct Known {
    inference_id: i64,
    user_id: i64,
    status: TaskStatus,
    model_id: Option<i64>,
    catalog_version: i64,
    ranked: Vec<u8>,
    shown_n: usize,
    choice: Option<Choice>,
    /// Whether the batch showed more, or has another choice.
    changed: bool,
    chosen: bool,
}

/// What a request is.
enum Request {
    New,
    Repeat(TaskId, TaskStatus),
    /// Another than its key stands for.
    Other,
}

/// What an idempotency key stands for.
struct Key {
    fingerprint: Vec<u8>,
    task_id: TaskId,
    /// `None` where its task is gone.
    status: Option<TaskStatus>,
}

/// An inference to be inserted.
struct New<'a> {
    session: &'a NewSession,
    /// For one that is ranked already.
    ranking: Option<(&'a Ranking, Vec<u8>, usize)>,
    /// The place of its reply.
    reply: usize,
}

/// A part of a batch, while it is decided on.
struct Segment<'a> {
    store: &'a PostgresStore,
    ops: &'a [SessionOp],
    careful: bool,
    known: HashMap<TaskId, Known>,
    /// Those started here, which have no results.
    started: HashSet<TaskId>,
    keys: HashMap<&'a str, Key>,
    /// Keys to be kept: with their task, and the one they stood for before.
    new_keys: Vec<(&'a crate::types::Idempotency, TaskId, Option<TaskId>)>,
    new: Vec<New<'a>>,
    granted: u64,
    used: u64,
    pending: u64,
}

impl<'a> Segment<'a> {
    fn new(store: &'a PostgresStore, ops: &'a [SessionOp], careful: bool) -> Self {
        Self {
            store,
            ops,
            careful,
            known: HashMap::new(),
            started: HashSet::new(),
            keys: HashMap::new(),
            new_keys: Vec::new(),
            new: Vec::new(),
            granted: 0,
            used: 0,
            pending: 0,
        }
    }

    fn run(
        mut self,
        session: &mut Session<'_>,
        alone: bool,
        room: &mut Reserved<'_>,
    ) -> Result<Vec<SessionReply>> {
        let outcome = self.load_decide_write(session, alone);
        room.add(self.granted, self.used);
        outcome
    }

    fn load_decide_write(
        &mut self,
        session: &mut Session<'_>,
        alone: bool,
    ) -> Result<Vec<SessionReply>> {
        self.load_keys(session)?;
        self.load(session)?;
        self.reserve(session)?;
        let ops = self.ops;
        let mut replies = Vec::with_capacity(ops.len());
        for op in ops {
            let reply = self.decide(op, replies.len())?;
            replies.push(reply);
        }
        let changed = self.known.values().any(|known| known.changed);
        let several = usize::from(!self.new_keys.is_empty())
            + usize::from(!self.new.is_empty())
            + usize::from(changed)
            > 1;
        if alone && several {
            session.begin()?;
            let outcome = self.write(session, &mut replies);
            session.end(outcome)?;
        } else {
            self.write(session, &mut replies)?;
        }
        Ok(replies)
    }

    fn requests(&self) -> impl Iterator<Item = &'a NewSession> + use<'a> {
        self.ops.iter().filter_map(|op| match op {
            SessionOp::Start(session) | SessionOp::Rank { session, .. } => Some(session),
            _ => None,
        })
    }

    fn load_keys(&mut self, session: &mut Session<'_>) -> Result<()> {
        let given: Vec<&str> = (self.requests())
            .filter_map(|request| request.idempotency.as_ref())
            .map(|given| given.key.as_str())
            .collect();
        if given.is_empty() {
            return Ok(());
        }
        let select = "SELECT k.key, k.fingerprint, k.task_id, i.status
            FROM idempotency AS k LEFT JOIN inferences AS i ON i.task_id = k.task_id
            WHERE k.key = ANY($1)";
        for row in session.query(select, &[&given])? {
            let text: &str = row.try_get(0)?;
            let gone = row.try_get::<_, Option<i16>>(3)?.is_none();
            let key = Key {
                fingerprint: row.try_get(1)?,
                task_id: task_id(&row, 2)?,
                status: if gone { None } else { Some(status(&row, 3)?) },
            };
            if let Some(kept) = given.iter().find(|key| **key == text) {
                self.keys.insert(kept, key);
            }
        }
        Ok(())
    }

    fn load(&mut self, session: &mut Session<'_>) -> Result<()> {
        let mut ids: Vec<Uuid> = Vec::with_capacity(self.ops.len());
        for op in self.ops {
            match op {
                SessionOp::Show { task_id, .. } | SessionOp::Select { task_id, .. } => {
                    ids.push(task_id.uuid());
                }
                SessionOp::Start(session) | SessionOp::Rank { session, .. } => {
                    if self.careful {
                        ids.push(session.task_id.uuid());
                    }
                    let key = session.idempotency.as_ref();
                    if let Some(kept) = key.and_then(|k| self.keys.get(k.key.as_str())) {
                        ids.push(kept.task_id.uuid());
                    }
                }
            }
        }
        if ids.is_empty() {
            return Ok(());
        }
        let select = "SELECT task_id, status, inference_id, user_id, model_id, catalog_version,
                shown_n, selected, selected_rank, answered_n, ranked
            FROM inferences WHERE task_id = ANY($1)";
        for row in session.query(select, &[&ids])? {
            self.known.insert(task_id(&row, 0)?, Known::read(&row)?);
        }
        Ok(())
    }

    /// Reserves room for what is started here.
    fn reserve(&mut self, session: &mut Session<'_>) -> Result<()> {
        let starts = self
            .ops
            .iter()
            .filter(|op| matches!(op, SessionOp::Start(_)));
        let wanted = starts.count() as u64;
        if wanted == 0 {
            return Ok(());
        }
        let (pending, limit) = (&self.store.pending, self.store.options.max_pending);
        let room = match pending.reserve(wanted, limit, false, Instant::now()) {
            Room::Count { after, mark } => {
                self.store.count_pending(session, after, mark)?;
                pending.reserve(wanted, limit, true, Instant::now())
            }
            room => room,
        };
        if let Room::For { granted, pending } = room {
            self.granted = granted;
            self.pending = pending;
        }
        Ok(())
    }

    fn decide(&mut self, op: &'a SessionOp, reply: usize) -> Result<SessionReply> {
        match op {
            SessionOp::Start(session) => Ok(self.start(session, reply)),
            SessionOp::Rank {
                session,
                ranking,
                limit,
            } => self.rank(session, ranking, *limit, reply),
            SessionOp::Show { task_id, limit } => self.show(*task_id, *limit),
            SessionOp::Select { task_id, item_id } => self.select(*task_id, *item_id),
        }
    }

    fn start(&mut self, session: &'a NewSession, reply: usize) -> SessionReply {
        match self.request(session) {
            Request::Other => return SessionReply::KeyReused,
            Request::Repeat(task_id, status) => return SessionReply::Started { task_id, status },
            Request::New => {}
        }
        if self.used == self.granted {
            let pending = self.pending;
            return SessionReply::Full { pending };
        }
        self.used += 1;
        self.remember(session, TaskStatus::Pending);
        self.started.insert(session.task_id);
        let ranking = None;
        self.new.push(New {
            session,
            ranking,
            reply,
        });
        SessionReply::Started {
            task_id: session.task_id,
            status: TaskStatus::Pending,
        }
    }

    fn rank(
        &mut self,
        session: &'a NewSession,
        ranking: &'a Ranking,
        limit: usize,
        reply: usize,
    ) -> Result<SessionReply> {
        match self.request(session) {
            Request::Other => return Ok(SessionReply::KeyReused),
            Request::Repeat(task_id, _) => return self.show(task_id, limit),
            Request::New => {}
        }
        self.remember(session, TaskStatus::Success);
        let shown = limit.min(ranking.ranked.len());
        let bytes = ranking_to_bytes(ranking)?;
        self.new.push(New {
            session,
            ranking: Some((ranking, bytes, shown)),
            reply,
        });
        // The numbers follow when it is written.
        Ok(SessionReply::Shown(Shown {
            task_id: session.task_id,
            inference_id: 0,
            user_id: 0,
            model_id: ranking.model_id,
            catalog_version: ranking.catalog_version,
            results: ranking.ranked[..shown].to_vec(),
        }))
    }

    fn show(&mut self, task_id: TaskId, limit: usize) -> Result<SessionReply> {
        let known = match self.finished(task_id) {
            Ok(known) => known,
            Err(reply) => return Ok(reply),
        };
        let results = codec::ranked_from_bytes(&known.ranked, limit)?;
        if results.len() > known.shown_n {
            known.shown_n = results.len();
            known.changed = true;
        }
        Ok(SessionReply::Shown(Shown {
            task_id,
            inference_id: known.inference_id,
            user_id: known.user_id,
            model_id: known.model_id,
            catalog_version: known.catalog_version,
            results,
        }))
    }

    fn select(&mut self, task_id: TaskId, item_id: i64) -> Result<SessionReply> {
        let known = match self.finished(task_id) {
            Ok(known) => known,
            Err(reply) => return Ok(reply),
        };
        let ranked = codec::ranked_from_bytes(&known.ranked, usize::MAX)?;
        let rank = ranked.iter().position(|item| item.item_id == item_id);
        if rank.is_none() && item_id != NONE_OF_THESE {
            return Ok(SessionReply::NotRanked);
        }
        let choice = Choice {
            item_id,
            rank,
            shown_n: known.shown_n,
        };
        if choice.is_news(known.choice) {
            known.choice = Some(choice);
            known.changed = true;
            known.chosen = true;
        }
        let row = rank.map(|rank| {
            let place = Place {
                task_id,
                inference_id: known.inference_id,
                user_id: known.user_id,
                shown_n: known.shown_n,
                selected_rank: Some(rank),
            };
            place.result(rank, ranked[rank])
        });
        Ok(SessionReply::Selected(row))
    }

    /// The finished inference of a task, or the reply to whoever asked for it.
    fn finished(&mut self, task_id: TaskId) -> std::result::Result<&mut Known, SessionReply> {
        if self.started.contains(&task_id) {
            return Err(SessionReply::NotFinished(TaskStatus::Pending));
        }
        match self.known.get_mut(&task_id) {
            None => Err(SessionReply::NotFound),
            Some(known) => match known.status {
                TaskStatus::Success => Ok(known),
                TaskStatus::Failure => Err(SessionReply::Failed),
                status => Err(SessionReply::NotFinished(status)),
            },
        }
    }

    /// Whether the request was here before: under its key, or under its very task, whose first
    /// reply was then lost.
    fn request(&self, session: &NewSession) -> Request {
        let by_task = || match self.known.get(&session.task_id) {
            _ if self.started.contains(&session.task_id) => {
                Request::Repeat(session.task_id, TaskStatus::Pending)
            }
            Some(known) => Request::Repeat(session.task_id, known.status),
            None => Request::New,
        };
        let Some(given) = &session.idempotency else {
            return by_task();
        };
        match self.keys.get(given.key.as_str()) {
            None => by_task(),
            // A key outlives its task only until the next pruning.
            Some(Key { status: None, .. }) => Request::New,
            Some(key) if key.fingerprint != given.fingerprint => Request::Other,
            Some(Key {
                task_id,
                status: Some(status),
                ..
            }) => Request::Repeat(*task_id, *status),
        }
    }

    /// Notes a new request's key.
    fn remember(&mut self, session: &'a NewSession, status: TaskStatus) {
        let Some(given) = &session.idempotency else {
            return;
        };
        let key = Key {
            fingerprint: given.fingerprint.to_vec(),
            task_id: session.task_id,
            status: Some(status),
        };
        let before = self.keys.insert(&given.key, key).map(|key| key.task_id);
        self.new_keys.push((given, session.task_id, before));
    }

    fn write(&self, session: &mut Session<'_>, replies: &mut [SessionReply]) -> Result<()> {
        if !self.new_keys.is_empty() {
            self.write_keys(session)?;
        }
        if !self.new.is_empty() {
            self.insert(session, replies)?;
        }
        self.update(session)
    }

    /// A key that stood for another task is taken over only from the very task that was seen to be
    /// gone: else another process was first.
    fn write_keys(&self, session: &mut Session<'_>) -> Result<()> {
        let mut keys: Vec<_> = self.new_keys.iter().collect();
        // In one order everywhere, so that two processes cannot wait for each other.
        keys.sort_unstable_by_key(|(given, ..)| &given.key);
        let texts: Vec<&str> = keys.iter().map(|(given, ..)| given.key.as_str()).collect();
        let fingerprints: Vec<&[u8]> = keys.iter().map(|(g, ..)| &g.fingerprint[..]).collect();
        let tasks: Vec<Uuid> = keys.iter().map(|(_, task, _)| task.uuid()).collect();
        let before: Vec<Option<Uuid>> = keys.iter().map(|(.., b)| b.map(TaskId::uuid)).collect();
        let upsert = "INSERT INTO idempotency AS k (key, fingerprint, task_id, creation_time)
            SELECT key, fingerprint, task_id, now()
            FROM unnest($1::text[], $2::bytea[], $3::uuid[]) AS t (key, fingerprint, task_id)
            ON CONFLICT (key) DO UPDATE
            SET fingerprint = excluded.fingerprint, task_id = excluded.task_id,
                creation_time = excluded.creation_time
            WHERE k.task_id = ANY($4::uuid[])";
        let kept = session.execute(upsert, &[&texts, &fingerprints, &tasks, &before])?;
        match kept == keys.len() as u64 {
            true => Ok(()),
            false => Err(Failure::Conflict("an idempotency key is in use")),
        }
    }

    fn insert(&self, session: &mut Session<'_>, replies: &mut [SessionReply]) -> Result<()> {
        let new = &self.new;
        macro_rules! array {
            ($type:ty, $of:expr) => {
                new.iter().map($of).collect::<Vec<$type>>()
            };
        }
        fn ranked<'n, T>(new: &'n New<'_>, of: impl FnOnce(&'n Ranking) -> T) -> Option<T> {
            new.ranking.as_ref().map(|(ranking, ..)| of(ranking))
        }
        let tasks = array!(Uuid, |n| n.session.task_id.uuid());
        let statuses = array!(i16, |n| match n.ranking {
            None => code(TaskStatus::Pending) as i16,
            Some(_) => code(TaskStatus::Success) as i16,
        });
        let attempts = array!(i32, |n| i32::from(n.ranking.is_some()));
        let priorities = array!(i16, |n| priority_code(n.session.priority) as i16);
        let models = array!(Option<i64>, |n| ranked(n, |r| r.model_id).flatten());
        let catalogs = array!(Option<i64>, |n| ranked(n, |r| r.catalog_version));
        let explored = array!(bool, |n| ranked(n, |r| r.explored).unwrap_or(false));
        let judges = array!(bool, |n| ranked(n, judging).unwrap_or(false));
        let shown = array!(i16, |n| n
            .ranking
            .as_ref()
            .map_or(0, |(.., shown)| *shown as i16));
        let candidates = array!(Option<Vec<u8>>, |n| {
            n.session.candidates.as_deref().map(codec::ids_to_bytes)
        });
        let lists = array!(Option<&[u8]>, |n| n
            .ranking
            .as_ref()
            .map(|(_, l, _)| &l[..]));
        let rows: Vec<&mlp_core::Row> = new.iter().map(|n| &n.session.user).collect();
        let columns = self.store.users.columns.arrays(&rows)?;
        let mut values: Vec<&(dyn postgres::types::ToSql + Sync)> = vec![
            &tasks,
            &statuses,
            &attempts,
            &priorities,
            &models,
            &catalogs,
            &explored,
            &judges,
            &shown,
            &candidates,
            &lists,
        ];
        values.extend(columns.iter().map(|column| &**column));
        let inserted = session.query(&self.store.sessions.insert, &values)?;
        let mut numbers: HashMap<TaskId, (i64, i64)> = HashMap::with_capacity(inserted.len());
        for row in &inserted {
            numbers.insert(task_id(row, 0)?, (row.try_get(1)?, row.try_get(2)?));
        }
        for new in new.iter().filter(|new| new.ranking.is_some()) {
            if let SessionReply::Shown(shown) = &mut replies[new.reply]
                && let Some((inference_id, user_id)) = numbers.get(&shown.task_id)
            {
                shown.inference_id = *inference_id;
                shown.user_id = *user_id;
            }
        }
        Ok(())
    }

    fn update(&self, session: &mut Session<'_>) -> Result<()> {
        let mut changed: Vec<&Known> = self.known.values().filter(|k| k.changed).collect();
        if changed.is_empty() {
            return Ok(());
        }
        // In one order everywhere, so that two processes cannot wait for each other.
        changed.sort_unstable_by_key(|known| known.inference_id);
        let choice = |known: &Known| known.choice.filter(|_| known.chosen);
        let ids: Vec<i64> = changed.iter().map(|k| k.inference_id).collect();
        let shown: Vec<i16> = changed.iter().map(|k| k.shown_n as i16).collect();
        let items: Vec<Option<i64>> = changed.iter().map(|k| Some(choice(k)?.item_id)).collect();
        let ranks: Vec<Option<i16>> = (changed.iter())
            .map(|k| Some(choice(k)?.rank? as i16))
            .collect();
        let seen: Vec<Option<i16>> = (changed.iter())
            .map(|k| Some(choice(k)?.shown_n as i16))
            .collect();
        let update = "UPDATE inferences AS i
            SET shown_n = greatest(i.shown_n, s.shown_n),
                shown_at = CASE WHEN s.shown_n > 0 THEN coalesce(i.shown_at, now())
                    ELSE i.shown_at END,
                selected = coalesce(s.item_id, i.selected),
                selected_rank = CASE WHEN s.item_id IS NULL THEN i.selected_rank ELSE s.rank END,
                answered_n = coalesce(s.seen, i.answered_n),
                answered_at = CASE WHEN s.item_id IS NULL THEN i.answered_at ELSE now() END
            FROM unnest($1::bigint[], $2::smallint[], $3::bigint[], $4::smallint[],
                $5::smallint[]) AS s (inference_id, shown_n, item_id, rank, seen)
            WHERE i.inference_id = s.inference_id";
        let updated = session.execute(update, &[&ids, &shown, &items, &ranks, &seen])?;
        match updated == ids.len() as u64 {
            true => Ok(()),
            false => Err(Failure::Conflict("a session has just been pruned")),
        }
    }
}

impl Known {
    fn read(row: &Row) -> Result<Self> {
        let position = |column| -> Result<Option<usize>> {
            let number: Option<i16> = row.try_get(column)?;
            Ok(number.and_then(|number| usize::try_from(number).ok()))
        };
        let choice = match row.try_get(7)? {
            None => None,
            Some(item_id) => Some(Choice {
                item_id,
                rank: position(8)?,
                shown_n: position(9)?.unwrap_or(0),
            }),
        };
        Ok(Self {
            status: status(row, 1)?,
            inference_id: row.try_get(2)?,
            user_id: row.try_get(3)?,
            model_id: row.try_get(4)?,
            catalog_version: row.try_get::<_, Option<i64>>(5)?.unwrap_or(0),
            shown_n: position(6)?.unwrap_or(0),
            choice,
            ranked: row.try_get::<_, Option<Vec<u8>>>(10)?.unwrap_or_default(),
            changed: false,
            chosen: false,
        })
    }
}

impl PostgresStore {
    /// Counts the inferences that are not final, no further than the limit.
    fn count_pending(&self, session: &mut Session<'_>, after: [i64; 2], mark: u64) -> Result<()> {
        let began = Instant::now();
        let limit = i64::try_from(self.options.max_pending).unwrap_or(i64::MAX);
        let count = "SELECT count(*), min(inference_id),
                (SELECT last_value FROM inferences_inference_id_seq) FROM (
                SELECT inference_id FROM inferences
                WHERE open AND priority = $1 AND inference_id > $2
                ORDER BY inference_id LIMIT $3) AS open";
        let (mut found, mut oldest, mut head) = (0, [0; 2], 0);
        for (lane, after) in after.into_iter().enumerate() {
            let row = session.query_one(count, &[&(lane as i16), &after, &limit])?;
            found += unsigned(row.try_get(0)?);
            head = row.try_get(2)?;
            oldest[lane] = row.try_get::<_, Option<i64>>(1)?.unwrap_or(head);
        }
        self.pending.counted(&Count {
            found,
            mark,
            oldest,
            head,
            began,
            ended: Instant::now(),
        });
        Ok(())
    }
}
