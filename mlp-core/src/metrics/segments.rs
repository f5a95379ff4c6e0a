//! Slices of sessions by what their users are.

use crate::schema::{Entity, FieldType};

/// Sessions whose users are alike in one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// What they have in common, as `hours from 4 to 12` or `genre = poetry`.
    pub name: String,
    /// Positions of its sessions, ascending, at least one.
    pub sessions: Vec<usize>,
}

/// The sessions by the column `column` of their users, in the order of values; `None` where the
/// entity has no such column, or one without an order (text, lists that are not summarised).
///
/// A bool gives two segments, a category one for each level, a number or a date at most `buckets`
/// (at least 1) of nearly equal counts: users of equal value are never parted, so there are fewer
/// where values repeat. Empty segments are left out; all sessions are in exactly one.
///
/// `users` are the numbers of each session's user, each of shape `(n_user_columns,)`, as
/// [`Entity::numbers`] gives them: a missing value counts as its default.
pub fn segments<'a>(
    user: &Entity,
    column: &str,
    users: impl IntoIterator<Item = &'a [f64]>,
    buckets: usize,
) -> Option<Vec<Segment>> {
    let position = user.column(column)?;
    let kind = &user.columns[position].kind;
    let mut values: Vec<(f64, usize)> = (users.into_iter().enumerate())
        .map(|(session, numbers)| (numbers.get(position).copied().unwrap_or(0.0), session))
        .collect();
    values.sort_by(|a, b| (a.0 + 0.0).total_cmp(&(b.0 + 0.0)));
    let groups: Vec<&[(f64, usize)]> = match kind {
        FieldType::Text | FieldType::IntList => return None,
        FieldType::Bool | FieldType::Category(_) => values.chunk_by(|a, b| a.0 == b.0).collect(),
        FieldType::Int | FieldType::Float | FieldType::Date => {
            by_quantiles(&values, buckets.max(1))
        }
    };
    let segment = |group: &[(f64, usize)]| {
        let mut sessions: Vec<usize> = group.iter().map(|(_, session)| *session).collect();
        sessions.sort_unstable();
        let (low, high) = (group[0].0, group[group.len() - 1].0);
        Segment {
            name: name(column, kind, low, high),
            sessions,
        }
    };
    Some(groups.into_iter().map(segment).collect())
}

/// Cuts sorted values at quantiles, moved up to where the next value begins.
fn by_quantiles(mut values: &[(f64, usize)], buckets: usize) -> Vec<&[(f64, usize)]> {
    let mut groups = Vec::new();
    for left in (1..=buckets).rev() {
        if values.is_empty() {
            break;
        }
        // Rounded up, so that the last one is not the smallest by far.
        let least = values.len().div_ceil(left);
        let last = values[least - 1].0;
        let end = values.partition_point(|value| value.0 <= last);
        let (group, rest) = values.split_at(end);
        groups.push(group);
        values = rest;
    }
    groups
}

fn name(column: &str, kind: &FieldType, low: f64, high: f64) -> String {
    let number = |x: f64| match kind {
        FieldType::Date => {
            crate::Date::from_days(x as i32).map_or_else(|| x.to_string(), |date| date.to_string())
        }
        FieldType::Int => x.to_string(),
        // A float's last digits say nothing to a reader.
        _ => format!("{x:.4}")
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned(),
    };
    match kind {
        FieldType::Bool => format!("{column} = {}", low != 0.0),
        FieldType::Category(levels) => match levels.get(low as usize) {
            Some(level) => format!("{column} = {level}"),
            None => format!("{column} = {low}"),
        },
        _ if low == high => format!("{column} = {}", number(low)),
        _ => format!("{column} from {} to {}", number(low), number(high)),
    }
}
