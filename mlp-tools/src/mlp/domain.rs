//! The simulated domain seen through the schema: what the simulation makes is validated like any
//! client's request.

use mlp_core::{Entity, Row, Schema};
use serde::Serialize;

use super::error::{Error, Result};

/// The schema of the travel domain, as the simulation needs it.
#[derive(Clone, Copy)]
pub struct Travel<'a> {
    schema: &'a Schema,
}

impl<'a> Travel<'a> {
    /// A view of `schema`, which must have the travel domain's fields.
    pub fn new(schema: &'a Schema) -> Self {
        Self { schema }
    }

    /// A simulated user's row.
    pub fn user_row(&self, user: &mlp_data::User) -> Result<Row> {
        row(&self.schema.user, user)
    }

    /// A location's row.
    pub fn item_row(&self, location: &mlp_data::Location) -> Result<Row> {
        row(&self.schema.item, location)
    }

    /// A simulated user's numbers, shape `(n_user_columns,)`.
    pub fn user_numbers(&self, user: &mlp_data::User) -> Result<Vec<f64>> {
        Ok(numbers(&self.schema.user, &self.user_row(user)?))
    }

    /// A location's numbers, shape `(n_item_columns,)`.
    pub fn item_numbers(&self, location: &mlp_data::Location) -> Result<Vec<f64>> {
        Ok(numbers(&self.schema.item, &self.item_row(location)?))
    }
}

fn row(entity: &Entity, value: &impl Serialize) -> Result<Row> {
    let json = serde_json::to_value(value).map_err(Error::run)?;
    entity.row_from_json(&json).map_err(|faults| {
        let fault = faults.first().map(|f| serde_json::json!(f).to_string());
        Error::run(format!(
            "the schema refuses a simulated {}: {}",
            entity.name,
            fault.unwrap_or_default()
        ))
    })
}

fn numbers(entity: &Entity, row: &Row) -> Vec<f64> {
    let mut numbers = Vec::new();
    entity.numbers(row, &mut numbers);
    numbers
}
