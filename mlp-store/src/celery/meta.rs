//! The records that Celery's Redis backend keeps of tasks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::message::{TaskMessage, write_time};
use crate::types::TaskId;

/// What a record of ours begins with: others' are told apart by their first bytes.
pub(super) const OURS: &[u8] = b"{\"mlp\"";

/// Where the record of a task is, and the channel that tells of it.
pub(super) fn key(id: &str) -> String {
    format!("celery-task-meta-{id}")
}

/// A task's state, as Celery names it, with what belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum State {
    /// Somebody works on it.
    Started {
        /// The worker's name.
        worker: String,
    },
    /// It succeeded.
    Success(Answer),
    /// It failed.
    Failure(Exception),
    /// It failed and is tried again.
    Retry(Exception),
    /// It was not begun, since somebody took it back or it came too late.
    Revoked(&'static str),
}

/// What a task that succeeded gave.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// `[[item_id, score], …]`: written straight into the record.
    Scores(Vec<(i64, f32)>),
    /// Anything else, as JSON.
    Json(String),
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Scores(scores) => scores.serialize(serializer),
            // What is no JSON would spoil the record.
            Self::Json(json) => match serde_json::from_str::<&RawValue>(json) {
                Ok(json) => json.serialize(serializer),
                Err(_) => serializer.serialize_unit(),
            },
        }
    }
}

/// An exception, by the name of a Python type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Exception {
    #[serde(rename = "exc_type")]
    pub kind: &'static str,
    #[serde(rename = "exc_message")]
    pub message: [String; 1],
    #[serde(rename = "exc_module")]
    pub module: &'static str,
}

impl Exception {
    fn builtin(kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: [message.into()],
            module: "builtins",
        }
    }

    /// The arguments are wrong.
    pub fn value(message: impl Into<String>) -> Self {
        Self::builtin("ValueError", message)
    }

    /// What is named does not exist.
    pub fn lookup(message: impl Into<String>) -> Self {
        Self::builtin("LookupError", message)
    }

    /// The work failed.
    pub fn runtime(message: impl Into<String>) -> Self {
        Self::builtin("RuntimeError", message)
    }

    /// It is not supported.
    pub fn not_implemented(message: impl Into<String>) -> Self {
        Self::builtin("NotImplementedError", message)
    }

    /// No worker here has such a task.
    pub fn not_registered(task: &str) -> Self {
        Self {
            kind: "NotRegistered",
            message: [task.to_owned()],
            module: "celery.exceptions",
        }
    }

    fn revoked(why: &str) -> Self {
        Self {
            kind: "TaskRevokedError",
            message: [why.to_owned()],
            module: "celery.exceptions",
        }
    }

    fn traceback(&self) -> String {
        let [message] = &self.message;
        format!(
            "Traceback (most recent call last):\n  mlp worker\n{}: {message}\n",
            self.kind
        )
    }
}

#[derive(Serialize)]
struct Record<'a, R> {
    mlp: bool,
    status: &'static str,
    result: R,
    traceback: Option<String>,
    children: [(); 0],
    date_done: Option<String>,
    task_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<&'a str>,
}

/// What a record names beside the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct About {
    pub id: String,
    pub group: Option<String>,
    pub parent_id: Option<String>,
}

impl About {
    /// A task of the store's own.
    pub fn of(id: TaskId) -> Self {
        Self {
            id: id.to_string(),
            group: None,
            parent_id: None,
        }
    }
}

impl From<&TaskMessage> for About {
    fn from(message: &TaskMessage) -> Self {
        Self {
            id: message.id.clone(),
            group: message.group.clone(),
            parent_id: message.parent_id.clone(),
        }
    }
}

