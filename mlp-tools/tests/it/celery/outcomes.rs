//! What may become of a task, and what both sides must then see.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::stage::{PATIENCE, Side, Stage, sorted, until, user};

/// `Err` says what is not as it must be.
pub type Cell = Result<(), String>;

/// What may become of a task.
pub struct Outcome {
    pub name: &'static str,
    /// Publishes, and checks.
    pub run: fn(&mut Stage) -> Cell,
    /// Whether the small matrix has it.
    pub small: bool,
}

/// All but the restart of the broker, in an order in which none disturbs the next.
pub const OUTCOMES: [Outcome; 6] = [
    Outcome {
        name: "success",
        run: success,
        small: true,
    },
    Outcome {
        name: "failure",
        run: failure,
        small: true,
    },
    Outcome {
        name: "retry",
        run: retry,
        small: true,
    },
    Outcome {
        name: "revoked",
        run: revoked,
        small: true,
    },
    Outcome {
        name: "expired",
        run: expired,
        small: false,
    },
    Outcome {
        name: "killed worker",
        run: killed_worker,
        small: false,
    },
];

/// As long as a revocation or a message may be under way.
const MOMENT: Duration = Duration::from_millis(400);

/// An inference is attempted so often; see `StoreOptions::max_attempts`.
const ATTEMPTS: usize = 5;

macro_rules! ensure {
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return Err(format!($($why)+));
        }
    };
}

fn none() -> Value {
    json!({})
}

/// What `AsyncResult` says in the end.
fn result(stage: &Stage, id: &str) -> Result<Value, String> {
    let command = json!({ "do": "result", "id": id, "timeout": PATIENCE.as_secs() });
    let said = stage.driver.ask(&command)?;
    ensure!(
        said["date_done_type"] == "datetime",
        "AsyncResult: no date_done: {said}"
    );
    let age = said["age"].as_f64().unwrap_or(f64::NAN);
    ensure!(
        (-1.0..120.0).contains(&age),
        "AsyncResult: done {age} s ago"
    );
    Ok(said)
}

/// What our API says in the end.
fn http_status(stage: &Stage, id: &str) -> Result<(u16, Value), String> {
    let path = format!("/inference/status/{id}?wait=2");
    let end = Instant::now() + PATIENCE;
    loop {
        let (status, said) = stage.ask("GET", &path, "")?;
        let open = ["PENDING", "STARTED", "RETRY"].contains(&said["status"].as_str().unwrap_or(""));
        if !open || status != 200 {
            return Ok((status, said));
        }
        ensure!(Instant::now() < end, "HTTP: still {said}");
    }
}

fn pairs(value: &Value) -> Option<Vec<(i64, f64)>> {
    let pair = |pair: &Value| Some((pair[0].as_i64()?, pair[1].as_f64()?));
    value.as_array()?.iter().map(pair).collect()
}

fn close(a: &[(i64, f64)], b: &[(i64, f64)]) -> bool {
    let same = |(a, b): (&(i64, f64), &(i64, f64))| a.0 == b.0 && (a.1 - b.1).abs() < 1e-4;
    a.len() == b.len() && a.iter().zip(b).all(same)
}

/// Both sides see one result, from one effect. `begun` is how often Python's worker may have begun.
pub fn succeeded(stage: &mut Stage, id: &str, begun: std::ops::RangeInclusive<usize>) -> Cell {
    if stage.publisher == Side::Ours {
        let (status, said) = http_status(stage, id)?;
        ensure!(status == 200, "HTTP status: {status} {said}");
    }
    let said = result(stage, id)?;
    ensure!(said["state"] == "SUCCESS", "AsyncResult: {said}");
    ensure!(said["traceback"].is_null(), "a traceback: {said}");
    let found = pairs(&said["value"]).ok_or_else(|| format!("no pairs: {said}"))?;
    let ranked = sorted(found.clone());
    let ids: HashSet<i64> = found.iter().map(|pair| pair.0).collect();
    ensure!(!ids.is_empty() && ids.len() == found.len(), "twice: {said}");
    if stage.worker == Side::Python {
        ensure!(close(&ranked, &stage.expected()), "other pairs: {said}");
        let (began, ended) = stage.executions(id);
        ensure!(
            begun.contains(&began) && (1..=began).contains(&ended),
            "{began} executions began, {ended} ended"
        );
    }
    if let Some(gate) = stage.gate.as_mut() {
        let rows = gate.rows(id);
        ensure!(rows == (1, 1), "inferences and successes: {rows:?}");
    }
    if stage.publisher == Side::Ours {
        shown(stage, id, &found)?;
    }
    Ok(())
}

