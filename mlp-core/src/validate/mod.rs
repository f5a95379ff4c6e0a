//! From outside text to a typed row: JSON bodies, and the cells of an item file.

mod cell;
mod coerce;
mod date;
mod fault;
mod number;

pub use fault::Fault;

use serde_json::{Map, Value as Json};

use crate::schema::{Entity, Field, Part};
use crate::value::{Row, Value};

pub(crate) use cell::cell;

impl Entity {
    /// Reads a request's fields from a JSON body, leniently where the recorded clients rely on it
    /// (`"3"` for an int, `2.0`, `"yes"`, a date-time at midnight for a date); unknown fields are
    /// ignored.
    ///
    /// # Errors
    ///
    /// Every fault at once, in the order of the fields, located under `body`.
    pub fn row_from_json(&self, body: &Json) -> Result<Row, Vec<Fault>> {
        let Json::Object(body) = body else {
            return Err(vec![Fault::not_an_object(body)]);
        };
        self.row_from_object(body)
    }

    fn row_from_object(&self, body: &Map<String, Json>) -> Result<Row, Vec<Fault>> {
        let mut values: Vec<Value> = Vec::with_capacity(self.fields.len());
        // A count may name a later field: what is wrong with a field is complete only at the end.
        let mut faults: Vec<Vec<Fault>> = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            let mut of_field = Vec::new();
            let value = match body.get(&field.name) {
                None if field.default.is_none() => {
                    of_field.push(Fault::missing(&field.name));
                    Value::Null
                }
                None => Value::Null,
                Some(Json::Null) if field.default.is_some() => Value::Null,
                Some(json) => coerce::value(field, json, &mut of_field),
            };
            values.push(value);
            faults.push(of_field);
        }
        for (position, fault) in self.count_faults(&values) {
            faults[position].push(fault);
        }
        let faults: Vec<Fault> = faults.into_iter().flatten().collect();
        if faults.is_empty() {
            Ok(self.row_from_values(&values))
        } else {
            Err(faults)
        }
    }

    /// Reads one row of an item file: `cells` has shape `(n_fields,)`, in the order of the fields,
    /// and `None` where the file has no such column. An empty cell is a missing value where the
    /// field has a default.
    ///
    /// # Errors
    ///
    /// The first bad cell: the field's name and what is wrong.
    pub fn row_from_cells<'a>(
        &self,
        cells: impl IntoIterator<Item = Option<&'a str>>,
    ) -> Result<Row, (String, String)> {
        let mut values = Vec::with_capacity(self.fields.len());
        let mut cells = cells.into_iter();
        for field in &self.fields {
            let text = cells.next().flatten();
            let value = match text {
                None | Some("") if field.default.is_some() => Value::Null,
                None => return Err((field.name.clone(), "the column is missing".to_owned())),
                Some(text) => cell(field, text).map_err(|m| (field.name.clone(), m))?,
            };
            values.push(value);
        }
        match self.count_faults(&values).next() {
            None => Ok(self.row_from_values(&values)),
            Some((position, fault)) => {
                let name = self.fields[position].name.clone();
                Err((name, fault.message().to_owned()))
            }
        }
    }

    /// The lists whose length is not what another field says, by the position of their field.
    fn count_faults<'a>(
        &'a self,
        values: &'a [Value],
    ) -> impl Iterator<Item = (usize, Fault)> + 'a {
        let fields = self.fields.iter().zip(values).enumerate();
        fields.filter_map(|(position, (field, value))| {
            let count = field.count?;
            let (Value::Ints(list), Value::Int(n)) = (value, &values[count]) else {
                return None;
            };
            let (found, other) = (list.len(), &self.fields[count].name);
            let wrong = i64::try_from(found) != Ok(*n);
            wrong.then(|| (position, Fault::count(&field.name, other, *n, found)))
        })
    }

    fn row_from_values(&self, values: &[Value]) -> Row {
        let row = (self.columns.iter())
            .map(|column| match (column.part, &values[column.field]) {
                (Part::Whole, value) => value.clone(),
                (part, Value::Ints(list)) => Value::Float(summary(part, list)),
                (_, _) => Value::Null,
            })
            .collect();
        Row(row)
    }
}

fn summary(part: Part, list: &[i64]) -> f64 {
    let n = list.len() as f64;
    let mean = list.iter().map(|&x| x as f64).sum::<f64>() / n;
    match part {
        Part::Avg | Part::Whole => mean,
        Part::Std => (list.iter().map(|&x| (x as f64 - mean).powi(2)).sum::<f64>() / n).sqrt(),
        Part::Min => list.iter().min().map_or(0.0, |&x| x as f64),
        Part::Max => list.iter().max().map_or(0.0, |&x| x as f64),
    }
}

/// The bound that a number breaks.
fn out_of_bounds(field: &Field, number: f64) -> Option<(Bound, f64)> {
    match (field.min, field.max) {
        (Some(min), _) if number < min => Some((Bound::Min, min)),
        (_, Some(max)) if number > max => Some((Bound::Max, max)),
        _ => None,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Bound {
    Min,
    Max,
}
