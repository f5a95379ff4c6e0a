//! What the database holds: items, a model, and tasks that somebody takes.

use std::sync::Arc;

use mlp_store::{QueueDepth, Store, TaskKind};

use super::check::{Check, Finding, On};
use super::subject::{Examined, Subject};

pub const CHECKS: [Check; 3] = [
    Check {
        name: "contents.items",
        on: On::All,
        needs: NEEDS,
        look: |subject| with_store(subject, |_, store| items(store)),
    },
    Check {
        name: "contents.model",
        on: On::All,
        needs: NEEDS,
        look: |subject| with_store(subject, |_, store| model(store)),
    },
    Check {
        name: "contents.queue",
        on: On::All,
        needs: NEEDS,
        look: |subject| with_store(subject, queue),
    },
];

const NEEDS: &[&str] = &[
    "config.schema",
    "database.tables",
    "database.rights",
    "database.pooler",
];

/// How long a task may wait. A worker takes one within milliseconds; a burst of thousands lasts
/// seconds.
const WARN_US: i64 = 10_000_000;
const FAIL_US: i64 = 60_000_000;

type Public<T> = mlp_store::Result<T>;

/// Opens the store only where that makes and changes nothing.
fn with_store(
    subject: &Subject,
    look: fn(&Subject, &dyn Store) -> Public<Finding>,
) -> Vec<Finding> {
    match subject.tables() {
        Some(tables) if tables.up_to_date => {}
        Some(_) => return Finding::skip("the tables are to be made or changed first").into(),
        None => return Vec::new(),
    }
    if let Some(Examined::Sqlite(Ok(Some(found)))) = subject.examined()
        && !(found.has_log && found.writable)
    {
        return Finding::skip("opening the file would change it").into();
    }
    let failed = |fault: String| Finding::fail(fault, "see the checks of the database above");
    let found = match subject.store().map(Arc::as_ref) {
        Ok(store) => look(subject, store).unwrap_or_else(|error| failed(error.to_string())),
        Err(fault) => failed(fault.clone()),
    };
    found.into()
}

fn items(store: &dyn Store) -> Public<Finding> {
    Ok(match store.counts()?.items {
        0 => Finding::warn(
            "there are no items, so that nothing can be shown",
            "`mlp items import FILE` brings some; `mlp up` makes simulated ones",
        ),
        n => Finding::ok(format!("{n} items")),
    })
}

fn model(store: &dyn Store) -> Public<Finding> {
    let models = store.serving_models()?;
    let names: Vec<String> = models
        .iter()
        .map(|model| model.model_id.to_string())
        .collect();
    Ok(match names.is_empty() {
        true => Finding::warn(
            "no model answers: everybody is shown random items",
            "`mlp train` makes the first one as soon as there are answers",
        ),
        false => Finding::ok(format!("model {} answers", names.join(", "))),
    })
}

fn queue(subject: &Subject, store: &dyn Store) -> Public<Finding> {
    let mut waiting = 0;
    for kind in TaskKind::ALL {
        let depth = store.depth(kind)?;
        let mut finding = judge(kind.name(), &depth, 0);
        // Inferences alone travel; the broker is asked only where it matters.
        if finding.advice.is_some() && kind == TaskKind::Inference {
            finding = judge(kind.name(), &depth, subject.listeners());
        }
        if finding.advice.is_some() {
            return Ok(finding);
        }
        waiting += depth.waiting;
    }
    Ok(Finding::ok(format!("{waiting} tasks wait")))
}

/// A task under a lease is somebody's; one that only waits is nobody's, unless workers listen to the
/// broker's queue: a Python worker takes no lease.
fn judge(kind: &str, depth: &QueueDepth, listeners: u32) -> Finding {
    let found = format!(
        "{} tasks of kind {kind} wait, the oldest for {:.0} s",
        depth.waiting,
        depth.oldest_us as f64 / 1e6
    );
    if listeners > 0 && depth.waiting > 0 && depth.oldest_us > WARN_US {
        return Finding::warn(
            format!("{found}; {listeners} workers listen to the broker's queue"),
            "they may be slow, or not know the task's name: `celery inspect registered` says which they \
             know, MLP_CELERY_INFERENCE_TASKS which is published; their log says why one fails",
        );
    }
    let advice = match depth.started {
        0 => "nobody takes them: start `mlp worker` or `mlp up` on this database",
        _ => "the workers do not keep up: start another `mlp worker`",
    };
    match depth.oldest_us {
        _ if depth.waiting == 0 => Finding::ok(found),
        age if age > FAIL_US && depth.started == 0 => Finding::fail(found, advice),
        age if age > WARN_US => Finding::warn(found, advice),
        _ => Finding::ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mlp::doctor::check::Status;

    #[test]
    fn tasks_that_nobody_takes_are_told() {
        for (waiting, started, seconds, listeners, status, words) in [
            (0, 1, 500, 0, Status::Ok, ""),
            (3, 0, 2, 0, Status::Ok, ""),
            (3, 0, 30, 0, Status::Warn, "start `mlp worker`"),
            (3, 0, 61, 0, Status::Fail, "nobody takes them"),
            (900, 64, 61, 0, Status::Warn, "another `mlp worker`"),
            (0, 0, 500, 2, Status::Ok, ""),
            (3, 0, 2, 2, Status::Ok, ""),
            (3, 0, 61, 2, Status::Warn, "`celery inspect registered`"),
        ] {
            let finding = judge(
                "inference",
                &QueueDepth {
                    waiting,
                    started,
                    oldest_us: seconds * 1_000_000,
                },
                listeners,
            );
            assert_eq!(finding.status, status, "{finding:?}");
            assert!(finding.advice.unwrap_or_default().contains(words));
        }
    }
}
