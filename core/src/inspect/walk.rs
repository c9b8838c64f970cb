//! One walk over a whole heap for everything that inspections ask: references explained, types, and who holds what.
//!
//! 1. `count_references`: every edge adds one to its target; declared roots likewise.
//! 2. `reach`: by breadth from the declared roots, then the native handles, then the immortal objects, then what somebody unknown holds (stored
//!    count above the references found), then what is left: unreachable objects whose counts agree.
//!
//! A byte and 8 bytes an object, and a queue of 4.

use std::collections::HashMap;
use std::ptr::NonNull;
use std::rc::Rc;

use super::table::ObjectTable;
use super::tree::{Origin, PathTree};
use super::types::Types;
use crate::gc::collector::visitors::{each_edge, each_place};
use crate::gc::header::Header;
use crate::heap::core::HeapCore;

/// No path yet.
const UNREACHED: u32 = u32::MAX;

/// Incoming references: one byte an object, larger counts beside.
struct Incoming {
    small: Vec<u8>,
    large: HashMap<u32, u64>,
}

impl Incoming {
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

/// The state of a heap at one quiet moment, object by object.
pub(crate) struct Walk {
    pub(crate) table: ObjectTable,
    pub(crate) edges: u64,
    incoming: Incoming,
    /// Declared roots by object.
    declared: HashMap<u32, u64>,
    pub(crate) roots: Vec<(Rc<str>, u32)>,
    /// Declared native handles.
    pub(crate) natives: Vec<(Rc<str>, u32)>,
    /// Where the walk began, in this order.
    pub(crate) seeds: Vec<u32>,
    /// Path-tree node by object.
    pub(crate) paths: Vec<u32>,
    pub(crate) tree: PathTree,
    pub(crate) types: Types,
}

impl Walk {
    /// Walks over every object. O(objects + edges).
    pub(crate) fn of(core: &HeapCore) -> Walk {
        let table = ObjectTable::of(core);
        let mut walk = Walk {
            incoming: Incoming {
                small: vec![0; table.len()],
                large: HashMap::new(),
            },
            paths: vec![UNREACHED; table.len()],
            table,
            edges: 0,
            declared: HashMap::new(),
            roots: Vec::new(),
            natives: Vec::new(),
            seeds: Vec::new(),
            tree: PathTree::default(),
            types: Types::default(),
        };
        walk.count_references();
        walk.count_roots(core);
        walk.reach();
        walk
    }

    fn count_references(&mut self) {
        let Walk {
            table,
            incoming,
            edges,
            ..
        } = self;
        table.each(|_, object| {
            // SAFETY: a walk shows live objects; nothing runs in between.
            unsafe {
                each_edge(object, |target| {
                    if let Some(number) = table.number_of(target.as_ptr()) {
                        incoming.add(number);
                        *edges += 1;
                    }
                });
            }
        });
    }

    fn count_roots(&mut self, core: &HeapCore) {
        let named: Vec<(Rc<str>, NonNull<Header>)> = core
            .roots
            .borrow()
            .named()
            .map(|(name, header)| (name.into(), header))
            .collect();
        let saved: Vec<(Rc<str>, NonNull<Header>)> = core
            .garbage
            .borrow()
            .iter()
            .map(|object| ("gc.garbage".into(), NonNull::from(object.header_ref())))
            .collect();
        for (name, header) in named.into_iter().chain(saved) {
            if let Some(number) = self.table.number_of(header.as_ptr()) {
                *self.declared.entry(number).or_default() += 1;
                self.roots.push((name, number));
            }
        }
        let native: Vec<(Rc<str>, NonNull<Header>)> = core
            .roots
            .borrow()
            .natives()
            .map(|(owner, header, _)| (owner.into(), header))
            .collect();
        for (owner, header) in native {
            if let Some(number) = self.table.number_of(header.as_ptr()) {
                *self.declared.entry(number).or_default() += 1;
                self.natives.push((owner, number));
            }
        }
    }

