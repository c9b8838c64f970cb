//! The lower tail of a binomial distribution, summed from its own terms in logarithms so that it neither overflows nor cancels.
//!
//! Only as many terms are added as can still change the sum: about the square root of the number of trials, so that a leak of
//! a million objects is judged as quickly as one of ten.

/// Terms smaller than this share of the sum cannot change it in double precision.
const NEGLIGIBLE: f64 = 1e-17;

/// `P(X <= successes)` for `X` binomial with `trials` trials of probability `q`, for `0 < q < 1`.
pub(crate) fn lower_tail(trials: u64, q: f64, successes: u64) -> f64 {
    debug_assert!(
        q > 0.0 && q < 1.0,
        "a probability strictly inside its range"
    );
    if successes >= trials {
        return 1.0;
    }
    if as_f64(successes) <= as_f64(trials) * q {
        sum_downwards(trials, q, successes)
    } else {
        // The upper tail is the lower tail of the failures, and the smaller of the two.
        1.0 - sum_downwards(trials, 1.0 - q, trials - successes - 1)
    }
}

/// Adds the terms from `start` down to zero; `start` is not above the mean, so each term is smaller than the one before.
fn sum_downwards(trials: u64, q: f64, start: u64) -> f64 {
    let first = ln_term(trials, q, start);
    let odds = (1.0 - q) / q;
    let mut relative = 1.0;
    let mut sum = 1.0;
    for k in (1..=start).rev() {
        relative *= odds * as_f64(k) / as_f64(trials - k + 1);
        sum += relative;
        if relative < NEGLIGIBLE * sum {
            break;
        }
    }
    (first + f64::ln(sum)).exp().min(1.0)
}

/// The logarithm of the probability of exactly `k` successes.
fn ln_term(trials: u64, q: f64, k: u64) -> f64 {
    let ways = ln_factorial(trials) - ln_factorial(k) - ln_factorial(trials - k);
    ways + as_f64(k) * q.ln() + as_f64(trials - k) * (-q).ln_1p()
}

/// `ln(n!)`: exact sum for small numbers, Stirling's series (error below 1e-14 from 32 on) for the rest.
fn ln_factorial(n: u64) -> f64 {
    if n < 32 {
        return (2..=n).map(|k| as_f64(k).ln()).sum();
    }
    let x = as_f64(n);
    let series = (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / (1260.0 * x * x)) / (x * x)) / x;
    x * x.ln() - x + 0.5 * (std::f64::consts::TAU * x).ln() + series
}

/// Counts of objects stay far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub(crate) fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same sum with plain products, which is exact enough for few trials.
    fn naive(trials: u64, q: f64, successes: u64) -> f64 {
        (0..=successes)
            .map(|k| {
                let ways: f64 = (0..k).map(|i| as_f64(trials - i) / as_f64(i + 1)).product();
                ways * q.powi(i32::try_from(k).unwrap())
                    * (1.0 - q).powi(i32::try_from(trials - k).unwrap())
            })
            .sum()
    }

    #[test]
    fn the_tail_equals_the_plain_sum_for_few_trials() {
        for trials in [1, 2, 7, 8, 40, 100] {
            for q in [0.01, 4.0 / 7.0, 0.9] {
                for successes in 0..trials {
                    let (fast, plain) = (
                        lower_tail(trials, q, successes),
                        naive(trials, q, successes),
                    );
                    assert!(
                        (fast - plain).abs() <= 1e-11 * plain.max(1e-3),
                        "n {trials} q {q} c {successes}: {fast} and {plain}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_tail_of_many_trials_follows_the_normal_curve() {
        let (trials, q) = (1_000_000_000_u64, 4.0 / 7.0);
        let (mean, deviation) = (as_f64(trials) * q, (as_f64(trials) * q * (1.0 - q)).sqrt());
        // Standard normal lower tails at -2.326, -1, 0 and 1.
        for (z, tail) in [
            (-2.326_348, 0.01),
            (-1.0, 0.158_655),
            (0.0, 0.5),
            (1.0, 0.841_345),
        ] {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count inside the range"
            )]
            let successes = (mean + z * deviation) as u64;
            let found = lower_tail(trials, q, successes);
            assert!(
                (found - tail).abs() < 1e-4,
                "z {z}: {found} instead of {tail}"
            );
        }
    }

    #[test]
    fn impossible_and_certain_tails_are_zero_and_one() {
        assert!(lower_tail(10_000_000, 4.0 / 7.0, 1_000_000) < 1e-300);
        assert!((lower_tail(5, 0.5, 5) - 1.0).abs() < f64::EPSILON);
        assert!((lower_tail(5, 0.5, 9) - 1.0).abs() < f64::EPSILON);
        assert!(lower_tail(10_000_000, 4.0 / 7.0, 9_000_000) > 1.0 - 1e-12);
    }
}
