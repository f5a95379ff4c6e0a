//! One user's visit: ask, wait, look, choose.

use std::time::Duration;

use mlp_data::{SimulatedUser, labeller};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tokio::time::Instant;

use super::client::{Client, State};
use super::error::Error;
use super::observe::{Ending, Event, Observer, Step};
use super::report::Times;
use super::run::{Run, Stop};
use super::shown::Shown;
use super::tickets::Ticket;

/// How long the server is asked to hold a status request.
const LONG_POLL: Duration = Duration::from_secs(10);
/// Pauses between status requests, for a server that answers at once.
const POLL: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(200));
/// Pauses after trouble, each twice the one before.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// How long before its arrival a session is woken up. The timer is up to two milliseconds late,
/// which would be counted as the server's; one that comes early is counted from then.
const EARLY: Duration = Duration::from_millis(2);

/// What one simulated user keeps from session to session.
pub(crate) struct Visitor<'a, O> {
    run: &'a Run<O>,
    client: Client,
    shown: Shown,
    stop: Stop,
    failures: u32,
}

/// One session under way.
struct Visit {
    session: u64,
    user: SimulatedUser,
    rng: ChaCha8Rng,
    task_id: String,
    location_id: i64,
    /// When the user loses patience.
    deadline: Instant,
    tries: u32,
    accepted: bool,
    times: Times,
}

/// Why a session went no further.
enum Cut {
    Failed,
    Stopped,
}

impl<'a, O: Observer> Visitor<'a, O> {
    pub(crate) fn new(run: &'a Run<O>, stop: Stop) -> Self {
        let client = Client::shared(run.plan.target.clone()).with_timeout(run.plan.timeout);
        Visitor {
            run,
            client,
            shown: Shown::default(),
            stop,
            failures: 0,
        }
    }

    /// Runs sessions until there are no more or the run is stopped.
    pub(crate) async fn visit_all(mut self) {
        while !self.stop.requested()
            && let Some(ticket) = self.run.tickets.take()
        {
            let ending = self.visit(ticket).await;
            self.failures = match ending {
                Some(Ending::Failed) => self.failures + 1,
                _ => 0,
            };
            if self.failures > 0 {
                let pause = backoff(self.failures);
                self.stop.sleep_until(Instant::now() + pause).await;
            }
        }
    }

    /// Runs one session; `None` where the run was stopped before it began.
    async fn visit(&mut self, ticket: Ticket) -> Option<Ending> {
        let plan = &self.run.plan;
        // Everything but the choice is drawn first: the story depends on the seed alone.
        let mut rng = plan.stream(ticket.session);
        let user = (plan.users)(ticket.session, &mut rng);
        let mut draw = || plan.pause.map(|pause| pause.draw(&mut rng));
        let (before, thinking) = (draw(), draw());
        let answers = rng.random_bool(plan.answer);
        let wake = match ticket.arrival {
            Some(arrival) => arrival.checked_sub(EARLY).unwrap_or(arrival),
            None => Instant::now() + before.unwrap_or_default(),
        };
        if !self.stop.sleep_until(wake).await {
            return None;
        }
        let now = Instant::now();
        let begin = ticket.arrival.map_or(now, |arrival| arrival.min(now));
        let mut visit = Visit {
            session: ticket.session,
            user,
            rng,
            task_id: String::new(),
            location_id: -1,
            deadline: Instant::now() + plan.patience,
            tries: 0,
            accepted: false,
            times: Times::default(),
        };
        let outcome = self.converse(&mut visit, begin, thinking, answers).await;
        let ending = outcome.unwrap_or_else(|cut| {
            visit.times.session = begin.elapsed();
            Ending::from(cut)
        });
        self.close(&visit, ending);
        Some(ending)
    }

    async fn converse(
        &mut self,
        visit: &mut Visit,
        begin: Instant,
        thinking: Option<Duration>,
        answers: bool,
    ) -> Result<Ending, Cut> {
        self.step(visit, Step::Start, begin).await?;
        self.step(visit, Step::Status, Instant::now()).await?;
        self.step(visit, Step::Results, Instant::now()).await?;
        visit.times.session = begin.elapsed();
        if !answers {
            return Ok(Ending::Silent);
        }
        self.choose(visit);
        if let Some(thinking) = thinking {
            visit.deadline += thinking;
            if !self.stop.sleep_until(Instant::now() + thinking).await {
                return Err(Cut::Stopped);
            }
        }
        let asked = Instant::now();
        self.step(visit, Step::Select, asked).await?;
        visit.times.session += asked.elapsed();
        Ok(match visit.location_id {
            -1 => Ending::None,
            _ => Ending::Picked,
        })
    }

