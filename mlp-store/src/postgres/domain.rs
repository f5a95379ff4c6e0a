//! The tables that the schema shapes, users and items, and the views under names that dashboards
//! know.

use mlp_core::{Entity, Schema};

use super::columns::sql_type;
use super::db::{Db, Mode, Session};
use super::error::{Failure, Result};
use super::migrate;
use crate::domain::Domain;
use crate::error::StoreError;
use crate::state::quoted;

/// Raised when [`VIEWS`] or the other views change: they are then made anew.
const VIEWS_VERSION: i64 = 1;

/// Makes the schema's tables, or fits them to a schema that gained columns or levels.
///
/// # Errors
///
/// Where stored rows would lose their meaning.
pub(super) fn fit(db: &Db, schema: &Schema) -> std::result::Result<(), StoreError> {
    let wanted = Domain::new(schema);
    let fits = db.run("look at the schema", Mode::Transaction, |session| {
        Ok(stored(session)?.is_some_and(|stored| fits(&stored, &wanted)))
    })?;
    if fits {
        return Ok(());
    }
    db.run(
        "fit the tables to the schema",
        Mode::Transaction,
        |session| {
            migrate::lock(session)?;
            // Another process may have done it meanwhile.
            match stored(session)? {
                None => create(session, schema)?,
                Some((before, _)) => {
                    refuse_difference(&before, &wanted, db.place())?;
                    widen(session, schema, &before)?;
                }
            }
            let columns = item_columns(session, schema)?;
            session.batch(&views(schema, &columns))?;
            let text =
                serde_json::to_string(&wanted).map_err(|e| Failure::invalid(e.to_string()))?;
            let keep = "INSERT INTO meta (name, value, content) VALUES ('domain', $1, $2)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value, content = excluded.content";
            session.execute(keep, &[&VIEWS_VERSION, &text])?;
            Ok(())
        },
    )
}

/// Whether the tables and the views are the schema's.
///
/// # Errors
///
/// Where they cannot become so.
pub(super) fn is_up_to_date(
    session: &mut Session<'_>,
    schema: &Schema,
    place: &str,
) -> Result<bool> {
    let wanted = Domain::new(schema);
    let Some(stored) = stored(session)? else {
        return Ok(false);
    };
    refuse_difference(&stored.0, &wanted, place)?;
    Ok(fits(&stored, &wanted))
}

fn fits((domain, views): &(Domain, i64), wanted: &Domain) -> bool {
    domain == wanted && *views >= VIEWS_VERSION
}

fn refuse_difference(before: &Domain, wanted: &Domain, place: &str) -> Result<()> {
    let Some(difference) = before.difference(wanted) else {
        return Ok(());
    };
    let place = place.to_owned();
    Err(Failure::Store(StoreError::Domain { place, difference }))
}

/// What the tables were made for, and the version of the views.
fn stored(session: &mut Session<'_>) -> Result<Option<(Domain, i64)>> {
    let select = "SELECT content, value FROM meta WHERE name = 'domain'";
    let Some(row) = session.query_opt(select, &[])? else {
        return Ok(None);
    };
    let text: &str = row.try_get(0)?;
    let unreadable = |error: serde_json::Error| Failure::Corrupt(format!("the domain: {error}"));
    let domain = serde_json::from_str(text).map_err(unreadable)?;
    Ok(Some((domain, row.try_get(1)?)))
}

fn create(session: &mut Session<'_>, schema: &Schema) -> Result<()> {
    let (user, item) = (&schema.user, &schema.item);
    session.batch(&format!(
        "CREATE TABLE {users} (
             {user_id} bigint PRIMARY KEY,
             creation_time timestamptz NOT NULL{user_columns}
         );
         CREATE INDEX inferences_users_time ON {users} USING brin (creation_time);
         CREATE TABLE item_versions (
             {item_id} bigint NOT NULL,
             from_version bigint NOT NULL,
             to_version bigint,
             creation_time timestamptz NOT NULL{item_columns},
             PRIMARY KEY ({item_id}, from_version)
         );
         CREATE UNIQUE INDEX item_versions_current ON item_versions ({item_id})
             WHERE to_version IS NULL;",
        users = quoted(&user.table),
        user_id = quoted(&user.id_name()),
        item_id = quoted(&item.id_name()),
        user_columns = definitions(user),
        item_columns = definitions(item),
    ))
}

