//! Values whose form in PostgreSQL is not Rust's.

use std::error::Error;

use mlp_core::Date;
use postgres::Row;
use postgres::types::private::BytesMut;
use postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};
use uuid::Uuid;

use super::error::{Failure, Result};
use crate::state::{kind_of, status_of};
use crate::types::{TaskId, TaskKind, TaskStatus};

pub(super) use crate::text::clean;

/// A moment, in microseconds since 1970, as `timestamptz`. What lies before PostgreSQL's calendar is
/// its `-infinity`, and the last number there is its `infinity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment(pub i64);

/// 2000-01-01, from which PostgreSQL counts, in microseconds since 1970.
const EPOCH_US: i64 = 946_684_800_000_000;

/// The first moment of PostgreSQL's calendar, in its own count. Its last is beyond our numbers.
const FIRST: i64 = -211_813_488_000_000_000;

impl ToSql for Moment {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn Error + Sync + Send>> {
        let count = match self.0 {
            i64::MAX => i64::MAX,
            us => match us.saturating_sub(EPOCH_US) {
                ..FIRST => i64::MIN,
                inside => inside,
            },
        };
        out.extend_from_slice(&count.to_be_bytes());
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Moment {
    fn from_sql(
        _: &Type,
        raw: &'a [u8],
    ) -> std::result::Result<Self, Box<dyn Error + Sync + Send>> {
        let count = i64::from_be_bytes(raw.try_into()?);
        Ok(Self(match count {
            i64::MIN | i64::MAX => count,
            inside => inside.saturating_add(EPOCH_US),
        }))
    }

    accepts!(TIMESTAMPTZ);
}

/// A day as `date`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Day(pub Date);

/// 2000-01-01, in days since 1970.
const EPOCH_DAYS: i32 = 10_957;

impl ToSql for Day {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&(self.0.days() - EPOCH_DAYS).to_be_bytes());
        Ok(IsNull::No)
    }

    accepts!(DATE);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Day {
    fn from_sql(
        _: &Type,
        raw: &'a [u8],
    ) -> std::result::Result<Self, Box<dyn Error + Sync + Send>> {
        let days = i32::from_be_bytes(raw.try_into()?).saturating_add(EPOCH_DAYS);
        let day = Date::from_days(days).ok_or("a day outside the years 1 to 9999")?;
        Ok(Self(day))
    }

    accepts!(DATE);
}

impl TaskId {
    pub(super) fn uuid(self) -> Uuid {
        Uuid::from_bytes(*self.as_bytes())
    }

    pub(super) fn from_uuid(uuid: Uuid) -> Self {
        Self::from_bytes(uuid.into_bytes())
    }
}

pub(super) fn task_id(row: &Row, column: usize) -> Result<TaskId> {
    Ok(TaskId::from_uuid(row.try_get(column)?))
}

pub(super) fn status(row: &Row, column: usize) -> Result<TaskStatus> {
    let code: i16 = row.try_get(column)?;
    let unknown = || Failure::Corrupt(format!("a task has status `{code}`"));
    status_of(code.into()).ok_or_else(unknown)
}

pub(super) fn kind(row: &Row, column: usize) -> Result<TaskKind> {
    let code: i16 = row.try_get(column)?;
    let unknown = || Failure::Corrupt(format!("a task has kind `{code}`"));
    kind_of(code.into()).ok_or_else(unknown)
}

/// One of a few names, stored as text.
pub(super) fn named<T: Copy>(
    row: &Row,
    column: usize,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<T> {
    let text: &str = row.try_get(column)?;
    let found = all.iter().find(|value| name(**value) == text).copied();
    found.ok_or_else(|| Failure::Corrupt(format!("`{text}` is not known")))
}

/// A count or position that is never negative.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A limit as SQL takes it.
pub(super) fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(value: &dyn ToSql, ty: &Type) -> Vec<u8> {
        let mut out = BytesMut::new();
        value.to_sql_checked(ty, &mut out).unwrap();
        out.to_vec()
    }

    /// What `SELECT timestamptz_send('…')` and `date_send` give in PostgreSQL 15.
    #[test]
    fn moments_and_days_have_the_servers_form() {
        let moment = |us| bytes(&Moment(us), &Type::TIMESTAMPTZ);
        assert_eq!(moment(EPOCH_US), [0; 8]);
        assert_eq!(moment(EPOCH_US + 1), [0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(moment(i64::MAX), i64::MAX.to_be_bytes());
        assert_eq!(moment(i64::MIN), i64::MIN.to_be_bytes());
        let day = "2000-01-02".parse().unwrap();
        assert_eq!(bytes(&Day(day), &Type::DATE), [0, 0, 0, 1]);
        for us in [0, -1, 1_767_225_600_000_000, i64::MIN, i64::MAX] {
            let sent = moment(us);
            let back = Moment::from_sql(&Type::TIMESTAMPTZ, &sent).unwrap();
            assert_eq!(back, Moment(us));
        }
    }
}
