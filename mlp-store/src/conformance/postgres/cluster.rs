//! A server for one test.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::programs::Programs;

const PATIENCE: Duration = Duration::from_secs(60);

/// The postmaster's parent: stops it by the signal that it reads. Where it reads the end instead,
/// the test's process died, or holds the cluster in a static: then it also cleans up.
const KEEPER: &str = r#"
    "$1" -D "$2/data" </dev/null >>"$2/log" 2>&1 &
    echo $!
    if read -r signal; then
        kill -s "$signal" $! 2>/dev/null
        wait $!
    else
        kill -s QUIT $! 2>/dev/null
        wait $!
        rm -rf "$2"
    fi
"#;

/// A PostgreSQL of its own, in a temporary directory and on a port that was free. It trusts
/// everybody on this machine. It ends when this is dropped, and when the process dies.
///
/// ```no_run
/// use mlp_store::conformance::postgres::Cluster;
///
/// let mut cluster = Cluster::start_with(&[("max_connections", "10")], &[]);
/// cluster.stop_immediate();
/// cluster.start_again();
/// println!("{}", cluster.url());
/// ```
#[derive(Debug)]
pub struct Cluster {
    // Dropped after `drop` has stopped the server.
    directory: TempDir,
    programs: Programs,
    port: u16,
    keeper: Option<Keeper>,
}

#[derive(Debug)]
struct Keeper {
    process: Child,
    postmaster: u32,
}

impl Cluster {
    /// Starts one as PostgreSQL is by default, `fsync` included.
    ///
    /// # Panics
    ///
    /// Where no server is installed, or it does not start; with the end of its log.
    pub fn start() -> Self {
        Self::start_with(&[], &[])
    }

