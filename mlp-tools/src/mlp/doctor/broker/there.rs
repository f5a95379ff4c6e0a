//! What is looked at where the program was built for brokers.

use mlp_store::celery::{
    Broker, CelerySettings, Obstacle, Queue, Results, Unreached, Way, examine_results, ways,
};

use crate::mlp::doctor::check::{Check, Finding, Look, On};
use crate::mlp::doctor::subject::Subject;

pub const EXPOSURE: Check = check("broker.exposure", &["broker.config"], exposure);
pub const CONNECTION: Check = check("broker.connection", &["broker.config"], connection);
pub const QUEUE: Check = check("broker.queue", &["broker.connection"], queue);
pub const RESULTS: Check = check("broker.results", &["broker.config"], results);

const fn check(name: &'static str, needs: &'static [&'static str], look: Look) -> Check {
    Check {
        name,
        on: On::All,
        needs,
        look,
    }
}

/// Messages in a queue that workers are not up to.
const LONG: u32 = 1000;

/// What the settings come to.
pub fn described(settings: &CelerySettings) -> Finding {
    Finding::ok(format!(
        "tasks travel over queue `{}` at {}, results over {}",
        settings.queue(),
        settings.broker_place(),
        settings.results_place()
    ))
}

/// The settings, where tasks travel.
fn settings(subject: &Subject) -> Option<CelerySettings> {
    subject.said.celery.settings().ok().flatten()
}

fn exposure(subject: &Subject) -> Vec<Finding> {
    let Some(settings) = settings(subject) else {
        return Vec::new();
    };
    let ways = ways(&settings);
    let findings: Vec<Finding> = ways.iter().flat_map(exposed).collect();
    match findings.is_empty() {
        true => Finding::ok(unexposed(&ways)).into(),
        false => findings,
    }
}

/// What there is to say where nothing is wrong.
fn unexposed(ways: &[Way]) -> &'static str {
    let leaves = ways.iter().any(|way| !way.is_local);
    match (leaves, ways.iter().any(|way| way.is_guest)) {
        (false, false) => "nothing leaves this machine, so that nothing need be encrypted",
        (false, true) => {
            "nothing leaves this machine, so that nothing need be encrypted; the user is `guest`, whom \
             RabbitMQ lets in from its own machine alone"
        }
        (true, false) => "what leaves this machine is encrypted, and for a user of its own",
        (true, true) => "what leaves this machine is encrypted; `guest` is used on this one alone",
    }
}

/// What is wrong with a way to a server that is not on this machine.
fn exposed(way: &Way) -> Vec<Finding> {
    let mut findings = Vec::new();
    if way.is_local {
        return findings;
    }
    let place = &way.place;
    if !way.is_encrypted {
        findings.push(Finding::warn(
            format!("{place} is another machine, and what goes there is not encrypted"),
            "use amqps:// and rediss://, with MLP_CELERY_CA_FILE where the authority is your own; else \
             let nobody but you into that network",
        ));
    }
    if way.is_guest {
        findings.push(Finding::warn(
            format!("the user at {place} is `guest`, whose password everybody knows"),
            "make a user: `rabbitmqctl add_user NAME`, `rabbitmqctl set_permissions -p VHOST NAME '.*' \
             '.*' '.*'`; and `rabbitmqctl delete_user guest`",
        ));
    }
    findings
}

fn connection(subject: &Subject) -> Vec<Finding> {
    let found = subject.brokers();
    // One of several is enough to work.
    let reached = found.iter().any(Result::is_ok);
    let judge = |found: &Result<Broker, Unreached>| match found {
        Ok(broker) => Finding::ok(format!("{} answers", broker.place)),
        Err(error) if reached => Finding::warn(error.to_string(), way_out(error.obstacle)),
        Err(error) => Finding::fail(error.to_string(), way_out(error.obstacle)),
    };
    found.iter().map(judge).collect()
}

fn way_out(obstacle: Obstacle) -> &'static str {
    match obstacle {
        Obstacle::Name => {
            "no address has that name: look for a typing error in the host of CELERY_BROKER_URL, or for \
             a DNS that is away"
        }
        Obstacle::Refused => {
            "nothing listens there: start RabbitMQ, or mend host and port in CELERY_BROKER_URL"
        }
        Obstacle::Silent => {
            "something on the way says nothing: look at firewalls and routes, whether RabbitMQ hangs, and \
             whether that port and the URL agree about TLS"
        }
        Obstacle::Tls => {
            "let MLP_CELERY_CA_FILE name the authority of RabbitMQ's certificate and the URL the host that \
             stands in it; amqps:// needs the port of RabbitMQ's `listeners.ssl`, mostly 5671"
        }
        Obstacle::Login => {
            "mend user and password in CELERY_BROKER_URL, with what is not a letter or digit written as \
             %XX; RabbitMQ lets `guest` in only from its own machine"
        }
        Obstacle::Vhost => {
            "make it with `rabbitmqctl add_vhost`, or mend the vhost in CELERY_BROKER_URL: what follows \
             the host's slash is its name"
        }
        Obstacle::Rights => {
            "`rabbitmqctl set_permissions -p VHOST USER '.*' '.*' '.*'` lets the user in"
        }
        _ => "look at RabbitMQ's log",
    }
}

