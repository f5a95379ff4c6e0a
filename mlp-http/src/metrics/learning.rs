//! What the newest look at the live traffic found, what serves, and what was decided.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mlp_core::drift::FeatureDrift;
use mlp_core::watch::{Explored, PickRate, WatchReport};
use mlp_core::{Family, Schema};
use mlp_store::{DecisionKind, ModelStatus, Serving, ServingModel};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::table::{self, Row};
use super::unit;

/// The name that a report has for the model's score, beside the columns of the user.
const SCORE: &str = "score";

/// What is known of all this at a time.
#[derive(Debug, Default)]
struct Known {
    report: Option<WatchReport>,
    decisions: Vec<(DecisionKind, u64)>,
    models: Vec<Served>,
    exploration: f64,
    is_raised: bool,
}

/// A model that serves.
#[derive(Debug)]
struct Served {
    model_id: i64,
    family: Family,
    status: ModelStatus,
    share: f64,
    created_us: i64,
}

impl From<&ServingModel> for Served {
    fn from(model: &ServingModel) -> Self {
        Self {
            model_id: model.model_id,
            family: model.family(),
            status: model.status,
            share: model.share,
            created_us: model.created_us,
        }
    }
}

/// Keeps what is known, and tells it at every scrape.
#[derive(Debug, Clone)]
pub(super) struct Learning {
    /// The only values that the label `feature` has, whatever a report names.
    features: Arc<BTreeSet<String>>,
    known: Arc<Mutex<Known>>,
}

impl Learning {
    pub fn new(schema: &Schema) -> Self {
        let columns = schema.user.columns.iter().map(|c| c.name.clone());
        Self {
            features: Arc::new(columns.chain([SCORE.to_owned()]).collect()),
            known: Arc::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Each value in it is replaced whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the newest look's report; `None` where there was no look yet.
    pub fn looked(&self, report: Option<WatchReport>) {
        self.known().report = report;
    }

    /// Keeps how many decisions of each kind there are.
    pub fn decided(&self, decisions: Vec<(DecisionKind, u64)>) {
        self.known().decisions = decisions;
    }

    /// Keeps what is served.
    pub fn serves(&self, serving: &Serving) {
        let mut known = self.known();
        known.models = serving
            .models()
            .iter()
            .map(|m| Served::from(&**m))
            .collect();
        known.exploration = serving.exploration();
        known.is_raised = serving.is_exploration_raised();
    }
}

impl Collector for Learning {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let known = self.known();
        let mut gauges = Gauges(&mut encoder);
        if let Some(report) = &known.report {
            of_look(&mut gauges, report)?;
            of_features(&mut gauges, report, &self.features)?;
            of_quality(&mut gauges, report)?;
        }
        of_models(&mut gauges, &known.models)?;
        gauges.one(&table::EXPLORATION, Some(known.exploration))?;
        gauges.one(&table::RAISED, Some(f64::from(known.is_raised)))?;
        infos(&mut encoder, &known.models)?;
        decisions(&mut encoder, &known.decisions)
    }
}

/// Labels of one series.
type Labels = Vec<(&'static str, String)>;

/// Describes and tells gauges; what has no number is not told, and not described.
struct Gauges<'a, 'b>(&'a mut DescriptorEncoder<'b>);

impl Gauges<'_, '_> {
    fn one(&mut self, row: &'static Row, value: Option<f64>) -> fmt::Result {
        match value {
            Some(value) => ConstGauge::new(value).encode(describe(self.0, row)?),
            None => Ok(()),
        }
    }

    fn all(&mut self, row: &'static Row, series: Vec<(Labels, f64)>) -> fmt::Result {
        if series.is_empty() {
            return Ok(());
        }
        let mut family = describe(self.0, row)?;
        for (labels, value) in &series {
            ConstGauge::new(*value).encode(family.encode_family(labels)?)?;
        }
        Ok(())
    }
}

fn describe<'a>(
    encoder: &'a mut DescriptorEncoder<'_>,
    row: &'static Row,
) -> Result<MetricEncoder<'a>, fmt::Error> {
    encoder.encode_descriptor(row.name, row.help, unit(row), row.kind)
}

fn seconds(us: i64) -> f64 {
    us as f64 / 1e6
}

fn of_look(gauges: &mut Gauges<'_, '_>, report: &WatchReport) -> fmt::Result {
    let reference = report.drift.as_ref().map(|d| d.reference_requests as f64);
    gauges.one(&table::WATCH_TIME, Some(seconds(report.created_us)))?;
    gauges.one(&table::WATCH_WINDOW, Some(report.window.requests as f64))?;
    gauges.one(&table::WATCH_REFERENCE, reference)?;
    let is_on = f64::from(report.alarm_since_us.is_some());
    gauges.one(&table::DRIFT_ALARM, Some(is_on))
}

