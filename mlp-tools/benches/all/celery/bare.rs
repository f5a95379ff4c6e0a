//! The same messages through the same broker by the same library, and nothing else: a connection
//! that publishes with confirmations, one that consumes and acknowledges.

use std::collections::VecDeque;
use std::sync::Barrier;
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

/// Messages a second, from the first that is published to the last acknowledgement and the last
/// confirmation: both ends are connected before, as ours are.
pub fn rate(space: &Space, sample: &Sample, messages: usize) -> f64 {
    let run = Run {
        space,
        sample,
        messages,
        consumed: AtomicUsize::new(0),
        connected: Barrier::new(3),
    };
    on_a_thread_of_its_own(declare(space));
    let (begun, ended) = std::thread::scope(|scope| {
        let publisher = scope.spawn(|| block_on(publish(&run)));
        let consumer = scope.spawn(|| block_on(consume(&run)));
        run.connected.wait();
        let begun = Instant::now();
        let ends = [publisher, consumer].map(|end| end.join().unwrap());
        (begun, ends.into_iter().max().unwrap())
    });
    messages as f64 / (ended - begun).as_secs_f64()
}

/// What both ends share.
struct Run<'a> {
    space: &'a Space,
    sample: &'a Sample,
    messages: usize,
    consumed: AtomicUsize,
    connected: Barrier,
}

fn on_a_thread_of_its_own(work: impl Future<Output = ()> + Send) {
    std::thread::scope(|scope| scope.spawn(|| block_on(work)).join().unwrap());
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
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

/// When the last was confirmed.
async fn publish(run: &Run<'_>) -> Instant {
    let connection = connect(run.space.amqp()).await;
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
    run.connected.wait();
    for sent in 0..run.messages {
        while sent >= run.consumed.load(Ordering::Relaxed) + UNDER_WAY {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        let confirm = channel.basic_publish(
            "".into(),
            run.space.queue().into(),
            options,
            &run.sample.body,
            run.sample.properties.clone(),
        );
        window.push_back(confirm.await.unwrap());
        if window.len() == WINDOW {
            window.pop_front().unwrap().await.unwrap();
        }
    }
    for confirm in window {
        confirm.await.unwrap();
    }
    Instant::now()
}

/// When the last was acknowledged.
async fn consume(run: &Run<'_>) -> Instant {
    let connection = connect(run.space.amqp()).await;
    let channel = connection.create_channel().await.unwrap();
    let options = BasicQosOptions { global: true };
    channel.basic_qos(PREFETCH, options).await.unwrap();
    let options = BasicConsumeOptions::default();
    let consumer = channel.basic_consume(
        run.space.queue().into(),
        "".into(),
        options,
        FieldTable::default(),
    );
    let mut consumer = consumer.await.unwrap();
    let mut got = 0;
    run.connected.wait();
    while got < run.messages {
        let delivery = consumer.next().await.unwrap().unwrap();
        got += 1;
        if got % TOGETHER == 0 || got == run.messages {
            let options = BasicAckOptions { multiple: true };
            (channel.basic_ack(delivery.delivery_tag, options).await).unwrap();
        }
        run.consumed.store(got, Ordering::Relaxed);
    }
    let ended = Instant::now();
    channel.close(200, "".into()).await.unwrap();
    ended
}
