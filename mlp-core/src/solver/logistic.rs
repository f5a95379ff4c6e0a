//! The logistic loss of binary labels, on dense features.

use ndarray::{Array2, ArrayView2, Axis, linalg::general_mat_mul, s};

use super::{Derivatives, Objective, Options, Order, Solution, SolveError, minimise, sum_blocks};

/// `Σ c_i · ln(1 + exp(∓z_i))` with `z = Xw + b`: minus for a true label, plus for a false one.
///
/// Weights are those of the features and behind them the constant: shape `(n_features + 1,)`.
#[derive(Debug, Clone)]
pub struct LogisticLoss<'a> {
    /// Shape `(n_rows, n_features)`.
    features: ArrayView2<'a, f64>,
    labels: &'a [bool],
    /// How much each row counts, shape `(n_rows,)`; empty: 1 each.
    counts: Vec<f64>,
    n_rows: f64,
    n_true: f64,
}

/// Rows that are multiplied at a time: theirs fit the second-level cache, scratch included.
const TILE: usize = 256;

impl<'a> LogisticLoss<'a> {
    /// Of finite `features`, shape `(n_rows, n_features)`, and `labels`, shape `(n_rows,)`.
    ///
    /// # Errors
    ///
    /// Where the lengths differ.
    pub fn new(features: ArrayView2<'a, f64>, labels: &'a [bool]) -> Result<Self, SolveError> {
        if features.nrows() != labels.len() {
            return Err(SolveError::Length {
                what: "labels",
                expected: features.nrows(),
                found: labels.len(),
            });
        }
        Ok(Self {
            features,
            labels,
            counts: Vec::new(),
            n_rows: labels.len() as f64,
            n_true: labels.iter().filter(|label| **label).count() as f64,
        })
    }

    /// With each row counted `counts` times, at least 0, shape `(n_rows,)`: 0 leaves it out.
    ///
    /// # Errors
    ///
    /// Where the lengths differ.
    pub fn counted(self, counts: Vec<f64>) -> Result<Self, SolveError> {
        if counts.len() != self.labels.len() {
            return Err(SolveError::Length {
                what: "counts",
                expected: self.labels.len(),
                found: counts.len(),
            });
        }
        let picked = counts.iter().zip(self.labels).filter(|(_, label)| **label);
        Ok(Self {
            n_rows: counts.iter().sum(),
            n_true: picked.map(|(count, _)| count).sum(),
            counts,
            ..self
        })
    }

    /// The best weights without features: all 0, and the log-odds of the share of true labels, half
    /// a label added to either side.
    pub fn origin(&self) -> Vec<f64> {
        let mut weights = vec![0.0; self.n_weights()];
        if let Some(constant) = weights.last_mut() {
            *constant = ((self.n_true + 0.5) / (self.n_rows - self.n_true + 0.5)).ln();
        }
        weights
    }

    fn part(&self, rows: std::ops::Range<usize>, weights: &[f64], order: Order) -> Derivatives {
        let p = self.features.ncols();
        let (slopes, constant) = weights.split_at(p);
        let mut value = 0.0;
        let mut gradient = vec![0.0; p + 1];
        let mut hessian = (order == Order::Second).then(|| Array2::zeros((p + 1, p + 1)));
        let mut scratch = vec![0.0; if hessian.is_some() { TILE * p } else { 0 }];
        let mut own = vec![0.0; p];
        let mut curvatures = [0.0; TILE];
        for start in rows.clone().step_by(TILE) {
            let end = (start + TILE).min(rows.end);
            let tile = self.features.slice(s![start..end, ..]);
            for (i, x) in tile.axis_iter(Axis(0)).enumerate() {
                let x = match x.to_slice() {
                    Some(x) => x,
                    None => {
                        own.iter_mut().zip(x).for_each(|(own, x)| *own = *x);
                        &own
                    }
                };
                let row = start + i;
                let count = self.counts.get(row).copied().unwrap_or(1.0);
                let point = point(dot(slopes, x) + constant[0], self.labels[row]);
                value += count * point.loss;
                let residual = count * point.residual;
                for (g, x) in gradient.iter_mut().zip(x) {
                    *g += residual * x;
                }
                gradient[p] += residual;
                curvatures[i] = count * point.curvature;
            }
            if let Some(hessian) = &mut hessian {
                let curvatures = &curvatures[..end - start];
                add_tile(hessian, tile, curvatures, &mut scratch);
            }
        }
        Derivatives {
            value,
            gradient,
            hessian,
        }
    }
}

impl Objective for LogisticLoss<'_> {
    fn n_weights(&self) -> usize {
        self.features.ncols() + 1
    }

    fn n_rows(&self) -> f64 {
        self.n_rows
    }

    fn evaluate(&self, weights: &[f64], order: Order) -> Derivatives {
        let part = |rows| self.part(rows, weights, order);
        let add = |sum: &mut Derivatives, part: Derivatives| {
            sum.value += part.value;
            for (sum, part) in sum.gradient.iter_mut().zip(part.gradient) {
                *sum += part;
            }
            if let (Some(sum), Some(part)) = (&mut sum.hessian, part.hessian) {
                *sum += &part;
            }
        };
        let found = sum_blocks(self.labels.len(), part, add);
        let mut found = found.unwrap_or_else(|| self.part(0..0, weights, order));
        if let Some(hessian) = &mut found.hessian {
            mirror(hessian);
        }
        found
    }
}

