//! Messages of Celery's protocol 2.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use serde::Serialize;
use serde_json::{Map, Value as Json};

/// Says of a message that the store has its task.
const OURS: &str = "mlp";

/// A message of a task, read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TaskMessage {
    /// The task's id, as whoever sent it calls it.
    pub id: String,
    /// The task's name.
    pub task: String,
    /// When it may begin.
    pub eta: Option<Timestamp>,
    /// When it may not begin any more.
    pub expires: Option<Timestamp>,
    /// Attempts before this one.
    pub retries: u32,
    /// Whether nobody wants its result.
    pub ignore_result: bool,
    /// What its result names beside it.
    pub group: Option<String>,
    /// The same.
    pub parent_id: Option<String>,
    /// Whether it was published from the store, which has its task.
    pub is_ours: bool,
}

/// What the body of a message asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub args: Vec<Json>,
    pub kwargs: Map<String, Json>,
    /// Whether something is to happen with the result: a callback, a chain, a chord.
    pub has_sequel: bool,
}

/// Why a message is no task of protocol 2.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum MessageError {
    #[error("the message has no header `{0}`: protocol 2 is understood")]
    NoHeader(&'static str),
    #[error("the header `{header}` is `{value}`: a time such as `2026-01-15T08:00:00+00:00` is")]
    Time { header: &'static str, value: String },
    #[error("the content type is `{0}`: `application/json` is understood")]
    ContentType(String),
    #[error("the body is no `[args, kwargs, embed]` in JSON: {0}")]
    Body(String),
}

impl TaskMessage {
    /// Reads a message's properties.
    pub fn read(properties: &BasicProperties) -> Result<Self, MessageError> {
        let none = FieldTable::default();
        let headers = properties.headers().as_ref().unwrap_or(&none);
        let text = |name: &str| headers.inner().get(name).and_then(text_of);
        let needed = |name| text(name).ok_or(MessageError::NoHeader(name));
        let (id, task) = (needed("id")?, needed("task")?);
        if let Some(kind) = properties.content_type()
            && kind.as_str() != "application/json"
        {
            return Err(MessageError::ContentType(kind.to_string()));
        }
        let time = |header: &'static str| match text(header) {
            None => Ok(None),
            Some(value) => match read_time(&value) {
                Some(time) => Ok(Some(time)),
                None => Err(MessageError::Time { header, value }),
            },
        };
        Ok(Self {
            eta: time("eta")?,
            expires: time("expires")?,
            retries: (headers.inner().get("retries")).map_or(0, number_of),
            ignore_result: headers.inner().get("ignore_result") == Some(&AMQPValue::Boolean(true)),
            group: text("group"),
            parent_id: text("parent_id"),
            is_ours: headers.contains_key(OURS),
            id,
            task,
        })
    }
}

impl Call {
    /// Reads a message's body.
    pub fn read(body: &[u8]) -> Result<Self, MessageError> {
        let (args, kwargs, embed): (Vec<Json>, Map<String, Json>, Json) =
            serde_json::from_slice(body).map_err(|e| MessageError::Body(e.to_string()))?;
        let has = |key: &str| match embed.get(key) {
            None | Some(Json::Null) => false,
            Some(Json::Array(list)) => !list.is_empty(),
            Some(_) => true,
        };
        Ok(Self {
            args,
            kwargs,
            has_sequel: ["callbacks", "errbacks", "chain", "chord"]
                .into_iter()
                .any(has),
        })
    }
}

/// A message as it is sent.
#[derive(Debug, Clone)]
pub(super) struct Sendable {
    pub envelope: Envelope,
    pub body: Vec<u8>,
}

/// What is sent around a body. The library wants properties of its own for each attempt to send
/// them, so that those of our messages are made only then.
#[derive(Debug, Clone)]
pub(super) enum Envelope {
    /// A message of ours: its id, and what it has in common with others.
    New(String, Arc<Template>),
    /// One that came from the broker.
    Kept(Box<BasicProperties>),
}

impl Envelope {
    pub fn properties(&self) -> BasicProperties {
        match self {
            Self::New(id, template) => template.properties(id),
            Self::Kept(properties) => BasicProperties::clone(properties),
        }
    }
}

/// What the inferences have in common that are published at one time.
#[derive(Debug)]
pub(super) struct Template {
    headers: FieldTable,
}

#[derive(Serialize)]
struct Kwargs<'a> {
    candidates: Option<&'a [i64]>,
}

/// What is to happen with the result: nothing.
#[derive(Serialize, Default)]
struct Embed {
    callbacks: (),
    errbacks: (),
    chain: (),
    chord: (),
}

impl Template {
    pub fn new(task: &str, expires: Timestamp, origin: &str) -> Self {
        let mut headers = FieldTable::default();
        let mut put = |name: &str, value: AMQPValue| {
            headers.insert(name.into(), value);
        };
        let limits = vec![AMQPValue::Void, AMQPValue::Void];
        put("lang", text("py"));
        put("task", text(task));
        put("expires", text(&write_time(expires)));
        put("origin", text(origin));
        // What is shown of the arguments in lists and logs: people's data stays out of these.
        put("argsrepr", text("(...)"));
        put("kwargsrepr", text("{...}"));
        put("retries", AMQPValue::LongInt(0));
        put("timelimit", AMQPValue::FieldArray(limits.into()));
        put("ignore_result", AMQPValue::Boolean(false));
        put(OURS, AMQPValue::Boolean(true));
        for name in ["shadow", "eta", "group", "group_index", "parent_id"] {
            put(name, AMQPValue::Void);
        }
        Self { headers }
    }

