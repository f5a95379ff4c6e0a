//! Reading data sets that are not as they should be.

use std::fs;
use std::path::Path;

use mlp_data::dataset::{
    self, LABELLED, LOCATIONS, MANIFEST, Options, SessionReader, read_locations,
};
use proptest::prelude::*;

use crate::{shipped_locations, shipped_users};

/// Five sessions of three rows each: the labelled table has lines 1 to 16.
fn make(dir: &Path) -> String {
    let options = Options {
        dir: dir.to_owned(),
        n_user: 5,
        n_loc_per_user: 3,
        ..Options::new(shipped_users(), shipped_locations())
    };
    dataset::generate(&options, |_| {}).expect("a data set");
    fs::read_to_string(dir.join(LABELLED)).expect("a table")
}

/// The first error of a labelled table, without the directory.
fn error(dir: &Path, table: &[u8]) -> Option<String> {
    fs::write(dir.join(LABELLED), table).expect("written");
    let sessions = match SessionReader::open(dir) {
        Ok(sessions) => sessions,
        Err(error) => {
            return Some(
                error
                    .to_string()
                    .replace(&format!("{}/", dir.display()), ""),
            );
        }
    };
    let mut sessions = sessions.skip_while(Result::is_ok);
    let error = sessions.next()?.expect_err("skipped what is sound");
    assert!(sessions.next().is_none(), "nothing comes after an error");
    Some(
        error
            .to_string()
            .replace(&format!("{}/", dir.display()), ""),
    )
}

/// `table` with one cell changed; lines from 1, columns by name.
fn with_cell(table: &str, line: usize, column: &str, value: &str) -> String {
    let header: Vec<_> = table
        .lines()
        .next()
        .expect("a header")
        .split('\t')
        .collect();
    let place = header
        .iter()
        .position(|name| *name == column)
        .expect("a column");
    let mut lines: Vec<String> = table.lines().map(str::to_owned).collect();
    let mut cells: Vec<_> = lines[line - 1].split('\t').collect();
    cells[place] = value;
    lines[line - 1] = cells.join("\t");
    lines.join("\n") + "\n"
}

#[test]
fn a_faulty_value_is_named_with_its_line_and_column() {
    let dir = tempfile::tempdir().expect("a directory");
    let table = make(dir.path());
    assert_eq!(error(dir.path(), table.as_bytes()), None);
    for (line, column, value, message) in [
        (5, "budget", "much", "`much` is not a finite number"),
        (5, "budget", "inf", "`inf` is not a finite number"),
        (
            2,
            "people_num",
            "-1",
            "`-1` is not a whole number from 0 to 4294967295",
        ),
        (
            2,
            "people_age",
            "23, 45",
            "`23, 45` is not a list of ages such as `[23, 45]`",
        ),
        (
            2,
            "people_age",
            "[23, x]",
            "`[23, x]` is not a list of ages such as `[23, 45]`",
        ),
        (
            2,
            "time_arrival",
            "2026-02-30",
            "`2026-02-30` is not a date, YYYY-MM-DD",
        ),
        (8, "pool", "yes", "`yes` is not `True` or `False`"),
        (3, "has_pool", "", "`` is not `True` or `False`"),
        (16, "user_score", "NaN", "`NaN` is not a finite number"),
        (4, "label", "2", "`2` is not a label, `0` or `1`"),
        (
            6,
            "name",
            "Else",
            "`Else` differs from the first row of the session, line 5",
        ),
    ] {
        let changed = with_cell(&table, line, column, value);
        let expected = format!("{LABELLED}, line {line}, column `{column}`: {message}");
        assert_eq!(error(dir.path(), changed.as_bytes()), Some(expected));
    }
}

#[test]
fn ages_must_fit_the_group() {
    let dir = tempfile::tempdir().expect("a directory");
    let table = make(dir.path());
    let changed = with_cell(&table, 2, "people_age", "[]");
    let message = error(dir.path(), changed.as_bytes()).expect("a fault");
    let expected =
        format!("{LABELLED}, line 2, column `people_age`: has `0` ages, `people_num` is");
    assert!(message.starts_with(&expected), "{message}");
}

