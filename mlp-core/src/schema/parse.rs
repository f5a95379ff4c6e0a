//! From the schema file as typed to a checked schema.

use std::collections::HashSet;
use std::ops::Range;

use serde_json::json;
use sha2::{Digest, Sha256};
use toml::Spanned;

use super::error::{SchemaError, Source};
use super::names::{distinct_columns, distinct_entities, identifier, reserved};
use super::raw::{RawArg, RawEntity, RawFeature, RawField, RawSchema};
use super::{Column, Entity, Field, FieldType, Part, Schema};
use crate::feature::{FeatureSet, Operand, Place, SetBuilder};
use crate::validate;
use crate::value::Value;

/// The most fields of a user or an item: tables have an end, and so has a statement.
const MAX_FIELDS: usize = 400;

pub(super) fn schema(file: &str, text: &str) -> Result<Schema, SchemaError> {
    let source = Source { file, text };
    let raw: RawSchema = toml::from_str(text).map_err(|e| {
        // The parser gives the fault that it met first, which may be the second of the file: an
        // unclosed text spoils the next line.
        let (_, all) = toml::de::DeTable::parse_recoverable(text);
        let start = |e: &toml::de::Error| e.span().map_or(0, |s| s.start);
        let e = all.into_iter().min_by_key(start).unwrap_or(e);
        let message = e.message().trim_end_matches('.');
        let missing = message.starts_with("missing field");
        let key = source.key(start(&e)).filter(|_| !missing);
        source.error(start(&e), key, message)
    })?;
    let max_shown = max_shown(&source, raw.max_shown.as_ref())?;
    identifier(&source, &raw.name)?;
    let user = entity(&source, &raw.user)?;
    let item = entity(&source, &raw.item)?;
    distinct_entities(&source, &raw, &user, &item)?;
    let mut features = SetBuilder::new(&user, &item).map_err(|m| source.error(0, None, m))?;
    for raw in &raw.features {
        feature(&source, raw, &mut features)?;
    }
    let features = features.build();
    if features.is_empty() {
        return Err(source.error(0, None, "no field is a feature: a model needs at least 1"));
    }
    let hash = hash(&user, &item, &features);
    Ok(Schema {
        name: raw.name.into_inner(),
        max_shown,
        user,
        item,
        features,
        hash,
    })
}

fn feature(source: &Source, raw: &RawFeature, set: &mut SetBuilder) -> Result<(), SchemaError> {
    let name = identifier(source, &raw.name)?;
    let operands: Vec<Operand> = (raw.args.get_ref().iter())
        .map(|arg| match arg {
            RawArg::Name(name) => Operand::Name(name.clone()),
            RawArg::Number(number) => Operand::Number(*number),
        })
        .collect();
    let edges = raw.edges.as_ref().map(|e| e.get_ref().as_slice());
    set.add(&name, raw.op.get_ref(), &operands, edges)
        .map_err(|(place, message)| {
            let span = match place {
                Place::Name => raw.name.span(),
                Place::Op => raw.op.span(),
                Place::Args => raw.args.span(),
                Place::Edges => raw.edges.as_ref().map_or(raw.op.span(), Spanned::span),
            };
            source.error(span.start, Some(&name), message)
        })
}

fn max_shown(source: &Source, raw: Option<&Spanned<i64>>) -> Result<usize, SchemaError> {
    let Some(raw) = raw else { return Ok(100) };
    match usize::try_from(*raw.get_ref()) {
        Ok(n @ 1..=1024) => Ok(n),
        _ => Err(source.error(
            raw.span().start,
            Some("max_shown"),
            format!("`{}` is out of range, 1 to 1024", raw.get_ref()),
        )),
    }
}

