//! Inclusive instruction counts of the collector's phases, from callgrind's output.
//!
//! A phase's count is its own instructions and those of what it called. Phases do not recurse, so that nothing is counted
//! twice; where one phase runs inside another (resurrection repeats the trial deletion) both include it.

use super::callgrind::Profile;

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

/// The phases in a profile.
pub(crate) fn counts(profile: &Profile) -> PhaseCounts {
    let mut counts = [0; PHASES.len()];
    for function in &profile.functions {
        if let Some(phase) = phase_of(&function.name) {
            counts[phase] += function.own + function.called;
        }
    }
    let saw_heap = profile
        .functions
        .iter()
        .any(|f| f.name.contains(CRATE) && f.own + f.called > 0);
    saw_heap.then_some(counts)
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

/// Drops a legacy `::h0123456789abcdef`, which differs from build to build.
pub(crate) fn without_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            path
        }
        _ => name,
    }
}

/// Drops one trailing `::<..>` or `<..>` and a hash.
fn without_generics(name: &str) -> &str {
    let name = without_hash(name);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> PhaseCounts {
        let mut profile = Profile::default();
        profile.parse(text.as_bytes()).expect("readable");
        counts(&profile)
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
