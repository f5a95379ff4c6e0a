//! The schema file as typed, before it is checked.

use serde::Deserialize;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSchema {
    pub name: Spanned<String>,
    pub max_shown: Option<Spanned<i64>>,
    pub user: RawEntity,
    pub item: RawEntity,
    #[serde(default)]
    pub features: Vec<RawFeature>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEntity {
    pub name: Spanned<String>,
    pub table: Spanned<String>,
    #[serde(default)]
    pub null_fields: Vec<Spanned<String>>,
    pub fields: Vec<RawField>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawField {
    pub name: Spanned<String>,
    #[serde(rename = "type")]
    pub kind: Spanned<String>,
    pub levels: Option<Spanned<Vec<String>>>,
    pub min: Option<Spanned<f64>>,
    pub max: Option<Spanned<f64>>,
    pub default: Option<Spanned<toml::Value>>,
    pub feature: Option<bool>,
    pub summaries: Option<Spanned<String>>,
    pub count: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFeature {
    pub name: Spanned<String>,
    pub op: Spanned<String>,
    pub args: Spanned<Vec<RawArg>>,
    #[serde(default)]
    pub edges: Option<Spanned<Vec<f64>>>,
}

/// An operand: the name of a column or of an earlier feature, or a number.
#[derive(Deserialize, Clone)]
#[serde(untagged)]
pub(super) enum RawArg {
    Name(String),
    Number(f64),
}
