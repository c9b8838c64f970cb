//! Student's t distribution, through the regularised incomplete beta function.
//!
//! The continued fraction is Lentz's method on the form of Abramowitz and Stegun, 26.5.8; the logarithm of the gamma
//! function is Lanczos's approximation with g = 7.

/// Probability that a t variable with `df` degrees of freedom is at most `t`.
///
/// # Panics
/// When `df` is not above 0.
pub fn cdf(t: f64, df: f64) -> f64 {
    assert!(df > 0.0, "a t distribution has degrees of freedom");
    if t.is_nan() || t.is_infinite() {
        return if t > 0.0 { 1.0 } else { 0.0 };
    }
    let tail = 0.5 * incomplete_beta(df / (df + t * t), df / 2.0, 0.5);
    if t > 0.0 { 1.0 - tail } else { tail }
}

/// The t that a variable with `df` degrees of freedom stays below with probability `p`, 0 < `p` < 1, by bisection.
///
/// # Panics
/// When `p` or `df` is out of range.
pub fn quantile(p: f64, df: f64) -> f64 {
    assert!(p > 0.0 && p < 1.0, "a probability inside of (0, 1)");
    let (mut low, mut high) = (-1.0, 1.0);
    while cdf(low, df) > p {
        low *= 2.0;
    }
    while cdf(high, df) < p {
        high *= 2.0;
    }
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if cdf(middle, df) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

fn ln_gamma(x: f64) -> f64 {
    const FIRST: f64 = 0.999_999_999_999_809_9;
    const REST: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let terms = REST.iter().enumerate();
    let sum = terms.fold(FIRST, |sum, (i, c)| sum + c / (x + 1.0 + i as f64));
    let t = x + 7.5;
    0.5 * std::f64::consts::TAU.ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let front =
        (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(x, a, b) / a
    } else {
        1.0 - front * fraction(1.0 - x, b, a) / b
    }
}

fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut result = d;
    for m in 1..500 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut step = 1.0;
        for term in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + term * d);
            c = away_from_zero(1.0 + term / c);
            step = c * d;
            result *= step;
        }
        if (step - 1.0).abs() < 1e-15 {
            break;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of any printed table of the distribution.
    #[test]
    fn printed_quantiles_are_reproduced() {
        for (p, df, t) in [
            (0.975, 1.0, 12.706),
            (0.975, 9.0, 2.262),
            (0.95, 19.0, 1.729),
            (0.999, 19.0, 3.579),
            (0.995, 100.0, 2.626),
        ] {
            assert!((quantile(p, df) - t).abs() < 1e-3, "{p} {df}");
        }
    }

    #[test]
    fn the_distribution_is_symmetric_and_ends_at_its_ends() {
        for df in [1.0, 4.0, 60.0] {
            assert!((cdf(0.7, df) + cdf(-0.7, df) - 1.0).abs() < 1e-12);
        }
        assert_eq!(
            (cdf(f64::INFINITY, 3.0), cdf(-f64::INFINITY, 3.0)),
            (1.0, 0.0)
        );
    }
}
