//! The Cholesky factor of a symmetric positive definite matrix.

use ndarray::Array2;

/// `D L Lᵀ D = A`, with a unit diagonal in `L Lᵀ`: scaled first, so that whether a matrix counts as
/// singular does not depend on the features' units.
#[derive(Debug, Clone)]
pub struct Cholesky {
    /// The lower triangle `L`, row after row, shape `(n, n)`.
    lower: Vec<f64>,
    /// The diagonal of `D`, shape `(n,)`.
    scale: Vec<f64>,
}

/// A matrix has no Cholesky factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("row {row} of the matrix is a combination of those before it")]
pub struct NotPositiveDefinite {
    /// The first row at fault.
    pub row: usize,
}

/// The share of a row's own variance that those before it must leave unexplained: 1 − R² in the
/// words of regression. Rounding alone leaves some 1e-14.
const LEAST_PIVOT: f64 = 1e-11;

impl Cholesky {
    /// Factors a matrix of shape `(n, n)`, of which the lower triangle is read.
    ///
    /// # Errors
    ///
    /// Where it is not positive definite, within 1e-11 of its diagonal.
    pub fn new(matrix: &Array2<f64>) -> Result<Self, NotPositiveDefinite> {
        let n = matrix.nrows();
        let mut scale = Vec::with_capacity(n);
        for row in 0..n {
            let diagonal = matrix[[row, row]];
            if !(diagonal > 0.0 && diagonal.is_finite()) {
                return Err(NotPositiveDefinite { row });
            }
            scale.push(diagonal.sqrt());
        }
        let mut lower = vec![0.0; n * n];
        for row in 0..n {
            for column in 0..=row {
                let (done, rest) = lower.split_at(row * n);
                let own = &rest[..column];
                // The row that it is multiplied with is a finished one, or its own for the pivot.
                let other = match column == row {
                    true => own,
                    false => &done[column * n..column * n + column],
                };
                let sum: f64 = own.iter().zip(other).map(|(a, b)| a * b).sum();
                let entry = matrix[[row, column]] / (scale[row] * scale[column]) - sum;
                lower[row * n + column] = if column < row {
                    entry / lower[column * n + column]
                } else if entry > LEAST_PIVOT {
                    entry.sqrt()
                } else {
                    return Err(NotPositiveDefinite { row });
                };
            }
        }
        Ok(Self { lower, scale })
    }

    /// Solves `A x = b`, shapes `(n,)`.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let n = self.scale.len();
        let mut x: Vec<f64> = b.iter().zip(&self.scale).map(|(b, s)| b / s).collect();
        for row in 0..n {
            let line = &self.lower[row * n..row * n + row];
            let sum: f64 = line.iter().zip(&x).map(|(l, x)| l * x).sum();
            x[row] = (x[row] - sum) / self.lower[row * n + row];
        }
        for row in (0..n).rev() {
            x[row] /= self.lower[row * n + row];
            let (above, solved) = x.split_at_mut(row);
            for (x, l) in above.iter_mut().zip(&self.lower[row * n..row * n + row]) {
                *x -= l * solved[0];
            }
        }
        x.iter().zip(&self.scale).map(|(x, s)| x / s).collect()
    }

    /// `A⁻¹`, shape `(n, n)`: where `A` is the Hessian of a negative log-likelihood, its diagonal's
    /// roots are the standard errors.
    pub fn inverse(&self) -> Array2<f64> {
        let n = self.scale.len();
        let mut inverse = Array2::zeros((n, n));
        let mut unit = vec![0.0; n];
        for column in 0..n {
            unit[column] = 1.0;
            for (row, x) in self.solve(&unit).into_iter().enumerate() {
                inverse[[row, column]] = x;
            }
            unit[column] = 0.0;
        }
        inverse
    }
}
