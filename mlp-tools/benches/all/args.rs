//! The command line.

use std::path::PathBuf;

/// The hidden argument that makes this program an empty server.
pub const EMPTY_SERVER: &str = "--empty-server";

/// What was asked for.
pub enum Args {
    /// Measure.
    Measure {
        /// Where the rows go as JSON.
        json: Option<PathBuf>,
        wanted: Wanted,
    },
    /// Answer without doing anything, on this port.
    EmptyServer { port: u16 },
    /// `cargo test` runs benchmarks too, without their `--bench`.
    Nothing,
}

impl Args {
    /// Reads the arguments after the program's name.
    pub fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut json, mut names, mut bench) = (None, Vec::new(), false);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--bench" => bench = true,
                "--json" => {
                    let path = arguments.next().ok_or("`--json` needs a file")?;
                    json = Some(absolute(&path)?);
                }
                EMPTY_SERVER => {
                    let port = arguments.next().and_then(|port| port.parse().ok());
                    let port = port.ok_or("an empty server needs a port")?;
                    return Ok(Self::EmptyServer { port });
                }
                flag if flag.starts_with('-') => {
                    return Err(format!(
                        "`{flag}` is not known; usage: bench.sh [--json FILE] [NAME...]"
                    ));
                }
                name => names.push(name.to_owned()),
            }
        }
        Ok(match bench {
            true => Self::Measure {
                json,
                wanted: Wanted(names),
            },
            false => Self::Nothing,
        })
    }
}

/// Cargo runs benchmarks in their package's directory; `bench.sh` says where it was called.
fn absolute(path: &str) -> Result<PathBuf, String> {
    let base = std::env::var_os("BENCH_CALLED_FROM").unwrap_or_default();
    std::path::absolute(PathBuf::from(base).join(path)).map_err(|e| format!("`{path}`: {e}"))
}

/// Parts of the wanted rows' names; none: every row.
pub struct Wanted(Vec<String>);

impl Wanted {
    /// Whether a row is wanted.
    pub fn has(&self, row: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|part| row.contains(part.as_str()))
    }

    /// Whether no name was given.
    pub fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether each part is in some name.
    pub fn names_any<'a>(&self, known: impl Iterator<Item = &'a &'a str> + Clone) -> bool {
        let found = |part: &String| known.clone().any(|name| name.contains(part.as_str()));
        self.0.iter().all(found)
    }
}
