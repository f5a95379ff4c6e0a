//! What a run does.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mlp_data::SimulatedUser;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::pause::Pause;
use super::target::Target;

/// Makes the user of a session from its number and its own random stream. It may answer
/// differently as a run goes on, which is how drift is staged.
pub type Users = Arc<dyn Fn(u64, &mut ChaCha8Rng) -> SimulatedUser + Send + Sync>;

/// How the arrivals of an open loop are spaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Arrivals {
    /// A Poisson process: independent users, exponential gaps.
    #[default]
    Poisson,
    /// Equal gaps.
    Even,
}

/// Why a plan cannot be run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Too few or too many parallel users.
    #[error("number of parallel users `{0}` must be from 1 to {MOST_PARALLEL}")]
    Parallel(u32),
    /// Not a probability.
    #[error("probability of an answer `{0}` must be from 0 to 1")]
    Answer(f64),
    /// A pause outside its range.
    #[error("`{name}` is `{value}` seconds, must be from 0 to 86400")]
    Pause {
        /// `tmin` or `tmax`.
        name: &'static str,
        /// In seconds.
        value: f64,
    },
    /// The shortest pause is longer than the longest.
    #[error("`tmin` is `{min_s}`, must not be above `tmax`, which is `{max_s}`")]
    PauseOrder {
        /// In seconds.
        min_s: f64,
        /// In seconds.
        max_s: f64,
    },
    /// A shape of the Beta distribution outside its range.
    #[error("shape `{name}` is `{value}`, must be above 0 and at most 1000000")]
    Shape {
        /// `a` or `b`.
        name: &'static str,
        /// As given.
        value: f64,
    },
    /// A rate outside its range.
    #[error("rate `{0}` must be above 0 and at most {HIGHEST_RATE} sessions per second")]
    Rate(f64),
    /// A duration outside its range.
    #[error("duration `{0}` seconds must be above 0 and at most {LONGEST_S}")]
    Duration(f64),
    /// Too few or too many items to show.
    #[error("number of items to show `{0}` must be from 1 to 10000")]
    Limit(u32),
}

const MOST_PARALLEL: u32 = 100_000;
const HIGHEST_RATE: f64 = 1e6;
/// Ten years.
const LONGEST_S: f64 = 315_360_000.0;

/// A plan in the making; every setter's doc states the default. [`PlanBuilder::check`] ends it.
#[derive(Clone)]
pub struct PlanBuilder {
    target: Target,
    users: Users,
    parallel: Option<u32>,
    answer: f64,
    pause: Option<Pause>,
    sessions: Option<u64>,
    rate: Option<f64>,
    arrivals: Arrivals,
    duration_s: Option<f64>,
    seed: u64,
    limit: u32,
    patience: Duration,
    timeout: Duration,
}

impl PlanBuilder {
    /// Users in a closed loop (1 unless set), or the most sessions under way in an open one (256
    /// unless set).
    #[must_use]
    pub fn parallel(mut self, users: u32) -> Self {
        self.parallel = Some(users);
        self
    }

    /// The probability that a user answers; 1 unless set. One who does not sends no selection.
    #[must_use]
    pub fn answer(mut self, probability: f64) -> Self {
        self.answer = probability;
        self
    }

    /// How long users wait before each session and before selecting; not at all unless set. In an
    /// open loop only the second, since the schedule says when sessions begin.
    #[must_use]
    pub fn pause(mut self, pause: Pause) -> Self {
        self.pause = Some(pause);
        self
    }

    /// The number of sessions; without end unless set.
    #[must_use]
    pub fn sessions(mut self, sessions: u64) -> Self {
        self.sessions = Some(sessions);
        self
    }

    /// Makes the loop open: sessions arrive at this rate per second whether or not the server
    /// keeps up. Closed unless set.
    #[must_use]
    pub fn rate(mut self, per_second: f64) -> Self {
        self.rate = Some(per_second);
        self
    }

    /// How the arrivals of an open loop are spaced; [`Arrivals::Poisson`] unless set.
    #[must_use]
    pub fn arrivals(mut self, arrivals: Arrivals) -> Self {
        self.arrivals = arrivals;
        self
    }

    /// Stops after so many seconds; without end unless set.
    #[must_use]
    pub fn duration_s(mut self, seconds: f64) -> Self {
        self.duration_s = Some(seconds);
        self
    }

    /// The seed of all that is random; 42 unless set.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The number of items that a user is shown; 10 unless set.
    #[must_use]
    pub fn limit(mut self, items: u32) -> Self {
        self.limit = items;
        self
    }

    /// How long a session is tried while the server is away, busy or not ready, the user's own
    /// pause not counted; 60 seconds unless set.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The longest time that one request may take; 10 seconds unless set.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Checks every parameter.
    pub fn check(self) -> Result<Plan, PlanError> {
        let parallel = self
            .parallel
            .unwrap_or(if self.rate.is_some() { 256 } else { 1 });
        if !(1..=MOST_PARALLEL).contains(&parallel) {
            return Err(PlanError::Parallel(parallel));
        }
        if !(0.0..=1.0).contains(&self.answer) {
            return Err(PlanError::Answer(self.answer));
        }
        if let Some(rate) = self.rate
            && !(rate > 0.0 && rate <= HIGHEST_RATE)
        {
            return Err(PlanError::Rate(rate));
        }
        if let Some(seconds) = self.duration_s
            && !(seconds > 0.0 && seconds <= LONGEST_S)
        {
            return Err(PlanError::Duration(seconds));
        }
        if !(1..=10_000).contains(&self.limit) {
            return Err(PlanError::Limit(self.limit));
        }
        Ok(Plan {
            target: Arc::new(self.target),
            users: self.users,
            parallel,
            answer: self.answer,
            pause: self.pause,
            sessions: self.sessions,
            rate: self.rate,
            arrivals: self.arrivals,
            duration: self.duration_s.map(Duration::from_secs_f64),
            seed: self.seed,
            limit: self.limit,
            patience: self.patience,
            timeout: self.timeout,
        })
    }
}

/// A checked plan, ready for [`run`](super::run).
#[derive(Clone)]
pub struct Plan {
    pub(crate) target: Arc<Target>,
    pub(crate) users: Users,
    pub(crate) parallel: u32,
    pub(crate) answer: f64,
    pub(crate) pause: Option<Pause>,
    pub(crate) sessions: Option<u64>,
    pub(crate) rate: Option<f64>,
    pub(crate) arrivals: Arrivals,
    pub(crate) duration: Option<Duration>,
    pub(crate) seed: u64,
    pub(crate) limit: u32,
    pub(crate) patience: Duration,
    pub(crate) timeout: Duration,
}

impl Plan {
    /// A plan against this server with these users, everything else at its default.
    pub fn builder(
        target: Target,
        users: impl Fn(u64, &mut ChaCha8Rng) -> SimulatedUser + Send + Sync + 'static,
    ) -> PlanBuilder {
        PlanBuilder {
            target,
            users: Arc::new(users),
            parallel: None,
            answer: 1.0,
            pause: None,
            sessions: None,
            rate: None,
            arrivals: Arrivals::default(),
            duration_s: None,
            seed: 42,
            limit: 10,
            patience: Duration::from_secs(60),
            timeout: Duration::from_secs(10),
        }
    }

    /// The random stream of one session: the same for the same seed and number, whoever runs it.
    pub fn stream(&self, session: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(session);
        rng
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("target", &self.target.to_string())
            .field("parallel", &self.parallel)
            .field("rate", &self.rate)
            .field("sessions", &self.sessions)
            .field("duration", &self.duration)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}
