//! `mlp drift`: two files of users, and the newest requests of a database.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use mlp_core::drift::{DriftReport, DriftVerdict};

use crate::process::mlp;

const READING: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../mlp-core/testdata/reading.toml"
);

fn run(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// Readers in a file, who have so many hours more than usual; without names, which no model sees.
fn readers(path: &Path, n: u32, more: u32, comma: char) -> PathBuf {
    let mut text = format!("genre{comma}patience{comma}hours{comma}shelves{comma}member\n");
    let mut random = 12_345_u32 + n + more;
    let mut below = |n: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 16) % n
    };
    for _ in 0..n {
        let genre = ["novel", "poetry", "non-fiction"][below(3) as usize];
        let patience = f64::from(below(20_000)) / 1000.0 - 10.0;
        let (hours, member) = (below(40) + more, below(2) == 1);
        let row = format!("{genre}{comma}{patience}{comma}{hours}{comma}[]{comma}{member}");
        writeln!(text, "{row}").unwrap();
    }
    std::fs::write(path, text).unwrap();
    path.to_owned()
}

fn compare(data: &Path, reference: &Path, current: &Path) -> Command {
    let mut command = mlp(data);
    command
        .args(["--schema", READING, "drift", "--reference"])
        .arg(reference)
        .arg("--current")
        .arg(current);
    command
}

#[test]
fn two_files_are_compared_and_the_exit_code_says_what_was_found() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name);
    let before = readers(&file("before.csv"), 3000, 0, ',');
    let same = readers(&file("same.tsv"), 1000, 0, '\t');
    let after = readers(&file("after.tsv"), 1000, 7, '\t');
    let (code, calm, error) = run(&mut compare(dir.path(), &before, &same));
    assert_eq!(code, 0, "{calm}\n{error}");
    let json = file("drift.json");
    let (code, told, error) = run(compare(dir.path(), &before, &after)
        .arg("--json")
        .arg(&json));
    assert_eq!(code, 3, "{told}\n{error}");
    let line = told.lines().find(|line| line.starts_with("! ")).unwrap();
    assert!(
        line.contains("hours") && line.contains("over the greatest ever seen"),
        "{told}"
    );
    let drifted = told.lines().filter(|line| line.starts_with("! ")).count();
    assert_eq!(drifted, 1, "{told}");
    assert!(told.contains("PSI over 0.1"), "{told}");
    let report: DriftReport =
        serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!(report.verdict, DriftVerdict::Drift);
    // But for those that are alike.
    assert!((2980..=3000).contains(&report.reference_requests));
    assert!((990..=1000).contains(&report.window_requests));
    // Nothing was looked for in a database.
    assert!(!dir.path().join("mlp.db").exists());
}

#[test]
fn what_cannot_be_compared_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name);
    let few = readers(&file("few.csv"), 500, 0, ',');
    let enough = readers(&file("enough.csv"), 2000, 0, ',');
    let (code, told, error) = run(&mut compare(dir.path(), &few, &enough));
    assert_eq!((code, error.as_str()), (1, ""), "{told}");
    for words in ["No verdict", "few.csv` has 500 rows", "--fresh-users"] {
        assert_eq!(told.matches(words).count(), 1, "{words}:\n{told}");
    }
    assert!(!told.contains("wrong with a probability"), "{told}");
    let (code, told, _) = run(&mut compare(
        dir.path(),
        &enough,
        &readers(&file("a.csv"), 9, 0, ','),
    ));
    assert!(
        code == 1 && told.contains("a.csv` has 9 rows, 9 of them"),
        "{told}"
    );
    // Under a schema of other users: travel's, which is built in.
    let mut other = mlp(dir.path());
    other.args(["drift", "--reference"]).arg(&enough);
    let (code, _, error) = run(other.arg("--current").arg(&enough));
    assert!(
        code == 1 && error.contains("enough.csv:1: missing columns: people_num"),
        "{error}"
    );
    let wrong = file("wrong.csv");
    std::fs::write(&wrong, "shelves,hours\n[],4\n[],many\n").unwrap();
    let (code, _, error) = run(&mut compare(dir.path(), &enough, &wrong));
    assert!(
        code == 1 && error.contains("wrong.csv:3: column `hours`: `many`"),
        "{error}"
    );
    let (code, _, _) = run(mlp(dir.path()).args(["drift", "--reference", "a.csv"]));
    assert_eq!(code, 2);
}

#[test]
fn the_data_set_of_the_generator_is_read_and_a_database_is_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let (code, told, error) = run(mlp(data).args(["drift"]));
    assert_eq!((code, error.as_str()), (1, ""), "{told}");
    assert!(
        told.contains("No verdict: there is no champion yet"),
        "{told}"
    );
    let (code, told, _) = run(mlp(data).args(["drift", "--history"]));
    assert_eq!(code, 0);
    assert!(
        told.contains("no verdict") && told.contains("there is no champion yet"),
        "{told}"
    );
    let (code, _, error) = run(mlp(data).args(["db", "seed", "--sessions", "1500"]));
    assert_eq!(code, 0, "{error}");
    let (code, _, error) = run(mlp(data).args(["train", "--settle", "0"]));
    assert_eq!(code, 0, "{error}");
    let json = data.join("look.json");
    let (code, told, error) = run(mlp(data).args(["drift", "--json"]).arg(&json));
    // Nobody asked since the training.
    assert_eq!((code, error.as_str()), (1, ""), "{told}");
    assert!(told.contains("No verdict"), "{told}");
    assert!(told.contains("champion     1"), "{told}");
    let text = std::fs::read_to_string(json).unwrap();
    let report: mlp_core::watch::WatchReport = serde_json::from_str(&text).unwrap();
    assert_eq!((report.model_id, report.alarm_since_us), (Some(1), None));
    let (_, told, _) = run(mlp(data).args(["drift", "--history", "1"]));
    assert_eq!(told.lines().count(), 1, "{told}");
}
