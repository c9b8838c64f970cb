//! The exact reference audit: every stored count against the references that
//! explain it.
//!
//! At a quiet point (no handle on the stack that is not a declared
//! [`Root`](crate::Root), no field mutably borrowed) an object's count equals
//! its incoming edges plus its declared roots. A surplus is a lost decrement
//! or an undeclared holder, a deficit is a future use after free. No
//! statistics: one iteration is enough.

use std::collections::BTreeMap;

use crate::alloc::page::describe;
use crate::gc::collector::visitors::each_edge;
use crate::gc::header::Header;
use crate::heap::Heap;

/// What an audited object suffers from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingClass {
    /// More references are counted than anybody is known to hold.
    CountLeak,
    /// Fewer are counted than are held: it will be freed too early.
    CountDeficit,
    /// Counts agree, but no root reaches it: a cycle that waits for a collection.
    UncollectedCycle,
}

/// One object whose count the audit cannot explain.
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
    /// Declared roots that hold it.
    pub declared: u64,
    /// `stored - incoming - declared`.
    pub surplus: i64,
}

/// The result of an audit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Objects looked at; immortal ones are skipped.
    pub objects: u64,
    /// Edges between them.
    pub edges: u64,
    /// What could not be explained, by address.
    pub findings: Vec<Finding>,
}

#[derive(Default)]
struct Explained {
    incoming: u64,
    declared: u64,
    reached: bool,
}

type Table = BTreeMap<*const Header, Explained>;

impl Heap {
    /// Audits every object. O(objects + edges), with a table entry per object.
    pub fn audit(&self) -> Audit {
        let mut table = Table::new();
        self.core().each_object(|object| {
            table.insert(object.as_ptr(), Explained::default());
        });
        let edges = count_edges(&mut table);
        let mut roots = Vec::new();
        for root in self.core().roots.borrow().headers() {
            if let Some(entry) = table.get_mut(&root.as_ptr().cast_const()) {
                entry.declared += 1;
                roots.push(root.as_ptr().cast_const());
            }
        }
        reach(&mut table, roots);
        Audit {
            objects: table.len() as u64,
            edges,
            findings: table.iter().filter_map(|(&h, e)| judge(h, e)).collect(),
        }
    }
}

fn count_edges(table: &mut Table) -> u64 {
    let mut edges = 0;
    let objects: Vec<*const Header> = table.keys().copied().collect();
    for object in objects {
        // SAFETY: the table holds live objects; nothing runs in between.
        unsafe {
            each_edge(object, |target| {
                if let Some(entry) = table.get_mut(&target.as_ptr().cast_const()) {
                    entry.incoming += 1;
                    edges += 1;
                }
            });
        }
    }
    edges
}

/// Marks what the roots, and objects held from an unknown place, reach.
fn reach(table: &mut Table, mut stack: Vec<*const Header>) {
    stack.extend(
        table
            .iter()
            .filter(|(h, e)| surplus(**h, e) > 0)
            .map(|(h, _)| *h),
    );
    while let Some(object) = stack.pop() {
        let Some(entry) = table.get_mut(&object) else {
            continue;
        };
        if std::mem::replace(&mut entry.reached, true) {
            continue;
        }
        // SAFETY: as above.
        unsafe { each_edge(object, |target| stack.push(target.as_ptr().cast_const())) };
    }
}

fn surplus(header: *const Header, explained: &Explained) -> i64 {
    // SAFETY: the table holds live objects.
    let header = unsafe { &*header };
    if header.is_immortal() {
        return 0;
    }
    i64::from(header.count()) - (explained.incoming + explained.declared) as i64
}

fn judge(object: *const Header, explained: &Explained) -> Option<Finding> {
    // SAFETY: the table holds live objects.
    let header = unsafe { &*object };
    let surplus = surplus(object, explained);
    let class = match surplus {
        1.. => FindingClass::CountLeak,
        ..0 => FindingClass::CountDeficit,
        0 if explained.reached || header.is_immortal() => return None,
        0 => FindingClass::UncollectedCycle,
    };
    Some(Finding {
        class,
        // SAFETY: as above.
        type_name: unsafe { describe(object) }.0.name(),
        address: object.addr(),
        stored: u64::from(header.count()),
        incoming: explained.incoming,
        declared: explained.declared,
        surplus,
    })
}
