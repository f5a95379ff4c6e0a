//! What the server says of its traffic and its models, look by look.

use mlp_core::metrics::Evaluation;
use mlp_core::watch::WatchReport;
use serde::Deserialize;

use crate::mlp::error::{Error, Result};
use crate::traffic::Client;

/// What `GET /models` says of a model, as far as the story needs it.
#[derive(Debug, Clone, Deserialize)]
pub struct ModelView {
    pub model_id: i64,
    pub task_id: Option<String>,
    pub status: String,
    pub use_percentage: f64,
    pub test: Option<Evaluation>,
    #[serde(default)]
    pub decision: Option<String>,
}

impl ModelView {
    /// In a sentence.
    pub fn describe(&self) -> String {
        let auc = self.test.as_ref().and_then(|t| t.auc);
        let auc = auc.map_or("undefined".to_owned(), |x| format!("{x:.3}"));
        let decision = self.decision.as_deref().unwrap_or("no verdict yet");
        format!("model {}, test AUC {auc}; {decision}", self.model_id)
    }
}

/// What is new since the last look.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// An alarm was given at this time, in microseconds since 1970.
    Alarm { at_us: i64, sentence: String },
    /// The alarm ended.
    Over { at_us: i64, why: String },
    /// A model is there that was not, or its place changed.
    Model {
        model_id: i64,
        is_new: bool,
        status: String,
        text: String,
    },
}

/// Follows a server by its public API.
#[derive(Default)]
pub struct Watching {
    /// The newest report that was seen.
    seen_us: i64,
    /// Reports that were seen.
    pub looks: u64,
    /// What the newest said of drift.
    pub sentence: Option<String>,
    alarmed: bool,
    places: Vec<(i64, String)>,
}

/// Reports asked for at a time: more than come between two looks.
const LAST: usize = 20;

impl Watching {
    /// One look; what is new, in its order.
    pub async fn look(&mut self, client: &mut Client) -> Result<Vec<News>> {
        let mut news = Vec::new();
        let models: Vec<ModelView> = client.get_json("/models").await.map_err(Error::run)?;
        for model in models.iter().rev() {
            let place = (model.model_id, model.status.clone());
            if !self.places.contains(&place) {
                let before = self.places.len();
                self.places.retain(|(id, _)| *id != model.model_id);
                let is_new = self.places.len() == before;
                self.places.push(place);
                news.push(News::Model {
                    model_id: model.model_id,
                    is_new,
                    status: model.status.clone(),
                    text: model.describe(),
                });
            }
        }
        let path = format!("/drift/history?limit={LAST}");
        let mut reports: Vec<WatchReport> = client.get_json(&path).await.map_err(Error::run)?;
        reports.retain(|report| report.created_us > self.seen_us);
        reports.sort_by_key(|report| report.created_us);
        for report in &reports {
            self.looks += 1;
            self.seen_us = report.created_us;
            let sentence = report.drift.as_ref().map(|d| d.sentence.clone());
            let sentence = sentence.or_else(|| report.no_drift.clone());
            let at_us = report.created_us;
            let alarmed = report.alarm_since_us.is_some();
            if alarmed && !self.alarmed {
                let sentence = sentence.clone().unwrap_or_default();
                news.push(News::Alarm { at_us, sentence });
            }
            if self.alarmed && !alarmed {
                let champion = models.iter().find(|m| m.status == "champion");
                let why = champion
                    .and_then(|m| m.decision.clone())
                    .unwrap_or_default();
                news.push(News::Over { at_us, why });
            }
            self.alarmed = alarmed;
            self.sentence = sentence;
        }
        Ok(news)
    }
}
