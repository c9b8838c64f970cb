//! Whose doing a difference in instructions is.
//!
//! A function can cost more because a call of it does more, or because it is called more often; the second is its
//! caller's doing. And a call can do more because the function was changed, or because it was given more to do, which is
//! the caller's doing again. So amounts are handed up the call graph:
//!
//! * what follows from *more calls*, along the calls that became more frequent, until it arrives at a function that makes
//!   more calls per call of its own: there it is more work in a call;
//! * what is *more work in a call* stays with the function as far as calls from everywhere became dearer. What calls from
//!   one place cost more than that is the doing of this place. The standard library is the same on both sides: nothing
//!   stays with it.
//!
//! The parts add up to the whole difference.

use super::side::{Edge, Side, callers, is_given};
use super::{CaseFunctions, Part};
use crate::format::exact;
use std::collections::{BTreeMap, BTreeSet};

/// The call graph is handed up so many levels; deeper is recursion.
const LEVELS: usize = 64;

/// Why a function costs more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    MoreCalls,
    MoreInACall,
}

#[derive(Default)]
struct Blamed<'a> {
    amount: f64,
    own: f64,
    /// What arrived from callees.
    through: BTreeMap<&'a str, f64>,
}

/// What one function hands to another.
struct Handed<'a> {
    to: &'a str,
    from: &'a str,
    why: Why,
    amount: f64,
}

struct Graph<'a> {
    base: Side<'a>,
    head: Side<'a>,
    callers: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

/// Every function with its part of `head - base`; the parts add up to the whole difference.
pub fn blame(base: &CaseFunctions, head: &CaseFunctions) -> Vec<Part> {
    let (base, head) = (Side::new(base), Side::new(head));
    let callers = callers([&base, &head]);
    let graph = Graph {
        base,
        head,
        callers,
    };
    let blamed = graph.hand_up();
    let parts = blamed
        .iter()
        .filter(|(_, blamed)| blamed.amount.abs() >= 0.5);
    parts
        .map(|(name, blamed)| graph.part(name, blamed))
        .collect()
}

impl<'a> Graph<'a> {
    fn hand_up(&self) -> BTreeMap<&'a str, Blamed<'a>> {
        let mut blamed: BTreeMap<&'a str, Blamed<'a>> = BTreeMap::new();
        let mut open: BTreeMap<(&'a str, Why, Option<&'a str>), f64> = BTreeMap::new();
        let names: BTreeSet<&str> = self.base.names().chain(self.head.names()).collect();
        for name in names {
            let (in_a_call, by_calls) = self.split(name);
            open.insert((name, Why::MoreInACall, None), in_a_call);
            open.insert((name, Why::MoreCalls, None), by_calls);
        }
        for level in 0..=LEVELS {
            for ((name, why, from), amount) in std::mem::take(&mut open) {
                if amount == 0.0 {
                    continue;
                }
                let handed = match (why, level < LEVELS) {
                    (_, false) => Vec::new(),
                    (Why::MoreCalls, true) => self.more_calls(name, amount),
                    (Why::MoreInACall, true) => self.more_in_a_call(name, amount),
                };
                let kept = amount - handed.iter().map(|handed| handed.amount).sum::<f64>();
                let entry = blamed.entry(name).or_default();
                entry.amount += kept;
                match from {
                    Some(callee) => *entry.through.entry(callee).or_default() += kept,
                    None => entry.own += kept,
                }
                for handed in handed {
                    let key = (handed.to, handed.why, Some(handed.from));
                    *open.entry(key).or_default() += handed.amount;
                }
            }
        }
        blamed
    }

