//! Compose files, as far as the tests ask.

use std::collections::BTreeMap;
use std::path::PathBuf;

use yaml_rust2::yaml::Hash;
use yaml_rust2::{Yaml, YamlLoader};

/// The root of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A file of the repository.
pub fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// One compose file.
pub struct Compose {
    pub services: Vec<Service>,
    pub volumes: Vec<String>,
}

/// One service, its merge keys resolved.
pub struct Service {
    pub name: String,
    body: Hash,
}

impl Compose {
    /// Parses a file of the repository.
    pub fn read(path: &str) -> Self {
        let documents = YamlLoader::load_from_str(&text(path)).unwrap();
        assert_eq!(documents.len(), 1, "{path}");
        let services = hash(&documents[0]["services"]).into_iter();
        Self {
            services: services
                .map(|(name, body)| Service {
                    name: scalar(&name),
                    body: hash(&body),
                })
                .collect(),
            volumes: keys(&documents[0]["volumes"]),
        }
    }

    /// The service of a name.
    pub fn service(&self, name: &str) -> &Service {
        let found = self.services.iter().find(|s| s.name == name);
        found.unwrap_or_else(|| panic!("no service `{name}`"))
    }
}

impl Service {
    fn get(&self, key: &str) -> Yaml {
        let value = self.body.get(&Yaml::String(key.to_owned()));
        value.cloned().unwrap_or(Yaml::BadValue)
    }

    /// A scalar; empty where it is not set.
    pub fn text(&self, key: &str) -> String {
        scalar(&self.get(key))
    }

    /// A list of scalars; empty where it is not set.
    pub fn list(&self, key: &str) -> Vec<String> {
        let list = self.get(key);
        list.as_vec()
            .map_or(Vec::new(), |l| l.iter().map(scalar).collect())
    }

    /// The names in a list, or the keys of a map.
    pub fn keys(&self, key: &str) -> Vec<String> {
        keys(&self.get(key))
    }

    /// A map of scalars.
    pub fn map(&self, key: &str) -> BTreeMap<String, String> {
        let map = hash(&self.get(key)).into_iter();
        map.map(|(k, v)| (scalar(&k), scalar(&v))).collect()
    }

    /// The variables, before Compose fills them in.
    pub fn environment(&self) -> BTreeMap<String, String> {
        self.map("environment")
    }
}

fn keys(value: &Yaml) -> Vec<String> {
    match value {
        Yaml::Array(list) => list.iter().map(scalar).collect(),
        other => hash(other).keys().map(scalar).collect(),
    }
}

fn scalar(value: &Yaml) -> String {
    match value {
        Yaml::String(text) | Yaml::Real(text) => text.clone(),
        Yaml::Integer(number) => number.to_string(),
        Yaml::Boolean(flag) => flag.to_string(),
        _ => String::new(),
    }
}

/// A map with what its `<<` bring: its own keys win, then the earlier of several maps.
fn hash(value: &Yaml) -> Hash {
    let mut found = Hash::new();
    for (key, value) in value.as_hash().into_iter().flatten() {
        if scalar(key) != "<<" {
            found.insert(key.clone(), value.clone());
        }
    }
    let merge = &value["<<"];
    let merged = match merge {
        Yaml::Array(list) => list.iter().map(hash).collect(),
        Yaml::BadValue => Vec::new(),
        one => vec![hash(one)],
    };
    for (key, value) in merged.into_iter().flatten() {
        found.entry(key).or_insert(value);
    }
    found
}

/// Every `${NAME…}` of a file, with what follows the name. `$$` is a dollar.
pub fn references(text: &str) -> Vec<(String, String)> {
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    let parts = text.split("${").skip(1);
    parts
        .map(|part| {
            let inner = part.split('}').next().unwrap();
            let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let (name, rest) = inner.split_at(end.unwrap_or(inner.len()));
            (name.to_owned(), rest.to_owned())
        })
        .collect()
}

/// The names of [`references`].
pub fn variables(text: &str) -> Vec<String> {
    references(text).into_iter().map(|(name, _)| name).collect()
}

/// A line of `.env.example` that sets something, or would without its `#`.
pub struct Line {
    pub name: String,
    pub value: String,
    pub commented: bool,
}

/// The lines of `.env.example`.
pub fn example() -> Vec<Line> {
    let text = text(".env.example");
    let lines = text.lines().filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        let bare = name.trim_start_matches('#');
        let is_name = |c: char| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit();
        (!bare.is_empty() && bare.chars().all(is_name)).then(|| Line {
            name: bare.to_owned(),
            value: value.trim_matches('"').to_owned(),
            commented: bare != name,
        })
    });
    lines.collect()
}

/// The name of an image, whose tag must say a version.
pub fn image_name(image: &str) -> String {
    let (name, tag) = (image.rsplit_once(':')).unwrap_or_else(|| panic!("`{image}` has no tag"));
    let says_version = tag.contains(|c: char| c.is_ascii_digit()) || tag.starts_with("bookworm");
    assert!(says_version, "`{image}` is not pinned");
    name.rsplit('/').next().unwrap().to_owned()
}
