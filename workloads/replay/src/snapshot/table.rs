//! The two flat arrays, number by number: each is checked where it stands, so that a fault has its offset.
//!
//! What can only be known later (names are checked against `strings`, which comes last) keeps the offset of its
//! worst value. Vectors grow with what was read, never with what was announced.

use std::collections::HashSet;

use super::Snapshot;
use super::labels::{EdgeKind, Labels};
use super::meta::{EdgeField, EdgeType, Layout, NodeField};
use crate::fault::Fault;

/// The largest index into `strings` seen, and who has it.
#[derive(Clone, Copy)]
struct LargestName {
    value: u64,
    at: u64,
    what: &'static str,
    index: u64,
}

/// Collects a snapshot from numbers in file order.
pub(super) struct Tables {
    layout: Layout,
    snapshot: Snapshot,
    labels: Option<Labels>,
    ids: HashSet<u64>,
    edges_promised: u64,
    largest_name: Option<LargestName>,
    field: usize,
    edge: PartialEdge,
}

/// The edge whose numbers are being read.
#[derive(Clone, Copy)]
struct PartialEdge {
    kind: EdgeType,
    name: u64,
    name_at: u64,
    target: u32,
}

impl Tables {
    pub(super) fn new(layout: Layout, keep_labels: bool) -> Tables {
        Tables {
            labels: keep_labels.then(|| Labels {
                kind_names: layout.node_types.clone(),
                ..Labels::default()
            }),
            layout,
            snapshot: Snapshot {
                sizes: Vec::new(),
                edge_ends: Vec::new(),
                targets: Vec::new(),
                weak: Vec::new(),
            },
            ids: HashSet::new(),
            edges_promised: 0,
            largest_name: None,
            field: 0,
            edge: PartialEdge {
                kind: EdgeType {
                    weak: false,
                    kind: EdgeKind::default(),
                },
                name: 0,
                name_at: 0,
                target: 0,
            },
        }
    }

    /// The next number of `nodes`, which stands at byte `at`.
    pub(super) fn push_node_number(&mut self, at: u64, value: u64) -> Result<(), Fault> {
        let node = self.snapshot.edge_ends.len() as u64;
        if node == self.layout.node_count {
            return Err(too_many("nodes", node));
        }
        match self.layout.node_fields[self.field] {
            NodeField::Type => {
                let types = self.layout.node_types.len();
                check("node", node, "type", value, types as u64)?;
                self.label(|labels| labels.kinds.push(value as u16));
            }
            NodeField::Name => {
                self.note_name(at, value, "node", node);
                self.label(|labels| labels.names.push(index(value)));
            }
            NodeField::Id if !self.ids.insert(value) => {
                return Err(Fault::DuplicateId { node, id: value });
            }
            NodeField::SelfSize => self.snapshot.sizes.push(value),
            NodeField::EdgeCount => self.promise_edges(value)?,
            NodeField::Id => self.label(|labels| labels.ids.push(value)),
            NodeField::Other => {}
        }
        self.field += 1;
        if self.field == self.layout.node_fields.len() {
            self.field = 0;
            // Checked against `edge_count`, which fits.
            self.snapshot.edge_ends.push(self.edges_promised as u32);
        }
        Ok(())
    }

    fn promise_edges(&mut self, count: u64) -> Result<(), Fault> {
        let declared = self.layout.edge_count;
        self.edges_promised = self.edges_promised.saturating_add(count);
        match self.edges_promised <= declared {
            true => Ok(()),
            false => Err(Fault::CountsDisagree {
                what: "edges",
                declared,
                found: self.edges_promised,
                at_least: true,
            }),
        }
    }

    /// The array `nodes` has ended.
    pub(super) fn finish_nodes(&mut self) -> Result<(), Fault> {
        let found = self.snapshot.edge_ends.len() as u64;
        self.check_whole("node", found, self.layout.node_fields.len())?;
        check_count("nodes", self.layout.node_count, found)?;
        self.ids = HashSet::new();
        check_count("edges", self.layout.edge_count, self.edges_promised)
    }

