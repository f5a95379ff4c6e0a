//! The null distributions that a policy rests on.
//!
//! Let `m` reference values and `n` of the window come from one continuous distribution, and let a
//! bin reach from one order statistic of the reference to the next but `r`. How many of the window's
//! values fall into it is then Pólya distributed, *whatever the distribution*: the `n` are dealt among
//! the `m + 1` gaps of the reference, each of them first dealt its probability evenly (S. S. Wilks,
//! *Statistical prediction with special reference to the problem of tolerance limits*, Ann. Math.
//! Stat. 13, 1942, 400–409). So the null of counts in bins is known and needs no "large enough".

use statrs::function::factorial::ln_binomial;
use statrs::function::gamma::checked_gamma_ur;

/// The two-sided probability that a part which holds `r` of `m` reference values and `c` of `n`
/// window values differs as much by chance: twice the smaller tail of the hypergeometric distribution
/// of `c` given `r + c`, at most 1 (Fisher's exact test). For bins that end at order statistics of the
/// reference the lower tail is exact, the upper one that of a part with one value fewer, so that this
/// errs on the side of calm; for `r = 0` it is twice `∏_{i<c} (n − i) / (n + m − i)`.
pub(crate) fn part_p(r: u64, m: u64, c: u64, n: u64) -> f64 {
    (2.0 * part_tail(r, m, c, n)).min(1.0)
}

/// The tail of [`part_p`], on the side to which the window's share is off.
pub(crate) fn part_tail(r: u64, m: u64, c: u64, n: u64) -> f64 {
    if n == 0 || m == 0 {
        return 1.0;
    }
    // More of the one side is less of the other.
    let more = c as f64 * m as f64 >= r as f64 * n as f64;
    if more {
        upper_tail(r, m, c, n)
    } else {
        upper_tail(c, n, r, m)
    }
}

/// `P(C ≥ c)` for the `C` of `n` among `r + c` drawn of `n + m`.
fn upper_tail(r: u64, m: u64, c: u64, n: u64) -> f64 {
    let drawn = r + c;
    let first = ln_binomial(n, c) + ln_binomial(m, r) - ln_binomial(n + m, drawn);
    let (mut term, mut sum) = (1.0, 1.0);
    for i in c..n.min(drawn) {
        // As floats: the counts may be of any size.
        let (i, drawn, n, m) = (i as f64, drawn as f64, n as f64, m as f64);
        term *= (n - i) / (i + 1.0) * (drawn - i) / (m - drawn + i + 1.0);
        sum += term;
        if term < 1e-17 * sum {
            break;
        }
    }
    (first.exp() * sum).min(1.0)
}

/// The probability of a Kolmogorov–Smirnov distance of at least `d` between `n` and `m` values of one
/// continuous distribution: Kolmogorov's series with the correction that J. L. Hodges (*The
/// significance probability of the Smirnov two-sample test*, Arkiv för Matematik 3, 1958, 469–486,
/// eq. 5.3) has for one side, on both. Held against the exact probability it is within 7 % of it at 1 %
/// and within 10 % at a millionth for windows from 250, greater for smaller ones; with ties it is too
/// great.
pub(crate) fn ks_p(n: u64, m: u64, d: f64) -> f64 {
    if n == 0 || m == 0 {
        return 1.0;
    }
    let (less, more) = (n.min(m) as f64, n.max(m) as f64);
    let z2 = less / (less + more) * more * d * d;
    let shift = (more + 2.0 * less) / (less * more).sqrt() / (less + more).sqrt() / 3.0;
    let square = 2.0 * z2 + 2.0 * z2.sqrt() * shift;
    if square < 0.05 {
        return 1.0;
    }
    let sum: f64 = (1..=20_i32)
        .map(|k| {
            let sign = if k % 2 == 1 { 2.0 } else { -2.0 };
            sign * (-f64::from(k * k) * square).exp()
        })
        .sum();
    sum.clamp(0.0, 1.0)
}

/// How unlike two lists of counts in the same bins are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Divergence {
    /// In units of chi².
    pub statistic: f64,
    pub p: f64,
}

/// The power divergence of the window's counts from what the reference lets expect, with the exponent
/// 2/3 whose tail chi² gives best (N. Cressie and T. R. C. Read, *Multinomial goodness-of-fit tests*,
/// J. R. Stat. Soc. B 46, 1984, 440–464): with `e_j = n a_j / A`,
/// `9/5 Σ c_j ((c_j / e_j)^(2/3) − 1)`, over the `(n + A) / (1 + A)` by which the Pólya counts vary
/// more than multinomial ones, because the reference is a sample too. `a_j` is the reference's count
/// (and 1 more in the last bin of numbers, which has a gap more), `A` their sum. Bins of which less
/// than 2 is expected are taken together. `None` under two bins.
pub(crate) fn divergence(reference: &[u64], window: &[u64], numeric: bool) -> Option<Divergence> {
    let gap = u64::from(numeric);
    let n = window.iter().sum::<u64>() as f64;
    let total = (reference.iter().sum::<u64>() + gap) as f64;
    if n == 0.0 || total <= 1.0 {
        return None;
    }
    let last = reference.len() - 1;
    let (mut rest, mut bins, mut sum) = ((0.0, 0.0), 0_u32, 0.0);
    // The last part adds up to 0 over all bins, and makes each of them at least 0.
    let term = |count: f64, expected: f64| {
        count * ((count / expected).powf(2.0 / 3.0) - 1.0) - (count - expected) / 1.5
    };
    for (j, (&r, &c)) in reference.iter().zip(window).enumerate() {
        let shape = r + if j == last { gap } else { 0 };
        let (expected, count) = (n * shape as f64 / total, c as f64);
        if expected < LEAST_EXPECTED {
            rest = (rest.0 + expected, rest.1 + count);
        } else {
            bins += 1;
            sum += term(count, expected);
        }
    }
    if rest.0 >= LEAST_EXPECTED {
        bins += 1;
        sum += term(rest.1, rest.0);
    }
    // A rest too small to be a bin is left out: levels never seen have a test of their own.
    let degrees = f64::from(bins.checked_sub(1).filter(|d| *d > 0)?);
    let statistic = (1.8 * sum * (1.0 + total) / (n + total)).max(0.0);
    let p = checked_gamma_ur(degrees / 2.0, statistic / 2.0).ok()?;
    Some(Divergence { statistic, p })
}

/// Bins of which less is expected are taken together.
const LEAST_EXPECTED: f64 = 2.0;

#[cfg(test)]
mod tests {
    use super::*;

    /// `∏_{i<k} (n − i) / (n + m − i)`.
    #[test]
    fn beyond_the_range_the_tail_is_the_product() {
        for (n, m, k) in [
            (500, 10_000, 3),
            (5000, 1000, 12),
            (50, 1000, 50),
            (7, 3, 1),
        ] {
            let product: f64 = (0..k)
                .map(|i| (n - i) as f64 / (n + m - i) as f64)
                .product();
            let tail = part_tail(0, m, k, n);
            assert!((tail / product - 1.0).abs() < 1e-9, "{tail} {product}");
        }
        assert_eq!(part_p(0, 1000, 0, 500), 1.0);
    }
}
