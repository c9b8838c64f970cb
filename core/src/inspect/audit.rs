//! The exact reference audit: every stored count against the references that
//! explain it.
//!
//! At a quiet point (no handle on the stack that is not a declared
//! [`Root`](crate::Root), no field mutably borrowed) an object's count equals
//! its incoming edges plus its declared roots and native handles. A surplus is
//! a lost decrement or an undeclared holder, a deficit is a future use after
//! free. No statistics: one iteration is enough.

use std::ptr::NonNull;

use super::tracemalloc::Site;
use super::walk::Walk;
use crate::alloc::page::describe;
use crate::gc::header::Header;
use crate::heap::Heap;

/// What an audited object suffers from.
///
/// ```
/// use exuvia_core::{FindingClass, Heap};
/// let heap = Heap::new();
/// let known = heap.root("known", heap.alloc(1));
/// let lost = heap.alloc(2); // A handle that nobody declared.
/// let audit = heap.audit();
/// assert_eq!(audit.findings[0].class, FindingClass::CountLeak);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingClass {
    /// More references are counted than anybody is known to hold.
    CountLeak,
    /// Fewer are counted than are held: it will be freed too early.
    CountDeficit,
    /// Counts agree, but no root reaches it: a cycle that waits for a collection.
    UncollectedCycle,
}

/// One object whose count the audit cannot explain.
///
/// ```
/// use exuvia_core::Heap;
/// let heap = Heap::new();
/// let known = heap.root("known", heap.alloc(1));
/// let lost = heap.alloc(2); // A handle that nobody declared.
/// let audit = heap.audit();
/// let finding = &audit.findings[0];
/// assert_eq!((finding.type_name, finding.surplus), ("i32", 1));
/// assert_eq!((finding.stored, finding.incoming, finding.declared), (1, 0, 0));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub class: FindingClass,
    /// The Rust name of the object's type.
    pub type_name: &'static str,
    /// The object's address.
    pub address: usize,
    /// The count it stores.
    pub stored: u64,
    /// Edges that lead to it from objects of this heap.
    pub incoming: u64,
    /// Declared roots and native handles that hold it.
    pub declared: u64,
    /// `stored - incoming - declared`.
    pub surplus: i64,
    /// Where it was allocated, while the heap traces allocations ([`Heap::tracemalloc`]).
    pub site: Option<Site>,
}

/// A declared native handle, and whether anything else holds its object.
///
/// ```
/// use exuvia_core::Heap;
/// let heap = Heap::new();
/// let handle = heap.native("my extension", heap.alloc(1));
/// let pin = &heap.audit().pins[0];
/// assert_eq!((pin.owner.as_str(), pin.alone), ("my extension", true));
/// drop(handle);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Who has the handle, as declared.
    pub owner: String,
    /// The Rust name of the object's type.
    pub type_name: &'static str,
    /// The object's address.
    pub address: usize,
    /// The line that declared the handle.
    pub declared_at: Site,
    /// Whether native handles alone keep the object alive: no declared root reaches it.
    pub alone: bool,
}

/// The result of an audit.
///
/// ```
/// use exuvia_core::Heap;
/// let heap = Heap::new();
/// let known = heap.root("known", heap.alloc(1));
/// let lost = heap.alloc(2); // A handle that nobody declared.
/// let audit = heap.audit();
/// assert_eq!((audit.objects, audit.edges, audit.findings.len()), (2, 0, 1));
/// drop(lost);
/// assert!(heap.audit().findings.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Objects looked at; immortal ones are skipped.
    pub objects: u64,
    /// Edges between them.
    pub edges: u64,
    /// What could not be explained, in the order of a walk.
    pub findings: Vec<Finding>,
    /// Declared native handles: no fault, but what they pin stays.
    pub pins: Vec<Pin>,
}

impl Heap {
    /// Audits every object.
    ///
    /// O(objects + edges) time, 9 bytes an object while it runs, and a
    /// [`Finding`] for each object that is found.
    pub fn audit(&self) -> Audit {
        let walk = Walk::of(self.core());
        let mut findings = Vec::new();
        walk.table.each(|object, header| {
            // SAFETY: a walk shows live objects.
            let surplus = walk.surplus_at(object, unsafe { &*header });
            if let Some(class) = class_of(&walk, object, surplus) {
                let site = self.core().tracer.site(header.addr());
                findings.push(finding(&walk, object, class, surplus, site));
            }
        });
        Audit {
            objects: walk.table.len() as u64,
            edges: walk.edges,
            findings,
            pins: pins(self, &walk),
        }
    }
}

/// The class of an object's surplus, if something is wrong with it.
pub(super) fn class_of(walk: &Walk, object: u32, surplus: i64) -> Option<FindingClass> {
    match surplus {
        1.. => Some(FindingClass::CountLeak),
        ..0 => Some(FindingClass::CountDeficit),
        0 if walk.is_unreachable(object) => Some(FindingClass::UncollectedCycle),
        0 => None,
    }
}

fn pins(heap: &Heap, walk: &Walk) -> Vec<Pin> {
    let table = heap.core().roots.borrow();
    let pin = |(owner, header, declared_at): (&str, NonNull<Header>, _)| Pin {
        owner: owner.to_owned(),
        // SAFETY: a declared handle holds a count of its object.
        type_name: unsafe { describe(header.as_ptr()) }.0.name(),
        address: header.addr().get(),
        declared_at: Site::at(declared_at),
        alone: walk
            .table
            .number_of(header.as_ptr())
            .is_some_and(|object| walk.is_native(object)),
    };
    table.natives().map(pin).collect()
}

fn finding(
    walk: &Walk,
    object: u32,
    class: FindingClass,
    surplus: i64,
    site: Option<Site>,
) -> Finding {
    let header = walk.table.header_of(object);
    Finding {
        class,
        // SAFETY: numbered objects are live.
        type_name: unsafe { describe(header) }.0.name(),
        address: header.addr(),
        stored: u64::from(walk.header(object).count()),
        incoming: walk.incoming(object),
        declared: walk.declared(object),
        surplus,
        site,
    }
}
