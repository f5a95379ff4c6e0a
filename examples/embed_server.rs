//! The API server inside another program: a store in a file, the live models, the routes.
//!
//! ```text
//! cargo run --release -p mlp-examples --example embed_server -- /tmp/books.db
//! curl -s localhost:4790/inference/rank -d '{"age": 31, "likes_long": true}'
//! ```
//!
//! There is no worker here, so `/inference/start` would wait for one; `/inference/rank` ranks in
//! this process. Ctrl-C stops it: requests under way still finish.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use mlp_core::{Row, Schema, Value};
use mlp_http::{App, serve};
use mlp_store::sqlite::SqliteStore;
use mlp_store::{ItemChange, Live, LiveOptions, Store, StoreOptions};

const DOMAIN: &str = r#"
    name = "books"

    [user]
    name = "reader"
    table = "readers"
    fields = [{ name = "age", type = "int", min = 0 }, { name = "likes_long", type = "bool" }]

    [item]
    name = "book"
    table = "books"
    fields = [{ name = "pages", type = "int", min = 1 }, { name = "rating", type = "float" }]
"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args()
        .nth(1)
        .map_or_else(|| PathBuf::from("books.db"), PathBuf::from);
    let schema = Arc::new(Schema::parse("books", DOMAIN)?);
    let options = StoreOptions::new().server(true);
    let store: Arc<dyn Store> = SqliteStore::open(&path, Arc::clone(&schema), options)?;
    if store.counts()?.items == 0 {
        let book = |pages: i64| ItemChange::Put {
            item_id: None,
            row: Row(vec![Value::Int(pages), Value::Float(pages as f64 % 5.0)]),
        };
        store.change_items(&[book(96), book(320), book(1204)])?;
    }
    let live = Live::start(
        Arc::clone(&store),
        Arc::clone(&schema),
        LiveOptions::default(),
    )?;
    let app = App::builder(schema, store, live).build()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:4790").await?;
    println!("serving http://{}/docs", listener.local_addr()?);
    let stop = async {
        tokio::signal::ctrl_c().await.ok();
    };
    let report = serve(listener, app, stop).await?;
    println!("{} of {} connections were cut", report.cut, report.open);
    Ok(())
}
