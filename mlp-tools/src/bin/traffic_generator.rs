//! Simulated users for the API; see `traffic_generator --help`.

use std::path::Path;
use std::process::ExitCode;

use mlp_tools::traffic::{self, DotEnv};

fn main() -> ExitCode {
    let file = match DotEnv::read(Path::new(".env")) {
        Ok(file) => file,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(2);
        }
    };
    let environment = |name: &str| std::env::var(name).ok();
    let dotenv = |name: &str| file.get(name);
    traffic::main(std::env::args_os(), &[&environment, &dotenv])
}
