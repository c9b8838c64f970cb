//! What a leak check found, in numbers and in words.

use std::fmt;
use std::time::Duration;

use super::finding::{LeakFinding, fingerprint};
use super::growth::{Growth, Series};
use super::sites::PlainSite;
use super::verdict::Verdict;

/// A measured count over the iterations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasuredSeries {
    /// What was counted.
    pub series: Series,
    /// Iterations since the warm-up and the count then, at the quiet moment after each block.
    pub points: Vec<(u64, u64)>,
    /// The noise of the count.
    pub jitter: u64,
}

/// The outcome of a leak check.
#[derive(Clone, Debug, PartialEq)]
pub struct LeakReport {
    /// The verdict on each count.
    pub growth: Growth,
    /// Every leak once, with class, type, rate and holder.
    pub findings: Vec<LeakFinding>,
    /// The points behind the verdicts.
    pub series: Vec<MeasuredSeries>,
    /// How long the check took.
    pub elapsed: Duration,
    /// Budgets that were exceeded, in words.
    pub over_budget: Vec<String>,
}

impl LeakReport {
    /// The worst verdict of all counts; a leak if there is any finding.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let worst = self.growth.verdict();
        match self.findings.first() {
            Some(finding) if !matches!(worst, Verdict::Leak { .. }) => finding.verdict,
            _ => worst,
        }
    }

    /// Iterations that were judged, without the warm-up.
    #[must_use]
    pub fn iterations(&self) -> u64 {
        self.growth.iterations
    }

    /// Passes when nothing leaks: every count is clean, or fading (a cache that fills).
    ///
    /// # Panics
    ///
    /// With what leaks, how fast and who holds it; also when the budget ended undecided, because that is no proof.
    pub fn assert_clean(&self) {
        assert!(self.is_acceptable(), "{self}");
    }

    /// What [`assert_clean`](Self::assert_clean) asserts.
    #[must_use]
    pub fn is_acceptable(&self) -> bool {
        let verdict = self.verdict();
        self.over_budget.is_empty() && matches!(verdict, Verdict::Clean { .. } | Verdict::Fading)
    }

    /// The counts with a verdict of this severity, in words.
    fn lines_of(&self, word: &str) -> impl Iterator<Item = String> {
        let chosen = self
            .growth
            .verdicts
            .iter()
            .filter(move |(_, verdict)| verdict.word() == word);
        chosen.map(|(series, verdict)| format!("\n  {series}: {verdict}"))
    }
}

impl LeakReport {
    /// What this build lacks to name the sites of what was found without any.
    fn feature_for_sites(&self) -> Option<&'static str> {
        let is_nameless = self.findings.iter().all(|finding| finding.site.is_none());
        let is_plain = self.findings.iter().any(is_total);
        match is_plain {
            _ if !is_nameless => None,
            true if cfg!(not(feature = "dhat")) => Some("dhat"),
            false if cfg!(not(feature = "sites")) => Some("sites"),
            _ => None,
        }
    }

    /// Whether bytes grow of which nobody knows where they are allocated.
    pub(super) fn has_nameless_bytes(&self) -> bool {
        let mut findings = self.findings.iter();
        findings.any(|finding| finding.is_bytes() && finding.site.is_none())
    }
}

/// Whether a finding is a total, of code whose types are not known.
fn is_total(finding: &LeakFinding) -> bool {
    finding.type_name.starts_with('(')
}

/// The totals of plain code are one finding; each place that leaves blocks behind becomes one of its own.
pub(super) fn name_plain_site(report: &mut LeakReport, plain: &PlainSite) {
    let Some(total) = report.findings.iter().find(|f| is_total(f)).cloned() else {
        return;
    };
    let in_bytes = total.is_bytes();
    let rate = if in_bytes { plain.bytes } else { plain.blocks };
    // What a cache or buffer keeps by chance is no leak: the place must leave a fair part of the whole.
    if rate < total.rate * MIN_SITE_SHARE {
        return;
    }
    let size = plain.bytes / plain.blocks.max(f64::MIN_POSITIVE);
    let named = LeakFinding {
        rate: rate.min(total.rate),
        bytes_per_iteration: Some(plain.bytes),
        holder: Some(format!("blocks of {size:.0} B from {}", plain.function)),
        site: Some(plain.site.clone()),
        fingerprint: fingerprint(
            total.class,
            &total.type_name,
            Some(&plain.identity(in_bytes)),
        ),
        ..total.clone()
    };
    match report
        .findings
        .iter_mut()
        .find(|f| is_total(f) && f.site.is_none())
    {
        Some(first) => *first = named,
        None => report.findings.push(named),
    }
}

/// The part of the whole that a place must leave behind to be named.
const MIN_SITE_SHARE: f64 = 0.02;

impl fmt::Display for LeakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = self.verdict();
        for words in &self.over_budget {
            writeln!(f, "over budget: {words}")?;
        }
        write!(
            f,
            "{} after {} iterations",
            verdict.word(),
            self.iterations()
        )?;
        match verdict {
            Verdict::Clean { bound } => write!(f, ": at most {bound:.6} per iteration (95 %)"),
            Verdict::Fading => self
                .lines_of("fading")
                .try_for_each(|line| f.write_str(&line)),
            Verdict::Undecided { .. } => {
                self.lines_of("undecided")
                    .try_for_each(|line| f.write_str(&line))?;
                f.write_str("\n  give it more time with `.budget(..)`, or name what may grow with `.expect_growth(..)`")
            }
            Verdict::Leak { .. } => {
                self.findings
                    .iter()
                    .try_for_each(|finding| write!(f, "\n  {finding}"))?;
                if let Some(feature) = self.feature_for_sites() {
                    write!(
                        f,
                        "\n  to see where it is allocated, enable exuvia-harness's feature `{feature}`"
                    )?;
                }
                f.write_str("\n  if this growth is meant, say so with `.expect_growth(..)`")
            }
        }
    }
}
