//! How well a session's items are ordered, in expectation over the orders of tied scores.
//!
//! Averages run over the sessions that have a positive row: where nobody picked, no order is right.
//! Source of the tie rule: McSherry and Najork, *Computing information retrieval performance
//! measures efficiently in the presence of tied scores*, ECIR 2008.

use super::{MetricError, Sessions, check, ties};

/// Expected share of positive rows among the first `k` of one session: hits / k, also where the
/// session has fewer than `k` rows; `None` without a positive row.
///
/// `labels` and `scores` have shape `(n_items,)`; `k` is at least 1.
pub fn session_precision(
    labels: &[bool],
    scores: &[f64],
    k: usize,
) -> Result<Option<f64>, MetricError> {
    check::at_least_one("k", k)?;
    let ranked = ties::ranked(scores, labels.iter().copied())?;
    let mut above = 0;
    let mut hits = 0.0;
    let mut any = false;
    for group in ties::groups(&ranked) {
        let positives = ties::positives(group);
        any |= positives > 0;
        let places = k.saturating_sub(above).min(group.len());
        hits += positives as f64 * places as f64 / group.len() as f64;
        above += group.len();
    }
    Ok(any.then(|| hits / k as f64))
}

/// Normalised discounted cumulative gain of one session, linear gains, cut at `k` (`None`: no cut):
/// `DCG = Σ gain / log₂(rank + 1)`, divided by that of the best order; `None` where every gain is 0.
///
/// Source: Järvelin and Kekäläinen, *Cumulated gain-based evaluation of IR techniques*, TOIS 20
/// (2002), with the ties of `sklearn.metrics.ndcg_score`. `gains` (finite, at least 0) and `scores`
/// have shape `(n_items,)`; `k` is at least 1.
///
/// ```
/// # use mlp_core::metrics::session_ndcg;
/// let second = session_ndcg(&[0.0, 1.0, 0.0], &[0.9, 0.8, 0.1], None)?;
/// assert_eq!(second, Some(1.0 / 3_f64.log2()));
/// # Ok::<(), mlp_core::metrics::MetricError>(())
/// ```
pub fn session_ndcg(
    gains: &[f64],
    scores: &[f64],
    k: Option<usize>,
) -> Result<Option<f64>, MetricError> {
    let k = k.unwrap_or(usize::MAX);
    check::at_least_one("k", k)?;
    check::gains(gains)?;
    let ranked = ties::ranked(scores, gains.iter().copied())?;
    // The largest gain as the unit: sums of gains near `f64::MAX` would overflow.
    let unit = gains.iter().copied().fold(0.0, f64::max);
    if unit == 0.0 {
        return Ok(None);
    }
    let mut ideal: Vec<f64> = gains.iter().map(|gain| gain / unit).collect();
    ideal.sort_unstable_by(|a, b| b.total_cmp(a));
    let best: f64 = ideal.iter().zip(discounts(0..k)).map(|(g, d)| g * d).sum();

    let mut above = 0;
    let mut found = 0.0;
    for group in ties::groups(&ranked) {
        if above >= k {
            break;
        }
        let places = above..k.min(above + group.len());
        let mean = group.iter().map(|row| row.1 / unit).sum::<f64>() / group.len() as f64;
        found += mean * discounts(places).sum::<f64>();
        above += group.len();
    }
    // Rounding may lift a perfect order above 1 by a bit.
    Ok(Some((found / best).min(1.0)))
}

/// Expected reciprocal rank of the first positive row of one session; `None` without one.
///
/// Source: Voorhees, *The TREC-8 question answering track report*, 1999. `labels` and `scores`
/// have shape `(n_items,)`.
pub fn session_reciprocal_rank(
    labels: &[bool],
    scores: &[f64],
) -> Result<Option<f64>, MetricError> {
    let ranked = ties::ranked(scores, labels.iter().copied())?;
    let mut above = 0;
    for group in ties::groups(&ranked) {
        let positives = ties::positives(group);
        if positives > 0 {
            return Ok(Some(tied_reciprocal_rank(above, group.len(), positives)));
        }
        above += group.len();
    }
    Ok(None)
}

/// [`session_precision`] at 1, averaged over sessions with a positive row; `None` without one.
///
/// With one pick per session: the probability that the pick is ranked first. `labels` and `scores`
/// have shape `(n_rows,)`, in the order of `sessions`.
pub fn precision_at_1(
    labels: &[bool],
    scores: &[f64],
    sessions: &Sessions,
) -> Result<Option<f64>, MetricError> {
    precision_at_k(labels, scores, sessions, 1)
}

/// [`session_precision`], averaged over sessions with a positive row; `None` without one.
///
/// `labels` and `scores` have shape `(n_rows,)`, in the order of `sessions`.
pub fn precision_at_k(
    labels: &[bool],
    scores: &[f64],
    sessions: &Sessions,
    k: usize,
) -> Result<Option<f64>, MetricError> {
    check::at_least_one("k", k)?;
    mean_over(labels, scores, sessions, |l, s| session_precision(l, s, k))
}

/// [`session_ndcg`] with a gain of 1 for a positive row and 0 for others, averaged over sessions
/// with a positive row; `None` without one.
///
/// `labels` and `scores` have shape `(n_rows,)`, in the order of `sessions`.
pub fn ndcg(
    labels: &[bool],
    scores: &[f64],
    sessions: &Sessions,
    k: Option<usize>,
) -> Result<Option<f64>, MetricError> {
    check::at_least_one("k", k.unwrap_or(1))?;
    let mut gains = Vec::new();
    mean_over(labels, scores, sessions, |l, s| {
        gains.clear();
        gains.extend(l.iter().map(|&label| f64::from(u8::from(label))));
        session_ndcg(&gains, s, k)
    })
}

/// Mean of [`session_reciprocal_rank`] over sessions with a positive row; `None` without one.
///
/// `labels` and `scores` have shape `(n_rows,)`, in the order of `sessions`.
pub fn mrr(
    labels: &[bool],
    scores: &[f64],
    sessions: &Sessions,
) -> Result<Option<f64>, MetricError> {
    mean_over(labels, scores, sessions, session_reciprocal_rank)
}

fn mean_over(
    labels: &[bool],
    scores: &[f64],
    sessions: &Sessions,
    mut of_session: impl FnMut(&[bool], &[f64]) -> Result<Option<f64>, MetricError>,
) -> Result<Option<f64>, MetricError> {
    sessions.check(labels, scores)?;
    // Here, so that the error names the row in the whole input and not in its session.
    check::numbers(scores)?;
    let mut sum = 0.0;
    let mut count = 0_usize;
    for range in sessions.ranges() {
        if let Some(value) = of_session(&labels[range.clone()], &scores[range])? {
            sum += value;
            count += 1;
        }
    }
    Ok((count > 0).then(|| sum / count as f64))
}

fn discounts(places: std::ops::Range<usize>) -> impl Iterator<Item = f64> {
    places.map(|place| 1.0 / (place as f64 + 2.0).log2())
}

/// `E[1 / rank]` of the first of `positives` rows shuffled among `rows`, below `above` others.
fn tied_reciprocal_rank(above: usize, rows: usize, positives: usize) -> f64 {
    let mut none_yet = 1.0;
    let mut expected = 0.0;
    for drawn in 0..=rows - positives {
        let here = positives as f64 / (rows - drawn) as f64;
        expected += none_yet * here / (above + drawn + 1) as f64;
        none_yet *= 1.0 - here;
    }
    expected
}
