//! Writing a data set.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::block::{Block, BlockMaker, Plan};
use super::error::ManifestFault;
use super::format::{self, LABEL_COLUMN, LOCATION_COLUMNS, USER_COLUMNS};
use super::output::{Output, OutputDir};
use super::{DatasetError, LABELLED, LOCATIONS, MANIFEST, Manifest, Options, Progress, USERS};
use crate::Location;

/// Blocks of each thread that may wait to be written.
const BLOCKS_AHEAD: usize = 2;
/// Bytes of a small table that are written at once.
const CHUNK: usize = 1 << 18;

/// Makes a data set as `options` have it, over one that is there already.
///
/// Memory does not grow with the number of rows. The same options give the same bytes, whatever
/// `threads` and `dir` are. The files get their names when all of them are complete and on disk.
/// `progress` is called on the calling thread, about once in a thousand rows.
///
/// ```
/// use mlp_data::dataset::{self, Options, SessionReader};
/// use mlp_data::{LocationConfig, UserConfig, shipped};
///
/// let users = UserConfig::from_reader("user.tsv", shipped::USERS.as_bytes())?.value;
/// let locations = LocationConfig::from_reader("location.tsv", shipped::LOCATIONS.as_bytes())?.value;
/// let dir = tempfile::tempdir()?;
/// let options = Options { n_user: 20, dir: dir.path().into(), ..Options::new(users, locations) };
/// let manifest = dataset::generate(&options, |_| {})?;
/// assert_eq!(manifest.labelled_rows, 200);
///
/// let sessions = SessionReader::open(dir.path())?.collect::<Result<Vec<_>, _>>()?;
/// let choices = sessions.iter().filter(|session| session.chosen.is_some()).count();
/// assert_eq!(choices as u64, manifest.sessions_with_choice);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn generate(
    options: &Options,
    progress: impl FnMut(Progress),
) -> Result<Manifest, DatasetError> {
    options.check()?;
    let directory = OutputDir::open(&options.dir)?;
    let (plan, catalog) = Plan::new(options);
    let mut locations = directory.create(LOCATIONS)?;
    write_locations(&mut locations, &catalog)?;
    drop(catalog);

    let mut sink = Sink {
        users: directory.create(USERS)?,
        labelled: directory.create(LABELLED)?,
        manifest: Manifest::new(options),
        rows: 0,
        progress,
    };
    sink.begin(&plan)?;
    if options.threads == 1 {
        run_inline(&plan, options, &mut sink)?;
    } else {
        run_threads(&plan, options, &mut sink)?;
    }

    let Sink {
        users,
        labelled,
        manifest,
        ..
    } = sink;
    let mut last = directory.create(MANIFEST)?;
    last.write(&to_json(&manifest, options)?)?;
    directory.publish(vec![users, locations, labelled, last])?;
    Ok(manifest)
}

fn to_json(manifest: &Manifest, options: &Options) -> Result<Vec<u8>, DatasetError> {
    manifest.to_json().map_err(|e| DatasetError::Manifest {
        path: options.dir.join(MANIFEST),
        source: ManifestFault::Json(e),
    })
}

/// Where blocks go, in order.
struct Sink<P> {
    users: Output,
    labelled: Output,
    manifest: Manifest,
    rows: u64,
    progress: P,
}

impl<P: FnMut(Progress)> Sink<P> {
    /// Writes the headers, and the users of the pool.
    fn begin(&mut self, plan: &Plan) -> Result<(), DatasetError> {
        let columns = USER_COLUMNS.into_iter().chain(LOCATION_COLUMNS);
        let header = format::header(columns.chain([LABEL_COLUMN]));
        self.labelled.write(header.as_bytes())?;
        let header = format::header(USER_COLUMNS.into_iter());
        write_lines(&mut self.users, header, plan.pool(), |out, user| {
            format::push_user(out, &user.user);
        })
    }

    fn write(&mut self, block: &Block) -> Result<(), DatasetError> {
        if !block.users.is_empty() {
            self.users.write(&block.users)?;
        }
        self.labelled.write(&block.labelled)?;
        self.manifest.sessions_with_choice += block.choices;
        self.rows += block.rows;
        (self.progress)(Progress {
            rows: self.rows,
            total: self.manifest.labelled_rows,
        });
        Ok(())
    }
}

