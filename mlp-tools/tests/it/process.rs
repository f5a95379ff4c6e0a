//! Real processes of the program, for tests.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The program.
pub const MLP: &str = env!("CARGO_BIN_EXE_mlp");

/// A port that nobody listens on right now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The program, without this process's settings.
pub fn mlp(data: &Path) -> Command {
    let mut command = Command::new(MLP);
    for (name, _) in std::env::vars() {
        if name.starts_with("MLP_") || name.starts_with("DATABASE_") || name.starts_with("CELERY_")
        {
            command.env_remove(name);
        }
    }
    command.env("MLP_DATA_DIR", data).env("MLP_LOG", "warn");
    command
}

/// `mlp serve` on this port and database.
pub fn serve(data: &Path, port: u16, database: &str) -> Command {
    let mut command = mlp(data);
    command
        .args(["serve", "--bind", &format!("127.0.0.1:{port}")])
        .env("DATABASE_URL", database);
    command
}

/// `mlp worker` on this database; what was answered can be learned from at once.
pub fn worker(data: &Path, database: &str, lease: Duration) -> Command {
    let mut command = mlp(data);
    command
        .args(["worker", "--settle", "0", "--lease"])
        .arg(lease.as_secs_f64().to_string())
        .env("DATABASE_URL", database);
    command
}

/// A server process; killed when dropped, also while it is stopped by a signal.
pub struct Server {
    child: Child,
    pub port: u16,
}

impl Server {
    /// `mlp up` on this port.
    pub fn up(data: &Path, port: u16, args: &[&str]) -> Self {
        let mut command = mlp(data);
        command
            .args(["up", "--bind", &format!("127.0.0.1:{port}")])
            .args(args);
        Self::start(command, port)
    }

    /// Any command that serves on this port; 0 for one that serves nothing.
    pub fn start(mut command: Command, port: u16) -> Self {
        let child = command.stdout(Stdio::null()).spawn().unwrap();
        Self { child, port }
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it answers `/readyz` with 200.
    pub fn wait_until_ready(&mut self) {
        let end = Instant::now() + Duration::from_secs(30);
        while !self.ready() {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the server ended: {status}");
            }
            assert!(Instant::now() < end, "the server is not ready");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// How it ended, where it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    pub fn ready(&self) -> bool {
        get(self.port, "/readyz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; gives the exit code.
    pub fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        self.child.wait().unwrap().code()
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request, its answer whole; `None` where nobody answers.
pub fn get(port: u16, path: &str) -> Option<String> {
    request(port, "GET", path, "")
}

/// One request with a JSON body, its answer whole; `None` where nobody answers.
pub fn request(port: u16, method: &str, path: &str, body: &str) -> Option<String> {
    use std::io::{Read, Write};
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .ok()?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