type OfFeature = fn(&FeatureDrift) -> Option<f64>;

const OF_FEATURE: [(&Row, OfFeature); 4] = [
    (&table::DRIFT_DETECTED, |f| Some(f64::from(f.drifted))),
    (&table::DRIFT_P, |f| f.p),
    (&table::DRIFT_PSI, |f| f.statistics.psi),
    (&table::DRIFT_KS, |f| f.statistics.ks),
];

fn of_features(
    gauges: &mut Gauges<'_, '_>,
    report: &WatchReport,
    known: &BTreeSet<String>,
) -> fmt::Result {
    let features = report.drift.iter().flat_map(|drift| &drift.features);
    let features: Vec<&FeatureDrift> = features.filter(|f| known.contains(&f.name)).collect();
    for (row, value) in OF_FEATURE {
        let told = features.iter().filter_map(|feature| {
            let labels = vec![("feature", feature.name.clone())];
            Some((labels, value(feature)?))
        });
        gauges.all(row, told.collect())?;
    }
    Ok(())
}

type OfPicks = fn(&PickRate) -> Option<f64>;

const OF_PICKS: [(&Row, OfPicks); 5] = [
    (&table::PICK_ANSWERED, |m| Some(m.answered as f64)),
    (&table::PICK_RATE, |m| m.rate),
    (&table::PICK_LOW, |m| m.low),
    (&table::PICK_HIGH, |m| m.high),
    (&table::PICK_EXPECTED, |m| m.expected),
];

type OfExplored = fn(&Explored) -> Option<f64>;

const OF_EXPLORED: [(&Row, OfExplored); 7] = [
    (&table::EXPLORED, |e| Some(e.sessions as f64)),
    (&table::LOG_LOSS, |e| e.log_loss),
    (&table::LOG_LOSS_LOW, |e| e.log_loss_low),
    (&table::LOG_LOSS_HIGH, |e| e.log_loss_high),
    (&table::PRECISION, |e| e.precision_at_1),
    (&table::PRECISION_LOW, |e| e.precision_at_1_low),
    (&table::PRECISION_HIGH, |e| e.precision_at_1_high),
];

fn of_quality(gauges: &mut Gauges<'_, '_>, report: &WatchReport) -> fmt::Result {
    let quality = &report.quality;
    for (row, value) in OF_PICKS {
        let told = quality.models.iter().filter_map(|model| {
            let labels = vec![("model_id", model.model_id.to_string())];
            Some((labels, value(model)?))
        });
        gauges.all(row, told.collect())?;
    }
    for (row, value) in OF_EXPLORED {
        gauges.one(row, quality.explored.as_ref().and_then(value))?;
    }
    gauges.one(&table::COVERAGE, quality.coverage)?;
    gauges.one(&table::DELAY_P50, quality.delay.map(|d| d.p50_s))?;
    gauges.one(&table::DELAY_P90, quality.delay.map(|d| d.p90_s))
}

fn of_models(gauges: &mut Gauges<'_, '_>, models: &[Served]) -> fmt::Result {
    let told = |value: fn(&Served) -> f64| {
        let series = |m: &Served| (vec![("model_id", m.model_id.to_string())], value(m));
        models.iter().map(series).collect()
    };
    gauges.all(&table::MODEL_SHARE, told(|m| m.share))?;
    gauges.all(&table::MODEL_CREATED, told(|m| seconds(m.created_us)))
}

fn infos(encoder: &mut DescriptorEncoder<'_>, models: &[Served]) -> fmt::Result {
    if models.is_empty() {
        return Ok(());
    }
    let mut info = describe(encoder, &table::MODEL)?;
    for model in models {
        let family = match model.family {
            Family::Logistic => "logistic",
            Family::Choice => "choice",
        };
        info.encode_info(&vec![
            ("model_id", model.model_id.to_string()),
            ("family", family.to_owned()),
            ("status", model.status.name().to_owned()),
        ])?;
    }
    Ok(())
}

fn decisions(encoder: &mut DescriptorEncoder<'_>, counts: &[(DecisionKind, u64)]) -> fmt::Result {
    if counts.is_empty() {
        return Ok(());
    }
    let mut family = describe(encoder, &table::DECISIONS)?;
    for (kind, count) in counts {
        let labels = [("kind", kind.name())];
        ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
