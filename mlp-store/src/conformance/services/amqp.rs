//! As much of AMQP 0-9-1 as tests need to look into a broker and to clean it up.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

/// A method's class and number.
type Method = (u16, u16);

const START: Method = (10, 10);
const START_OK: Method = (10, 11);
const TUNE: Method = (10, 30);
const TUNE_OK: Method = (10, 31);
const OPEN: Method = (10, 40);
const OPEN_OK: Method = (10, 41);
const CHANNEL_OPEN: Method = (20, 10);
const CHANNEL_OPEN_OK: Method = (20, 11);
const EXCHANGE_DELETE: Method = (40, 20);
const EXCHANGE_DELETE_OK: Method = (40, 21);
const QUEUE_DECLARE: Method = (50, 10);
const QUEUE_DECLARE_OK: Method = (50, 11);
const QUEUE_PURGE: Method = (50, 30);
const QUEUE_PURGE_OK: Method = (50, 31);
const QUEUE_DELETE: Method = (50, 40);
const QUEUE_DELETE_OK: Method = (50, 41);

const METHOD: u8 = 1;
const HEARTBEAT: u8 = 8;
const FRAME_END: u8 = 0xce;

/// What a queue has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Messages that wait. One that a consumer has and did not acknowledge is not among them until
    /// that consumer is gone.
    pub messages: u32,
    /// Consumers.
    pub consumers: u32,
}

/// A connection without TLS. Each error closes it.
#[derive(Debug)]
pub struct Amqp {
    stream: TcpStream,
}

impl Amqp {
    /// Connects to `amqp://user:password@host:port/vhost`; what is missing is guest, guest,
    /// 127.0.0.1, 5672 and `/`.
    ///
    /// # Errors
    ///
    /// Where nobody listens, or the broker refuses.
    pub fn connect(url: &str) -> Result<Self> {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let (place, vhost) = rest.split_once('/').unwrap_or((rest, ""));
        let (who, place) = place.rsplit_once('@').unwrap_or(("guest:guest", place));
        let (user, password) = who.split_once(':').unwrap_or((who, "guest"));
        let place = match place {
            "" => "127.0.0.1:5672".to_owned(),
            place if place.contains(':') => place.to_owned(),
            host => format!("{host}:5672"),
        };
        let vhost = match vhost {
            "" | "/" | "%2f" | "%2F" => "/",
            name => name,
        };
        let stream = TcpStream::connect(place)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut client = Self { stream };
        client.hello(user, password, vhost)?;
        Ok(client)
    }

    fn hello(&mut self, user: &str, password: &str, vhost: &str) -> Result<()> {
        self.stream.write_all(b"AMQP\x00\x00\x09\x01")?;
        self.expect(START)?;
        let mut body = Body::default();
        body.long(0).short_text("PLAIN");
        body.long_text(&format!("\0{user}\0{password}"));
        body.short_text("en_US");
        self.send(0, START_OK, &body)?;
        self.expect(TUNE)?;
        let mut body = Body::default();
        // 128 KiB frames, no heartbeat: nothing here lasts.
        body.short(1).long(131_072).short(0);
        self.send(0, TUNE_OK, &body)?;
        let mut body = Body::default();
        body.short_text(vhost).short_text("").byte(0);
        self.send(0, OPEN, &body)?;
        self.expect(OPEN_OK)?;
        let mut body = Body::default();
        body.short_text("");
        self.send(1, CHANNEL_OPEN, &body)?;
        self.expect(CHANNEL_OPEN_OK).map(drop)
    }

