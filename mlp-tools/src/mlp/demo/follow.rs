//! The story itself: users come, drift sets in, and what the system does about it is told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mlp_data::{Date, Mix, UserSampler};
use rand::RngExt;
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::Demo;
use super::memory::Memory;
use super::story::{Model, Story, now_us};
use super::watching::{ModelView, News, Watching};
use crate::mlp::error::{Error, Result};
use crate::traffic::{Client, Plan, Report, Shared, State, Target, run};

#[derive(Deserialize)]
struct TaskView {
    status: State,
}

/// Tells the story, to its end or until a signal comes.
pub async fn tell(
    demo: &Demo,
    memory: Memory,
    address: SocketAddr,
    story: &mut Story,
) -> Result<()> {
    let target: Target = format!("http://{address}").parse().map_err(Error::run)?;
    let mut teller = Teller {
        demo,
        client: Client::new(target.clone()),
        target,
        memory: Arc::new(memory),
        watching: Watching::default(),
        begun: 0,
        signal: listen()?,
    };
    if let Some(token) = demo.serving.token()? {
        teller.client = teller.client.with_token(&token).map_err(Error::run)?;
    }
    teller.tell(story).await?;
    teller.end(story).await?;
    if !story.interrupted && teller.signal.try_recv().is_ok() {
        story.interrupt();
    }
    Ok(())
}

/// Listens for signals from now on: the first is handed on, a second one ends the process at once.
fn listen() -> Result<oneshot::Receiver<()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::run)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::run)?;
    let mut next = async move || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let (first, heard) = oneshot::channel();
    tokio::spawn(async move {
        next().await;
        // Whoever does not listen any more has ended.
        let _ = first.send(());
        next().await;
        std::process::exit(130);
    });
    Ok(heard)
}

struct Teller<'a> {
    demo: &'a Demo,
    target: Target,
    client: Client,
    memory: Arc<Memory>,
    watching: Watching,
    begun: u64,
    /// The signal to end; not to be asked again once it came.
    signal: oneshot::Receiver<()>,
}

/// How long the story waits for the first model.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often the server is asked what is new.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Sessions after the drift is over, to see how users fare then, as a share of the calm ones.
const AFTERWARDS: f64 = 0.5;

/// A part of the traffic.
struct Part<'a> {
    name: &'a str,
    sessions: u64,
    /// The share of noisy users.
    noise: f64,
    /// Whether it ends when an alarm that was given is over.
    until_over: bool,
}

