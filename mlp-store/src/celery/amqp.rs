//! The connection to RabbitMQ: one thread, which connects again and again.

use std::collections::{BTreeSet, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::tcp::OwnedTLSConfig;
use lapin::types::FieldTable;
use lapin::{
    Channel, Confirmation, Connection, ConnectionProperties, Consumer, ExchangeKind,
    PublisherConfirm,
};
use tokio::sync::mpsc::{Receiver, UnboundedReceiver};

use super::control;
use super::inbox::Delivery;
use super::link::{Command, Counters, Depth, Link, Tag};
use super::message::{Envelope, Sendable, TaskMessage};
use super::settings::{CelerySettings, is_encrypted, place};

/// Messages that may wait for their confirmation.
const WINDOW: usize = 1024;

/// Messages handed over together.
const TOGETHER: usize = 256;

/// How long connecting and declaring may take: a broker that hangs is as one that is away.
const PATIENCE: Duration = Duration::from_secs(15);

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What goes to the broker, from all threads.
pub(super) struct Mail {
    pub outgoing: Receiver<Sendable>,
    pub commands: UnboundedReceiver<Command>,
    /// Sent and not confirmed: it goes again over the next connection.
    unconfirmed: VecDeque<Sendable>,
}

impl Mail {
    pub fn new(outgoing: Receiver<Sendable>, commands: UnboundedReceiver<Command>) -> Self {
        Self {
            outgoing,
            commands,
            unconfirmed: VecDeque::new(),
        }
    }
}

/// Stays connected until the link stops.
pub(super) async fn run(link: Arc<Link>, settings: CelerySettings, consume: bool, mut mail: Mail) {
    let mut wait = FIRST_WAIT;
    let mut tries = 0;
    let mut complaint = String::new();
    while !link.is_stopping() {
        let uri = &settings.brokers[tries % settings.brokers.len()];
        let opening = Session::open(&link, &settings, uri, consume);
        let opened = tokio::time::timeout(PATIENCE, opening).await;
        let opened = opened.unwrap_or_else(|_| {
            let silent = format!("no answer within {} s", PATIENCE.as_secs());
            Err(std::io::Error::other(silent).into())
        });
        let ended = match opened {
            Ok(mut session) => {
                tracing::info!(broker = place(uri), queue = settings.queue, "connected");
                (wait, complaint) = (FIRST_WAIT, String::new());
                link.connected(true);
                let ended = session.run(&mut mail).await;
                link.connected(false);
                session.close().await;
                ended
            }
            Err(error) => Err(error),
        };
        let Err(error) = ended else { return };
        tries += 1;
        // Said once, not at every attempt.
        let message = error.to_string();
        if message != complaint {
            tracing::warn!(
                broker = place(uri),
                error = message,
                "the broker is away: trying again"
            );
            complaint = message;
        }
        answer_nobody(&mut mail);
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Who asks while nobody is connected need not wait for an answer; acknowledgements of messages that
/// come again mean nothing.
fn answer_nobody(mail: &mut Mail) {
    while let Ok(command) = mail.commands.try_recv() {
        if let Command::Depth(answer) = command {
            let _ = answer.try_send(None);
        }
    }
}

/// One connection.
struct Session<'a> {
    link: &'a Arc<Link>,
    settings: &'a CelerySettings,
    connection: Connection,
    publishing: Channel,
    consuming: Channel,
    tasks: Option<Consumer>,
    control: Option<control::Control>,
    window: VecDeque<(PublisherConfirm, Sendable)>,
    /// What could not be sent when the connection broke.
    refused: Option<Sendable>,
    acks: Acks,
    /// What the broker was last told to hold back to.
    prefetch: u16,
}

impl<'a> Session<'a> {
    async fn open(
        link: &'a Arc<Link>,
        settings: &'a CelerySettings,
        uri: &lapin::uri::AMQPUri,
        consume: bool,
    ) -> lapin::Result<Self> {
        let properties = ConnectionProperties::default()
            .with_connection_name(link.node.as_str().into())
            .with_client_property("product".into(), "mlp".into());
        let connection = match (&settings.ca, is_encrypted(uri)) {
            (Some(ca), true) => {
                let tls = OwnedTLSConfig {
                    identity: None,
                    cert_chain: Some(ca.clone()),
                };
                let runtime = lapin::runtime::default_runtime()?;
                Connection::connect_uri_with_config(uri.clone(), properties, tls, runtime).await?
            }
            _ => Connection::connect_uri(uri.clone(), properties).await?,
        };
        let publishing = connection.create_channel().await?;
        (publishing.confirm_select(ConfirmSelectOptions::default())).await?;
        declare(&connection, &settings.queue).await?;
        let consuming = connection.create_channel().await?;
        let epoch = link.inbox.begin();
        let mut session = Self {
            link,
            settings,
            connection,
            publishing,
            consuming,
            tasks: None,
            control: None,
            window: VecDeque::new(),
            refused: None,
            acks: Acks::new(epoch),
            prefetch: settings.prefetch,
        };
        if consume {
            session.qos(settings.prefetch).await?;
            let tasks = session.consuming.basic_consume(
                settings.queue.as_str().into(),
                link.node.as_str().into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            );
            session.tasks = Some(tasks.await?);
            session.control = Some(control::Control::open(link, &session.connection).await?);
        }
        Ok(session)
    }

    /// Over the whole channel, so that it can be changed while messages come.
    async fn qos(&mut self, prefetch: u16) -> lapin::Result<()> {
        self.prefetch = prefetch;
        let options = BasicQosOptions { global: true };
        self.consuming.basic_qos(prefetch, options).await
    }

    /// Until the link stops (`Ok`) or the connection breaks; what is not confirmed then goes over the
    /// next one.
    async fn run(&mut self, mail: &mut Mail) -> lapin::Result<()> {
        let ended = self.work(mail).await;
        let sent = self.window.drain(..).map(|(_, message)| message);
        let unsent = std::mem::take(&mut mail.unconfirmed);
        mail.unconfirmed = sent.chain(self.refused.take()).chain(unsent).collect();
        ended
    }

    async fn work(&mut self, mail: &mut Mail) -> lapin::Result<()> {
        while let Some(message) = mail.unconfirmed.pop_front() {
            self.publish(message).await?;
        }
        let mut breath = tokio::time::interval(Duration::from_millis(100));
        loop {
            let has_room = self.window.len() < WINDOW;
            // Each wakes for its first event, and then deals with all that are there.
            tokio::select! {
                first = confirmed(&mut self.window) => {
                    self.confirm(first?)?;
                    while let Some(next) = confirmed(&mut self.window).now_or_never() {
                        self.confirm(next?)?;
                    }
                }
                Some(command) = mail.commands.recv() => {
                    self.command(command).await?;
                    while let Ok(command) = mail.commands.try_recv() {
                        self.command(command).await?;
                    }
                    self.acks.flush(&self.consuming).await?;
                }
                Some(message) = mail.outgoing.recv(), if has_room => {
                    self.publish(message).await?;
                    while self.window.len() < WINDOW
                        && let Ok(message) = mail.outgoing.try_recv()
                    {
                        self.publish(message).await?;
                    }
                }
                first = next(&mut self.tasks) => self.receive(first)?,
                message = control::next(&mut self.control) => {
                    if let Some(control) = &mut self.control {
                        control.answer(self.link, self.settings, message).await?;
                    }
                }
                _ = breath.tick() => {
                    // An acknowledgement that still waits here would leave its message to others.
                    let is_done = mail.commands.is_empty() && mail.outgoing.is_empty();
                    if self.link.is_stopping() && is_done && self.window.is_empty() {
                        return Ok(());
                    }
                    if !self.connection.status().connected() {
                        return Err(std::io::Error::other("the connection broke").into());
                    }
                }
            }
        }
    }

    async fn publish(&mut self, message: Sendable) -> lapin::Result<()> {
        // The nameless exchange leads to the queue of that name. One that is gone is to be told.
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let sent = self.publishing.basic_publish(
            "".into(),
            self.settings.queue.as_str().into(),
            options,
            &message.body,
            message.envelope.properties(),
        );
        match sent.await {
            Ok(confirm) => {
                self.window.push_back((confirm, message));
                Ok(())
            }
            Err(error) => {
                self.refused = Some(message);
                Err(error)
            }
        }
    }

    fn confirm(&mut self, confirmed: (Confirmation, Sendable)) -> lapin::Result<()> {
        match confirmed {
            (Confirmation::Ack(None) | Confirmation::NotRequested, _) => {
                Counters::add(&self.link.counters.published, 1);
                Ok(())
            }
            (Confirmation::Ack(Some(_)) | Confirmation::Nack(_), message) => {
                // The queue is gone, or full: it is declared anew with the next connection, and
                // what was not taken is sent again.
                let sent = self.window.drain(..).map(|(_, message)| message);
                let again: Vec<_> = std::iter::once(message).chain(sent).collect();
                for message in again {
                    if !self.link.send(message) {
                        Counters::add(&self.link.counters.postponed, 1);
                    }
                }
                Err(std::io::Error::other("the broker did not take a message").into())
            }
        }
    }

    /// Hands over a message and those that came with it.
    fn receive(&mut self, first: Received) -> lapin::Result<()> {
        let mut deliveries = Vec::new();
        let mut next_one = Some(first);
        while let Some(received) = next_one {
            let Some(delivery) = received.transpose()? else {
                return Err(std::io::Error::other("the broker sends no more").into());
            };
            deliveries.extend(self.read(delivery));
            next_one = match deliveries.len() < TOGETHER {
                true => next(&mut self.tasks).now_or_never(),
                false => None,
            };
        }
        self.link.inbox.push(deliveries);
        Ok(())
    }

    fn read(&mut self, delivery: lapin::message::Delivery) -> Option<Delivery> {
        Counters::add(&self.link.counters.received, 1);
        let tag = Tag {
            epoch: self.acks.epoch,
            number: delivery.delivery_tag,
        };
        self.acks.received(tag);
        match TaskMessage::read(&delivery.properties) {
            Ok(message) => Some(Delivery {
                tag,
                message,
                sent: Sendable {
                    envelope: Envelope::Kept(Box::new(delivery.properties)),
                    body: delivery.data,
                },
            }),
            Err(error) => {
                // As a Python worker: what cannot be read is dropped, and said.
                tracing::error!(%error, "a message was dropped");
                self.link.ack(vec![tag]);
                None
            }
        }
    }

    async fn command(&mut self, command: Command) -> lapin::Result<()> {
        match command {
            Command::Acks(tags) => {
                tags.into_iter().for_each(|tag| self.acks.done(tag));
                Ok(())
            }
            Command::Requeue(tag) if tag.epoch == self.acks.epoch => {
                self.acks.flush(&self.consuming).await?;
                self.acks.gone(tag);
                let options = BasicNackOptions {
                    requeue: true,
                    ..BasicNackOptions::default()
                };
                self.consuming.basic_nack(tag.number, options).await
            }
            Command::Requeue(_) => Ok(()),
            Command::Held(held) => {
                // What waits for its time takes no place of what is due.
                let step = held.next_multiple_of(256);
                let wanted = usize::from(self.settings.prefetch).saturating_add(step);
                let wanted = u16::try_from(wanted).unwrap_or(u16::MAX);
                match wanted == self.prefetch || self.tasks.is_none() {
                    true => Ok(()),
                    false => self.qos(wanted).await,
                }
            }
            Command::Depth(answer) => {
                let options = QueueDeclareOptions {
                    passive: true,
                    ..QueueDeclareOptions::default()
                };
                let queue = self.settings.queue.as_str().into();
                let declared = self
                    .publishing
                    .queue_declare(queue, options, FieldTable::default());
                let declared = declared.await?;
                let depth = Depth {
                    messages: declared.message_count(),
                    consumers: declared.consumer_count(),
                };
                // Whoever asked may have stopped waiting.
                let _ = answer.try_send(Some(depth));
                Ok(())
            }
        }
    }

    /// Says farewell, so that the broker gives what was not acknowledged to others at once.
    async fn close(self) {
        if self.connection.status().connected() {
            let farewell = self.connection.close(200, "".into());
            // A broker that hangs is left alone.
            let _ = tokio::time::timeout(Duration::from_secs(2), farewell).await;
        }
    }
}

/// Makes the queue as Celery does, where there is none. One that is there is used as it is: it may
/// have priorities, or be of another type, and to declare it otherwise would be refused for ever.
async fn declare(connection: &Connection, queue: &str) -> lapin::Result<()> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    // The broker closes a channel that asks for what is not there.
    let probe = connection.create_channel().await?;
    let found = probe.queue_declare(queue.into(), passive, FieldTable::default());
    if found.await.is_ok() {
        return probe.close(200, "".into()).await;
    }
    let channel = connection.create_channel().await?;
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    let none = FieldTable::default;
    (channel.exchange_declare(queue.into(), ExchangeKind::Direct, durable, none())).await?;
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel.queue_declare(queue.into(), durable, none()).await?;
    let (name, key) = (queue.into(), queue.into());
    channel
        .queue_bind(queue.into(), name, key, QueueBindOptions::default(), none())
        .await?;
    channel.close(200, "".into()).await
}

/// The oldest message's confirmation; never where none is awaited. May be dropped and asked again.
async fn confirmed(
    window: &mut VecDeque<(PublisherConfirm, Sendable)>,
) -> lapin::Result<(Confirmation, Sendable)> {
    let Some((confirm, _)) = window.front_mut() else {
        return std::future::pending().await;
    };
    let confirmation = pin!(confirm).await?;
    match window.pop_front() {
        Some((_, message)) => Ok((confirmation, message)),
        None => std::future::pending().await,
    }
}

/// A message; `None` where there will be no more.
type Received = Option<lapin::Result<lapin::message::Delivery>>;

async fn next(consumer: &mut Option<Consumer>) -> Received {
    match consumer {
        Some(consumer) => consumer.next().await,
        None => std::future::pending().await,
    }
}

/// Acknowledges in as few frames as can be: one says it of all messages up to its own.
struct Acks {
    epoch: u64,
    /// Neither acknowledged nor given back.
    open: BTreeSet<u64>,
    done: BTreeSet<u64>,
}

impl Acks {
    fn new(epoch: u64) -> Self {
        Self {
            epoch,
            open: BTreeSet::new(),
            done: BTreeSet::new(),
        }
    }

    fn received(&mut self, tag: Tag) {
        self.open.insert(tag.number);
    }

    fn done(&mut self, tag: Tag) {
        if tag.epoch == self.epoch && self.open.remove(&tag.number) {
            self.done.insert(tag.number);
        }
    }

    fn gone(&mut self, tag: Tag) {
        self.open.remove(&tag.number);
    }

    /// What one frame each acknowledges: with all before it, or alone.
    fn due(&mut self) -> Vec<(u64, bool)> {
        let mut due = Vec::new();
        let first_open = self.open.first().copied().unwrap_or(u64::MAX);
        let after = self.done.split_off(&first_open);
        if let Some(last) = self.done.last() {
            due.push((*last, true));
        }
        due.extend(after.into_iter().map(|number| (number, false)));
        self.done.clear();
        due
    }

    async fn flush(&mut self, channel: &Channel) -> lapin::Result<()> {
        for (number, multiple) in self.due() {
            channel
                .basic_ack(number, BasicAckOptions { multiple })
                .await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_frame_acknowledges_all_before_it() {
        let mut acks = Acks::new(1);
        let tag = |number| Tag { epoch: 1, number };
        (1..=6).for_each(|n| acks.received(tag(n)));
        for n in [2, 1, 5] {
            acks.done(tag(n));
        }
        assert_eq!(acks.due(), [(2, true), (5, false)]);
        assert_eq!(acks.due(), []);
        acks.done(tag(4));
        acks.gone(tag(3));
        assert_eq!(acks.due(), [(4, true)]);
        acks.done(Tag {
            epoch: 0,
            number: 6,
        });
        acks.done(tag(2));
        assert_eq!(
            acks.due(),
            [],
            "an earlier connection's, and one done before"
        );
        acks.done(tag(6));
        assert_eq!(acks.due(), [(6, true)]);
    }
}
