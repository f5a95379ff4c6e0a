//! Tasks over RabbitMQ in Celery's own protocol, with results in Redis.
//!
//! What is spoken: AMQP messages of Celery's protocol 2 with JSON bodies, the result records of
//! Celery's Redis backend, and the commands of its remote control that a worker has to know (`ping`,
//! `revoke`, `hello` and those that `celery inspect` asks). What is not: protocol 1, pickled bodies,
//! callbacks, chains and chords (a task that carries one fails with `NotImplementedError`), time
//! limits and the ending of a task that has begun.
//!
//! The store is the truth. A message names a task of the store, and whoever receives it leases that
//! task; a message that comes twice finds it leased or final. A message of another program's has no
//! task yet: one is made, under the message's id. What the broker loses is sent again
//! ([`CelerySettings::resend_after`]), later where a worker listens that may have it. While the broker
//! is away, workers take their work from the store itself.

mod amqp;
mod collect;
mod control;
mod deliver;
mod examine;
mod foreign;
mod inbox;
mod link;
mod message;
mod meta;
mod mirror;
mod outstanding;
mod records;
mod redis_link;
mod requests;
mod settings;
mod transport;
mod user_json;

pub use crate::transport::Roles;
pub use examine::{
    Broker, Obstacle, Queue, Results, Unreached, Way, examine_broker, examine_results, ways,
};
pub use settings::{CelerySettings, SettingsError};
pub use transport::CeleryTransport;
