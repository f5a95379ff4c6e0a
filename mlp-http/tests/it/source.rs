//! The crate knows no domain.

use std::path::Path;

/// Words of the shipped domain; a word counts where it stands alone or is a part of a name.
const WORDS: [&str; 20] = [
    "location",
    "budget",
    "pool",
    "spa",
    "nights",
    "people",
    "lake",
    "mountain",
    "sport",
    "breakfast",
    "lunch",
    "dinner",
    "animals",
    "pet",
    "travel",
    "hotel",
    "rating",
    "arrival",
    "children",
    "price",
];

fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let parts = text.split(|c: char| !c.is_ascii_alphabetic());
    parts.map(|word| word.trim_end_matches('s').to_ascii_lowercase())
}

fn check(directory: &Path, files: &mut usize) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            check(&path, files);
            continue;
        }
        *files += 1;
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            let found = words(line).find(|w| WORDS.iter().any(|t| t.trim_end_matches('s') == w));
            assert_eq!(found, None, "{}:{}: {line}", path.display(), number + 1);
        }
    }
}

#[test]
fn no_word_of_the_shipped_domain_is_in_the_source() {
    let mut files = 0;
    check(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    assert!(files > 20);
}
