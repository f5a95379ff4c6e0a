//! Names that are none, or are taken.

use mlp_core::Schema;

use super::{BASE, check, error};

const NAME: &str =
    "a name is a lower-case letter, then at most 62 lower-case letters, digits or `_`";

#[test]
fn names_that_are_no_names() {
    for name in [
        "",
        "Age",
        "1age",
        "_age",
        "age;",
        "age\\\"; DROP TABLE readers; --",
        "a'b",
        "a b",
        "a-b",
        "a.b",
        "âge",
        "a\\u0000",
        "a\\n",
        "select*",
    ] {
        let shown = name
            .replace("\\\"", "\"")
            .replace("\\u0000", "\0")
            .replace("\\n", "\n");
        for (key, line) in [
            ("mini", 1),
            ("reader", 4),
            ("readers", 5),
            ("age", 8),
            ("books", 25),
            ("long", 41),
        ] {
            let from = format!("= \"{key}\" #");
            let text = BASE.replacen(&from, &format!("= \"{name}\" #"), 1);
            assert_eq!(error(&text), format!("mini.toml:{line}: `{shown}`: {NAME}"));
        }
        let text = BASE.replacen("[\"cover\"]", &format!("[\"{name}\"]"), 1);
        assert_eq!(error(&text), format!("mini.toml:26: `{shown}`: {NAME}"));
        let text = BASE.replacen("summaries = \"tag\"", &format!("summaries = \"{name}\""), 1);
        assert_eq!(error(&text), format!("mini.toml:17: `{shown}`: {NAME}"));
    }
    let long = "a".repeat(64);
    let text = BASE.replacen("\"age\" # 8", &format!("\"{long}\" # 8"), 1);
    assert_eq!(error(&text), format!("mini.toml:8: `{long}`: {NAME}"));
}

#[test]
fn names_that_are_taken() {
    check(&[
        (
            "\"reader\"",
            "\"book\"",
            "mini.toml:24: `book`: user and item need four different names for `name` and `table`",
        ),
        (
            "\"readers\"",
            "\"reader\"",
            "mini.toml:5: `reader`: user and item need four different names for `name` and `table`",
        ),
        (
            "\"books\"",
            "\"readers\"",
            "mini.toml:25: `readers`: user and item need four different names for `name` and `table`",
        ),
        (
            "\"readers\"",
            "\"events\"",
            "mini.toml:5: `events`: the name is reserved",
        ),
        (
            "\"readers\"",
            "\"sqlite_master\"",
            "mini.toml:5: `sqlite_master`: the name is reserved",
        ),
        (
            "\"readers\"",
            "\"pg_class\"",
            "mini.toml:5: `pg_class`: the name is reserved",
        ),
        (
            "\"readers\"",
            "\"inferences_due\"",
            "mini.toml:5: `inferences_due`: the name is reserved",
        ),
        (
            "\"book\"",
            "\"result\"",
            "mini.toml:24: `result`: the name is reserved",
        ),
        (
            "\"book\"",
            "\"info\"",
            "mini.toml:24: `info`: the name is reserved",
        ),
        (
            "\"pages\" # 36",
            "\"genre\"",
            "mini.toml:36: `genre`: the name stands twice",
        ),
        (
            "\"pages\" # 36",
            "\"book_id\"",
            "mini.toml:36: `book_id`: the name stands twice",
        ),
        (
            "\"pages\" # 36",
            "\"creation_time\"",
            "mini.toml:36: `creation_time`: the name is reserved",
        ),
        (
            "\"pages\" # 36",
            "\"score\"",
            "mini.toml:36: `score`: the name is reserved",
        ),
        (
            "\"pages\" # 36",
            "\"xmin\"",
            "mini.toml:36: `xmin`: the name is reserved",
        ),
        (
            "\"cover\"",
            "\"pages\"",
            "mini.toml:26: `pages`: the name stands twice",
        ),
        (
            "\"cover\"",
            "\"cover\", \"cover\"",
            "mini.toml:26: `cover`: the name stands twice",
        ),
        (
            "\"age\" # 8",
            "\"tag_avg\"",
            "mini.toml:17: `tag_avg`: the name stands twice",
        ),
        (
            "\"age\" # 8",
            "\"tags\"",
            "mini.toml:14: `tags`: the name stands twice",
        ),
        (
            "\"long\"",
            "\"pages\"",
            "mini.toml:41: `pages`: the name stands twice",
        ),
    ]);
    let fits = "t".repeat(59);
    assert!(
        Schema::parse(
            "mini.toml",
            &BASE.replacen("\"tag\"", &format!("\"{fits}\""), 1)
        )
        .is_ok()
    );
    let text = BASE.replacen("\"tag\"", &format!("\"{fits}t\""), 1);
    assert_eq!(
        error(&text),
        format!("mini.toml:17: `{fits}t_avg`: the name is over 63 bytes long")
    );
    let text = BASE.replacen("\"book\"", &format!("\"{fits}tt\""), 1);
    assert_eq!(
        error(&text),
        format!("mini.toml:24: `{fits}tt`: `{fits}tt_id` is over 63 bytes long")
    );
}
