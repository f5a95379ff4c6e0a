//! What the log holds.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use mlp_store::conformance::postgres::Cluster;
use postgres::Client;

/// The end of the log, in bytes.
pub fn position(client: &mut Client) -> u64 {
    super::server::number(client, "pg_current_wal_insert_lsn() - '0/0'") as u64
}

/// The log's records between two positions by type and relation, then as `pg_waldump` sums them.
pub fn listing(cluster: &Cluster, client: &mut Client, from: u64, to: u64, n: f64) -> String {
    // `pg_waldump` reads files, and the last records may still be in memory.
    client.batch_execute("SELECT pg_switch_wal()").unwrap();
    let lsn = |at: u64| format!("{:X}/{:X}", at >> 32, at & 0xffff_ffff);
    let dump = |more: &[&str]| {
        let mut command = cluster.command("pg_waldump");
        command.args(["-p", "data/pg_wal", "-s", &lsn(from), "-e", &lsn(to)]);
        let said = command.args(more).output().unwrap();
        let error = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "pg_waldump: {error}");
        String::from_utf8_lossy(&said.stdout).into_owned()
    };
    let names = relations(client);
    let mut records: BTreeMap<(String, String), (f64, f64)> = BTreeMap::new();
    for line in dump(&[]).lines() {
        if let Some((kind, relation, bytes)) = read(line) {
            let relation = match names.get(relation) {
                Some(name) => name.clone(),
                None => relation.to_owned(),
            };
            let sum = records.entry((kind, relation)).or_default();
            *sum = (sum.0 + 1.0, sum.1 + bytes);
        }
    }
    let mut records: Vec<_> = records.into_iter().collect();
    records.sort_by(|(_, a), (_, b)| b.1.total_cmp(&a.1));
    let mut text = "bytes/session  records/session  bytes/record  record, relation\n".to_owned();
    for ((kind, relation), (count, bytes)) in records {
        let _ = writeln!(
            text,
            "{:13.1}  {:15.3}  {:12.1}  {kind}, {relation}",
            bytes / n,
            count / n,
            bytes / count
        );
    }
    text + "\n" + &dump(&["--stats=record"])
}

/// A record's type, first relation and length.
fn read(line: &str) -> Option<(String, &str, f64)> {
    let manager = line.strip_prefix("rmgr: ")?.split_whitespace().next()?;
    let bytes = line.split_once("(rec/tot):")?.1;
    let bytes = bytes.split_once('/')?.1.split_once(',')?.0.trim();
    let what = line.split_once("desc: ")?.1.split_whitespace().next()?;
    let relation = match line.split_once("blkref #0: rel ") {
        Some((_, rest)) => rest.split_whitespace().next()?.rsplit('/').next()?,
        None => "-",
    };
    let images = if line.contains("FPW") {
        " with images"
    } else {
        ""
    };
    let kind = format!("{manager} {}{images}", what.trim_end_matches(','));
    Some((kind, relation, bytes.parse().ok()?))
}

fn relations(client: &mut Client) -> HashMap<String, String> {
    let select = "SELECT pg_relation_filenode(oid)::text, relname::text FROM pg_class
        WHERE pg_relation_filenode(oid) IS NOT NULL";
    let rows = client.query(select, &[]).unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}
