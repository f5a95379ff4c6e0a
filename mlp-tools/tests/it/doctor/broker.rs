//! RabbitMQ and Redis, as they should be and as they should not.

use super::{at, examine};

#[cfg(not(feature = "celery"))]
#[test]
fn a_broker_that_was_named_in_vain_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = at(dir.path());
    command.env("CELERY_BROKER_URL", "amqp://h");
    command.env("CELERY_BACKEND_URL", "redis://h");
    let said = examine(command);
    said.has("broker.config", "fail", "built without Celery", "neither");
}

#[cfg(feature = "celery")]
mod there {
    use mlp_store::conformance::postgres::TestDatabase;
    use mlp_store::conformance::services::Space;

    use super::super::{OF_MACHINES, Said};
    use super::{at, examine};
    use crate::process::{Server, free_port};

    /// What the doctor says where tasks travel over these, with variables beside them.
    fn over(broker: &str, backend: &str, queue: &str, others: &[(&str, &str)]) -> Said {
        let dir = tempfile::tempdir().unwrap();
        let mut command = at(dir.path());
        command.env("CELERY_BROKER_URL", broker);
        command.env("CELERY_BACKEND_URL", backend);
        command.env("CELERY_QUEUE", queue);
        command.envs(others.iter().copied());
        let said = examine(command);
        for secret in ["hidden", "guest:"] {
            assert!(!said.text.contains(secret), "{}", said.text);
        }
        said
    }

