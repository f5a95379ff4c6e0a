//! The two formats that scrapers read.

use std::fmt::Write as _;

use hyper::header::{ACCEPT, HeaderMap};

/// How metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// OpenMetrics 1.0.
    Open,
    /// Prometheus's own text, 0.0.4.
    Plain,
}

impl Format {
    /// OpenMetrics where `Accept` names it and wants it no less than the other: what Prometheus
    /// does and a person with curl does not.
    pub fn wanted(headers: &HeaderMap) -> Self {
        let (mut open, mut plain) = (0.0_f32, 0.0_f32);
        let values = headers.get_all(ACCEPT).into_iter();
        let parts = values.filter_map(|v| v.to_str().ok());
        for part in parts.flat_map(|v| v.split(',')) {
            match Range::parse(part) {
                Range::Open(quality) => open = open.max(quality),
                Range::Plain(quality) => plain = plain.max(quality),
                Range::Other => {}
            }
        }
        if open > 0.0 && open >= plain {
            Self::Open
        } else {
            Self::Plain
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Self::Open => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// One media range of an `Accept` header with its quality, 0 to 1.
enum Range {
    Open(f32),
    Plain(f32),
    Other,
}

impl Range {
    fn parse(part: &str) -> Self {
        let mut words = part.split(';').map(str::trim);
        let kind = words.next().unwrap_or_default().to_ascii_lowercase();
        let (mut quality, mut version) = (1.0, "");
        for (name, value) in words.filter_map(|word| word.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => quality = value.parse().unwrap_or(0.0),
                "version" => version = value,
                _ => {}
            }
        }
        match kind.as_str() {
            "application/openmetrics-text" if version.is_empty() || version.starts_with("1.") => {
                Self::Open(quality)
            }
            "text/plain" => Self::Plain(quality),
            _ => Self::Other,
        }
    }
}

/// OpenMetrics as the older format: there a counter's name ends in `_total` in its description too,
/// an info is a gauge, and neither units nor an end are known.
pub(super) fn plain(open: &str) -> String {
    let mut text = String::with_capacity(open.len());
    let mut help = "";
    for line in open.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            // Held back: the type, which follows, says what the name is.
            help = rest.split_once(' ').map_or("", |(_, help)| help);
        } else if let Some((name, kind)) = typed(line) {
            let (suffix, kind) = match kind {
                "counter" => ("_total", kind),
                "info" => ("_info", "gauge"),
                _ => ("", kind),
            };
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}"
            );
        } else if !line.starts_with('#') {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// The name and the kind of a line that tells the type.
fn typed(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("# TYPE ")?.rsplit_once(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(accept: &[&str]) -> Format {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(ACCEPT, value.parse().unwrap());
        }
        Format::wanted(&headers)
    }

    #[test]
    fn a_scraper_gets_what_it_asks_for() {
        let of_prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(wanted(&[of_prometheus]), Format::Open);
        assert_eq!(
            wanted(&["text/plain;q=0.2", "Application/OpenMetrics-Text; Q=0.3"]),
            Format::Open
        );
        for plain in [
            &[][..],
            &["*/*"],
            &["text/html,application/xhtml+xml,*/*;q=0.8"],
            &["text/plain;version=0.0.4;q=0.5,*/*;q=0.1"],
            &["text/plain, application/openmetrics-text;q=0.5"],
            &["application/openmetrics-text;q=0"],
            &["application/openmetrics-text;q=high"],
            &["application/openmetrics-text;version=0.0.1"],
            &[";,=;q", "\u{7f}"][..1],
        ] {
            assert_eq!(wanted(plain), Format::Plain, "{plain:?}");
        }
    }

    #[test]
    fn the_older_format_names_counters_and_infos_whole() {
        let open = "# HELP a What a is.\n# TYPE a counter\na_total{x=\"# y\"} 1\n\
            # HELP b_seconds B.\n# TYPE b_seconds gauge\n# UNIT b_seconds seconds\nb_seconds 0.5\n\
            # HELP c C.\n# TYPE c info\nc_info{v=\"1\"} 1\n# EOF\n";
        let expected = "# HELP a_total What a is.\n# TYPE a_total counter\na_total{x=\"# y\"} 1\n\
            # HELP b_seconds B.\n# TYPE b_seconds gauge\nb_seconds 0.5\n\
            # HELP c_info C.\n# TYPE c_info gauge\nc_info{v=\"1\"} 1\n";
        assert_eq!(plain(open), expected);
    }
}