impl Teller<'_> {
    async fn tell(&mut self, story: &mut Story) -> Result<()> {
        self.first_model(story).await?;
        if story.interrupted {
            return Ok(());
        }
        let (demo, noise) = (self.demo, self.demo.noise);
        let calm = demo.calm.min(demo.sessions);
        self.part(
            story,
            Part {
                name: "calm",
                sessions: calm,
                noise: 0.0,
                until_over: false,
            },
        )
        .await?;
        if story.interrupted {
            return Ok(());
        }
        let looks = self.watching.looks;
        let sentence = self.watching.sentence.clone().unwrap_or_default();
        story.tell(
            "watch",
            format!("{looks} looks at the traffic; the last: {sentence}"),
        );
        let most = demo.sessions - calm;
        if most == 0 {
            return Ok(());
        }
        story.drift.onset_us = Some(now_us());
        let text = format!(
            "noisy users set in: {:.0} % of all from now on",
            100.0 * noise
        );
        story.tell("drift", text);
        let after = ((calm as f64 * AFTERWARDS) as u64).min(most / 2);
        let came = self
            .part(
                story,
                Part {
                    name: "noisy",
                    sessions: most - after,
                    noise,
                    until_over: true,
                },
            )
            .await?;
        if story.drift.recovered_us.is_some() && !story.interrupted {
            let sessions = after.min(most - came);
            self.part(
                story,
                Part {
                    name: "noisy, afterwards",
                    sessions,
                    noise,
                    until_over: false,
                },
            )
            .await?;
        }
        Ok(())
    }

    async fn models(&mut self) -> Result<Vec<ModelView>> {
        self.client.get_json("/models").await.map_err(Error::run)
    }

    async fn first_model(&mut self, story: &mut Story) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(first) = self.models().await?.first() {
                let text = format!("the first model is trained: {}", first.describe());
                story.tell("model", text);
                // It is no news.
                self.watching.look(&mut self.client).await?;
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(Error::run("the first model was not trained in time"));
            }
            tokio::select! {
                _ = &mut self.signal => {
                    story.interrupt();
                    return Ok(());
                }
                () = sleep(Duration::from_millis(20)) => {}
            }
        }
    }

    /// Lets users come while what is new is told; gives the number of sessions. Where a signal comes,
    /// who is there may finish, and nobody comes any more.
    async fn part(&mut self, story: &mut Story, part: Part<'_>) -> Result<u64> {
        let (stop, stopped) = oneshot::channel::<()>();
        let plan = self.plan(&part)?;
        let observer = Shared(Arc::clone(&self.memory));
        let traffic = run(plan, observer, async {
            // A sender that is gone asks for a stop too.
            let _ = stopped.await;
        });
        tokio::pin!(traffic);
        let mut stop = Some(stop);
        let report: Report = loop {
            tokio::select! {
                report = &mut traffic => break report,
                _ = &mut self.signal, if !story.interrupted => {
                    story.interrupt();
                    stop.take();
                }
                () = sleep(LOOK_EVERY) => {
                    self.look(story).await?;
                    if part.until_over && story.drift.recovered_us.is_some() {
                        stop.take();
                    }
                }
            }
        };
        self.begun += report.sessions + report.unfinished;
        self.look(story).await?;
        let answers = self.memory.take_answers();
        let picks = answers.iter().filter(|picked| **picked).count();
        story.tell(
            "traffic",
            format!(
                "{} sessions ({}) at {:.0}/s: {} answered, {:.1} % of them with a pick",
                report.sessions,
                part.name,
                report.sessions_per_s,
                answers.len(),
                100.0 * picks as f64 / answers.len().max(1) as f64
            ),
        );
        story.truth.push(self.memory.take_truth(part.name));
        story.add(&report, answers);
        Ok(report.sessions)
    }

    fn plan(&self, part: &Part<'_>) -> Result<Plan> {
        let demo = self.demo;
        let sampler = |users| UserSampler::new(&users, Mix::Even, Date::FIRST_OF_2026);
        let (usual, noisy) = (sampler(demo.configs.users()?), sampler(demo.noisy_users()?));
        let noise = part.noise;
        // Each part goes on with the numbers of the one before: other users, same story.
        let seed = demo.seed.wrapping_mul(1_000_003).wrapping_add(self.begun);
        Plan::builder(self.target.clone(), move |_, rng| {
            match noise > 0.0 && rng.random::<f64>() < noise {
                true => noisy.sample(rng),
                false => usual.sample(rng),
            }
        })
        .parallel(demo.parallel)
        .rate(demo.rate)
        .answer(demo.answer)
        .sessions(part.sessions)
        .seed(seed)
        .check()
        .map_err(Error::usage_from)
    }

    async fn look(&mut self, story: &mut Story) -> Result<()> {
        for news in self.watching.look(&mut self.client).await? {
            self.tell_news(story, news);
        }
        Ok(())
    }

    fn tell_news(&self, story: &mut Story, news: News) {
        let drift = &mut story.drift;
        match news {
            News::Alarm { at_us, sentence } if drift.onset_us.is_some_and(|on| at_us >= on) => {
                let noisy = self.memory.noisy_until(at_us);
                if drift.detected_us.is_none() {
                    drift.detected_us = Some(at_us);
                    drift.noisy = Some(noisy);
                }
                let text = format!("after {noisy} noisy requests: {sentence}");
                story.tell("alarm", text);
            }
            News::Alarm { sentence, .. } => {
                drift.false_alarms += 1;
                story.tell("alarm", format!("a false one: {sentence}"));
            }
            News::Over { at_us, why } => {
                if drift.detected_us.is_some() {
                    drift.recovered_us = Some(at_us);
                }
                story.tell("over", why);
            }
            News::Model {
                model_id,
                is_new,
                status,
                text,
            } => {
                if is_new && drift.detected_us.is_some() {
                    drift.made.push(model_id);
                }
                drift.promoted |= drift.made.contains(&model_id) && status == "champion";
                let kind = match status.as_str() {
                    "champion" => "promoted",
                    "challenger" => "waiting",
                    other => other,
                };
                story.tell(kind, text);
            }
        }
    }

    async fn end(&mut self, story: &mut Story) -> Result<()> {
        for task_id in self.memory.take_started() {
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
