//! A moment to compare with: which objects existed, and how much the larger holders held.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::table::{Bitmap, ObjectTable};
use super::types::Types;
use super::walk::Walk;
use crate::gc::collector::visitors::each_edge;
use crate::heap::Heap;
use crate::object::buffer_bytes;

/// Holders with fewer references than this are not remembered: their growth is what they hold now.
const REMEMBERED_DEGREE: u32 = 8;

/// Buffers smaller than this are not remembered either.
const REMEMBERED_BUFFER: usize = 256;

/// A remembered moment of one heap ([`Heap::mark`]).
///
/// One bit an object, and an entry for each object with 8 references or more. An object that was freed later and whose
/// block was used again counts as old.
///
/// ```
/// use exuvia_core::object::{List, Value};
/// use exuvia_core::Heap;
/// let heap = Heap::new();
/// let cache = heap.root("cache", List::new(&heap));
/// let mark = heap.mark();
/// cache.push(&heap, Value::from(List::new(&heap)));
/// assert_eq!(heap.census_since(&mark).len(), 1, "lists alone have changed");
/// ```
#[derive(Clone, Default)]
pub struct HeapMark {
    pub(super) objects: Bitmap,
    /// References held, by address.
    pub(super) degrees: HashMap<usize, u32>,
    pub(super) by_type: BTreeMap<String, (u64, u64)>,
    /// The address of what each root or native handle holds, ascending.
    roots: Vec<usize>,
    /// Objects with large buffers of their own, by address, ascending, and the bytes of these.
    buffers: Vec<(usize, usize)>,
}

impl HeapMark {
    fn buffer_of(&self, address: usize) -> usize {
        let found = self
            .buffers
            .binary_search_by_key(&address, |buffer| buffer.0);
        found.map_or(0, |place| self.buffers[place].1)
    }

    /// How many roots and native handles held the object at this address.
    pub(super) fn roots_of(&self, address: usize) -> u64 {
        let from = self.roots.partition_point(|&held| held < address);
        let those = self.roots[from..].iter();
        those.take_while(|&&held| held == address).count() as u64
    }
}

impl fmt::Debug for HeapMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeapMark")
            .field("by_type", &self.by_type)
            .finish_non_exhaustive()
    }
}

/// An object whose own buffer grew, by its path.
///
/// ```
/// use exuvia_core::Heap;
/// use exuvia_core::object::ByteArray;
/// let heap = Heap::new();
/// let log = heap.root("log", ByteArray::new(&heap, b""));
/// let mark = heap.mark();
/// log.extend(&heap, &[b'x'; 5000]).unwrap();
/// assert_eq!(heap.buffers_since(&mark)[0].type_name, std::any::type_name::<ByteArray>());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrownBuffer {
    /// The shortest path to it without positions, as in [`Survey::paths`](super::survey::Survey::paths).
    pub path: String,
    /// Its type.
    pub type_name: String,
    /// Bytes more than at the mark.
    pub gained: u64,
}

/// Objects of one type then and now.
///
/// ```
/// use exuvia_core::object::{List, Value};
/// use exuvia_core::Heap;
/// let heap = Heap::new();
/// let cache = heap.root("cache", List::new(&heap));
/// let mark = heap.mark();
/// cache.push(&heap, Value::from(List::new(&heap)));
/// let delta = &heap.census_since(&mark)[0];
/// assert_eq!((delta.before, delta.after, delta.new, delta.gone), (1, 2, 1, 0));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeDelta {
    /// A Rust path, or the name of a class.
    pub name: String,
    /// Live at the mark.
    pub before: u64,
    /// Live now.
    pub after: u64,
    /// Of those now, how many were not there at the mark.
    pub new: u64,
    /// Of those at the mark, how many are gone.
    pub gone: u64,
    /// Change in bytes of blocks.
    pub bytes: i64,
}

