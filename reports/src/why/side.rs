//! One side of a comparison of call graphs, by name of function.

use super::CaseFunctions;
use super::standard::{has_path, is_standard};
use std::collections::{BTreeMap, BTreeSet};

/// The calls of one function by another.
#[derive(Clone, Copy, Default)]
pub(super) struct Edge {
    pub(super) calls: f64,
    /// Instructions inside of these calls.
    pub(super) cost: f64,
}

impl Edge {
    /// Instructions inside of one call.
    pub(super) fn per_call(self) -> f64 {
        self.cost / self.calls
    }
}

#[derive(Default)]
pub(super) struct Side<'a> {
    own: BTreeMap<&'a str, f64>,
    calls: BTreeMap<&'a str, f64>,
    edges: BTreeMap<(&'a str, &'a str), Edge>,
}

impl<'a> Side<'a> {
    pub(super) fn new(functions: &'a CaseFunctions) -> Self {
        let name = |index: u32| {
            let named = functions.functions.get(index as usize);
            named.map(|(name, _)| name.as_str())
        };
        let mut side = Self::default();
        for (name, own) in &functions.functions {
            *side.own.entry(name).or_default() += *own as f64;
        }
        for &(caller, callee, calls, cost) in &functions.calls {
            if let (Some(caller), Some(callee)) = (name(caller), name(callee)) {
                *side.calls.entry(callee).or_default() += calls as f64;
                let edge = side.edges.entry((caller, callee)).or_default();
                edge.calls += calls as f64;
                edge.cost += cost as f64;
            }
        }
        side
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.own.keys().copied()
    }

    /// Caller and callee.
    pub(super) fn edges(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.edges.keys().copied()
    }

    /// Its own instructions.
    pub(super) fn own(&self, name: &str) -> f64 {
        self.own.get(name).copied().unwrap_or(0.0)
    }

    /// How often it was called.
    pub(super) fn calls(&self, name: &str) -> f64 {
        self.calls.get(name).copied().unwrap_or(0.0)
    }

    pub(super) fn edge(&self, caller: &str, callee: &str) -> Edge {
        self.edges
            .get(&(caller, callee))
            .copied()
            .unwrap_or_default()
    }
}

/// Whether a function is the same code on both sides: the standard library's, since both are built by one toolchain, or
/// C's, which has no path: the allocator, copies of memory.
pub(super) fn is_given(name: &str) -> bool {
    is_standard(name) || !has_path(name)
}

/// Every function that calls another one, on either side, by callee. Calls of a function by itself are left out.
pub(super) fn callers<'a>(sides: [&Side<'a>; 2]) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut callers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (caller, callee) in sides.into_iter().flat_map(Side::edges) {
        if caller != callee {
            callers.entry(callee).or_default().insert(caller);
        }
    }
    callers
}

#[cfg(test)]
mod tests {
    use super::is_given;

    #[test]
    fn what_is_c_is_given_as_the_standard_library_is() {
        for given in [
            "__memcpy_avx_unaligned_erms",
            "memcpy@GLIBC_2.2.5",
            "_int_malloc",
            "alloc::raw_vec::RawVec<T,A>::grow_one",
        ] {
            assert!(is_given(given), "{given}");
        }
        assert!(!is_given("my_crate::f"));
    }
}
