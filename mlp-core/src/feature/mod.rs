//! The features of a user–item pair, by name, and how to compute them.

mod build;
mod compile;
mod expr;
mod terms;

pub(crate) use build::{Operand, Place, SetBuilder};
pub(crate) use compile::{Compiled, CompiledTerm, GateValues, Plan};

use std::sync::Arc;

use expr::Expr;
use terms::Sum;

/// The features that follow from a schema: its user's fields, its item's fields, then the derived
/// ones; a category gives one feature per level, named `field=level`. A column that both sides have is
/// named `user.field` and `item.field`.
#[derive(Debug, Clone)]
pub struct FeatureSet {
    names: Vec<String>,
    exprs: Vec<Arc<Expr>>,
    sums: Vec<Sum>,
    columns: Vec<Arc<Expr>>,
}

impl FeatureSet {
    /// The features' names, shape `(n_features,)`.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of features.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no feature at all; a parsed schema has at least one.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Appends the features of one pair to `out`, `n_features` numbers. `user` and `item` are what
    /// [`Entity::numbers`](crate::Entity::numbers) gives, shapes `(n_user_columns,)` and
    /// `(n_item_columns,)`. Each is finite: beyond ±10¹⁵ features saturate.
    ///
    /// # Panics
    ///
    /// Where `user` or `item` is shorter than that.
    pub fn extend(&self, user: &[f64], item: &[f64], out: &mut Vec<f64>) {
        out.extend(self.exprs.iter().map(|e| e.value(user, item)));
    }

    /// Each feature's name and what it computes, for the schema's hash.
    pub(crate) fn canonical(&self) -> impl Iterator<Item = (&str, String)> {
        let names = self.names.iter().map(String::as_str);
        names.zip(self.exprs.iter().map(|e| e.to_string()))
    }
}
