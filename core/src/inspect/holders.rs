//! Who holds what is new: the shortest path from a root, the edge on it that grows, and what goes with it.
//!
//! Since a [`HeapMark`] some objects are new. Each hangs, on its shortest path, below an *anchor*: the last object on the
//! way that was there at the mark. New objects with one anchor that are held alike form a group; among its holders the
//! *growing edge* is the one nearest to the anchor that leads to as many objects as the group has, so that one session
//! with a thousand entries is told from a thousand sessions with one.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

use super::arrays::filled;
use super::bits::Bits;
use super::dominators::dominators;
use super::graph::{Graph, NONE, Paths, SEED};
use super::mark::HeapMark;
use super::place::{Element, Place};
use super::table::ObjectTable;
use super::tracemalloc::Site;
use super::tracemalloc::recorder::Tracer;
use super::tree::{Origin, step_text, without_numbers};
use super::walk::Walk;
use crate::alloc::page::describe;
use crate::gc::collector::visitors::each_place;
use crate::heap::Heap;

/// Groups that are reported at most, by their growth.
const MAX_GROUPS: usize = 64;

/// The part of a group's growth that an edge must lead to, to be the one that grows.
const GROWING_SHARE: f64 = 0.5;

/// How a path to an object begins.
///
/// ```
/// use exuvia_core::object::{List, Value};
/// use exuvia_core::{Heap, HolderOrigin};
/// let heap = Heap::new();
/// let cache = heap.root("cache", List::new(&heap));
/// let mark = heap.mark();
/// cache.push(&heap, Value::from(List::new(&heap)));
/// let holders = heap.holders_since(&mark, &|_, _| true);
/// assert_eq!(holders[0].origin, HolderOrigin::Root);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HolderOrigin {
    /// At a declared root or native handle that was there at the mark.
    Root,
    /// At a declared root or native handle that is new.
    NewRoot,
    /// At an immortal object.
    Immortal,
    /// At an object with references that nobody is known to hold.
    Lost,
    /// At an unreachable object that no collection has freed.
    Unreachable,
}

/// New objects that one holder holds.
///
/// ```
/// use exuvia_core::object::{List, Value};
/// use exuvia_core::Heap;
/// let heap = Heap::new();
/// let cache = heap.root("cache", List::new(&heap));
/// let mark = heap.mark();
/// cache.push(&heap, Value::from(List::new(&heap)));
/// let holder = &heap.holders_since(&mark, &|_, _| true)[0];
/// assert!(holder.path.starts_with("root \"cache\""), "{}", holder.path);
/// assert_eq!(holder.gained, 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The type of the objects that the growing edge leads to.
    pub type_name: String,
    /// The types asked for that hang there, the one above among them or not.
    pub types: Vec<String>,
    /// The shortest path to one of them, with positions and keys; `=>` is the edge that grows.
    ///
    /// `root "cache" -> Cache.by_name["sessions"] -> List[4711] => Session`
    pub path: String,
    /// The paths as [`Survey::paths`](super::survey::Survey::paths) has them, without positions and keys, one for each of `types`.
    pub general_paths: Vec<String>,
    /// How many of the general paths, from the first on, lead to parts of one structure: their growth adds up.
    pub alike: usize,
    /// The path without what differs from run to run: positions, keys of the growing edge, numbers inside keys.
    pub stable_path: String,
    /// Where most of them were allocated, while the heap traces allocations ([`Heap::tracemalloc`]).
    pub site: Option<Site>,
    /// How the path begins.
    pub origin: HolderOrigin,
    /// Objects gained behind the growing edge, those that it lost taken off.
    pub gained: u64,
    /// Bytes that would be freed if the growing edge let go of what is new.
    pub retained_bytes: u64,
}