fn write_locations(output: &mut Output, catalog: &[Location]) -> Result<(), DatasetError> {
    let header = format::header(LOCATION_COLUMNS.into_iter());
    write_lines(output, header, catalog, |out, location| {
        let start = out.len();
        format::push_location(out, location);
        // The columns come with a tab before each.
        out.remove(start);
    })
}

fn write_lines<T>(
    output: &mut Output,
    header: String,
    rows: &[T],
    push: impl Fn(&mut Vec<u8>, &T),
) -> Result<(), DatasetError> {
    let mut text = header.into_bytes();
    for row in rows {
        push(&mut text, row);
        text.push(b'\n');
        if text.len() >= CHUNK {
            output.write(&text)?;
            text.clear();
        }
    }
    output.write(&text)
}

fn run_inline(
    plan: &Plan,
    options: &Options,
    sink: &mut Sink<impl FnMut(Progress)>,
) -> Result<(), DatasetError> {
    let mut maker = BlockMaker::new(plan, options);
    let mut block = Block::default();
    for index in 0..plan.blocks() {
        maker.fill(index, &mut block);
        sink.write(&block)?;
    }
    Ok(())
}

/// Deals the blocks to threads in turn and writes them in order on the calling thread.
fn run_threads(
    plan: &Plan,
    options: &Options,
    sink: &mut Sink<impl FnMut(Progress)>,
) -> Result<(), DatasetError> {
    let threads = plan.blocks().min(options.threads as u64);
    thread::scope(|scope| {
        let mut lanes = Vec::new();
        for first in 0..threads {
            let (done, blocks) = sync_channel(BLOCKS_AHEAD);
            let (give_back, spare) = sync_channel(BLOCKS_AHEAD + 2);
            let mine = (first..plan.blocks()).step_by(threads as usize);
            scope.spawn(move || compute(plan, options, mine, &spare, &done));
            lanes.push((blocks, give_back));
        }
        for index in 0..plan.blocks() {
            let (blocks, give_back) = &lanes[(index % threads) as usize];
            // A thread hangs up early only when it panics, which the scope passes on.
            let Ok(block) = blocks.recv() else {
                break;
            };
            // Returning drops the lanes, at which the threads stop.
            sink.write(&block)?;
            let _ = give_back.try_send(block);
        }
        Ok(())
    })
}

/// Computes blocks until all are done or nobody takes them any more.
fn compute(
    plan: &Plan,
    options: &Options,
    indices: impl Iterator<Item = u64>,
    spare: &Receiver<Block>,
    done: &SyncSender<Block>,
) {
    let mut maker = BlockMaker::new(plan, options);
    for index in indices {
        let mut block = spare.try_recv().unwrap_or_default();
        maker.fill(index, &mut block);
        if done.send(block).is_err() {
            return;
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::{LocationConfig, UserConfig, shipped};
    use std::error::Error;

    #[test]
    fn a_full_disk_ends_the_run_with_any_number_of_threads() {
        let users = UserConfig::from_reader("u", shipped::USERS.as_bytes()).expect("users");
        let places = LocationConfig::from_reader("l", shipped::LOCATIONS.as_bytes());
        let options = Options {
            n_user: 50_000,
            ..Options::new(users.value, places.expect("locations").value)
        };
        let dir = tempfile::tempdir().expect("a directory");
        for threads in [1, 2, 5] {
            let options = Options {
                threads,
                ..options.clone()
            };
            let (plan, _) = Plan::new(&options);
            let mut sink = Sink {
                users: Output::full(dir.path()),
                labelled: Output::full(dir.path()),
                manifest: Manifest::new(&options),
                rows: 0,
                progress: |_| {},
            };
            let error = if threads == 1 {
                run_inline(&plan, &options, &mut sink)
            } else {
                run_threads(&plan, &options, &mut sink)
            };
            let error = error.expect_err("the disk is full");
            let path = dir.path().join("table.tsv");
            assert_eq!(
                error.to_string(),
                format!("cannot write `{}`", path.display())
            );
            let cause = error.source().expect("a cause").to_string();
            assert_eq!(cause, "No space left on device (os error 28)");
            assert_eq!(sink.rows, 0);
        }
    }
}
