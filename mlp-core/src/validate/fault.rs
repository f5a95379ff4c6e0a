//! One thing that is wrong with a request, in the shape that FastAPI gives it.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value as Json, json};

/// One thing that is wrong with a request: serialises as
/// `{"type": …, "loc": […], "msg": …, "input": …, "ctx": {…}}`.
///
/// `input` is there only for scalars, since a body echoes personal data.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    kind: &'static str,
    place: Vec<Json>,
    message: String,
    input: Option<Json>,
    context: Option<Json>,
}

/// `body.patience: Input should be a valid integer`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, part) in self.place.iter().enumerate() {
            let dot = if depth > 0 { "." } else { "" };
            match part {
                Json::String(name) => write!(f, "{dot}{name}")?,
                other => write!(f, "{dot}{other}")?,
            }
        }
        write!(f, ": {}", self.message)
    }
}

impl Fault {
    /// A fault of the given kind at a place such as `["body", "patience"]`.
    pub fn new(kind: &'static str, place: Vec<Json>, message: impl Into<String>) -> Self {
        Self {
            kind,
            place,
            message: message.into(),
            input: None,
            context: None,
        }
    }

    /// Adds the offending value; anything but a scalar is left out.
    #[must_use]
    pub fn with_input(mut self, input: &Json) -> Self {
        self.input = match input {
            Json::Object(_) | Json::Array(_) => None,
            Json::String(text) => Some(Json::String(shortened(text))),
            scalar => Some(scalar.clone()),
        };
        self
    }

    /// Adds the limits that the message speaks of.
    #[must_use]
    pub fn with_context(mut self, context: Json) -> Self {
        self.context = Some(context);
        self
    }

    /// The kind, as in `int_parsing`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Where it is: what of the request, the field, and the position in a list.
    pub fn place(&self) -> &[Json] {
        &self.place
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn at(kind: &'static str, field: &str, message: impl Into<String>) -> Self {
        Self::new(kind, vec![json!("body"), json!(field)], message)
    }

    pub(super) fn under(mut self, index: usize) -> Self {
        self.place.push(json!(index));
        self
    }

    pub(super) fn missing(field: &str) -> Self {
        Self::at("missing", field, "Field required")
    }

    pub(super) fn not_an_object(body: &Json) -> Self {
        if body.is_null() {
            return Self::new("missing", vec![json!("body")], "Field required").with_input(body);
        }
        let message = "Input should be a valid dictionary or object to extract fields from";
        Self::new("model_attributes_type", vec![json!("body")], message).with_input(body)
    }

    pub(super) fn count(field: &str, other: &str, expected: i64, found: usize) -> Self {
        let message = format!("Value error, {found} elements where `{other}` is {expected}");
        Self::at("value_error", field, message)
            .with_context(json!({ "expected": expected, "actual_length": found }))
    }
}

/// A long text is no more use to the reader than its beginning.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 100;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.kind)?;
        map.serialize_entry("loc", &self.place)?;
        map.serialize_entry("msg", &self.message)?;
        if let Some(input) = &self.input {
            map.serialize_entry("input", input)?;
        }
        if let Some(context) = &self.context {
            map.serialize_entry("ctx", context)?;
        }
        map.end()
    }
}
