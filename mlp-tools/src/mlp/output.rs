//! Standard output, which a reader may close when it has seen enough.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

/// `println!` for the commands: where nobody reads any longer the program ends well, as `head` wants
/// it to, and where nothing can be written it says so.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::mlp::output::line(format_args!($($text)*))
    };
}

pub(crate) fn line(text: Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}") {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            eprintln!("error: cannot write to standard output: {error}");
            std::process::exit(1);
        }
    }
}