/// From so many rows on, a part of them is solved first: it costs little, and leaves a step or two
/// to do on all.
const MANY_ROWS: usize = 100_000;

/// One row of so many is in that part.
const THINNED: usize = 16;

/// The weights that minimise the [`LogisticLoss`] of `features`, shape `(n_rows, n_features)`, and
/// `labels`, shape `(n_rows,)`, with `l2 / 2 · Σ weight²` of all but the constant.
///
/// Begins at `start`, shape `(n_features + 1,)`, where there is one that leads to a minimum; else
/// without features, or for many rows at the minimum of a part of them.
///
/// # Errors
///
/// As [`minimise`].
pub fn minimise_logistic<'a>(
    features: ArrayView2<'a, f64>,
    labels: &'a [bool],
    l2: f64,
    start: Option<Vec<f64>>,
    options: &Options,
) -> Result<Solution, SolveError> {
    let loss = LogisticLoss::new(features, labels)?;
    let ridge = |l2| {
        let mut ridge = vec![l2; features.ncols()];
        ridge.push(0.0);
        ridge
    };
    // A start may be so far out that nothing curves there: that says nothing of the data.
    let from = |start| minimise(&loss, &ridge(l2), start, options).ok();
    if let Some(solution) = start.and_then(from) {
        return Ok(solution);
    }
    let mut origin = loss.origin();
    if labels.len() >= MANY_ROWS {
        let labels: Vec<bool> = labels.iter().copied().step_by(THINNED).collect();
        let part = LogisticLoss::new(features.slice(s![..;THINNED, ..]), &labels)?;
        let options = Options {
            tolerance: options.tolerance.max(1e-5),
            ..options.clone()
        };
        let ridge = ridge(l2 / THINNED as f64);
        if let Ok(solution) = minimise(&part, &ridge, part.origin(), &options) {
            origin = solution.weights;
        }
    }
    minimise(&loss, &ridge(l2), origin, options)
}

/// Adds `Xᵀ C X` for the rows of a tile to the lower triangle, with the constant's column of ones.
fn add_tile(
    hessian: &mut Array2<f64>,
    tile: ArrayView2<'_, f64>,
    curvatures: &[f64],
    scratch: &mut [f64],
) {
    let p = tile.ncols();
    let mut edge = vec![0.0; p];
    for ((x, scaled), &c) in (tile.axis_iter(Axis(0)))
        .zip(scratch.chunks_exact_mut(p.max(1)))
        .zip(curvatures)
    {
        for ((scaled, edge), x) in scaled.iter_mut().zip(&mut edge).zip(x) {
            *scaled = c * x;
            *edge += *scaled;
        }
    }
    let Ok(scaled) =
        ArrayView2::from_shape((curvatures.len(), p), &scratch[..curvatures.len() * p])
    else {
        return; // The scratch has a whole tile's size.
    };
    // Blocks on and below the diagonal: what is above is mirrored, and not computed.
    for from in (0..p).step_by(BAND) {
        let to = (from + BAND).min(p);
        let (left, right) = (tile.slice(s![.., from..]), scaled.slice(s![.., from..to]));
        let mut target = hessian.slice_mut(s![from..p, from..to]);
        general_mat_mul(1.0, &left.t(), &right, 1.0, &mut target);
    }
    for (total, edge) in hessian.row_mut(p).iter_mut().zip(&edge) {
        *total += edge;
    }
    hessian[[p, p]] += curvatures.iter().sum::<f64>();
}

/// Columns of the Hessian that are computed together.
const BAND: usize = 24;

/// Copies the lower triangle to the upper one.
fn mirror(matrix: &mut Array2<f64>) {
    for row in 0..matrix.nrows() {
        for column in 0..row {
            matrix[[column, row]] = matrix[[row, column]];
        }
    }
}

/// One row's loss and its derivatives by the log-odds.
struct Point {
    loss: f64,
    residual: f64,
    curvature: f64,
}

fn point(log_odds: f64, label: bool) -> Point {
    // At most 1, so that nothing overflows; what is small stays exact.
    let e = (-log_odds.abs()).exp();
    let other = 1.0 / (1.0 + e);
    let margin = if label { log_odds } else { -log_odds };
    // The probability of what did not happen.
    let wrong = if margin > 0.0 { e * other } else { other };
    Point {
        loss: e.ln_1p() + (-margin).max(0.0),
        residual: if label { -wrong } else { wrong },
        curvature: e * other * other,
    }
}

/// With sums of its own for each lane, which the compiler may keep in one register.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest = a.remainder().iter().zip(b.remainder());
    let rest: f64 = rest.map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    lanes.iter().sum::<f64>() + rest
}
