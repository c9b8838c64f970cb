//! The exact reference audit: every stored count against the references that
//! explain it.
//!
//! At a quiet point (no handle on the stack that is not a declared
//! [`Root`](crate::Root), no field mutably borrowed) an object's count equals
//! its incoming edges plus its declared roots and native handles. A surplus is
//! a lost decrement or an undeclared holder, a deficit is a future use after
//! free. No statistics: one iteration is enough.

use std::ptr::NonNull;

use super::control::AuditControl;
use super::graph::Graph;
use super::references::References;
use super::stages::{Stage, Stages};
use super::threads::threads_for;
use super::tracemalloc::Site;
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
    /// O(objects + edges) time, 6 bytes an object, 4 an edge and the queue of a search while it runs, and a [`Finding`] for each object that
    /// is found. On a large heap it uses the threads that the heap may use (`HeapBuilder::threads`, with the feature
    /// `parallel`); what it finds does not depend on them.
    ///
    /// # Panics
    /// With 2^32 objects or edges, or more.
    pub fn audit(&self) -> Audit {
        let audit = self.audit_under(&AuditControl::new());
        audit.expect("nobody else has the control")
    }

    /// [`Heap::audit`], which another thread may hold up, resume or give up: `None` if it was given up.
    ///
    /// # Panics
    /// As [`Heap::audit`].
    pub fn audit_under(&self, control: &AuditControl) -> Option<Audit> {
        let mut graph = Graph::new();
        let references = References::of_controlled(self.core(), &mut graph, control).ok()?;
        let threads = threads_for(self.core(), references.table.len());
        let stages = Stages::of(&graph, &references, threads, control).ok()?;
        let finding = |(object, surplus): (u32, i64)| {
            let class = class_of(surplus, || stages.is(object, Stage::Unreached))?;
            Some(finding(self, &references, object, class, surplus))
        };
        Some(Audit {
            objects: references.table.len() as u64,
            edges: references.edges,
            findings: suspicious(&references, &stages)
                .filter_map(finding)
                .collect(),
            pins: pins(self, &references, &stages),
        })
    }
}

/// Objects whose counts are not explained, and unreachable ones, each with its surplus, ascending.
fn suspicious(references: &References, stages: &Stages) -> impl Iterator<Item = (u32, i64)> {
    let mut unbalanced = references.unbalanced.iter().copied().peekable();
    let numbers = 0..references.table.len() as u32;
    numbers.filter_map(move |object| {
        let found = unbalanced.next_if(|next| next.0 == object);
        found.or_else(|| stages.is(object, Stage::Unreached).then_some((object, 0)))
    })
}

/// The class of an object's surplus, if something is wrong with it.
pub(super) fn class_of(
    surplus: i64,
    is_unreachable: impl FnOnce() -> bool,
) -> Option<FindingClass> {
    match surplus {
        1.. => Some(FindingClass::CountLeak),
        ..0 => Some(FindingClass::CountDeficit),
        0 if is_unreachable() => Some(FindingClass::UncollectedCycle),
        0 => None,
    }
}

fn pins(heap: &Heap, references: &References, stages: &Stages) -> Vec<Pin> {
    let table = heap.core().roots.borrow();
    let pin = |(owner, header, declared_at): (&str, NonNull<Header>, _)| Pin {
        owner: owner.to_owned(),
        // SAFETY: a declared handle holds a count of its object.
        type_name: unsafe { describe(header.as_ptr()) }.0.name(),
        address: header.addr().get(),
        declared_at: Site::at(declared_at),
        alone: references
            .table
            .number_of(header.as_ptr())
            .is_some_and(|object| stages.is(object, Stage::Native)),
    };
    table.natives().map(pin).collect()
}

fn finding(
    heap: &Heap,
    references: &References,
    object: u32,
    class: FindingClass,
    surplus: i64,
) -> Finding {
    let header = references.table.header_of(object);
    Finding {
        class,
        // SAFETY: numbered objects are live.
        type_name: unsafe { describe(header) }.0.name(),
        address: header.addr(),
        stored: u64::from(references.header(object).count()),
        incoming: references.incoming(object),
        declared: references.declared(object),
        surplus,
        site: heap.core().tracer.site(header.addr()),
    }
}
