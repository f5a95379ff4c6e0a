//! Many sessions in little time.

use postgres::Client;

/// Adds `n` finished sessions that are like the oldest finished one, over the last 30 days, oldest
/// first; each inference's user has its number. Set-based, so that millions take
/// minutes. Nobody else may write meanwhile.
///
/// # Errors
///
/// What the server says.
pub fn multiply(client: &mut Client, users: &str, n: i64) -> Result<(), postgres::Error> {
    /// One statement's share.
    const SHARE: i64 = 250_000;
    let names = |client: &mut Client, table: &str, but: &[&str]| -> Result<String, _> {
        let select = "SELECT coalesce(string_agg(format(', %I', attname), '' ORDER BY attnum), '')
            FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0
                AND NOT attisdropped AND attname <> ALL($2)";
        let row = client.query_one(select, &[&table, &but])?;
        Ok::<String, postgres::Error>(row.get(0))
    };
    let key = "SELECT attname::text FROM pg_attribute
        WHERE attrelid = $1::text::regclass AND attnum = 1";
    let user_id: String = client.query_one(key, &[&users])?.get(0);
    let user_columns = names(client, users, &[&user_id, "creation_time"])?;
    let own = ["inference_id", "user_id", "task_id", "creation_time"];
    let columns = names(client, "inferences", &own)?;
    let head = format!(
        "SELECT greatest((SELECT max(inference_id) FROM inferences),
             (SELECT max({user_id}) FROM {users}))"
    );
    let head: i64 = client.query_one(&head, &[])?.get(0);
    for from in (1..=n).step_by(usize::try_from(SHARE).unwrap_or(1)) {
        let to = n.min(from + SHARE - 1);
        let given = format!(
            "SELECT {head} + i AS number,
                 now() - interval '30 days' * (({n} - i) / {n}::double precision) AS made, i
             FROM generate_series({from}::bigint, {to}::bigint) AS i"
        );
        let mut change = client.transaction()?;
        change.batch_execute(&format!(
            "INSERT INTO {users} ({user_id}, creation_time{user_columns})
             SELECT g.number, g.made{user_columns} FROM ({given}) AS g CROSS JOIN (SELECT *
                 FROM {users} ORDER BY {user_id} LIMIT 1) AS u;"
        ))?;
        // Version 7: the time in milliseconds, then what looks random.
        change.batch_execute(&format!(
            "INSERT INTO inferences (inference_id, user_id, task_id, creation_time{columns})
             SELECT g.number, g.number,
                 (lpad(to_hex((extract(epoch FROM g.made) * 1000)::bigint), 12, '0') || '7'
                     || substr(md5(g.i::text), 1, 3) || '8' || substr(md5(g.i::text), 4, 15))::uuid,
                 g.made{columns}
             FROM ({given}) AS g CROSS JOIN (SELECT * FROM inferences WHERE status = 3
                 ORDER BY inference_id LIMIT 1) AS l;"
        ))?;
        change.commit()?;
    }
    client.batch_execute(&format!(
        "SELECT setval('inferences_users_seq', {last}),
             setval(pg_get_serial_sequence('inferences', 'inference_id'), {last})",
        last = head + n
    ))
}
