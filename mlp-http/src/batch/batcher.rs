//! One thread that does like operations together.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use mlp_store::StoreError;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::complaints::Complaints;
use crate::failure::{Busy, Failure};
use crate::options::Options;

struct Job<Q, A> {
    question: Q,
    answer: oneshot::Sender<Result<A, Failure>>,
    queued: Instant,
}

/// What is measured of a batcher.
#[derive(Debug, Clone)]
pub(super) struct Gauges {
    pub depth: Gauge,
    pub size: Histogram,
    pub wait: Histogram,
    pub work: Histogram,
}

/// Where operations are handed in.
pub(super) struct Batcher<Q, A> {
    /// `None` once closed.
    jobs: Option<mpsc::Sender<Job<Q, A>>>,
    depth: Gauge,
}

impl<Q, A> std::fmt::Debug for Batcher<Q, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batcher").finish_non_exhaustive()
    }
}

impl<Q: Send + 'static, A: Send + 'static> Batcher<Q, A> {
    pub fn start(
        name: &'static str,
        options: &Options,
        gauges: Gauges,
        work: impl Fn(&[Q]) -> Result<Vec<A>, StoreError> + Send + 'static,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (sender, receiver) = mpsc::channel(options.queue.max(1));
        let depth = gauges.depth.clone();
        let worker = Worker {
            name,
            most: options.batch.max(1),
            gauges,
            complaints: Complaints::default(),
            work,
        };
        let thread = Builder::new()
            .name(name.to_owned())
            .spawn(move || worker.run(receiver))?;
        let jobs = Some(sender);
        Ok((Self { jobs, depth }, thread))
    }

    /// Hands in an operation and waits for its answer; where too much waits already, says so at
    /// once.
    pub async fn ask(&self, question: Q) -> Result<A, Failure> {
        let (answer, answered) = oneshot::channel();
        let job = Job {
            question,
            answer,
            queued: Instant::now(),
        };
        let Some(jobs) = &self.jobs else {
            return Err(Failure::Busy(Busy::Stopping));
        };
        // Counted first: the thread may take it before this line's next.
        self.depth.inc();
        if let Err(error) = jobs.try_send(job) {
            self.depth.dec();
            return Err(match error {
                TrySendError::Full(_) => Failure::Busy(Busy::Requests),
                TrySendError::Closed(_) => Failure::Internal,
            });
        }
        answered.await.unwrap_or(Err(Failure::Internal))
    }

    /// Takes no more; what was handed in is still done.
    pub fn close(&mut self) {
        self.jobs = None;
    }
}

struct Worker<W> {
    name: &'static str,
    most: usize,
    gauges: Gauges,
    complaints: Complaints,
    work: W,
}

impl<W> Worker<W> {
    fn run<Q, A>(&self, mut jobs: mpsc::Receiver<Job<Q, A>>)
    where
        W: Fn(&[Q]) -> Result<Vec<A>, StoreError>,
    {
        let mut questions = Vec::with_capacity(self.most);
        let mut answers = Vec::with_capacity(self.most);
        while let Some(job) = jobs.blocking_recv() {
            let mut next = Some(job);
            while let Some(job) = next {
                self.gauges.wait.observe(job.queued.elapsed().as_secs_f64());
                questions.push(job.question);
                answers.push(job.answer);
                let room = questions.len() < self.most;
                next = if room { jobs.try_recv().ok() } else { None };
            }
            self.gauges.depth.dec_by(questions.len() as i64);
            self.gauges.size.observe(questions.len() as f64);
            self.batch(&questions, &mut answers);
            questions.clear();
        }
    }

    fn batch<Q, A>(&self, questions: &[Q], answers: &mut Vec<oneshot::Sender<Result<A, Failure>>>)
    where
        W: Fn(&[Q]) -> Result<Vec<A>, StoreError>,
    {
        // Where a client is gone, its answer goes nowhere.
        match self.attempt(questions) {
            Ok(replies) => {
                for (answer, reply) in answers.drain(..).zip(replies) {
                    let _ = answer.send(Ok(reply));
                }
            }
            Err(failure @ Failure::Busy(_)) => {
                for answer in answers.drain(..) {
                    let _ = answer.send(Err(failure.clone()));
                }
            }
            Err(failure) if questions.len() < 2 => {
                for answer in answers.drain(..) {
                    let _ = answer.send(Err(failure.clone()));
                }
            }
            // One bad operation must not fail its neighbours.
            Err(_) => {
                for (question, answer) in questions.iter().zip(answers.drain(..)) {
                    let replies = self.attempt(std::slice::from_ref(question));
                    let reply = replies.and_then(|mut r| r.pop().ok_or(Failure::Internal));
                    let _ = answer.send(reply);
                }
            }
        }
    }

    fn attempt<Q, A>(&self, questions: &[Q]) -> Result<Vec<A>, Failure>
    where
        W: Fn(&[Q]) -> Result<Vec<A>, StoreError>,
    {
        let started = Instant::now();
        let done = catch_unwind(AssertUnwindSafe(|| (self.work)(questions)));
        self.gauges.work.observe(started.elapsed().as_secs_f64());
        let (thread, operations) = (self.name, questions.len());
        match done {
            Ok(Ok(replies)) if replies.len() == operations => Ok(replies),
            Ok(Ok(replies)) => {
                let found = replies.len();
                tracing::error!(
                    thread,
                    operations,
                    found,
                    "the store's replies do not match"
                );
                Err(Failure::Internal)
            }
            Ok(Err(error)) => {
                self.complaints.failed(thread, operations, &error);
                Err(Failure::from(&error))
            }
            Err(_) => {
                tracing::error!(thread, operations, "the store panicked");
                Err(Failure::Internal)
            }
        }
    }
}
