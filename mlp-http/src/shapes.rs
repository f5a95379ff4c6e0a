//! The shapes of bodies, as JSON Schema made from the domain's schema.

use mlp_core::{Column, Entity, Field, FieldType, MAX_LIST, MAX_TEXT, Schema};
use mlp_store::{ModelStatus, TaskKind};
use serde_json::{Map, Value as Json, json};

mod reports;

use crate::body::Encoding;

/// What a body looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    Request,
    Task,
    Results,
    Ranking,
    Selection,
    /// A result, or null.
    Selected,
    ResultRow,
    ResultRows,
    Counts,
    ItemBody,
    ItemRow,
    ItemRows,
    UserRow,
    UserRows,
    Model,
    Models,
    WatchReport,
    WatchReports,
    Greeting,
    Health,
    Ready,
    OpenApi,
    Metrics,
    Page,
    Asset,
    TryForm,
    ChoiceForm,
    LoginForm,
    DecisionForm,
    /// No body: what was asked for stands at another path.
    SeeOther,
    Nothing,
}

impl Shape {
    /// What a body of this shape is written in.
    pub fn encoding(self) -> Encoding {
        match self {
            Self::TryForm | Self::ChoiceForm | Self::LoginForm | Self::DecisionForm => {
                Encoding::Form
            }
            _ => Encoding::Json,
        }
    }

    /// The media types, the first where the client wants no other; none without a body.
    pub fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::Nothing | Self::SeeOther => &[],
            Self::Metrics => &["text/plain", "application/openmetrics-text"],
            Self::Page => &["text/html"],
            Self::Asset => &["text/css", "text/javascript"],
            _ => &["application/json"],
        }
    }

    /// A reference to its definition, or the definition where it is short.
    pub fn reference(self) -> Json {
        let to = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
        let list = |name: &str| json!({ "type": "array", "items": to(name) });
        match self {
            Self::Request => to("Request"),
            Self::Task => to("Task"),
            Self::Results => list("Ranked"),
            Self::Ranking => to("Ranking"),
            Self::Selection => to("Selection"),
            Self::Selected => json!({ "anyOf": [to("Result"), { "type": "null" }] }),
            Self::ResultRow => to("Result"),
            Self::ResultRows => list("Result"),
            Self::Counts => to("Counts"),
            Self::ItemBody => to("ItemBody"),
            Self::ItemRow => to("Item"),
            Self::ItemRows => list("Item"),
            Self::UserRow => to("User"),
            Self::UserRows => list("User"),
            Self::Model => to("Model"),
            Self::Models => list("Model"),
            Self::Greeting | Self::Metrics | Self::Page | Self::Asset => {
                json!({ "type": "string" })
            }
            Self::WatchReport => to("WatchReport"),
            Self::WatchReports => list("WatchReport"),
            Self::Health => json!({
                "type": "object",
                "properties": { "status": { "const": "ok" } },
                "required": ["status"]
            }),
            Self::Ready => to("Ready"),
            Self::OpenApi => json!({ "type": "object" }),
            Self::TryForm => to("TryForm"),
            Self::ChoiceForm => to("ChoiceForm"),
            Self::LoginForm => to("LoginForm"),
            Self::DecisionForm => to("DecisionForm"),
            Self::Nothing | Self::SeeOther => Json::Null,
        }
    }
}

/// All definitions.
pub(crate) fn definitions(schema: &Schema) -> Json {
    let item_id = schema.item.id_name();
    json!({
        "Request": request(schema),
        "ItemBody": body(&schema.item),
        "Item": row(&schema.item, &item_id),
        "User": row(&schema.user, &schema.user.id_name()),
        "Ranked": ranked(schema, &item_id),
        "Ranking": object(&[
            ("task_id", uuid()),
            ("model_id", json!({ "type": ["integer", "null"] })),
            ("results", Shape::Results.reference()),
        ]),
        "Task": object(&[
            ("task_id", uuid()),
            ("status", json!({ "enum": ["PENDING", "STARTED", "RETRY", "SUCCESS", "FAILURE"] })),
            ("type", json!({ "enum": TaskKind::ALL.map(TaskKind::name) })),
        ]),
        "Selection": object(&[("task_id", uuid()), (&item_id, json!({ "type": "integer", "minimum": -1 }))]),
        "Result": object(&[
            ("result_id", json!({ "type": "integer" })),
            ("task_id", uuid()),
            ("user_id", json!({ "type": "integer" })),
            (&item_id, json!({ "type": "integer" })),
            ("score", json!({ "type": "number" })),
            ("label", json!({ "enum": [0, 1] })),
            ("shown", json!({ "type": "boolean" })),
        ]),
        "Counts": object(&[
            (&schema.item.table, json!({ "type": "integer" })),
            (&schema.user.table, json!({ "type": "integer" })),
        ]),
        "TryForm": form(schema.user.fields.iter().map(|f| (f.name.as_str(), f.default.is_none() && f.kind != FieldType::Bool))),
        "ChoiceForm": form([(item_id.as_str(), true)]),
        "LoginForm": form([("token", true)]),
        "DecisionForm": form([("champion", true)]),
        "Model": model(),
        "WatchReport": reports::watch(),
        "DriftReport": reports::drift(),
        "FeatureDrift": reports::feature(),
        "Quality": reports::quality(),
        "Ready": object(&[
            ("status", json!({ "const": "ready" })),
            ("items", json!({ "type": "integer" })),
            ("models", json!({ "type": "integer" })),
        ]),
        "Error": object(&[("detail", json!({ "type": "string" }))]),
        "Faults": object(&[("detail", json!({ "type": "array", "items": fault() }))]),
    })
}

