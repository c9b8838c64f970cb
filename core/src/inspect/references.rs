//! Who refers to whom, in dense numbers, and how much of each stored count that explains.
//!
//! One pass over the pages in address order. Whoever walks on walks over the graph that it leaves (`reach`, `dominators`),
//! where a step is a load and not a call into an object somewhere; who has to be small goes without.
//!
//! A byte an object, one more where roots are declared, and the graph.

use std::collections::HashMap;
use std::ptr::NonNull;
use std::rc::Rc;

use super::arrays::{fetch, filled};
use super::graph::{Graph, NONE};
use super::place::Place;
use super::table::{ObjectTable, Slot};
use crate::gc::collector::visitors::each_place;
use crate::gc::header::Header;
use crate::heap::core::HeapCore;

/// A count for each object: one byte, larger counts beside.
#[derive(Default)]
struct Counts {
    small: Vec<u8>,
    large: HashMap<u32, u64>,
}

impl Counts {
    /// Nothing counted yet.
    fn none(objects: usize) -> Counts {
        Counts {
            small: filled(objects, 0),
            large: HashMap::new(),
        }
    }

    #[inline]
    fn add(&mut self, object: u32) {
        let small = &mut self.small[object as usize];
        if *small < u8::MAX {
            *small += 1;
        } else {
            *self.large.entry(object).or_default() += 1;
        }
    }

    fn of(&self, object: u32) -> u64 {
        match self.small[object as usize] {
            u8::MAX => u64::from(u8::MAX) + self.large.get(&object).copied().unwrap_or(0),
            small => u64::from(small),
        }
    }
}

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

/// Edges that are looked up together.
const BATCH: usize = 256;

/// Ends of edges on their way into the graph.
#[derive(Default)]
struct Batch {
    targets: Vec<*const Header>,
    slots: Vec<Option<Slot>>,
    numbers: Vec<u32>,
    /// Edges so far between numbered objects, and others.
    edges: u64,
    missing: u64,
}

impl Batch {
    fn empty_into(
        &mut self,
        table: &ObjectTable,
        graph: Option<&mut Graph>,
        incoming: &mut Counts,
    ) {
        self.numbers.clear();
        table.numbers_of(&self.targets, &mut self.slots, |number| {
            if let Some(number) = number {
                fetch(&incoming.small, number as usize);
            }
            self.numbers.push(number.unwrap_or(NONE));
        });
        let found = self.numbers.iter().filter(|&&number| number != NONE);
        let before = self.edges;
        for &number in found {
            incoming.add(number);
            self.edges += 1;
        }
        self.missing += self.numbers.len() as u64 - (self.edges - before);
        if let Some(graph) = graph {
            graph.push_edges(&self.numbers);
        }
        self.targets.clear();
    }
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
        let mut references = References {
            incoming: Counts::none(table.len()),
            edges: 0,
            table,
            declared: None,
            roots: Declared::default(),
            natives: Declared::default(),
            immortal: Vec::new(),
            unbalanced: Vec::new(),
        };
        references.gather(graph, notice);
        references.count_declared(core);
        references.balance();
        references
    }

    fn gather(&mut self, mut graph: Option<&mut Graph>, notice: &mut impl Notice) {
        let References {
            table,
            edges,
            incoming,
            ..
        } = self;
        if let Some(graph) = &mut graph {
            **graph = Graph::with_capacity(table.len());
        }
        notice.begin(table.len());
        let mut batch = Batch::default();
        table.each(|_, object| {
            notice.object(object);
            // SAFETY: a walk shows live objects; nothing runs in between.
            unsafe {
                each_place(object, false, |target, place| {
                    notice.edge(place);
                    batch.targets.push(target.as_ptr());
                    if batch.targets.len() == BATCH {
                        batch.empty_into(table, graph.as_deref_mut(), incoming);
                    }
                });
            }
            if let Some(graph) = &mut graph {
                graph.end_node(batch.targets.len());
            }
        });
        batch.empty_into(table, graph.as_deref_mut(), incoming);
        *edges = batch.edges;
        if let Some(graph) = graph
            && batch.missing > 0
        {
            notice.keep_edges(&|edge| graph.target(edge) != NONE);
            graph.drop_missing();
        }
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
