//! From a request's body to a session.

use hyper::header::HeaderMap;
use mlp_core::Fault;
use mlp_store::{Idempotency, NewSession, Priority, Serving, TaskId};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::Call;
use crate::body;
use crate::failure::Failure;
use crate::query::json_int;

/// The field of a body that names the items to rank.
const CANDIDATES: &str = "candidates";

const KEY: &str = "idempotency-key";

/// Reads the body and the key of a request to rank; all faults of the body are told at once.
pub(super) fn read(call: &Call<'_>, serving: &Serving) -> Result<NewSession, Failure> {
    let body = body::parse(&call.body)?;
    let key = key(call.headers)?;
    let mut faults = Vec::new();
    let user = call.shared.schema.user.row_from_json(&body);
    let candidates = candidates(&body, serving, &mut faults);
    let user = match user {
        Ok(user) if faults.is_empty() => user,
        Ok(_) => return Err(Failure::Faults(faults)),
        Err(mut all) => {
            all.append(&mut faults);
            return Err(Failure::Faults(all));
        }
    };
    Ok(NewSession {
        task_id: TaskId::new_v7(),
        user,
        candidates,
        idempotency: key.map(|key| Idempotency {
            key,
            fingerprint: fingerprint(&call.route.path, body),
        }),
        priority: priority(call.headers),
    })
}

/// A digest that does not depend on white space or on the order of the fields.
fn fingerprint(path: &str, mut body: Json) -> [u8; 32] {
    body.sort_all_objects();
    let mut hash = Sha256::new();
    hash.update(path);
    hash.update([0]);
    hash.update(body.to_string());
    hash.finalize().into()
}

/// What `Priority: u=N` says (RFC 9218): an urgency over 3, the default, is less urgent. A header that
/// cannot be read says nothing, as the RFC wants it.
fn priority(headers: &HeaderMap) -> Priority {
    let mut urgency = 3;
    for value in headers.get_all("priority") {
        for member in value.to_str().unwrap_or_default().split(',') {
            let item = member.split(';').next().unwrap_or_default();
            if let Some(("u", digit)) = item.trim().split_once('=')
                && let Ok(found @ 0..=7) = digit.parse::<u8>()
            {
                urgency = found;
            }
        }
    }
    match urgency {
        0..=3 => Priority::Interactive,
        _ => Priority::Batch,
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let Some(value) = headers.get(KEY) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    if (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(Some(text.to_owned()));
    }
    let message = "Header should have 1 to 255 visible ASCII characters";
    Err(Failure::fault(key_fault(
        "string_pattern_mismatch",
        message,
    )))
}

/// The key stands for another request.
pub(super) fn reused() -> Failure {
    let message = "Value error, the key was used for another request";
    Failure::fault(key_fault("value_error", message))
}

fn key_fault(kind: &'static str, message: &str) -> Fault {
    Fault::new(kind, vec![json!("header"), json!(KEY)], message)
}

fn candidates(body: &Json, serving: &Serving, faults: &mut Vec<Fault>) -> Option<Vec<i64>> {
    let at =
        |kind, message: &str| Fault::new(kind, vec![json!("body"), json!(CANDIDATES)], message);
    let list = match body.get(CANDIDATES) {
        None | Some(Json::Null) => return None,
        Some(Json::Array(list)) => list,
        Some(other) => {
            faults.push(at("list_type", "Input should be a valid list").with_input(other));
            return None;
        }
    };
    let (most, length) = (crate::MAX_CANDIDATES, list.len());
    if length == 0 || length > most {
        let (kind, message) = if length == 0 {
            (
                "too_short",
                "List should have at least 1 item after validation, not 0".to_owned(),
            )
        } else {
            let message =
                format!("List should have at most {most} items after validation, not {length}");
            ("too_long", message)
        };
        let context = json!({ "field_type": "List", "actual_length": length });
        faults.push(at(kind, &message).with_context(context));
        return None;
    }
    let before = faults.len();
    let mut ids = Vec::with_capacity(length);
    for (index, value) in list.iter().enumerate() {
        let place = vec![json!("body"), json!(CANDIDATES), json!(index)];
        match json_int(value, place) {
            Ok(id) => ids.push(id),
            Err(fault) => faults.push(*fault),
        }
    }
    let catalog = serving.catalog();
    if faults.len() == before && !ids.iter().any(|id| catalog.position(*id).is_some()) {
        faults.push(at("value_error", "Value error, none of the ids is known"));
    }
    Some(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_low_urgency_is_batch_and_nonsense_says_nothing() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("priority", value.parse().unwrap());
            }
            priority(&headers)
        };
        for interactive in [
            &[][..],
            &["u=3"],
            &["i, u=0"],
            &["u=9"],
            &["u=x"],
            &["U=7"],
            &["i"],
        ] {
            assert_eq!(of(interactive), Priority::Interactive, "{interactive:?}");
        }
        for batch in [&["u=4"][..], &["i, u=7"], &["u=7;x=1"], &["u=1", "u=5"]] {
            assert_eq!(of(batch), Priority::Batch, "{batch:?}");
        }
    }
}
