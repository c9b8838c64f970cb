//! The gate: rows become one verdict, one sentence and one exit code.
//!
//! * **fail** (1): a row that votes regressed; a leak is one.
//! * **unclear** (3): a row that votes is missing or cannot be judged, or nothing that votes
//!   could be compared at all. The only way round is to allow it by name ([`GateOptions`]).
//! * **pass** (0): everything that votes was judged and is within its limit.
//!
//! Exit code 2 (usage, configuration) belongs to the command line: no comparison exists then.

mod order;
mod sentence;

pub(crate) use order::{counts, order, worst};
pub(crate) use sentence::sentence;

use crate::compare::{Row, RowVerdict, Verdict};

/// What the caller allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateOptions {
    /// Instruments whose missing or unclear rows do not vote.
    pub allow_missing: Vec<String>,
    /// A baseline that shares no voting row with this run may pass.
    pub allow_no_base: bool,
    /// Wall time votes too.
    pub strict: bool,
    /// The base was to be measured here: then it has to be there, and to have every case of the head.
    pub base: BaseWanted,
}

/// What is expected of the base.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BaseWanted {
    /// A saved record, if there is one.
    #[default]
    IfSaved,
    /// A revision that was built and measured.
    Measured,
    /// A revision that could not be: the reason.
    Impossible(String),
}

impl GateOptions {
    fn allows(&self, instrument: &str) -> bool {
        self.allow_missing
            .iter()
            .any(|allowed| allowed == instrument)
    }
}

/// What the gate must know about the records besides their rows.
pub(crate) struct Facts {
    pub(crate) has_base: bool,
    pub(crate) measured: bool,
    pub(crate) leaks_judged: bool,
}

/// Takes the vote from missing and unclear rows of allowed instruments, and says so in the row.
pub(crate) fn waive(rows: &mut [Row], options: &GateOptions) {
    for row in rows {
        let open = matches!(row.verdict, RowVerdict::Missing | RowVerdict::Unclear);
        if row.votes && open && options.allows(&row.instrument) {
            row.votes = false;
            row.waived = true;
            row.reason
                .push_str(&format!(" (allowed by --allow-missing {})", row.instrument));
        }
    }
}

/// Reasons that forbid a pass although no single row does.
pub(crate) fn doubts(facts: &Facts, rows: &[Row], options: &GateOptions) -> Vec<String> {
    let mut doubts = Vec::new();
    let judged = |row: &Row| row.votes && !matches!(row.verdict, RowVerdict::New);
    if !options.allow_no_base {
        doubts.extend(lacking_base(rows, options));
    }
    if !facts.measured {
        doubts.push("nothing was measured: does the filter match a workload?".to_owned());
    } else if facts.has_base && !options.allow_no_base && !rows.iter().any(judged) {
        let doubt = "nothing that votes is in both records: \
                     is this the right baseline? `--allow-no-base` accepts it as a first run";
        doubts.push(doubt.to_owned());
    } else if !facts.has_base && !facts.leaks_judged && !options.allows("leaks") {
        let doubt = "without a baseline only leaks can be judged, and they were not measured: \
                     give a baseline or allow it with `--allow-missing leaks`";
        doubts.push(doubt.to_owned());
    }
    doubts
}

/// What a revision that was to be the base lacks.
fn lacking_base(rows: &[Row], options: &GateOptions) -> Option<String> {
    let new = || {
        let cases = rows
            .iter()
            .filter(|row| row.votes && row.verdict == RowVerdict::New);
        cases
            .map(Row::case)
            .collect::<std::collections::BTreeSet<_>>()
    };
    match &options.base {
        BaseWanted::IfSaved => None,
        BaseWanted::Impossible(why) => Some(format!(
            "the base could not be measured, so that every row is new: {why}; `--allow-no-base` accepts that"
        )),
        BaseWanted::Measured => {
            let new = new();
            let first = new.first()?;
            let count = crate::format::plural(new.len() as u64, "benchmark");
            Some(format!(
                "the base lacks {count}, first: {first}; `--allow-no-base` accepts new ones"
            ))
        }
    }
}

/// The verdict over all rows.
pub(crate) fn verdict(rows: &[Row], doubts: &[String]) -> Verdict {
    let any = |wanted: &[RowVerdict]| rows.iter().any(|r| r.votes && wanted.contains(&r.verdict));
    if any(&[RowVerdict::Regressed]) {
        Verdict::Fail
    } else if !doubts.is_empty() || any(&[RowVerdict::Missing, RowVerdict::Unclear]) {
        Verdict::Unclear
    } else {
        Verdict::Pass
    }
}
