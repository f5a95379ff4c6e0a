//! A beginning for an empty store: items, and sessions of the past to learn from.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use mlp_core::explore::half;
use mlp_core::{Row, Schema, Value};
use mlp_data::dataset::{self, SessionReader};
use mlp_data::{LocationConfig, UserConfig};
use mlp_store::{ImportedSession, Store, TaskId};

use super::domain::Travel;
use super::error::{Error, Result};
use super::items;

/// The configurations of the simulated domain.
#[derive(clap::Args, Clone, Debug)]
pub struct Configs {
    /// Profiles of simulated users. Default: those built in
    #[arg(long, value_name = "FILE")]
    pub user_configs: Option<PathBuf>,

    /// Profiles of simulated locations. Default: those built in
    #[arg(long, value_name = "FILE")]
    pub location_configs: Option<PathBuf>,
}

impl Configs {
    /// The users' profiles; warnings go to the log.
    pub fn users(&self) -> Result<UserConfig> {
        let parsed = match &self.user_configs {
            Some(path) => UserConfig::from_path(path)?,
            None => UserConfig::from_reader("user.tsv", mlp_data::shipped::USERS.as_bytes())?,
        };
        for warning in &parsed.warnings {
            tracing::warn!("{warning}");
        }
        Ok(parsed.value)
    }

    /// The locations' profiles; warnings go to the log.
    pub fn locations(&self) -> Result<LocationConfig> {
        let parsed = match &self.location_configs {
            Some(path) => LocationConfig::from_path(path)?,
            None => {
                let shipped = mlp_data::shipped::LOCATIONS.as_bytes();
                LocationConfig::from_reader("location.tsv", shipped)?
            }
        };
        for warning in &parsed.warnings {
            tracing::warn!("{warning}");
        }
        Ok(parsed.value)
    }
}

/// What was put into the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seeded {
    /// Items.
    pub items: usize,
    /// Sessions.
    pub sessions: usize,
}

/// Makes a data set of fresh users in `dir`.
pub fn generate(configs: &Configs, dir: &Path, sessions: u64, seed: u64) -> Result<()> {
    let options = dataset::Options {
        dir: dir.to_owned(),
        n_user: sessions,
        fresh_users: true,
        distinct: true,
        seed,
        ..dataset::Options::new(configs.users()?, configs.locations()?)
    };
    dataset::generate(&options, |_| ())?;
    Ok(())
}

/// Sessions stored in one transaction.
const BATCH: usize = 500;

/// Puts a data set's items and sessions into a store. An id is the item's row in the file.
pub fn import(store: &dyn Store, schema: &Schema, dir: &Path) -> Result<Seeded> {
    let rows = items::read(schema, &dir.join(dataset::LOCATIONS))?;
    let ids: HashMap<String, i64> = rows.iter().map(|(id, row)| (key(row), *id)).collect();
    let n_items = rows.len();
    items::import(store, rows, false)?;
    let travel = Travel::new(schema);
    let (mut batch, mut sessions) = (Vec::with_capacity(BATCH), 0);
    for session in SessionReader::open(dir)? {
        let session = session?;
        let shown = (session.locations.iter())
            .map(|location| {
                let row = travel.item_row(location)?;
                ids.get(&key(&row)).copied().ok_or_else(|| {
                    Error::run(format!(
                        "{}: a labelled row shows an item that {} does not have",
                        dir.join(dataset::LABELLED).display(),
                        dataset::LOCATIONS
                    ))
                })
            })
            .collect::<Result<Vec<i64>>>()?;
        let task_id = TaskId::new_v7();
        let (shown, picked) = distinct(&shown, session.chosen);
        batch.push(ImportedSession {
            task_id,
            user: travel.user_row(&session.user)?,
            shown,
            picked,
            half: half(task_id.as_bytes()),
        });
        sessions += 1;
        if batch.len() == BATCH {
            store.import_sessions(&std::mem::take(&mut batch))?;
        }
    }
    store.import_sessions(&batch)?;
    Ok(Seeded {
        items: n_items,
        sessions,
    })
}

/// Data sets may show an item twice in a session; stored sessions do not.
fn distinct(shown: &[i64], chosen: Option<usize>) -> (Vec<i64>, Option<usize>) {
    let mut once: Vec<i64> = Vec::with_capacity(shown.len());
    for id in shown {
        if !once.contains(id) {
            once.push(*id);
        }
    }
    let picked = chosen.and_then(|c| once.iter().position(|id| *id == shown[c]));
    (once, picked)
}

fn key(row: &Row) -> String {
    // Numbers print in full, so that equal keys are equal rows.
    let cell = |value: &Value| format!("{value:?}\t");
    row.values().iter().map(cell).collect()
}
