//! The story itself: users come, models are trained, and each step is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mlp_core::metrics::Evaluation;
use mlp_data::{Date, Mix, UserSampler};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::Demo;
use super::story::{Model, Story};
use crate::mlp::error::{Error, Result};
use crate::mlp::server::Server;
use crate::traffic::{
    Client, Ending, Event, Observer, Plan, Report, Shared, State, Target, lock, run,
};

/// What `GET /models` says of a model, as far as the story needs it.
#[derive(Debug, Clone, Deserialize)]
struct ModelView {
    model_id: i64,
    task_id: Option<String>,
    status: String,
    use_percentage: f64,
    test: Option<Evaluation>,
    #[serde(default)]
    decision: Option<String>,
}

#[derive(Deserialize)]
struct TaskView {
    task_id: String,
    status: State,
}

/// Remembers what the users were promised.
#[derive(Default)]
struct Memory {
    started: Mutex<Vec<String>>,
    answers: Mutex<Vec<bool>>,
}

impl Observer for Memory {
    fn on(&self, event: Event<'_>) {
        match event {
            Event::Started { task_id, .. } => lock(&self.started).push(task_id.to_owned()),
            Event::Ended { ending, .. } => match ending {
                Ending::Picked => lock(&self.answers).push(true),
                Ending::None => lock(&self.answers).push(false),
                _ => {}
            },
            _ => {}
        }
    }
}

/// Tells the story; `false` where a signal ended it early.
pub async fn tell(
    demo: &Demo,
    server: &Server,
    address: SocketAddr,
    story: &mut Story,
) -> Result<bool> {
    let mut teller = Teller {
        demo,
        target: format!("http://{address}").parse().map_err(Error::run)?,
        client: Client::new(format!("http://{address}").parse().map_err(Error::run)?),
        memory: Arc::new(Memory::default()),
        begun: 0,
    };
    if let Some(token) = demo.serving.token()? {
        teller.client = teller.client.with_token(&token).map_err(Error::run)?;
    }
    tokio::select! {
        told = teller.tell(story) => told.map(|()| true),
        signal = interrupted() => signal.map(|()| false),
    }
    .inspect(|_| tracing::debug!(address = ?server.address(), "told"))
}

async fn interrupted() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::run)?;
    tokio::select! {
        signal = tokio::signal::ctrl_c() => signal.map_err(Error::run),
        _ = terminate.recv() => Ok(()),
    }
}

struct Teller<'a> {
    demo: &'a Demo,
    target: Target,
    client: Client,
    memory: Arc<Memory>,
    begun: u64,
}

/// How long the story waits for a training.
const PATIENCE: Duration = Duration::from_secs(60);

/// Parts that the traffic is told in.
const PARTS: u64 = 6;

impl Teller<'_> {
    async fn tell(&mut self, story: &mut Story) -> Result<()> {
        self.first_model(story).await?;
        let part = self.demo.sessions.div_ceil(PARTS);
        let mut left = self.demo.sessions;
        for number in 0..PARTS {
            let sessions = part.min(left);
            if sessions == 0 {
                break;
            }
            left -= sessions;
            self.traffic(sessions, story).await?;
            // After half of the traffic, and once more near the end.
            if number == PARTS / 2 - 1 || number == PARTS - 2 {
                self.retrain(story).await?;
            }
        }
        self.end(story).await
    }

    async fn models(&mut self) -> Result<Vec<ModelView>> {
        self.client.get_json("/models").await.map_err(Error::run)
    }

    async fn first_model(&mut self, story: &mut Story) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let models = self.models().await?;
            if let Some(first) = models.first() {
                let text = format!("the first model is trained: {}", describe(first));
                story.tell("model", text);
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(Error::run("the first model was not trained in time"));
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn traffic(&mut self, sessions: u64, story: &mut Story) -> Result<()> {
        let users = self.demo.configs.users()?;
        let sampler = UserSampler::new(&users, Mix::Even, Date::FIRST_OF_2026);
        // Each part goes on with the numbers of the one before: other users, same story.
        let first = self.begun;
        self.begun += sessions;
        let plan = Plan::builder(self.target.clone(), move |_, rng| sampler.sample(rng))
            .parallel(self.demo.parallel)
            .answer(self.demo.answer)
            .sessions(sessions)
            .seed(self.demo.seed.wrapping_mul(1_000_003).wrapping_add(first))
            .check()
            .map_err(Error::usage_from)?;
        let observer = Shared(Arc::clone(&self.memory));
        let report: Report = run(plan, observer, std::future::pending()).await;
        let answers = std::mem::take(&mut *lock(&self.memory.answers));
        let picks = answers.iter().filter(|picked| **picked).count();
        story.tell(
            "traffic",
            format!(
                "{} sessions at {:.0}/s: {} answered, {:.1} % of them with a pick",
                report.sessions,
                report.sessions_per_s,
                answers.len(),
                100.0 * picks as f64 / answers.len().max(1) as f64
            ),
        );
        story.add(&report, answers);
        Ok(())
    }

    async fn retrain(&mut self, story: &mut Story) -> Result<()> {
        // The last answers settle first.
        sleep(Duration::from_secs_f64(super::SETTLE_S)).await;
        let task: TaskView = self
            .client
            .post_json("/train/start", &serde_json::json!({}))
            .await
            .map_err(Error::run)?;
        story.tell("training", "a model is trained on what the users chose");
        let end = Instant::now() + PATIENCE;
        loop {
            let path = format!("/train/status/{}", task.task_id);
            let view: TaskView = match self.client.get_json(&path).await {
                Ok(view) => view,
                Err(error) => {
                    story.tell("failed", format!("no model came of it: {error}"));
                    return Ok(());
                }
            };
            if view.status.is_final() {
                break;
            }
            if Instant::now() >= end {
                return Err(Error::run("a model was not trained in time"));
            }
            sleep(Duration::from_millis(20)).await;
        }
        let models = self.models().await?;
        let made = models
            .iter()
            .find(|m| m.task_id.as_deref() == Some(&task.task_id));
        match made {
            Some(model) => {
                let kind = match model.status.as_str() {
                    "champion" => "promoted",
                    "challenger" => "waiting",
                    other => other,
                };
                story.tell(kind, describe(model));
            }
            None => story.tell("failed", "no model came of the training"),
        }
        Ok(())
    }

    async fn end(&mut self, story: &mut Story) -> Result<()> {
        let started = std::mem::take(&mut *lock(&self.memory.started));
        for task_id in &started {
            let path = format!("/inference/status/{task_id}?wait=5");
            let last: std::result::Result<TaskView, _> = self.client.get_json(&path).await;
            // A failed inference answers 500, which is final too.
            let last_is_final = match last {
                Ok(view) => view.status.is_final(),
                Err(error) => error.status().is_some_and(|s| s.as_u16() == 500),
            };
            story.lost += u64::from(!last_is_final);
        }
        let mut models = self.models().await?;
        models.sort_by_key(|model| model.model_id);
        story.models = (models.into_iter())
            .map(|model| Model {
                task_id: model.task_id,
                status: model.status,
                use_percentage: model.use_percentage,
                test_auc: model.test.and_then(|t| t.auc),
            })
            .collect();
        Ok(())
    }
}

fn describe(model: &ModelView) -> String {
    let auc = model.test.as_ref().and_then(|t| t.auc);
    let auc = auc.map_or("undefined".to_owned(), |x| format!("{x:.3}"));
    let decision = model.decision.as_deref().unwrap_or("no verdict yet");
    format!("model {}, test AUC {auc}; {decision}", model.model_id)
}
