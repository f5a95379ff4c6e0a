//! Another program, as far as its messages and records go.

use std::time::{Duration, SystemTime};

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use mlp_store::TaskId;
use mlp_store::conformance::services::Space;
use serde_json::{Value as Json, json};
use tokio::runtime::Runtime;

use super::wait_until;

pub struct Python {
    amqp: String,
    redis: String,
    queue: String,
    /// What the queue is declared with.
    arguments: FieldTable,
    runtime: Runtime,
}

/// A message as Celery 5 sends it.
pub struct Call {
    pub id: String,
    pub task: &'static str,
    pub body: Vec<u8>,
    pub eta: Option<String>,
    pub expires: Option<String>,
}

/// A call of the task that ranks.
pub fn call(args: Json) -> Call {
    let embed = json!({ "callbacks": null, "errbacks": null, "chain": null, "chord": null });
    Call {
        id: TaskId::new_v7().to_string(),
        task: "mlp.inference",
        body: json!([args, {}, embed]).to_string().into_bytes(),
        eta: None,
        expires: None,
    }
}

/// A time so many milliseconds from now, as Python writes it.
pub fn time(from_now_ms: i64) -> Option<String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = jiff::Timestamp::from_microsecond(now.unwrap().as_micros() as i64).unwrap();
    let time = now + jiff::SignedDuration::from_millis(from_now_ms);
    Some(time.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string())
}

impl Python {
    pub fn new(space: &Space) -> Self {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        Self {
            amqp: space.amqp().to_owned(),
            redis: space.redis().to_owned(),
            queue: space.queue().to_owned(),
            arguments: FieldTable::default(),
            runtime,
        }
    }

    /// Publishes these, and returns when the broker has them.
    pub fn publish(&self, calls: &[&Call]) {
        let messages = calls.iter().map(|call| (properties(call), &call.body[..]));
        self.send(messages.collect());
    }

    /// Publishes what is no task at all.
    pub fn publish_nonsense(&self) {
        self.send(vec![(BasicProperties::default(), b"what?")]);
    }

    /// Makes the queue as a team has it that uses priorities.
    pub fn declare_with_priorities(&mut self) {
        let most = AMQPValue::ShortShortUInt(9);
        self.arguments.insert("x-max-priority".into(), most);
        self.send(Vec::new());
    }

    fn send(&self, messages: Vec<(BasicProperties, &[u8])>) {
        let sent = async {
            let properties = ConnectionProperties::default();
            let connection = Connection::connect(&self.amqp, properties).await?;
            let channel = connection.create_channel().await?;
            let durable = QueueDeclareOptions {
                durable: true,
                ..QueueDeclareOptions::default()
            };
            let queue = self.queue.as_str();
            (channel.queue_declare(queue.into(), durable, self.arguments.clone())).await?;
            (channel.confirm_select(ConfirmSelectOptions::default())).await?;
            for (properties, body) in messages {
                let options = BasicPublishOptions::default();
                let sent =
                    channel.basic_publish("".into(), queue.into(), options, body, properties);
                sent.await?.await?;
            }
            connection.close(200, "".into()).await
        };
        self.runtime.block_on(sent).unwrap();
    }

    fn ask<T: redis::FromRedisValue>(&self, command: &mut redis::Cmd) -> T {
        let client = redis::Client::open(self.redis.as_str()).unwrap();
        let mut connection = client.get_connection().unwrap();
        command.query(&mut connection).unwrap()
    }

    /// What `AsyncResult` reads; `None` before there is anything.
    pub fn record(&self, id: &str) -> Option<Json> {
        let text: Option<String> = self.ask(redis::cmd("GET").arg(key(id)));
        text.map(|text| serde_json::from_str(&text).unwrap())
    }

    /// The record, once it is final.
    #[track_caller]
    pub fn wait_for(&self, id: &str) -> Json {
        let mut found = Json::Null;
        wait_until("there is a final record", || {
            found = self.record(id).unwrap_or_default();
            !found["date_done"].is_null()
        });
        found
    }

    /// How long the record stays.
    pub fn expires(&self, id: &str) -> Duration {
        Duration::from_secs(self.ask(redis::cmd("TTL").arg(key(id))))
    }

    /// Writes a record as a worker in Python does.
    pub fn say(&self, id: TaskId, status: &str, result: Json) {
        let is_done = ["SUCCESS", "FAILURE", "REVOKED"].contains(&status);
        let record = json!({
            "status": status, "result": result, "traceback": null, "children": [],
            "date_done": is_done.then(|| time(0)), "task_id": id,
        });
        let mut set = redis::cmd("SETEX");
        set.arg(key(&id.to_string()))
            .arg(60)
            .arg(record.to_string());
        self.ask::<()>(&mut set);
    }
}

fn key(id: &str) -> String {
    format!("celery-task-meta-{id}")
}

fn properties(call: &Call) -> BasicProperties {
    let text = |text: &str| AMQPValue::LongString(text.into());
    let or_none = |value: &Option<String>| value.as_deref().map_or(AMQPValue::Void, text);
    let limits = vec![AMQPValue::Void, AMQPValue::Void];
    let mut headers = FieldTable::default();
    for (name, value) in [
        ("lang", text("py")),
        ("task", text(call.task)),
        ("id", text(&call.id)),
        ("shadow", AMQPValue::Void),
        ("eta", or_none(&call.eta)),
        ("expires", or_none(&call.expires)),
        ("group", AMQPValue::Void),
        ("group_index", AMQPValue::Void),
        ("retries", AMQPValue::ShortShortInt(0)),
        ("timelimit", AMQPValue::FieldArray(limits.into())),
        ("root_id", text(&call.id)),
        ("parent_id", AMQPValue::Void),
        ("argsrepr", text("...")),
        ("kwargsrepr", text("{}")),
        ("origin", text("gen7@python")),
        ("ignore_result", AMQPValue::Boolean(false)),
        ("replaced_task_nesting", AMQPValue::ShortShortInt(0)),
        ("stamped_headers", AMQPValue::Void),
        ("stamps", AMQPValue::FieldTable(FieldTable::default())),
    ] {
        headers.insert(name.into(), value);
    }
    BasicProperties::default()
        .with_headers(headers)
        .with_content_type("application/json".into())
        .with_content_encoding("utf-8".into())
        .with_correlation_id(call.id.as_str().into())
        .with_reply_to("5f1c0000-0000-3000-8000-000000000001".into())
        .with_priority(0)
        .with_delivery_mode(2)
}
