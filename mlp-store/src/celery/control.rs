//! Remote control: what `celery inspect` asks of workers, and what it tells them.

use futures_util::StreamExt;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{BasicProperties, Channel, Connection, Consumer, ExchangeKind};
use serde_json::{Map, Value as Json, json};

use super::link::Link;
use super::settings::CelerySettings;

/// All workers hear what goes to this exchange.
const EXCHANGE: &str = "celery.pidbox";

/// The mailbox of this worker.
pub(super) struct Control {
    channel: Channel,
    mailbox: Consumer,
}

/// The next command; never where there is no mailbox.
pub(super) async fn next(
    control: &mut Option<Control>,
) -> Option<lapin::Result<lapin::message::Delivery>> {
    match control {
        Some(control) => control.mailbox.next().await,
        None => std::future::pending().await,
    }
}

impl Control {
    pub async fn open(link: &Link, connection: &Connection) -> lapin::Result<Self> {
        let channel = connection.create_channel().await?;
        let none = FieldTable::default;
        let exchange = ExchangeDeclareOptions::default();
        (channel.exchange_declare(EXCHANGE.into(), ExchangeKind::Fanout, exchange, none())).await?;
        let name = format!("{}.{EXCHANGE}", link.node);
        // It lives as long as this connection.
        let own = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        channel
            .queue_declare(name.as_str().into(), own, none())
            .await?;
        let bind = QueueBindOptions::default();
        let queue = name.as_str();
        (channel.queue_bind(queue.into(), EXCHANGE.into(), "".into(), bind, none())).await?;
        let options = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        let mailbox = channel
            .basic_consume(queue.into(), "".into(), options, none())
            .await?;
        Ok(Self { channel, mailbox })
    }

    /// Does what a command says, and answers where an answer is wanted.
    pub async fn answer(
        &mut self,
        link: &Link,
        settings: &CelerySettings,
        delivery: Option<lapin::Result<lapin::message::Delivery>>,
    ) -> lapin::Result<()> {
        let Some(delivery) = delivery.transpose()? else {
            return Err(std::io::Error::other("the broker closed the mailbox").into());
        };
        let Ok(command) = serde_json::from_slice::<Json>(&delivery.data) else {
            tracing::debug!("a command that is no JSON was passed over");
            return Ok(());
        };
        if !is_for(&command, &link.node) {
            return Ok(());
        }
        let answer = obey(&command, link, settings);
        let reply_to = command.get("reply_to");
        let part = |name| reply_to.and_then(|to| to.get(name)).and_then(Json::as_str);
        let (Some(exchange), Some(key)) = (part("exchange"), part("routing_key")) else {
            return Ok(());
        };
        let body = json!({ link.node.as_str(): answer }).to_string();
        let mut headers = FieldTable::default();
        if let Some(ticket) = command.get("ticket").and_then(Json::as_str) {
            let ticket = AMQPValue::LongString(LongString::from(ticket));
            headers.insert("ticket".into(), ticket);
        }
        headers.insert("clock".into(), AMQPValue::LongLongInt(1));
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_content_encoding("utf-8".into())
            .with_headers(headers);
        // Whoever asked may be gone, and the exchange with them: that would close a channel.
        let declare = ExchangeDeclareOptions::default();
        let none = FieldTable::default();
        (self.channel)
            .exchange_declare(exchange.into(), ExchangeKind::Direct, declare, none)
            .await?;
        let options = BasicPublishOptions::default();
        let sent = (self.channel).basic_publish(
            exchange.into(),
            key.into(),
            options,
            body.as_bytes(),
            properties,
        );
        sent.await?;
        Ok(())
    }
}

/// Whether a command goes to this worker. A pattern is of names that ours are not made to match.
fn is_for(command: &Json, node: &str) -> bool {
    if command.get("pattern").is_some_and(|p| !p.is_null()) {
        return false;
    }
    match command.get("destination") {
        Some(Json::Array(nodes)) if !nodes.is_empty() => {
            nodes.iter().any(|name| name.as_str() == Some(node))
        }
        _ => true,
    }
}

fn obey(command: &Json, link: &Link, settings: &CelerySettings) -> Json {
    let none = Map::new();
    let arguments = command.get("arguments").and_then(Json::as_object);
    let arguments = arguments.unwrap_or(&none);
    let tasks = || -> Vec<&String> {
        let names = settings.inference_tasks.iter();
        names.chain(&settings.training_tasks).collect()
    };
    match command.get("method").and_then(Json::as_str) {
        Some("ping") => json!({ "ok": "pong" }),
        Some("revoke") => {
            let ids = ids(arguments.get("task_id"));
            for id in &ids {
                link.revoke(id.clone());
            }
            json!({ "ok": format!("tasks {} flagged as revoked", ids.join(", ")) })
        }
        Some("revoked") => json!(link.revoked()),
        // Other workers ask it when they start, and learn what is revoked.
        Some("hello") => {
            let known: Map<String, Json> = (link.revoked().into_iter())
                .map(|id| (id, Json::from(0)))
                .collect();
            json!({ "revoked": known, "clock": 1 })
        }
        Some("registered") => json!(tasks()),
        Some("active_queues") => json!([{ "name": settings.queue, "durable": true }]),
        // What is done here takes microseconds.
        Some("active" | "reserved" | "scheduled") => json!([]),
        Some("query_task") => json!({}),
        Some("stats") => json!({
            "pid": std::process::id(),
            "uptime": link.began.elapsed().as_secs(),
            "prefetch_count": settings.prefetch,
            "broker": { "hostname": settings.broker_place() },
            "total": { settings.inference_tasks[0].as_str(): link.status().received },
            "program": concat!("mlp ", env!("CARGO_PKG_VERSION")),
        }),
        Some(other) => json!({ "error": format!("mlp does not know `{other}`") }),
        None => json!({ "error": "the command has no method" }),
    }
}

fn ids(value: Option<&Json>) -> Vec<String> {
    match value {
        Some(Json::String(id)) => vec![id.clone()],
        Some(Json::Array(list)) => list
            .iter()
            .filter_map(Json::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}
