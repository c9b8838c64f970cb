//! What is alive, by type.

use std::collections::BTreeMap;

use crate::alloc::page::{PageKind, describe};
use crate::gc::collector::visitors::each_edge;
use crate::heap::Heap;
use crate::heap::builder::Mode;

/// Live objects of one type.
///
/// ```
/// use exuvia_core::Heap;
/// let heap = Heap::new();
/// let numbers = [heap.alloc(1_u32), heap.alloc(2_u32)];
/// let [count] = &heap.census()[..] else { panic!() };
/// assert_eq!((count.name, count.objects), ("u32", 2));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeCount {
    /// The Rust name of the type.
    pub name: &'static str,
    /// Live objects.
    pub objects: u64,
    /// Bytes of their blocks, headers included, buffers not.
    pub bytes: u64,
}

/// References from objects of one type to objects of another.
///
/// ```
/// use exuvia_core::Heap;
/// let heap = Heap::new();
/// let holder = heap.alloc(vec![heap.alloc(1_u32), heap.alloc(2_u32)]);
/// let [count] = &heap.edge_census()[..] else { panic!() };
/// assert_eq!((count.held, count.edges), ("u32", 2));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeCount {
    /// The Rust name of the type that refers.
    pub holder: &'static str,
    /// The Rust name of the type referred to.
    pub held: &'static str,
    /// References counted, repeats included.
    pub edges: u64,
}

impl Heap {
    /// References between live objects by the two types, in the order of their
    /// names. O(objects + edges); moves no count.
    pub fn edge_census(&self) -> Vec<EdgeCount> {
        let mut by_names: BTreeMap<(&'static str, &'static str), u64> = BTreeMap::new();
        self.core().each_object(|object| {
            // SAFETY: enumerated objects are live, and so is what they refer to.
            unsafe {
                let holder = describe(object.as_ptr()).0.name();
                each_edge(object.as_ptr(), |target| {
                    let held = describe(target.as_ptr()).0.name();
                    *by_names.entry((holder, held)).or_default() += 1;
                });
            }
        });
        let row = |((holder, held), edges)| EdgeCount {
            holder,
            held,
            edges,
        };
        by_names.into_iter().map(row).collect()
    }

    /// Live objects and bytes by type, most bytes first. O(objects).
    pub fn census(&self) -> Vec<TypeCount> {
        let mut by_name: BTreeMap<&'static str, (u64, u64)> = BTreeMap::new();
        self.core().each_object(|object| {
            // SAFETY: enumerated objects are live.
            let (info, bytes) = unsafe { describe(object.as_ptr()) };
            let entry = by_name.entry(info.name()).or_default();
            entry.0 += 1;
            entry.1 += bytes as u64;
        });
        let mut rows: Vec<TypeCount> = by_name
            .into_iter()
            .map(|(name, (objects, bytes))| TypeCount {
                name,
                objects,
                bytes,
            })
            .collect();
        rows.sort_by(|a, b| b.bytes.cmp(&a.bytes).then(a.name.cmp(b.name)));
        rows
    }

    /// Live objects of all types. O(pages); O(objects) while objects die, during a collection and in debug mode.
    pub fn live_objects(&self) -> usize {
        let core = self.core();
        let mut count = 0;
        if core.depth.get() != 0 || core.collecting.get() || core.mode == Mode::Debug {
            core.each_object(|_| count += 1);
            return count;
        }
        // Nothing is on its way out: blocks in use are objects.
        core.each_page(|page| {
            count += match page.kind.get() {
                PageKind::Typed | PageKind::Mixed => page.live() as usize,
                PageKind::Buffers | PageKind::Unused => 0,
            };
        });
        let registered: usize = core.registry.borrow().iter().map(Vec::len).sum();
        count + registered - core.left_blocks.get()
    }
}
