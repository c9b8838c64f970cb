//! One walk over a whole heap for everything that inspections ask: references explained, types, and who holds what.
//!
//! 1. `References::of`, one pass in address order, notes types beside.
//! 2. `reach` gives each object its node of the path tree.
//!
//! 5 bytes an object and the queue. With paths, the graph is kept, and 8 bytes an object and 2 an edge more.

use std::collections::HashMap;

use super::arrays::{fetch, filled, reserve, with_room};
use super::graph::{Graph, Paths, SEED};
use super::place::{Label, Place};
use super::reach::{Arrivals, Via, reach};
use super::references::{Notice, References};
use super::tree::{Origin, PathTree};
use super::types::Types;
use crate::alloc::page::describe;
use crate::gc::header::Header;
use crate::heap::core::HeapCore;

/// Set in an entry of [`Trails::paths`] while the object is not reached; the rest is its type.
const UNREACHED: u32 = 1 << 31;

/// The state of a heap at one quiet moment, object by object.
pub(crate) struct Walk {
    pub(crate) references: References,
    /// Path-tree node by object.
    pub(crate) paths: Vec<u32>,
    pub(crate) tree: PathTree,
    pub(crate) types: Types,
    /// Objects and bytes of their blocks by type.
    pub(crate) counts: Vec<(u64, u64)>,
}

impl Walk {
    /// Walks over every object. O(objects + edges).
    pub(crate) fn of(core: &HeapCore) -> Walk {
        let mut trails = Trails::default();
        let references = References::of(core, None, &mut trails);
        reach(&references, None, &mut trails);
        trails.into_walk(references)
    }

    /// The same, with the graph and the shortest path to each object.
    pub(super) fn with_paths(core: &HeapCore) -> (Walk, Graph, Paths) {
        let mut trails = Trails {
            ways: Some(Ways::default()),
            ..Trails::default()
        };
        let mut graph = Graph::new();
        let references = References::of(core, Some(&mut graph), &mut trails);
        if let Some(ways) = &mut trails.ways {
            ways.parents = filled(trails.paths.len(), SEED);
        }
        reach(&references, Some(&graph), &mut trails);
        let ways = trails.ways.take().unwrap_or_default();
        let paths = Paths {
            parents: ways.parents,
            order: ways.order,
        };
        (trails.into_walk(references), graph, paths)
    }

    /// Whether only unreachable objects, all of whose counts agree, refer to the object.
    pub(crate) fn is_unreachable(&self, object: u32) -> bool {
        *self.tree.origin_of(self.paths[object as usize]) == Origin::Unreachable
    }
}

/// What a walk notes.
#[derive(Default)]
struct Trails {
    /// Path-tree node by object; its type before it is reached.
    paths: Vec<u32>,
    tree: PathTree,
    types: Types,
    counts: Vec<(u64, u64)>,
    /// Whether the object that is looked at is an instance of a class.
    of_instance: bool,
    ways: Option<Ways>,
}

/// What is noted besides when shortest paths are asked for.
#[derive(Default)]
struct Ways {
    /// The object from which each was reached.
    parents: Vec<u32>,
    /// Objects in the order in which they were reached.
    order: Vec<u32>,
    /// Number of its label by edge.
    places: Vec<u16>,
    labels: Labels,
}

impl Trails {
    fn into_walk(self, references: References) -> Walk {
        Walk {
            references,
            paths: self.paths,
            tree: self.tree,
            types: self.types,
            counts: self.counts,
        }
    }

    #[inline]
    fn label(&self, parent: u32, via: &Via<'_>) -> Label {
        match via {
            Via::Place(place) => place.generalised(self.types.has_class(self.tree.type_of(parent))),
            Via::Edge(edge) => {
                let ways = self.ways.as_ref().expect("places are kept with the graph");
                ways.labels.known[usize::from(ways.places[*edge as usize])]
            }
        }
    }
}

impl Notice for Trails {
    fn begin(&mut self, objects: usize) {
        self.paths = with_room(objects);
    }

