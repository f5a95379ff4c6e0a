//! Grafana's macros and variables, put in as Grafana does it for PostgreSQL and Prometheus.

/// What a dashboard is looked at with.
#[derive(Debug, Clone)]
pub struct View {
    /// RFC 3339, UTC.
    pub from: String,
    pub to: String,
    /// The width of a bucket, in seconds.
    pub interval_s: u64,
    /// The window of a rate, in seconds.
    pub rate_s: u64,
}

impl View {
    /// A query for Prometheus.
    pub fn promql(&self, text: &str) -> String {
        let text = text.replace("$__rate_interval", &format!("{}s", self.rate_s));
        let text = text.replace("$__interval", &format!("{}s", self.interval_s));
        whole(text.replace("$app_name", ".*"))
    }

    /// A query for PostgreSQL.
    pub fn sql(&self, text: &str) -> String {
        // Variables first, macros then: a macro's argument may be a variable.
        let mut text = text.replace("$__interval", &format!("{}s", self.interval_s));
        while let Some((from, to, put)) = self.next_macro(&text) {
            text.replace_range(from..to, &put);
        }
        whole(text)
    }

    /// Where the first macro stands, and what it stands for. Its arguments have no parentheses:
    /// Grafana ends them at the first that closes.
    fn next_macro(&self, text: &str) -> Option<(usize, usize, String)> {
        let from = text.find("$__")?;
        let open = from + text[from..].find('(')?;
        let close = open + text[open..].find(')')?;
        let args: Vec<&str> = text[open + 1..close].split(',').map(str::trim).collect();
        let mut name = &text[from + 1..open];
        // Directly before a comma a group is named, as it was in old versions.
        if name == "__timeGroup" && text[close + 1..].starts_with(',') {
            name = "__timeGroupAlias";
        }
        Some((from, close + 1, self.put(name, &args)))
    }

    fn put(&self, name: &str, args: &[&str]) -> String {
        let column = args[0];
        let group = || {
            let width: u64 = seconds(args[1]);
            format!("floor(extract(epoch from {column})/{width})*{width}")
        };
        match name {
            "__time" => format!("{column} AS \"time\""),
            "__timeFilter" => format!("{column} BETWEEN '{}' AND '{}'", self.from, self.to),
            "__timeFrom" => format!("'{}'", self.from),
            "__timeTo" => format!("'{}'", self.to),
            "__timeGroup" => group(),
            "__timeGroupAlias" => group() + " AS \"time\"",
            other => panic!("Grafana has a macro `${other}`, or it does not: not put in here"),
        }
    }
}

fn seconds(text: &str) -> u64 {
    let text = text.trim_matches('\'');
    let (number, unit) = text.split_at(text.len() - 1);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        other => panic!("`{text}` has no unit, but `{other}`"),
    };
    number.parse::<u64>().unwrap() * unit
}

/// Nothing may be left that Grafana, too, would leave.
fn whole(text: String) -> String {
    assert!(!text.contains('$'), "a variable is left in: {text}");
    text
}

fn view() -> View {
    View {
        from: "2026-01-01T00:00:00Z".to_owned(),
        to: "2026-01-02T00:00:00Z".to_owned(),
        interval_s: 120,
        rate_s: 60,
    }
}

#[test]
fn macros_become_what_grafana_makes_of_them() {
    for (text, expected) in [
        (
            "SELECT $__timeGroupAlias(t, $__interval), 1 WHERE $__timeFilter(a.t) AND (1 = 1)",
            "SELECT floor(extract(epoch from t)/120)*120 AS \"time\", 1 \
             WHERE a.t BETWEEN '2026-01-01T00:00:00Z' AND '2026-01-02T00:00:00Z' AND (1 = 1)",
        ),
        (
            "$__timeGroup(t, '5m') $__timeGroup(t,1h), $__time(x)",
            "floor(extract(epoch from t)/300)*300 \
             floor(extract(epoch from t)/3600)*3600 AS \"time\", x AS \"time\"",
        ),
        (
            "t > $__timeFrom() AND t < $__timeTo()",
            "t > '2026-01-01T00:00:00Z' AND t < '2026-01-02T00:00:00Z'",
        ),
    ] {
        assert_eq!(view().sql(text), expected);
    }
    assert_eq!(
        view().promql("rate(x{a=~\"$app_name\"}[$__rate_interval])"),
        "rate(x{a=~\".*\"}[60s])"
    );
}

#[test]
#[should_panic(expected = "a variable is left in")]
fn an_unknown_variable_is_found() {
    view().promql("rate(x[$__range])");
}

#[test]
#[should_panic(expected = "not put in here")]
fn an_unknown_macro_is_found() {
    view().sql("WHERE $__timefilter(t)");
}
