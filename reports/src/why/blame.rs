//! Whose doing a difference in instructions is.
//!
//! A function can cost more because a call of it costs more, or because it is called more often; the second is its
//! caller's doing. So what follows from more calls is handed up the call graph, along the calls that became more
//! frequent, until it arrives at a function that makes more calls per call of its own. What arrives there and what
//! calls cost more by themselves add up to the whole difference.

use super::{CaseFunctions, Part};
use std::collections::{BTreeMap, BTreeSet};

/// The call graph is handed up so many levels; deeper is recursion.
const LEVELS: usize = 64;

/// One side, by name.
struct Side<'a> {
    own: BTreeMap<&'a str, f64>,
    calls: BTreeMap<&'a str, f64>,
    edges: BTreeMap<(&'a str, &'a str), f64>,
}

impl<'a> Side<'a> {
    fn new(functions: &'a CaseFunctions) -> Self {
        let name = |index: u32| {
            functions
                .functions
                .get(index as usize)
                .map(|(name, _)| name.as_str())
        };
        let mut side = Self {
            own: BTreeMap::new(),
            calls: BTreeMap::new(),
            edges: BTreeMap::new(),
        };
        for (name, own) in &functions.functions {
            *side.own.entry(name).or_default() += *own as f64;
        }
        for (caller, callee, count) in &functions.calls {
            if let (Some(caller), Some(callee)) = (name(*caller), name(*callee)) {
                *side.calls.entry(callee).or_default() += *count as f64;
                *side.edges.entry((caller, callee)).or_default() += *count as f64;
            }
        }
        side
    }

    fn own(&self, name: &str) -> f64 {
        self.own.get(name).copied().unwrap_or(0.0)
    }

    fn calls(&self, name: &str) -> f64 {
        self.calls.get(name).copied().unwrap_or(0.0)
    }

    fn edge(&self, caller: &str, callee: &str) -> f64 {
        self.edges.get(&(caller, callee)).copied().unwrap_or(0.0)
    }
}

#[derive(Default)]
struct Blamed<'a> {
    amount: f64,
    own: f64,
    /// Callee that is called more often, with what that costs.
    through: BTreeMap<&'a str, f64>,
}

/// Every function with its part of `head - base`; the parts add up to the whole difference.
pub fn blame(base: &CaseFunctions, head: &CaseFunctions) -> Vec<Part> {
    let (base, head) = (Side::new(base), Side::new(head));
    let names: BTreeSet<&str> = base.own.keys().chain(head.own.keys()).copied().collect();
    let mut callers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (caller, callee) in base.edges.keys().chain(head.edges.keys()) {
        callers.entry(callee).or_default().insert(caller);
    }
    let mut blamed: BTreeMap<&str, Blamed<'_>> = BTreeMap::new();
    let mut open: BTreeMap<&str, f64> = BTreeMap::new();
    for name in names {
        let (own, by_calls) = split(&base, &head, name);
        let entry = blamed.entry(name).or_default();
        entry.amount += own;
        entry.own += own;
        if by_calls != 0.0 {
            *open.entry(name).or_default() += by_calls;
        }
    }
    for _ in 0..LEVELS {
        if open.is_empty() {
            break;
        }
        for (callee, amount) in std::mem::take(&mut open) {
            hand_up(
                &base,
                &head,
                callers.get(callee),
                callee,
                amount,
                &mut blamed,
                &mut open,
            );
        }
    }
    for (name, amount) in open {
        blamed.entry(name).or_default().amount += amount;
    }
    let parts = blamed
        .into_iter()
        .filter(|(_, blamed)| blamed.amount != 0.0);
    parts
        .map(|(name, blamed)| part(&base, &head, name, &blamed))
        .collect()
}

/// What a function costs more by itself, and what follows from how often it is called.
fn split(base: &Side<'_>, head: &Side<'_>, name: &str) -> (f64, f64) {
    let (own0, own1) = (base.own(name), head.own(name));
    let (calls0, calls1) = (base.calls(name), head.calls(name));
    match (calls0 > 0.0, calls1 > 0.0) {
        (true, true) => {
            let by_calls = own0 * (calls1 - calls0) / calls0;
            (own1 - own0 - by_calls, by_calls)
        }
        (false, true) if own0 == 0.0 => (0.0, own1),
        (true, false) if own1 == 0.0 => (0.0, -own0),
        _ => (own1 - own0, 0.0),
    }
}

