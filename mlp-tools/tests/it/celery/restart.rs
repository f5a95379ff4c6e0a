//! The broker is killed while tasks are under way and comes back: each has its one end.

use mlp_store::conformance::services::RabbitMq;
use serde_json::json;

use super::Row;
use super::outcomes::{Cell, succeeded};
use super::stage::{Side, Stage};

/// Tasks behind the one that is being worked on.
const TASKS: usize = 8;

/// Published to our API while the broker is away. A Python program would have to wait.
const MEANWHILE: usize = 3;

/// What was published, and not looked at yet.
type Begun = Result<Vec<String>, String>;

pub(super) fn run(rows: &mut [Row], broker: &mut RabbitMq) {
    let mut begun: Vec<Begun> = rows.iter_mut().map(|row| begin(&mut row.stage)).collect();
    broker.kill();
    for (row, begun) in rows.iter_mut().zip(&mut begun) {
        let stage = &mut row.stage;
        if let Some(gate) = stage.gate.as_mut() {
            gate.open();
        }
        if stage.publisher == Side::Ours {
            publish(stage, begun, MEANWHILE);
        }
    }
    broker.start_again();
    for (row, mut begun) in rows.iter_mut().zip(begun) {
        publish(&row.stage, &mut begun, MEANWHILE);
        row.run("restarted broker", |stage| end(stage, begun));
    }
}

/// Leaves the worker at work on the first.
fn begin(stage: &mut Stage) -> Begun {
    if let Some(gate) = stage.gate.as_mut().filter(|_| stage.worker == Side::Ours) {
        gate.shut();
    }
    let first = stage.publish("slow", &json!({}))?;
    stage.wait_until_begun(&first)?;
    let mut begun = Ok(vec![first]);
    publish(stage, &mut begun, TASKS);
    begun
}

fn publish(stage: &Stage, begun: &mut Begun, n: usize) {
    for _ in 0..n {
        let Ok(ids) = begun else { return };
        match stage.publish("", &json!({})) {
            Ok(id) => ids.push(id),
            Err(error) => *begun = Err(error),
        }
    }
}

/// A task may have been executed again, where its acknowledgement was lost.
fn end(stage: &mut Stage, begun: Begun) -> Cell {
    let ids = begun?;
    for (n, id) in ids.iter().enumerate() {
        succeeded(stage, id, 1..=4).map_err(|why| format!("task {n} of {}: {why}", ids.len()))?;
    }
    Ok(())
}
