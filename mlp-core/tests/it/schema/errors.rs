//! Every fault of a schema file, with the file, the line and the field.

mod features;
mod names;

use mlp_core::Schema;

use crate::support::inline_text;

/// The lines that the cases change are numbered.
const BASE: &str = r#"name = "mini" # 1

[user]
name = "reader" # 4
table = "readers" # 5

[[user.fields]]
name = "age" # 8
type = "int" # 9
min = 0 # 10
max = 150 # 11

[[user.fields]]
name = "tags" # 14
type = "int_list" # 15
count = "n_tags" # 16
summaries = "tag" # 17

[[user.fields]]
name = "n_tags" # 20
type = "int" # 21

[item]
name = "book" # 24
table = "books" # 25
null_fields = ["cover"] # 26

[[item.fields]]
name = "genre" # 29
type = "category" # 30
levels = [
  "prose", "verse",
] # 31 to 33

[[item.fields]]
name = "pages" # 36
type = "float" # 37
default = 100 # 38

[[features]]
name = "long" # 41
op = "greater" # 42
args = [
  "pages", "age",
] # 43 to 45
"#;

fn error(text: &str) -> String {
    match Schema::parse("mini.toml", text) {
        Ok(_) => panic!("no error in\n{text}"),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn check(cases: &[(&str, &str, &str)]) {
    assert!(Schema::parse("mini.toml", BASE).is_ok());
    for (from, to, expected) in cases {
        assert_eq!(BASE.matches(from).count(), 1, "{from} is not unique");
        let text = BASE.replacen(from, to, 1);
        assert_eq!(error(&text), *expected, "{from} -> {to}");
        // Neither line ends of another kind nor what stands before change the rest.
        let moved = format!("# héllo\n\n{text}").replace('\n', "\r\n");
        let line = |text: &str| text.split(':').nth(1).and_then(|n| n.parse::<usize>().ok());
        assert_eq!(
            line(&error(&moved)),
            line(expected).map(|n| n + 2),
            "{from} -> {to}"
        );
    }
}

#[test]
fn fields() {
    check(&[
        (
            "\"int\" # 9",
            "\"integer\"",
            "mini.toml:9: `age`: unknown type `integer`: one of bool, int, float, text, date, category, int_list",
        ),
        (
            "\"float\" # 37",
            "\"category\"",
            "mini.toml:37: `pages`: a category needs `levels`",
        ),
        (
            "\"category\"",
            "\"int\"",
            "mini.toml:31: `genre`: only a category has `levels`",
        ),
        ("\"prose\", \"verse\"", "\"prose\", \"prose\"", LEVELS),
        ("[\n  \"prose\", \"verse\",\n]", "[]", LEVELS),
        ("\"prose\", \"verse\"", "\"\"", LEVELS),
        ("\"prose\", \"verse\"", "\"a\\tb\"", LEVELS),
        (
            "min = 0",
            "min = 151",
            "mini.toml:10: `age`: min `151` is over max `150`",
        ),
        (
            "min = 0",
            "min = 0.5",
            "mini.toml:10: `age`: `0.5` is no bound of this type",
        ),
        (
            "min = 0",
            "min = nan",
            "mini.toml:10: `age`: `NaN` is no bound of this type",
        ),
        (
            "max = 150",
            "max = inf",
            "mini.toml:11: `age`: `inf` is no bound of this type",
        ),
        (
            "\"int\" # 9",
            "\"bool\"",
            "mini.toml:10: `age`: a `bool` field has no `min` or `max`",
        ),
        (
            "\"int\" # 9",
            "\"date\"",
            "mini.toml:10: `age`: a `date` field has no `min` or `max`",
        ),
        (
            "\"int\" # 9\nmin = 0",
            "\"text\"\nmin = -1",
            "mini.toml:10: `age`: `-1` is no bound of this type",
        ),
        (
            "default = 100",
            "default = \"many\"",
            "mini.toml:38: `pages`: default `many`: Input should be a valid number, unable to parse string as a number",
        ),
        (
            "default = 100",
            "default = nan",
            "mini.toml:38: `pages`: default `nan`: Input should be a finite number",
        ),
        (
            "default = 100",
            "min = 101\ndefault = 100",
            "mini.toml:39: `pages`: default `100`: Input should be greater than or equal to 101",
        ),
        (
            "default = 100",
            "default = [1]",
            "mini.toml:38: `pages`: default `[1]`: Input should be a valid number, unable to parse string as a number",
        ),
        (
            "] # 31 to 33",
            "]\ndefault = \"rhyme\"",
            "mini.toml:34: `genre`: default `rhyme`: Input should be 'prose' or 'verse'",
        ),
        (
            "summaries = \"tag\" # 17",
            "default = [1]",
            "mini.toml:17: `tags`: a list has no default",
        ),
        (
            "count = \"n_tags\"",
            "count = \"nothing\"",
            "mini.toml:16: `tags`: `count` names `nothing`, which is no `int` field here",
        ),
        (
            "count = \"n_tags\"",
            "count = \"tags\"",
            "mini.toml:16: `tags`: `count` names `tags`, which is no `int` field here",
        ),
        (
            "count = \"n_tags\"",
            "count = \"pages\"",
            "mini.toml:16: `tags`: `count` names `pages`, which is no `int` field here",
        ),
        (
            "\"int_list\"",
            "\"int\"",
            "mini.toml:17: `tags`: `summaries` needs type `int_list`, not `int`",
        ),
        (
            "summaries = \"tag\" # 17",
            "feature = true",
            "mini.toml:14: `tags`: a `int_list` field cannot be a feature by itself",
        ),
        (
            "min = 0 # 10",
            "count = \"n_tags\"",
            "mini.toml:10: `age`: `count` needs type `int_list`",
        ),
        (
            "name = \"mini\"",
            "max_shown = 0\nname = \"mini\"",
            "mini.toml:1: `max_shown`: `0` is out of range, 1 to 1024",
        ),
        (
            "name = \"mini\"",
            "max_shown = 1025\nname = \"mini\"",
            "mini.toml:1: `max_shown`: `1025` is out of range, 1 to 1024",
        ),
        (
            "name = \"mini\"",
            "max_shown = -1\nname = \"mini\"",
            "mini.toml:1: `max_shown`: `-1` is out of range, 1 to 1024",
        ),
    ]);
}

const LEVELS: &str = "mini.toml:31: `genre`: levels must be 1 to 1000 different texts of 1 to 63 bytes, without control characters";

#[test]
fn too_many() {
    let levels: Vec<String> = (0..1001).map(|i| format!("\"l{i}\"")).collect();
    let text = BASE.replacen("\"prose\", \"verse\"", &levels.join(","), 1);
    assert_eq!(error(&text), LEVELS);
    let fields: String = (0..400)
        .map(|i| format!("[[user.fields]]\nname = \"f{i}\"\ntype = \"int\"\n"))
        .collect();
    let text = BASE.replacen("[item]", &format!("{fields}[item]"), 1);
    assert!(
        error(&text).ends_with(": `reader`: has 403 fields, at most 400 are allowed"),
        "{}",
        error(&text)
    );
    let levels: Vec<String> = (0..1000).map(|i| format!("\"l{i}\"")).collect();
    let category = |i: usize| {
        format!(
            "{{ name = \"c{i}\", type = \"category\", levels = [{}] }}",
            levels.join(",")
        )
    };
    let user: Vec<String> = (0..6).map(category).collect();
    let text = inline_text(&user.join(","), "{ name = \"size\", type = \"int\" }", "");
    assert_eq!(
        error(&text),
        "mini.toml:1: there are more than 5000 features"
    );
}

#[test]
fn toml_s_own_errors_have_their_line_and_key() {
    check(&[
        (
            "type = \"int\" # 9\n",
            "",
            "mini.toml:7: missing field `type`",
        ),
        (
            "table = \"books\" # 25\n",
            "",
            "mini.toml:23: missing field `table`",
        ),
        (
            "op = \"greater\" # 42\n",
            "",
            "mini.toml:40: missing field `op`",
        ),
        ("[item]", "[items]", "mini.toml:28: missing field `name`"),
        (
            "max = 150",
            "max = \"x\"",
            "mini.toml:11: `max`: invalid type: string \"x\", expected f64",
        ),
        (
            "max = 150",
            "maxi = 150",
            "mini.toml:11: `maxi`: unknown field `maxi`, expected one of `name`, `type`, `levels`, `min`, `max`, `default`, `feature`, `summaries`, `count`",
        ),
        (
            "max = 150",
            "max = 150\nmax = 150",
            "mini.toml:12: `max`: duplicate key",
        ),
        (
            "[item]",
            "[item",
            "mini.toml:23: unclosed table, expected `]`",
        ),
        (
            "\"mini\"",
            "",
            "mini.toml:1: `name`: string values must be quoted, expected literal string",
        ),
        (
            "\"mini\"",
            "\"mi\nni\"",
            "mini.toml:1: `name`: invalid basic string, expected `\"`",
        ),
        (
            "\"mini\"",
            "3",
            "mini.toml:1: `name`: invalid type: integer `3`, expected a string",
        ),
        (
            "  \"pages\", \"age\",",
            "  \"pages\", true,",
            "mini.toml:44: invalid type: boolean `true`, expected the name of a column or feature, or a number",
        ),
    ]);
    for (text, expected) in [
        ("", "mini.toml:1: missing field `name`"),
        ("\u{feff}", "mini.toml:1: missing field `name`"),
        ("# nothing\n", "mini.toml:1: missing field `name`"),
        ("name = \"a\"", "mini.toml:1: missing field `user`"),
        (
            "name = \"a\"\nuser = 3",
            "mini.toml:2: `user`: invalid type: integer `3`, expected a table",
        ),
        (
            "\0",
            "mini.toml:1: invalid unquoted key, expected letters, numbers, `-`, `_`",
        ),
    ] {
        assert_eq!(error(text), expected, "{text:?}");
    }
    let empty = inline_text("", "{ name = \"size\", type = \"int\" }", "");
    assert_eq!(error(&empty), "mini.toml:4: `reader`: has no fields");
}
