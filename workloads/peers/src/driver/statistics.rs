//! Medians and their intervals.

use serde::Serialize;

/// A median and the interval that holds the true one in 95 % of all cases.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Estimate {
    pub(super) median: f64,
    /// Nothing when there are too few values (below 6).
    pub(super) interval: Option<[f64; 2]>,
    /// Values.
    pub(super) n: usize,
}

/// The estimate of some values, if there are any.
///
/// The interval is that of the order statistics: whatever the distribution, the number of values below its median is
/// binomial with probability one half.
pub(super) fn estimate(values: &[f64]) -> Option<Estimate> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (
        *sorted.get(sorted.len().checked_sub(1)? / 2)?,
        sorted[sorted.len() / 2],
    );
    let interval =
        outer(sorted.len()).map(|outside| [sorted[outside], sorted[sorted.len() - 1 - outside]]);
    Some(Estimate {
        median: f64::midpoint(low, high),
        interval,
        n: sorted.len(),
    })
}

/// How many of `n` sorted values lie outside the interval at either end.
fn outer(n: usize) -> Option<usize> {
    const EACH_TAIL: f64 = 0.025;
    let mut term = 0.5_f64.powi(n.try_into().ok()?);
    let (mut tail, mut outside) = (term, None);
    for k in 0..n / 2 {
        if tail > EACH_TAIL {
            break;
        }
        outside = Some(k);
        term *= (n - k) as f64 / (k + 1) as f64;
        tail += term;
    }
    outside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_the_tabulated_one() {
        // Ranks of the usual tables for the sign interval at 95 %.
        for (n, rank) in [
            (5, None),
            (6, Some(1)),
            (8, Some(1)),
            (9, Some(2)),
            (10, Some(2)),
            (15, Some(4)),
            (20, Some(6)),
        ] {
            assert_eq!(outer(n).map(|outside| outside + 1), rank, "{n} values");
        }
    }

    #[test]
    fn an_even_number_of_values_has_its_median_between_two() {
        let estimate = estimate(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!(
            (estimate.median, estimate.interval, estimate.n),
            (2.5, None, 4)
        );
        assert!(super::estimate(&[]).is_none());
    }
}
