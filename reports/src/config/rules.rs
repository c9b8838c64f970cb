//! Limit rules: the built-in ones, and how several of them combine.

use super::matches;
use crate::compare::Limit;
use std::sync::LazyLock;

/// What the file, or this crate, says about the metrics that match.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitRule {
    /// Pattern of the metric.
    pub metric: String,
    /// Pattern of the workload.
    pub workload: String,
    /// Pattern of the variant.
    pub variant: String,
    /// Allowed worsening in percent of the base.
    pub percent: Option<f64>,
    /// Allowed worsening in the unit of the metric; the larger of the two counts.
    pub absolute: Option<f64>,
    /// The absolute part applies to a base below this only.
    pub absolute_below: Option<f64>,
    /// Whether the metric decides the gate.
    pub votes: Option<bool>,
    /// Line in the file; 0 for a built-in rule.
    pub line: usize,
}

impl LimitRule {
    fn built_in(metric: &str, percent: f64, votes: bool) -> Self {
        Self {
            metric: metric.to_owned(),
            workload: "*".to_owned(),
            variant: "*".to_owned(),
            percent: Some(percent),
            absolute: None,
            absolute_below: None,
            votes: Some(votes),
            line: 0,
        }
    }

    /// Whether the rule is about this metric of this case.
    pub fn applies_to(&self, metric: &str, workload: &str, variant: &str) -> bool {
        matches(&self.metric, metric)
            && matches(&self.workload, workload)
            && matches(&self.variant, variant)
    }
}

/// The built-in rules, in order.
///
/// Instructions, per phase too: 0.3 %; a phase below 1,000 instructions may gain 30. Heap
/// bytes, blocks and objects: nothing. Process pairs: a margin of 1 %. Findings of the reference audit: none. Times,
/// simulated cycles, resident memory and growth rates are shown and do not vote.
pub fn built_in() -> &'static [LimitRule] {
    static RULES: LazyLock<Vec<LimitRule>> = LazyLock::new(rules);
    &RULES
}

fn rules() -> Vec<LimitRule> {
    let rule = LimitRule::built_in;
    vec![
        rule("*", 0.0, false),
        rule("time/*", 10.0, false),
        rule(crate::compare::paired::PAIRED_TIME, 1.0, true),
        rule("rss/*", 10.0, false),
        rule("instructions/*", 5.0, false),
        rule("instructions/ir", 0.3, true),
        LimitRule {
            absolute: Some(30.0),
            absolute_below: Some(1_000.0),
            ..rule("instructions/ir.*", 0.3, true)
        },
        rule("heap/*", 0.0, true),
        rule("leaks/*", 10.0, false),
        rule("leaks/audit_findings", 0.0, true),
        rule(LEAK_VERDICT, 0.0, true),
    ]
}

/// The metric under which the leak detector's verdict is compared.
pub const LEAK_VERDICT: &str = "leaks/verdict";

/// The sum of all rules about one metric of one case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Applied {
    percent: f64,
    absolute: f64,
    absolute_below: Option<f64>,
    votes: bool,
    explicit_vote: bool,
}

impl Applied {
    /// What holds once `rule` has spoken too.
    pub(crate) fn with(mut self, rule: &LimitRule) -> Self {
        if let Some(percent) = rule.percent {
            self.percent = percent;
        }
        if let Some(absolute) = rule.absolute {
            self.absolute = absolute;
            self.absolute_below = rule.absolute_below;
        }
        if let Some(votes) = rule.votes {
            self.votes = votes;
            self.explicit_vote = rule.line > 0;
        }
        self
    }

    /// The limit for a metric whose base is `base`.
    pub fn limit(&self, base: f64) -> Limit {
        let small = self.absolute_below.is_none_or(|below| base.abs() < below);
        Limit {
            relative: self.percent / 100.0,
            absolute: if small { self.absolute } else { 0.0 },
        }
    }

    /// Whether the metric is one that votes.
    pub fn votes(&self) -> bool {
        self.votes
    }

    /// Whether the vote was asked for in the file: then a metric votes that is no exact count.
    pub fn votes_by_request(&self) -> bool {
        self.votes && self.explicit_vote
    }
}