    /// What a queue has.
    ///
    /// # Errors
    ///
    /// Where there is none of that name, among others.
    pub fn counts(&mut self, queue: &str) -> Result<Counts> {
        let mut body = Body::default();
        // The second byte: passive, that is, only where it is there.
        body.short(0).short_text(queue).byte(1).long(0);
        self.send(1, QUEUE_DECLARE, &body)?;
        let said = self.expect(QUEUE_DECLARE_OK)?;
        let numbers = said.len().checked_sub(8).map(|from| &said[from..]);
        let numbers = numbers.ok_or_else(|| invalid("it is short"))?;
        let number = |at: usize| u32::from_be_bytes(std::array::from_fn(|i| numbers[at + i]));
        Ok(Counts {
            messages: number(0),
            consumers: number(4),
        })
    }

    /// Loses what waits in a queue.
    ///
    /// # Errors
    ///
    /// Where there is none of that name, among others.
    pub fn purge(&mut self, queue: &str) -> Result<()> {
        let mut body = Body::default();
        body.short(0).short_text(queue).byte(0);
        self.send(1, QUEUE_PURGE, &body)?;
        self.expect(QUEUE_PURGE_OK).map(drop)
    }

    /// Deletes a queue with all that is in it; one that is not there is no error.
    ///
    /// # Errors
    ///
    /// Where the broker refuses.
    pub fn delete_queue(&mut self, queue: &str) -> Result<()> {
        let mut body = Body::default();
        body.short(0).short_text(queue).byte(0);
        self.send(1, QUEUE_DELETE, &body)?;
        self.expect(QUEUE_DELETE_OK).map(drop)
    }

    /// Deletes an exchange; one that is not there is no error.
    ///
    /// # Errors
    ///
    /// Where the broker refuses.
    pub fn delete_exchange(&mut self, exchange: &str) -> Result<()> {
        let mut body = Body::default();
        body.short(0).short_text(exchange).byte(0);
        self.send(1, EXCHANGE_DELETE, &body)?;
        self.expect(EXCHANGE_DELETE_OK).map(drop)
    }

    fn send(&mut self, channel: u16, method: Method, body: &Body) -> Result<()> {
        let mut frame = vec![METHOD];
        frame.extend(channel.to_be_bytes());
        frame.extend((body.0.len() as u32 + 4).to_be_bytes());
        frame.extend(method.0.to_be_bytes());
        frame.extend(method.1.to_be_bytes());
        frame.extend(&body.0);
        frame.push(FRAME_END);
        self.stream.write_all(&frame)
    }

    /// The arguments of the next method, which must be this one.
    fn expect(&mut self, method: Method) -> Result<Vec<u8>> {
        loop {
            let mut head = [0; 7];
            self.stream.read_exact(&mut head)?;
            let length = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
            let mut payload = vec![0; length + 1];
            self.stream.read_exact(&mut payload)?;
            if head[0] == HEARTBEAT {
                continue;
            }
            if payload.pop() != Some(FRAME_END) || payload.len() < 4 {
                return Err(invalid("it is no method"));
            }
            let found = (
                u16::from_be_bytes([payload[0], payload[1]]),
                u16::from_be_bytes([payload[2], payload[3]]),
            );
            let arguments = payload.split_off(4);
            if found == method {
                return Ok(arguments);
            }
            // A close says why, in a text behind its code.
            let text = String::from_utf8_lossy(arguments.get(3..).unwrap_or_default());
            return Err(invalid(&format!("it is {found:?}, not {method:?}: {text}")));
        }
    }
}

fn invalid(what: &str) -> Error {
    Error::new(
        ErrorKind::InvalidData,
        format!("the broker's answer: {what}"),
    )
}

/// Arguments of a method.
#[derive(Default)]
struct Body(Vec<u8>);

impl Body {
    fn byte(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    fn short(&mut self, value: u16) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn long(&mut self, value: u32) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    /// At most 255 bytes.
    fn short_text(&mut self, text: &str) -> &mut Self {
        self.0.push(text.len() as u8);
        self.0.extend(text.as_bytes());
        self
    }

    fn long_text(&mut self, text: &str) -> &mut Self {
        self.long(text.len() as u32);
        self.0.extend(text.as_bytes());
        self
    }
}
