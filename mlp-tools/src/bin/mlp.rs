//! Machine learning in production; see `mlp --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Err(message) = mlp_tools::mlp::load_dotenv() {
        eprintln!("error: {message}");
        return ExitCode::from(2);
    }
    mlp_tools::mlp::main(std::env::args_os())
}
