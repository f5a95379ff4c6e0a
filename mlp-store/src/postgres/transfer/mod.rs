//! All that the database holds, page by page, out and in.

mod export;
mod import;
