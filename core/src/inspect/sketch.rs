//! A whole heap's audit in a few words, to see that nothing moved.
//!
//! An audit keeps a count for each object, and looks it up at every edge. To see only whether anything differs from a
//! moment before, a linear sketch does: each object has a weight, a hash of its address, and
//!
//! ```text
//!   imbalance = sum over objects of weight * count  -  sum over edges, roots and handles of the target's weight
//! ```
//!
//! No target is looked at, so one pass in address order is all. Objects whose references are all accounted for add nothing,
//! wherever they lie: what was freed and made anew between two moments does not show. The idea is that of Freivalds'
//! check of a matrix product (1977): two different accounts agree on random weights by chance only.

use std::ptr::NonNull;

use super::types::Types;
use crate::alloc::page::describe;
use crate::gc::collector::visitors::each_edge;
use crate::gc::header::Header;
use crate::heap::Heap;

/// What an audit and a census would say of a heap, without naming anything: equal at two moments, nothing moved in between.
///
/// ```
/// use exuvia_core::Heap;
/// let heap = Heap::new();
/// let numbers = heap.root("numbers", heap.alloc(vec![heap.alloc(1_u32)]));
/// let before = heap.sketch();
/// drop(heap.alloc(vec![heap.alloc(2_u32)]));
/// assert_eq!(heap.sketch(), before);
/// std::mem::forget(numbers[0].clone());
/// assert_ne!(heap.sketch(), before, "a reference that nobody gives back");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    /// Live objects by type, in the order of the types' names: name, objects, bytes of their blocks. Instances count under
    /// their class.
    pub types: Vec<(String, u64, u64)>,
    /// The weighted sum of all references that are counted and not found, or found and not counted, modulo 2^64.
    pub imbalance: u64,
    /// The weighted sum of what declared roots and native handles hold.
    pub pins: u64,
}

impl Heap {
    /// Sums up what an audit and a census would find.
    ///
    /// For a detector that looks often at a heap that mostly stands still. Two sketches that are equal say that the same
    /// numbers of objects of each type are alive, that the same roots and handles are declared, and that each object has as
    /// many unexplained references as before; where that is not so they are equal by chance once in 2^64 times. Two that
    /// differ say that a [`survey`](Heap::survey) is worth its time: an immortal object that has more holders than before
    /// differs too.
    ///
    /// Meant for quiet points, as [`Heap::audit`]. O(objects + edges) time, and reads objects in address order and no other way.
    pub fn sketch(&self) -> Sketch {
        let core = self.core();
        let mut types = Types::default();
        let mut counts: Vec<(u64, u64)> = Vec::new();
        let mut imbalance = 0_u64;
        core.each_object(|object| {
            // SAFETY: enumerated objects are live.
            let (number, bytes) =
                unsafe { (types.of(object.as_ptr()), describe(object.as_ptr()).1) };
            if counts.len() < types.len() {
                counts.resize(types.len(), (0, 0));
            }
            let row = &mut counts[number as usize];
            *row = (row.0 + 1, row.1 + bytes as u64);
            // SAFETY: as above.
            let header = unsafe { object.as_ref() };
            if !header.is_immortal() {
                let weighed = weight(object).wrapping_mul(u64::from(header.count()));
                imbalance = imbalance.wrapping_add(weighed);
            }
            if types.holds(number) {
                // SAFETY: as above.
                unsafe {
                    each_edge(object.as_ptr(), |target| {
                        imbalance = imbalance.wrapping_sub(weight(target));
                    });
                }
            }
        });
        let mut pins = 0_u64;
        core.roots.borrow().headers().for_each(|header| {
            pins = pins.wrapping_add(weight(header));
        });
        let garbage = core.garbage.borrow();
        let saved = garbage
            .iter()
            .map(|object| weight(NonNull::from(object.header_ref())));
        imbalance = saved.fold(imbalance, u64::wrapping_sub).wrapping_sub(pins);
        Sketch {
            types: named(&types, &counts),
            imbalance,
            pins,
        }
    }
}

/// A hash of an object's address: the finalizer of SplitMix64 (Steele, Lea and Flood, 2014) without its first step.
#[inline]
fn weight(object: NonNull<Header>) -> u64 {
    let mut bits = object.addr().get() as u64;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// One row for each name: several Rust types may be called alike.
fn named(types: &Types, counts: &[(u64, u64)]) -> Vec<(String, u64, u64)> {
    let mut rows = std::collections::BTreeMap::<&str, (u64, u64)>::new();
    for (number, &(objects, bytes)) in counts.iter().enumerate() {
        let row = rows.entry(types.name(number as u32)).or_default();
        *row = (row.0 + objects, row.1 + bytes);
    }
    let row = |(name, (objects, bytes)): (&str, (u64, u64))| (name.to_owned(), objects, bytes);
    rows.into_iter().map(row).collect()
}