    fn reach(&mut self) {
        let mut queue = Vec::new();
        for (name, object) in self.roots.clone() {
            self.begin(&Origin::Root(name), object, &mut queue);
        }
        self.follow(&mut queue);
        for (owner, object) in self.natives.clone() {
            self.begin(&Origin::Native(owner), object, &mut queue);
        }
        self.follow(&mut queue);
        for origin in [Origin::Immortal, Origin::Lost] {
            for object in self.seeds_of(&origin) {
                self.begin(&origin, object, &mut queue);
            }
            self.follow(&mut queue);
        }
        for object in self.unreached().collect::<Vec<_>>() {
            self.begin(&Origin::Unreachable, object, &mut queue);
            self.follow(&mut queue);
        }
    }

    /// What begins a path of its own because it is immortal, or held from an unknown place.
    fn seeds_of(&self, origin: &Origin) -> Vec<u32> {
        let mut seeds = Vec::new();
        self.table.each(|object, header| {
            // SAFETY: a walk shows live objects.
            let header = unsafe { &*header };
            let begins = match origin {
                Origin::Immortal => header.is_immortal(),
                _ => self.surplus_at(object, header) > 0,
            };
            if begins && self.paths[object as usize] == UNREACHED {
                seeds.push(object);
            }
        });
        seeds
    }

    fn unreached(&self) -> impl Iterator<Item = u32> {
        let numbers = 0..self.paths.len() as u32;
        numbers.filter(|&object| self.paths[object as usize] == UNREACHED)
    }

    fn begin(&mut self, origin: &Origin, object: u32, queue: &mut Vec<u32>) {
        if self.paths[object as usize] != UNREACHED {
            return;
        }
        // SAFETY: numbered objects are live.
        let type_number = unsafe { self.types.of(self.table.header_of(object)) };
        self.paths[object as usize] = self.tree.origin(origin, type_number);
        self.seeds.push(object);
        queue.push(object);
    }

    /// By breadth, wave by wave, so that the queue is no longer than two of them.
    fn follow(&mut self, queue: &mut Vec<u32>) {
        let mut wave = std::mem::take(queue);
        let mut next = Vec::new();
        while !wave.is_empty() {
            for &object in &wave {
                self.follow_edges(object, &mut next);
            }
            wave.clear();
            std::mem::swap(&mut wave, &mut next);
        }
    }

    fn follow_edges(&mut self, object: u32, next: &mut Vec<u32>) {
        let Walk {
            table,
            paths,
            tree,
            types,
            ..
        } = self;
        let parent = paths[object as usize];
        let of_instance = types.has_class(tree.type_of(parent));
        let header = table.header_of(object);
        // SAFETY: numbered objects are live.
        unsafe {
            each_place(header, false, |target, place| {
                let Some(number) = table.number_of(target.as_ptr()) else {
                    return;
                };
                if paths[number as usize] == UNREACHED {
                    let type_number = types.of(target.as_ptr());
                    paths[number as usize] =
                        tree.child(parent, place.generalised(of_instance), type_number);
                    next.push(number);
                }
            });
        }
    }

    pub(crate) fn header(&self, object: u32) -> &Header {
        // SAFETY: numbered objects are live.
        unsafe { &*self.table.header_of(object) }
    }

    /// References that lead to the object from objects of this heap.
    pub(crate) fn incoming(&self, object: u32) -> u64 {
        self.incoming.of(object)
    }

    /// Declared roots and native handles that hold the object.
    pub(crate) fn declared(&self, object: u32) -> u64 {
        self.declared.get(&object).copied().unwrap_or(0)
    }

    /// Stored count minus references found; 0 for immortal objects.
    pub(crate) fn surplus_at(&self, object: u32, header: &Header) -> i64 {
        if header.is_immortal() {
            return 0;
        }
        i64::from(header.count()) - (self.incoming(object) + self.declared(object)) as i64
    }

    /// Whether no declared root reaches the object, but a native handle.
    pub(crate) fn is_native(&self, object: u32) -> bool {
        let origin = self.tree.origin_of(self.paths[object as usize]);
        matches!(origin, Origin::Native(_))
    }

    /// Whether only unreachable objects, all of whose counts agree, refer to the object.
    pub(crate) fn is_unreachable(&self, object: u32) -> bool {
        *self.tree.origin_of(self.paths[object as usize]) == Origin::Unreachable
    }
}
