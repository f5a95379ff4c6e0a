//! The travel domain, as the benchmarks use it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mlp_core::{Row, Schema};
use mlp_data::{
    Date, Location, LocationConfig, Mix, Streams, UserConfig, UserSampler, sample_catalog, shipped,
};

/// A file of `config/`.
pub fn config(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../config")
        .join(name)
}

/// The shipped schema.
pub fn schema() -> Arc<Schema> {
    let text = include_str!("../../../config/travel.toml");
    Arc::new(Schema::parse("travel.toml", text).unwrap())
}

/// The shipped catalog: 210 locations.
pub fn locations() -> Vec<Location> {
    let config = LocationConfig::from_reader("location.tsv", shipped::LOCATIONS.as_bytes());
    sample_catalog(
        &config.unwrap().value,
        &mut Streams::new(1, "bench").stream(0),
    )
}

/// Users of the shipped profiles.
pub fn users(n: usize) -> Vec<mlp_data::User> {
    let config = UserConfig::from_reader("user.tsv", shipped::USERS.as_bytes()).unwrap();
    let sampler = UserSampler::new(&config.value, Mix::Even, Date::FIRST_OF_2026);
    let mut rng = Streams::new(1, "bench").stream(1);
    (0..n).map(|_| sampler.sample(&mut rng).user).collect()
}

/// Rows of an entity, as a request's body would give them.
pub fn rows<T: serde::Serialize>(entity: &mlp_core::Entity, values: &[T]) -> Vec<Row> {
    let row = |value| entity.row_from_json(&serde_json::json!(value)).unwrap();
    values.iter().map(row).collect()
}
