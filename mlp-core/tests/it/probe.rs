#[test]
fn probe() {
    let travel = include_str!("../../../config/travel.toml");
    for (from, to) in [
        ("type = \"text\"\n", ""), ("max = 200", "max = \"x\""), ("max = 200", "maxi = 200"), ("name = \"travel\"", "name = "), ("name = \"travel\"\n", ""),
        ("max_shown = 100","max_shown = \"a\""), ("[item]\n", "[itemx]\n"), ("table = \"users\"\n",""), ("args = [\"price\", \"budget\"]", "args = [\"price\", true]"),
        ("args = [\"price\", \"budget\"]", "args = [\"price\", \"budget\""), ("args = [\"price\", \"budget\"]", "args = [\"price\", [1]]"), ("op = \"greater\"\n", ""), ("feature = false", "feature = 1"),
        ("name = \"travel\"", "name = \"tra\nvel\""), ("name = \"people_num\"\ntype", "name = \"people_num\"\ntype = \"int\"\ntype"), ("[user]", "[user"), ("name = \"travel\"", "name = 1979-05-27T07:32:00Z"),
    ] {
        let text = travel.replacen(from, to, 1);
        eprintln!("{from:?} -> {to:?}\n    {}", mlp_core::Schema::parse("t.toml", &text).unwrap_err());
    }
    for text in ["", "x", "name = \"a\"", "[[user]]", "user = 3", "\u{feff}", "\0"] {
        eprintln!("{text:?}\n    {}", mlp_core::Schema::parse("t.toml", text).unwrap_err());
    }
}