fn object(properties: &[(&str, Json)]) -> Json {
    let required: Vec<&str> = properties.iter().map(|(name, _)| *name).collect();
    let map: Map<String, Json> = properties
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    json!({ "type": "object", "properties": map, "required": required })
}

/// A form's fields, each with whether it is required: texts, whatever they mean.
fn form<'a>(fields: impl IntoIterator<Item = (&'a str, bool)>) -> Json {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for (name, needed) in fields {
        properties.insert(name.to_owned(), json!({ "type": "string" }));
        required.extend(needed.then_some(name));
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false
    })
}

fn uuid() -> Json {
    json!({ "type": "string", "format": "uuid" })
}

fn fault() -> Json {
    json!({
        "type": "object",
        "properties": {
            "type": { "type": "string" },
            "loc": { "type": "array", "items": { "type": ["string", "integer"] } },
            "msg": { "type": "string" },
            "input": { "type": ["string", "number", "boolean", "null"] },
            "ctx": { "type": "object" }
        },
        "required": ["type", "loc", "msg"]
    })
}

fn model() -> Json {
    object(&[
        ("model_id", json!({ "type": "integer" })),
        (
            "task_id",
            json!({ "type": ["string", "null"], "format": "uuid" }),
        ),
        (
            "creation_time",
            json!({ "type": "string", "format": "date-time" }),
        ),
        (
            "status",
            json!({ "enum": ModelStatus::ALL.map(ModelStatus::name) }),
        ),
        (
            "use_percentage",
            json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        ),
        (
            "decision",
            json!({ "type": ["string", "null"], "description": "the last decision about it, alarms about the traffic apart" }),
        ),
        ("family", json!({ "type": ["string", "null"] })),
        ("train", json!({ "type": ["object", "null"] })),
        ("test", json!({ "type": ["object", "null"] })),
        ("lineage", json!({ "type": ["object", "null"] })),
    ])
}

fn request(schema: &Schema) -> Json {
    let mut request = body(&schema.user);
    request["properties"]["candidates"] = json!({
        "type": ["array", "null"],
        "items": { "type": "integer" },
        "minItems": 1,
        "maxItems": crate::MAX_CANDIDATES,
        "description": "rank only the items with these ids"
    });
    request
}

fn body(entity: &Entity) -> Json {
    let properties: Map<String, Json> = entity
        .fields
        .iter()
        .map(|f| (f.name.clone(), field(f)))
        .collect();
    let required: Vec<&str> = (entity.fields.iter().filter(|f| f.default.is_none()))
        .map(|f| f.name.as_str())
        .collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

fn ranked(schema: &Schema, item_id: &str) -> Json {
    let mut properties = Map::new();
    properties.insert(
        "score".to_owned(),
        json!({ "type": "number", "minimum": 0, "maximum": 1 }),
    );
    properties.insert(item_id.to_owned(), json!({ "type": "integer" }));
    properties.extend(columns(&schema.item));
    let required: Vec<String> = properties.keys().cloned().collect();
    properties.insert(
        "explain".to_owned(),
        json!({
            "type": ["object", "null"],
            "additionalProperties": { "type": "number" },
            "description": "each feature's contribution to the log-odds; null where the model or the item is no longer there"
        }),
    );
    json!({ "type": "object", "properties": properties, "required": required })
}

fn row(entity: &Entity, id_name: &str) -> Json {
    let mut properties = Map::new();
    properties.insert(id_name.to_owned(), json!({ "type": "integer" }));
    properties.extend(columns(entity));
    let nulls = entity
        .null_fields
        .iter()
        .map(|n| (n.clone(), json!({ "type": "null" })));
    properties.extend(nulls);
    let time = json!({ "type": "string", "format": "date-time" });
    properties.insert("creation_time".to_owned(), time);
    let required: Vec<&String> = properties.keys().collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

fn columns(entity: &Entity) -> impl Iterator<Item = (String, Json)> + '_ {
    entity.columns.iter().map(|column: &Column| {
        let mut value = kind(&column.kind);
        let field = &entity.fields[column.field];
        // Texts are erased with the person they tell of.
        if field.default.is_some() || column.kind == FieldType::Text {
            value = json!({ "anyOf": [value, { "type": "null" }] });
        }
        (column.name.clone(), value)
    })
}

fn kind(kind: &FieldType) -> Json {
    match kind {
        FieldType::Bool => json!({ "type": "boolean" }),
        FieldType::Int => json!({ "type": "integer" }),
        FieldType::Float => json!({ "type": "number" }),
        FieldType::Text => json!({ "type": "string" }),
        FieldType::Date => json!({ "type": "string", "format": "date" }),
        FieldType::Category(levels) => json!({ "type": "string", "enum": levels }),
        FieldType::IntList => json!({ "type": "array", "items": { "type": "integer" } }),
    }
}

fn field(field: &Field) -> Json {
    let mut shape = kind(&field.kind);
    match field.kind {
        FieldType::Text => {
            shape["maxLength"] = json!(field.max.map_or(MAX_TEXT, |m| m as usize));
            if let Some(min) = field.min {
                shape["minLength"] = json!(min as usize);
            }
        }
        FieldType::IntList => {
            shape["maxItems"] = json!(MAX_LIST);
            if field.summaries.is_some() {
                shape["minItems"] = json!(1);
            }
            bounds(field, &mut shape["items"]);
        }
        _ => bounds(field, &mut shape),
    }
    if field.default.is_some() {
        shape = json!({ "anyOf": [shape, { "type": "null" }] });
    }
    shape
}

fn bounds(field: &Field, shape: &mut Json) {
    for (key, bound) in [("minimum", field.min), ("maximum", field.max)] {
        if let Some(bound) = bound {
            shape[key] = json!(bound);
        }
    }
}
