//! A place for one test on a broker and a Redis that others use too.

use std::collections::BTreeSet;
use std::io::Result;
use std::sync::Mutex;
use std::sync::PoisonError;

use uuid::Uuid;

use super::{Amqp, Counts, RabbitMq, Redis, resp};

/// Names the RabbitMQ of the tests by its URL.
pub const AMQP_VARIABLE: &str = "MLP_TEST_AMQP";

/// Names the Redis of the tests by its URL.
pub const REDIS_VARIABLE: &str = "MLP_TEST_REDIS";

/// A queue with a name of its own, and the results of the tasks that it was told of: both gone when
/// this is dropped. Whoever uses the queue makes it, and its exchange of the same name.
#[derive(Debug)]
pub struct Space {
    amqp: String,
    redis: String,
    queue: String,
    tasks: Mutex<BTreeSet<String>>,
}

impl Space {
    /// On the servers that [`AMQP_VARIABLE`] and [`REDIS_VARIABLE`] name, this machine's by default.
    ///
    /// # Panics
    ///
    /// Where one of them does not answer.
    pub fn shared() -> Self {
        let url = |name: &str, default: &str| match std::env::var(name) {
            Ok(url) if !url.is_empty() => url,
            _ => default.to_owned(),
        };
        Self::at(
            url(AMQP_VARIABLE, "amqp://guest:guest@127.0.0.1:5672//"),
            url(REDIS_VARIABLE, "redis://127.0.0.1:6379/0"),
        )
    }

    /// On servers of a test's own.
    ///
    /// # Panics
    ///
    /// As [`shared`](Self::shared).
    pub fn on(rabbitmq: &RabbitMq, redis: &Redis) -> Self {
        Self::at(rabbitmq.url(), redis.url())
    }

    fn at(amqp: String, redis: String) -> Self {
        if let Err(error) = Amqp::connect(&amqp) {
            panic!(
                "no RabbitMQ: {error}; start one (scripts/test.sh does), or let {AMQP_VARIABLE} be \
                 the URL of one"
            );
        }
        if let Err(error) = resp::ask(&redis, &["PING"]) {
            panic!(
                "no Redis: {error}; start one (scripts/test.sh does), or let {REDIS_VARIABLE} be \
                 the URL of one"
            );
        }
        Self {
            amqp,
            redis,
            queue: format!("mlp-test-{}", Uuid::now_v7().simple()),
            tasks: Mutex::default(),
        }
    }

    /// The broker's URL.
    pub fn amqp(&self) -> &str {
        &self.amqp
    }

    /// The URL of Redis.
    pub fn redis(&self) -> &str {
        &self.redis
    }

    /// The queue's name, and its exchange's.
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// What programs are to find in their environment.
    pub fn variables(&self) -> [(&'static str, &str); 3] {
        [
            ("CELERY_BROKER_URL", &self.amqp),
            ("CELERY_BACKEND_URL", &self.redis),
            ("CELERY_QUEUE", &self.queue),
        ]
    }

    /// What the queue has.
    ///
    /// # Errors
    ///
    /// Where the broker is away, or nobody has made the queue yet.
    pub fn counts(&self) -> Result<Counts> {
        Amqp::connect(&self.amqp)?.counts(&self.queue)
    }

    /// Loses what waits in the queue.
    ///
    /// # Errors
    ///
    /// As [`counts`](Self::counts).
    pub fn purge(&self) -> Result<()> {
        Amqp::connect(&self.amqp)?.purge(&self.queue)
    }

    /// A task whose result is to go when this is dropped.
    pub fn owns(&self, task_id: impl ToString) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.insert(task_id.to_string());
    }

    fn clean_up(&self) -> Result<()> {
        let mut broker = Amqp::connect(&self.amqp)?;
        broker.delete_queue(&self.queue)?;
        broker.delete_exchange(&self.queue)?;
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let keys: Vec<String> = (tasks.iter())
            .map(|task| format!("celery-task-meta-{task}"))
            .collect();
        for keys in keys.chunks(500) {
            let mut words = vec!["DEL"];
            words.extend(keys.iter().map(String::as_str));
            resp::ask(&self.redis, &words)?;
        }
        Ok(())
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        // No panic: a test may have stopped the servers, or be panicking itself.
        if let Err(error) = self.clean_up() {
            eprintln!("queue `{}` stays: {error}", self.queue);
        }
    }
}
