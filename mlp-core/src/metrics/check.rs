//! Checks that every statistic makes of its inputs.

use super::MetricError;

pub(super) fn same_len(
    what: &'static str,
    expected: usize,
    found: usize,
) -> Result<(), MetricError> {
    if expected == found {
        Ok(())
    } else {
        Err(MetricError::LengthMismatch {
            what,
            expected,
            found,
        })
    }
}

pub(super) fn at_least_one(what: &'static str, value: usize) -> Result<(), MetricError> {
    if value == 0 {
        Err(MetricError::Zero { what })
    } else {
        Ok(())
    }
}

pub(super) fn numbers(scores: &[f64]) -> Result<(), MetricError> {
    match scores.iter().position(|s| s.is_nan()) {
        Some(index) => Err(MetricError::NotANumber { index }),
        None => Ok(()),
    }
}

pub(super) fn probabilities(labels: usize, probabilities: &[f64]) -> Result<(), MetricError> {
    same_len("probabilities", labels, probabilities.len())?;
    match probabilities.iter().position(|p| !(0.0..=1.0).contains(p)) {
        Some(index) => Err(MetricError::NotAProbability {
            index,
            value: probabilities[index],
        }),
        None => Ok(()),
    }
}

pub(super) fn gains(gains: &[f64]) -> Result<(), MetricError> {
    match gains.iter().position(|g| !(g.is_finite() && *g >= 0.0)) {
        Some(index) => Err(MetricError::BadGain {
            index,
            value: gains[index],
        }),
        None => Ok(()),
    }
}

/// Errs unless the value is over 0 and under 1.
pub(crate) fn share(what: &'static str, value: f64) -> Result<(), MetricError> {
    if value > 0.0 && value < 1.0 {
        Ok(())
    } else {
        Err(MetricError::NotAShare { what, value })
    }
}
