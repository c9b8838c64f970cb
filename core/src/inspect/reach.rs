//! From where is each object reached? By breadth from the declared roots, then the native handles, then the immortal
//! objects, then what somebody unknown holds (stored count above the references found), then what is left: unreachable
//! objects whose counts agree.
//!
//! What is needed next is known from the queue and is fetched ahead. Edges are taken from the flat arrays of a graph, or, to
//! save these, from the objects once more.

use std::ptr::NonNull;
use std::rc::Rc;

use super::graph::Graph;
use super::place::Place;
use super::references::{Declared, References};
use super::table::ObjectTable;
use super::tree::Origin;
use crate::gc::collector::visitors::each_place;
use crate::gc::collector::work::prefetch;

/// How far ahead in the queue each step is fetched: the range of a node's edges (or the object), its edges, and what is
/// known of their ends.
const RANGES_AHEAD: usize = 24;
const EDGES_AHEAD: usize = 16;
const ENDS_AHEAD: usize = 8;

/// Edges of one node whose ends are fetched.
const ENDS_FETCHED: usize = 16;

/// The edge by which an object is reached.
pub(super) enum Via<'a> {
    /// Its number in the graph.
    Edge(u32),
    /// Where it stands in the object that holds.
    Place(&'a Place),
}

/// What a search notes of the objects it meets.
pub(super) trait Arrivals {
    fn is_reached(&self, object: u32) -> bool;

    /// A path begins at the object. Returns whether it may hold references.
    fn begin(&mut self, origin: &Origin, object: u32) -> bool;

    /// An edge of `holder` leads to an object that nothing led to before. Returns whether that may hold references.
    fn arrive(&mut self, holder: u32, via: Via<'_>, object: u32) -> bool;

    /// Brings what `is_reached` reads into the cache.
    fn fetch(&self, object: u32);
}

/// Meets every object once. O(objects + edges) time; the queue is no longer than two waves of the search.
pub(super) fn reach(references: &References, graph: Option<&Graph>, arrivals: &mut impl Arrivals) {
    match graph {
        Some(graph) => reach_along(graph, references, arrivals),
        None => reach_along(&Objects(&references.table), references, arrivals),
    }
}

fn reach_along<E: Edges, A: Arrivals>(edges: &E, references: &References, arrivals: &mut A) {
    let mut search = Search {
        edges,
        wave: Vec::new(),
        next: Vec::new(),
        arrivals,
    };
    search.begin_at(&references.roots, Origin::Root);
    search.begin_at(&references.natives, Origin::Native);
    for &object in &references.immortal {
        search.begin(&Origin::Immortal, object);
    }
    search.follow();
    for &(object, surplus) in &references.unbalanced {
        if surplus > 0 {
            search.begin(&Origin::Lost, object);
        }
    }
    search.follow();
    for object in 0..references.table.len() as u32 {
        search.begin(&Origin::Unreachable, object);
        search.follow();
    }
}

/// How the edges of an object are found.
pub(super) trait Edges {
    fn each(&self, holder: u32, visit: impl FnMut(Via<'_>, u32));

    /// Fetches what `each` will need of later objects of a wave, and lets `fetch` do so for what is known of their ends.
    fn fetch_ahead(&self, wave: &[u32], at: usize, fetch: impl Fn(u32));
}

impl Edges for Graph {
    #[inline]
    fn each(&self, holder: u32, mut visit: impl FnMut(Via<'_>, u32)) {
        for edge in self.edges_of(holder) {
            visit(Via::Edge(edge), self.target(edge));
        }
    }

    #[inline]
    fn fetch_ahead(&self, wave: &[u32], at: usize, fetch: impl Fn(u32)) {
        if let Some(&node) = wave.get(at + RANGES_AHEAD) {
            self.fetch_range(node);
        }
        if let Some(&node) = wave.get(at + EDGES_AHEAD) {
            self.fetch_edges(node);
        }
        if let Some(&node) = wave.get(at + ENDS_AHEAD) {
            let ends = self.targets_of(node).iter().take(ENDS_FETCHED);
            ends.for_each(|&end| fetch(end));
        }
    }
}

/// Looks into the objects themselves.
struct Objects<'a>(&'a ObjectTable);

impl Edges for Objects<'_> {
    #[inline]
    fn each(&self, holder: u32, mut visit: impl FnMut(Via<'_>, u32)) {
        // SAFETY: numbered objects are live; nothing runs in between.
        unsafe {
            each_place(self.0.header_of(holder), false, |target, place| {
                if let Some(object) = self.0.number_of(target.as_ptr()) {
                    visit(Via::Place(place), object);
                }
            });
        }
    }

    #[inline]
    fn fetch_ahead(&self, wave: &[u32], at: usize, _: impl Fn(u32)) {
        let header = wave
            .get(at + ENDS_AHEAD)
            .map(|&object| self.0.header_of(object));
        if let Some(header) = header.and_then(|header| NonNull::new(header.cast_mut())) {
            prefetch(header);
        }
    }
}

struct Search<'a, E, A> {
    edges: &'a E,
    /// Objects whose edges are still to be followed ...
    wave: Vec<u32>,
    /// ... and those met meanwhile.
    next: Vec<u32>,
    arrivals: &'a mut A,
}

impl<E: Edges, A: Arrivals> Search<'_, E, A> {
    fn begin(&mut self, origin: &Origin, object: u32) {
        if !self.arrivals.is_reached(object) && self.arrivals.begin(origin, object) {
            self.wave.push(object);
        }
    }

    /// Follows what declared holders hold.
    fn begin_at(&mut self, declared: &Declared, origin: fn(Rc<str>) -> Origin) {
        let origins: Vec<Origin> = declared.names().iter().cloned().map(origin).collect();
        self.wave.reserve_exact(declared.held().len());
        for &(name, object) in declared.held() {
            self.begin(&origins[name as usize], object);
        }
        self.follow();
    }

    fn follow(&mut self) {
        while !self.wave.is_empty() {
            for at in 0..self.wave.len() {
                let fetch = |object| self.arrivals.fetch(object);
                self.edges.fetch_ahead(&self.wave, at, fetch);
                let holder = self.wave[at];
                self.edges.each(holder, |via, object| {
                    if !self.arrivals.is_reached(object)
                        && self.arrivals.arrive(holder, via, object)
                    {
                        self.next.push(object);
                    }
                });
            }
            self.wave.clear();
            std::mem::swap(&mut self.wave, &mut self.next);
        }
    }
}
