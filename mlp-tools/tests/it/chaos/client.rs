//! The clients: sessions through two equal API processes, each step written down before the next.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::{Method, Request, StatusCode};
use mlp_data::{Date, Mix, UserConfig, UserSampler};
use mlp_tools::traffic::{Client, Error};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::dice::Dice;
use crate::log::Log;

/// Items that are looked at.
pub const LIMIT: usize = 10;

/// A request's longest time: an API process that was stopped says nothing.
const TIMEOUT: Duration = Duration::from_secs(3);

/// How long one step may take in all, through any number of outages.
const PATIENCE: Duration = Duration::from_secs(60);

/// Finished tasks that a client keeps in mind, to look at them again later.
const KEPT: usize = 20;

/// What the clients saw, counted.
#[derive(Debug, Default)]
pub struct Tally {
    pub sessions: usize,
    pub requests: usize,
    /// 503.
    pub busy: usize,
    pub refused: usize,
    pub lost: usize,
    pub timed_out: usize,
    /// Tasks that ended in FAILURE, as tasks may whose every worker was killed.
    pub failures: usize,
    /// Starts that were sent again, under their key, to the other process after they succeeded.
    pub repeated_starts: usize,
    /// Results that were read again.
    pub read_again: usize,
    /// Choices that were changed.
    pub changed: usize,
    pub trainings: usize,
    /// The slowest 503 to anything but a wait, in seconds.
    pub slowest_busy: f64,
    /// Answers that must not be.
    pub wrong: Vec<String>,
}

impl Tally {
    pub fn add(&mut self, other: Self) {
        self.sessions += other.sessions;
        self.requests += other.requests;
        self.busy += other.busy;
        self.refused += other.refused;
        self.lost += other.lost;
        self.timed_out += other.timed_out;
        self.failures += other.failures;
        self.repeated_starts += other.repeated_starts;
        self.read_again += other.read_again;
        self.changed += other.changed;
        self.trainings += other.trainings;
        self.slowest_busy = self.slowest_busy.max(other.slowest_busy);
        self.wrong.extend(other.wrong);
    }
}

/// Why a session was left: it is in the tally.
struct Left;

type Step<T> = Result<T, Left>;

/// An answer that is no "not now".
struct Said {
    status: StatusCode,
    body: Vec<u8>,
    /// Whether an attempt before it may have been done, or may still be.
    doubt: bool,
}

/// One client, with a connection to each API process and a log of its own.
pub struct User {
    name: String,
    clients: [Client; 2],
    sampler: UserSampler,
    people: ChaCha8Rng,
    dice: Dice,
    log: Log,
    stop: Arc<AtomicBool>,
    kept: Vec<(String, Vec<u8>)>,
    next_training: Option<Instant>,
    pub tally: Tally,
}

impl User {
    pub fn new(
        number: usize,
        seed: u64,
        ports: [u16; 2],
        log: &Path,
        stop: Arc<AtomicBool>,
    ) -> Self {
        let users = UserConfig::from_reader("user.tsv", mlp_data::shipped::USERS.as_bytes());
        let seed = seed.wrapping_mul(1000).wrapping_add(number as u64);
        let client = |port: u16| {
            Client::new(format!("http://127.0.0.1:{port}").parse().unwrap()).with_timeout(TIMEOUT)
        };
        Self {
            name: format!("{seed}-{number}"),
            clients: ports.map(client),
            sampler: UserSampler::new(&users.unwrap().value, Mix::Even, Date::FIRST_OF_2026),
            people: ChaCha8Rng::seed_from_u64(seed),
            dice: Dice::new(seed),
            log: Log::create(log),
            stop,
            kept: Vec::new(),
            // One of them asks for trainings.
            next_training: (number == 0).then(|| Instant::now() + Duration::from_secs(5)),
            tally: Tally::default(),
        }
    }

    /// Sessions, one after the other, until it is told to stop; the last one is ended.
    pub fn run(self) -> Tally {
        self.sessions(usize::MAX)
    }

