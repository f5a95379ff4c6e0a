//! The distribution of Kolmogorov's distance of one sample from a known continuous distribution.

use std::f64::consts::PI;

use statrs::function::factorial::ln_factorial;

/// Up to so many values the small distances are exact.
const SMALL: f64 = 140.0;

/// Up to so many the smallest distances are, where the approximation is at its worst.
const MIDDLE: f64 = 400.0;

/// So many terms are enough of a smooth sum.
const TERMS: f64 = 256.0;

/// The probability that `n` values, a whole number of at least 1, are at least `d` away from their
/// own distribution.
///
/// Which of the ways suits which n and d is as in Simard and L'Ecuyer, *Computing the two-sided
/// Kolmogorov–Smirnov distribution*, Journal of Statistical Software 39 (2011), and in SciPy: exact
/// up to 140 values, and to about 1e-6 of itself beyond.
pub(super) fn survival(n: f64, d: f64) -> f64 {
    let z2 = n * d * d;
    if d >= 1.0 {
        return 0.0;
    }
    if n * d <= 0.5 {
        return 1.0;
    }
    // Both sides at once are impossible from 0.5 on, and so rare as to be nothing far out.
    let p = if d >= 0.5 || n * d >= n - 1.0 || z2 >= if n <= SMALL { 4.0 } else { 2.2 } {
        2.0 * one_sided(n, d)
    } else if n <= SMALL || n <= MIDDLE && n * d.powf(1.5) <= 1.4 {
        1.0 - durbin(n as usize, d)
    } else {
        1.0 - pelz_good(n, d)
    };
    p.clamp(0.0, 1.0)
}

/// The probability that the distance upwards is at least `d`,
/// `d Σ_j C(n, j) (d + j/n)^(j−1) (1 − d − j/n)^(n−j)` for j from 0 to n (1 − d). No term is negative.
///
/// A term is `d / (d + j/n)` times the binomial probability of j at j/n, by Stirling's formula with
/// its error, times `(1 + nd/j)^j (1 − nd/(n−j))^(n−j)`: nothing cancels for any n. As a function of j
/// the terms are smooth and vanish at both ends with all their slopes, so that a sum over every few
/// of them is as good as over all (Trefethen and Weideman, *The exponentially convergent trapezoidal
/// rule*, SIAM Review 56, 2014).
///
/// Source: Birnbaum and Tingey, *One-sided confidence contours for probability distribution
/// functions*, Annals of Mathematical Statistics 22 (1951).
fn one_sided(n: f64, d: f64) -> f64 {
    let stride = (n / TERMS).floor().max(1.0);
    let last = (n * (1.0 - d)).floor();
    let whole = stirling_error(n);
    let term = |j: f64| {
        let rest = n - j;
        let far = j * (n * d / j).ln_1p() + rest * (-n * d / rest).max(-1.0).ln_1p();
        let binomial = (n / (2.0 * PI * j * rest)).sqrt();
        let error = whole - stirling_error(j) - stirling_error(rest);
        d / (d + j / n) * binomial * (far + error).exp()
    };
    let count = (last / stride) as u64;
    let sum: f64 = (1..=count).map(|i| term(i as f64 * stride)).sum();
    (n * (-d).ln_1p()).exp() + sum * stride
}

/// `ln k! − (k ln k − k + ½ ln 2πk)` of a whole number of at least 1.
///
/// Source: Loader, *Fast and accurate computation of binomial probabilities* (2000).
fn stirling_error(k: f64) -> f64 {
    if k < 16.0 {
        return ln_factorial(k as u64) - (k * k.ln() - k + (2.0 * PI * k).ln() / 2.0);
    }
    let squared = 1.0 / (k * k);
    let series = [1.0 / 1680.0, 1.0 / 1260.0, 1.0 / 360.0, 1.0 / 12.0];
    series
        .iter()
        .fold(1.0 / 1188.0, |rest, c| c - rest * squared)
        / k
}

