//! Callgrind's output file: instructions and calls per function.
//!
//! The file lists, per function, the cost of its own instructions and for each call how often it was made and what it
//! cost inside the callee.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use exuvia_reports::why::CaseFunctions;

use super::phases::without_hash;
use crate::CaseId;

/// The functions of one or several files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Profile {
    pub(crate) functions: Vec<Function>,
    by_name: HashMap<String, u32>,
    /// Caller, callee: calls and what they cost inside of the callee.
    calls: HashMap<(u32, u32), (u64, u64)>,
}

/// What one function cost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// Its own instructions.
    pub(crate) own: u64,
    /// Instructions inside of what it called.
    pub(crate) called: u64,
}

impl Profile {
    /// Adds one callgrind output file.
    pub(crate) fn read(&mut self, path: &Path) -> io::Result<()> {
        self.parse(BufReader::new(std::fs::File::open(path)?))
    }

    pub(crate) fn parse(&mut self, lines: impl BufRead) -> io::Result<()> {
        let mut names = Names::default();
        let (mut function, mut callee, mut column) = (None, None, 1);
        // set by a `calls=` line: the next cost is that call's
        let mut inside = None;
        for line in lines.lines() {
            let line = line?;
            if let Some(name) = line.strip_prefix("fn=") {
                function = Some(self.index(names.resolve(name)));
            } else if let Some(name) = line.strip_prefix("cfn=") {
                callee = Some(self.index(names.resolve(name)));
            } else if let Some(positions) = line.strip_prefix("positions:") {
                column = positions.split_whitespace().count().max(1);
            } else if let Some(calls) = line.strip_prefix("calls=") {
                let count = calls.split_ascii_whitespace().next();
                inside = Some(count.and_then(|n| n.parse::<u64>().ok()).unwrap_or(0));
            } else if let (Some(function), Some(cost)) = (function, cost_of(&line, column)) {
                match inside.take() {
                    Some(count) => self.add_calls(function, callee, count, cost),
                    None => self.functions[function as usize].own += cost,
                }
            }
        }
        Ok(())
    }

    fn add_calls(&mut self, caller: u32, callee: Option<u32>, count: u64, cost: u64) {
        self.functions[caller as usize].called += cost;
        if let Some(callee) = callee {
            let (calls, costs) = self.calls.entry((caller, callee)).or_default();
            *calls += count;
            *costs += cost;
        }
    }

    fn index(&mut self, name: &str) -> u32 {
        let name = name
            .split_once('\'')
            .map_or(name, |(name, _recursion)| name);
        let name = without_hash(name);
        if let Some(index) = self.by_name.get(name) {
            return *index;
        }
        let index = u32::try_from(self.functions.len()).unwrap_or(u32::MAX);
        self.functions.push(Function {
            name: name.to_owned(),
            ..Function::default()
        });
        self.by_name.insert(name.to_owned(), index);
        index
    }

    /// The functions as they are kept beside a record.
    pub(crate) fn of_case(&self, case: &CaseId) -> CaseFunctions {
        let mut calls: Vec<_> = self
            .calls
            .iter()
            .map(|(&(from, to), &(calls, cost))| (from, to, calls, cost))
            .collect();
        calls.sort_unstable();
        CaseFunctions {
            workload: case.workload.clone(),
            variant: case.variant.clone(),
            params: case.params.iter().cloned().collect(),
            functions: self
                .functions
                .iter()
                .map(|f| (f.name.clone(), f.own))
                .collect(),
            calls,
        }
    }
}

/// The first event (instructions) of a cost line: position columns, then one number per event.
fn cost_of(line: &str, column: usize) -> Option<u64> {
    if !line.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '*')) {
        return None;
    }
    line.split_ascii_whitespace().nth(column)?.parse().ok()
}

/// Names may be compressed: `(7) name` once, `(7)` afterwards.
#[derive(Default)]
struct Names {
    known: HashMap<String, String>,
    plain: String,
}

impl Names {
    fn resolve(&mut self, text: &str) -> &str {
        let Some((id, name)) = text.strip_prefix('(').and_then(|rest| rest.split_once(')')) else {
            text.clone_into(&mut self.plain);
            return &self.plain;
        };
        if !name.trim().is_empty() {
            self.known.insert(id.to_owned(), name.trim().to_owned());
        }
        self.known.get(id).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_instructions_and_calls_are_told_apart() {
        let mut profile = Profile::default();
        let text = "positions: line\nevents: Ir\nfn=(1) a::main\n0 10\ncfn=(2) a::f::h0123456789abcdef\ncalls=3 0\n0 90\n\nfn=(2)\n0 90\n";
        profile.parse(text.as_bytes()).expect("readable");
        let case = profile.of_case(&"a/b[c]".parse().expect("a case"));
        assert_eq!(
            case.functions,
            [("a::main".to_owned(), 10), ("a::f".to_owned(), 90)]
        );
        assert_eq!(case.calls, [(0, 1, 3, 90)]);
        assert_eq!(profile.functions[0].called, 90);
    }
}
