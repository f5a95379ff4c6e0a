//! What was stored, for people to look at.

use super::bench::{Bench, ok, ranking};
use super::sample_row;
use crate::types::{ItemChange, NewSession, SessionOp};
use mlp_core::{Date, Entity, FieldType, Row, Value};

/// Rows that hold the ends of every type.
fn extreme_rows(entity: &Entity) -> Vec<Row> {
    let long = "ß🙂'\"; DROP TABLE users; --\t\n\r\\ \u{202e}".repeat(200);
    (0..6)
        .map(|turn| {
            let values = entity.columns.iter().map(|column| match &column.kind {
                _ if turn == 5 => Value::Null,
                FieldType::Bool => Value::Bool(turn % 2 == 0),
                FieldType::Int => Value::Int([0, i64::MIN, i64::MAX, -1, 1 << 53][turn]),
                FieldType::Float => {
                    Value::Float([0.0, f64::MIN, f64::MAX, 5e-324, 0.1 + 0.2][turn])
                }
                FieldType::Text => {
                    Value::Text(["", "x", "NULL", " a ", long.as_str()][turn].into())
                }
                FieldType::Date => {
                    let days = [0, -719_528, 2_932_896, -1, -4_000_000][turn];
                    Date::from_days(days).map_or(Value::Null, Value::Date)
                }
                FieldType::Category(levels) => Value::Level((turn % levels.len()) as u16),
                FieldType::IntList => Value::Ints(match turn {
                    0 => vec![],
                    1 => vec![i64::MIN, i64::MAX, 0],
                    _ => (0..1000).collect(),
                }),
            });
            Row(values.collect())
        })
        .collect()
}

fn start(bench: &Bench, user: Row) -> SessionOp {
    SessionOp::Start(NewSession {
        user,
        ..bench.request()
    })
}

pub(super) fn values_of_every_type_come_back(bench: &Bench) {
    let open = bench.open();
    let users = extreme_rows(&bench.schema.user);
    let ops: Vec<_> = users.iter().map(|u| start(bench, u.clone())).collect();
    ok(open.store.apply(&ops));
    let kept = ok(open.store.users_page(0, 100));
    assert_eq!(
        kept.iter().map(|u| &u.row).collect::<Vec<_>>(),
        users.iter().collect::<Vec<_>>()
    );
    let items = extreme_rows(&bench.schema.item);
    let puts = items.iter().map(|row| ItemChange::Put {
        item_id: None,
        row: row.clone(),
    });
    ok(open.store.change_items(&puts.collect::<Vec<_>>()));
    let (_, kept) = ok(open.store.catalog());
    assert_eq!(
        kept.iter().map(|i| &i.row).collect::<Vec<_>>(),
        items.iter().collect::<Vec<_>>()
    );
}

pub(super) fn sample_rows_come_back(bench: &Bench) {
    let open = bench.open();
    let rows: Vec<Row> = (0..200)
        .map(|seed| sample_row(&bench.schema.user, seed))
        .collect();
    let ops: Vec<_> = rows.iter().map(|u| start(bench, u.clone())).collect();
    ok(open.store.apply(&ops));
    let kept = ok(open.store.users_page(0, 1000));
    let kept: Vec<Row> = kept.into_iter().map(|user| user.row).collect();
    assert_eq!(kept, rows);
}

pub(super) fn values_of_another_type_are_refused(bench: &Bench) {
    let open = bench.open();
    let good = sample_row(&bench.schema.user, 1);
    for position in 0..good.values().len() {
        let mut bad = good.clone();
        bad.0[position] = match bench.schema.user.columns[position].kind {
            FieldType::Text => Value::Int(1),
            _ => Value::Text("1".into()),
        };
        assert!(
            open.store.apply(&[start(bench, bad)]).is_err(),
            "{position}"
        );
    }
    let mut bad = good.clone();
    for (value, column) in bad.0.iter_mut().zip(&bench.schema.user.columns) {
        if let FieldType::Category(levels) = &column.kind {
            *value = Value::Level(levels.len() as u16);
        }
    }
    assert_eq!(
        open.store.apply(&[start(bench, bad.clone())]).is_err(),
        bad != good
    );
}

pub(super) fn a_user_has_a_number_and_a_time(bench: &Bench) {
    let open = bench.open();
    let session = bench.request();
    let row = session.user.clone();
    open.apply(SessionOp::Start(session));
    let page = ok(open.store.users_page(0, 10));
    let user = ok(open.store.user(page[0].user_id)).expect("it is kept");
    assert_eq!((&user, &user.row), (&page[0], &row));
    assert!(user.created_us > 0);
    for unknown in [0, -1, user.user_id + 1, i64::MAX] {
        assert_eq!(ok(open.store.user(unknown)), None);
    }
}

pub(super) fn users_come_in_pages(bench: &Bench) {
    let open = bench.open();
    for _ in 0..7 {
        open.start();
    }
    let all = ok(open.store.users_page(0, 100));
    let mut paged = Vec::new();
    let mut after = 0;
    loop {
        let page = ok(open.store.users_page(after, 3));
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = last.user_id;
        paged.extend(page);
    }
    assert_eq!(paged, all);
}

pub(super) fn counts_count(bench: &Bench) {
    let open = bench.open();
    let counts = ok(open.store.counts());
    assert_eq!((counts.items, counts.users), (0, 0));
    ok(open
        .store
        .change_items(&[bench.new_item(), bench.new_item()]));
    open.start();
    open.finished_beside(ranking(2));
    let counts = ok(open.store.counts());
    assert_eq!((counts.items, counts.users), (2, 2));
}

pub(super) fn erasing_takes_the_texts_and_leaves_the_numbers(bench: &Bench) {
    let open = bench.open();
    let task = open.answered(ranking(5), 2);
    let other = open.start();
    let users = ok(open.store.users_page(0, 10));
    assert_eq!(users.len(), 2);
    let user_id = users[0].user_id;
    for _ in 0..2 {
        assert!(ok(open.store.erase_user(user_id)));
        let erased = ok(open.store.user(user_id)).expect("it is there");
        let columns = bench.schema.user.columns.iter();
        let values = erased.row.values().iter().zip(users[0].row.values());
        for (column, (now, before)) in columns.zip(values) {
            match column.kind {
                FieldType::Text => assert_eq!(*now, Value::Null),
                _ => assert_eq!(now, before),
            }
        }
        assert_eq!(erased.created_us, users[0].created_us);
    }
    assert_eq!(
        ok(open.store.user(users[1].user_id)).as_ref(),
        Some(&users[1])
    );
    assert_eq!(open.results(task).len(), 5);
    assert_eq!(
        open.logged(false, mlp_core::explore::Half::Training).len(),
        1
    );
    assert_eq!(open.status(other), crate::types::TaskStatus::Pending);
}

pub(super) fn erasing_nobody_says_so(bench: &Bench) {
    let open = bench.open();
    for unknown in [0, 1, -1, i64::MAX] {
        assert!(!ok(open.store.erase_user(unknown)));
    }
}
