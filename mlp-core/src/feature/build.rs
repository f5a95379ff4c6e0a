//! From a schema's `[[features]]` to a feature set.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::FeatureSet;
use super::expr::{Expr, Side};
use super::terms::{self, Columns, Sum};
use crate::schema::{Entity, FieldType};

/// An operand as the schema file names it.
pub(crate) enum Operand {
    /// A column (`size`, `user.size`, `item.size`) or an earlier feature.
    Name(String),
    /// A number.
    Number(f64),
}

/// The operations, with the number of operands each takes.
const OPERATIONS: [(&str, usize); 10] = [
    ("product", 2),
    ("ratio", 2),
    ("difference", 2),
    ("greater", 2),
    ("equal", 2),
    ("and", 2),
    ("log1p", 1),
    ("one_hot", 1),
    ("bucket", 1),
    ("square", 1),
];

/// Where in a `[[features]]` entry a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Name,
    Op,
    Args,
    Edges,
}

type Fault = (Place, String);

/// The most features of a schema, levels and buckets counted each.
const MAX_FEATURES: usize = 5000;

/// The most operands and operations of one feature, those of the features it names included: a
/// chain of squares would double with each.
const MAX_PARTS: usize = 200;

#[derive(Clone)]
struct Typed {
    expr: Arc<Expr>,
    kind: Kind,
    parts: usize,
}

#[derive(Clone, PartialEq)]
enum Kind {
    Truth,
    Number,
    Category(Vec<String>),
}

pub(crate) struct SetBuilder {
    names: Vec<String>,
    sums: Vec<Sum>,
    exprs: Vec<Arc<Expr>>,
    columns: Columns,
    /// What an operand may name; `None` for a column of both sides.
    known: HashMap<String, Option<Typed>>,
    /// The derived features' names.
    derived: HashSet<String>,
}

impl SetBuilder {
    /// Starts with every field that is a feature by itself: the user's, then the item's.
    ///
    /// # Errors
    ///
    /// Where there are too many.
    pub fn new(user: &Entity, item: &Entity) -> Result<Self, String> {
        let mut builder = Self {
            names: Vec::new(),
            sums: Vec::new(),
            exprs: Vec::new(),
            columns: Columns::default(),
            known: HashMap::new(),
            derived: HashSet::new(),
        };
        builder.add_entity("user", user, item, Expr::User)?;
        builder.add_entity("item", item, user, Expr::Item)?;
        Ok(builder)
    }

    fn add_entity(
        &mut self,
        side: &str,
        entity: &Entity,
        other: &Entity,
        make: fn(usize) -> Expr,
    ) -> Result<(), String> {
        for (position, column) in entity.columns.iter().enumerate() {
            let kind = match &column.kind {
                FieldType::Bool => Kind::Truth,
                FieldType::Int | FieldType::Float | FieldType::Date => Kind::Number,
                FieldType::Category(levels) => Kind::Category(levels.clone()),
                FieldType::Text | FieldType::IntList => continue,
            };
            let typed = Typed {
                expr: Arc::new(make(position)),
                kind,
                parts: 1,
            };
            let qualified = format!("{side}.{}", column.name);
            // A name that both sides have is ambiguous without its side.
            let shared = other.column(&column.name).is_some();
            let name = if shared { &qualified } else { &column.name };
            if entity.fields[column.field].feature {
                self.push_columns(name, &typed)?;
            }
            let plain = (!shared).then(|| typed.clone());
            self.known.insert(column.name.clone(), plain);
            self.known.insert(qualified, Some(typed));
        }
        Ok(())
    }

    fn push_columns(&mut self, name: &str, typed: &Typed) -> Result<(), String> {
        let Kind::Category(levels) = &typed.kind else {
            return self.push(name.to_owned(), &typed.expr);
        };
        for (level, label) in levels.iter().enumerate() {
            let position = Arc::new(Expr::Const(level as f64));
            let expr = Arc::new(Expr::Equal(Arc::clone(&typed.expr), position));
            self.push(format!("{name}={label}"), &expr)?;
        }
        Ok(())
    }

    fn push(&mut self, name: String, expr: &Arc<Expr>) -> Result<(), String> {
        if self.names.len() == MAX_FEATURES {
            return Err(format!("there are more than {MAX_FEATURES} features"));
        }
        self.sums.push(terms::sum(expr, &mut self.columns)?);
        self.exprs.push(Arc::clone(expr));
        self.names.push(name);
        Ok(())
    }

    fn operand(&self, operand: &Operand) -> Result<Typed, String> {
        let name = match operand {
            Operand::Number(c) if c.is_finite() => {
                return Ok(Typed {
                    expr: Arc::new(Expr::Const(*c)),
                    kind: Kind::Number,
                    parts: 1,
                });
            }
            Operand::Number(c) => return Err(format!("operand `{c}` is not finite")),
            Operand::Name(name) => name,
        };
        match self.known.get(name) {
            Some(Some(typed)) => Ok(typed.clone()),
            Some(None) => Err(format!(
                "operand `{name}` is a column of both sides: write `user.{name}` or `item.{name}`"
            )),
            None => Err(format!(
                "operand `{name}` is no numeric column and no earlier feature with one value"
            )),
        }
    }