    /// As [`Self::run`], so many at most.
    pub fn sessions(mut self, most: usize) -> Tally {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            for number in 0..most {
                if self.stop.load(Ordering::Relaxed) {
                    break;
                }
                // Why it was left is in the tally, and the next one may do better.
                let _ = self.session(number).await;
                self.tally.sessions += 1;
            }
        });
        self.tally
    }

    fn wrong(&mut self, what: String) -> Left {
        eprintln!("wrong answer: {what}");
        self.log
            .write(format_args!("wrong {}", what.replace('\n', " ")));
        self.tally.wrong.push(what);
        Left
    }

    async fn session(&mut self, number: usize) -> Step<()> {
        self.look_back().await?;
        self.train().await?;
        let task = self.start(number).await?;
        if !self.wait(&task).await? {
            self.tally.failures += 1;
            self.log.write(format_args!("failed {task}"));
            return Ok(());
        }
        let (body, items) = self.results(&task).await?;
        if self.dice.happens(0.5) {
            self.same_results(&task, &body).await?;
        }
        let item = items[self.dice.below(items.len())];
        let doubt = self.select(&task, item).await?;
        // A choice whose request may still be under way can come after the one that follows it, and
        // win: nobody was promised otherwise. So only a certain one is changed.
        if !doubt && self.dice.happens(0.2) {
            let other = items[self.dice.below(items.len())];
            self.select(&task, other).await?;
            self.tally.changed += 1;
        }
        if self.kept.len() == KEPT {
            let old = self.dice.below(KEPT);
            self.kept.swap_remove(old);
        }
        self.kept.push((task, body));
        Ok(())
    }

    /// Sends until there is an answer other than "not now", each time to the other process.
    async fn ask(&mut self, what: &str, request: impl Fn() -> Request<Bytes>) -> Step<Said> {
        let mut to = self.dice.below(2);
        let begun = Instant::now();
        let mut doubt = false;
        loop {
            self.tally.requests += 1;
            let sent = Instant::now();
            match self.clients[to].send(request()).await {
                Ok(reply) if reply.status == StatusCode::SERVICE_UNAVAILABLE => {
                    let says_when = reply.headers.contains_key("retry-after");
                    // One that waited for a task's end until the database went away is not slow.
                    if !what.starts_with("status") {
                        let slowest = &mut self.tally.slowest_busy;
                        *slowest = slowest.max(sent.elapsed().as_secs_f64());
                    }
                    self.tally.busy += 1;
                    // The connection to the database may have broken after the commit.
                    doubt = true;
                    if !says_when {
                        return Err(self.wrong(format!("{what}: 503 without Retry-After")));
                    }
                }
                Ok(reply) if reply.status == StatusCode::GATEWAY_TIMEOUT => {
                    self.tally.timed_out += 1;
                    doubt = true;
                }
                Ok(reply) => {
                    return Ok(Said {
                        status: reply.status,
                        body: reply.body.to_vec(),
                        doubt,
                    });
                }
                Err(Error::Connect { .. }) => self.tally.refused += 1,
                Err(Error::Lost(_)) => {
                    self.tally.lost += 1;
                    doubt = true;
                }
                Err(Error::TimedOut(_)) => {
                    self.tally.timed_out += 1;
                    doubt = true;
                }
                Err(other) => return Err(self.wrong(format!("{what}: {}", other.chain()))),
            }
            if begun.elapsed() > PATIENCE {
                return Err(self.wrong(format!("{what}: nothing for {PATIENCE:?}")));
            }
            tokio::time::sleep(self.dice.seconds(0.03, 0.15)).await;
            to = 1 - to;
        }
    }

    /// As [`Self::ask`], for what can only be answered with 200 and JSON.
    async fn get(&mut self, what: &str, path: &str) -> Step<(Value, Said)> {
        let request = || build(Method::GET, path, None, Bytes::new());
        let said = self.ask(what, request).await?;
        self.value(what, said)
    }

    fn value(&mut self, what: &str, said: Said) -> Step<(Value, Said)> {
        match serde_json::from_slice(&said.body) {
            Ok(value) if said.status == StatusCode::OK => Ok((value, said)),
            _ => {
                let body = String::from_utf8_lossy(&said.body).into_owned();
                Err(self.wrong(format!("{what}: {} {body}", said.status)))
            }
        }
    }

    async fn start(&mut self, number: usize) -> Step<String> {
        let key = format!("{}-{number}", self.name);
        let user = self.sampler.sample(&mut self.people).user;
        let body = Bytes::from(serde_json::to_vec(&user).unwrap());
        self.log.write(format_args!("start {key}"));
        let task = self.start_once(&key, &body).await?;
        self.log.write(format_args!("accepted {key} {task}"));
        if self.dice.happens(0.1) {
            self.tally.repeated_starts += 1;
            let again = self.start_once(&key, &body).await?;
            if again != task {
                return Err(self.wrong(format!("start {key}: {task}, and then {again}")));
            }
        }
        Ok(task)
    }

    async fn start_once(&mut self, key: &str, body: &Bytes) -> Step<String> {
        let what = format!("start {key}");
        let request = || build(Method::POST, "/inference/start", Some(key), body.clone());
        let said = self.ask(&what, request).await?;
        let (value, said) = self.value(&what, said)?;
        match value["task_id"].as_str() {
            Some(task) if task.parse::<uuid::Uuid>().is_ok() => Ok(task.to_owned()),
            _ => {
                let body = String::from_utf8_lossy(&said.body).into_owned();
                Err(self.wrong(format!("{what}: {body}")))
            }
        }
    }

    /// Waits for the end; whether it is a success.
    async fn wait(&mut self, task: &str) -> Step<bool> {
        let begun = Instant::now();
        let what = format!("status {task}");
        let path = format!("/inference/status/{task}?wait=2");
        while begun.elapsed() < PATIENCE {
            let request = || build(Method::GET, &path, None, Bytes::new());
            let said = self.ask(&what, request).await?;
            if said.status == StatusCode::INTERNAL_SERVER_ERROR
                && String::from_utf8_lossy(&said.body).contains("Task failed")
            {
                return Ok(false);
            }
            let (value, said) = self.value(&what, said)?;
            match (value["task_id"].as_str(), value["status"].as_str()) {
                (Some(id), Some("SUCCESS")) if id == task => return Ok(true),
                (Some(id), Some("PENDING" | "STARTED" | "RETRY")) if id == task => {}
                _ => {
                    let body = String::from_utf8_lossy(&said.body).into_owned();
                    return Err(self.wrong(format!("{what}: {body}")));
                }
            }
        }
        Err(self.wrong(format!("{what}: not final after {PATIENCE:?}")))
    }

    async fn results(&mut self, task: &str) -> Step<(Vec<u8>, Vec<i64>)> {
        let what = format!("results {task}");
        let (value, said) = self.get(&what, &results_path(task)).await?;
        let Some(list) = ranking(&value) else {
            let body = String::from_utf8_lossy(&said.body).into_owned();
            return Err(self.wrong(format!("{what}: {body}")));
        };
        self.log.write(format_args!("seen {task} {}", list.text));
        Ok((said.body, list.items))
    }

    async fn same_results(&mut self, task: &str, body: &[u8]) -> Step<()> {
        let what = format!("results {task} again");
        self.tally.read_again += 1;
        let (_, said) = self.get(&what, &results_path(task)).await?;
        if said.body == body {
            return Ok(());
        }
        let (first, then) = (
            String::from_utf8_lossy(body),
            String::from_utf8_lossy(&said.body),
        );
        let text = format!("{what}: first {first}, then {then}");
        Err(self.wrong(text))
    }

    /// Looks at an old session again.
    async fn look_back(&mut self) -> Step<()> {
        if self.kept.is_empty() || !self.dice.happens(0.2) {
            return Ok(());
        }
        let (task, body) = self.kept[self.dice.below(self.kept.len())].clone();
        self.same_results(&task, &body).await
    }

    /// Chooses until that is acknowledged; whether an attempt before it may still be under way.
    async fn select(&mut self, task: &str, item: i64) -> Step<bool> {
        let what = format!("select {task} {item}");
        self.log.write(format_args!("choose {task} {item}"));
        let body = json!({ "task_id": task, "location_id": item }).to_string();
        let body = Bytes::from(body);
        let request = || build(Method::PUT, "/inference/select", None, body.clone());
        let said = self.ask(&what, request).await?;
        let (value, said) = self.value(&what, said)?;
        if value["task_id"].as_str() != Some(task)
            || value["location_id"].as_i64() != Some(item)
            || value["label"].as_i64() != Some(1)
        {
            let body = String::from_utf8_lossy(&said.body).into_owned();
            return Err(self.wrong(format!("{what}: {body}")));
        }
        self.log.write(format_args!("selected {task} {item}"));
        Ok(said.doubt)
    }

    async fn train(&mut self) -> Step<()> {
        if self.next_training.is_none_or(|at| Instant::now() < at) {
            return Ok(());
        }
        self.next_training = Some(Instant::now() + self.dice.seconds(10.0, 20.0));
        let body = Bytes::from_static(b"{}");
        let request = || build(Method::POST, "/train/start", None, body.clone());
        let said = self.ask("train", request).await?;
        self.value("train", said)?;
        self.tally.trainings += 1;
        Ok(())
    }
}

/// The results of a task, as they are asked for everywhere here.
pub fn results_path(task: &str) -> String {
    format!("/inference/results/{task}?limit={LIMIT}")
}

/// A ranking, and how it is written down.
pub struct Ranking {
    pub items: Vec<i64>,
    pub text: String,
}

/// The ranking in an answer; `None` where it is none: [`LIMIT`] items, none of them twice, by
/// descending score.
pub fn ranking(value: &Value) -> Option<Ranking> {
    let mut ranking = Ranking {
        items: Vec::new(),
        text: String::new(),
    };
    let mut last = f64::INFINITY;
    for row in value.as_array()? {
        let (item, score) = (row["location_id"].as_i64()?, row["score"].as_f64()?);
        if ranking.items.contains(&item) || score > last {
            return None;
        }
        last = score;
        ranking.items.push(item);
        write!(ranking.text, "{item}:{score},").ok()?;
    }
    (ranking.items.len() == LIMIT).then_some(ranking)
}

fn build(method: Method, path: &str, key: Option<&str>, body: Bytes) -> Request<Bytes> {
    let mut request = Request::builder().method(method).uri(path);
    if !body.is_empty() {
        request = request.header("content-type", "application/json");
    }
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    request.body(body).unwrap()
}
