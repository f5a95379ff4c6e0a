//! The page to try it: a form made from the schema, and from a form back to a body.

use maud::{Markup, html};
use mlp_core::{Fault, Field, FieldType, MAX_LIST, Schema, Value};
use serde_json::{Map, Value as Json};

use super::{Place, Shell, words};

/// A form as it was filled in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filled {
    values: Vec<(String, String)>,
    faults: Vec<Fault>,
}

impl Filled {
    /// With these values; a name that is no field is refused by [`Filled::body`].
    pub fn new(values: Vec<(String, String)>) -> Self {
        Self {
            values,
            faults: Vec::new(),
        }
    }

    /// With what is wrong with it.
    pub fn with_faults(mut self, faults: Vec<Fault>) -> Self {
        self.faults = faults;
        self
    }

    fn value(&self, field: &Field) -> Option<&str> {
        let found = self.values.iter().find(|(name, _)| *name == field.name);
        found.map(|(_, value)| value.as_str())
    }

    /// What a client would have sent as JSON; the schema judges it as it judges theirs.
    ///
    /// # Errors
    ///
    /// Where a field is sent that the form does not have.
    pub fn body(&self, schema: &Schema) -> Result<Json, &'static str> {
        let fields = &schema.user.fields;
        let known = |name: &String| fields.iter().any(|f| f.name == *name);
        if !self.values.iter().all(|(name, _)| known(name)) {
            return Err("the form has a field that is not known here");
        }
        let sent = fields.iter().filter_map(|field| {
            let json = json(field, self.value(field))?;
            Some((field.name.clone(), json))
        });
        Ok(Json::Object(sent.collect::<Map<_, _>>()))
    }

    /// What is wrong with a field, in sentences.
    fn faults_of(&self, field: &Field) -> Vec<String> {
        let of = |fault: &&Fault| fault.place().get(1).is_some_and(|n| *n == field.name);
        let said = self.faults.iter().filter(of).map(|fault| {
            match fault.place().get(2).and_then(Json::as_u64) {
                Some(index) => format!("Number {}: {}", index + 1, fault.message()),
                None => fault.message().to_owned(),
            }
        });
        said.collect()
    }
}

/// A field's text as JSON; `None` where nothing is sent, since nothing was given.
fn json(field: &Field, text: Option<&str>) -> Option<Json> {
    if field.kind == FieldType::Bool {
        // The schema reads the text; a box that is not ticked sends none.
        return Some(Json::String(text.unwrap_or("false").to_owned()));
    }
    let text = text?;
    match field.kind {
        FieldType::Text if field.default.is_none() => Some(Json::String(text.to_owned())),
        FieldType::IntList => {
            let text = text.trim().trim_start_matches('[').trim_end_matches(']');
            let parts = text.split([',', ';', ' ', '\t']).filter(|p| !p.is_empty());
            let parts: Vec<Json> = parts.map(|p| Json::String(p.to_owned())).collect();
            (!parts.is_empty() || field.default.is_none()).then_some(Json::Array(parts))
        }
        _ if text.trim().is_empty() => None,
        FieldType::Text | FieldType::Category(_) => Some(Json::String(text.to_owned())),
        _ => Some(Json::String(text.trim().to_owned())),
    }
}

/// The page with the form.
pub(crate) fn try_form(shell: Shell<'_>, schema: &Schema, filled: &Filled) -> String {
    let (item, items) = (
        words::plain(&schema.item.name),
        words::plain(&schema.item.table),
    );
    let wrong: Vec<(&Field, Vec<String>)> = (schema.user.fields.iter())
        .map(|field| (field, filled.faults_of(field)))
        .filter(|(_, faults)| !faults.is_empty())
        .collect();
    let (ticks, fields): (Vec<&Field>, Vec<&Field>) =
        (schema.user.fields.iter()).partition(|f| f.kind == FieldType::Bool);
    let main = html! {
        h1 { "Try it" }
        p { "Ask for the best " (items) ", see why each is where it is, and choose one. Your answer is kept, "
            "and the next model learns from it." }
        @if !wrong.is_empty() {
            div .notice.bad role="alert" {
                h2 { "Not yet" }
                ul {
                    @for (field, faults) in &wrong {
                        li { a href={ "#" (field.name) } { (words::title(&field.name)) } ": " (faults.join("; ")) }
                    }
                }
            }
        }
        form method="post" action="/try" novalidate accept-charset="utf-8" {
            div .fields {
                @for field in fields { (entry(field, filled)) }
            }
            @if !ticks.is_empty() {
                fieldset {
                    legend { "Yes or no" }
                    div .ticks {
                        @for field in ticks { (tick(field, filled)) }
                    }
                }
            }
            p { button type="submit" { "Find a " (item) } }
        }
    };
    shell.page(Place::Try, "Try it", &main)
}

