//! The real `dataset_generator` on one thread, beside a copy of what it wrote.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::args::Wanted;
use crate::fixture;
use crate::process::{Process, scratch};
use crate::row::{Row, median, note};

pub const NAMES: [&str; 1] = ["dataset_rows_per_s_per_core"];

const GENERATOR: &str = env!("CARGO_BIN_EXE_dataset_generator");
const REPEATS: usize = 5;
const SESSIONS: u32 = 500_000;
const ROWS: f64 = SESSIONS as f64 * 10.0;

pub fn run(_wanted: &Wanted) -> Vec<Row> {
    eprintln!("==> data set");
    let (mut rates, mut copies) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        let dir = scratch("dataset");
        let (wall, cpu) = generate(&dir);
        let (copy, bytes) = copy(&dir.join("dataset_labelled.tsv"));
        note(format_args!(
            "{ROWS} rows, {:.0} MB: {wall:.2} s, {cpu:.2} s of CPU; copied in {copy:.2} s",
            bytes as f64 / 1e6
        ));
        // Of the time and the cores' time the longer, so that more than one core does not count.
        rates.push(ROWS / wall.max(cpu));
        copies.push(ROWS / copy);
        std::fs::remove_dir_all(&dir).unwrap();
    }
    let reference = ("read and write of the same bytes", median(copies));
    vec![Row::new(NAMES[0], (median(rates), "rows/s"), reference).at_least(1.5e6)]
}

/// Seconds by the wall and of CPU.
fn generate(dir: &Path) -> (f64, f64) {
    let mut command = Command::new(GENERATOR);
    command
        .args(["--threads", "1", "--n-user", &SESSIONS.to_string()])
        .arg("--dataset-dir")
        .arg(dir)
        .arg("--user-configs")
        .arg(fixture::config("user.tsv"))
        .arg("--location-configs")
        .arg(fixture::config("location.tsv"))
        .stdout(Stdio::null());
    let (begun, cpu) = (Instant::now(), childrens_cpu_s());
    let status = Process::spawn(command).wait();
    let wall = begun.elapsed().as_secs_f64();
    assert!(status.success(), "dataset_generator ended: {status}");
    (wall, childrens_cpu_s() - cpu)
}

/// Seconds that children which have ended were on a core.
fn childrens_cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The name, in brackets, may hold anything; cutime and cstime are the 16th and 17th field.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(13).take(2);
    ticks.map(|t| t.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

/// Copies a file to the disk beside it; seconds and bytes.
fn copy(path: &Path) -> (f64, u64) {
    let mut buffer = vec![0; 1 << 20];
    let begun = Instant::now();
    let mut from = File::open(path).unwrap();
    let mut to = File::create(path.with_extension("copy")).unwrap();
    let mut bytes = 0;
    loop {
        let n = from.read(&mut buffer).unwrap();
        if n == 0 {
            break;
        }
        to.write_all(&buffer[..n]).unwrap();
        bytes += n as u64;
    }
    // As the generator does.
    to.sync_all().unwrap();
    (begun.elapsed().as_secs_f64(), bytes)
}
