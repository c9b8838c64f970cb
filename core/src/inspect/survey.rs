//! Everything that a leak detector counts, from one walk: types, unexplained references, roots, and holder paths.

use std::collections::BTreeMap;

use super::audit::{FindingClass, class_of};
use super::references::Declared;
use super::tracemalloc::Site;
use super::tracemalloc::recorder::Tracer;
use super::walk::Walk;
use crate::heap::Heap;

/// Live objects of one type; instances count under their class.
///
/// ```
/// use exuvia_core::Heap;
/// let heap = Heap::new();
/// let numbers = heap.root("numbers", heap.alloc(vec![heap.alloc(1_u32)]));
/// let survey = heap.survey();
/// let row = survey.types.iter().find(|row| row.name == "u32").unwrap();
/// assert_eq!((row.objects, row.surplus, row.unreachable), (1, 0, 0));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeRow {
    /// A Rust path, or the name of a class.
    pub name: String,
    /// Live objects.
    pub objects: u64,
    /// Bytes of their blocks.
    pub bytes: u64,
    /// References to them that nobody is known to hold: lost decrements or undeclared handles.
    pub surplus: u64,
    /// References that exist and are not counted: future uses after free.
    pub deficit: u64,
    /// Unreachable ones that no collection has freed.
    pub unreachable: u64,
}

/// Live objects that are held alike.
///
/// ```
/// use exuvia_core::Heap;
/// let heap = Heap::new();
/// let numbers = heap.root("numbers", heap.alloc(vec![heap.alloc(1_u32)]));
/// let survey = heap.survey();
/// let row = survey.paths.iter().find(|row| row.type_name == "u32").unwrap();
/// assert!(row.path.starts_with("root \"numbers\" -> "), "{}", row.path);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathRow {
    /// The shortest path without positions, e.g. `root "cache" -> Cache.by_key[*] -> Node`.
    pub path: String,
    /// The type at its end.
    pub type_name: String,
    /// Live objects.
    pub objects: u64,
}

/// Declared roots (or native handles) of one name that hold objects of one type.
///
/// ```
/// use exuvia_core::Heap;
/// let heap = Heap::new();
/// let numbers = heap.root("numbers", heap.alloc(vec![heap.alloc(1_u32)]));
/// let survey = heap.survey();
/// assert_eq!((survey.roots[0].name.as_str(), survey.roots[0].roots), ("numbers", 1));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootRow {
    /// The roots' name.
    pub name: String,
    /// The type of what they hold.
    pub type_name: String,
    /// Roots.
    pub roots: u64,
}

/// Live objects of one type from one line of a program.
///
/// ```
/// use exuvia_core::Heap;
/// let heap = Heap::new();
/// if heap.tracemalloc().start(1).is_ok() { // else built without the feature
///     let number = heap.alloc(1_u32);
///     let [row] = &heap.survey().sites[..] else { panic!() };
///     assert_eq!((row.type_name.as_str(), row.objects), ("u32", 1));
///     drop(number);
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteRow {
    /// Where they were allocated.
    pub site: Site,
    /// Their type.
    pub type_name: String,
    /// Live objects.
    pub objects: u64,
}

/// A heap at one quiet moment, in counts.
///
/// ```
/// use exuvia_core::Heap;
/// let heap = Heap::new();
/// let numbers = heap.root("numbers", heap.alloc(vec![heap.alloc(1_u32)]));
/// let survey = heap.survey();
/// assert_eq!((survey.objects, survey.edges, survey.types.len()), (2, 1, 2));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Live objects.
    pub objects: u64,
    /// References between them.
    pub edges: u64,
    /// By type, in the order of their names.
    pub types: Vec<TypeRow>,
    /// By holder path, in the order of the paths.
    pub paths: Vec<PathRow>,
    /// Declared roots by name and type, in this order.
    pub roots: Vec<RootRow>,
    /// Declared native handles by owner and type, in this order.
    pub natives: Vec<RootRow>,
    /// By allocation site and type, in this order; empty unless the heap traces allocations ([`Heap::tracemalloc`]).
    pub sites: Vec<SiteRow>,
}

impl Heap {
    /// Counts live objects by type and by holder path, audits their counts, and counts the declared roots, in one walk.
    ///
    /// Meant for quiet points, as [`Heap::audit`]. O(objects + edges) time, 5 bytes an object and the queue of a search while it runs: a detector
    /// surveys often and is to be small.
    ///
    /// # Panics
    /// With 2^32 objects or more.
    pub fn survey(&self) -> Survey {
        let mut walk = Walk::of(self.core());
        let types = count_types(&mut walk);
        Survey {
            objects: walk.references.table.len() as u64,
            edges: walk.references.edges,
            types,
            paths: count_paths(&walk),
            roots: count_roots(&mut walk, |walk| &walk.references.roots),
            natives: count_roots(&mut walk, |walk| &walk.references.natives),
            sites: count_sites(&mut walk, &self.core().tracer),
        }
    }
}

