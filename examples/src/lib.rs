//! Small programs against the public API: `cargo run -p mlp-examples --example rank`.
