//! Choice situations: what could be chosen, and what was.

use ndarray::ArrayView2;

use super::ChoiceError;
use crate::metrics::Sessions;

/// Whether the chooser may take none of the alternatives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// One of the alternatives is always chosen.
    Absent,
    /// "None of these" is an alternative of its own, with utility 0.
    Present,
}

/// Choice situations to estimate from, each a run of rows with one row per alternative.
///
/// ```
/// # use mlp_core::choice::{Choices, Outside};
/// # use mlp_core::metrics::Sessions;
/// # use ndarray::array;
/// // Two situations of two alternatives with one feature; in the second none was chosen.
/// let features = array![[1.0], [2.0], [3.0], [0.5]];
/// let situations = Sessions::equal(4, 2)?;
/// let chosen = vec![Some(1), None];
/// let choices = Choices::new(features.view(), situations.clone(), chosen.clone(), Outside::Present)?;
/// assert_eq!(choices.situations().len(), 2);
/// let error = Choices::new(features.view(), situations, chosen, Outside::Absent).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "situation 1 chooses none of its alternatives, which needs an outside option",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Choices<'a> {
    pub(super) features: ArrayView2<'a, f64>,
    pub(super) situations: Sessions,
    pub(super) chosen: Vec<Option<usize>>,
    pub(super) outside: Outside,
    pub(super) available: Option<Vec<bool>>,
    pub(super) weights: Option<Vec<f64>>,
}

impl<'a> Choices<'a> {
    /// From a design row per alternative, shape `(n_rows, n_features)`, and the position of the
    /// chosen one within each situation, shape `(n_situations,)`; `None` is the outside option. All
    /// alternatives are available, and every situation weighs 1.
    ///
    /// # Errors
    ///
    /// Where the shapes do not fit, a feature is not finite, a chosen position is not there, or
    /// nothing was chosen though there is no outside option.
    pub fn new(
        features: ArrayView2<'a, f64>,
        situations: Sessions,
        chosen: Vec<Option<usize>>,
        outside: Outside,
    ) -> Result<Self, ChoiceError> {
        same_len("features", features.nrows(), situations.rows())?;
        same_len("chosen", chosen.len(), situations.len())?;
        let rows = features.rows().into_iter().enumerate();
        for (row, values) in rows {
            if let Some(column) = values.iter().position(|x| !x.is_finite()) {
                let value = values[column];
                return Err(ChoiceError::NotFinite { row, column, value });
            }
        }
        for (situation, (range, chosen)) in situations.ranges().zip(&chosen).enumerate() {
            match *chosen {
                None if outside == Outside::Absent => {
                    return Err(ChoiceError::NoOutside { situation });
                }
                Some(position) if position >= range.len() => {
                    return Err(ChoiceError::Chosen {
                        situation,
                        position,
                        alternatives: range.len(),
                    });
                }
                _ => {}
            }
        }
        Ok(Self {
            features,
            situations,
            chosen,
            outside,
            available: None,
            weights: None,
        })
    }

    /// Says which alternatives could be chosen, shape `(n_rows,)`. Default all. One that could not
    /// has probability 0, and its features are not looked at.
    ///
    /// # Errors
    ///
    /// Where the shape does not fit, or a chosen alternative is not available.
    pub fn with_availability(mut self, available: Vec<bool>) -> Result<Self, ChoiceError> {
        same_len("availability", available.len(), self.situations.rows())?;
        for (situation, (range, chosen)) in self.situations.ranges().zip(&self.chosen).enumerate() {
            if let Some(position) = *chosen
                && !available[range.start + position]
            {
                return Err(ChoiceError::Unavailable {
                    situation,
                    position,
                });
            }
        }
        self.available = Some(available);
        Ok(self)
    }

    /// Says how often each situation counts, shape `(n_situations,)`, each from 0. Default 1.
    ///
    /// # Errors
    ///
    /// Where the shape does not fit, or a weight is negative or not finite.
    pub fn with_weights(mut self, weights: Vec<f64>) -> Result<Self, ChoiceError> {
        same_len("weights", weights.len(), self.situations.len())?;
        let good = |w: &f64| w.is_finite() && *w >= 0.0;
        if let Some(situation) = weights.iter().position(|w| !good(w)) {
            let weight = weights[situation];
            return Err(ChoiceError::Weight { situation, weight });
        }
        self.weights = Some(weights);
        Ok(self)
    }

    /// Which rows are the alternatives of one situation.
    pub fn situations(&self) -> &Sessions {
        &self.situations
    }

    /// The number of features.
    pub fn n_features(&self) -> usize {
        self.features.ncols()
    }

    /// The sum of the situations' weights.
    pub fn total_weight(&self) -> f64 {
        match &self.weights {
            Some(weights) => weights.iter().sum(),
            None => self.situations.len() as f64,
        }
    }

    pub(super) fn weight(&self, situation: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |w| w[situation])
    }

    /// Minus infinity where the alternative is not available.
    pub(super) fn utility(&self, row: usize, coefficients: &[f64], constant: f64) -> f64 {
        if !self.is_available(row) {
            return f64::NEG_INFINITY;
        }
        let products = self.features.row(row).into_iter().zip(coefficients);
        products.map(|(x, c)| x * c).sum::<f64>() + constant
    }

    fn is_available(&self, row: usize) -> bool {
        self.available.as_ref().is_none_or(|a| a[row])
    }
}

fn same_len(what: &'static str, found: usize, expected: usize) -> Result<(), ChoiceError> {
    if found == expected {
        return Ok(());
    }
    Err(ChoiceError::Shape {
        what,
        found,
        expected,
    })
}
