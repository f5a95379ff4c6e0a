//! The same messages through the same broker by the same library, and nothing else: a connection
//! that publishes with confirmations, one that consumes and acknowledges.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use mlp_store::conformance::services::Space;

use super::UNDER_WAY;

/// As ours: messages that wait for their confirmation, and that are held unacknowledged.
const WINDOW: usize = 1024;
const PREFETCH: u16 = 1024;

/// Messages acknowledged together.
const TOGETHER: usize = 64;

/// A message as ours are.
pub struct Sample {
    pub properties: BasicProperties,
    pub body: Vec<u8>,
}

pub async fn connect(url: &str) -> Connection {
    let properties = ConnectionProperties::default();
    let url = url.trim_end_matches('/');
    Connection::connect(&format!("{url}/%2f"), properties)
        .await
        .unwrap()
}

/// Messages a second.
pub fn rate(space: &Space, sample: &Sample, messages: usize) -> f64 {
    let consumed = AtomicUsize::new(0);
    on_a_thread_of_its_own(declare(space));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| block_on(publish(space, sample, messages, &consumed)));
        scope.spawn(|| block_on(consume(space, messages, &consumed)));
    });
    messages as f64 / begun.elapsed().as_secs_f64()
}

fn on_a_thread_of_its_own(work: impl Future<Output = ()> + Send) {
    std::thread::scope(|scope| scope.spawn(|| block_on(work)).join().unwrap());
}

fn block_on(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work);
}

async fn declare(space: &Space) {
    let connection = connect(space.amqp()).await;
    let channel = connection.create_channel().await.unwrap();
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let queue = space.queue().into();
    let declared = channel.queue_declare(queue, durable, FieldTable::default());
    declared.await.unwrap();
}

async fn publish(space: &Space, sample: &Sample, messages: usize, consumed: &AtomicUsize) {
    let connection = connect(space.amqp()).await;
    let channel = connection.create_channel().await.unwrap();
    (channel
        .confirm_select(ConfirmSelectOptions::default())
        .await)
        .unwrap();
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let mut window = VecDeque::with_capacity(WINDOW);
    for sent in 0..messages {
        while sent >= consumed.load(Ordering::Relaxed) + UNDER_WAY {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        let confirm = channel.basic_publish(
            "".into(),
            space.queue().into(),
            options,
            &sample.body,
            sample.properties.clone(),
        );
        window.push_back(confirm.await.unwrap());
        if window.len() == WINDOW {
            window.pop_front().unwrap().await.unwrap();
        }
    }
    for confirm in window {
        confirm.await.unwrap();
    }
}

async fn consume(space: &Space, messages: usize, consumed: &AtomicUsize) {
    let connection = connect(space.amqp()).await;
    let channel = connection.create_channel().await.unwrap();
    let options = BasicQosOptions { global: true };
    channel.basic_qos(PREFETCH, options).await.unwrap();
    let options = BasicConsumeOptions::default();
    let consumer = channel.basic_consume(
        space.queue().into(),
        "".into(),
        options,
        FieldTable::default(),
    );
    let mut consumer = consumer.await.unwrap();
    let mut got = 0;
    while got < messages {
        let delivery = consumer.next().await.unwrap().unwrap();
        got += 1;
        if got % TOGETHER == 0 || got == messages {
            let options = BasicAckOptions { multiple: true };
            (channel.basic_ack(delivery.delivery_tag, options).await).unwrap();
        }
        consumed.store(got, Ordering::Relaxed);
    }
    channel.close(200, "".into()).await.unwrap();
}
