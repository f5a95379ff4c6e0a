//! One loop: serve, answer, store, train, decide; round after round.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mlp_core::explore::Half;
use mlp_core::{Artifact, Row, Schema};
use mlp_data::{Date, Location, LocationConfig, Mix, Streams, UserConfig, UserSampler, labeller};
use mlp_store::sqlite::SqliteStore;
use mlp_store::{
    Clock, DecisionKind, EXPLORATION_SETTING, ImportedSession, Live, LiveOptions, ModelStatus,
    NONE_OF_THESE, NewDecision, NewSession, RankScratch, Registry, SessionOp, SessionQuery,
    SessionReply, Store, StoreOptions, SystemClock, TaskId,
};
use mlp_worker::{DataOptions, Judge, JudgingOptions, TrainingOptions, Worker, WorkerOptions};
use rand::RngExt;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;

use super::super::domain::Travel;
use super::super::error::{Error, Result};
use super::super::{items, train};
use super::Story;
use super::exam::{Exam, Quality};
use super::policy::Policy;

/// Results that a user sees.
const SHOWN: usize = 10;

/// How long a training may take.
const PATIENCE: Duration = Duration::from_secs(600);

pub(super) struct Plan {
    pub rounds: usize,
    pub per_round: usize,
    pub users: UserConfig,
    pub locations: LocationConfig,
}

/// Plays one loop to its end, in a database of its own that goes with it.
pub(super) fn play(schema: &Arc<Schema>, plan: &Plan, policy: Policy, seed: u64) -> Result<Story> {
    let streams = Streams::new(seed, "closed loop");
    let catalog = mlp_data::sample_catalog(&plan.locations, &mut streams.stream(0));
    let travel = Travel::new(schema);
    let rows: Vec<Row> = catalog
        .iter()
        .map(|l| travel.item_row(l))
        .collect::<Result<_>>()?;
    let sampler = UserSampler::new(&plan.users, Mix::Even, Date::FIRST_OF_2026);
    let exam = Exam::new(schema, &catalog, &sampler, &mut streams.stream(1))?;
    let directory = tempfile::tempdir().map_err(Error::run)?;
    let mut game = Game::begin(
        schema,
        policy,
        &catalog,
        rows,
        sampler,
        directory.path(),
        streams.stream(2),
    )?;
    game.first_sessions()?;
    game.train()?;
    let worker = worker(&game.store, schema, &game.live, policy.data())?;
    std::mem::replace(&mut game.worker, worker).stop(PATIENCE);
    let mut quality = vec![game.examine(&exam)?];
    for _ in 0..plan.rounds {
        game.serve(plan.per_round)?;
        if policy == Policy::Gated {
            game.judge()?;
        }
        if policy != Policy::Never {
            game.train()?;
        }
        quality.push(game.examine(&exam)?);
    }
    let story = Story {
        policy,
        seed,
        promotions: game.promotions,
        judging: game.judging()?,
        quality,
        truth: exam.of_truth()?,
    };
    game.worker.stop(PATIENCE);
    Ok(story)
}

/// A worker that trains.
fn worker(
    store: &Arc<dyn Store>,
    schema: &Arc<Schema>,
    live: &Arc<Live>,
    data: DataOptions,
) -> Result<Worker> {
    let options = WorkerOptions {
        inference: false,
        watching: false,
        settle: Duration::ZERO,
        // A round is shorter than the time between two looks of a worker: `Game::judge` looks.
        judging: JudgingOptions {
            every: Duration::from_secs(86_400),
            ..JudgingOptions::default()
        },
        train: TrainingOptions {
            data,
            ..TrainingOptions::default()
        },
        ..WorkerOptions::default()
    };
    let (store, schema, live) = (Arc::clone(store), Arc::clone(schema), Arc::clone(live));
    Worker::start(store, schema, live, options).map_err(Error::run)
}

struct Game<'a> {
    schema: &'a Arc<Schema>,
    policy: Policy,
    travel: Travel<'a>,
    sampler: UserSampler,
    /// By the item's number.
    catalog: HashMap<i64, Location>,
    ids: Vec<i64>,
    store: Arc<dyn Store>,
    live: Arc<Live>,
    worker: Worker,
    scratch: RankScratch,
    rng: ChaCha8Rng,
    champion: Option<i64>,
    promotions: usize,
}

impl<'a> Game<'a> {
    fn begin(
        schema: &'a Arc<Schema>,
        policy: Policy,
        catalog: &[Location],
        rows: Vec<Row>,
        sampler: UserSampler,
        directory: &std::path::Path,
        rng: ChaCha8Rng,
    ) -> Result<Self> {
        let path = directory.join("mlp.db");
        let store: Arc<dyn Store> =
            SqliteStore::open(path, Arc::clone(schema), StoreOptions::new())?;
        let ids: Vec<i64> = (1..).take(rows.len()).collect();
        items::import(&*store, ids.iter().copied().zip(rows).collect(), false)?;
        if let Some(share) = policy.exploration() {
            store.set_setting(EXPLORATION_SETTING, &share.to_string())?;
        }
        let options = LiveOptions {
            rebuild: Duration::ZERO,
            ..LiveOptions::default()
        };
        let live = Live::start(Arc::clone(&store), Arc::clone(schema), options)?;
        // The first model learns from random lists whatever the policy.
        let worker = worker(&store, schema, &live, DataOptions::default())?;
        Ok(Self {
            schema,
            policy,
            travel: Travel::new(schema),
            sampler,
            catalog: ids.iter().copied().zip(catalog.iter().cloned()).collect(),
            ids,
            store,
            live,
            worker,
            scratch: RankScratch::default(),
            rng,
            champion: None,
            promotions: 0,
        })
    }

