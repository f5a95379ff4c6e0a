//! Every benchmark of the workspace: each against its limit, beside a peer measured in the same
//! run. `scripts/bench.sh` builds and runs it; DESIGN 10 says what its rows mean.
#![allow(clippy::unwrap_used)] // What cannot be measured ends the run.

mod args;
mod celery;
mod dataset;
mod empty;
mod fixture;
mod load;
mod plain;
mod postgres;
mod process;
mod rank;
mod row;
mod serving;
mod startup;
mod store;
mod traffic;

use std::process::ExitCode;

use args::{Args, Wanted};
use row::Row;

/// Benchmarks that share what they set up.
struct Family {
    names: &'static [&'static str],
    run: fn(&Wanted) -> Vec<Row>,
    /// Whether it runs only where it is named, because it takes long.
    by_name: bool,
}

const FAMILIES: [Family; 8] = [
    Family {
        names: &serving::NAMES,
        run: serving::run,
        by_name: false,
    },
    Family {
        names: &dataset::NAMES,
        run: dataset::run,
        by_name: false,
    },
    Family {
        names: &store::NAMES,
        run: store::run,
        by_name: false,
    },
    Family {
        names: &startup::NAMES,
        run: startup::run,
        by_name: false,
    },
    Family {
        names: &rank::NAMES,
        run: rank::run,
        by_name: false,
    },
    Family {
        names: &postgres::NAMES,
        run: postgres::run,
        by_name: false,
    },
    Family {
        names: &celery::NAMES,
        run: celery::run,
        by_name: false,
    },
    Family {
        names: &postgres::large::NAMES,
        run: postgres::large::run,
        by_name: true,
    },
];

fn main() -> ExitCode {
    let args = match Args::read(std::env::args().skip(1)) {
        Ok(Args::EmptyServer { port }) => return empty::serve(port),
        Ok(args) => args,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(2);
        }
    };
    let Args::Measure { json, wanted } = args else {
        eprintln!("nothing is measured in a test run: scripts/bench.sh does it");
        return ExitCode::SUCCESS;
    };
    let known = FAMILIES.iter().flat_map(|family| family.names);
    if !wanted.names_any(known) {
        eprintln!("error: no benchmark has such a name");
        return ExitCode::from(2);
    }
    let _cleaning = process::clean_up_at_the_end();
    let mut rows = Vec::new();
    for family in &FAMILIES {
        if family.by_name && wanted.is_everything() {
            continue;
        }
        if family.names.iter().any(|name| wanted.has(name)) {
            let measured = (family.run)(&wanted);
            rows.extend(measured.into_iter().filter(|row| wanted.has(row.name)));
        }
    }
    print!("{}", row::table(&rows));
    match json.map(|path| row::write_json(&path, &rows)) {
        Some(Err(error)) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
