//! How many paths over a lattice leave a band: the exact distribution of the two-sample
//! Kolmogorov–Smirnov distance.

/// The largest least common multiple of two sizes.
const MOST: u128 = i32::MAX as u128;

/// The share of the paths from (0, 0) to `sizes` = (n, m), by steps of 1 to the right or up, that
/// somewhere have `|x/n − y/m| ≥ height / (n m)`.
pub(super) fn outside(sizes: (u64, u64), height: u128) -> Option<f64> {
    let (n, m) = sizes;
    let divisor = u128::from(gcd(n, m));
    if u128::from(n) / divisor * u128::from(m) > MOST {
        return None;
    }
    // Distances are multiples of 1 / lcm(n, m), and so under the limit.
    let height = (height / divisor) as i64;
    let (n, m) = (n as i64, m as i64);
    Some(if height == 0 {
        1.0
    } else if n == m {
        outside_square(n, height)
    } else {
        outside_band(n, m, divisor as i64, height)
    })
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// By reflections, `2 Σ (−1)^(k−1) C(2n, n − k h) / C(2n, n)` in Horner's form, which does not
/// cancel.
fn outside_square(n: i64, height: i64) -> f64 {
    let mut p = 0.0;
    for k in (0..=n / height).rev() {
        let near = (n - k * height, n + k * height);
        let ratio = (0..height).fold(1.0, |ratio, j| {
            ratio * (near.0 - j) as f64 / (near.1 + j + 1) as f64
        });
        p = ratio * (1.0 - p);
    }
    (2.0 * p).clamp(0.0, 1.0)
}

/// Diagonal by diagonal: the share of the paths to (x, y) that have been outside is the mean of those
/// to (x − 1, y) and (x, y − 1), weighted by x and y, and 1 outside. Nothing is subtracted. Viehmann
/// goes column by column, where each cell waits for the one before; those of a diagonal do not wait.
fn outside_band(n: i64, m: i64, divisor: i64, height: i64) -> f64 {
    let (by_x, by_y) = (m / divisor, n / divisor);
    let both = by_x + by_y;
    // The cells at y of the diagonal, at y + 1, and of the one before; 1 beyond the band.
    let mut now = vec![1.0; m as usize + 3];
    let mut before = now.clone();
    before[1] = 0.0;
    let rows: Vec<f64> = (0..=m).map(|y| y as f64).collect();
    for diagonal in 1..=n + m {
        let low = (diagonal * by_x - height).div_euclid(both) + 1;
        let high = (diagonal * by_x + height - 1).div_euclid(both);
        let (low, high) = (low.max(diagonal - n).max(0), high.min(diagonal).min(m));
        if low > high {
            return 1.0;
        }
        let (first, last) = (low as usize, high as usize);
        let (length, share) = (diagonal as f64, 1.0 / diagonal as f64);
        let below = &before[first..=last];
        let left = &before[first + 1..last + 2];
        let cells = now[first + 1..last + 2].iter_mut().zip(left).zip(below);
        for (((cell, left), below), y) in cells.zip(&rows[first..=last]) {
            *cell = (left * (length - y) + below * y) * share;
        }
        // The band moves by at most one.
        (now[first], now[last + 2]) = (1.0, 1.0);
        std::mem::swap(&mut now, &mut before);
    }
    before[m as usize + 1].clamp(0.0, 1.0)
}