fn tick(field: &Field, filled: &Filled) -> Markup {
    let faults = filled.faults_of(field);
    let on = filled.value(field).is_some_and(|value| value != "false");
    html! {
        div .tick {
            input type="checkbox" id=(field.name) name=(field.name) value="true" checked[on];
            label for=(field.name) { (words::title(&field.name)) }
            (told(field, &faults))
        }
    }
}

fn entry(field: &Field, filled: &Filled) -> Markup {
    let name = &field.name;
    let faults = filled.faults_of(field);
    let help = help(field);
    let value = filled.value(field).unwrap_or_default();
    let wrong = (!faults.is_empty()).then_some("true");
    let mut described = Vec::new();
    if wrong.is_some() {
        described.push(format!("{name}-fault"));
    }
    if help.is_some() {
        described.push(format!("{name}-help"));
    }
    let described = (!described.is_empty()).then(|| described.join(" "));
    let required = field.default.is_none().then_some("true");
    html! {
        div .field.wrong[wrong.is_some()] {
            label for=(name) { (words::title(name)) }
            @if let Some(help) = &help { p .help id={ (name) "-help" } { (help) } }
            (told(field, &faults))
            @if let FieldType::Category(levels) = &field.kind {
                select id=(name) name=(name) aria-invalid=[wrong] aria-describedby=[described] {
                    @if field.default.is_some() {
                        option value="" selected[value.is_empty()] { "(not given)" }
                    }
                    @for level in levels {
                        option value=(level) selected[level == value] { (level) }
                    }
                }
            } @else {
                input id=(name) name=(name) type=(kind(field)) value=(value) inputmode=[mode(field)]
                    autocomplete="off" aria-invalid=[wrong] aria-required=[required] aria-describedby=[described];
            }
        }
    }
}

fn told(field: &Field, faults: &[String]) -> Markup {
    html! {
        @if !faults.is_empty() {
            p .fault id={ (field.name) "-fault" } { (faults.join("; ")) }
        }
    }
}

fn kind(field: &Field) -> &'static str {
    match field.kind {
        FieldType::Date => "date",
        // Not `number`, which sends nothing where the text is none, so that nothing could be said of it.
        _ => "text",
    }
}

fn mode(field: &Field) -> Option<&'static str> {
    match field.kind {
        // Numeric keypads of phones have no minus.
        FieldType::Int if field.min.is_some_and(|min| min >= 0.0) => Some("numeric"),
        FieldType::Float if field.min.is_some_and(|min| min >= 0.0) => Some("decimal"),
        _ => None,
    }
}

/// What may be written, in words.
fn help(field: &Field) -> Option<String> {
    let what = match &field.kind {
        FieldType::Int => Some("a whole number"),
        FieldType::Float => Some("a number"),
        FieldType::IntList => Some("whole numbers with commas between, such as 34, 31, 8"),
        FieldType::Text => None,
        FieldType::Bool | FieldType::Date | FieldType::Category(_) => None,
    };
    let limits = limits(field);
    let default = match &field.default {
        None | Some(Value::Null) => None,
        Some(Value::Text(text)) if text.is_empty() => None,
        Some(_) => Some("may be left out"),
    };
    let parts: Vec<String> = [what.map(str::to_owned), limits, default.map(str::to_owned)]
        .into_iter()
        .flatten()
        .collect();
    let text = parts.join(", ");
    let mut letters = text.chars();
    let first = letters.next()?;
    Some(first.to_uppercase().chain(letters).collect())
}

fn limits(field: &Field) -> Option<String> {
    let unit = match field.kind {
        FieldType::Text => " characters",
        _ => "",
    };
    let each = match field.kind {
        FieldType::IntList => "each ",
        _ => "",
    };
    // A bound that only keeps nonsense out helps nobody who fills in a form.
    let far = |x: f64| x.abs() >= 1e6;
    let limits = match (field.min, field.max.filter(|max| !far(*max))) {
        (Some(min), Some(max)) if !far(min) => Some(format!(
            "{each}{} to {}{unit}",
            words::number(min),
            words::number(max)
        )),
        (Some(min), None) if !far(min) => {
            Some(format!("{each}at least {}{unit}", words::number(min)))
        }
        (_, Some(max)) => Some(format!("{each}at most {}{unit}", words::number(max))),
        _ => None,
    };
    match field.kind {
        FieldType::IntList if limits.is_none() => {
            Some(format!("at most {} of them", words::count(MAX_LIST as u64)))
        }
        FieldType::Int | FieldType::Float | FieldType::Text | FieldType::IntList => limits,
        _ => None,
    }
}