    fn choose(&mut self, visit: &mut Visit) {
        let choice = labeller::choose(&visit.user, &self.shown.locations, &mut visit.rng);
        let id = choice.and_then(|index| self.shown.ids.get(index));
        visit.location_id = id.copied().unwrap_or(-1);
    }

    /// Makes one step, again and again while that may help.
    async fn step(&mut self, visit: &mut Visit, step: Step, intended: Instant) -> Result<(), Cut> {
        visit.tries = 0;
        loop {
            match self.attempt(visit, step).await {
                Ok(()) => {
                    visit.times.steps[step as usize] = Some(intended.elapsed());
                    return Ok(());
                }
                Err(error) => self.recover(visit, step, &error).await?,
            }
        }
    }

    async fn attempt(&mut self, visit: &mut Visit, step: Step) -> Result<(), Error> {
        let observer = &self.run.observer;
        let session = visit.session;
        match step {
            Step::Start => {
                visit.task_id = self.client.start(&visit.user.user).await?;
                visit.accepted = true;
                observer.on(Event::Started {
                    session,
                    task_id: &visit.task_id,
                    user: &visit.user,
                    answer: self.client.body(),
                });
            }
            Step::Status => {
                let state = self.await_final(visit).await?;
                visit.accepted = false;
                observer.on(Event::Finished {
                    session,
                    task_id: &visit.task_id,
                    state,
                });
                if state == State::Failure {
                    return Err(Error::TaskFailed);
                }
            }
            Step::Results => {
                let (limit, shown) = (self.run.plan.limit, &mut self.shown);
                let read = self.client.results_into(&visit.task_id, limit, shown);
                read.await?;
                observer.on(Event::Shown {
                    session,
                    task_id: &visit.task_id,
                    user: &visit.user,
                    shown: &self.shown,
                });
            }
            Step::Select => self.select(visit).await?,
        }
        Ok(())
    }

    /// Asks until the state is final: once, where the server holds its answer.
    async fn await_final(&mut self, visit: &Visit) -> Result<State, Error> {
        let mut pause = POLL.0;
        loop {
            let state = self.client.status(&visit.task_id, LONG_POLL).await?;
            if state.is_final() {
                return Ok(state);
            }
            let next = Instant::now() + pause;
            if next > visit.deadline || !self.stop.sleep_until(next).await {
                return Err(Error::NotFinished(self.run.plan.patience));
            }
            pause = (pause * 3 / 2).min(POLL.1);
        }
    }

    async fn select(&mut self, visit: &Visit) -> Result<(), Error> {
        let observer = &self.run.observer;
        let (session, task_id) = (visit.session, visit.task_id.as_str());
        let location_id = visit.location_id;
        observer.on(Event::Selecting {
            session,
            task_id,
            location_id,
        });
        let pick = (location_id != -1).then_some(location_id);
        self.client.select(task_id, pick).await?;
        observer.on(Event::Selected {
            session,
            task_id,
            location_id,
            answer: self.client.body(),
        });
        Ok(())
    }

    /// Notes an error and waits a little, unless that is the end of the session.
    async fn recover(&mut self, visit: &mut Visit, step: Step, error: &Error) -> Result<(), Cut> {
        if self.stop.requested() {
            return Err(Cut::Stopped);
        }
        let session = visit.session;
        super::lock(&self.run.tally).trouble(step, error);
        self.run.observer.on(Event::Trouble {
            session,
            step,
            error,
        });
        visit.tries += 1;
        let pause = match error {
            Error::Busy { retry_after } => *retry_after,
            _ => backoff(visit.tries),
        };
        let next = Instant::now() + pause;
        if !error.is_transient() || next > visit.deadline {
            return Err(Cut::Failed);
        }
        match self.stop.sleep_until(next).await {
            true => Ok(()),
            false => Err(Cut::Stopped),
        }
    }

    fn close(&self, visit: &Visit, ending: Ending) {
        let lost = visit.accepted && ending == Ending::Failed;
        super::lock(&self.run.tally).end(ending, &visit.times, lost);
        self.run.observer.on(Event::Ended {
            session: visit.session,
            ending,
            took: visit.times.session,
        });
    }
}

impl From<Cut> for Ending {
    fn from(cut: Cut) -> Ending {
        match cut {
            Cut::Failed => Ending::Failed,
            Cut::Stopped => Ending::Unfinished,
        }
    }
}

/// 50 ms, 100 ms and so on up to a second.
fn backoff(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    (BACKOFF.0 * 2_u32.pow(doublings)).min(BACKOFF.1)
}