    /// Starts one with settings of `postgresql.conf`, and with files of these names and contents
    /// in its data directory, as for `ssl_cert_file` or to replace `pg_hba.conf`.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn start_with(settings: &[(&str, &str)], files: &[(&str, &str)]) -> Self {
        let programs = Programs::find();
        let directory = tempfile::Builder::new()
            .prefix("mlp-postgres-")
            .tempdir()
            .expect("a temporary directory can be made");
        if let Some((user, group)) = programs.owner() {
            chown(directory.path(), Some(user), Some(group)).expect("root may give it away");
        }
        let mut cluster = Self {
            directory,
            programs,
            port: 0,
            keeper: None,
        };
        cluster.initdb();
        for (name, text) in files {
            cluster.write(name, text);
        }
        cluster.first_start(settings);
        cluster
    }

    /// The URL of the database `postgres`, as the user `postgres`.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its socket is, its `log`, and its files in `data`.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// All that it has logged.
    pub fn log(&self) -> String {
        let log = fs::read(self.directory().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// A command of one of the server's programs, as `pg_waldump`, in [`directory`](Self::directory)
    /// and as who may read there.
    pub fn command(&self, program: &str) -> Command {
        // Where `postgres` is a link, the other programs need not have one beside it.
        let server = self.programs.path("postgres");
        let server = fs::canonicalize(&server).unwrap_or(server);
        (self.programs).command(server.with_file_name(program), self.directory())
    }

    /// The process that the others are children of.
    ///
    /// # Panics
    ///
    /// Where it was stopped.
    pub fn pid(&self) -> u32 {
        let keeper = self.keeper.as_ref();
        keeper
            .expect("it runs: it was started and not stopped")
            .postmaster
    }

    /// Stops it as a crash would: every process at once, no checkpoint. Returns when it is gone.
    pub fn stop_immediate(&mut self) {
        self.stop("QUIT");
    }

    /// Stops it in good order: ends the sessions and writes all that is to be kept.
    pub fn stop_fast(&mut self) {
        self.stop("INT");
    }

    /// Starts it again where it was, after a stop or after its process was killed, and waits until
    /// it has recovered.
    ///
    /// # Panics
    ///
    /// Where it does not start within a minute.
    pub fn start_again(&mut self) {
        self.stop("QUIT");
        let deadline = Instant::now() + PATIENCE;
        // The children of a killed postmaster live on for a moment, and keep a new one out.
        while let Err(log) = self.try_start() {
            assert!(Instant::now() < deadline, "it does not start again:\n{log}");
            sleep(Duration::from_millis(100));
        }
    }

    fn initdb(&self) {
        let mut command = (self.programs).command(self.programs.path("initdb"), self.directory());
        command.args(["--no-sync", "--auth=trust"]);
        command.args(["--username=postgres", "--encoding=UTF8", "--locale=C"]);
        // Segments of 1 MB: 16 MB of zeros less to write.
        command.args(["--wal-segsize=1", "--pgdata=data"]);
        let said = command.output().expect("`initdb` was found");
        let error = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "`initdb` failed: {error}");
    }

    /// For the server's eyes only: it refuses a key that others may read.
    fn write(&self, name: &str, text: &str) {
        let path = self.data().join(name);
        let write = || {
            fs::write(&path, text)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            match self.programs.owner() {
                Some((user, group)) => chown(&path, Some(user), Some(group)),
                None => Ok(()),
            }
        };
        write().unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
    }

    /// A port that was free may be taken by the time the server asks for it.
    fn first_start(&mut self, settings: &[(&str, &str)]) {
        let conf = self.data().join("postgresql.conf");
        let given = fs::read_to_string(&conf).expect("`initdb` made it");
        for _ in 0..5 {
            self.port = free_port();
            let socket = self.directory().to_string_lossy().into_owned();
            let port = self.port.to_string();
            let ours = [
                ("listen_addresses", "127.0.0.1"),
                ("port", &port),
                ("unix_socket_directories", &socket),
            ];
            let line = |(name, value): &(&str, &str)| {
                format!("{name} = '{}'\n", value.replace('\'', "''"))
            };
            let lines: String = ours.iter().chain(settings).map(line).collect();
            self.write("postgresql.conf", &format!("{given}\n{lines}"));
            match self.try_start() {
                Ok(()) => return,
                Err(log) if log.contains("Address already in use") => self.stop("QUIT"),
                Err(log) => panic!("the private PostgreSQL does not start:\n{log}"),
            }
        }
        panic!("the private PostgreSQL found no port in five attempts");
    }

    /// The error is the end of the log.
    fn try_start(&mut self) -> Result<(), String> {
        let from = self.log().len();
        let mut command = self.programs.command("/bin/sh", self.directory());
        command.args(["-c", KEEPER, "sh"]);
        command
            .arg(self.programs.path("postgres"))
            .arg(self.directory());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // Ctrl-C is for the tests; the keeper has to clean up after them.
        command.process_group(0);
        let mut process = command.spawn().expect("`/bin/sh` is there");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("it is piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("the keeper writes");
        let postmaster = line.trim().parse().expect("it writes a process id");
        self.keeper = Some(Keeper {
            process,
            postmaster,
        });
        let deadline = Instant::now() + PATIENCE;
        while !self.is_ready(postmaster) {
            if has_ended(postmaster) || Instant::now() > deadline {
                self.stop("QUIT");
                return Err(self.log().split_off(from));
            }
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// From the file that the server keeps for `pg_ctl`: no authentication is in the way.
    fn is_ready(&self, postmaster: u32) -> bool {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let mut lines = text.lines();
        lines.next() == Some(&postmaster.to_string())
            && lines.nth(6).is_some_and(|status| status.trim() == "ready")
    }

    fn stop(&mut self, signal: &str) {
        let Some(mut keeper) = self.keeper.take() else {
            return;
        };
        let mut stdin = keeper.process.stdin.take().expect("it is piped");
        // Fails where somebody killed the keeper too.
        let _ = writeln!(stdin, "{signal}");
        let _ = keeper.process.wait();
    }

    fn data(&self) -> PathBuf {
        self.directory().join("data")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop("QUIT");
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

/// Whether it is gone, or dead and not yet waited for by the keeper. Where there is no `/proc` it
/// is never known.
fn has_ended(pid: u32) -> bool {
    let processes = Path::new("/proc");
    let stat = fs::read_to_string(processes.join(pid.to_string()).join("stat"));
    let state = stat.map(|stat| stat.rsplit(") ").next().map(|rest| rest.starts_with('Z')));
    processes.join("self").exists() && state.unwrap_or(Some(true)) == Some(true)
}
