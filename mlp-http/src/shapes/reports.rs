//! The shapes of what looks at the traffic found.

use serde_json::{Value as Json, json};

use super::object;

fn to(name: &str) -> Json {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn or_null(shape: Json) -> Json {
    json!({ "anyOf": [shape, { "type": "null" }] })
}

fn count() -> Json {
    json!({ "type": "integer", "minimum": 0 })
}

/// A share or a probability.
fn share() -> Json {
    json!({ "type": ["number", "null"], "minimum": 0, "maximum": 1 })
}

fn number() -> Json {
    json!({ "type": ["number", "null"] })
}

/// Microseconds since 1970.
fn moment() -> Json {
    json!({ "type": ["integer", "null"], "description": "microseconds since 1970" })
}

fn list(items: Json) -> Json {
    json!({ "type": "array", "items": items })
}

/// `WatchReport`.
pub(super) fn watch() -> Json {
    let id = || json!({ "type": ["integer", "null"] });
    object(&[
        (
            "created_us",
            json!({ "type": "integer", "description": "microseconds since 1970" }),
        ),
        ("model_id", id()),
        ("reference_model_id", id()),
        (
            "window",
            object(&[
                ("requests", count()),
                ("from_us", moment()),
                ("to_us", moment()),
                ("newest", id()),
            ]),
        ),
        ("drift", or_null(to("DriftReport"))),
        (
            "no_drift",
            json!({ "type": ["string", "null"], "description": "why there is no drift report" }),
        ),
        ("alarm_since_us", moment()),
        ("quality", to("Quality")),
    ])
}

/// `DriftReport`.
pub(super) fn drift() -> Json {
    let features = || list(json!({ "type": "string" }));
    object(&[
        ("verdict", json!({ "enum": ["calm", "drift", "too_few"] })),
        ("sentence", json!({ "type": "string" })),
        ("policy", json!({ "enum": ["one_look", "continuous"] })),
        ("alpha", json!({ "type": "number" })),
        ("reference_requests", count()),
        ("window_requests", count()),
        ("features", list(to("FeatureDrift"))),
        (
            "others",
            object(&[
                ("psi_over_0_1", features()),
                ("ks_uncorrected", features()),
                ("always", features()),
                ("never", features()),
            ]),
        ),
    ])
}

/// `FeatureDrift`.
pub(super) fn feature() -> Json {
    let numbers = || list(json!({ "type": "number" }));
    object(&[
        ("name", json!({ "type": "string" })),
        ("kind", json!({ "enum": ["numeric", "category"] })),
        ("drifted", json!({ "type": "boolean" })),
        ("p", share()),
        ("change", json!({ "type": "string" })),
        (
            "bars",
            object(&[
                ("labels", list(json!({ "type": "string" }))),
                ("reference", numbers()),
                ("window", numbers()),
            ]),
        ),
        (
            "statistics",
            json!({ "type": "object", "additionalProperties": number() }),
        ),
    ])
}

/// `Quality`.
pub(super) fn quality() -> Json {
    let rates = ["rate", "low", "high", "expected", "expected_shown"];
    let mut model = vec![("model_id", json!({ "type": "integer" }))];
    model.extend(["shown", "answered", "picked"].map(|name| (name, count())));
    model.extend(rates.map(|name| (name, share())));
    let mut explored = vec![("sessions", count()), ("picked", count())];
    let numbers = [
        "log_loss",
        "log_loss_low",
        "log_loss_high",
        "precision_at_1",
        "precision_at_1_low",
        "precision_at_1_high",
    ];
    explored.extend(numbers.map(|name| (name, number())));
    explored.push(("reliability", list(list(json!({ "type": "number" })))));
    object(&[
        ("models", list(object(&model))),
        ("coverage", share()),
        (
            "delay",
            or_null(object(&[
                ("p50_s", json!({ "type": "number" })),
                ("p90_s", json!({ "type": "number" })),
            ])),
        ),
        ("explored", or_null(object(&explored))),
    ])
}