    /// What a function's own instructions cost more in its calls, and what follows from how often it is called.
    fn split(&self, name: &str) -> (f64, f64) {
        let (own0, own1) = (self.base.own(name), self.head.own(name));
        let (calls0, calls1) = (self.base.calls(name), self.head.calls(name));
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

    /// The calls of `callee` from each place, before and after.
    fn edges(&self, callee: &'a str) -> impl Iterator<Item = (&'a str, Edge, Edge)> {
        let callers = self.callers.get(callee).into_iter().flatten();
        callers.map(move |&caller| {
            let [before, after] = [&self.base, &self.head].map(|side| side.edge(caller, callee));
            (caller, before, after)
        })
    }

    /// Gives what follows from more calls of `callee` to those who call it more often.
    fn more_calls(&self, callee: &'a str, amount: f64) -> Vec<Handed<'a>> {
        let more: Vec<(&str, f64)> = self
            .edges(callee)
            .map(|(caller, before, after)| (caller, after.calls - before.calls))
            .filter(|(_, more)| *more != 0.0)
            .collect();
        let all: f64 = more.iter().map(|(_, more)| more).sum();
        if all == 0.0 {
            return Vec::new();
        }
        let mut handed = Vec::new();
        for (to, more) in more {
            let part = amount * more / all;
            let passed_on = self.follows_from_calls(to, callee, more);
            let shares = [
                (Why::MoreCalls, passed_on),
                (Why::MoreInACall, 1.0 - passed_on),
            ];
            handed.extend(shares.map(|(why, share)| Handed {
                to,
                from: callee,
                why,
                amount: part * share,
            }));
        }
        handed
    }

    /// Share of the `more` calls of `callee` that `caller` makes because it is called more often itself.
    fn follows_from_calls(&self, caller: &str, callee: &str, more: f64) -> f64 {
        let (calls0, calls1) = (self.base.calls(caller), self.head.calls(caller));
        let expected = match calls0 > 0.0 {
            true => self.base.edge(caller, callee).calls * (calls1 - calls0) / calls0,
            // a new function brings its calls along
            false if self.base.own(caller) == 0.0 && calls1 > 0.0 => more,
            false => 0.0,
        };
        (expected / more).clamp(0.0, 1.0)
    }

    /// Gives what calls of a function cost more to those whose calls became dearer than those of others.
    fn more_in_a_call(&self, name: &'a str, amount: f64) -> Vec<Handed<'a>> {
        let sign = amount.signum();
        let dearer: Vec<(&str, Edge, f64)> = self
            .edges(name)
            .filter(|(_, before, after)| before.calls > 0.0 && after.calls > 0.0)
            .map(|(caller, before, after)| {
                let rise = sign * (after.per_call() - before.per_call());
                let before = Edge {
                    calls: after.calls,
                    cost: before.per_call() * after.calls,
                };
                (caller, before, rise)
            })
            .collect();
        let everywhere = match is_given(name) {
            true => (0.0, 0.0),
            false => from_everywhere(&dearer),
        };
        let excess = |before: &Edge, rise: f64| {
            let (at_least, in_proportion) = everywhere;
            let own = at_least.max(in_proportion * before.per_call());
            before.calls * (rise - own).max(0.0)
        };
        let whole: f64 = dearer
            .iter()
            .map(|(_, before, rise)| before.calls * rise.max(0.0))
            .sum();
        if whole == 0.0 {
            return Vec::new();
        }
        let handed = dearer.iter().map(|(to, before, rise)| Handed {
            to,
            from: name,
            why: Why::MoreInACall,
            amount: amount * excess(before, *rise) / whole,
        });
        handed.filter(|handed| handed.amount != 0.0).collect()
    }

    fn part(&self, name: &str, blamed: &Blamed<'_>) -> Part {
        let mut details = Vec::new();
        if blamed.own.abs() > 0.05 * blamed.amount.abs() {
            let [own0, own1] = [&self.base, &self.head].map(|side| exact(side.own(name)));
            details.push(format!("own instructions {own0} to {own1}"));
        }
        let through = blamed
            .through
            .iter()
            .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
        if let Some((callee, _)) =
            through.filter(|(_, cost)| cost.abs() > 0.05 * blamed.amount.abs())
        {
            let [before, after] = [&self.base, &self.head].map(|side| side.edge(name, callee));
            details.push(match before.calls == after.calls {
                true => format!(
                    "a call of {callee} takes {} instructions instead of {}",
                    exact(after.per_call().round()),
                    exact(before.per_call().round())
                ),
                false => format!(
                    "calls {callee} {} times instead of {}",
                    exact(after.calls),
                    exact(before.calls)
                ),
            });
        }
        Part {
            name: name.to_owned(),
            difference: blamed.amount,
            detail: details.join("; "),
        }
    }
}

/// By how much calls from every place became dearer: at least so many instructions a call, or such a share of what they
/// cost, whichever of the two explains more. Calls from one place only tell nothing: all of it.
fn from_everywhere(dearer: &[(&str, Edge, f64)]) -> (f64, f64) {
    if dearer.len() < 2 {
        return (f64::INFINITY, 0.0);
    }
    let least = |of: fn(&(&str, Edge, f64)) -> f64| {
        dearer.iter().map(of).fold(f64::INFINITY, f64::min).max(0.0)
    };
    let at_least = least(|(_, _, rise)| *rise);
    let in_proportion = least(|(_, before, rise)| rise / before.per_call());
    let explained = |own: &dyn Fn(&Edge) -> f64| -> f64 {
        let edges = dearer.iter();
        edges.map(|(_, before, _)| before.calls * own(before)).sum()
    };
    if explained(&|_| at_least) >= explained(&|before| in_proportion * before.per_call()) {
        (at_least, 0.0)
    } else {
        (0.0, in_proportion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(functions: &[(&str, u64)], calls: &[(u32, u32, u64)]) -> CaseFunctions {
        let calls: Vec<_> = calls
            .iter()
            .map(|&(from, to, n)| (from, to, n, 0))
            .collect();
        with_costs(functions, &calls)
    }

    fn with_costs(functions: &[(&str, u64)], calls: &[(u32, u32, u64, u64)]) -> CaseFunctions {
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

    const WALK: [(&str, u64); 4] = [
        ("main", 50),
        ("a::walk", 1_000),
        ("a::jump", 1_000),
        ("core::sort", 0),
    ];

    fn sorting(sort: u64, from_walk: u64, from_jump: u64, name: &'static str) -> CaseFunctions {
        let mut functions = WALK;
        functions[3] = (name, sort);
        let calls = [
            (0, 1, 10, 1_000 + from_walk),
            (0, 2, 10, 1_000 + from_jump),
            (1, 3, 10, from_walk),
            (2, 3, 10, from_jump),
        ];
        with_costs(&functions, &calls)
    }

    #[test]
    fn more_to_do_from_one_place_is_that_places_doing() {
        let base = sorting(2_000, 1_000, 1_000, "core::sort");
        let head = sorting(2_500, 1_500, 1_000, "core::sort");
        assert_eq!(first(&base, &head), ("a::walk".to_owned(), 500.0));
        let base = sorting(2_000, 1_000, 1_000, "a::sort");
        let head = sorting(2_500, 1_500, 1_000, "a::sort");
        assert_eq!(first(&base, &head), ("a::walk".to_owned(), 500.0));
    }

    #[test]
    fn what_costs_more_from_everywhere_is_its_own_doing_unless_it_is_the_standard_librarys() {
        // by 100 a call, however much a call does; then by half of what a call does
        for (base, head) in [
            ((1_000, 9_000), (2_000, 10_000)),
            ((1_000, 8_000), (1_500, 12_000)),
        ] {
            let case = |(walk, jump): (u64, u64), name| sorting(walk + jump, walk, jump, name);
            let (by, total) = first(&case(base, "a::sort"), &case(head, "a::sort"));
            assert_eq!(
                (by.as_str(), total),
                ("a::sort", (head.0 + head.1 - base.0 - base.1) as f64)
            );
            let (by, _) = first(&case(base, "core::sort"), &case(head, "core::sort"));
            assert!(by.starts_with("a::"), "{by}");
        }
    }

    #[test]
    fn more_work_is_handed_up_through_the_standard_library() {
        let functions = |small| {
            [
                ("a::walk", 1_000),
                ("core::sort", 100),
                ("core::small", small),
                ("core::smaller", small),
            ]
        };
        let calls = |cost| {
            [
                (0, 1, 10, cost),
                (1, 2, 20, cost - 100),
                (2, 3, 20, cost / 2),
                (3, 2, 5, cost / 4),
            ]
        };
        let base = with_costs(&functions(1_000), &calls(2_100));
        let head = with_costs(&functions(1_300), &calls(2_700));
        let (by, total) = first(&base, &head);
        assert_eq!((by.as_str(), total.round()), ("a::walk", 600.0));
    }
}
