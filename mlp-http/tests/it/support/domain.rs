//! The two schemas, with requests and models that fit.

use std::sync::Arc;

use mlp_core::{ARTIFACT_FORMAT, Artifact, Family, FieldType, Schema};
use mlp_store::conformance;
use serde_json::{Map, Value as Json, json};

#[derive(Clone)]
pub struct Domain {
    pub schema: Arc<Schema>,
}

/// Both.
pub fn domains() -> [Domain; 2] {
    [Domain::travel(), Domain::reading()]
}

impl Domain {
    pub fn travel() -> Self {
        let schema = conformance::travel();
        Self { schema }
    }

    pub fn reading() -> Self {
        let schema = conformance::reading();
        Self { schema }
    }

    pub fn item_id(&self) -> String {
        self.schema.item.id_name()
    }

    /// `/content/{item}/{id}`.
    pub fn item_path(&self, id: i64) -> String {
        format!("/content/{}/{id}", self.schema.item.name)
    }

    pub fn user_path(&self, id: i64) -> String {
        format!("/content/{}/{id}", self.schema.user.name)
    }

    /// A valid request, different for each seed.
    pub fn request(&self, seed: i64) -> Json {
        body(&self.schema.user, seed)
    }

    /// A valid body of an item.
    pub fn item(&self, seed: i64) -> Json {
        body(&self.schema.item, seed)
    }

    /// Items as people would find them: ratings up to 5, prices of a night, other numbers small.
    pub fn plausible_item(&self, seed: i64) -> Json {
        let mut item = self.item(seed);
        for (position, field) in self.schema.item.fields.iter().enumerate() {
            let mixed = (seed * 7919 + position as i64 * 104_729).rem_euclid(1000);
            let value = match field.kind {
                FieldType::Bool => json!(mixed % 3 == 0),
                FieldType::Float if field.name == "price" => json!(60 + mixed * 2 / 5),
                FieldType::Float => json!((mixed % 51) as f64 / 10.0),
                _ => continue,
            };
            item[&field.name] = value;
        }
        item
    }

    /// A model that a person may follow: it minds the price and likes what is met.
    pub fn plausible_artifact(&self) -> String {
        let mut artifact = Artifact::from_json(&self.artifact(1)).unwrap();
        for (weight, name) in artifact.weights.iter_mut().zip(&artifact.features) {
            *weight = match name.as_str() {
                "over_budget" => -4.0,
                "price" => -0.004,
                name if name.ends_with("_met") => 0.7,
                name if name.ends_with("_rating") => 0.15,
                name if name.contains("genre") => 0.6,
                _ => *weight,
            };
        }
        artifact.to_json()
    }

    /// A model that likes what it likes; another for each seed.
    pub fn artifact(&self, seed: u32) -> String {
        let features: Vec<String> = self.schema.features.names().to_vec();
        let n = features.len();
        let weight = |i: usize| (f64::from(seed) + i as f64).sin() / 1000.0;
        let artifact = Artifact {
            format: ARTIFACT_FORMAT,
            family: Family::Logistic,
            domain: self.schema.name.clone(),
            schema_hash: self.schema.hash().to_owned(),
            features,
            scaling: Default::default(),
            selection: None,
            center: vec![0.0; n],
            scale: vec![1.0; n],
            weights: (0..n).map(weight).collect(),
            standard_errors: None,
            bias: -1.0,
            lineage: Default::default(),
            train: Default::default(),
            test: Default::default(),
            reference: None,
            pick_curve: None,
        };
        artifact.to_json()
    }
}

fn body(entity: &mlp_core::Entity, seed: i64) -> Json {
    let mut body = Map::new();
    for field in &entity.fields {
        let number = |n: f64| {
            let low = field.min.unwrap_or(f64::NEG_INFINITY);
            n.clamp(low, field.max.unwrap_or(f64::INFINITY))
        };
        let value = match &field.kind {
            FieldType::Bool => json!(seed % 2 == 0),
            FieldType::Int => json!(number((seed % 50) as f64) as i64),
            FieldType::Float => json!(number((seed % 997) as f64 + 0.25)),
            FieldType::Text => json!(format!("N{seed} \"ü\"")),
            FieldType::Date => json!("2026-01-15"),
            FieldType::Category(levels) => json!(levels[seed as usize % levels.len()]),
            FieldType::IntList => json!([number(30.0) as i64, number(40.0) as i64]),
        };
        body.insert(field.name.clone(), value);
    }
    for field in &entity.fields {
        if let Some(count) = field.count {
            body.insert(entity.fields[count].name.clone(), json!(2));
        }
    }
    Json::Object(body)
}