    /// Adds a derived feature; the message of an error names the fault alone.
    pub fn add(
        &mut self,
        name: &str,
        op: &str,
        operands: &[Operand],
        edges: Option<&[f64]>,
    ) -> Result<(), Fault> {
        if self.known.contains_key(name) || !self.derived.insert(name.to_owned()) {
            return Err((Place::Name, "the name stands twice".to_owned()));
        }
        let Some((_, arity)) = OPERATIONS.iter().find(|(known, _)| *known == op) else {
            let known: Vec<&str> = OPERATIONS.iter().map(|(name, _)| *name).collect();
            let message = format!("unknown op `{op}`: one of {}", known.join(", "));
            return Err((Place::Op, message));
        };
        if operands.len() != *arity {
            let message = format!("`{op}` takes {arity} args, not {}", operands.len());
            return Err((Place::Args, message));
        }
        let place = match (op == "bucket", edges) {
            (true, None) => Some(Place::Op),
            (false, Some(_)) => Some(Place::Edges),
            _ => None,
        };
        if let Some(place) = place {
            let message = "`edges` goes with op `bucket`, which needs it";
            return Err((place, message.to_owned()));
        }
        let at_args = |message| (Place::Args, message);
        let operands = (operands.iter())
            .map(|o| self.operand(o).map_err(at_args))
            .collect::<Result<Vec<_>, _>>()?;
        if operands.iter().all(|o| o.expr.side() == Side::Neither) {
            return Err(at_args("no operand is a column or a feature".to_owned()));
        }
        match op {
            "one_hot" => match operands[0].kind {
                Kind::Category(_) => self.push_columns(name, &operands[0]).map_err(at_args),
                _ => Err(at_args("`one_hot` takes a `category`".to_owned())),
            },
            "bucket" => self.add_buckets(name, &operands[0], edges.unwrap_or_default()),
            _ => {
                let typed = scalar(op, &operands).map_err(at_args)?;
                self.push(name.to_owned(), &typed.expr).map_err(at_args)?;
                self.known.insert(name.to_owned(), Some(typed));
                Ok(())
            }
        }
    }

    fn add_buckets(&mut self, name: &str, operand: &Typed, edges: &[f64]) -> Result<(), Fault> {
        if operand.kind != Kind::Number {
            return Err((Place::Args, "`bucket` takes a number".to_owned()));
        }
        let increasing = edges.windows(2).all(|pair| pair[0] < pair[1]);
        if edges.is_empty()
            || edges.len() > 100
            || !increasing
            || edges.iter().any(|e| !e.is_finite())
        {
            let message = "`edges` must be 1 to 100 finite numbers, each over the last";
            return Err((Place::Edges, message.to_owned()));
        }
        let mut low = f64::NEG_INFINITY;
        for (bucket, high) in edges.iter().copied().chain([f64::INFINITY]).enumerate() {
            let expr = Arc::new(Expr::Within(Arc::clone(&operand.expr), low, high));
            self.push(format!("{name}={bucket}"), &expr)
                .map_err(|message| (Place::Args, message))?;
            low = high;
        }
        Ok(())
    }

    pub fn build(self) -> FeatureSet {
        FeatureSet {
            names: self.names,
            exprs: self.exprs,
            sums: self.sums,
            columns: self.columns.0,
        }
    }
}

fn scalar(op: &str, operands: &[Typed]) -> Result<Typed, String> {
    let category = operands.iter().any(|o| matches!(o.kind, Kind::Category(_)));
    if category && (op != "equal" || operands[0].kind != operands[1].kind) {
        return Err(format!(
            "`{op}` takes no `category`; use `one_hot`, or `equal` on two with the same levels"
        ));
    }
    if op == "and" && operands.iter().any(|o| o.kind != Kind::Truth) {
        return Err("`and` takes booleans and comparisons".to_owned());
    }
    let parts = match op {
        // Both sides of the product are evaluated.
        "square" => 1 + 2 * operands[0].parts,
        _ => 1 + operands.iter().map(|o| o.parts).sum::<usize>(),
    };
    if parts > MAX_PARTS {
        return Err(format!(
            "the feature has {parts} operands and operations with those of the features it names, at most {MAX_PARTS} are allowed"
        ));
    }
    let a = Arc::clone(&operands[0].expr);
    let b = operands.get(1).map(|o| Arc::clone(&o.expr));
    let (expr, kind) = match (op, b) {
        ("log1p", None) => (Expr::Log1p(a), Kind::Number),
        ("square", None) => (Expr::Product(Arc::clone(&a), a), Kind::Number),
        ("product", Some(b)) => (Expr::Product(a, b), Kind::Number),
        ("and", Some(b)) => (Expr::Product(a, b), Kind::Truth),
        ("ratio", Some(b)) => (
            Expr::Product(a, Arc::new(Expr::Reciprocal(b))),
            Kind::Number,
        ),
        ("difference", Some(b)) => (Expr::Difference(a, b), Kind::Number),
        ("greater", Some(b)) => (Expr::Greater(a, b), Kind::Truth),
        ("equal", Some(b)) => (Expr::Equal(a, b), Kind::Truth),
        _ => return Err(format!("`{op}` takes another number of args")),
    };
    Ok(Typed {
        expr: Arc::new(expr),
        kind,
        parts,
    })
}
