//! Words of the travel domain stay out of the crates that know no domain.

use std::path::{Path, PathBuf};

/// The crates, whose sources are read; the conformance suite is a test and may name its schemas.
const CRATES: [&str; 4] = ["mlp-core", "mlp-store", "mlp-http", "mlp-worker"];

/// Whole words, beside the names of the travel schema's own fields.
const WORDS: &[&str] = &[
    "travel",
    "location",
    "locations",
    "hotel",
    "guest",
    "pet",
    "spas",
    "lakes",
    "mountains",
    "arrival",
];

/// Fields of the travel schema whose names are words of any program.
const COMMON: [&str; 2] = ["name", "children"];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("conformance") {
                sources(&path, found);
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_crate_but_the_data_and_the_tools_knows_the_domain() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = std::fs::read_to_string(root.join("config/travel.toml")).unwrap();
    let schema = mlp_core::Schema::parse("travel.toml", &text).unwrap();
    let fields = schema.user.fields.iter().chain(&schema.item.fields);
    let mut words: Vec<String> = fields.map(|f| f.name.clone()).collect();
    words.retain(|word| !COMMON.contains(&word.as_str()));
    words.extend(WORDS.iter().map(|w| (*w).to_owned()));
    let mut files = Vec::new();
    for name in CRATES {
        sources(&root.join(name).join("src"), &mut files);
    }
    assert!(files.len() > 60, "only {} files were found", files.len());
    let mut found = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            let mut parts = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            // RabbitMQ has a user of that name, HTTP a header.
            let may = |word: &str| {
                word == "guest" && file.ends_with("celery/examine.rs") || word == "LOCATION"
            };
            let is_known = |p: &&str| words.iter().any(|w| w == &p.to_ascii_lowercase());
            if let Some(word) = parts.find(|p| is_known(p) && !may(p)) {
                let file = file.strip_prefix(root).unwrap().display();
                found.push(format!("{file}:{}: {word}", number + 1));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
