//! Bins of categories.

/// The levels of a category, in order, and one bin more for those that the reference never had.
///
/// ```
/// # use mlp_core::drift::{BinnedPair, Levels};
/// let levels = Levels::of(["b", "a", "b"]);
/// assert_eq!(levels.names(), ["a", "b"]);
/// let reference = levels.count(["b", "a", "b"]);
/// let current = levels.count(["a", "x", "y"]);
/// assert_eq!((reference.as_slice(), current.as_slice()), (&[1, 2, 0][..], &[1, 0, 2][..]));
/// assert_eq!(BinnedPair::of_levels(&reference, &current)?.bins(), 3);
/// // Without unseen levels their bin is left out.
/// assert_eq!(BinnedPair::of_levels(&reference, &reference)?.bins(), 2);
/// # Ok::<(), mlp_core::drift::DriftError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Levels {
    names: Vec<String>,
}

impl Levels {
    /// Those that occur in the reference. A missing value may be a level of its own.
    pub fn of<T: AsRef<str>>(reference: impl IntoIterator<Item = T>) -> Self {
        let mut names: Vec<String> = Vec::new();
        for level in reference {
            let level = level.as_ref();
            if let Err(place) = names.binary_search_by(|name| name.as_str().cmp(level)) {
                names.insert(place, level.to_owned());
            }
        }
        Self { names }
    }

    /// Their names in order, shape `(n_levels,)`.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The bin of a level; that of one that was never seen is the last, `n_levels`.
    pub fn bin(&self, level: &str) -> usize {
        self.names
            .binary_search_by(|name| name.as_str().cmp(level))
            .unwrap_or(self.names.len())
    }

    /// How often each level occurs, and at last how often one that was never seen: shape
    /// `(n_levels + 1,)`.
    pub fn count<T: AsRef<str>>(&self, values: impl IntoIterator<Item = T>) -> Vec<u64> {
        let mut counts = vec![0; self.names.len() + 1];
        for value in values {
            counts[self.bin(value.as_ref())] += 1;
        }
        counts
    }
}
