//! The items of one answer, in the order in which a user sees them.

use std::borrow::Cow;

use mlp_data::Location;
use serde::de::value::MapAccessDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};

/// What `GET /inference/results/{task_id}` shows, best first; the arrays run in parallel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    /// The model's score of each item, shape `(n_shown,)`.
    pub scores: Vec<f64>,
    /// Each item's id, shape `(n_shown,)`.
    pub ids: Vec<i64>,
    /// Each item, shape `(n_shown,)`.
    pub locations: Vec<Location>,
}

impl Shown {
    /// The number of items.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// True where nothing is shown.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Replaces the content by the items of a JSON list, keeping the buffers.
    ///
    /// After an error the content is unspecified.
    pub fn read(&mut self, json: &[u8]) -> Result<(), serde_json::Error> {
        self.scores.clear();
        self.ids.clear();
        self.locations.clear();
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        Rows(self).deserialize(&mut deserializer)?;
        deserializer.end()
    }
}

struct Rows<'a>(&'a mut Shown);

impl<'de> DeserializeSeed<'de> for Rows<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while rows.next_element_seed(Row(self.0))?.is_some() {}
        Ok(())
    }
}

/// Reads one element in one pass; `#[serde(flatten)]` would first copy it into a tree.
struct Row<'a>(&'a mut Shown);

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an item with `score` and `location_id`")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let mut columns = Columns {
            map,
            score: None,
            id: None,
        };
        let location = Location::deserialize(MapAccessDeserializer::new(&mut columns))?;
        let Columns { score, id, .. } = columns;
        self.0
            .scores
            .push(score.ok_or_else(|| Error::missing_field("score"))?);
        self.0
            .ids
            .push(id.ok_or_else(|| Error::missing_field("location_id"))?);
        self.0.locations.push(location);
        Ok(())
    }
}

/// Keeps the two columns that are no field of the item and passes on the rest.
struct Columns<A> {
    map: A,
    score: Option<f64>,
    id: Option<i64>,
}

#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for &mut Columns<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(Key(key)) = self.map.next_key::<Key<'de>>()? {
            match key.as_ref() {
                "score" => self.score = Some(self.map.next_value()?),
                "location_id" => self.id = Some(self.map.next_value()?),
                field => return seed.deserialize(field.into_deserializer()).map(Some),
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}