fn definitions(entity: &Entity) -> String {
    let define = |c: &mlp_core::Column| format!(", {} {}", quoted(&c.name), sql_type(&c.kind));
    entity.columns.iter().map(define).collect()
}

fn widen(session: &mut Session<'_>, schema: &Schema, before: &Domain) -> Result<()> {
    let tables = [
        (&schema.user, &before.user, quoted(&schema.user.table)),
        (&schema.item, &before.item, "item_versions".to_owned()),
    ];
    for (entity, shape, table) in tables {
        for column in entity.columns.iter().filter(|c| !shape.has(&c.name)) {
            let (name, kind) = (quoted(&column.name), sql_type(&column.kind));
            session.batch(&format!("ALTER TABLE {table} ADD COLUMN {name} {kind}"))?;
        }
    }
    Ok(())
}

/// The items' columns in the order of the table, which a gained one ends: a view can be replaced,
/// and keep its grants and what rests on it, only where its first columns stay.
fn item_columns(session: &mut Session<'_>, schema: &Schema) -> Result<String> {
    let select = "SELECT attname::text FROM pg_attribute
        WHERE attrelid = 'item_versions'::regclass AND attnum > 0 AND NOT attisdropped
        ORDER BY attnum";
    let mut columns = String::new();
    for row in session.query(select, &[])? {
        let name: &str = row.try_get(0)?;
        if schema.item.columns.iter().any(|column| column.name == name) {
            columns += &format!(", {}", quoted(name));
        }
    }
    Ok(columns)
}

/// Everything that can be replaced at any time: the current items under the name of their table,
/// and what the Python stack had as tables and dashboards ask for.
fn views(schema: &Schema, columns: &str) -> String {
    let item = &schema.item;
    let items = format!(
        "CREATE OR REPLACE VIEW {table} AS SELECT {id}, creation_time{columns}
             FROM item_versions WHERE to_version IS NULL;",
        table = quoted(&item.table),
        id = quoted(&item.id_name()),
    );
    let results = RESULTS
        .replace("$item_id", &quoted(&item.id_name()))
        .replace("$user_id", &quoted(&schema.user.id_name()));
    [items.as_str(), results.as_str(), EVENTS, MODELS].join("\n")
}

