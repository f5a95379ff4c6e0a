//! Random streams that depend on a seed, a purpose and a number, and on nothing else.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// Independent random streams under one seed, one family for each purpose.
///
/// A stream is addressed by its number instead of being reached by drawing from the ones before
/// it, so that work can be dealt to any number of threads with the same outcome.
///
/// ```
/// use mlp_data::Streams;
/// use rand::Rng;
///
/// let streams = Streams::new(42, "sessions");
/// assert_eq!(streams.stream(7).next_u64(), streams.stream(7).next_u64());
/// assert_ne!(streams.stream(7).next_u64(), streams.stream(8).next_u64());
/// assert_ne!(streams.stream(7).next_u64(), Streams::new(42, "catalog").stream(7).next_u64());
/// ```
#[derive(Clone, Debug)]
pub struct Streams {
    key: [u8; 32],
}

impl Streams {
    /// The streams of `purpose` under `seed`.
    pub fn new(seed: u64, purpose: &str) -> Streams {
        let hash = Sha256::new()
            .chain_update(seed.to_le_bytes())
            .chain_update(purpose)
            .finalize();
        Streams { key: hash.into() }
    }

    /// The stream with this number, from its beginning.
    pub fn stream(&self, number: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::from_seed(self.key);
        rng.set_stream(number);
        rng
    }
}