/// The probability that `n` values are closer than `d`, over 1/2n: `n! / nⁿ` times an element of the
/// n-th power of a matrix of `2 ⌈nd⌉ − 1` rows, here by n products with a vector.
///
/// Source: Durbin (1968) as in Marsaglia, Tsang and Wang, *Evaluating Kolmogorov's distribution*,
/// Journal of Statistical Software 8 (2003).
fn durbin(n: usize, d: f64) -> f64 {
    let nd = n as f64 * d;
    let k = nd.ceil() as usize;
    let rows = 2 * k - 1;
    let h = k as f64 - nd;
    // 1 / i!, and (1 − hⁱ) / i!, of i from 0.
    let mut inverse = vec![1.0; rows + 1];
    let mut edge = vec![0.0; rows + 1];
    for i in 1..=rows {
        inverse[i] = inverse[i - 1] / i as f64;
        edge[i] = (1.0 - h.powi(i as i32)) * inverse[i];
    }
    let power = rows as i32;
    let corner = 1.0 - 2.0 * h.powi(power) + (2.0 * h - 1.0).max(0.0).powi(power);
    let corner = corner * inverse[rows];
    let element = |row: usize, column: usize| match (row + 1 == rows, column) {
        (true, 0) => corner,
        (false, 0) => edge[row + 1],
        (true, _) => edge[rows - column],
        (false, _) => inverse[row + 1 - column],
    };
    let mut vector = vec![0.0; rows];
    let mut product = vector.clone();
    vector[k - 1] = 1.0;
    for step in 1..=n {
        let share = step as f64 / n as f64;
        for (row, sum) in product.iter_mut().enumerate() {
            let columns = 0..=(row + 1).min(rows - 1);
            *sum = columns.map(|j| element(row, j) * vector[j]).sum::<f64>() * share;
        }
        std::mem::swap(&mut vector, &mut product);
    }
    vector[k - 1]
}

/// About the probability that `n` values are closer than `d`, by four terms in powers of `1 / √n`.
///
/// Source: Pelz and Good, *Approximating the lower tail-areas of the Kolmogorov–Smirnov one-sample
/// statistic*, Journal of the Royal Statistical Society B 38 (1976).
fn pelz_good(n: f64, d: f64) -> f64 {
    let z = n.sqrt() * d;
    let (z2, pi2) = (z * z, PI * PI);
    let (z4, z6, z8) = (z2 * z2, z2 * z2 * z2, z2 * z2 * z2 * z2);
    let (mut k0, mut k1, mut k2, mut k3) = (0.0, 0.0, 0.0, 0.0);
    let (mut more2, mut more3) = (0.0, 0.0);
    let terms = (16.0 * z / PI).ceil() as i32;
    for k in (1..=terms).rev() {
        // Half-integers squared, in units of π²; then whole numbers.
        let a = pi2 * (f64::from(k) - 0.5).powi(2);
        let weight = (-a / (2.0 * z2)).exp();
        k0 += weight;
        k1 += weight * (a - z2);
        k2 += weight * (6.0 * z6 + 2.0 * z4 + a * (2.0 * z4 - 5.0 * z2) + a * a * (1.0 - 2.0 * z2));
        k3 += weight
            * (-30.0 * z6 - 90.0 * z8
                + a * (135.0 * z4 - 96.0 * z6)
                + a * a * (212.0 * z4 - 60.0 * z2)
                + a * a * a * (5.0 - 30.0 * z2));
        let b = pi2 * f64::from(k).powi(2);
        let weight = (-b / (2.0 * z2)).exp();
        more2 += weight * b;
        more3 += weight * b * (3.0 * z2 - b);
    }
    let k0 = k0 / z;
    let k1 = k1 / (6.0 * z4);
    let k2 = k2 / (72.0 * z6 * z) - more2 / (36.0 * z2 * z);
    let k3 = k3 / (6480.0 * z8 * z2) + more3 / (216.0 * z6);
    let root = n.sqrt();
    (2.0 * PI).sqrt() * (k0 + (k1 + (k2 + k3 / root) / root) / root)
}