    /// The next number of `edges`, which stands at byte `at`.
    pub(super) fn push_edge_number(&mut self, at: u64, value: u64) -> Result<(), Fault> {
        let edge = self.snapshot.targets.len() as u64;
        if edge == self.layout.edge_count {
            return Err(too_many("edges", edge));
        }
        match self.layout.edge_fields[self.field] {
            EdgeField::Type => {
                let types = &self.layout.edge_types;
                check("edge", edge, "type", value, types.len() as u64)?;
                self.edge.kind = types[value as usize];
            }
            EdgeField::NameOrIndex => {
                self.edge.name = value;
                self.edge.name_at = at;
            }
            EdgeField::ToNode => self.edge.target = self.target(edge, value)?,
            EdgeField::Other => {}
        }
        self.field += 1;
        if self.field == self.layout.edge_fields.len() {
            self.field = 0;
            self.push_edge(edge);
        }
        Ok(())
    }

    fn target(&self, edge: u64, to_node: u64) -> Result<u32, Fault> {
        let fields = self.layout.node_fields.len() as u64;
        if !to_node.is_multiple_of(fields) {
            return Err(Fault::MisalignedTarget {
                edge,
                to_node,
                fields,
            });
        }
        let bound = self.layout.node_count * fields;
        check("edge", edge, "to_node", to_node, bound)?;
        // Below `node_count`, which fits.
        Ok((to_node / fields) as u32)
    }

    fn push_edge(&mut self, edge: u64) {
        let PartialEdge {
            kind,
            name,
            name_at,
            target,
        } = self.edge;
        if kind.kind.is_named() {
            self.note_name(name_at, name, "edge", edge);
        }
        self.label(|labels| labels.edges.push((kind.kind, index(name))));
        self.snapshot.targets.push(target);
        self.snapshot.weak.push(kind.weak);
    }

    /// The array `edges` has ended.
    pub(super) fn finish_edges(&mut self) -> Result<(), Fault> {
        let found = self.snapshot.targets.len() as u64;
        self.check_whole("edge", found, self.layout.edge_fields.len())?;
        check_count("edges", self.layout.edge_count, found)
    }

    /// The array `strings` has ended: no name may point past it. The fault comes with the offset of the name.
    pub(super) fn finish_strings(&self, strings: u64) -> Result<(), (u64, Fault)> {
        match self.largest_name {
            Some(name) if name.value >= strings => Err((
                name.at,
                Fault::OutOfRange {
                    what: name.what,
                    index: name.index,
                    field: "the name",
                    value: name.value,
                    bound: strings,
                },
            )),
            _ => Ok(()),
        }
    }

    /// Where the strings go, if they are kept.
    pub(super) fn strings(&mut self) -> Option<&mut Vec<Box<str>>> {
        self.labels.as_mut().map(|labels| &mut labels.strings)
    }

    pub(super) fn into_read(self) -> (Snapshot, Option<Labels>) {
        (self.snapshot, self.labels)
    }

    fn label(&mut self, note: impl FnOnce(&mut Labels)) {
        self.labels.as_mut().map(note);
    }

    fn note_name(&mut self, at: u64, value: u64, what: &'static str, index: u64) {
        if self.largest_name.is_none_or(|name| name.value < value) {
            self.largest_name = Some(LargestName {
                value,
                at,
                what,
                index,
            });
        }
    }

    fn check_whole(&self, what: &'static str, index: u64, fields: usize) -> Result<(), Fault> {
        match self.field {
            0 => Ok(()),
            found => Err(Fault::PartialRecord {
                what,
                index,
                found,
                fields,
            }),
        }
    }
}

/// An index into `strings` is below 2^32 or found wrong at the end; a position that is not shows as the last.
fn index(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn too_many(what: &'static str, declared: u64) -> Fault {
    Fault::CountsDisagree {
        what,
        declared,
        found: declared + 1,
        at_least: true,
    }
}

fn check_count(what: &'static str, declared: u64, found: u64) -> Result<(), Fault> {
    match declared == found {
        true => Ok(()),
        false => Err(Fault::CountsDisagree {
            what,
            declared,
            found,
            at_least: false,
        }),
    }
}

fn check(
    what: &'static str,
    index: u64,
    field: &'static str,
    value: u64,
    bound: u64,
) -> Result<(), Fault> {
    match value < bound {
        true => Ok(()),
        false => Err(Fault::OutOfRange {
            what,
            index,
            field,
            value,
            bound,
        }),
    }
}
