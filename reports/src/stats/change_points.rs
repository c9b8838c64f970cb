//! Where a series moved to another level: E-divisive with Student's t as the test.
//!
//! A segment is split where the energy statistic of Matteson and James (2014) is largest, as long as a t test of both
//! sides finds a difference; weak points are taken back afterwards, the weakest first, as Hunter and Otava do. Unlike
//! permutations the test gives the same answer every time. A series of exact counts has no spread, and every step in
//! it is real.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::student;

/// A step in a series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChangePoint {
    /// Index of the first value at the new level.
    pub index: usize,
    /// Mean before, back to the step before.
    pub before: f64,
    /// Mean after, up to the next step.
    pub after: f64,
    /// Probability of such a difference without a step.
    pub p: f64,
}

/// What counts as a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steps {
    /// Largest probability of a step that is kept.
    pub p: f64,
    /// Smallest relative change that is kept.
    pub least_change: f64,
}

impl Default for Steps {
    fn default() -> Self {
        Self {
            p: 0.001,
            least_change: 0.001,
        }
    }
}

/// Splits are looked for with this much more tolerance than they are kept with: a split that stands between two others
/// is weak until they are found.
const FIRST_PASS: f64 = 100.0;

/// Longer segments are halved before they are searched: the search is cubic.
const WINDOW: usize = 50;

/// The steps of a series, in its order. O(n w^2) for windows of w = 50 values.
pub fn change_points(series: &[f64], steps: &Steps) -> Vec<ChangePoint> {
    let mut cuts = Vec::new();
    let mut from = 0;
    while from < series.len() {
        let to = (from + WINDOW).min(series.len());
        split(series, from, to, steps.p * FIRST_PASS, &mut cuts);
        from += WINDOW / 2;
    }
    cuts.sort_unstable();
    cuts.dedup();
    merged(series, cuts, steps)
}

fn split(series: &[f64], from: usize, to: usize, p: f64, cuts: &mut Vec<usize>) {
    let Some(at) = best_split(&series[from..to]).map(|at| from + at) else {
        return;
    };
    if difference_p(&series[from..at], &series[at..to]) > p {
        return;
    }
    cuts.push(at);
    split(series, from, at, p, cuts);
    split(series, at, to, p, cuts);
}

/// The split with the largest energy distance between its sides; at least one value before and after.
fn best_split(values: &[f64]) -> Option<usize> {
    let n = values.len();
    if n < 2 || values.iter().all(|v| *v == values[0]) {
        return None;
    }
    let distance = |i: usize, j: usize| (values[i] - values[j]).abs();
    // sums over pairs: across the split, before it, after it
    let (mut across, mut before, mut after) = (0.0, 0.0, 0.0);
    for i in 0..n {
        after += (i + 1..n).map(|j| distance(i, j)).sum::<f64>();
    }
    let mut best: Option<(usize, f64)> = None;
    for at in 1..n {
        let moved = at - 1;
        let to_left: f64 = (0..moved).map(|i| distance(i, moved)).sum();
        let to_right: f64 = (at..n).map(|j| distance(moved, j)).sum();
        across += to_right - to_left;
        before += to_left;
        after -= to_right;
        let (m, k) = (at as f64, (n - at) as f64);
        let within = |sum: f64, size: f64| {
            if size > 1.0 {
                2.0 * sum / (size * (size - 1.0))
            } else {
                0.0
            }
        };
        let energy = 2.0 * across / (m * k) - within(before, m) - within(after, k);
        let scaled = m * k / (m + k) * energy;
        if best.is_none_or(|(_, most)| scaled > most) {
            best = Some((at, scaled));
        }
    }
    best.map(|(at, _)| at)
}

/// Student's test with the spread of both sides together, so that a short side whose values are close by chance proves
/// nothing; without any spread a difference is certain.
fn difference_p(a: &[f64], b: &[f64]) -> f64 {
    let ((mean_a, var_a), (mean_b, var_b)) = (moments(a), moments(b));
    let (n_a, n_b) = (a.len() as f64, b.len() as f64);
    let df = n_a + n_b - 2.0;
    if mean_a == mean_b || df < 1.0 {
        return 1.0;
    }
    let pooled = ((n_a - 1.0) * var_a + (n_b - 1.0) * var_b) / df;
    let error = (pooled * (1.0 / n_a + 1.0 / n_b)).sqrt();
    if error == 0.0 {
        return 0.0;
    }
    2.0 * student::cdf(-(mean_a - mean_b).abs() / error, df)
}

fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (mean, if n > 1.0 { squares / (n - 1.0) } else { 0.0 })
}

/// Drops the weakest point and judges its neighbours again until all that are left are strong.
fn merged(series: &[f64], mut cuts: Vec<usize>, steps: &Steps) -> Vec<ChangePoint> {
    loop {
        let points: Vec<ChangePoint> = (0..cuts.len())
            .map(|index| {
                let from = if index == 0 { 0 } else { cuts[index - 1] };
                let to = cuts.get(index + 1).copied().unwrap_or(series.len());
                let (before, after) = (&series[from..cuts[index]], &series[cuts[index]..to]);
                // the split was chosen among so many, and its neighbours before it
                let candidates = ((to - from - 1).max(series.len().min(WINDOW)) * 2) as f64;
                ChangePoint {
                    index: cuts[index],
                    before: moments(before).0,
                    after: moments(after).0,
                    p: (difference_p(before, after) * candidates).min(1.0),
                }
            })
            .collect();
        let change = |point: &ChangePoint| {
            (point.after - point.before).abs() / point.before.abs().max(f64::MIN_POSITIVE)
        };
        let weak = |point: &&ChangePoint| point.p > steps.p || change(point) < steps.least_change;
        let weakest = points
            .iter()
            .filter(weak)
            .max_by(|a, b| a.p.total_cmp(&b.p).then(change(b).total_cmp(&change(a))));
        match weakest {
            Some(point) => cuts.retain(|cut| *cut != point.index),
            None => return points,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u64, n: usize, sd: f64) -> Vec<f64> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let normal = move || (0..12).map(|_| rng.f64()).sum::<f64>() - 6.0;
        std::iter::repeat_with(normal)
            .map(|z| 100.0 + sd * z)
            .take(n)
            .collect()
    }

    #[test]
    fn steps_of_three_spreads_are_found_where_they_are() {
        let mut found = 0;
        for seed in 0..100 {
            let mut series = noise(seed, 60, 1.0);
            series[30..].iter_mut().for_each(|v| *v += 3.0);
            let points = change_points(&series, &Steps::default());
            found += usize::from(points.iter().any(|p| p.index.abs_diff(30) <= 1));
        }
        assert!(found >= 90, "{found} of 100");
    }

    #[test]
    fn a_level_series_has_at_most_one_false_step_in_a_thousand_values() {
        let false_steps: usize = (0..100)
            .map(|seed| change_points(&noise(1_000 + seed, 100, 1.0), &Steps::default()).len())
            .sum();
        assert!(false_steps <= 10, "{false_steps} in 10,000 values");
    }

    #[test]
    fn every_step_of_an_exact_count_is_found() {
        let series = [[10.0; 5], [11.0; 5], [10.0; 5]].concat();
        let indices: Vec<_> = change_points(&series, &Steps::default())
            .iter()
            .map(|p| p.index)
            .collect();
        assert_eq!(indices, [5, 10]);
        assert!(change_points(&[7.0; 200], &Steps::default()).is_empty());
    }
}