/// Gives `amount`, which follows from more calls of `callee`, to those who call it more often.
fn hand_up<'a>(
    base: &Side<'a>,
    head: &Side<'a>,
    callers: Option<&BTreeSet<&'a str>>,
    callee: &'a str,
    amount: f64,
    blamed: &mut BTreeMap<&'a str, Blamed<'a>>,
    open: &mut BTreeMap<&'a str, f64>,
) {
    let more = |caller: &str| head.edge(caller, callee) - base.edge(caller, callee);
    let all: f64 = callers
        .into_iter()
        .flatten()
        .map(|caller| more(caller))
        .sum();
    if all == 0.0 {
        blamed.entry(callee).or_default().amount += amount;
        return;
    }
    for caller in callers.into_iter().flatten() {
        let part = amount * more(caller) / all;
        if part == 0.0 {
            continue;
        }
        // calls that follow from the caller being called more often itself
        let (calls0, calls1) = (base.calls(caller), head.calls(caller));
        let expected = match calls0 > 0.0 {
            true => base.edge(caller, callee) * (calls1 - calls0) / calls0,
            // a new function brings its calls along
            false if base.own(caller) == 0.0 && calls1 > 0.0 => more(caller),
            false => 0.0,
        };
        let passed_on = if *caller == callee {
            0.0
        } else {
            (expected / more(caller)).clamp(0.0, 1.0)
        };
        if passed_on > 0.0 {
            *open.entry(caller).or_default() += part * passed_on;
        }
        if passed_on < 1.0 {
            let entry = blamed.entry(caller).or_default();
            entry.amount += part * (1.0 - passed_on);
            *entry.through.entry(callee).or_default() += part * (1.0 - passed_on);
        }
    }
}

fn part(base: &Side<'_>, head: &Side<'_>, name: &str, blamed: &Blamed<'_>) -> Part {
    let mut details = Vec::new();
    if blamed.own.abs() > 0.05 * blamed.amount.abs() {
        let [own0, own1] = [base.own(name), head.own(name)].map(crate::format::exact);
        details.push(format!("own instructions {own0} to {own1}"));
    }
    let through = blamed
        .through
        .iter()
        .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
    if let Some((callee, _)) = through.filter(|(_, cost)| cost.abs() > 0.05 * blamed.amount.abs()) {
        let [before, after] =
            [base.edge(name, callee), head.edge(name, callee)].map(crate::format::exact);
        details.push(format!("calls {callee} {after} times instead of {before}"));
    }
    Part {
        name: name.to_owned(),
        difference: blamed.amount,
        detail: details.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(functions: &[(&str, u64)], calls: &[(u32, u32, u64)]) -> CaseFunctions {
        CaseFunctions {
            functions: functions
                .iter()
                .map(|(name, own)| ((*name).to_owned(), *own))
                .collect(),
            calls: calls.to_vec(),
            ..CaseFunctions::default()
        }
    }

    fn first(base: &CaseFunctions, head: &CaseFunctions) -> (String, f64) {
        let mut parts = blame(base, head);
        parts.sort_by(|a, b| b.difference.total_cmp(&a.difference));
        (
            parts[0].name.clone(),
            parts.iter().map(|p| p.difference).sum(),
        )
    }

    #[test]
    fn a_function_that_works_more_per_call_is_named() {
        let calls = [(0, 1, 10), (1, 2, 100)];
        let base = case(&[("main", 50), ("walk", 1_000), ("copy", 2_000)], &calls);
        let head = case(&[("main", 50), ("walk", 1_500), ("copy", 2_000)], &calls);
        assert_eq!(first(&base, &head), ("walk".to_owned(), 500.0));
    }

    #[test]
    fn calling_another_function_more_often_is_the_callers_doing() {
        let functions = |copy| [("main", 50), ("walk", 1_000), ("grow", 10), ("copy", copy)];
        let base = case(&functions(2_000), &[(0, 1, 10), (1, 2, 10), (2, 3, 100)]);
        let head = case(&functions(4_000), &[(0, 1, 10), (1, 2, 10), (2, 3, 200)]);
        assert_eq!(first(&base, &head), ("grow".to_owned(), 2_000.0));
    }

    #[test]
    fn more_calls_are_handed_up_through_functions_that_only_pass_them_on() {
        let base = case(
            &[("main", 50), ("walk", 1_000), ("copy", 2_000)],
            &[(0, 1, 10), (1, 2, 100)],
        );
        let head = case(
            &[("main", 50), ("walk", 2_000), ("copy", 4_000)],
            &[(0, 1, 20), (1, 2, 200)],
        );
        assert_eq!(first(&base, &head), ("main".to_owned(), 3_000.0));
    }

    #[test]
    fn a_new_helper_is_its_callers_doing_and_recursion_ends() {
        let base = case(&[("main", 50), ("walk", 1_000)], &[(0, 1, 10), (1, 1, 90)]);
        let head = case(
            &[("main", 50), ("walk", 1_000), ("check", 700)],
            &[(0, 1, 10), (1, 1, 90), (1, 2, 70)],
        );
        assert_eq!(first(&base, &head), ("walk".to_owned(), 700.0));
        let deeper = case(&[("main", 50), ("walk", 2_000)], &[(0, 1, 10), (1, 1, 190)]);
        assert_eq!(first(&base, &deeper), ("walk".to_owned(), 1_000.0));
    }
}