fn entity(source: &Source, raw: &RawEntity) -> Result<Entity, SchemaError> {
    let name = identifier(source, &raw.name)?;
    let table = identifier(source, &raw.table)?;
    for (word, span) in [(&name, raw.name.span()), (&table, raw.table.span())] {
        if reserved(word) {
            return Err(source.error(span.start, Some(word), "the name is reserved"));
        }
    }
    let names: Vec<&str> = raw
        .fields
        .iter()
        .map(|f| f.name.get_ref().as_str())
        .collect();
    let mut fields = Vec::with_capacity(raw.fields.len());
    for field in &raw.fields {
        fields.push(self::field(source, field, &names, &raw.fields)?);
    }
    if fields.is_empty() {
        return Err(source.error(raw.name.span().start, Some(&name), "has no fields"));
    }
    if fields.len() > MAX_FIELDS {
        let message = format!(
            "has {} fields, at most {MAX_FIELDS} are allowed",
            fields.len()
        );
        return Err(source.error(
            raw.fields[MAX_FIELDS].name.span().start,
            Some(&name),
            message,
        ));
    }
    let mut null_fields = Vec::new();
    for null in &raw.null_fields {
        null_fields.push(identifier(source, null)?);
    }
    let columns = columns(&fields);
    distinct_columns(source, raw, &name, &columns)?;
    Ok(Entity {
        name,
        table,
        fields,
        columns,
        null_fields,
    })
}

fn columns(fields: &[Field]) -> Vec<Column> {
    let mut columns = Vec::new();
    for (position, field) in fields.iter().enumerate() {
        let mut push = |name, part, kind| {
            columns.push(Column {
                name,
                field: position,
                part,
                kind,
                missing: field
                    .default
                    .as_ref()
                    .and_then(Value::number)
                    .unwrap_or(0.0),
            });
        };
        match &field.summaries {
            None => push(field.name.clone(), Part::Whole, field.kind.clone()),
            Some(prefix) => {
                for (part, suffix) in Part::SUMMARIES {
                    push(format!("{prefix}_{suffix}"), part, FieldType::Float);
                }
            }
        }
    }
    columns
}

fn field(
    source: &Source,
    raw: &RawField,
    names: &[&str],
    siblings: &[RawField],
) -> Result<Field, SchemaError> {
    let name = identifier(source, &raw.name)?;
    let fail = |span: Range<usize>, message: String| source.error(span.start, Some(&name), message);
    let kind = kind(raw).map_err(|(span, message)| fail(span, message))?;
    let list = kind == FieldType::IntList;
    if let Some(summaries) = &raw.summaries {
        identifier(source, summaries)?;
        if !list {
            let message = format!("`summaries` needs type `int_list`, not `{}`", kind.name());
            return Err(fail(summaries.span(), message));
        }
    }
    let count = match &raw.count {
        None => None,
        Some(count) => Some(
            count_field(count.get_ref(), list, names, siblings)
                .map_err(|m| fail(count.span(), m))?,
        ),
    };
    bounds(raw, &kind).map_err(|(span, message)| fail(span, message))?;
    let visible = match kind {
        FieldType::Text | FieldType::Date => false,
        FieldType::IntList => raw.summaries.is_some(),
        _ => true,
    };
    if raw.feature == Some(true) && !visible {
        let message = format!("a `{}` field cannot be a feature by itself", kind.name());
        return Err(fail(raw.name.span(), message));
    }
    let mut field = Field {
        name: name.clone(),
        feature: raw.feature.unwrap_or(visible),
        kind,
        min: raw.min.as_ref().map(|m| *m.get_ref()),
        max: raw.max.as_ref().map(|m| *m.get_ref()),
        default: None,
        summaries: raw.summaries.as_ref().map(|s| s.get_ref().clone()),
        count,
    };
    if let Some(default) = &raw.default {
        if list {
            return Err(fail(default.span(), "a list has no default".to_owned()));
        }
        let text = match default.get_ref() {
            toml::Value::String(s) => s.clone(),
            other => other.to_string(),
        };
        let value = validate::cell(&field, &text)
            .map_err(|m| fail(default.span(), format!("default {m}")))?;
        field.default = Some(value);
    }
    Ok(field)
}

