//! Lines of tab-separated cells, with exact line numbers.

use std::borrow::Cow;
use std::io::{self, Read};
use std::str::Utf8Error;

type Chained<R> = io::Chain<R, &'static [u8]>;

/// Reads a table line by line. Blank lines and, where asked for, lines that begin with `#` are
/// passed over.
pub(crate) struct TsvReader<R> {
    csv: csv::Reader<Chained<R>>,
    record: csv::ByteRecord,
}

impl<R: Read> TsvReader<R> {
    pub(crate) fn new(input: R, comments: bool) -> TsvReader<R> {
        // Every line ends in a break, so that after a record the position is on the line below
        // it. The record's own position is of no use: it is taken before blank lines are skipped.
        let input = input.chain(&b"\n"[..]);
        let csv = csv::ReaderBuilder::new()
            .delimiter(b'\t')
            .terminator(csv::Terminator::Any(b'\n'))
            .comment(comments.then_some(b'#'))
            // A quote that is never closed would swallow the rest of the file.
            .quoting(false)
            .flexible(true)
            .has_headers(false)
            .from_reader(input);
        TsvReader {
            csv,
            record: csv::ByteRecord::new(),
        }
    }

    /// The next line that holds something, with its number from 1.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<(u64, Cells<'_>)>> {
        while self.csv.read_byte_record(&mut self.record)? {
            if self.record.iter().any(|cell| !cell.trim_ascii().is_empty()) {
                let line = self.csv.position().line() - 1;
                return Ok(Some((line, Cells(&self.record))));
            }
        }
        Ok(None)
    }
}

/// The cells of one line.
#[derive(Clone, Copy)]
pub(crate) struct Cells<'a>(&'a csv::ByteRecord);

impl<'a> Cells<'a> {
    pub(crate) fn len(self) -> usize {
        self.0.len()
    }

    /// A cell without surrounding space, quotes and all.
    pub(crate) fn raw(self, index: usize) -> &'a [u8] {
        self.0.get(index).unwrap_or_default().trim_ascii()
    }

    /// A cell as text, without the quotes that some programs put around it.
    pub(crate) fn text(self, index: usize) -> Result<Cow<'a, str>, Utf8Error> {
        let text = std::str::from_utf8(self.raw(index))?;
        let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
        Ok(match inner {
            Some(inner) => Cow::Owned(inner.replace("\"\"", "\"")),
            None => Cow::Borrowed(text),
        })
    }

    /// All cells as text.
    pub(crate) fn texts(self) -> Result<Vec<String>, Utf8Error> {
        let text = |index| self.text(index).map(Cow::into_owned);
        (0..self.len()).map(text).collect()
    }
}

/// Appends `text` as a cell, in quotes where it would be misread without them.
pub(crate) fn push_text(out: &mut Vec<u8>, text: &str) {
    let plain = !text.contains(['"', '\t', '\n', '\r']) && !text.starts_with(['#', ' ']);
    if plain {
        out.extend_from_slice(text.as_bytes());
    } else {
        out.push(b'"');
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, comments: bool) -> Vec<(u64, Vec<String>)> {
        let mut reader = TsvReader::new(text.as_bytes(), comments);
        let mut lines = Vec::new();
        while let Some((line, cells)) = reader.next_line().expect("no i/o error") {
            lines.push((line, cells.texts().expect("text")));
        }
        lines
    }

    #[test]
    fn numbers_lines_past_blanks_comments_and_line_ends() {
        let cells = |list: &[&str]| list.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>();
        for end in ["\n", "\r\n"] {
            let text = [
                "\u{feff}# note \" odd",
                "",
                "a\tb",
                "\t ",
                "  ",
                "#x",
                "1\t\"2\t",
                "3",
            ];
            assert_eq!(
                lines(&text.join(end), true),
                [
                    (3, cells(&["a", "b"])),
                    (7, cells(&["1", "\"2", ""])),
                    (8, cells(&["3"]))
                ],
                "{end:?}"
            );
        }
        assert_eq!(lines("#a\n", false), [(1, cells(&["#a"]))]);
        assert_eq!(lines("", true), []);
    }

    #[test]
    fn quoted_text_comes_back() {
        for text in ["plain", "say \"hi\"", "\"", "# not a comment", "ünï", ""] {
            let mut out = b"x\t".to_vec();
            push_text(&mut out, text);
            let out = String::from_utf8(out).expect("utf-8");
            assert_eq!(lines(&out, true)[0].1[1], text);
        }
    }
}