/// The lists' formats are those of the crate's `codec`.
const RESULTS: &str = "
    CREATE OR REPLACE FUNCTION inferences_ranked(list bytea)
        RETURNS TABLE (rank integer, item_id bigint, score real)
        LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE ROWS 100 AS $$
    DECLARE
        version integer := get_byte(list, 0);
        place integer := 1;
        part integer;
        shift integer;
        number bigint;
        bits bigint := 0;
        fraction double precision;
    BEGIN
        IF version NOT IN (1, 2) THEN
            RAISE EXCEPTION 'the list has format %', version;
        END IF;
        rank := 0;
        WHILE place < octet_length(list) LOOP
            number := 0;
            shift := 0;
            LOOP
                part := get_byte(list, place);
                place := place + 1;
                number := number | ((part & 127)::bigint << shift);
                EXIT WHEN part < 128;
                shift := shift + 7;
            END LOOP;
            IF version = 1 THEN
                item_id := ((number >> 1) & 9223372036854775807) # (-(number & 1));
                -- SQL reads `|` and `<<` from left to right, without precedence.
                bits := get_byte(list, place) | (get_byte(list, place + 1) << 8)
                    | (get_byte(list, place + 2) << 16) | (get_byte(list, place + 3)::bigint << 24);
                place := place + 4;
            ELSE
                item_id := number;
                number := 0;
                shift := 0;
                LOOP
                    part := get_byte(list, place);
                    place := place + 1;
                    number := number | ((part & 127)::bigint << shift);
                    EXIT WHEN part < 128;
                    shift := shift + 7;
                END LOOP;
                bits := bits + ((number >> 1) # (-(number & 1)));
            END IF;
            fraction := (bits & 8388607) / 8388608.0::double precision;
            part := (bits >> 23) & 255;
            score := CASE
                WHEN part = 255 AND fraction > 0 THEN 'NaN'::double precision
                WHEN part = 255 THEN 'Infinity'::double precision
                WHEN part = 0 THEN fraction * 2.0::double precision ^ (-126)
                ELSE (1 + fraction) * 2.0::double precision ^ (part - 127)
            END * CASE WHEN bits >> 31 = 1 THEN -1 ELSE 1 END;
            RETURN NEXT;
            rank := rank + 1;
        END LOOP;
    END $$;
    CREATE OR REPLACE VIEW results AS
        SELECT i.inference_id * 1024 + r.rank AS result_id, i.task_id, i.user_id AS $user_id,
            r.item_id AS $item_id, r.score,
            (i.selected_rank IS NOT DISTINCT FROM r.rank)::integer AS label,
            r.rank < i.shown_n AS shown, i.creation_time
        FROM inferences AS i CROSS JOIN LATERAL inferences_ranked(i.ranked) AS r;
";

/// An event is a time that a row has.
const EVENTS: &str = "
    CREATE OR REPLACE VIEW events AS
        SELECT 'inference_start'::text AS event, creation_time AS time_event FROM inferences
        UNION ALL
        SELECT 'results', shown_at FROM inferences WHERE shown_at IS NOT NULL
        UNION ALL
        SELECT 'selection', answered_at FROM inferences WHERE answered_at IS NOT NULL
        UNION ALL
        SELECT 'good_inference', answered_at FROM inferences WHERE selected_rank IS NOT NULL
        UNION ALL
        SELECT 'bad_inference', answered_at FROM inferences
            WHERE answered_at IS NOT NULL AND selected_rank IS NULL
        UNION ALL
        SELECT 'training', creation_time FROM tasks WHERE kind = 1;
";

/// Models with the measures of their artifacts, and the results that each was trained on.
const MODELS: &str = "
    CREATE OR REPLACE VIEW models AS
        SELECT model_id, task_id, creation_time AS time_creation, status, use_percentage,
            (a #>> '{train,accuracy}')::double precision AS train_acc,
            (a #>> '{train,precision}')::double precision AS train_precision,
            (a #>> '{train,recall}')::double precision AS train_recall,
            (a #>> '{train,f1}')::double precision AS train_f1,
            (a #>> '{test,accuracy}')::double precision AS test_acc,
            (a #>> '{test,precision}')::double precision AS test_precision,
            (a #>> '{test,recall}')::double precision AS test_recall,
            (a #>> '{test,f1}')::double precision AS test_f1
        FROM (SELECT *, artifact::jsonb AS a FROM models_registry) AS m;
    CREATE OR REPLACE VIEW datasets AS
        -- Apart, or each artifact is parsed anew for each inference.
        WITH made AS MATERIALIZED (
            SELECT task_id, creation_time,
                timestamptz 'epoch' + (l ->> 'from_us')::bigint * interval '1 microsecond' AS since,
                timestamptz 'epoch' + (l ->> 'to_us')::bigint * interval '1 microsecond' AS until
            FROM (SELECT *, artifact::jsonb -> 'lineage' AS l FROM models_registry) AS m
        )
        SELECT made.task_id, i.inference_id * 1024 + r.rank AS result_id,
            made.creation_time AS time_creation
        FROM made
        JOIN inferences AS i ON i.explored AND NOT i.judging
            AND i.answered_at BETWEEN made.since AND made.until
        CROSS JOIN LATERAL generate_series(0, i.answered_n - 1) AS r (rank)
        WHERE i.answered_n > coalesce(i.selected_rank, 0);
";
