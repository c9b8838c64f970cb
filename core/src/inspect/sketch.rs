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

use super::table::is_shown;
use super::types::Types;
use crate::alloc::page::{Page, describe};
use crate::gc::collector::visitors::each_edge_of;
use crate::gc::header::Header;
use crate::gc::type_info::TypeInfo;
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
        let mut sum = Sum::default();
        core.each_page(|page| sum.add_page(page));
        for &header in core.registry.borrow().iter().flatten() {
            sum.add_all(shown([header].into_iter()));
        }
        let pins = sum_of_weights(core.roots.borrow().headers());
        let garbage = core.garbage.borrow();
        let saved = garbage
            .iter()
            .map(|object| NonNull::from(object.header_ref()));
        let explained = pins.wrapping_add(sum_of_weights(saved));
        Sketch {
            types: named(&sum.types, &sum.counts),
            imbalance: sum.imbalance.wrapping_sub(explained),
            pins,
        }
    }
}

/// What is added up object by object.
#[derive(Default)]
struct Sum {
    types: Types,
    /// Objects and bytes of their blocks by type.
    counts: Vec<(u64, u64)>,
    imbalance: u64,
}

impl Sum {
    fn add_page(&mut self, page: &Page) {
        let objects = shown(page.headers());
        // SAFETY: the type of a page in use is a static.
        match unsafe { page.info.get().as_ref() } {
            Some(info) if !Types::are_instances(info) => self.add_alike(info, page, objects),
            _ => self.add_all(objects),
        }
    }

    /// Objects of one type that is no class, as only a page has them: what is the same for all is looked up once.
    fn add_alike(
        &mut self,
        info: &'static TypeInfo,
        page: &Page,
        objects: impl Iterator<Item = NonNull<Header>>,
    ) {
        let (mut count, mut imbalance, mut last) = (0, 0_u64, None);
        let bytes = page.block_bytes.get();
        for object in objects {
            count += 1;
            last = Some(object);
            imbalance = imbalance.wrapping_add(weighed_count(object));
            if info.holds {
                let found = |target| imbalance = imbalance.wrapping_sub(weight(target));
                // SAFETY: shown objects are live; type and bytes are their page's.
                unsafe { each_edge_of(object.as_ptr(), info, bytes as usize, found) };
            }
        }
        self.imbalance = self.imbalance.wrapping_add(imbalance);
        if let Some(object) = last {
            self.count(object, count, count * u64::from(bytes));
        }
    }

    fn add_all(&mut self, objects: impl Iterator<Item = NonNull<Header>>) {
        for object in objects {
            // SAFETY: shown objects are live.
            let (info, bytes) = unsafe { describe(object.as_ptr()) };
            self.count(object, 1, bytes as u64);
            let mut imbalance = self.imbalance.wrapping_add(weighed_count(object));
            let found = |target| imbalance = imbalance.wrapping_sub(weight(target));
            // SAFETY: as above.
            unsafe { each_edge_of(object.as_ptr(), info, bytes, found) };
            self.imbalance = imbalance;
        }
    }

    /// Counts objects of the type that this one has.
    fn count(&mut self, object: NonNull<Header>, objects: u64, bytes: u64) {
        // SAFETY: the callers' object is live.
        let number = unsafe { self.types.of(object.as_ptr()) } as usize;
        if self.counts.len() <= number {
            self.counts.resize(number + 1, (0, 0));
        }
        let row = &mut self.counts[number];
        *row = (row.0 + objects, row.1 + bytes);
    }
}

fn shown(headers: impl Iterator<Item = *mut Header>) -> impl Iterator<Item = NonNull<Header>> {
    headers
        .filter_map(NonNull::new)
        .filter(|header| is_shown(header.as_ptr()))
}

fn weighed_count(object: NonNull<Header>) -> u64 {
    // SAFETY: the callers' objects are live.
    let header = unsafe { object.as_ref() };
    if header.is_immortal() {
        return 0;
    }
    weight(object).wrapping_mul(u64::from(header.count()))
}

fn sum_of_weights(objects: impl Iterator<Item = NonNull<Header>>) -> u64 {
    objects.map(weight).fold(0, u64::wrapping_add)
}

/// A hash of an object's address: both halves of a product, as in wyhash.
#[inline]
fn weight(object: NonNull<Header>) -> u64 {
    let address = object.addr().get() as u64;
    let (a, b) = (
        address ^ 0x9E37_79B9_7F4A_7C15,
        address.rotate_left(32) ^ 0xD6E8_FEB8_6659_FD93,
    );
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ (product >> 64) as u64
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