#[test]
fn a_session_has_one_choice() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut table = make(dir.path());
    for line in 5..=7 {
        table = with_cell(&table, line, "label", "1");
    }
    assert_eq!(
        error(dir.path(), table.as_bytes()).as_deref(),
        Some(
            "dataset_labelled.tsv, line 6, column `label`: `1` is there a second time in the \
             session that begins at line 5"
        )
    );
}

#[test]
fn a_faulty_shape_is_named_with_its_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let table = make(dir.path());
    let lines: Vec<_> = table.lines().collect();
    let first = |n: usize| lines[..n].join("\n");
    for (changed, message) in [
        (
            String::new(),
            "line 1: expected a header line, the file is empty",
        ),
        (
            first(1),
            "line 1: the file ends after `0` rows, the manifest states 15",
        ),
        (
            first(13),
            "line 13: the file ends after `12` rows, the manifest states 15",
        ),
        (
            first(14),
            "line 14: the file ends after `1` rows of a session, expected 3",
        ),
        (
            table.clone() + &lines[13..].join("\n"),
            "line 19: the file ends after `18` rows, the manifest states 15",
        ),
        (
            first(5) + "\t0\n",
            "line 5: has `32` cells, the header has 31 columns",
        ),
        (
            table.replacen("label", "chosen", 1),
            "line 1: column `label` is missing",
        ),
        (
            table.replacen("spa\t", "pool\t", 1),
            "line 1: column `pool` is there twice",
        ),
    ] {
        let expected = format!("{LABELLED}, {message}");
        assert_eq!(error(dir.path(), changed.as_bytes()), Some(expected));
    }
}

#[test]
fn a_manifest_that_is_missing_or_wrong_is_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let open = || SessionReader::open(dir.path()).err().expect("a fault");
    let name = dir.path().display();
    assert_eq!(
        open().to_string(),
        format!("`{name}` holds no complete data set: it has no dataset_manifest.json")
    );
    make(dir.path());
    let path = dir.path().join(MANIFEST);
    let sound = fs::read_to_string(&path).expect("a manifest");
    for (text, cause) in [
        (
            String::new(),
            "EOF while parsing a value at line 1 column 0",
        ),
        (
            sound.replace("\"version\": 1", "\"version\": 9"),
            "`version` is `9`, expected 1",
        ),
        (
            sound.replace("\"rows_per_session\": 3", "\"rows_per_session\": 0"),
            "`rows_per_session` is `0`, expected at least 1",
        ),
    ] {
        fs::write(&path, text).expect("written");
        let error = open();
        let expected = format!("`{}` is not a manifest that can be used", path.display());
        assert_eq!(error.to_string(), expected);
        assert_eq!(
            std::error::Error::source(&error)
                .expect("a cause")
                .to_string(),
            cause
        );
    }
}

#[test]
fn a_faulty_table_of_locations_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    make(dir.path());
    let path = dir.path().join(LOCATIONS);
    let table = fs::read_to_string(&path).expect("a table");
    fs::write(&path, with_cell(&table, 9, "price", "cheap")).expect("written");
    assert_eq!(
        read_locations(&path).expect_err("a fault").to_string(),
        format!(
            "{}, line 9, column `price`: `cheap` is not a finite number",
            path.display()
        )
    );
}

#[test]
fn columns_may_stand_elsewhere_and_others_beside_them() {
    let dir = tempfile::tempdir().expect("a directory");
    let table = make(dir.path());
    let read = || -> Vec<_> {
        let sessions = SessionReader::open(dir.path()).expect("a reader");
        sessions
            .map(|session| session.expect("a session"))
            .collect()
    };
    let before = read();
    let reversed: String = table
        .lines()
        .map(|line| {
            let cells: Vec<_> = line.split('\t').rev().collect();
            format!("extra\t{}\r\n", cells.join("\t"))
        })
        .collect();
    assert_eq!(error(dir.path(), reversed.as_bytes()), None);
    assert_eq!(read(), before);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_damage_makes_the_reader_panic(
        at in any::<prop::sample::Index>(),
        length in 0usize..40,
        bytes in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let dir = tempfile::tempdir().expect("a directory");
        let table = make(dir.path()).into_bytes();
        let start = at.index(table.len());
        let end = (start + length).min(table.len());
        let damaged = [&table[..start], &bytes, &table[end..]].concat();
        if let Some(message) = error(dir.path(), &damaged) {
            prop_assert!(message.starts_with("dataset_labelled.tsv, line "), "{}", message);
        }
    }
}
