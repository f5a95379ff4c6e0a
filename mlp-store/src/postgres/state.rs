//! Numbers that many parts share, in the table `meta`.

use super::db::Session;
use super::error::Result;

/// A number.
pub(super) fn meta(session: &mut Session<'_>, name: &str) -> Result<i64> {
    let select = "SELECT value FROM meta WHERE name = $1";
    Ok(session.query_one(select, &[&name])?.try_get(0)?)
}

/// A number, which nobody else changes until the transaction ends.
pub(super) fn locked_meta(session: &mut Session<'_>, name: &str) -> Result<i64> {
    let select = "SELECT value FROM meta WHERE name = $1 FOR UPDATE";
    Ok(session.query_one(select, &[&name])?.try_get(0)?)
}

pub(super) fn set_meta(session: &mut Session<'_>, name: &str, value: i64) -> Result<()> {
    session.execute(
        "UPDATE meta SET value = $2 WHERE name = $1",
        &[&name, &value],
    )?;
    Ok(())
}
