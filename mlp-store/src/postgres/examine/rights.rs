//! What the user may do with the tables.

use mlp_core::Schema;

use crate::postgres::db::{Db, Mode};
use crate::traits::Result;

/// The tables that no schema names; those of users come from the schema.
const TABLES: [&str; 8] = [
    "meta",
    "inferences",
    "tasks",
    "idempotency",
    "models_registry",
    "decisions",
    "settings",
    "item_versions",
];

/// What the user may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// The user's name.
    pub user: String,
    /// The schema that unqualified names are looked for in; `None` where there is none to use.
    pub schema: Option<String>,
    /// Whether tables may be made there.
    pub may_create: bool,
    /// What serving needs and is not granted, as `UPDATE on inferences`.
    pub missing: Vec<String>,
}

pub(super) fn rights(db: &Db, schema: Option<&Schema>) -> Result<Rights> {
    let mut tables: Vec<&str> = TABLES.to_vec();
    tables.extend(schema.map(|schema| schema.user.table.as_str()));
    db.run("look at the rights", Mode::Snapshot, |session| {
        let select = "SELECT current_user::text, current_schema()::text,
            coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)";
        let row = session.query_one(select, &[])?;
        let missing = "SELECT p || ' on ' || relname
            FROM pg_class AS c
            CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) WITH ORDINALITY AS a (p, n)
            WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
                AND relname = ANY ($1) AND NOT has_table_privilege(c.oid, p)
            UNION ALL
            SELECT 'USAGE on ' || relname FROM pg_class AS c
            WHERE relnamespace = current_schema()::regnamespace AND relkind = 'S'
                AND relname = 'inferences_users_seq' AND NOT has_sequence_privilege(c.oid, 'USAGE')";
        let missing = session.query(missing, &[&tables])?;
        let missing = missing.iter().map(|row| row.try_get::<_, String>(0));
        Ok(Rights {
            user: row.try_get(0)?,
            schema: row.try_get(1)?,
            may_create: row.try_get(2)?,
            missing: missing.collect::<std::result::Result<_, _>>()?,
        })
    })
}
