//! The OpenAPI document, from the schema and the table of routes.

use mlp_core::Schema;
use serde_json::{Map, Value as Json, json};

use crate::auth::Guard;
use crate::routes::{Parameter, Route, Scope};
use crate::shapes::{Shape, definitions};

/// What is said of a parameter.
pub(crate) struct About {
    pub name: &'static str,
    /// `query` or `header`.
    pub place: &'static str,
    pub shape: Json,
    pub text: &'static str,
}

impl Parameter {
    pub fn about(self, schema: &Schema) -> About {
        let (name, place, text) = match self {
            Self::Limit => ("limit", "query", "how many results"),
            Self::PageLimit => ("limit", "query", "how many rows"),
            Self::HistoryLimit => ("limit", "query", "how many reports"),
            Self::After => ("after", "query", "only rows with a greater id"),
            Self::Wait => ("wait", "query", "seconds to wait for the end, at most 30"),
            Self::Explain => (
                "explain",
                "query",
                "each feature's contribution to the log-odds",
            ),
            Self::IdempotencyKey => (
                "Idempotency-Key",
                "header",
                "1 to 255 visible ASCII characters; a repeat answers the first request's task",
            ),
            Self::Priority => (
                "Priority",
                "header",
                "`u=N` as in RFC 9218; an urgency N of 4 to 7 is ranked when nothing more urgent waits",
            ),
        };
        let shape = match self {
            Self::Limit => json!({
                "type": "integer", "minimum": 1, "default": crate::DEFAULT_RESULTS.min(schema.max_shown),
                "description": format!("more than {} is {}", schema.max_shown, schema.max_shown)
            }),
            Self::PageLimit => json!({
                "type": "integer", "minimum": 1, "default": crate::DEFAULT_PAGE,
                "description": format!("more than {} is {}", crate::MAX_PAGE, crate::MAX_PAGE)
            }),
            Self::HistoryLimit => json!({
                "type": "integer", "minimum": 1, "default": crate::DEFAULT_REPORTS,
                "description": format!("more than {most} is {most}", most = crate::MAX_REPORTS)
            }),
            Self::After => json!({ "type": "integer", "default": 0 }),
            Self::Wait => json!({ "type": "number", "minimum": 0, "default": 0 }),
            Self::Explain => json!({ "type": "boolean", "default": false }),
            Self::IdempotencyKey => {
                json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" })
            }
            Self::Priority => json!({ "type": "string", "default": "u=3" }),
        };
        About {
            name,
            place,
            shape,
            text,
        }
    }
}

/// What a status means where a request does not succeed.
pub(crate) fn meaning(status: u16) -> &'static str {
    match status {
        400 => "the body is not complete, or the store refuses it",
        401 => "the token is missing or wrong",
        404 => "there is no such thing",
        409 => "not in this state",
        422 => "the request is not valid; every fault is listed",
        500 => "the task failed",
        503 => "too much waits already: try again after `Retry-After` seconds",
        _ => "error",
    }
}

/// The document.
pub(crate) fn document(schema: &Schema, routes: &[Route], guard: &Guard) -> Json {
    let mut paths: Map<String, Json> = Map::new();
    for route in routes {
        let place = paths.entry(route.path.clone()).or_insert_with(|| json!({}));
        let method = route.method.as_str().to_ascii_lowercase();
        place[method] = operation(schema, route, guard);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": format!("mlp: {}", schema.name),
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Ranks items for users, learns from what they pick. A slash at the end of a path makes no difference."
        },
        "paths": paths,
        "components": {
            "schemas": definitions(schema),
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "cookie": { "type": "apiKey", "in": "cookie", "name": "mlp_session" }
            }
        }
    })
}

fn operation(schema: &Schema, route: &Route, guard: &Guard) -> Json {
    let mut operation = json!({
        "operationId": format!("{:?}", route.endpoint),
        "summary": route.summary,
        "tags": [format!("{:?}", route.scope).to_lowercase()],
        "responses": responses(route, guard),
    });
    let parameters = parameters(schema, route);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(body) = route.body {
        operation["requestBody"] = json!({
            "required": true,
            "content": { body.encoding().media_type(): { "schema": body.reference() } }
        });
    }
    if guard.protects(route) {
        operation["security"] = match route.scope {
            Scope::Dashboard => json!([{ "token": [] }, { "cookie": [] }]),
            _ => json!([{ "token": [] }]),
        };
    }
    operation
}

fn parameters(schema: &Schema, route: &Route) -> Vec<Json> {
    let in_path = route.path_parameter().map(|name| {
        let shape = match name {
            "task_id" => json!({ "type": "string", "format": "uuid" }),
            "file" => json!({ "type": "string" }),
            _ => json!({ "type": "integer" }),
        };
        json!({ "name": name, "in": "path", "required": true, "schema": shape })
    });
    let others = route.parameters.iter().map(|parameter| {
        let about = parameter.about(schema);
        json!({
            "name": about.name,
            "in": about.place,
            "description": about.text,
            "schema": about.shape
        })
    });
    in_path.into_iter().chain(others).collect()
}

fn responses(route: &Route, guard: &Guard) -> Json {
    let mut success = json!({ "description": "done" });
    for media_type in route.answer.media_types() {
        success["content"][*media_type] = json!({ "schema": route.answer.reference() });
    }
    let mut responses = json!({ route.success().to_string(): success });
    let token = guard.protects(route).then_some(401);
    for status in token.into_iter().chain(route.failures.iter().copied()) {
        let shape = if status == 422 { "Faults" } else { "Error" };
        let reference = format!("#/components/schemas/{shape}");
        let content = if route.is_page() {
            json!({ "text/html": { "schema": { "type": "string" } } })
        } else {
            json!({ "application/json": { "schema": { "$ref": reference } } })
        };
        responses[status.to_string()] =
            json!({ "description": meaning(status), "content": content });
    }
    responses
}

/// A body that would be accepted, for examples.
pub(crate) fn example(schema: &Schema, shape: Shape) -> Option<Json> {
    let entity = match shape {
        Shape::Request => &schema.user,
        Shape::ItemBody => &schema.item,
        Shape::Selection => {
            let id_name = schema.item.id_name();
            return Some(json!({ "task_id": "0198c1f2-7a3b-7c4d-8e5f-60718293a4b5", id_name: 1 }));
        }
        _ => return None,
    };
    let mut body: Map<String, Json> = entity.fields.iter().map(example_field).collect();
    for field in &entity.fields {
        let counted = field.count.map(|c| &entity.fields[c].name);
        if let Some(counted) = counted {
            let length = body[&field.name].as_array().map_or(0, Vec::len);
            body.insert(counted.clone(), json!(length));
        }
    }
    Some(Json::Object(body))
}

fn example_field(field: &mlp_core::Field) -> (String, Json) {
    use mlp_core::FieldType;
    let number = |otherwise: f64| {
        let low = field.min.unwrap_or(f64::NEG_INFINITY);
        let high = field.max.unwrap_or(f64::INFINITY);
        otherwise.clamp(low, high)
    };
    let value = match &field.kind {
        FieldType::Bool => json!(true),
        FieldType::Int => json!(number(2.0).ceil() as i64),
        FieldType::Float => json!(number(99.5)),
        FieldType::Text => json!("x".repeat(field.min.unwrap_or(1.0).max(1.0) as usize)),
        FieldType::Date => json!("2026-01-15"),
        FieldType::Category(levels) => json!(levels.first()),
        FieldType::IntList => json!([number(35.0).ceil() as i64, number(33.0).ceil() as i64]),
    };
    (field.name.clone(), value)
}
