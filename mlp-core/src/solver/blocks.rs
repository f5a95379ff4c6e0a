//! Sums over rows whose bits do not depend on the number of threads.

use std::ops::Range;

use rayon::prelude::*;

/// The most blocks: each may hold a Hessian of its own.
const MAX_BLOCKS: usize = 64;

/// The least rows of a block; fewer are not worth handing to another thread.
const MIN_ROWS: usize = 1024;

/// Computes `part` of each block of `n` rows, in parallel, and adds the parts up in the order of the
/// blocks, by `add(sum, part)`; `None` without rows. Blocks depend on `n` alone.
pub fn sum_blocks<T: Send>(
    n: usize,
    part: impl Fn(Range<usize>) -> T + Sync,
    mut add: impl FnMut(&mut T, T),
) -> Option<T> {
    let size = n.div_ceil(MAX_BLOCKS).max(MIN_ROWS);
    let blocks = n.div_ceil(size);
    let block = |i: usize| part(i * size..((i + 1) * size).min(n));
    let parts: Vec<T> = if blocks > 1 {
        (0..blocks).into_par_iter().map(block).collect()
    } else {
        (0..blocks).map(block).collect()
    };
    let mut parts = parts.into_iter();
    let mut sum = parts.next()?;
    for part in parts {
        add(&mut sum, part);
    }
    Some(sum)
}
