//! What classes would save by declaring slots.
//!
//! An instance with a dict of its own (an edge `__dict__` to a node that nothing else holds) is compared with one of slots:
//! a 16-byte header and 8 bytes for each attribute that any instance of the class has. Sizes are the recorded ones, which for
//! captures of CPython leave out the 16 bytes of a collector's head, so that a dict given up saves 16 more than is counted.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::types::Types;
use crate::snapshot::{EdgeKind, Labels, Snapshot};

/// CPython's header of an object.
const HEADER_BYTES: u64 = 16;
/// One reference.
const SLOT_BYTES: u64 = 8;
/// The edge by which captures mark an instance's dict.
const DICT_EDGE: &str = "__dict__";

/// One class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SlotsSaving {
    /// The class.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Instances that own a dict.
    pub instances: u64,
    /// Attributes that any of them has.
    pub attributes: u64,
    /// Bytes of the instances and their dicts.
    pub bytes: u64,
    /// Bytes that they would take less with slots.
    pub saved_bytes: u64,
}

#[derive(Default)]
struct Class<'a> {
    instances: u64,
    bytes: u64,
    attributes: BTreeSet<&'a str>,
}

pub(super) fn savings(
    snapshot: &Snapshot,
    labels: &Labels,
    types: &Types,
    shown: usize,
) -> Vec<SlotsSaving> {
    let incoming = incoming(snapshot);
    let mut classes: BTreeMap<&str, Class<'_>> = BTreeMap::new();
    for node in 0..snapshot.nodes() {
        if let Some(dict) = own_dict(snapshot, labels, node).filter(|&dict| incoming[dict] == 1) {
            let class = classes.entry(types.name(node)).or_default();
            class.instances += 1;
            class.bytes += snapshot.recorded_bytes(node) + snapshot.recorded_bytes(dict);
            class.attributes.extend(names_of(snapshot, labels, dict));
        }
    }
    let mut rows: Vec<SlotsSaving> = classes.into_iter().filter_map(saving).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.saved_bytes));
    rows.truncate(shown);
    rows
}

fn saving((name, class): (&str, Class<'_>)) -> Option<SlotsSaving> {
    let attributes = class.attributes.len() as u64;
    let with_slots = class.instances * (HEADER_BYTES + SLOT_BYTES * attributes);
    let saved_bytes = class.bytes.checked_sub(with_slots).filter(|&b| b > 0)?;
    Some(SlotsSaving {
        type_name: name.to_owned(),
        instances: class.instances,
        attributes,
        bytes: class.bytes,
        saved_bytes,
    })
}

/// Strong edges that lead to each node.
fn incoming(snapshot: &Snapshot) -> Vec<u32> {
    let mut incoming = vec![0_u32; snapshot.nodes()];
    for node in 0..snapshot.nodes() {
        for edge in snapshot.edges_of(node).filter(|edge| !edge.weak) {
            incoming[edge.target] += 1;
        }
    }
    incoming
}

fn own_dict(snapshot: &Snapshot, labels: &Labels, node: usize) -> Option<usize> {
    // A class's own namespace goes by the same name, and needs to stay a dict.
    if labels.name(node) == "type" {
        return None;
    }
    let first = snapshot.first_edge(node);
    let mut edges = snapshot.edges_of(node).enumerate();
    let found = edges.find(|(index, edge)| {
        let (_, name) = labels.edge(first + index);
        !edge.weak && name == DICT_EDGE && labels.name(edge.target) == "dict"
    });
    found.map(|(_, edge)| edge.target)
}

fn names_of<'a>(
    snapshot: &'a Snapshot,
    labels: &'a Labels,
    dict: usize,
) -> impl Iterator<Item = &'a str> {
    let first = snapshot.first_edge(dict);
    let edges = 0..snapshot.edges_of(dict).len();
    edges.filter_map(move |index| match labels.edge(first + index) {
        (EdgeKind::Property, name) => Some(name),
        _ => None,
    })
}