impl Heap {
    /// Remembers this moment. O(objects + edges) time.
    pub fn mark(&self) -> HeapMark {
        let table = ObjectTable::of(self.core());
        let mut types = Types::default();
        let mut counts: Vec<(u64, u64)> = Vec::new();
        let (mut degrees, mut buffers) = (HashMap::new(), Vec::new());
        table.each(|_, header| {
            // SAFETY: a walk shows live objects.
            let (number, bytes) =
                unsafe { (types.of(header), crate::alloc::page::describe(header).1) };
            counts.resize(types.len(), (0, 0));
            counts[number as usize].0 += 1;
            counts[number as usize].1 += bytes as u64;
            let mut degree = 0;
            // SAFETY: as above.
            unsafe { each_edge(header, |_| degree += 1) };
            if degree >= REMEMBERED_DEGREE {
                degrees.insert(header.addr(), degree);
            }
            // SAFETY: as above.
            let bytes = unsafe { buffer_bytes(header) };
            if bytes >= REMEMBERED_BUFFER {
                buffers.push((header.addr(), bytes));
            }
        });
        let mut by_type: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for (number, (objects, bytes)) in counts.into_iter().enumerate() {
            let sum = by_type
                .entry(types.name(number as u32).to_owned())
                .or_default();
            *sum = (sum.0 + objects, sum.1 + bytes);
        }
        buffers.sort_unstable();
        let held = self.core().roots.borrow();
        let mut roots: Vec<usize> = held.headers().map(|header| header.addr().get()).collect();
        roots.sort_unstable();
        HeapMark {
            objects: table.into_bitmap(),
            degrees,
            by_type,
            roots,
            buffers,
        }
    }

    /// The objects whose own buffers grew most since a mark, ten at most, most gained first. O(objects + edges).
    ///
    /// For bytes that grow while objects do not: numbers in a list, text in a bytearray.
    ///
    /// ```
    /// use exuvia_core::Heap;
    /// use exuvia_core::object::{List, Value};
    /// let heap = Heap::new();
    /// let log = heap.root("log", List::new(&heap));
    /// let mark = heap.mark();
    /// (0..1000).for_each(|n| log.push(&heap, Value::small(n)));
    /// let grown = &heap.buffers_since(&mark)[0];
    /// assert_eq!(grown.path, "root \"log\" -> list");
    /// assert!(grown.gained >= 8_000);
    /// ```
    ///
    /// # Panics
    /// With 2^32 objects or more.
    pub fn buffers_since(&self, mark: &HeapMark) -> Vec<GrownBuffer> {
        const SHOWN: usize = 10;
        let walk = Walk::of(self.core());
        let mut grown: Vec<(usize, u32)> = Vec::new();
        walk.references.table.each(|object, header| {
            // SAFETY: a walk shows live objects.
            let bytes = unsafe { buffer_bytes(header) };
            let gained = bytes.saturating_sub(mark.buffer_of(header.addr()));
            if bytes >= REMEMBERED_BUFFER && gained > 0 {
                grown.push((gained, object));
            }
        });
        grown.sort_unstable_by_key(|&(gained, object)| (Reverse(gained), object));
        let largest = grown.into_iter().take(SHOWN);
        let row = |(gained, object): (usize, u32)| {
            let node = walk.paths[object as usize];
            GrownBuffer {
                path: walk.tree.text(node, &walk.types),
                type_name: walk.types.name(walk.tree.type_of(node)).to_owned(),
                gained: gained as u64,
            }
        };
        largest.map(row).collect()
    }

    /// What changed since a mark, by type, largest growth in bytes first. O(objects).
    pub fn census_since(&self, mark: &HeapMark) -> Vec<TypeDelta> {
        let table = ObjectTable::of(self.core());
        let mut types = Types::default();
        // New objects, all objects, bytes.
        let mut counts: Vec<(u64, u64, u64)> = Vec::new();
        let mut marked = mark.objects.reader();
        table.each(|_, header| {
            // SAFETY: a walk shows live objects.
            let (number, bytes) =
                unsafe { (types.of(header), crate::alloc::page::describe(header).1) };
            counts.resize(types.len(), (0, 0, 0));
            let row = &mut counts[number as usize];
            row.0 += u64::from(!marked.has(header.addr()));
            row.1 += 1;
            row.2 += bytes as u64;
        });
        let mut now: BTreeMap<&str, (u64, u64, u64)> = BTreeMap::new();
        for (number, row) in counts.iter().enumerate() {
            let sum = now.entry(types.name(number as u32)).or_default();
            *sum = (sum.0 + row.0, sum.1 + row.1, sum.2 + row.2);
        }
        let names = mark
            .by_type
            .keys()
            .map(String::as_str)
            .chain(now.keys().copied());
        let mut names: Vec<&str> = names.collect();
        names.sort_unstable();
        names.dedup();
        let delta = |name: &str| {
            let (before, bytes_before) = mark.by_type.get(name).copied().unwrap_or_default();
            let (new, after, bytes_after) = now.get(name).copied().unwrap_or_default();
            TypeDelta {
                name: name.to_owned(),
                before,
                after,
                new,
                gone: (before + new).saturating_sub(after),
                bytes: bytes_after as i64 - bytes_before as i64,
            }
        };
        let mut rows: Vec<TypeDelta> = names.into_iter().map(delta).collect();
        rows.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
        rows
    }
}
