//! The pages in a real browser.

mod driver;
mod trying;
mod watching;

use driver::{Page, browse};

use crate::support::Server;

fn origin(server: &Server) -> String {
    format!("http://{}", server.address)
}
