//! A token that never prints itself.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::cookie::Cookies;

/// The token that protected routes ask for. Only its digest is kept.
///
/// ```
/// use mlp_http::Secret;
///
/// let secret = Secret::new("correct-horse\n")?;
/// assert_eq!(format!("{secret:?}"), "***");
/// assert!(secret.matches(b"correct-horse"));
/// assert!(!secret.matches(b"battery-staple"));
/// assert_eq!(Secret::new(" ").unwrap_err().to_string(), "the token is empty");
/// # Ok::<(), mlp_http::SecretError>(())
/// ```
#[derive(Clone)]
pub struct Secret {
    digest: [u8; 32],
}

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// Nothing is in it.
    #[error("the token is empty")]
    Empty,
    /// A header cannot carry it.
    #[error("the token has a character that is not visible ASCII")]
    NotAscii,
}

impl Secret {
    /// A token of visible ASCII; white space around it is left out, as files end in a newline.
    ///
    /// # Errors
    ///
    /// Where nothing is left, or a header could not carry it.
    pub fn new(text: &str) -> Result<Self, SecretError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(SecretError::Empty);
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(SecretError::NotAscii);
        }
        let digest = Sha256::digest(text.as_bytes()).into();
        Ok(Self { digest })
    }

    /// Cookies that only who has the token can make.
    pub(crate) fn cookies(&self) -> Cookies {
        Cookies::new(&self.digest)
    }

    /// Whether this is the token; takes the same time wherever the first difference is.
    pub fn matches(&self, candidate: &[u8]) -> bool {
        // Digests have one length, so that the token's own length does not show either.
        let candidate: [u8; 32] = Sha256::digest(candidate).into();
        self.digest.ct_eq(&candidate).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
