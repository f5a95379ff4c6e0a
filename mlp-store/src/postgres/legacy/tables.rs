//! Which tables and columns are there.

use std::collections::{BTreeMap, HashMap};

use postgres::Client;

use crate::postgres::error::Result;
use crate::state::quoted;

/// The names under which times of creation go, the first that is there.
const CREATED: [&str; 2] = ["creation_time", "time_creation"];

/// Columns of each table, with their types.
pub(super) struct Tables(HashMap<String, BTreeMap<String, String>>);

/// A table's columns.
pub(super) struct Columns<'a> {
    table: &'a str,
    columns: &'a BTreeMap<String, String>,
}

impl Tables {
    pub fn read(client: &mut Client) -> Result<Self> {
        let select = "SELECT table_name::text, column_name::text, data_type::text
            FROM information_schema.columns WHERE table_schema = current_schema()";
        let mut tables: HashMap<String, BTreeMap<String, String>> = HashMap::new();
        for row in client.query(select, &[])? {
            let columns = tables.entry(row.try_get(0)?).or_default();
            columns.insert(row.try_get(1)?, row.try_get(2)?);
        }
        Ok(Self(tables))
    }

    /// Our own views have the old tables' names.
    pub fn refuse_ours(&self) -> std::result::Result<(), String> {
        match self.0.contains_key("meta") && self.0.contains_key("item_versions") {
            true => Err("it is mlp's own already: copy it with pg_dump".to_owned()),
            false => Ok(()),
        }
    }

    pub fn table<'a>(&'a self, table: &'a str) -> std::result::Result<Columns<'a>, String> {
        self.find(table).ok_or_else(|| {
            let mut found: Vec<&str> = self.0.keys().map(String::as_str).collect();
            found.sort_unstable();
            let found = if found.is_empty() {
                "none".to_owned()
            } else {
                found.join(", ")
            };
            format!(
                "it has no table `{table}`; its tables are: {found}. Name the database and, by \
                 `options=-csearch_path=…` in its URL, the schema of the Python stack"
            )
        })
    }

    pub fn find<'a>(&'a self, table: &'a str) -> Option<Columns<'a>> {
        let columns = self.0.get(table)?;
        Some(Columns { table, columns })
    }
}

impl Columns<'_> {
    pub fn has(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.keys().map(String::as_str)
    }

    /// Which of these are missing, where any is.
    pub fn require(&self, names: &[&str]) -> std::result::Result<(), String> {
        let missing: Vec<String> = (names.iter())
            .filter(|name| !self.has(name))
            .map(|name| format!("`{name}`"))
            .collect();
        match missing.is_empty() {
            true => Ok(()),
            false => Err(format!(
                "its table `{}` has no column {}; it has {}",
                self.table,
                missing.join(", "),
                self.names().collect::<Vec<_>>().join(", ")
            )),
        }
    }

    /// A key must be a whole number: rows are read in its order, and keep it.
    pub fn require_number(&self, name: &str) -> std::result::Result<(), String> {
        let kind = self.columns.get(name).map_or("", String::as_str);
        match kind {
            "smallint" | "integer" | "bigint" => Ok(()),
            kind => Err(format!(
                "its `{}.{name}` is `{kind}`, must be a whole number",
                self.table
            )),
        }
    }

    /// The time of creation as text of microseconds since 1970, of a column after `prefix`; `None`
    /// where there is none. A time without a zone is UTC's.
    pub fn created(&self, prefix: &str) -> std::result::Result<Option<String>, String> {
        let Some(name) = CREATED.iter().find(|name| self.has(name)) else {
            return Ok(None);
        };
        let kind = self.columns.get(*name).map_or("", String::as_str);
        if !kind.starts_with("timestamp") && kind != "date" {
            let table = self.table;
            return Err(format!(
                "its `{table}.{name}` is `{kind}`, must be a timestamp"
            ));
        }
        let column = format!("{prefix}{}", quoted(name));
        Ok(Some(format!(
            "CASE WHEN isfinite({column}) THEN
                 (extract(epoch FROM {column}) * 1000000)::bigint::text END"
        )))
    }
}
