//! Text as every backend takes it.

use std::borrow::Cow;

/// Text that PostgreSQL takes: it has no NUL.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    match text.contains('\0') {
        true => text.replace('\0', "\u{fffd}").into(),
        false => text.into(),
    }
}
