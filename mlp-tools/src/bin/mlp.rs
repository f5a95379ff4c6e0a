//! Machine learning in production; see `mlp --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let dotenv = mlp_tools::mlp::load_dotenv();
    mlp_tools::mlp::main(std::env::args_os(), dotenv)
}
