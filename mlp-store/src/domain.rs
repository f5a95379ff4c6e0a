//! What a store's tables were made for: the schema's shape, as kept beside them.

use mlp_core::{Entity, FieldType, Schema};
use serde::{Deserialize, Serialize};

/// What the tables were made for, as kept beside them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Domain {
    pub user: Shape,
    pub item: Shape,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shape {
    name: String,
    table: String,
    columns: Vec<ShapeColumn>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ShapeColumn {
    name: String,
    kind: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    levels: Vec<String>,
}

impl Domain {
    pub fn new(schema: &Schema) -> Self {
        Self {
            user: Shape::new(&schema.user),
            item: Shape::new(&schema.item),
        }
    }

    /// The first difference that stored rows cannot bear, and what to do.
    pub fn difference(&self, wanted: &Self) -> Option<String> {
        let sides = [
            ("user", &self.user, &wanted.user),
            ("item", &self.item, &wanted.item),
        ];
        sides
            .into_iter()
            .find_map(|(side, before, wanted)| shape_difference(side, before, wanted))
            .map(|what| format!("{what}; put that back, or use another database"))
    }
}

impl Shape {
    fn new(entity: &Entity) -> Self {
        let column = |column: &mlp_core::Column| ShapeColumn {
            name: column.name.clone(),
            kind: column.kind.name().to_owned(),
            levels: match &column.kind {
                FieldType::Category(levels) => levels.clone(),
                _ => Vec::new(),
            },
        };
        Self {
            name: entity.name.clone(),
            table: entity.table.clone(),
            columns: entity.columns.iter().map(column).collect(),
        }
    }

    /// Whether there was a column of that name.
    pub fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|c| c.name == column)
    }
}

fn shape_difference(side: &str, before: &Shape, wanted: &Shape) -> Option<String> {
    for (what, old, new) in [
        ("name", &before.name, &wanted.name),
        ("table", &before.table, &wanted.table),
    ] {
        if old != new {
            return Some(format!("the {side}'s {what} was `{old}` and is `{new}`"));
        }
    }
    before.columns.iter().find_map(|old| {
        let name = &old.name;
        let Some(new) = wanted.columns.iter().find(|new| new.name == *name) else {
            return Some(format!("the {side}'s column `{name}` is gone"));
        };
        if new.kind != old.kind {
            let (old, new) = (&old.kind, &new.kind);
            return Some(format!("the {side}'s `{name}` was `{old}` and is `{new}`"));
        }
        let lost = old.levels.iter().find(|level| !new.levels.contains(level));
        lost.map(|level| format!("the {side}'s `{name}` has lost its level `{level}`"))
    })
}
