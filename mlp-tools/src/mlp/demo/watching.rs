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
        let decision = self.decision.as_deref().unwrap_or("no verdict yet");
        format!("{}; {decision}", self.name())
    }

    /// Its number, and how good it is.
    fn name(&self) -> String {
        let auc = self.test.as_ref().and_then(|t| t.auc);
        let auc = auc.map_or("undefined".to_owned(), |x| format!("{x:.3}"));
        format!("model {}, test AUC {auc}", self.model_id)
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
    alarm: Option<Alarm>,
    places: Vec<(i64, String)>,
}

/// An alarm that is on.
struct Alarm {
    /// The champion of then.
    model_id: Option<i64>,
}

/// Reports asked for at a time: more than come between two looks.
const LAST: usize = 20;

const CHAMPION: &str = "champion";

impl Watching {
    /// One look; what is new, in its order.
    pub async fn look(&mut self, client: &mut Client) -> Result<Vec<News>> {
        let models: Vec<ModelView> = client.get_json("/models").await.map_err(Error::run)?;
        let path = format!("/drift/history?limit={LAST}");
        let reports: Vec<WatchReport> = client.get_json(&path).await.map_err(Error::run)?;
        let mut news = self.of_models(&models);
        news.extend(self.of_reports(reports));
        Ok(news)
    }

    /// What is new of the models, which come the newest first.
    fn of_models(&mut self, models: &[ModelView]) -> Vec<News> {
        let champion = models.iter().find(|model| model.status == CHAMPION);
        let mut news = Vec::new();
        for model in models.iter().rev() {
            let place = (model.model_id, model.status.clone());
            if self.places.contains(&place) {
                continue;
            }
            let before = (self.places.iter()).position(|(id, _)| *id == model.model_id);
            let before = before.map(|at| self.places.swap_remove(at).1);
            self.places.push(place);
            // The last decision about a model that was replaced is the one that promoted it.
            let left = before.as_deref() == Some(CHAMPION) || model.status == "retired";
            let text = match champion {
                Some(champion) if left => {
                    format!("{}; replaced by model {}", model.name(), champion.model_id)
                }
                _ => model.describe(),
            };
            news.push(News::Model {
                model_id: model.model_id,
                is_new: before.is_none(),
                status: model.status.clone(),
                text,
            });
        }
        news
    }

    /// What is new of the traffic.
    fn of_reports(&mut self, mut reports: Vec<WatchReport>) -> Vec<News> {
        let mut news = Vec::new();
        reports.retain(|report| report.created_us > self.seen_us);
        reports.sort_by_key(|report| report.created_us);
        for report in &reports {
            self.looks += 1;
            self.seen_us = report.created_us;
            let sentence = report.drift.as_ref().map(|d| d.sentence.clone());
            let sentence = sentence.or_else(|| report.no_drift.clone());
            let at_us = report.created_us;
            match (report.alarm_since_us, self.alarm.take()) {
                (Some(_), None) => {
                    let sentence = sentence.clone().unwrap_or_default();
                    news.push(News::Alarm { at_us, sentence });
                    let model_id = report.model_id;
                    self.alarm = Some(Alarm { model_id });
                }
                (None, Some(alarm)) => {
                    let why = why_over(report, &alarm);
                    news.push(News::Over { at_us, why });
                }
                (_, alarm) => self.alarm = alarm,
            }
            self.sentence = sentence;
        }
        news
    }
}

/// Why an alarm ended, by the report of the look that ended it: the decision itself is in no route.
fn why_over(report: &WatchReport, alarm: &Alarm) -> String {
    // Fewer than were looked at, where the change is newer than these.
    let compared = report.drift.as_ref().map(|drift| drift.window_requests);
    let compared = compared.unwrap_or(report.window.requests);
    let agree = format!("the newest {compared} requests agree");
    let name = |id: Option<i64>| id.map_or("no model".to_owned(), |id| format!("model {id}"));
    let (champion, reference) = (name(report.model_id), name(report.reference_model_id));
    if report.reference_model_id != report.model_id {
        format!(
            "the alarm ended, no better model was found: {reference} was trained on requests since \
             and rejected against {champion}; {agree} with its, which are the normal now"
        )
    } else if report.model_id != alarm.model_id {
        let before = name(alarm.model_id);
        format!(
            "the alarm ended: {champion} replaced {before}, and {agree} with those that it was \
             trained on"
        )
    } else {
        format!("the alarm ended: {agree} again with those that {champion} was trained on")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(model_id: i64, status: &str) -> ModelView {
        ModelView {
            model_id,
            task_id: None,
            status: status.to_owned(),
            use_percentage: 0.0,
            test: None,
            decision: Some(format!("promoted: as {model_id} was")),
        }
    }

    fn texts(news: &[News]) -> Vec<&str> {
        (news.iter())
            .filter_map(|news| match news {
                News::Model { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn a_model_that_was_replaced_is_not_explained_by_its_promotion() {
        let mut watching = Watching::default();
        let first = watching.of_models(&[model(1, "champion")]);
        assert_eq!(
            texts(&first),
            ["model 1, test AUC undefined; promoted: as 1 was"]
        );
        for (gone, by) in [("retired", 2), ("rolled_back", 3)] {
            let mut models = [model(by, "champion"), model(by - 1, gone)];
            models[0].decision = Some("promoted: better".to_owned());
            let news = watching.of_models(&models);
            let replaced = format!(
                "model {}, test AUC undefined; replaced by model {by}",
                by - 1
            );
            let promoted = format!("model {by}, test AUC undefined; promoted: better");
            assert_eq!(texts(&news), [&replaced, &promoted]);
            assert!(watching.of_models(&models).is_empty());
        }
    }

    fn report(created_us: i64, champion: i64, reference: i64, alarm: bool) -> WatchReport {
        WatchReport {
            created_us,
            model_id: Some(champion),
            reference_model_id: Some(reference),
            window: mlp_core::watch::Window {
                requests: 700,
                ..Default::default()
            },
            drift: None,
            no_drift: None,
            alarm_since_us: alarm.then_some(1),
            quality: mlp_core::watch::Quality::default(),
        }
    }

    /// What is told of the end of an alarm about model 1.
    fn over(champion: i64, reference: i64) -> String {
        let mut watching = Watching::default();
        let begun = watching.of_reports(vec![report(2, 1, 1, true), report(1, 1, 1, false)]);
        assert!(matches!(begun[..], [News::Alarm { at_us: 2, .. }]));
        let went_on = watching.of_reports(vec![report(3, champion, champion, true)]);
        assert_eq!(went_on, []);
        let news = watching.of_reports(vec![report(4, champion, reference, false)]);
        match &news[..] {
            [News::Over { at_us: 4, why }] => why.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_end_of_an_alarm_is_told_by_what_ended_it() {
        assert_eq!(
            over(1, 2),
            "the alarm ended, no better model was found: model 2 was trained on requests since and \
             rejected against model 1; the newest 700 requests agree with its, which are the normal \
             now"
        );
        assert_eq!(
            over(2, 2),
            "the alarm ended: model 2 replaced model 1, and the newest 700 requests agree with those \
             that it was trained on"
        );
        assert_eq!(
            over(1, 1),
            "the alarm ended: the newest 700 requests agree again with those that model 1 was trained \
             on"
        );
    }
}