fn queue(subject: &Subject) -> Vec<Finding> {
    let Some(settings) = settings(subject) else {
        return Vec::new();
    };
    let name = settings.queue();
    let brokers = subject.brokers();
    let Some(broker) = brokers.iter().find_map(|found| found.as_ref().ok()) else {
        return Vec::new();
    };
    let worker = "start `mlp worker` or `mlp up` with the same CELERY_BROKER_URL and CELERY_QUEUE";
    match &broker.queue {
        Ok(None) => Finding::warn(
            format!("there is no queue `{name}` yet, so that no worker listens"),
            format!("{worker}: the first to come makes the queue"),
        )
        .into(),
        Ok(Some(queue)) => length(name, *queue, worker),
        Err(said) => Finding::fail(
            format!("queue `{name}` cannot be asked: {said}"),
            "`rabbitmqctl set_permissions -p VHOST USER '.*' '.*' '.*'` lets the user use it",
        )
        .into(),
    }
}

fn length(name: &str, queue: Queue, worker: &str) -> Vec<Finding> {
    let Queue {
        messages,
        consumers,
    } = queue;
    let mut findings = Vec::new();
    if consumers == 0 {
        findings.push(Finding::warn(
            format!("no worker listens to queue `{name}`, where {messages} tasks wait"),
            worker,
        ));
    }
    if messages >= LONG {
        findings.push(Finding::warn(
            format!("{messages} tasks wait in queue `{name}`, which {consumers} workers have"),
            "start more workers; where the number does not fall, look at what they log",
        ));
    }
    match findings.is_empty() {
        true => Finding::ok(format!(
            "queue `{name}`: {messages} tasks wait, {consumers} workers listen"
        ))
        .into(),
        false => findings,
    }
}

fn results(subject: &Subject) -> Vec<Finding> {
    let Some(settings) = settings(subject) else {
        return Vec::new();
    };
    match examine_results(&settings) {
        Ok(found) => kept(settings.results_place(), &found),
        Err(error) => Finding::fail(error.to_string(), way_to_results(error.obstacle)).into(),
    }
}

fn way_to_results(obstacle: Obstacle) -> &'static str {
    match obstacle {
        Obstacle::Name => {
            "no address has that name: look for a typing error in the host of CELERY_BACKEND_URL, or for \
             a DNS that is away"
        }
        Obstacle::Refused => {
            "nothing listens there: start Redis, or mend host and port in CELERY_BACKEND_URL; `bind` in \
             its redis.conf must name an address that this machine reaches"
        }
        Obstacle::Silent => {
            "something on the way says nothing: look at firewalls and routes, whether Redis hangs, and \
             whether that port and the URL agree about TLS"
        }
        Obstacle::Tls => {
            "let MLP_CELERY_CA_FILE name the authority of Redis's certificate and the URL the host that \
             stands in it; rediss:// needs the port of Redis's `tls-port`"
        }
        Obstacle::Login => {
            "mend the password in CELERY_BACKEND_URL, redis://:PASSWORD@HOST; take it away where Redis has \
             none"
        }
        Obstacle::Rights => "let the user run GET, SET, PUBLISH, SUBSCRIBE and INFO: `ACL SETUSER`",
        Obstacle::Stranger => {
            "another program has that port: mend host and port in CELERY_BACKEND_URL, redis://HOST:6379 \
             mostly"
        }
        _ => "look at Redis's log, and whether it has the database that the URL names",
    }
}

/// Whether results that were written will be there.
fn kept(place: &str, found: &Results) -> Vec<Finding> {
    let mut findings = Vec::new();
    if found.read_only {
        findings.push(Finding::fail(
            format!("{place} is a replica that takes no writes"),
            "let CELERY_BACKEND_URL name the primary",
        ));
    }
    if let Some(policy) = &found.evicts {
        findings.push(Finding::warn(
            format!("{place} gives up results when its memory is full: maxmemory-policy is {policy}"),
            "`CONFIG SET maxmemory-policy noeviction`, or more memory: a Python program waits forever for \
             a result that was given up",
        ));
    }
    match findings.is_empty() {
        true => Finding::ok(format!("{place}: Redis {} answers", found.version)).into(),
        false => findings,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mlp::doctor::check::Status;

    #[test]
    fn a_redis_that_loses_results_is_told() {
        let found = |read_only, evicts: Option<&str>| Results {
            version: "7".to_owned(),
            read_only,
            evicts: evicts.map(str::to_owned),
        };
        let statuses = |found| {
            kept("r", &found)
                .into_iter()
                .map(|f| f.status)
                .collect::<Vec<_>>()
        };
        assert_eq!(statuses(found(false, None)), [Status::Ok]);
        assert_eq!(statuses(found(true, None)), [Status::Fail]);
        assert_eq!(statuses(found(false, Some("allkeys-lru"))), [Status::Warn]);
    }

    #[test]
    fn a_long_queue_and_one_without_workers_are_told() {
        for (messages, consumers, warnings) in [(999, 1, 0), (1000, 1, 1), (0, 0, 1), (1000, 0, 2)]
        {
            let queue = Queue {
                messages,
                consumers,
            };
            let found = length("q", queue, "start one");
            let warned = found.iter().filter(|f| f.status == Status::Warn).count();
            assert_eq!(warned, warnings, "{found:?}");
        }
    }
}
