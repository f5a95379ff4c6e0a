//! The sessions that a model learns from or is judged by, read from the store.

use mlp_core::explore::Half;
use mlp_core::{Schema, Session};
use mlp_store::{ItemHistory, LoggedSession, Registry, Result, SessionQuery, Store};

/// Which sessions are read.
#[derive(Debug, Clone, PartialEq)]
pub struct DataOptions {
    /// Explored sessions of a half, the newest ones. Default 20,000.
    pub explored: usize,
    /// With fewer explored sessions than this to learn from, others join. Default 100.
    pub enough_explored: usize,
    /// Other sessions, the newest ones. Default 20,000.
    pub others: usize,
    /// The requests changed at this time, in microseconds since 1970: what was answered before says
    /// little of now. Judging is by sessions answered after it; learning too, where there are enough.
    /// Default `None`.
    pub since_us: Option<i64>,
    /// With fewer explored sessions than this to learn from after the change, those before join.
    /// Default 300.
    pub enough_after_onset: usize,
}

impl Default for DataOptions {
    fn default() -> Self {
        Self {
            explored: 20_000,
            enough_explored: 100,
            others: 20_000,
            since_us: None,
            enough_after_onset: 300,
        }
    }
}

/// Sessions to learn from and to judge by, oldest first.
#[derive(Debug, Clone, Default)]
pub struct SessionData {
    /// To learn from.
    pub training: Vec<Session>,
    /// How many of `training` are explored.
    pub explored: usize,
    /// To judge by; no model learns from them.
    pub judging: Vec<Session>,
    /// When the first and the last of `training` were answered, in microseconds since 1970.
    pub answered_us: Option<(i64, i64)>,
    /// The newest catalog version among `training`.
    pub catalog_version: i64,
    /// The time from which `training` is, where what was before was left out.
    pub since_us: Option<i64>,
}

impl SessionData {
    /// Reads the sessions that were answered at or before `until_us`, in microseconds since 1970.
    ///
    /// A logistic model learns best from random lists: in a good list one of ten good items is
    /// labelled 1, which a loss per pair unlearns. Others join only while there are too few.
    ///
    /// # Errors
    ///
    /// Where the store cannot be read.
    pub fn read(
        store: &dyn Store,
        schema: &Schema,
        until_us: i64,
        options: &DataOptions,
    ) -> Result<Self> {
        let history = ItemHistory::new(schema, &store.item_versions()?);
        let query = |explored, half, limit| SessionQuery {
            explored,
            half,
            answered_until_us: until_us,
            before: i64::MAX,
            limit,
        };
        let mut training = newest(store, query(true, Half::Training, options.explored))?;
        let after =
            |session: &LoggedSession| options.since_us.is_none_or(|at| session.answered_us > at);
        let changed = training.iter().filter(|session| after(session)).count();
        let since_us = (options.since_us).filter(|_| changed >= options.enough_after_onset);
        let is_young = |session: &LoggedSession| since_us.is_none() || after(session);
        training.retain(is_young);
        let explored = training.len();
        if explored < options.enough_explored {
            let others = newest(store, query(false, Half::Training, options.others))?;
            training.extend(others.into_iter().filter(is_young));
        }
        training.sort_by_key(|session| (session.answered_us, session.inference_id));
        let mut judging = newest(store, judging_query(until_us, options.explored))?;
        judging.retain(after);
        let numbers = |sessions: &[LoggedSession]| all_numbers(schema, &history, sessions);
        Ok(Self {
            answered_us: training
                .first()
                .zip(training.last())
                .map(|(first, last)| (first.answered_us, last.answered_us)),
            catalog_version: training
                .iter()
                .map(|s| s.catalog_version)
                .max()
                .unwrap_or(0),
            training: numbers(&training),
            explored,
            judging: numbers(&judging),
            since_us,
        })
    }
}

/// A session, and when it was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct DatedSession {
    /// The inference's number.
    pub inference_id: i64,
    /// When it was answered, in microseconds since 1970.
    pub answered_us: i64,
    /// What was shown and picked.
    pub session: Session,
}

/// The explored sessions to learn from that were answered at or before `until_us`, in microseconds
/// since 1970, oldest first: at most `limit`, the newest.
///
/// # Errors
///
/// Where the store cannot be read.
pub fn training_sessions(
    store: &dyn Store,
    schema: &Schema,
    until_us: i64,
    limit: usize,
) -> Result<Vec<DatedSession>> {
    let history = ItemHistory::new(schema, &store.item_versions()?);
    let query = SessionQuery {
        half: Half::Training,
        ..judging_query(until_us, limit)
    };
    let dated = |logged: &LoggedSession| {
        Some(DatedSession {
            inference_id: logged.inference_id,
            answered_us: logged.answered_us,
            session: numbers(schema, &history, logged)?,
        })
    };
    Ok(newest(store, query)?.iter().filter_map(dated).collect())
}

/// The sessions to judge by that were answered at or before `until_us`, in microseconds since 1970,
/// oldest first: at most `limit`, the newest.
pub(crate) fn judging_sessions(
    store: &dyn Store,
    schema: &Schema,
    until_us: i64,
    limit: usize,
) -> Result<Vec<(i64, Session)>> {
    let history = ItemHistory::new(schema, &store.item_versions()?);
    let sessions = newest(store, judging_query(until_us, limit))?;
    Ok((sessions.iter())
        .filter_map(|s| Some((s.answered_us, numbers(schema, &history, s)?)))
        .collect())
}

/// The judging sessions, the newest first.
pub(crate) fn judging_query(until_us: i64, limit: usize) -> SessionQuery {
    SessionQuery {
        explored: true,
        half: Half::Judging,
        answered_until_us: until_us,
        before: i64::MAX,
        limit,
    }
}

fn all_numbers(schema: &Schema, history: &ItemHistory, sessions: &[LoggedSession]) -> Vec<Session> {
    (sessions.iter())
        .filter_map(|session| numbers(schema, history, session))
        .collect()
}

/// Rows read at a time, so that no read holds the store for long.
const PAGE: usize = 2_000;

fn newest(store: &dyn Store, mut query: SessionQuery) -> Result<Vec<LoggedSession>> {
    let mut sessions = Vec::new();
    let mut left = query.limit;
    while left > 0 {
        query.limit = left.min(PAGE);
        let page = Registry::answered_sessions(store, &query)?;
        let Some(last) = page.last() else { break };
        query.before = last.inference_id;
        left -= page.len().min(left);
        sessions.extend(page);
    }
    sessions.reverse();
    Ok(sessions)
}

/// `None` where an item's version is gone: half a list would teach a wrong choice.
fn numbers(schema: &Schema, history: &ItemHistory, session: &LoggedSession) -> Option<Session> {
    let mut user = Vec::new();
    schema.user.numbers(&session.user, &mut user);
    let shown = (session.shown.iter())
        .map(|item| history.at(item.item_id, session.catalog_version))
        .map(|numbers| numbers.map(<[f64]>::to_vec))
        .collect::<Option<Vec<_>>>()?;
    Some(Session {
        user,
        shown,
        picked: session.picked,
    })
}
