//! Who refers to whom, in dense numbers, and how much of each stored count that explains.
//!
//! One pass over the pages in address order. Whoever walks on walks over the graph that it leaves (`reach`, `dominators`),
//! where a step is a load and not a call into an object somewhere; who has to be small goes without.
//!
//! A byte an object, one more where roots are declared, and the graph.

use std::collections::HashMap;
use std::ptr::NonNull;
use std::rc::Rc;

use super::control::{AuditControl, Cancelled};
use super::counts::{Count, Counts};
use super::gather::{gather, gather_in_sections};
use super::graph::Graph;
use super::place::Place;
use super::table::ObjectTable;
use super::threads::threads_for;
use crate::gc::header::Header;
use crate::heap::core::HeapCore;

/// What else is to be noted while objects are looked at.
pub(super) trait Notice {
    /// How many objects there are.
    fn begin(&mut self, objects: usize);

    /// The next object, in the order of their numbers.
    fn object(&mut self, header: *const Header);

    /// Its next edge, in the order of the graph.
    fn edge(&mut self, place: &Place);

    /// Forgets all edges but these: the others lead to no object of this heap.
    fn keep_edges(&mut self, is_kept: &dyn Fn(u32) -> bool);
}

/// Nothing else.
impl Notice for () {
    fn begin(&mut self, _: usize) {}
    fn object(&mut self, _: *const Header) {}
    fn edge(&mut self, _: &Place) {}
    fn keep_edges(&mut self, _: &dyn Fn(u32) -> bool) {}
}

/// Declared holders with the object that each holds, in the order of their declaration; equal names are kept once.
#[derive(Default)]
pub(super) struct Declared {
    names: Vec<Rc<str>>,
    numbers: HashMap<Rc<str>, u32>,
    held: Vec<(u32, u32)>,
}

impl Declared {
    fn push(&mut self, name: &str, object: u32) {
        // Holders of one name are often declared one after another.
        let last = self.held.last().map(|&(number, _)| number);
        let number = match last.filter(|&number| *self.names[number as usize] == *name) {
            Some(number) => number,
            None => self.number_of(name),
        };
        self.held.push((number, object));
    }

    fn number_of(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let (name, number) = (Rc::<str>::from(name), self.names.len() as u32);
        self.names.push(name.clone());
        self.numbers.insert(name, number);
        number
    }

    /// The names, by the numbers that stand in [`Declared::held`].
    pub(super) fn names(&self) -> &[Rc<str>] {
        &self.names
    }

    /// The number of each holder's name, and its object.
    pub(super) fn held(&self) -> &[(u32, u32)] {
        &self.held
    }
}

/// The references of a heap at one quiet moment.
pub(crate) struct References {
    pub(crate) table: ObjectTable,
    /// Edges between the objects of this heap.
    pub(super) edges: u64,
    incoming: Counts,
    /// Declared roots and native handles by object; nothing where none is declared.
    declared: Option<Counts>,
    pub(super) roots: Declared,
    /// Declared native handles.
    pub(super) natives: Declared,
    /// Immortal objects, ascending.
    pub(super) immortal: Vec<u32>,
    /// Objects whose count is not the number of references found, with the surplus; ascending.
    pub(super) unbalanced: Vec<(u32, i64)>,
}

impl References {
    /// Looks at every object, and writes the edges into the graph if there is one. O(objects + edges).
    ///
    /// # Panics
    /// With 2^32 objects or more, or edges in a graph.
    pub(super) fn of(
        core: &HeapCore,
        graph: Option<&mut Graph>,
        notice: &mut impl Notice,
    ) -> References {
        let table = ObjectTable::of(core);
        let (incoming, edges) = gather(&table, graph, notice);
        References::explained(core, table, incoming, edges)
    }

    /// As [`References::of`], on several threads where they are worth it, and under a control.
    pub(super) fn of_controlled(
        core: &HeapCore,
        graph: &mut Graph,
        control: &AuditControl,
    ) -> Result<References, Cancelled> {
        let table = ObjectTable::of(core);
        control.begin(table.len());
        let threads = threads_for(core, table.len());
        let (incoming, edges) = gather_in_sections(&table, graph, threads, control)?;
        Ok(References::explained(core, table, incoming, edges))
    }

    fn explained(core: &HeapCore, table: ObjectTable, incoming: Counts, edges: u64) -> References {
        let mut references = References {
            incoming,
            edges,
            table,
            declared: None,
            roots: Declared::default(),
            natives: Declared::default(),
            immortal: Vec::new(),
            unbalanced: Vec::new(),
        };
        references.count_declared(core);
        references.balance();
        references
    }

    fn count_declared(&mut self, core: &HeapCore) {
        let roots = core.roots.borrow();
        let garbage = core.garbage.borrow();
        let saved = garbage
            .iter()
            .map(|object| ("gc.garbage", NonNull::from(object.header_ref())));
        let count = roots.named().count() + garbage.len();
        self.roots.held.reserve_exact(count);
        for (name, header) in roots.named().chain(saved) {
            if let Some(number) = self.declare(header) {
                self.roots.push(name, number);
            }
        }
        for (owner, header, _) in roots.natives() {
            if let Some(number) = self.declare(header) {
                self.natives.push(owner, number);
            }
        }
    }

    fn declare(&mut self, header: NonNull<Header>) -> Option<u32> {
        let number = self.table.number_of(header.as_ptr())?;
        let objects = self.table.len();
        let declared = self.declared.get_or_insert_with(|| Counts::none(objects));
        declared.add(number);
        Some(number)
    }

    fn balance(&mut self) {
        let (mut immortal, mut unbalanced) = (Vec::new(), Vec::new());
        self.table.each(|object, header| {
            // SAFETY: a walk shows live objects.
            let header = unsafe { &*header };
            let surplus = self.surplus_at(object, header);
            if header.is_immortal() {
                immortal.push(object);
            } else if surplus != 0 {
                unbalanced.push((object, surplus));
            }
        });
        (self.immortal, self.unbalanced) = (immortal, unbalanced);
    }

    pub(super) fn header(&self, object: u32) -> &Header {
        // SAFETY: numbered objects are live.
        unsafe { &*self.table.header_of(object) }
    }

    /// References that lead to the object from objects of this heap.
    pub(super) fn incoming(&self, object: u32) -> u64 {
        self.incoming.of(object)
    }

    /// Declared roots and native handles that hold the object.
    pub(super) fn declared(&self, object: u32) -> u64 {
        let declared = self.declared.as_ref();
        declared.map_or(0, |declared| declared.of(object))
    }

    /// Stored count minus references found; 0 for immortal objects.
    pub(super) fn surplus_at(&self, object: u32, header: &Header) -> i64 {
        if header.is_immortal() {
            return 0;
        }
        i64::from(header.count()) - (self.incoming(object) + self.declared(object)) as i64
    }
}