impl Heap {
    /// Who holds the objects that are new since the mark and that `chosen` asks for (by general path and type), most gained first.
    ///
    /// O((objects + edges) log objects) at worst, near-linear in practice; at most about 25 bytes an object and 8 an edge
    /// while it runs.
    ///
    /// # Panics
    /// With 2^32 objects or edges, or more.
    pub fn holders_since(
        &self,
        mark: &HeapMark,
        chosen: &dyn Fn(&str, &str) -> bool,
    ) -> Vec<Holder> {
        let mut search = Search::new(Walk::with_paths(self.core()), mark);
        let groups = search.groups(chosen);
        if groups.is_empty() {
            return Vec::new();
        }
        let mut holders: Vec<Holder> = groups.iter().map(|group| search.holder(group)).collect();
        let members = search.members(&groups);
        let sites = search.sites(&members, groups.len(), &self.core().tracer);
        let (graph, table, seeds) = search.into_graph();
        let retained = retained(graph, &table, &seeds, &members, groups.len());
        for ((holder, site), bytes) in holders.iter_mut().zip(sites).zip(retained) {
            (holder.site, holder.retained_bytes) = (site, bytes);
        }
        holders
    }
}

struct Group {
    anchor: u32,
    /// Path-tree node of its objects, nearest first.
    path: u32,
    /// Further nodes of its objects, and the edges that lead there: a structure that grows in many places.
    parts: Vec<(u32, u32, u32)>,
    /// Nodes of other objects that hang below the same growing edge.
    others: Vec<u32>,
    /// Path-tree node that the growing edge leads to.
    growing: u32,
    gained: u64,
    /// One of the objects.
    example: u32,
}

/// A member of no group, in [`Search::members`].
const NO_GROUP: u8 = u8::MAX;
const _: () = assert!(MAX_GROUPS < NO_GROUP as usize);

struct Search<'a> {
    walk: Walk,
    graph: Graph,
    mark: &'a HeapMark,
    paths: Paths,
    is_new: Bits,
    /// The last old object on the path of each new one; `NONE` where there is none, and for old objects.
    anchors: Vec<u32>,
}