impl State {
    /// The record's JSON.
    pub fn record(&self, about: &About, now: Timestamp) -> String {
        let done = Some(now);
        match self {
            Self::Started { worker } => {
                about.record("STARTED", Worker { hostname: worker }, None, None)
            }
            Self::Success(answer) => about.record("SUCCESS", answer, None, done),
            Self::Failure(error) => about.failure("FAILURE", error, done),
            Self::Retry(error) => about.failure("RETRY", error, None),
            Self::Revoked(why) => about.failure("REVOKED", &Exception::revoked(why), done),
        }
    }
}

impl About {
    fn failure(&self, status: &'static str, error: &Exception, done: Option<Timestamp>) -> String {
        self.record(status, error, Some(error.traceback()), done)
    }

    fn record(
        &self,
        status: &'static str,
        result: impl Serialize,
        traceback: Option<String>,
        done: Option<Timestamp>,
    ) -> String {
        let record = Record {
            mlp: true,
            status,
            result,
            traceback,
            children: [],
            date_done: done.map(write_time),
            task_id: &self.id,
            group_id: self.group.as_deref(),
            parent_id: self.parent_id.as_deref(),
        };
        let mut json = Vec::with_capacity(RECORD);
        // Texts and numbers cannot fail to be written.
        let _ = serde_json::to_writer(&mut json, &record);
        String::from_utf8(json).unwrap_or_default()
    }
}

/// Room for a record of a hundred results, so that it need not grow.
const RECORD: usize = 3072;

#[derive(Serialize)]
struct Worker<'a> {
    hostname: &'a str,
}

/// A record that another program wrote.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Found {
    pub status: String,
    #[serde(default)]
    result: Json,
}

/// What a record of another program's says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    /// Items and scores.
    Scores(Vec<(i64, f32)>),
    /// It failed, with this message.
    Failed(String),
    /// It failed, and the other program tries again.
    Retries(String),
    /// It was taken back.
    Revoked,
    /// Nobody has a result, and another worker may make one: the other program has no such task, or
    /// could not keep what the task gave.
    NoResult,
    /// It is not done.
    Working,
}

impl Found {
    /// Reads a record; `None` where it is none.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    pub fn said(&self) -> Said {
        match self.status.as_str() {
            "SUCCESS" => match scores(&self.result) {
                Ok(scores) => Said::Scores(scores),
                Err(why) => Said::Failed(why),
            },
            "FAILURE" if self.is_no_fault_of_the_task() => Said::NoResult,
            "FAILURE" => Said::Failed(self.message()),
            "RETRY" => Said::Retries(self.message()),
            "REVOKED" => Said::Revoked,
            _ => Said::Working,
        }
    }

    fn kind(&self) -> Option<&str> {
        self.result.get("exc_type")?.as_str()
    }

    /// Celery calls a task failed also where its worker could not write the result, or reach the
    /// broker, and came to say so once these were back.
    fn is_no_fault_of_the_task(&self) -> bool {
        let module = self.result.get("exc_module").and_then(Json::as_str);
        matches!(self.kind(), Some("NotRegistered" | "BackendStoreError"))
            || matches!(module, Some("redis.exceptions" | "kombu.exceptions"))
    }

    fn message(&self) -> String {
        let kind = self.kind().unwrap_or("Exception");
        let message = match self.result.get("exc_message") {
            Some(Json::Array(parts)) => parts.iter().map(plain).collect::<Vec<_>>().join(", "),
            Some(other) => plain(other),
            None => String::new(),
        };
        // It is kept with the task, and may hold anything.
        let message: String = format!("{kind}: {message}").chars().take(1000).collect();
        message.trim_end_matches([':', ' ']).to_owned()
    }
}

fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Reads `[[item_id, score], …]`.
fn scores(result: &Json) -> Result<Vec<(i64, f32)>, String> {
    let wrong = |what: &str| format!("the result is no list of [item_id, score]: {what}");
    let pairs = result.as_array().ok_or_else(|| wrong("it is no list"))?;
    let pair = |(position, pair): (usize, &Json)| {
        let id = pair.get(0).and_then(Json::as_i64);
        let score = pair.get(1).and_then(Json::as_f64).map(|score| score as f32);
        match (pair.as_array().map(Vec::len), id, score) {
            (Some(2), Some(id), Some(score)) if score.is_finite() => Ok((id, score)),
            _ => Err(wrong(&format!("at {position} it has {pair}"))),
        }
    };
    pairs.iter().enumerate().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About {
        About {
            id: "abc".to_owned(),
            group: None,
            parent_id: None,
        }
    }

    fn record(state: &State) -> Json {
        let text = state.record(&about(), "2026-01-15T08:00:00Z".parse().unwrap());
        assert!(text.as_bytes().starts_with(OURS));
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn records_are_as_celery_writes_them() {
        let success = record(&State::Success(Answer::Scores(vec![(3, 0.5)])));
        let expected = serde_json::json!({
            "mlp": true, "status": "SUCCESS", "result": [[3, 0.5]], "traceback": null,
            "children": [], "date_done": "2026-01-15T08:00:00.000000+00:00", "task_id": "abc",
        });
        assert_eq!(success, expected);
        let json = |text: &str| record(&State::Success(Answer::Json(text.to_owned())));
        assert_eq!(json("[[3,0.5]]"), expected);
        assert_eq!(json("no json")["result"], Json::Null);
        let failure = record(&State::Failure(Exception::value("patience: too low")));
        assert_eq!(failure["result"]["exc_type"], "ValueError");
        assert_eq!(
            failure["result"]["exc_message"],
            serde_json::json!(["patience: too low"])
        );
        assert_eq!(failure["result"]["exc_module"], "builtins");
        assert!(
            failure["traceback"]
                .as_str()
                .unwrap()
                .contains("ValueError: patience: too low")
        );
        let retry = record(&State::Retry(Exception::runtime("away")));
        assert_eq!(
            (&retry["status"], &retry["date_done"]),
            (&"RETRY".into(), &Json::Null)
        );
        assert_eq!(
            record(&State::Revoked("expired"))["result"]["exc_type"],
            "TaskRevokedError"
        );
    }

    #[test]
    fn others_records_are_understood() {
        let said = |text: &str| Found::read(text.as_bytes()).unwrap().said();
        let scores =
            said(r#"{"status": "SUCCESS", "result": [[7, 0.25], [8, -1]], "task_id": "x"}"#);
        assert_eq!(scores, Said::Scores(vec![(7, 0.25), (8, -1.0)]));
        for wrong in [
            "null",
            "3",
            "[[1]]",
            "[[1.5, 2]]",
            "[[1, null]]",
            "[[1, 2, 3]]",
            "[[1, 1e300]]",
        ] {
            let said = said(&format!(r#"{{"status": "SUCCESS", "result": {wrong}}}"#));
            assert!(
                matches!(&said, Said::Failed(why) if why.contains("[item_id, score]")),
                "{said:?}"
            );
        }
        let failure = r#"{"status": "FAILURE", "result": {"exc_type": "KeyError", "exc_message": ["a", 3], "exc_module": "builtins"}}"#;
        assert_eq!(said(failure), Said::Failed("KeyError: a, 3".to_owned()));
        let unknown = r#"{"status": "FAILURE", "result": {"exc_type": "NotRegistered", "exc_message": ["mlp.inference"]}}"#;
        assert_eq!(said(unknown), Said::NoResult);
        let unkept = r#"{"status": "FAILURE", "result": {"exc_type": "ConnectionError", "exc_message": ["Error 111"], "exc_module": "redis.exceptions"}}"#;
        assert_eq!(said(unkept), Said::NoResult);
        assert_eq!(
            said(r#"{"status": "STARTED", "result": {"pid": 1}}"#),
            Said::Working
        );
        assert_eq!(
            said(r#"{"status": "REVOKED", "result": null}"#),
            Said::Revoked
        );
        assert!(Found::read(b"not json").is_none());
    }
}
