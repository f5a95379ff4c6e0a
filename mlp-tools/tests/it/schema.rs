//! A database whose schema has changed since its models were made.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::database::works;
use crate::process::{Server, free_port, get};

fn up(data: &Path, schema: &Path) -> Server {
    let args = ["--schema", schema.to_str().unwrap(), "--sessions", "400"];
    let mut server = Server::up(data, free_port(), &args);
    server.wait_until_ready();
    server
}

fn wait_for_model(server: &Server, id: i64) {
    let end = Instant::now() + Duration::from_secs(60);
    let wanted = format!("Model {id} answers");
    while !get(server.port, "/dashboard").is_some_and(|page| page.contains(&wanted)) {
        assert!(Instant::now() < end, "model {id} never answered");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn after_a_change_of_the_schema_a_model_is_trained_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/travel.toml");
    let server = up(data, &shipped);
    wait_for_model(&server, 1);
    assert_eq!(server.stop(), Some(0));

    let text = std::fs::read_to_string(&shipped).unwrap();
    let breakfast = "name = \"breakfast\"\ntype = \"bool\"\n";
    let without = format!("{breakfast}feature = false\n");
    assert!(text.contains(&without));
    let changed = data.join("changed.toml");
    std::fs::write(&changed, text.replace(&without, breakfast)).unwrap();
    let server = up(data, &changed);
    wait_for_model(&server, 2);
    assert_eq!(server.stop(), Some(0));

    // Back again: the same answers make the same model as at first, which is wanted all the same.
    let server = up(data, &shipped);
    wait_for_model(&server, 3);
    assert_eq!(server.stop(), Some(0));
    let list = works(data, &["models", "list"]);
    assert!(list.contains("     3  champion"), "{list}");
}