fn count_types(walk: &mut Walk) -> Vec<TypeRow> {
    let counted = |&(objects, bytes): &(u64, u64)| TypeRow {
        objects,
        bytes,
        ..TypeRow::default()
    };
    let mut rows: Vec<TypeRow> = walk.counts.iter().map(counted).collect();
    for index in 0..walk.references.unbalanced.len() {
        let (object, surplus) = walk.references.unbalanced[index];
        let row = &mut rows[type_number(walk, object) as usize];
        match class_of(surplus, || false) {
            Some(FindingClass::CountLeak) => row.surplus += surplus.unsigned_abs(),
            _ => row.deficit += surplus.unsigned_abs(),
        }
    }
    if walk.tree.has_unreachable() {
        count_unreachable(walk, &mut rows);
    }
    let mut by_name: BTreeMap<String, TypeRow> = BTreeMap::new();
    for (number, row) in rows.into_iter().enumerate() {
        let sum = by_name
            .entry(walk.types.name(number as u32).to_owned())
            .or_default();
        sum.objects += row.objects;
        sum.bytes += row.bytes;
        sum.surplus += row.surplus;
        sum.deficit += row.deficit;
        sum.unreachable += row.unreachable;
    }
    by_name
        .into_iter()
        .map(|(name, row)| TypeRow { name, ..row })
        .collect()
}

/// Unreachable objects whose counts agree.
fn count_unreachable(walk: &mut Walk, rows: &mut [TypeRow]) {
    for object in 0..walk.references.table.len() as u32 {
        let surplus = walk
            .references
            .surplus_at(object, walk.references.header(object));
        if surplus == 0 && walk.is_unreachable(object) {
            rows[type_number(walk, object) as usize].unreachable += 1;
        }
    }
}

/// The path tree knows the type of every object but those that were folded into a full tree.
fn type_number(walk: &mut Walk, object: u32) -> u32 {
    // SAFETY: numbered objects are live.
    unsafe { walk.types.of(walk.references.table.header_of(object)) }
}

fn count_paths(walk: &Walk) -> Vec<PathRow> {
    let mut objects = vec![0_u64; walk.tree.len()];
    walk.paths
        .iter()
        .for_each(|&path| objects[path as usize] += 1);
    let name = |number| walk.types.name(number).to_owned();
    let mut by_path: BTreeMap<String, PathRow> = BTreeMap::new();
    for (node, objects) in objects.into_iter().enumerate() {
        let path = walk.tree.text(node as u32, &walk.types);
        let row = by_path.entry(path).or_insert_with_key(|path| PathRow {
            path: path.clone(),
            type_name: name(walk.tree.type_of(node as u32)),
            objects: 0,
        });
        row.objects += objects;
    }
    by_path.into_values().collect()
}

fn count_sites(walk: &mut Walk, tracer: &Tracer) -> Vec<SiteRow> {
    if !tracer.is_on() {
        return Vec::new();
    }
    let mut rows: BTreeMap<(Site, u32), u64> = BTreeMap::new();
    for object in 0..walk.references.table.len() as u32 {
        if let Some(site) = tracer.site(walk.references.table.header_of(object).addr()) {
            *rows.entry((site, type_number(walk, object))).or_default() += 1;
        }
    }
    let row = |((site, number), objects)| SiteRow {
        site,
        type_name: walk.types.name(number).to_owned(),
        objects,
    };
    rows.into_iter().map(row).collect()
}

fn count_roots(walk: &mut Walk, declared: fn(&Walk) -> &Declared) -> Vec<RootRow> {
    let mut counts: BTreeMap<(u32, u32), u64> = BTreeMap::new();
    for index in 0..declared(walk).held().len() {
        let (name, object) = declared(walk).held()[index];
        let at_origin = walk.tree.type_at_origin(walk.paths[object as usize]);
        let number = at_origin.unwrap_or_else(|| type_number(walk, object));
        *counts.entry((name, number)).or_default() += 1;
    }
    let mut by_name: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for ((name, number), roots) in counts {
        let key = (
            &*declared(walk).names()[name as usize],
            walk.types.name(number),
        );
        *by_name.entry(key).or_default() += roots;
    }
    let row = |((name, type_name), roots): ((&str, &str), u64)| RootRow {
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        roots,
    };
    by_name.into_iter().map(row).collect()
}
