//! The database of the Python stack, read as records of ours.
//!
//! Its tables were made by an ORM from a program that is no longer here: which columns they have is
//! looked up, and each value is checked on its way. What is wrong is counted and named, never
//! guessed. The names of the tables of users and items, of their keys and columns are the schema's.
//!
//! A task with results becomes a finished inference: what was shown first, then the rest, each best
//! score first, ties by the item's number. It is answered where one result has label 1. Where none
//! has, nobody knows whether the user chose none of them or said nothing, and so it is unanswered.

mod convert;
mod entities;
mod tables;
mod tasks;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use mlp_core::{Entity, Schema};
use postgres::{Client, IsolationLevel, Row, Transaction};

use self::entities::{EntityPlan, EntityRow};
use self::tables::Tables;
use self::tasks::{Grouping, TaskPlan};
use super::config::PostgresConfig;
use super::error::{Failure, Result};
use crate::traits::Result as Public;
use crate::transfer::{Heads, Records, Table};
use crate::types::{ItemVersion, UserRow};

/// Rows that are asked for at a time.
const PAGE: i32 = 5_000;

/// Faults that are named.
const NAMED: usize = 5;

/// A database of the Python stack.
pub struct Legacy {
    client: Client,
    place: String,
    schema: Arc<Schema>,
    items: EntityPlan,
    users: EntityPlan,
    tasks: TaskPlan,
    notes: Vec<String>,
}

impl std::fmt::Debug for Legacy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Legacy")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// Rows of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// How many were taken.
    pub taken: u64,
    /// How many were left out.
    pub left_out: u64,
    /// Why, of the first few.
    pub faults: Vec<String>,
}

impl Tally {
    fn leave_out(&mut self, fault: String) {
        self.left_out += 1;
        if self.faults.len() < NAMED {
            self.faults.push(fault);
        }
    }
}

/// What a reading found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LegacyReport {
    /// Items.
    pub items: Tally,
    /// Users.
    pub users: Tally,
    /// Tasks with results.
    pub inferences: Tally,
    /// Of these, how many have an answer.
    pub answered: u64,
    /// Results that were not kept, for being beyond the best of their task.
    pub cut: u64,
    /// The last numbers.
    pub heads: Heads,
}

impl LegacyReport {
    /// Rows that were left out.
    pub fn left_out(&self) -> u64 {
        [&self.items, &self.users, &self.inferences]
            .map(|tally| tally.left_out)
            .iter()
            .sum()
    }
}

impl Legacy {
    /// Connects, and looks which tables and columns are there; nothing is written.
    ///
    /// # Errors
    ///
    /// Where it is out of reach, or tables or columns are missing: which.
    pub fn open(config: &PostgresConfig, schema: Arc<Schema>) -> Public<Self> {
        let place = config.place().to_owned();
        let opened = config
            .connect()
            .map_err(Failure::from)
            .and_then(|mut client| {
                let tables = Tables::read(&mut client)?;
                Ok((client, tables))
            });
        let (client, tables) = opened.map_err(|failure| failure.at(&place, "look at tables"))?;
        let mut notes = Vec::new();
        let plan = || -> std::result::Result<_, String> {
            tables.refuse_ours()?;
            let items = EntityPlan::new(&tables, &schema.item, &mut notes)?;
            let users = EntityPlan::new(&tables, &schema.user, &mut notes)?;
            let tasks = TaskPlan::new(&tables, &schema)?;
            Ok((items, users, tasks))
        };
        let mut plan = plan;
        let (items, users, tasks) = plan().map_err(|reason| crate::StoreError::Open {
            place: place.clone(),
            reason,
        })?;
        Ok(Self {
            client,
            place,
            schema,
            items,
            users,
            tasks,
            notes,
        })
    }

    /// Where it is, without secrets.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What was found that may matter: columns that are missing or left out.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Reads everything on one state of the database, and hands it over in pages: items, users,
    /// inferences, each in the order of their numbers.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or `sink` fails.
    pub fn read(&mut self, sink: &mut dyn FnMut(Records) -> Public<()>) -> Public<LegacyReport> {
        let place = self.place.clone();
        self.read_at_once(sink)
            .map_err(|failure| failure.at(&place, "read the old tables"))
    }

    fn read_at_once(
        &mut self,
        sink: &mut dyn FnMut(Records) -> Public<()>,
    ) -> Result<LegacyReport> {
        let mut report = LegacyReport::default();
        let mut transaction = (self.client.build_transaction())
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()?;
        let mut items = HashSet::new();
        let plan = (&self.items, &self.schema.item);
        read_entity(&mut transaction, plan, &mut report.items, &mut |rows| {
            items.extend(rows.iter().map(|row| row.id));
            let rows = rows.into_iter().map(item).collect();
            Ok(sink(Records::Items(rows))?)
        })?;
        let mut users = HashMap::new();
        let plan = (&self.users, &self.schema.user);
        let mut last = 0;
        read_entity(&mut transaction, plan, &mut report.users, &mut |rows| {
            users.extend(rows.iter().map(|row| (row.id, row.created_us)));
            last = rows.last().map_or(last, |row| row.id);
            let rows = rows.into_iter().map(user).collect();
            Ok(sink(Records::Users(rows))?)
        })?;
        report.heads.catalog = i64::from(!items.is_empty());
        report.heads.users = last;
        let mut grouping = Grouping::new(&items, &users, self.schema.max_shown, &mut report);
        each_page(&mut transaction, &self.tasks.select, &mut |rows| {
            for row in rows {
                grouping.take(row)?;
            }
            grouping.hand_over(Table::Inferences.page(), sink)
        })?;
        grouping.end(sink)?;
        Ok(report)
    }
}

type Plan<'a> = (&'a EntityPlan, &'a Entity);

fn read_entity(
    transaction: &mut Transaction<'_>,
    (plan, entity): Plan<'_>,
    tally: &mut Tally,
    sink: &mut dyn FnMut(Vec<EntityRow>) -> Result<()>,
) -> Result<()> {
    each_page(transaction, &plan.select, &mut |rows| {
        let mut kept = Vec::with_capacity(rows.len());
        for row in rows {
            match plan.read(entity, row)? {
                Ok(row) => kept.push(row),
                Err(fault) => tally.leave_out(fault),
            }
        }
        tally.taken += kept.len() as u64;
        sink(kept)
    })
}

/// Rows come in pages, however many there are: a driver would else gather them all.
fn each_page(
    transaction: &mut Transaction<'_>,
    select: &str,
    work: &mut dyn FnMut(&[Row]) -> Result<()>,
) -> Result<()> {
    let portal = transaction.bind(select, &[])?;
    loop {
        let rows = transaction.query_portal(&portal, PAGE)?;
        if rows.is_empty() {
            return Ok(());
        }
        work(&rows)?;
    }
}

fn item(row: EntityRow) -> ItemVersion {
    ItemVersion {
        item_id: row.id,
        from_version: 1,
        to_version: None,
        created_us: row.created_us,
        row: row.row,
    }
}

fn user(row: EntityRow) -> UserRow {
    UserRow {
        user_id: row.id,
        created_us: row.created_us,
        row: row.row,
    }
}