    #[inline]
    fn object(&mut self, header: *const Header) {
        // SAFETY: a walk shows live objects.
        let (type_number, bytes) = unsafe { (self.types.of(header), describe(header).1) };
        self.counts.resize(self.types.len(), (0, 0));
        let count = &mut self.counts[type_number as usize];
        *count = (count.0 + 1, count.1 + bytes as u64);
        self.of_instance = self.types.has_class(type_number);
        self.paths.push(UNREACHED | type_number);
    }

    #[inline]
    fn edge(&mut self, place: &Place) {
        if let Some(ways) = &mut self.ways {
            let label = place.generalised(self.of_instance);
            reserve(&mut ways.places, 1);
            ways.places.push(ways.labels.number_of(label));
        }
    }

    fn keep_edges(&mut self, is_kept: &dyn Fn(u32) -> bool) {
        if let Some(ways) = &mut self.ways {
            let mut edges = 0..;
            ways.places.retain(|_| edges.next().is_some_and(is_kept));
        }
    }
}

impl Arrivals for Trails {
    #[inline]
    fn is_reached(&self, object: u32) -> bool {
        self.paths[object as usize] & UNREACHED == 0
    }

    fn begin(&mut self, origin: &Origin, object: u32) -> bool {
        let path = &mut self.paths[object as usize];
        let type_number = *path & !UNREACHED;
        *path = self.tree.origin(origin, type_number);
        if let Some(ways) = &mut self.ways {
            ways.order.push(object);
        }
        self.types.holds(type_number)
    }

    #[inline]
    fn arrive(&mut self, holder: u32, via: Via<'_>, object: u32) -> bool {
        let parent = self.paths[holder as usize];
        let label = self.label(parent, &via);
        let path = &mut self.paths[object as usize];
        let type_number = *path & !UNREACHED;
        *path = self.tree.child(parent, label, type_number);
        if let Some(ways) = &mut self.ways {
            ways.parents[object as usize] = holder;
            ways.order.push(object);
        }
        self.types.holds(type_number)
    }

    #[inline]
    fn fetch(&self, object: u32) {
        fetch(&self.paths, object as usize);
    }
}

/// Entries of the table of recent labels; a power of two.
const RECENT: usize = 64;

/// Numbers the labels of edges. From the 2^16th on they share one number.
#[derive(Default)]
struct Labels {
    known: Vec<Label>,
    numbers: HashMap<Label, u16>,
    /// Labels met lately, by a few bits of each.
    recent: Vec<Option<(Label, u16)>>,
}

impl Labels {
    #[inline]
    fn number_of(&mut self, label: Label) -> u16 {
        let place = label.hash_bits() % RECENT;
        if let Some(Some((recent, number))) = self.recent.get(place)
            && recent.is_same(label)
        {
            return *number;
        }
        self.look_up(label, place)
    }

    #[cold]
    fn look_up(&mut self, label: Label, place: usize) -> u16 {
        let known = &mut self.known;
        let number = *self.numbers.entry(label).or_insert_with(|| {
            let number = u16::try_from(known.len()).unwrap_or(u16::MAX);
            if known.len() <= usize::from(u16::MAX) {
                known.push(label);
            }
            number
        });
        self.recent.resize(RECENT, None);
        self.recent[place] = Some((label, number));
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::place::Element;

    #[test]
    fn labels_keep_their_numbers_and_surplus_ones_are_one() {
        let mut labels = Labels::default();
        let label = |field, place| {
            let element = Element::Index(place);
            Place { field, element }.generalised(true)
        };
        let all = || (0..80_000).map(|n| label(["low", "high"][n / 40_000], n % 40_000));
        for _ in 0..2 {
            for (order, label) in all().enumerate() {
                let number = labels.number_of(label);
                assert_eq!(usize::from(number), order.min(usize::from(u16::MAX)));
            }
        }
        assert_eq!(labels.known.len(), 1 << 16);
        assert_eq!(labels.known[50_000], label("high", 10_000));
    }
}