impl<'a> Search<'a> {
    fn new((walk, graph, paths): (Walk, Graph, Paths), mark: &'a HeapMark) -> Search<'a> {
        let objects = walk.references.table.len();
        let mut is_new = Bits::new(objects);
        let mut marked = mark.objects.reader();
        walk.references.table.each(|object, header| {
            if !marked.has(header.addr()) {
                is_new.add(object);
            }
        });
        let mut search = Search {
            walk,
            graph,
            mark,
            paths,
            is_new,
            anchors: filled(objects, NONE),
        };
        search.find_anchors();
        search
    }

    /// Gives up everything else.
    fn into_graph(self) -> (Graph, ObjectTable, Vec<u32>) {
        let Paths { parents, order } = self.paths;
        let seeds = order
            .into_iter()
            .filter(|&object| parents[object as usize] == SEED);
        (self.graph, self.walk.references.table, seeds.collect())
    }

    fn find_anchors(&mut self) {
        for &object in self.paths.order() {
            if !self.is_new.has(object) {
                continue;
            }
            if let Some(parent) = self.paths.parent(object) {
                let above = if self.is_new.has(parent) {
                    self.anchors[parent as usize]
                } else {
                    parent
                };
                self.anchors[object as usize] = above;
            }
        }
    }

    /// New objects by anchor and path: how many, and one of them.
    fn count_new(&self) -> BTreeMap<(u32, u32), (u64, u32)> {
        let mut counts: HashMap<(u32, u32), (u64, u32)> = HashMap::new();
        for &object in self.paths.order() {
            if self.is_new.has(object) {
                let key = (
                    self.anchors[object as usize],
                    self.walk.paths[object as usize],
                );
                let entry = counts.entry(key).or_insert((0, object));
                *entry = (entry.0 + 1, object);
            }
        }
        counts.into_iter().collect()
    }

    fn groups(&mut self, chosen: &dyn Fn(&str, &str) -> bool) -> Vec<Group> {
        let counts = self.count_new();
        let mut wanted: HashMap<u32, bool> = HashMap::new();
        let mut groups = Vec::new();
        for (&(anchor, path), &(new, example)) in &counts {
            let is_wanted = *wanted.entry(path).or_insert_with(|| {
                let types = &self.walk.types;
                let type_name = types.name(self.walk.tree.type_of(path));
                chosen(&self.walk.tree.text(path, types), type_name)
            });
            let gained = (new as f64 * self.net_share(anchor)).round() as u64;
            if is_wanted && gained > 0 {
                groups.push(Group {
                    anchor,
                    path,
                    parts: Vec::new(),
                    others: Vec::new(),
                    growing: self.growing_node(&counts, anchor, path),
                    gained,
                    example,
                });
            }
        }
        let groups = merge_below(merge_scattered(groups), |path| self.steps_of(path).len());
        let mut groups = self.merge_recursive(groups);
        groups.sort_by_key(|group| std::cmp::Reverse(group.gained));
        groups.truncate(MAX_GROUPS);
        groups
    }

    /// A structure of one type that grows in many places (a tree at its leaves) is one group, under the edge that enters it.
    fn merge_recursive(&self, groups: Vec<Group>) -> Vec<Group> {
        let mut by_entrance: BTreeMap<u32, Vec<Group>> = BTreeMap::new();
        for group in groups {
            let entrance = self.entrance(group.growing);
            by_entrance.entry(entrance).or_default().push(group);
        }
        let mut merged = Vec::new();
        for (entrance, mut alike) in by_entrance {
            if alike.len() == 1 {
                merged.append(&mut alike);
                continue;
            }
            alike.sort_by_key(|group| std::cmp::Reverse(group.gained));
            let mut rest = alike.into_iter();
            let mut first = rest.next().expect("more than one");
            let own = (first.anchor, first.growing, first.path);
            first.growing = entrance;
            first.parts.push(own);
            for mut group in rest {
                first.gained += group.gained;
                first.parts.push((group.anchor, group.growing, group.path));
                first.others.append(&mut group.others);
            }
            merged.push(first);
        }
        merged
    }

    /// Goes up while what holds is of the type that is held.
    fn entrance(&self, node: u32) -> u32 {
        let tree = &self.walk.tree;
        let mut node = node;
        while let Some((parent, _)) = tree.step_to(node)
            && tree.type_of(parent) == tree.type_of(node)
        {
            node = parent;
        }
        node
    }

    /// The part of an anchor's new references that are more than before: it may have let go of as many.
    fn net_share(&self, anchor: u32) -> f64 {
        if anchor == NONE {
            return 1.0;
        }
        let targets = self.graph.targets_of(anchor);
        let address = self.walk.references.table.header_of(anchor).addr();
        let before = self.mark.degrees.get(&address).copied();
        let new = targets.iter().filter(|&&t| self.is_new.has(t)).count();
        match before {
            Some(before) if new > 1 => {
                let gained = targets.len().saturating_sub(before as usize);
                (gained as f64 / new as f64).min(1.0)
            }
            // What it gained stands below a single reference, or it held almost nothing.
            _ => 1.0,
        }
    }

    /// Goes up from a group's path while an edge leads to as many objects as the group has.
    fn growing_node(
        &self,
        counts: &BTreeMap<(u32, u32), (u64, u32)>,
        anchor: u32,
        path: u32,
    ) -> u32 {
        let count = |node| counts.get(&(anchor, node)).map_or(0, |entry| entry.0);
        let enough = count(path) as f64 * GROWING_SHARE;
        let mut growing = path;
        while let Some((parent, _)) = self.walk.tree.step_to(growing) {
            let is_anchor = anchor != NONE && self.walk.paths[anchor as usize] == parent;
            if is_anchor || (count(parent) as f64) < enough {
                break;
            }
            growing = parent;
        }
        growing
    }

    /// The group of each object, if it is new and stands where a growing edge leads to.
    fn members(&self, groups: &[Group]) -> Vec<u8> {
        let by_key: HashMap<(u32, u32), u8> = (0..)
            .zip(groups)
            .flat_map(|(index, group)| {
                let parts = group.parts.iter().map(|part| (part.0, part.1));
                let own = std::iter::once((group.anchor, group.growing));
                own.chain(parts).map(move |key| (key, index))
            })
            .collect();
        let group_of = |object: u32| {
            let key = (
                self.anchors[object as usize],
                self.walk.paths[object as usize],
            );
            let found = self.is_new.has(object).then(|| by_key.get(&key));
            found.flatten().copied().unwrap_or(NO_GROUP)
        };
        (0..self.anchors.len() as u32).map(group_of).collect()
    }

    /// Where most objects of each group were allocated.
    fn sites(&self, members: &[u8], groups: usize, tracer: &Tracer) -> Vec<Option<Site>> {
        let mut counts: Vec<BTreeMap<Site, u64>> = vec![BTreeMap::new(); groups];
        if tracer.is_on() {
            for (object, &group) in members
                .iter()
                .enumerate()
                .filter(|member| *member.1 != NO_GROUP)
            {
                let header = self.walk.references.table.header_of(object as u32);
                if let Some(site) = tracer.site(header.addr()) {
                    *counts[usize::from(group)].entry(site).or_default() += 1;
                }
            }
        }
        let commonest = |sites: BTreeMap<Site, u64>| sites.into_iter().max_by_key(|site| site.1);
        counts
            .into_iter()
            .map(|sites| commonest(sites).map(|(site, _)| site))
            .collect()
    }

    /// A group in words; site and retained bytes are still to come.
    fn holder(&self, group: &Group) -> Holder {
        let types = &self.walk.types;
        let (path, stable_path) = self.paths_in_words(group);
        let mut alike: Vec<u32> = group.parts.iter().map(|part| part.2).collect();
        alike.push(group.path);
        alike.sort_unstable();
        alike.dedup();
        let nodes = || alike.iter().chain(&group.others).copied();
        let type_name = |node| types.name(self.walk.tree.type_of(node)).to_owned();
        Holder {
            type_name: type_name(group.growing),
            types: nodes().map(type_name).collect(),
            path,
            general_paths: nodes()
                .map(|node| self.walk.tree.text(node, types))
                .collect(),
            stable_path,
            alike: alike.len(),
            site: None,
            origin: self.origin_of(group),
            gained: group.gained,
            retained_bytes: 0,
        }
    }

    fn origin_of(&self, group: &Group) -> HolderOrigin {
        match self.walk.tree.origin_of(group.path) {
            Origin::Root(_) | Origin::Native(_) => {
                let way = self.paths.to(group.example);
                let address = self.walk.references.table.header_of(way[0]).addr();
                let before = self.mark.roots_of(address);
                if self.walk.references.declared(way[0]) > before {
                    HolderOrigin::NewRoot
                } else {
                    HolderOrigin::Root
                }
            }
            Origin::Immortal => HolderOrigin::Immortal,
            Origin::Lost => HolderOrigin::Lost,
            Origin::Unreachable => HolderOrigin::Unreachable,
        }
    }

    /// The path to the example, and the same without what differs from run to run. Steps that are taken again and again
    /// (lists, trees) are shown once.
    fn paths_in_words(&self, group: &Group) -> (String, String) {
        let types = &self.walk.types;
        let mut concrete = self.walk.tree.origin_of(group.path).text();
        let mut stable = concrete.clone();
        let grown_above = self.steps_of(group.path).len() - self.steps_of(group.growing).len();
        let steps = self.steps_of(group.path);
        let way = self.paths.to(group.example);
        let places = self.places_on(&way, &steps);
        let shown = steps.len() - grown_above;
        // Without a step the growing edge is the one from the root itself.
        let mut arrow = if shown == 0 { " => " } else { " -> " };
        for (index, place) in places.iter().take(shown).enumerate() {
            let (parent, label) = steps[index];
            let holder = self.walk.tree.type_of(parent);
            let is_growing = index + 1 == shown;
            let text = match &place.element {
                Element::Index(position) => position.to_string(),
                Element::Key(Some(key)) => key.clone(),
                Element::Key(None) | Element::None => "*".to_owned(),
            };
            let kept = match &place.element {
                Element::Key(Some(key)) if !is_growing && key.starts_with('"') => {
                    without_numbers(key, '#')
                }
                _ => "*".to_owned(),
            };
            concrete += arrow;
            concrete += &step_text(types, holder, label, &text);
            stable += " -> ";
            stable += &step_text(types, holder, label, &kept);
            arrow = if is_growing { " => " } else { " -> " };
        }
        let end = super::types::short_name(types.name(self.walk.tree.type_of(group.growing)));
        concrete += arrow;
        concrete += &end;
        stable += " -> ";
        stable += &end;
        (concrete, stable)
    }

    /// The steps of the tree to a node: where each starts, and its label.
    fn steps_of(&self, node: u32) -> Vec<(u32, super::place::Label)> {
        let up = |node: &u32| self.walk.tree.step_to(*node).map(|(parent, _)| parent);
        let nodes: Vec<u32> = std::iter::successors(Some(node), up).collect();
        let mut steps: Vec<_> = nodes
            .iter()
            .filter_map(|&node| self.walk.tree.step_to(node))
            .collect();
        steps.reverse();
        steps
    }

    /// For each step of the tree the place where the way takes it last.
    fn places_on(&self, way: &[u32], steps: &[(u32, super::place::Label)]) -> Vec<Place> {
        let mut places = vec![Place::default(); steps.len()];
        let mut missing = steps.len();
        for pair in way.windows(2).rev() {
            let from = self.walk.paths[pair[0] as usize];
            let Some((place, label)) = self.edge_between(pair[0], pair[1], missing > 0) else {
                continue;
            };
            let found = steps[..missing]
                .iter()
                .rposition(|&step| step == (from, label));
            if let Some(found) = found {
                places[found] = place;
                missing = found;
            }
            if missing == 0 {
                break;
            }
        }
        places
    }

    fn edge_between(
        &self,
        holder: u32,
        held: u32,
        keys: bool,
    ) -> Option<(Place, super::place::Label)> {
        let holder_path = self.walk.paths[holder as usize];
        let of_instance = self
            .walk
            .types
            .has_class(self.walk.tree.type_of(holder_path));
        let target = self.walk.references.table.header_of(held);
        let mut found = None;
        // SAFETY: numbered objects are live.
        unsafe {
            each_place(
                self.walk.references.table.header_of(holder),
                keys,
                |edge, place| {
                    if found.is_none() && edge.as_ptr().cast_const() == target {
                        found = Some((place.clone(), place.generalised(of_instance)));
                    }
                },
            );
        }
        found
    }
}

/// What each group of objects retains.
fn retained(
    graph: Graph,
    table: &ObjectTable,
    seeds: &[u32],
    members: &[u8],
    groups: usize,
) -> Vec<u64> {
    let dominators = dominators(Cow::Owned(graph), seeds);
    let retained = dominators.retained_by_number(|add| {
        table.each(|object, header| {
            // SAFETY: a walk shows live objects.
            add(object, unsafe { describe(header) }.1 as u64);
        });
    });
    let group = |object| {
        let group = members[object as usize];
        (group != NO_GROUP).then_some(usize::from(group))
    };
    dominators.retained_by_group(&retained, group, groups)
}

/// Many holders that are held alike and gained little each are one group, under the largest of them.
fn merge_scattered(groups: Vec<Group>) -> Vec<Group> {
    let mut by_path: BTreeMap<u32, Vec<Group>> = BTreeMap::new();
    for group in groups {
        by_path.entry(group.path).or_default().push(group);
    }
    let mut merged = Vec::new();
    for mut alike in by_path.into_values() {
        alike.sort_by_key(|group| std::cmp::Reverse(group.gained));
        let total: u64 = alike.iter().map(|group| group.gained).sum();
        let is_large = |group: &Group| group.gained * 10 >= total && group.gained > 1;
        let (mut large, rest): (Vec<Group>, Vec<Group>) = alike.into_iter().partition(is_large);
        let mut rest = rest.into_iter();
        if let Some(mut first) = rest.next() {
            first.gained += rest.map(|group| group.gained).sum::<u64>();
            large.push(first);
        }
        merged.append(&mut large);
    }
    merged
}

/// What hangs below one growing edge is one group, under the objects nearest to the edge.
fn merge_below(groups: Vec<Group>, depth: impl Fn(u32) -> usize) -> Vec<Group> {
    let mut by_edge: BTreeMap<(u32, u32), Group> = BTreeMap::new();
    let mut sorted = groups;
    sorted.sort_by_key(|group| depth(group.path));
    for group in sorted {
        match by_edge.entry((group.anchor, group.growing)) {
            Entry::Vacant(free) => _ = free.insert(group),
            Entry::Occupied(mut nearest) => nearest.get_mut().others.push(group.path),
        }
    }
    by_edge.into_values().collect()
}
