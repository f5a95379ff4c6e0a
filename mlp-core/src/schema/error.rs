//! What is wrong with a schema file.

/// A fault in a schema file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {}{message}", field.as_ref().map(|f| format!("`{f}`: ")).unwrap_or_default())]
#[non_exhaustive]
pub struct SchemaError {
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The field, feature or key it is about.
    pub field: Option<String>,
    /// What is wrong, with the limit.
    pub message: String,
}

/// Where messages get their file and line from.
pub(super) struct Source<'a> {
    pub file: &'a str,
    pub text: &'a str,
}

impl<'a> Source<'a> {
    /// The key of the line `key = …` that `offset` is in.
    pub fn key(&self, offset: usize) -> Option<&'a str> {
        let start = self.text.get(..offset)?.rfind('\n').map_or(0, |n| n + 1);
        let (key, _) = self.text[start..].lines().next()?.split_once('=')?;
        let key = key.trim();
        let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        (!key.is_empty() && key.chars().all(bare)).then_some(key)
    }

    pub fn error(
        &self,
        offset: usize,
        field: Option<&str>,
        message: impl Into<String>,
    ) -> SchemaError {
        let before = self.text.as_bytes().iter().take(offset);
        SchemaError {
            file: self.file.to_owned(),
            line: 1 + before.filter(|b| **b == b'\n').count(),
            field: field.map(str::to_owned),
            message: message.into(),
        }
    }
}
