//! RabbitMQ and Redis for tests: instances of one's own that can be stopped, killed and told to
//! speak TLS, or a [`Space`] of one's own on servers that are there.
//!
//! All panic where they cannot give what was asked for: a missing service fails the run. A private
//! RabbitMQ takes 5 to 10 s to start and 140 MB: one for a test at most, and few such tests.

mod amqp;
mod authority;
mod keeper;
mod rabbitmq;
mod redis;
mod resp;
mod space;
#[cfg(test)]
mod tests;

pub use amqp::{Amqp, Counts};
pub use authority::{Authority, Served};
pub use rabbitmq::{RabbitMq, RabbitMqOptions};
pub use redis::{Redis, RedisOptions};
pub use space::{AMQP_VARIABLE, REDIS_VARIABLE, Space};

use std::net::TcpListener;

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}