    #[test]
    fn a_good_broker_is_green_until_its_worker_goes() {
        let space = Space::shared();
        let dir = tempfile::tempdir().unwrap();
        let (port, bind) = (free_port(), free_port());
        let command = || {
            let mut command = at(dir.path());
            command.envs(space.variables());
            command.env("MLP_BIND", format!("127.0.0.1:{bind}"));
            command
        };
        // What is not there yet is not made by who looks.
        for _ in 0..2 {
            examine(command()).has(
                "broker.queue",
                "warn",
                "there is no queue",
                "makes the queue",
            );
        }
        let mut server = {
            let mut command = command();
            command.args([
                "up",
                "--sessions",
                "300",
                "--bind",
                &format!("127.0.0.1:{port}"),
            ]);
            Server::start(command, port)
        };
        server.wait_until_ready();
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while space.counts().map_or(0, |counts| counts.consumers) == 0 {
            assert!(std::time::Instant::now() < end, "no worker listens");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let said = examine(command());
        assert_eq!(said.code, 0, "{}", said.text);
        said.has("broker.config", "ok", space.queue(), "");
        said.has("broker.exposure", "ok", "encrypted", "");
        said.has("broker.connection", "ok", "answers", "");
        said.has("broker.queue", "ok", "1 workers listen", "");
        said.has("broker.results", "ok", "answers", "");
        assert_eq!(server.stop(), Some(0));
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while space.counts().map_or(1, |counts| counts.consumers) > 0 {
            assert!(std::time::Instant::now() < end, "the worker listens still");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        examine(command()).has("broker.queue", "warn", "no worker listens", "`mlp worker`");
    }

    /// A worker that only trains leaves the queue to others, and says that Redis is away.
    #[test]
    fn a_worker_that_only_trains_takes_no_message() {
        let space = Space::shared();
        let database = TestDatabase::create();
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut command = at(dir.path());
        command.envs(space.variables());
        command.env(
            "CELERY_BACKEND_URL",
            format!("redis://127.0.0.1:{}", free_port()),
        );
        command.env("DATABASE_URL", database.url());
        command.env("MLP_LOG", "info");
        command.args(["worker", "--only", "training"]);
        command.stderr(std::fs::File::create(&log).unwrap());
        let worker = Server::start(command, 0);
        let said = || std::fs::read_to_string(&log).unwrap();
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !(said().contains(" connected ") && said().contains("Redis is away")) {
            assert!(std::time::Instant::now() < end, "{}", said());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert_eq!(space.counts().unwrap().consumers, 0, "{}", said());
        assert!(!said().contains("lapin"), "{}", said());
        assert_eq!(worker.stop(), Some(0));
    }

    /// What is wrong with the URLs, and the row that must tell of it.
    struct Fault<'a> {
        broker: &'a str,
        backend: &'a str,
        row: [&'a str; 4],
    }

    #[test]
    #[rustfmt::skip]
    fn each_fault_of_a_broker_is_told_with_what_to_do() {
        let space = Space::shared();
        let (amqp, redis) = (space.amqp(), space.redis());
        let wrong = amqp.replacen("guest:guest", "guest:hidden", 1);
        assert!(wrong != amqp, "the tests' broker has another user");
        let vhost = format!("{}/nowhere", amqp.trim_end_matches('/'));
        let database = TestDatabase::create();
        let other = format!("redis://{}", database.url().split(['@', '/']).nth(3).unwrap());
        let (closed, closed_redis) = (format!("amqp://127.0.0.1:{}", free_port()), format!("redis://127.0.0.1:{}", free_port()));
        let plain = amqp.replacen("amqp://", "amqps://", 1);
        let two = format!("{closed};{amqp}");
        let password = redis.replacen("redis://", "redis://:hidden@", 1);
        let fault = |broker, backend, row| Fault { broker, backend, row };
        for Fault { broker, backend, row: [check, status, found, advice] } in [
            fault(wrong.as_str(), redis, ["broker.connection", "fail", "ACCESS_REFUSED", "mend user and password"]),
            fault(&closed, redis, ["broker.connection", "fail", "refused", "start RabbitMQ"]),
            fault(&two, redis, ["broker.connection", "warn", "refused", "start RabbitMQ"]),
            fault(&vhost, redis, ["broker.connection", "fail", "vhost nowhere not found", "add_vhost"]),
            fault(&plain, redis, ["broker.connection", "fail", "InvalidContentType", "mostly 5671"]),
            fault("amqp://u:hidden@no-such-host.invalid", redis, ["broker.connection", "fail", "lookup address", "typing error"]),
            fault("amqp://u:hidden@no-such-host.invalid", redis, ["broker.exposure", "warn", "not encrypted", "amqps://"]),
            fault("amqps://guest:hidden@no-such-host.invalid", redis, ["broker.exposure", "warn", "is `guest`", "add_user"]),
            fault(amqp, &closed_redis, ["broker.results", "fail", "refused", "start Redis"]),
            fault(amqp, &other, ["broker.results", "fail", "no Redis answers there", "another program has that port"]),
            fault(amqp, &password, ["broker.results", "fail", "authentication failed", "mend the password"]),
            fault(amqp, "redis://no-such-host.invalid", ["broker.results", "fail", "lookup address", "typing error"]),
            fault(amqp, "", ["broker.config", "fail", "CELERY_BACKEND_URL is not", "neither"]),
            fault("", redis, ["broker.config", "fail", "CELERY_BROKER_URL is not", "neither"]),
            fault("sqs://u:hidden@h", redis, ["broker.config", "fail", "begins with `sqs://`", "amqp://USER"]),
        ] {
            let said = over(broker, backend, space.queue(), &[]);
            said.has(check, status, found, advice);
            let stray = said.rows.iter().filter(|row| {
                let name = row["name"].as_str().unwrap();
                row["status"] == "fail" && !OF_MACHINES.contains(&name) && name != check
            });
            assert!(status == "warn" || stray.count() == 0, "{}", said.text);
        }
    }

    #[test]
    fn wrong_values_beside_the_urls_are_told() {
        let space = Space::shared();
        for (variable, value, found) in [
            (
                "MLP_CELERY_PREFETCH",
                "0",
                "must be a number from 1 to 65535",
            ),
            (
                "MLP_CELERY_RESEND_S",
                "soon",
                "must be a number from 0.1 to 3600",
            ),
            (
                "MLP_CELERY_RESULT_EXPIRES_S",
                "-1",
                "must be a number from 1",
            ),
            (
                "MLP_CELERY_CA_FILE",
                "/nowhere.pem",
                "cannot read `/nowhere.pem`",
            ),
        ] {
            let said = over(
                space.amqp(),
                space.redis(),
                space.queue(),
                &[(variable, value)],
            );
            said.has("broker.config", "fail", found, variable);
            said.has("broker.queue", "skip", "needs", "");
        }
        let typo = [("CELERY_BROKER_URI", "amqp://h")];
        let said = over(space.amqp(), space.redis(), space.queue(), &typo);
        said.has(
            "config.variables",
            "warn",
            "CELERY_BROKER_URI",
            "did you mean CELERY_BROKER_URL?",
        );
    }

    #[test]
    fn without_a_broker_there_is_no_line_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let said = examine(at(dir.path()));
        assert!(!said.text.contains("broker."), "{}", said.text);
    }
}