/// What our API shows is what the worker answered: of ours the first ten, by score. Where there is no
/// model every session is explored, so of Python's any ten.
fn shown(stage: &Stage, id: &str, found: &[(i64, f64)]) -> Cell {
    let (status, said) = stage.ask("GET", &format!("/inference/results/{id}?limit=10"), "")?;
    let row = |row: &Value| Some((row["location_id"].as_i64()?, row["score"].as_f64()?));
    let rows = said.as_array().map(|rows| rows.iter().map(row).collect());
    let rows: Option<Vec<(i64, f64)>> = rows.flatten();
    let rows = rows.ok_or_else(|| format!("HTTP results: {status} {said}"))?;
    let ids: HashSet<i64> = rows.iter().map(|row| row.0).collect();
    ensure!(
        rows.len() == 10 && ids.len() == 10 && rows.is_sorted_by(|a, b| a.1 >= b.1),
        "HTTP shows no ten by score: {rows:?}"
    );
    let chosen: Vec<_> = match stage.worker {
        Side::Ours => found[..found.len().min(10)].to_vec(),
        Side::Python => (found.iter().copied())
            .filter(|pair| ids.contains(&pair.0))
            .collect(),
    };
    let chosen = sorted(chosen);
    ensure!(
        close(&sorted(rows.clone()), &chosen),
        "HTTP shows {rows:?}, not {chosen:?}"
    );
    Ok(())
}

/// Both sides see its end, which is no success: Python this state and exception, with a message that
/// contains a text.
fn failed(
    stage: &Stage,
    id: &str,
    state: &str,
    error: &str,
    message: &str,
) -> Result<Value, String> {
    if stage.publisher == Side::Ours {
        let (status, said) = http_status(stage, id)?;
        ensure!(
            status == 500 && said["detail"] == "Task failed",
            "HTTP status: {status} {said}"
        );
    }
    let said = result(stage, id)?;
    ensure!(said["state"] == state, "AsyncResult: {said}");
    let bases = said["bases"].as_array().cloned().unwrap_or_default();
    ensure!(
        error.is_empty() || bases.contains(&json!(error)),
        "no {error}: {said}"
    );
    let found = said["message"].as_str().unwrap_or_default();
    ensure!(
        found.contains(message),
        "message `{found}`, not `{message}`"
    );
    Ok(said)
}

fn success(stage: &mut Stage) -> Cell {
    let id = stage.publish("", &none())?;
    succeeded(stage, &id, 1..=1)
}

fn failure(stage: &mut Stage) -> Cell {
    match (stage.publisher, stage.worker) {
        (_, Side::Python) => {
            let id = stage.publish("fail", &none())?;
            let said = failed(
                stage,
                &id,
                "FAILURE",
                "ValueError",
                "the test wants it to fail",
            )?;
            let traceback = said["traceback"].as_str().unwrap_or_default();
            ensure!(traceback.contains("raise ValueError"), "traceback: {said}");
            ensure!(stage.executions(&id) == (1, 0), "not one execution");
            Ok(())
        }
        (Side::Python, Side::Ours) => {
            let mut user = user();
            user["budget"] = json!("much");
            let id = stage.send(&user, &none())?;
            let said = failed(stage, &id, "FAILURE", "ValueError", "budget")?;
            ensure!(said["traceback"].is_string(), "no traceback: {said}");
            Ok(())
        }
        (Side::Ours, Side::Ours) => attempts_used_up(stage),
    }
}

/// Our API takes no body that our worker would refuse, so one thing is left that fails for good: a
/// task whose every worker dies.
fn attempts_used_up(stage: &mut Stage) -> Cell {
    stage.gate.as_mut().unwrap().shut();
    let id = stage.publish("", &none())?;
    let mut all = || {
        for _ in 0..ATTEMPTS {
            stage.wait_until_begun(&id)?;
            stage.kill_worker();
            let gate = stage.gate.as_mut().unwrap();
            gate.end_those_who_wait();
            stage.start_worker();
        }
        Ok(())
    };
    let done: Cell = all();
    stage.gate.as_mut().unwrap().open();
    done?;
    failed(stage, &id, "FAILURE", "", "").map(drop)
}

