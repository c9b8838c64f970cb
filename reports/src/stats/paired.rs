//! Verdicts on wall time from process pairs.
//!
//! A pair is one process of the base and one of the head, started one after the other in random order; what counts is
//! the logarithm of the ratio of their times, so that whatever both share cancels. Over the pairs of a case the t
//! interval of the mean is taken. Over the cases of a suite the probabilities are corrected after Holm, and a case that
//! looks worse is looked at once more on fresh pairs before it is called regressed: one look alone has a false alarm in
//! up to [`Rule::alpha`] of all clean suites, both have it in about its square.
//!
//! Four verdicts, because most honest answers about time are "not shown": worse than the margin, better than the
//! margin, within it, or open. `reports/tests/wall_time.rs` holds the rates of this rule in simulation.

use super::student;

/// How verdicts are made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// A change up to this is none, as a logarithm of a ratio (0.01 is about 1 %).
    pub margin: f64,
    /// Share of clean suites that may look worse at the first look, before the second.
    pub alpha: f64,
    /// Fewer pairs decide nothing.
    pub least_pairs: usize,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            margin: 0.01,
            alpha: 0.05,
            least_pairs: 5,
        }
    }
}

/// One look at one case: the logarithms of head / base of each pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// Pairs.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Standard error of the mean.
    pub error: f64,
}

impl Look {
    /// Mean and standard error of these logarithms; nothing for fewer than two.
    pub fn of(logs: &[f64]) -> Option<Self> {
        let n = logs.len() as f64;
        if logs.len() < 2 {
            return None;
        }
        let mean = logs.iter().sum::<f64>() / n;
        let squares: f64 = logs.iter().map(|x| (x - mean).powi(2)).sum();
        let error = (squares / (n - 1.0) / n).sqrt();
        Some(Self {
            n: logs.len(),
            mean,
            error,
        })
    }

    /// The two-sided interval of the mean at this confidence level.
    pub fn interval(&self, level: f64) -> [f64; 2] {
        let half = student::quantile(f64::midpoint(1.0, level), self.df()) * self.error;
        [self.mean - half, self.mean + half]
    }

    fn df(&self) -> f64 {
        (self.n - 1) as f64
    }

    /// How probable a mean this far above `bound` is when the truth is at it or below.
    pub fn p_above(&self, bound: f64) -> f64 {
        let distance = self.mean - bound;
        if self.error == 0.0 {
            return if distance > 0.0 { 0.0 } else { 1.0 };
        }
        student::cdf(-distance / self.error, self.df())
    }

    /// How probable a mean this far below `bound` is when the truth is at it or above.
    pub fn p_below(&self, bound: f64) -> f64 {
        Self {
            mean: -self.mean,
            ..*self
        }
        .p_above(-bound)
    }
}

/// What the pairs of a case say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairVerdict {
    /// Slower by more than the margin, at both looks.
    Worse,
    /// Faster by more than the margin.
    Better,
    /// Shown not to be slower by more than the margin.
    NotWorse,
    /// Worse at the first look, and the second look was not taken.
    Suspected,
    /// Worse at the first look and not at the second.
    NotConfirmed,
    /// The interval reaches across the margin.
    Open,
    /// Too few pairs.
    TooFew,
}

/// Indices of the cases that look worse at the first look: those to look at again.
pub fn suspects(first: &[Option<Look>], rule: &Rule) -> Vec<usize> {
    let p = |look: &Look| look.p_above(rule.margin);
    holm(first, rule, p)
}

/// The verdict of each case; `second` has a look for those that were suspected.
///
/// # Panics
/// When the two slices differ in length.
pub fn verdicts(first: &[Option<Look>], second: &[Option<Look>], rule: &Rule) -> Vec<PairVerdict> {
    assert_eq!(
        first.len(),
        second.len(),
        "a second look for each first one"
    );
    let suspected = suspects(first, rule);
    let better = holm(first, rule, |look| look.p_below(-rule.margin));
    let confirmed = |index: usize| {
        second[index].map(|look| look.p_above(rule.margin) <= rule.alpha / suspected.len() as f64)
    };
    let of = |index: usize| match usable(&first[index], rule) {
        None => PairVerdict::TooFew,
        Some(_) if suspected.contains(&index) => match confirmed(index) {
            Some(true) => PairVerdict::Worse,
            Some(false) => PairVerdict::NotConfirmed,
            None => PairVerdict::Suspected,
        },
        Some(_) if better.contains(&index) => PairVerdict::Better,
        Some(look) if look.p_below(rule.margin) <= 0.05 => PairVerdict::NotWorse,
        Some(_) => PairVerdict::Open,
    };
    (0..first.len()).map(of).collect()
}

fn usable<'a>(look: &'a Option<Look>, rule: &Rule) -> Option<&'a Look> {
    look.as_ref().filter(|look| look.n >= rule.least_pairs)
}

/// Holm's step-down: the smallest probability against alpha / F, the next against alpha / (F - 1), and so on until
/// one fails (Holm 1979).
fn holm(looks: &[Option<Look>], rule: &Rule, p: impl Fn(&Look) -> f64) -> Vec<usize> {
    let usable = looks
        .iter()
        .enumerate()
        .filter_map(|(index, look)| Some((index, p(usable(look, rule)?))));
    let mut ranked: Vec<(usize, f64)> = usable.collect();
    ranked.sort_by(|a, b| a.1.total_cmp(&b.1));
    let all = ranked.len();
    let passes = |(rank, (_, p)): &(usize, (usize, f64))| *p <= rule.alpha / (all - rank) as f64;
    ranked
        .into_iter()
        .enumerate()
        .take_while(passes)
        .map(|(_, (index, _))| index)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(mean: f64, error: f64) -> Option<Look> {
        Some(Look { n: 10, mean, error })
    }

    #[test]
    fn a_slow_down_is_worse_only_after_a_second_look() {
        let (first, rule) = ([look(0.05, 0.002)], Rule::default());
        let after = |second| verdicts(&first, &[second], &rule)[0];
        assert_eq!(after(None), PairVerdict::Suspected);
        assert_eq!(after(look(0.05, 0.002)), PairVerdict::Worse);
        assert_eq!(after(look(0.0, 0.002)), PairVerdict::NotConfirmed);
    }

    #[test]
    fn what_is_shown_and_what_is_open_are_told_apart() {
        let first = [
            look(-0.05, 0.002),
            look(0.0, 0.002),
            look(0.005, 0.02),
            Look::of(&[0.0; 3]),
        ];
        let expected = [
            PairVerdict::Better,
            PairVerdict::NotWorse,
            PairVerdict::Open,
            PairVerdict::TooFew,
        ];
        assert_eq!(verdicts(&first, &[None; 4], &Rule::default()), expected);
    }

    #[test]
    fn one_suspect_of_many_needs_more_evidence_than_one_alone() {
        let weak = look(0.03, 0.008); // p is about 0.017
        assert_eq!(suspects(&[weak], &Rule::default()), [0]);
        let mut many = vec![look(0.0, 0.008); 50];
        many[7] = weak;
        assert_eq!(suspects(&many, &Rule::default()), [0_usize; 0]);
    }
}
