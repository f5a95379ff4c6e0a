//! A process that ends when the test does.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The server's parent: sends it the signal that it reads. Where it reads the end instead, the
/// test's process died, or holds the server in a static: then it also cleans up.
const SCRIPT: &str = r#"
    directory=$1
    shift
    "$@" </dev/null >>"$directory/out" 2>&1 &
    echo $!
    if read -r signal; then
        kill -s "$signal" $! 2>/dev/null
        wait $!
    else
        kill -s KILL $! 2>/dev/null
        wait $!
        rm -rf "$directory"
    fi
"#;

/// A running server and its keeper.
#[derive(Debug)]
pub(super) struct Keeper {
    process: Child,
    /// The server's process id.
    pub server: u32,
}

impl Keeper {
    /// Starts a program in a directory, which is the test's own; what it prints is in `out` there.
    pub fn start<'a>(
        directory: &Path,
        program: &Path,
        args: impl IntoIterator<Item = &'a str>,
        variables: &[(String, String)],
    ) -> Self {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "sh"]).arg(directory);
        command.arg(program).args(args).current_dir(directory);
        for (name, value) in variables {
            command.env(name, value);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // Where the shell would say that the server was killed.
        command.stderr(Stdio::null());
        // Ctrl-C is for the tests; the keeper has to clean up after them.
        command.process_group(0);
        let mut process = command.spawn().expect("`/bin/sh` is there");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("it is piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("the keeper writes");
        let server = line.trim().parse().expect("it writes a process id");
        Self { process, server }
    }

    /// Sends a signal, by its name, and waits for the server's end.
    pub fn stop(mut self, signal: &str) {
        let mut stdin = self.process.stdin.take().expect("it is piped");
        // Fails where somebody killed the keeper too.
        let _ = writeln!(stdin, "{signal}");
        let _ = self.process.wait();
    }

    /// Whether the server has ended by itself.
    pub fn has_ended(&self) -> bool {
        let stat = Path::new("/proc").join(self.server.to_string());
        let stat = std::fs::read_to_string(stat.join("stat")).unwrap_or_default();
        let state = stat.rsplit(") ").next().unwrap_or_default();
        Path::new("/proc/self").exists() && (state.is_empty() || state.starts_with('Z'))
    }
}

/// The program of that name in PATH or in one of these directories.
pub(super) fn find(name: &str, places: &[&str]) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = places.iter().map(std::path::PathBuf::from);
    places
        .chain(std::env::split_paths(&path))
        .map(|place| place.join(name))
        .find(|program| program.is_file())
}