fn retry(stage: &mut Stage) -> Cell {
    if stage.worker == Side::Python {
        return retried_in_python(stage);
    }
    stage.gate.as_mut().unwrap().fail_three_times();
    let id = stage.publish("", &none())?;
    succeeded(stage, &id, 1..=1)?;
    ensure!(stage.gate.as_mut().unwrap().has_failed(), "nothing failed");
    Ok(())
}

fn retried_in_python(stage: &mut Stage) -> Cell {
    let id = stage.publish("retry", &none())?;
    let (mut python, mut http) = (false, false);
    until("the end of the retry", || {
        let said = stage.driver.ask(&json!({ "do": "state", "id": id }));
        let state = said.map(|said| said["state"].clone()).unwrap_or_default();
        python |= state == "RETRY";
        if stage.publisher == Side::Ours && !http {
            let said = stage.ask("GET", &format!("/inference/status/{id}"), "");
            http = said.is_ok_and(|(_, said)| said["status"] == "RETRY");
        }
        state == "SUCCESS" || state == "FAILURE"
    })?;
    ensure!(python, "AsyncResult: RETRY was never seen");
    ensure!(
        http || stage.publisher == Side::Python,
        "HTTP: RETRY was never seen"
    );
    succeeded(stage, &id, 2..=2)
}

/// It is revoked while the worker is busy with another, or, where only the time is in the way, while
/// the worker waits for that.
fn revoked(stage: &mut Stage) -> Cell {
    let revoke = |stage: &Stage, id: &str| {
        std::thread::sleep(MOMENT);
        stage.driver.ask(&json!({ "do": "revoke", "id": id }))
    };
    if (stage.publisher, stage.worker) == (Side::Python, Side::Ours) {
        let id = stage.publish("", &json!({ "countdown": 2.0 }))?;
        revoke(stage, &id)?;
        return not_executed(stage, &id, "revoked");
    }
    if stage.worker == Side::Ours {
        stage.gate.as_mut().unwrap().shut();
    }
    let first = stage.publish("slow", &none())?;
    let begun = stage.wait_until_begun(&first);
    let id = stage.publish("", &none())?;
    let said = revoke(stage, &id);
    std::thread::sleep(MOMENT);
    if let Some(gate) = stage.gate.as_mut() {
        gate.open();
    }
    begun?;
    said?;
    not_executed(stage, &id, "revoked")?;
    succeeded(stage, &first, 1..=1)
}

fn not_executed(stage: &mut Stage, id: &str, message: &str) -> Cell {
    failed(stage, id, "REVOKED", "TaskRevokedError", message)?;
    ensure!(stage.executions(id) == (0, 0), "it was executed");
    if let Some(gate) = stage.gate.as_mut() {
        let (_, successes) = gate.rows(id);
        ensure!(successes == 0, "it has an effect");
    }
    Ok(())
}

/// Python's publisher says when it expires, which is before it may begin: so it expires in the
/// worker's hands, where somebody sees it (the broker tells nobody). Ours sets ten minutes; its message
/// is taken while no worker runs, and put back with a time in the past.
fn expired(stage: &mut Stage) -> Cell {
    if stage.publisher == Side::Python {
        let id = stage.publish("", &json!({ "countdown": 2.0, "expires": 1.0 }))?;
        return not_executed(stage, &id, "expired");
    }
    stage.stop_worker();
    let id = stage.publish("", &none())?;
    let waits = until("the message waits", || {
        stage.space.counts().is_ok_and(|found| found.messages > 0)
    });
    let age = json!({ "do": "age", "queue": stage.space.queue(), "id": id });
    let aged = waits.and_then(|()| stage.driver.ask(&age));
    stage.start_worker();
    let aged = aged?;
    ensure!(aged["had"].is_string(), "it had no `expires`: {aged}");
    not_executed(stage, &id, "expired")
}

fn killed_worker(stage: &mut Stage) -> Cell {
    let ours = stage.worker == Side::Ours;
    if ours {
        stage.gate.as_mut().unwrap().shut();
    }
    let id = stage.publish("slow", &none())?;
    let begun = stage.wait_until_begun(&id);
    stage.kill_worker();
    if let Some(gate) = stage.gate.as_mut().filter(|_| ours) {
        gate.end_those_who_wait();
        gate.open();
    }
    stage.start_worker();
    begun?;
    succeeded(stage, &id, 2..=2)
}
