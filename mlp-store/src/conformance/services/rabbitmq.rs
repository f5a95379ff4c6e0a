//! A RabbitMQ for one test.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::authority::write_certificates;
use super::keeper::{Keeper, find};
use super::{Amqp, Counts, free_port};

const PATIENCE: Duration = Duration::from_secs(90);

/// What a private RabbitMQ is to be.
#[derive(Debug, Clone, Copy, Default)]
pub struct RabbitMqOptions {
    /// Whether it also speaks TLS, on a port of its own. Default false.
    pub tls: bool,
}

/// A RabbitMQ of its own, in a temporary directory and on ports that were free, without plugins, for
/// `guest` with the password `guest`. It ends when this is dropped, and when the process dies.
///
/// ```no_run
/// use mlp_store::conformance::services::RabbitMq;
///
/// let mut broker = RabbitMq::start();
/// broker.kill();
/// broker.start_again();
/// println!("{}", broker.url());
/// ```
#[derive(Debug)]
pub struct RabbitMq {
    // Dropped after `drop` has stopped the server.
    directory: TempDir,
    options: RabbitMqOptions,
    port: u16,
    tls_port: u16,
    /// Between Erlang's nodes, and of the port mapper: the machine's own is left alone.
    inner_ports: [u16; 2],
    mapper: Option<Keeper>,
    keeper: Option<Keeper>,
}

impl RabbitMq {
    /// Starts one without TLS.
    ///
    /// # Panics
    ///
    /// Where none is installed, or it does not start; with the end of its log.
    pub fn start() -> Self {
        Self::start_with(RabbitMqOptions::default())
    }

    /// Starts one.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn start_with(options: RabbitMqOptions) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("mlp-rabbitmq-")
            .tempdir()
            .expect("a temporary directory can be made");
        if options.tls {
            write_certificates(directory.path());
        }
        let mut broker = Self {
            directory,
            options,
            port: 0,
            tls_port: 0,
            inner_ports: [0; 2],
            mapper: None,
            keeper: None,
        };
        let mut said = String::new();
        // A port that was free may be taken by the time the server asks for it.
        for _ in 0..3 {
            broker.configure();
            match broker.try_start() {
                Ok(()) => return broker,
                Err(log) => said = log,
            }
        }
        panic!("the private RabbitMQ does not start:\n{said}");
    }

    /// Its URL, virtual host `/`.
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}//", self.port)
    }

    /// Its URL with TLS, by the name that its certificate has.
    ///
    /// # Panics
    ///
    /// Where it speaks none.
    pub fn tls_url(&self) -> String {
        assert!(self.options.tls, "it was started without `tls`");
        format!("amqps://guest:guest@localhost:{}//", self.tls_port)
    }

    /// Its files, `log` among them; with TLS also `ca.pem`, which signed its certificate.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What a queue has; `None` where there is no such queue, or the broker is away.
    pub fn counts(&self, queue: &str) -> Option<Counts> {
        Amqp::connect(&self.url()).ok()?.counts(queue).ok()
    }

    /// Stops it in good order.
    pub fn stop(&mut self) {
        self.end("TERM");
    }

    /// Stops it as a crash would.
    pub fn kill(&mut self) {
        self.end("KILL");
    }

    /// Starts it again on the same port and with what it kept, and waits until it answers.
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

    fn configure(&mut self) {
        if let Some(mapper) = self.mapper.take() {
            mapper.stop("KILL");
        }
        self.port = free_port();
        self.inner_ports = [free_port(), free_port()];
        let mut lines = format!(
            "listeners.tcp.1 = 127.0.0.1:{}\nlog.console = false\nlog.file.level = warning\n\
             vm_memory_high_watermark.absolute = 512MB\ndisk_free_limit.absolute = 1MB\n",
            self.port
        );
        if self.options.tls {
            self.tls_port = free_port();
            lines += &format!("listeners.ssl.1 = 127.0.0.1:{}\n", self.tls_port);
            for (name, file) in [
                ("cacertfile", "ca.pem"),
                ("certfile", "server.pem"),
                ("keyfile", "server.key"),
            ] {
                let path = self.directory().join(file);
                lines += &format!("ssl_options.{name} = {}\n", path.display());
            }
        }
        for (name, text) in [
            ("rabbitmq.conf", lines.as_str()),
            ("env", ""),
            ("plugins", ""),
        ] {
            fs::write(self.directory().join(name), text).expect("the directory is ours");
        }
    }

    fn variables(&self) -> Vec<(String, String)> {
        let path = |name: &str| self.directory().join(name).display().to_string();
        let [distribution, mapper] = self.inner_ports;
        [
            ("HOME", path("")),
            ("RABBITMQ_CONF_ENV_FILE", path("env")),
            ("RABBITMQ_CONFIG_FILE", path("rabbitmq")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", path("plugins")),
            ("RABBITMQ_MNESIA_BASE", path("mnesia")),
            ("RABBITMQ_LOG_BASE", path("")),
            ("RABBITMQ_LOGS", path("log")),
            ("RABBITMQ_FEATURE_FLAGS_FILE", path("feature_flags")),
            ("RABBITMQ_GENERATED_CONFIG_DIR", path("generated")),
            ("RABBITMQ_PID_FILE", path("pid")),
            ("RABBITMQ_NODENAME", format!("mlp{}@localhost", self.port)),
            ("RABBITMQ_DIST_PORT", distribution.to_string()),
            ("ERL_EPMD_PORT", mapper.to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
            (
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1}".to_owned(),
            ),
            // The script then becomes the server, instead of waiting for it.
            ("RUNNING_UNDER_SYSTEMD", "true".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// The error is the end of its log.
    fn try_start(&mut self) -> Result<(), String> {
        // What is in PATH on Debian is a script that runs it as another user.
        let program = find("rabbitmq-server", &["/usr/lib/rabbitmq/bin"]);
        let (Some(program), Some(mapper)) = (program, find("epmd", &[])) else {
            panic!(
                "no `rabbitmq-server` and `epmd` in PATH or /usr/lib/rabbitmq/bin: install \
                 RabbitMQ (Debian: apt-get install rabbitmq-server)"
            );
        };
        if self.mapper.as_ref().is_none_or(Keeper::has_ended) {
            let port = self.inner_ports[1].to_string();
            let place = self.directory().join("epmd");
            fs::create_dir_all(&place).expect("the directory is ours");
            let args = ["-address", "127.0.0.1", "-port", &port];
            self.mapper = Some(Keeper::start(&place, &mapper, args, &[]));
        }
        let keeper = Keeper::start(self.directory(), &program, [], &self.variables());
        let end = Instant::now() + PATIENCE;
        while Amqp::connect(&self.url()).is_err() {
            if keeper.has_ended() || Instant::now() > end {
                keeper.stop("KILL");
                return Err(self.said());
            }
            sleep(Duration::from_millis(50));
        }
        self.keeper = Some(keeper);
        Ok(())
    }

    fn said(&self) -> String {
        let texts = ["out", "log"].map(|name| {
            let text = fs::read(self.directory().join(name)).unwrap_or_default();
            let text = String::from_utf8_lossy(&text).into_owned();
            let from = text.len().saturating_sub(3000);
            text.get(from..).unwrap_or_default().to_owned()
        });
        texts.concat()
    }

    fn end(&mut self, signal: &str) {
        if let Some(keeper) = self.keeper.take() {
            keeper.stop(signal);
        }
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        self.kill();
        if let Some(mapper) = self.mapper.take() {
            mapper.stop("KILL");
        }
    }
}
