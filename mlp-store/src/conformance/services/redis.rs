//! A Redis for one test.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::authority::write_certificates;
use super::keeper::{Keeper, find};
use super::{free_port, resp};

const PATIENCE: Duration = Duration::from_secs(20);

/// What a private Redis is to be.
#[derive(Debug, Clone, Copy, Default)]
pub struct RedisOptions {
    /// Whether what was written survives a kill. Default false: it comes back empty.
    pub durable: bool,
    /// Whether it also speaks TLS, on a port of its own. Default false.
    pub tls: bool,
}

/// A Redis of its own, in a temporary directory and on a port that was free. It ends when this is
/// dropped, and when the process dies.
#[derive(Debug)]
pub struct Redis {
    // Dropped after `drop` has stopped the server.
    directory: TempDir,
    options: RedisOptions,
    port: u16,
    tls_port: u16,
    keeper: Option<Keeper>,
}

impl Redis {
    /// Starts one that keeps nothing and speaks no TLS.
    ///
    /// # Panics
    ///
    /// Where none is installed, or it does not start; with what it printed.
    pub fn start() -> Self {
        Self::start_with(RedisOptions::default())
    }

    /// Starts one.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn start_with(options: RedisOptions) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("mlp-redis-")
            .tempdir()
            .expect("a temporary directory can be made");
        if options.tls {
            write_certificates(directory.path());
        }
        let mut redis = Self {
            directory,
            options,
            port: 0,
            tls_port: 0,
            keeper: None,
        };
        let mut said = String::new();
        // A port that was free may be taken by the time the server asks for it.
        for _ in 0..5 {
            redis.port = free_port();
            redis.tls_port = if options.tls { free_port() } else { 0 };
            match redis.try_start() {
                Ok(()) => return redis,
                Err(out) => said = out,
            }
        }
        panic!("the private Redis does not start:\n{said}");
    }

    /// Its URL, database 0.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Its URL with TLS, by the name that its certificate has.
    ///
    /// # Panics
    ///
    /// Where it speaks none.
    pub fn tls_url(&self) -> String {
        assert!(self.options.tls, "it was started without `tls`");
        format!("rediss://localhost:{}/0", self.tls_port)
    }

    /// Its files; with TLS also `ca.pem`, which signed its certificate.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Stops it in good order.
    pub fn stop(&mut self) {
        self.end("TERM");
    }

    /// Stops it as a crash would.
    pub fn kill(&mut self) {
        self.end("KILL");
    }

    /// Starts it again on the same port and with what it kept.
    ///
    /// # Panics
    ///
    /// Where it does not start in time.
    pub fn start_again(&mut self) {
        self.kill();
        let end = Instant::now() + PATIENCE;
        while let Err(said) = self.try_start() {
            assert!(Instant::now() < end, "it does not start again:\n{said}");
            sleep(Duration::from_millis(100));
        }
    }

    /// The error is what it printed.
    fn try_start(&mut self) -> Result<(), String> {
        let program = find("redis-server", &["/usr/sbin"]).unwrap_or_else(|| {
            panic!(
                "no `redis-server` in PATH: install Redis (Debian: apt-get install redis-server)"
            )
        });
        let (port, tls_port) = (self.port.to_string(), self.tls_port.to_string());
        let durable = if self.options.durable { "yes" } else { "no" };
        let mut args = vec!["--bind", "127.0.0.1", "--port", &port, "--save", ""];
        args.extend(["--appendonly", durable, "--appendfsync", "always"]);
        if self.options.tls {
            args.extend(["--tls-port", &tls_port, "--tls-auth-clients", "no"]);
            args.extend([
                "--tls-ca-cert-file",
                "ca.pem",
                "--tls-cert-file",
                "server.pem",
            ]);
            args.extend(["--tls-key-file", "server.key"]);
        }
        let keeper = Keeper::start(self.directory.path(), &program, args, &[]);
        let end = Instant::now() + PATIENCE;
        while !resp::ask(&self.url(), &["PING"]).is_ok_and(|said| said == "+PONG") {
            if keeper.has_ended() || Instant::now() > end {
                keeper.stop("KILL");
                let said = std::fs::read(self.directory.path().join("out")).unwrap_or_default();
                return Err(String::from_utf8_lossy(&said).into_owned());
            }
            sleep(Duration::from_millis(10));
        }
        self.keeper = Some(keeper);
        Ok(())
    }

    fn end(&mut self, signal: &str) {
        if let Some(keeper) = self.keeper.take() {
            keeper.stop(signal);
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
