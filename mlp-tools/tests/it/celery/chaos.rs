//! The broker and Redis are killed and restarted at random, under traffic: 0 lost, 0 doubled, and
//! nobody has to do anything.
//!
//! The system and the judgement are those of [`crate::chaos`]; here its processes are left alone, and
//! what lies between them is not. `MLP_CHAOS_SECONDS` and `MLP_CHAOS_SEED` make it longer:
//! `scripts/verify.sh celery_chaos`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use mlp_store::conformance::services::{RabbitMq, Redis, Space};

use super::python::PythonWorker;
use crate::chaos::client::{Tally, User};
use crate::chaos::dice::Dice;
use crate::chaos::system::System;
use crate::chaos::verdict::{self, Promises};
use crate::chaos::{read_again, variable};

const LEASE: Duration = Duration::from_millis(1500);

const USERS: usize = 6;

/// Two API processes and our workers, and one worker in Python, on the same queue.
struct Scene {
    system: System,
    broker: RabbitMq,
    redis: Redis,
    // Dropped before the servers that it looks into.
    python: PythonWorker,
    space: Space,
    notes: PathBuf,
}

impl Scene {
    fn set() -> Self {
        let broker = RabbitMq::start();
        // What it held is lost with each kill.
        let redis = Redis::start();
        let space = Space::on(&broker, &redis);
        let variables = space.variables();
        // A result that Redis lost is missed only after six times that, since workers listen.
        let resend = ("MLP_CELERY_RESEND_S", "2");
        let variables = variables.into_iter().chain([resend]);
        let variables: Vec<(String, String)> = variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let system = System::start_with(LEASE, &variables);
        let notes = system.directory().join("notes");
        let log = system.directory().join("python.log");
        let items = system.items();
        let python = PythonWorker::start(&space, &notes, items, &log);
        Self {
            system,
            broker,
            redis,
            python,
            space,
            notes,
        }
    }

    /// Kills one or both, lets them be away, and brings them back; how many were killed.
    fn fault(&mut self, dice: &mut Dice) -> (usize, usize) {
        let (broker, redis) = match dice.below(3) {
            0 => (true, false),
            1 => (false, true),
            _ => (true, true),
        };
        if broker {
            self.broker.kill();
        }
        if redis {
            self.redis.kill();
        }
        sleep(dice.seconds(0.3, 3.0));
        if redis {
            self.redis.start_again();
        }
        if broker {
            self.broker.start_again();
        }
        (usize::from(broker), usize::from(redis))
    }

    /// Executions that Python's worker ended.
    fn python_ended(&self) -> usize {
        let notes = std::fs::read_to_string(&self.notes).unwrap_or_default();
        notes.lines().filter(|line| line.ends_with(" end")).count()
    }
}

#[test]
#[ignore = "takes minutes: scripts/verify.sh celery_chaos"]
fn a_broker_and_a_redis_that_die_lose_and_double_nothing() {
    let time = Duration::from_secs(variable("MLP_CHAOS_SECONDS", 60));
    let seed: u64 = variable("MLP_CHAOS_SEED", 1);
    println!("celery chaos: seed {seed}");
    let mut scene = Scene::set();
    let stop = Arc::new(AtomicBool::new(false));
    let logs: Vec<PathBuf> = (0..USERS)
        .map(|i| {
            scene
                .system
                .directory()
                .join(format!("client-{i}.promises"))
        })
        .collect();
    // The first one would ask for trainings, which Python's worker does not know.
    let users: Vec<_> = (logs.iter().enumerate())
        .map(|(i, log)| User::new(i + 1, seed, scene.system.ports(), log, Arc::clone(&stop)))
        .map(|user| std::thread::spawn(move || user.run()))
        .collect();
    let mut dice = Dice::new(seed);
    let (begun, mut brokers, mut redises) = (Instant::now(), 0, 0);
    while begun.elapsed() < time {
        sleep(dice.seconds(1.0, 5.0));
        let (broker, redis) = scene.fault(&mut dice);
        brokers += broker;
        redises += redis;
        scene.system.supervise();
    }
    stop.store(true, Ordering::Relaxed);
    let mut tally = Tally::default();
    for user in users {
        tally.add(user.join().unwrap());
    }
    let drained = scene.system.drain();
    let mut promises = Promises::default();
    logs.iter().for_each(|log| promises.read(log));
    let found = verdict::judge(&mut scene.system.connect(), &promises);
    let changed = read_again(&scene.system, &promises, &mut tally);
    println!(
        "celery chaos: {:.0} s, RabbitMQ killed {brokers} times, Redis {redises} times; \
         {} sessions, {} of Python's executions; open tasks were done after {:.1} s\n{found}",
        begun.elapsed().as_secs_f64(),
        tally.sessions,
        scene.python_ended(),
        drained.as_secs_f64()
    );
    let ended = scene.system.ended.clone();
    for wrong in tally.wrong.iter().chain(&ended).take(20) {
        println!("  wrong: {}", wrong.chars().take(600).collect::<String>());
    }
    let good = found.faults == verdict::Faults::default()
        && found.failures == 0
        && tally.wrong.is_empty()
        && ended.is_empty()
        && changed == 0;
    assert!(found.accepted > 100, "hardly any traffic");
    assert!(scene.python_ended() > 0, "Python's worker did nothing");
    let Scene {
        system,
        python,
        space,
        ..
    } = scene;
    drop((python, space));
    if !good {
        let logs = system.keep_logs();
        panic!(
            "something was lost or wrong: the logs are in `{}`",
            logs.display()
        );
    }
}
