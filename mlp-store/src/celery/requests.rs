//! From another program's message to what the store keeps.

use mlp_core::Schema;
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::message::{Call, TaskMessage};
use super::meta::Exception;
use crate::traits::Store;
use crate::types::{NewSession, NewTask, Priority, TaskId, TaskKind};

/// As many as the API takes.
const MAX_CANDIDATES: usize = 10_000;

/// The store's id of a task that another program named: its own where that is a UUID, else one made
/// of it, the same each time.
pub(super) fn task_id(id: &str) -> TaskId {
    id.parse().unwrap_or_else(|()| {
        let digest: [u8; 32] = Sha256::digest(id.as_bytes()).into();
        let mut bytes: [u8; 16] = std::array::from_fn(|i| digest[i]);
        // Version 8, of the own making that RFC 9562 allows, and its variant.
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        TaskId::from_bytes(bytes)
    })
}

/// Why a message makes no session.
pub(super) enum Refusal {
    /// The sender's fault.
    Fault(Exception),
    /// The store's, for now.
    Store(crate::StoreError),
}

/// The session that a message asks for: its first argument (or `user`, `user_id`) is a user's fields
/// or the number of a user that the store has.
pub(super) fn session(
    message: &TaskMessage,
    body: &[u8],
    schema: &Schema,
    store: &dyn Store,
) -> Result<NewSession, Refusal> {
    let call = call(body).map_err(Refusal::Fault)?;
    let given = call.args.first();
    let user = (given.or_else(|| call.kwargs.get("user"))).or_else(|| call.kwargs.get("user_id"));
    let user = match user {
        Some(Json::Number(number)) => known_user(number, store)?,
        Some(fields) => (schema.user.row_from_json(fields)).map_err(|faults| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            Refusal::Fault(Exception::value(faults.join("; ")))
        })?,
        None => {
            let message = "the task needs an argument: a user's fields, or a user's number";
            return Err(Refusal::Fault(Exception::value(message)));
        }
    };
    let candidates = candidates(call.kwargs.get("candidates"));
    Ok(NewSession {
        task_id: task_id(&message.id),
        user,
        candidates: candidates.map_err(|e| Refusal::Fault(Exception::value(e)))?,
        idempotency: None,
        priority: Priority::default(),
    })
}

fn known_user(number: &serde_json::Number, store: &dyn Store) -> Result<mlp_core::Row, Refusal> {
    let unknown = || Refusal::Fault(Exception::lookup(format!("no user `{number}`")));
    let id = number.as_i64().ok_or_else(unknown)?;
    let user = store.user(id).map_err(Refusal::Store)?;
    user.map(|user| user.row).ok_or_else(unknown)
}

fn candidates(value: Option<&Json>) -> Result<Option<Vec<i64>>, String> {
    let list = match value {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::Array(list)) => list,
        Some(other) => return Err(format!("candidates is `{other}`, must be a list")),
    };
    if !(1..=MAX_CANDIDATES).contains(&list.len()) {
        return Err(format!(
            "candidates has {} ids, must have 1 to {MAX_CANDIDATES}",
            list.len()
        ));
    }
    let id = |value: &Json| {
        let wrong = || format!("candidates has `{value}`, must have whole numbers");
        value.as_i64().ok_or_else(wrong)
    };
    list.iter()
        .map(id)
        .collect::<Result<Vec<i64>, _>>()
        .map(Some)
}

/// The training that a message asks for.
pub(super) fn training(message: &TaskMessage, body: &[u8]) -> Result<NewTask, Exception> {
    let call = call(body)?;
    let mut payload = Map::new();
    let settle = call
        .kwargs
        .get("settle_s")
        .filter(|value| value.is_number());
    if let Some(seconds) = settle {
        payload.insert("settle_s".to_owned(), seconds.clone());
    }
    let reason = call.kwargs.get("reason").and_then(Json::as_str);
    let reason = json!(reason.unwrap_or("asked for over Celery"));
    payload.insert("reason".to_owned(), reason);
    Ok(NewTask {
        task_id: task_id(&message.id),
        kind: TaskKind::Training,
        payload: Json::Object(payload).to_string(),
    })
}

fn call(body: &[u8]) -> Result<Call, Exception> {
    let call = Call::read(body).map_err(|error| Exception::value(error.to_string()))?;
    match call.has_sequel {
        false => Ok(call),
        true => Err(Exception::not_implemented(
            "mlp runs no callbacks, chains or chords: call the task alone",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_uuid_has_an_id_of_its_own() {
        let uuid = "0197c6c6-0000-7000-8000-000000000001";
        assert_eq!(task_id(uuid).to_string(), uuid);
        let named = task_id("nightly");
        assert_eq!(named, task_id("nightly"));
        assert_ne!(named, task_id("nightly2"));
        assert_eq!(&named.to_string()[14..15], "8");
    }

    #[test]
    fn candidates_are_whole_numbers() {
        assert_eq!(candidates(None), Ok(None));
        assert_eq!(candidates(Some(&json!([3, 1]))), Ok(Some(vec![3, 1])));
        for wrong in [json!([]), json!(3), json!([1.5]), json!(["1"])] {
            assert!(candidates(Some(&wrong)).is_err(), "{wrong}");
        }
    }
}
