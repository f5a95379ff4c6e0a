//! Labelled data sets from profiles; see `dataset_generator --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    mlp_tools::dataset::main(std::env::args_os())
}
