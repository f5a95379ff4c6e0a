//! `mlp evaluate --split`: how good a way to fit is, on sessions that were kept from it.

use clap::ValueEnum;
use mlp_core::split::{Split, by_group, by_time};
use mlp_core::{FitOptions, Lineage, Session, fit};
use mlp_store::{Clock, SystemClock};
use mlp_worker::{DataOptions, DatedSession, TrainingOptions, training_sessions};

use super::super::context::Context;
use super::super::error::Result;
use super::{Evaluate, Findings, Judged, look_closer, plain};

/// What is kept apart.
#[derive(ValueEnum, Debug, Clone, Copy)]
pub enum SplitName {
    /// Sessions: how good on more of the same
    Session,
    /// Users, known by their numbers: how good on people it has not seen
    User,
    /// The latest sessions: how good tomorrow
    Time,
}

impl SplitName {
    fn of(self, sessions: &[DatedSession], test_share: f64, seed: u64) -> Result<Split> {
        let user = |s: &DatedSession| -> Vec<u8> {
            let numbers = s.session.user.iter();
            numbers.flat_map(|x| x.to_bits().to_le_bytes()).collect()
        };
        let ids: Vec<Vec<u8>> = match self {
            Self::Time => {
                let times: Vec<i64> = sessions.iter().map(|s| s.answered_us).collect();
                return Ok(by_time(&times, test_share)?);
            }
            Self::Session => (sessions.iter())
                .map(|s| s.inference_id.to_le_bytes().to_vec())
                .collect(),
            Self::User => sessions.iter().map(user).collect(),
        };
        Ok(by_group(&ids, test_share, seed)?)
    }

    fn apart(self) -> &'static str {
        match self {
            Self::Session => "others",
            Self::User => "of other users",
            Self::Time => "later ones",
        }
    }
}

/// Fits on a part of the explored sessions that models learn from, and tests on the rest. Nothing is
/// kept, and the judging sessions are not touched.
pub(super) fn split(evaluate: &Evaluate, by: SplitName, context: &Context) -> Result<Findings> {
    let store = context.open(false)?;
    let schema = &context.schema;
    let limit = DataOptions::default().explored;
    let sessions = training_sessions(&*store, schema, SystemClock.now_us(), limit)?;
    let split = by.of(&sessions, evaluate.test_share, evaluate.seed)?;
    let part = |at: &[usize]| -> Vec<Session> {
        at.iter().map(|at| sessions[*at].session.clone()).collect()
    };
    let (train, test) = (part(&split.train), part(&split.test));
    let options = evaluate.fit_options(TrainingOptions::default().fit);
    let artifact = fit(schema, &train, &options, Lineage::default())?;
    let judged = Judged::new(schema, artifact, &test)?;
    let bootstrap = evaluate.bootstrap();
    let mut findings = Findings {
        headline: format!(
            "fitted on {} explored sessions, tested on {} {}",
            train.len(),
            test.len(),
            by.apart()
        ),
        ..Findings::default()
    };
    if evaluate.replay {
        let replay = judged.replay(&bootstrap)?;
        findings.replays.push(("model".to_owned(), replay));
        return Ok(findings);
    }
    let found = judged.evaluate(&bootstrap)?;
    look_closer(&mut findings, evaluate, context, &judged, &found)?;
    findings.columns = vec![
        ("test".to_owned(), found),
        ("train".to_owned(), plain(judged.artifact.train)),
    ];
    Ok(findings)
}

impl Evaluate {
    /// `options` as the flags change them; there are sessions of their own to test on.
    pub(super) fn fit_options(&self, mut options: FitOptions) -> FitOptions {
        self.fitting.request().apply(&mut options);
        FitOptions {
            family: self.family.into(),
            test_share: 0.0,
            ..options
        }
    }
}
