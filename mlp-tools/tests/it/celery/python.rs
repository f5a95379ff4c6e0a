//! Python's side: the Celery of a virtual environment, a worker, and a driver that does what a
//! program in Python does.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use mlp_store::conformance::services::Space;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Names a Python that has Celery.
const VARIABLE: &str = "MLP_TEST_PYTHON";

const PINS: &str = include_str!("requirements.txt");

/// The Python that [`VARIABLE`] names, or the one that `scripts/lib.sh` makes.
fn program() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(named) = variable(VARIABLE) {
        return named.into();
    }
    let home = || variable("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = variable("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    let hash = Sha256::digest(PINS);
    let hash: String = hash.iter().take(6).map(|b| format!("{b:02x}")).collect();
    let place = cache.unwrap_or_default().join("mlp");
    let python = place.join(format!("celery-{hash}")).join("bin/python");
    assert!(
        python.is_file(),
        "no Python with Celery at `{}`: run scripts/test.sh once, or let {VARIABLE} be one with \
         mlp-tools/tests/it/celery/requirements.txt",
        python.display()
    );
    python
}

/// A command of that Python, which finds `tasks.py` and a space's servers.
fn command(space: &Space) -> Command {
    let mut command = Command::new(program());
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/celery");
    command
        .env("PYTHONPATH", place)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env_remove("CELERY_CONFIG_MODULE")
        .envs(space.variables());
    command
}

/// A worker in Python and its children, which all die when this is dropped.
pub struct PythonWorker(Child);

impl PythonWorker {
    /// Starts one with a single child. `notes` and `items` are what `tasks.py` says.
    pub fn start(space: &Space, notes: &Path, items: usize, log: &Path) -> Self {
        let log = OpenOptions::new().create(true).append(true).open(log);
        let log = log.unwrap();
        // Two of one name would lock each other out of their mailbox.
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("--hostname={}-{number}@%h", space.queue());
        let mut command = command(space);
        command
            .args(["-m", "celery", "-A", "tasks", "worker", "--concurrency=1"])
            .args(["--pool=prefork", "--loglevel=INFO", &name])
            .args(["--without-gossip", "--without-mingle"])
            .env("MLP_TEST_NOTES", notes)
            .env("MLP_TEST_ITEMS", items.to_string())
            // It dies where that ends, as with a test that was killed.
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            // Its children end with it.
            .process_group(0);
        Self(command.spawn().unwrap())
    }

    /// SIGTERM: it ends what is under way.
    pub fn stop(mut self) {
        // `wait` would close it.
        let stdin = self.0.stdin.take();
        self.signal("-TERM", "");
        let _ = self.0.wait();
        drop(stdin);
    }

    fn signal(&self, name: &str, group: &str) {
        let target = format!("{group}{}", self.0.id());
        // It may have ended by itself.
        let _ = Command::new("kill")
            .args([name, "--", &target])
            .stderr(Stdio::null())
            .status();
    }
}

impl Drop for PythonWorker {
    fn drop(&mut self) {
        self.signal("-KILL", "-");
        let _ = self.0.wait();
    }
}

/// `driver.py`, one command at a time.
pub struct Driver(Mutex<Talk>);

struct Talk {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Driver {
    pub fn start(space: &Space) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/celery/driver.py");
        let mut child = command(space)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self(Mutex::new(Talk {
            child,
            stdin,
            stdout,
        }))
        .ready()
    }

    fn ready(self) -> Self {
        let said = self.0.lock().unwrap().read();
        assert_eq!(said, Ok(json!({ "ready": true })));
        self
    }

    /// The answer, or Python's error.
    pub fn ask(&self, command: &Value) -> Result<Value, String> {
        let mut talk = self.0.lock().unwrap();
        writeln!(talk.stdin, "{command}").map_err(|error| error.to_string())?;
        let said = talk.read()?;
        match said["error"].as_str() {
            Some(error) => Err(format!("{}: {error}", command["do"])),
            None => Ok(said),
        }
    }
}

impl Talk {
    fn read(&mut self) -> Result<Value, String> {
        let mut line = String::new();
        match self.stdout.read_line(&mut line) {
            Ok(0) | Err(_) => Err("the driver in Python has ended".to_owned()),
            Ok(_) => serde_json::from_str(&line).map_err(|error| format!("`{line}`: {error}")),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Ok(talk) = self.0.get_mut() {
            let _ = talk.child.kill();
            let _ = talk.child.wait();
        }
    }
}
