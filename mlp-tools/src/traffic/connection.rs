//! One HTTP/1.1 connection, driven by the task that uses it.
//!
//! Hyper wants the connection polled while a request is under way. Doing that in the caller's own
//! task, not in a spawned one, saves two task switches per request.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::error::Error;
use super::target::Target;

/// The most that an answer may weigh.
const BODY_LIMIT: usize = 64 << 20;

type Driver = http1::Connection<TokioIo<TcpStream>, Full<Bytes>>;

pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// `None` once the connection has ended: a finished future must not be polled again.
    driver: Option<Pin<Box<Driver>>>,
}

impl Connection {
    pub(crate) async fn open(target: &Target) -> Result<Self, Error> {
        let stream = connect(target).await.map_err(|source| Error::Connect {
            target: target.to_string(),
            source,
        })?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(Error::Lost)?;
        Ok(Connection {
            sender,
            driver: Some(Box::pin(driver)),
        })
    }

    /// Looks whether the peer has closed an idle connection, so that no request is lost on it.
    pub(crate) async fn is_usable(&mut self) -> bool {
        poll_fn(|cx| {
            self.poll_driver(cx);
            Poll::Ready(())
        })
        .await;
        self.driver.is_some() && !self.sender.is_closed()
    }

    /// Sends a request, fills `body` with the answer's body and returns its head.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        body: &mut Vec<u8>,
    ) -> Result<Response<()>, Error> {
        body.clear();
        let ready = poll_fn(|cx| {
            self.poll_driver(cx);
            self.sender.poll_ready(cx)
        });
        ready.await.map_err(Error::Lost)?;
        let answer = self.sender.send_request(request);
        let response = self.drive(answer).await.map_err(Error::Lost)?;
        let (head, mut incoming) = response.into_parts();
        while let Some(chunk) = self.next_chunk(&mut incoming).await? {
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(Error::TooLarge { limit: BODY_LIMIT });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response::from_parts(head, ()))
    }

    async fn next_chunk(&mut self, incoming: &mut Incoming) -> Result<Option<Bytes>, Error> {
        loop {
            match self.drive(incoming.frame()).await {
                None => return Ok(None),
                Some(Err(error)) => return Err(Error::Lost(error)),
                Some(Ok(frame)) => {
                    if let Ok(chunk) = frame.into_data() {
                        return Ok(Some(chunk));
                    }
                }
            }
        }
    }

    /// Runs `work` and the connection under it, until the work is done.
    async fn drive<F: Future>(&mut self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|cx| {
            if let Poll::Ready(output) = work.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            self.poll_driver(cx);
            // The driver may just have delivered what the work waits for, or have ended.
            work.as_mut().poll(cx)
        })
        .await
    }

    fn poll_driver(&mut self, cx: &mut Context<'_>) {
        if let Some(driver) = &mut self.driver
            && driver.as_mut().poll(cx).is_ready()
        {
            // Its error, if any, has already gone to the request under way.
            self.driver = None;
        }
    }
}

async fn connect(target: &Target) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect((target.host(), target.port())).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
