//! The schema file as typed, before it is checked.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct RawSchema {
    pub name: Spanned<String>,
    pub max_shown: Option<Spanned<i64>>,
    pub user: RawEntity,
    pub item: RawEntity,
    #[serde(default)]
    pub features: Vec<RawFeature>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct RawEntity {
    pub name: Spanned<String>,
    pub table: Spanned<String>,
    #[serde(default)]
    pub null_fields: Vec<Spanned<String>>,
    pub fields: Vec<RawField>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
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
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct RawFeature {
    pub name: Spanned<String>,
    pub op: Spanned<String>,
    pub args: Spanned<Vec<RawArg>>,
    #[serde(default)]
    pub edges: Option<Spanned<Vec<f64>>>,
}

/// An operand: the name of a column or of an earlier feature, or a number.
pub(super) enum RawArg {
    Name(String),
    Number(f64),
}

// Not an untagged enum: its message would name this type and not what is wanted.
impl<'de> Deserialize<'de> for RawArg {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ArgVisitor;
        impl Visitor<'_> for ArgVisitor {
            type Value = RawArg;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a column or feature, or a number")
            }

            fn visit_str<E>(self, name: &str) -> Result<RawArg, E> {
                Ok(RawArg::Name(name.to_owned()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<RawArg, E> {
                Ok(RawArg::Number(number))
            }

            fn visit_i64<E>(self, number: i64) -> Result<RawArg, E> {
                Ok(RawArg::Number(number as f64))
            }
        }
        deserializer.deserialize_any(ArgVisitor)
    }
}