    /// The message of one inference: the task's id, the user's columns by name.
    pub fn write(
        self: &Arc<Self>,
        id: String,
        user: &impl Serialize,
        candidates: Option<&[i64]>,
    ) -> Sendable {
        let mut body = Vec::with_capacity(512);
        let call = ([user], Kwargs { candidates }, Embed::default());
        // Numbers, texts and null cannot fail to be written.
        let _ = serde_json::to_writer(&mut body, &call);
        Sendable {
            envelope: Envelope::New(id, Arc::clone(self)),
            body,
        }
    }

    fn properties(&self, id: &str) -> BasicProperties {
        let mut headers = self.headers.clone();
        headers.insert("id".into(), text(id));
        headers.insert("root_id".into(), text(id));
        BasicProperties::default()
            .with_content_type(short("application/json"))
            .with_content_encoding(short("utf-8"))
            .with_correlation_id(short(id))
            .with_delivery_mode(PERSISTENT)
            .with_headers(headers)
    }
}

const PERSISTENT: u8 = 2;

/// The same message for another attempt.
pub(super) fn again(sent: &Sendable, retries: u32, eta: Timestamp) -> Sendable {
    let properties = sent.envelope.properties();
    let mut headers = properties.headers().clone().unwrap_or_default();
    headers.insert("eta".into(), text(&write_time(eta)));
    let retries = AMQPValue::LongInt(retries.min(i32::MAX as u32) as i32);
    headers.insert("retries".into(), retries);
    Sendable {
        envelope: Envelope::Kept(Box::new(properties.with_headers(headers))),
        body: sent.body.clone(),
    }
}

fn short(value: &str) -> ShortString {
    ShortString::try_new(value).unwrap_or_else(|_| "".into())
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(value))
}

fn text_of(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok().map(str::to_owned),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

fn number_of(value: &AMQPValue) -> u32 {
    let number = match *value {
        AMQPValue::ShortShortInt(n) => n.into(),
        AMQPValue::ShortShortUInt(n) => n.into(),
        AMQPValue::ShortInt(n) => n.into(),
        AMQPValue::ShortUInt(n) => n.into(),
        AMQPValue::LongInt(n) => n.into(),
        AMQPValue::LongUInt(n) => n.into(),
        AMQPValue::LongLongInt(n) => n,
        _ => 0,
    };
    u32::try_from(number).unwrap_or(0)
}

/// As Python writes times: with an offset, or without, which is UTC.
fn read_time(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    let naive: DateTime = text.parse().ok()?;
    let zoned = naive.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp())
}

/// As Python reads times, older versions too: `2026-01-15T08:00:00.000000+00:00`.
pub(super) fn write_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let user = json!({ "age_avg": 24.5, "name": "Ann", "sunny": true });
        let (id, expires) = (
            "0197c6c6-0000-7000-8000-000000000001",
            time("2026-01-15T08:10:00Z"),
        );
        let template = Arc::new(Template::new("mlp.inference", expires, "1@here"));
        let sent = template.write(id.to_owned(), &user, Some(&[3, 1]));
        let properties = sent.envelope.properties();
        assert_eq!(properties.correlation_id().as_ref().unwrap().as_str(), id);
        let read = TaskMessage::read(&properties).unwrap();
        assert_eq!(
            (read.id.as_str(), read.task.as_str()),
            (id, "mlp.inference")
        );
        assert_eq!(read.expires, Some(expires));
        assert_eq!((read.eta, read.retries, read.is_ours), (None, 0, true));
        let call = Call::read(&sent.body).unwrap();
        assert_eq!(call.args, [user]);
        assert_eq!(call.kwargs["candidates"], json!([3, 1]));
        assert!(!call.has_sequel);
        let eta = time("2026-01-15T08:00:01.5Z");
        let retried = TaskMessage::read(&again(&sent, 2, eta).envelope.properties()).unwrap();
        assert_eq!((retried.eta, retried.retries), (Some(eta), 2));
        assert_eq!(retried.id, read.id);
    }

    #[test]
    fn times_are_read_as_python_writes_them() {
        let expected = time("2026-01-15T08:00:00Z");
        for text in [
            "2026-01-15T08:00:00+00:00",
            "2026-01-15T09:00:00+01:00",
            "2026-01-15T08:00:00",
        ] {
            assert_eq!(read_time(text), Some(expected), "{text}");
        }
        assert_eq!(read_time("tomorrow"), None);
        assert_eq!(write_time(expected), "2026-01-15T08:00:00.000000+00:00");
    }

    #[test]
    fn what_is_no_task_is_told() {
        let bare = BasicProperties::default();
        assert_eq!(TaskMessage::read(&bare), Err(MessageError::NoHeader("id")));
        let pickled =
            BasicProperties::default().with_content_type("application/x-python-serialize".into());
        let mut headers = FieldTable::default();
        headers.insert("id".into(), text("a"));
        headers.insert("task".into(), text("b"));
        let pickled = pickled.with_headers(headers);
        let error = TaskMessage::read(&pickled).unwrap_err().to_string();
        assert!(error.contains("application/x-python-serialize"), "{error}");
        assert!(Call::read(b"{}").is_err());
        assert!(
            Call::read(br#"[[1], {}, {"chain": [{}]}]"#)
                .unwrap()
                .has_sequel
        );
        assert!(
            !Call::read(br#"[[1], {}, {"chain": null, "callbacks": []}]"#)
                .unwrap()
                .has_sequel
        );
    }
}