    /// Sessions of the past, whose lists were drawn at random, all of them to learn from.
    fn first_sessions(&mut self) -> Result<()> {
        let mut past = Vec::new();
        for _ in 0..self.policy.first_sessions() {
            let user = self.sampler.sample(&mut self.rng);
            let n = self.ids.len();
            let shown: Vec<i64> = (index::sample(&mut self.rng, n, SHOWN.min(n)).into_iter())
                .map(|i| self.ids[i])
                .collect();
            let locations: Vec<Location> =
                shown.iter().map(|id| self.catalog[id].clone()).collect();
            past.push(ImportedSession {
                task_id: self.task_id(),
                user: self.travel.user_row(&user.user)?,
                shown,
                picked: labeller::choose(&user, &locations, &mut self.rng),
                half: Half::Training,
            });
        }
        Ok(self.store.import_sessions(&past)?)
    }

    /// Sessions draw their lots from their ids: the seed's, so that a loop can be played again.
    fn task_id(&mut self) -> TaskId {
        let mut bytes: [u8; 16] = self.rng.random();
        bytes[6] = bytes[6] & 0x0f | 0x70;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        TaskId::from_bytes(bytes)
    }

    fn serve(&mut self, n: usize) -> Result<()> {
        let serving = self.live.current();
        let (mut users, mut requests) = (HashMap::new(), Vec::new());
        for _ in 0..n {
            let user = self.sampler.sample(&mut self.rng);
            let task_id = self.task_id();
            let row = self.travel.user_row(&user.user)?;
            requests.push(SessionOp::Rank {
                ranking: serving.rank(&task_id, &row, None, &mut self.scratch),
                session: NewSession {
                    task_id,
                    user: row,
                    candidates: None,
                    idempotency: None,
                    priority: Default::default(),
                },
                limit: SHOWN,
            });
            users.insert(task_id, user);
        }
        let mut choices = Vec::new();
        for reply in self.store.apply(&requests)? {
            let SessionReply::Shown(shown) = reply else {
                return Err(Error::run(format!("a session was answered {reply:?}")));
            };
            let Some(user) = users.get(&shown.task_id) else {
                continue;
            };
            let ids: Vec<i64> = shown.results.iter().map(|r| r.item_id).collect();
            let locations: Vec<Location> = ids.iter().map(|id| self.catalog[id].clone()).collect();
            let picked = labeller::choose(user, &locations, &mut self.rng);
            choices.push(SessionOp::Select {
                task_id: shown.task_id,
                item_id: picked.map_or(NONE_OF_THESE, |position| ids[position]),
            });
        }
        self.store.apply(&choices)?;
        Ok(())
    }

    /// By the worker, as always; what the gate says is overruled where the policy does.
    fn train(&mut self) -> Result<()> {
        let store = &*self.store;
        let task = train::enqueue(store, "the round is over", Some(0.0))?;
        train::wait(store, task, PATIENCE)?;
        let trained = store.models(1)?.pop();
        let trained = trained.ok_or_else(|| Error::run("the training left no model"))?;
        if matches!(self.policy, Policy::Always | Policy::Greedy)
            && trained.status != ModelStatus::Champion
        {
            let decision = NewDecision {
                kind: DecisionKind::Promote,
                reason: format!("promoted: the policy is `{}`", self.policy.name()),
                evidence: "{}".to_owned(),
            };
            store.decide(trained.model_id, &decision)?;
        }
        self.live.refresh_now();
        Ok(())
    }

    /// Judges who waits, as a worker does all the time.
    fn judge(&mut self) -> Result<()> {
        let (train, options) = (TrainingOptions::default(), JudgingOptions::default());
        let mut judge = Judge::default();
        let now = SystemClock.now_us();
        // Whoever is promoted is another champion to compare the others with.
        while judge.look(&*self.store, self.schema, now, &train, &options)? > 0 {}
        self.live.refresh_now();
        Ok(())
    }

    fn examine(&mut self, exam: &Exam) -> Result<Quality> {
        let champion = (self.store.serving_models()?.into_iter())
            .find(|model| model.status == ModelStatus::Champion)
            .ok_or_else(|| Error::run("there is no champion"))?;
        if self
            .champion
            .is_some_and(|before| before != champion.model_id)
        {
            self.promotions += 1;
        }
        self.champion = Some(champion.model_id);
        let model = Artifact::from_json(&champion.artifact)?.model(self.schema)?;
        exam.of_model(self.schema, &model)
    }

    fn judging(&self) -> Result<usize> {
        let query = SessionQuery {
            explored: true,
            half: Half::Judging,
            answered_until_us: i64::MAX,
            before: i64::MAX,
            limit: 1_000_000,
        };
        Ok(Registry::answered_sessions(&*self.store, &query)?.len())
    }
}