type SpannedMessage = (Range<usize>, String);

fn kind(raw: &RawField) -> Result<FieldType, SpannedMessage> {
    let kind = match raw.kind.get_ref().as_str() {
        "bool" => FieldType::Bool,
        "int" => FieldType::Int,
        "float" => FieldType::Float,
        "text" => FieldType::Text,
        "date" => FieldType::Date,
        "int_list" => FieldType::IntList,
        "category" => {
            let Some(levels) = &raw.levels else {
                return Err((raw.kind.span(), "a category needs `levels`".to_owned()));
            };
            let list = levels.get_ref();
            let distinct: HashSet<&String> = list.iter().collect();
            let bad = |l: &String| l.is_empty() || l.len() > 63 || l.contains(char::is_control);
            if !(1..=1000).contains(&list.len())
                || distinct.len() < list.len()
                || list.iter().any(bad)
            {
                let message = "levels must be 1 to 1000 different texts of 1 to 63 bytes, without control characters";
                return Err((levels.span(), message.to_owned()));
            }
            return Ok(FieldType::Category(list.clone()));
        }
        other => {
            let message = format!(
                "unknown type `{other}`: one of bool, int, float, text, date, category, int_list"
            );
            return Err((raw.kind.span(), message));
        }
    };
    match &raw.levels {
        Some(levels) => Err((levels.span(), "only a category has `levels`".to_owned())),
        None => Ok(kind),
    }
}

fn count_field(
    count: &str,
    list: bool,
    names: &[&str],
    siblings: &[RawField],
) -> Result<usize, String> {
    if !list {
        return Err("`count` needs type `int_list`".to_owned());
    }
    match names.iter().position(|n| *n == count) {
        Some(p) if siblings[p].kind.get_ref() == "int" => Ok(p),
        _ => Err(format!(
            "`count` names `{count}`, which is no `int` field here"
        )),
    }
}

fn bounds(raw: &RawField, kind: &FieldType) -> Result<(), SpannedMessage> {
    let bounded = matches!(
        kind,
        FieldType::Int | FieldType::Float | FieldType::Text | FieldType::IntList
    );
    for bound in [&raw.min, &raw.max].into_iter().flatten() {
        if !bounded {
            let message = format!("a `{}` field has no `min` or `max`", kind.name());
            return Err((bound.span(), message));
        }
        let value = *bound.get_ref();
        let whole = *kind == FieldType::Float || value.fract() == 0.0;
        if !value.is_finite() || !whole || (*kind == FieldType::Text && value < 0.0) {
            return Err((bound.span(), format!("`{value}` is no bound of this type")));
        }
    }
    if let (Some(min), Some(max)) = (&raw.min, &raw.max)
        && min.get_ref() > max.get_ref()
    {
        let message = format!("min `{}` is over max `{}`", min.get_ref(), max.get_ref());
        return Err((min.span(), message));
    }
    Ok(())
}

/// Bounds are left out: a narrower limit on requests leaves stored rows and models as they mean.
fn hash(user: &Entity, item: &Entity, features: &FeatureSet) -> String {
    // Lists alone: the order of an object's keys would depend on how serde_json was built.
    let entity = |e: &Entity| {
        let columns: Vec<_> = (e.columns.iter())
            .map(|c| {
                let levels = match &c.kind {
                    FieldType::Category(levels) => levels.as_slice(),
                    _ => &[],
                };
                json!([c.name, c.kind.name(), levels, c.missing])
            })
            .collect();
        json!([e.name, e.table, columns])
    };
    let features: Vec<_> = features.canonical().collect();
    let canonical = json!([entity(user), entity(item), features]).to_string();
    let digest = Sha256::digest(canonical.as_bytes());
    digest.iter().map(|b| format!("{b:02x}")).collect()
}
