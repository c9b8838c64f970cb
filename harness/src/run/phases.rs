//! Inclusive instruction counts of the collector's phases, read from callgrind's output file.
//!
//! The file lists, per function, the cost of its own instructions and for each call the cost inside the callee; the sum
//! of both is the inclusive cost. Phases do not recurse, so that nothing is counted twice; where one phase runs inside
//! another (resurrection repeats the trial deletion) both include it.

use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// The collector's phases in the order of a collection.
pub(crate) const PHASES: [&str; 7] = [
    "update_refs",
    "subtract_refs",
    "move_unreachable",
    "handle_weakrefs",
    "finalize_garbage",
    "handle_resurrected",
    "delete_garbage",
];

const CRATE: &str = "exuvia_core::";

/// Instructions per phase, in the order of [`PHASES`]; `None` when no function of the heap was counted at all.
pub(crate) type PhaseCounts = Option<[u64; PHASES.len()]>;

/// Reads one callgrind output file.
pub(crate) fn read(path: &Path) -> io::Result<PhaseCounts> {
    parse(BufReader::new(std::fs::File::open(path)?))
}

fn parse(lines: impl BufRead) -> io::Result<PhaseCounts> {
    let mut counts = [0; PHASES.len()];
    let mut names = Names::default();
    let (mut saw_heap, mut phase, mut column) = (false, None, 0);
    for line in lines.lines() {
        let line = line?;
        if let Some(name) = line.strip_prefix("fn=") {
            let name = names.resolve(name);
            saw_heap |= name.contains(CRATE);
            phase = phase_of(name);
        } else if let Some(name) = line.strip_prefix("cfn=") {
            names.resolve(name);
        } else if let Some(positions) = line.strip_prefix("positions:") {
            column = positions.split_whitespace().count();
        } else if let (Some(phase), Some(cost)) = (phase, cost_of(&line, column.max(1))) {
            counts[phase] += cost;
        }
    }
    Ok(saw_heap.then_some(counts))
}

/// The first event (instructions) of a cost line: position columns, then one number per event.
fn cost_of(line: &str, column: usize) -> Option<u64> {
    if !line.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '*')) {
        return None;
    }
    line.split_ascii_whitespace().nth(column)?.parse().ok()
}

/// Which phase a function is: the last segment of its path, whatever type or generic arguments surround it.
fn phase_of(name: &str) -> Option<usize> {
    if !name.contains(CRATE) {
        return None;
    }
    let name = name
        .split_once('\'')
        .map_or(name, |(name, _recursion)| name);
    let last = without_generics(name).rsplit("::").next()?;
    PHASES.iter().position(|phase| *phase == last)
}

/// Drops one trailing `::<..>` or `<..>` and a legacy `::h0123456789abcdef`.
fn without_generics(name: &str) -> &str {
    let name = match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            path
        }
        _ => name,
    };
    if !name.ends_with('>') {
        return name;
    }
    let mut depth = 0_i32;
    for (index, character) in name.char_indices().rev() {
        depth += match character {
            '>' => 1,
            '<' => -1,
            _ => 0,
        };
        if depth == 0 {
            return name[..index].trim_end_matches("::");
        }
    }
    name
}

/// Names may be compressed: `(7) name` once, `(7)` afterwards.
#[derive(Default)]
struct Names {
    known: std::collections::HashMap<String, String>,
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

    fn parsed(text: &str) -> PhaseCounts {
        parse(text.as_bytes()).expect("readable")
    }

    #[test]
    fn own_and_called_instructions_are_summed_per_phase() {
        let counts = parsed(
            "version: 1\npositions: line\nevents: Ir Dr\n\nfn=exuvia_core::gc::update_refs\n0 10 3\ncfn=helper\n\
             calls=2 0\n0 32 8\n\nfn=helper\n0 32 8\nfn=main\n0 5\ncfn=exuvia_core::gc::update_refs\ncalls=1 0\n0 42 11\n",
        );
        assert_eq!(counts.expect("the heap was seen")[0], 42);
    }

    #[test]
    fn compressed_names_and_positions_are_understood() {
        let counts = parsed(
            "positions: instr line\nfn=(1) <exuvia_core::Collector>::subtract_refs::<u8>\n0x1 5 7\n+3 * 8\nfn=(2) x\n+1 1 9\nfn=(1)\n+1 1 5\n",
        );
        assert_eq!(
            counts.expect("the heap was seen")[1],
            20,
            "the line that begins with 0x1 is a cost line too"
        );
    }

    #[test]
    fn a_program_without_our_heap_has_no_phases() {
        assert_eq!(
            parsed("positions: line\nfn=other::update_refs\n0 10\n"),
            None
        );
    }

    #[test]
    fn phases_are_found_under_every_way_of_writing_their_name() {
        for name in [
            "exuvia_core::gc::collector::move_unreachable",
            "exuvia_core::gc::Collector::move_unreachable::h0123456789abcdef",
            "<exuvia_core::gc::Collector>::move_unreachable",
            "exuvia_core::gc::move_unreachable<alloc::vec::Vec<u8>>",
            "exuvia_core::gc::move_unreachable::<exuvia_core::Heap>'2",
        ] {
            assert_eq!(phase_of(name), Some(2), "{name}");
        }
        assert_eq!(
            phase_of("exuvia_core::gc::move_unreachable::{{closure}}"),
            None
        );
    }
}
