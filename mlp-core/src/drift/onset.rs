//! Since when the requests differ.

use super::profile::{FeatureProfile, Values};
use super::report::DriftReport;
use super::window::Window;

/// The fewest requests that a change can have.
const LEAST: usize = 20;

/// The position in the window of the first request after the change that `report` found, by maximum
/// likelihood: for every position, how much likelier the values from there on are under their own
/// frequencies in the bins (and beyond the range) than under the reference's, as
/// `Σ c_j ln(c_j / (n e_j))`, added over the features that drifted; the greatest sum wins. Frequencies
/// of few requests fit well by chance, by half a nat for each free one of them: that is taken off.
///
/// `None` where nothing drifted, or the window is too short.
pub fn onset(window: &Window<'_>, report: &DriftReport) -> Option<usize> {
    let n = window.len();
    if n < LEAST {
        return None;
    }
    let mut gain = vec![0.0; n - LEAST + 1];
    let features = window.profile().features.iter().zip(&report.features);
    let mut any = false;
    for (i, (feature, _)) in features.enumerate().filter(|(_, (_, found))| found.drifted) {
        any = true;
        let mut cells = window.cells(i);
        if !feature.score {
            // What is missing is the last cell.
            let missing = Some(expected(feature).len() - 1);
            cells.iter_mut().for_each(|cell| *cell = cell.or(missing));
        }
        add_gains(&mut gain, &expected(feature), &cells);
    }
    // Of equals the earliest.
    let best = (0..gain.len()).reduce(|best, t| if gain[t] > gain[best] { t } else { best });
    best.filter(|_| any)
}

/// Adds the gain of each position, for one feature. A request without a cell says nothing of it: one
/// that was explored has no score, before the change and after it.
fn add_gains(gain: &mut [f64], expected: &[f64], cells: &[Option<usize>]) {
    let mut counts = vec![0_u32; expected.len()];
    let mut n = 0_u32;
    for (t, cell) in cells.iter().enumerate().rev() {
        if let Some(cell) = cell {
            counts[*cell] += 1;
            n += 1;
        }
        if let Some(gain) = gain.get_mut(t) {
            let (n, mut free) = (f64::from(n), 0.0);
            for (&count, &expected) in counts.iter().zip(expected).filter(|(c, _)| **c > 0) {
                let count = f64::from(count);
                *gain += count * (count / (n * expected)).ln();
                free += 0.5;
            }
            *gain -= free;
        }
    }
}

/// The reference's share of each cell: under the range, the bins or levels, over it, missing. Half a
/// request stands in each, so that nothing is impossible.
fn expected(feature: &FeatureProfile) -> Vec<f64> {
    let mut counts = vec![0];
    counts.extend(feature.bins());
    if let Values::Numeric(_) = feature.values {
        counts.push(0);
    }
    counts.push(feature.missing);
    let total = counts.iter().sum::<u64>() as f64 + 0.5 * counts.len() as f64;
    counts.iter().map(|c| (*c as f64 + 0.5) / total).collect()
}
