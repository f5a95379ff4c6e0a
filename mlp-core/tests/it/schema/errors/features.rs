//! Features that cannot be.

use super::{BASE, check, error};
use crate::support::inline_text;

#[test]
fn features() {
    let add = |features: &str| format!("{BASE}{features}");
    let case = |op: &str, args: &str, rest: &str| {
        add(&format!(
            "[[features]]\nname = \"x\"\nop = \"{op}\"\nargs = {args}\n{rest}\n"
        ))
    };
    let message = |op: &str, args: &str, rest: &str| {
        let error = error(&case(op, args, rest));
        let at = if error.contains("unknown op") || rest.is_empty() && error.contains("`edges`") {
            48
        } else if error.contains("`edges`") {
            50
        } else {
            49
        };
        error
            .strip_prefix(&format!("mini.toml:{at}: `x`: "))
            .map(str::to_owned)
            .unwrap_or(error)
    };
    let products = "a product may hold at most one comparison with the user and one item column";
    let one_sided = |what: &str| {
        format!(
            "{what} must be of the user alone or of the item alone, so that items can be ranked in one pass"
        )
    };
    for (op, args, rest, expected) in [
        ("times", "[\"age\", \"pages\"]", "", "unknown op `times`: one of product, ratio, difference, greater, equal, and, log1p, one_hot, bucket, square".to_owned()),
        ("product", "[\"age\"]", "", "`product` takes 2 args, not 1".to_owned()),
        ("product", "[]", "", "`product` takes 2 args, not 0".to_owned()),
        ("log1p", "[\"age\", \"age\"]", "", "`log1p` takes 1 args, not 2".to_owned()),
        ("product", "[\"age\", \"weight\"]", "", "operand `weight` is no numeric column and no earlier feature with one value".to_owned()),
        ("product", "[\"age\", \"tags\"]", "", "operand `tags` is no numeric column and no earlier feature with one value".to_owned()),
        ("product", "[\"age\", \"x\"]", "", "operand `x` is no numeric column and no earlier feature with one value".to_owned()),
        ("product", "[\"age\", nan]", "", "operand `NaN` is not finite".to_owned()),
        ("product", "[2, 3]", "", "no operand is a column or a feature".to_owned()),
        ("and", "[\"age\", \"long\"]", "", "`and` takes booleans and comparisons".to_owned()),
        ("product", "[\"genre\", \"age\"]", "", "`product` takes no `category`; use `one_hot`, or `equal` on two with the same levels".to_owned()),
        ("equal", "[\"genre\", 1]", "", "`equal` takes no `category`; use `one_hot`, or `equal` on two with the same levels".to_owned()),
        ("one_hot", "[\"age\"]", "", "`one_hot` takes a `category`".to_owned()),
        ("bucket", "[\"genre\"]", "edges = [1]", "`bucket` takes a number".to_owned()),
        ("bucket", "[\"age\"]", "", "`edges` goes with op `bucket`, which needs it".to_owned()),
        ("square", "[\"age\"]", "edges = [1]", "`edges` goes with op `bucket`, which needs it".to_owned()),
        ("bucket", "[\"age\"]", "edges = []", EDGES.to_owned()),
        ("bucket", "[\"age\"]", "edges = [1, 1]", EDGES.to_owned()),
        ("bucket", "[\"age\"]", "edges = [2, 1]", EDGES.to_owned()),
        ("bucket", "[\"age\"]", "edges = [1, inf]", EDGES.to_owned()),
        ("bucket", "[\"age\"]", "edges = [nan]", EDGES.to_owned()),
        ("product", "[\"long\", \"long\"]", "", products.to_owned()),
        ("and", "[\"long\", \"long\"]", "", products.to_owned()),
        ("square", "[\"long\"]", "", products.to_owned()),
        ("ratio", "[1, \"long\"]", "", one_sided("ratio's divisor")),
        ("log1p", "[\"long\"]", "", one_sided("log1p's operand")),
        ("greater", "[\"long\", 0]", "", "a comparison of user and item may read one item column, with no comparison inside".to_owned()),
    ] {
        assert_eq!(message(op, args, rest), expected, "{op} {args} {rest}");
    }
    let mix = add("[[features]]\nname = \"mix\"\nop = \"product\"\nargs = [\"age\", \"pages\"]\n");
    for (op, args, expected) in [
        ("product", "[\"mix\", \"pages\"]", products.to_owned()),
        ("square", "[\"mix\"]", products.to_owned()),
        (
            "bucket",
            "[\"mix\"]\nedges = [1]",
            one_sided("bucket's operand"),
        ),
        (
            "ratio",
            "[\"pages\", \"mix\"]",
            one_sided("ratio's divisor"),
        ),
        (
            "greater",
            "[\"mix\", \"pages\"]",
            "a comparison of user and item may read one item column, with no comparison inside"
                .to_owned(),
        ),
    ] {
        let text = format!("{mix}[[features]]\nname = \"x\"\nop = \"{op}\"\nargs = {args}\n");
        assert_eq!(
            error(&text),
            format!("mini.toml:53: `x`: {expected}"),
            "{op} {args}"
        );
    }
    check(&[
        (
            "\"pages\", \"age\",",
            "\"pages\", \"tag\",",
            "mini.toml:43: `long`: operand `tag` is no numeric column and no earlier feature with one value",
        ),
        (
            "\"age\" # 8",
            "\"pages\"",
            "mini.toml:43: `long`: operand `pages` is a column of both sides: write `user.pages` or `item.pages`",
        ),
    ]);
    let twice = add("[[features]]\nname = \"long\"\nop = \"square\"\nargs = [\"age\"]\n");
    assert_eq!(error(&twice), "mini.toml:47: `long`: the name stands twice");
    let one_hot = "[[features]]\nname = \"g\"\nop = \"one_hot\"\nargs = [\"genre\"]\n";
    assert_eq!(
        error(&add(&one_hot.repeat(2))),
        "mini.toml:51: `g`: the name stands twice"
    );
    let none = inline_text(
        "{ name = \"motto\", type = \"text\" }",
        "{ name = \"title\", type = \"text\" }",
        "",
    );
    assert_eq!(
        error(&none),
        "mini.toml:1: no field is a feature: a model needs at least 1"
    );
}

const EDGES: &str = "`edges` must be 1 to 100 finite numbers, each over the last";

/// A chain that doubles with each link must not take the program with it.
#[test]
fn features_of_features_have_an_end() {
    let mut text = BASE.to_owned();
    for i in 0..60 {
        let of = if i == 0 {
            "age".to_owned()
        } else {
            format!("s{}", i - 1)
        };
        text += &format!("[[features]]\nname = \"s{i}\"\nop = \"square\"\nargs = [\"{of}\"]\n");
    }
    assert_eq!(
        error(&text),
        "mini.toml:73: `s6`: the feature has 255 operands and operations with those of the features it names, at most 200 are allowed"
    );
}
