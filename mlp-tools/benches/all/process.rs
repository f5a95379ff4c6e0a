//! Processes and directories that are gone when the run is, however it ends.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::args::EMPTY_SERVER;

/// The program under test.
pub const MLP: &str = env!("CARGO_BIN_EXE_mlp");

/// How long anything may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// What must not outlive this process.
struct Living {
    children: BTreeMap<u32, Child>,
    scratch: Option<TempDir>,
}

static LIVING: Mutex<Living> = Mutex::new(Living {
    children: BTreeMap::new(),
    scratch: None,
});

fn living() -> MutexGuard<'static, Living> {
    LIVING.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Living {
    fn end(&mut self) {
        while let Some((_, mut child)) = self.children.pop_first() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
        self.scratch = None;
    }
}

/// Ends everything when dropped.
pub struct CleanUp(());

impl Drop for CleanUp {
    fn drop(&mut self) {
        living().end();
    }
}

/// From here on a signal, a panic and the end of `main` all end what was started.
pub fn clean_up_at_the_end() -> CleanUp {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let entered = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt()).unwrap();
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    drop(entered);
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        // Held to the end, so that nothing new starts meanwhile.
        let mut living = living();
        living.end();
        std::process::exit(130);
    });
    CleanUp(())
}

/// A directory of its own, under `target`: that is on a disk where `/tmp` may not be.
pub fn scratch(name: &str) -> PathBuf {
    let mut living = living();
    let root = living.scratch.get_or_insert_with(|| {
        let parent = env!("CARGO_TARGET_TMPDIR");
        std::fs::create_dir_all(parent).unwrap();
        tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(parent)
            .unwrap()
    });
    let unused = (0..).map(|n| root.path().join(format!("{name}-{n}")));
    let mut unused = unused.filter(|path| !path.exists());
    let path = unused.next().unwrap();
    std::fs::create_dir(&path).unwrap();
    path
}

/// A process; killed when dropped.
pub struct Process {
    id: u32,
}

impl Process {
    /// Starts a program in the scratch directory, without this process's settings.
    pub fn spawn(mut command: Command) -> Self {
        let mut living = living();
        if let Some(scratch) = &living.scratch {
            // No `.env` there.
            command.current_dir(scratch.path());
        }
        for (name, _) in std::env::vars() {
            let prefixes = ["MLP_", "DATABASE_", "CELERY_"];
            if prefixes.iter().any(|p| name.starts_with(p)) || name == "URL" || name == "DOMAIN" {
                command.env_remove(name);
            }
        }
        let child = command.spawn();
        let child = child.unwrap_or_else(|e| panic!("{:?}: {e}", command.get_program()));
        let id = child.id();
        living.children.insert(id, child);
        Self { id }
    }

    /// The exit status, once there is one.
    pub fn ended(&self) -> Option<ExitStatus> {
        living().children.get_mut(&self.id)?.try_wait().unwrap()
    }

    /// Waits for the end.
    pub fn wait(&self) -> ExitStatus {
        loop {
            match self.ended() {
                Some(status) => return status,
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(&self) {
        let id = self.id.to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        let end = Instant::now() + PATIENCE;
        while sent.success() && self.ended().is_none() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The most memory that it ever had, in MB (10^6 bytes).
    pub fn peak_rss_mb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id)).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let kib = line.and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok());
        kib.expect("VmHWM in kB") * 1024.0 / 1e6
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = living().children.remove(&self.id) {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// `mlp worker` on this database.
pub fn worker(database: &str) -> Process {
    let dir = scratch("worker");
    let mut command = Command::new(MLP);
    command.args(["worker", "--database", database, "--data-dir"]);
    let log = std::fs::File::create(dir.with_extension("log")).unwrap();
    command.arg(&dir).stdout(Stdio::null()).stderr(log);
    Process::spawn(command)
}

/// A server process and where it listens.
pub struct Server {
    pub process: Process,
    pub port: u16,
    started: Instant,
    log: Option<PathBuf>,
}

impl Server {
    /// `mlp up` with its defaults, its data in this directory.
    pub fn up(data: &Path) -> Self {
        let log = data.with_extension("log");
        let file = std::fs::File::create(&log).unwrap();
        let mut command = Command::new(MLP);
        command.arg("up").arg("--data-dir").arg(data);
        command.stderr(file);
        Self::start(command, "--bind", Some(log))
    }

    /// `mlp serve` on this database.
    pub fn serve(database: &str) -> Self {
        let dir = scratch("serve");
        let log = dir.with_extension("log");
        let mut command = Command::new(MLP);
        command.args(["serve", "--database", database, "--data-dir"]);
        command
            .arg(&dir)
            .stderr(std::fs::File::create(&log).unwrap());
        Self::start(command, "--bind", Some(log))
    }

    /// `mlp up` on this database.
    pub fn up_on(database: &str) -> Self {
        let dir = scratch("up");
        let log = dir.with_extension("log");
        let mut command = Command::new(MLP);
        command.args(["up", "--database", database, "--data-dir"]);
        command
            .arg(&dir)
            .stderr(std::fs::File::create(&log).unwrap());
        Self::start(command, "--bind", Some(log))
    }

    /// A server that does nothing.
    pub fn empty() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        // It ends when this end of the pipe does, even where nobody is left to end it.
        command.stdin(Stdio::piped());
        Self::start(command, EMPTY_SERVER, None)
    }

    fn start(mut command: Command, flag: &str, log: Option<PathBuf>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        match flag {
            EMPTY_SERVER => command.args([flag, &port.to_string()]),
            _ => command.args([flag, &format!("127.0.0.1:{port}")]),
        };
        command.stdout(Stdio::null());
        let started = Instant::now();
        Self {
            process: Process::spawn(command),
            port,
            started,
            log,
        }
    }

    /// Waits until it answers `/readyz` with 200; how long that took since its start.
    pub fn ready(&self) -> Duration {
        while !self.answers() {
            self.check();
            std::thread::sleep(Duration::from_micros(500));
        }
        self.started.elapsed()
    }

    /// Ends the run where the server ended, or was started long ago.
    pub fn check(&self) {
        let trouble = match self.process.ended() {
            Some(status) => format!("the server ended: {status}"),
            None if self.age() > PATIENCE => "the server is not ready".to_owned(),
            None => return,
        };
        let log = self.log.as_ref().map(std::fs::read_to_string);
        panic!(
            "{trouble}\n{}",
            log.transpose().unwrap().unwrap_or_default()
        );
    }

    /// How long ago it was started.
    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }

    fn answers(&self) -> bool {
        let ask = || -> std::io::Result<bool> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
            let mut answer = [0; 12];
            stream.read_exact(&mut answer)?;
            Ok(&answer == b"HTTP/1.1 200")
        };
        ask().unwrap_or(false)
    }
}
