//! `snapshot.meta`: which number of a node or an edge means what, and how many of each are announced.
//!
//! V8 has added fields over the years (`trace_node_id`, `detachedness`), so nothing is read by a fixed position.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::labels::EdgeKind;
use crate::fault::Fault;

/// The object under the key `snapshot`.
#[derive(Deserialize)]
pub(super) struct Header {
    meta: Meta,
    node_count: u64,
    edge_count: u64,
}

#[derive(Deserialize)]
struct Meta {
    node_fields: Names,
    node_types: FieldTypes,
    edge_fields: Names,
    edge_types: FieldTypes,
}

/// V8 writes some twenty names; no list here is let grow beyond this, whatever the file says.
const NAMES_MAX: usize = 1024;

/// A short list of names.
struct Names(Vec<String>);

/// The types of the fields: a list of names for an enumeration, a word (which says nothing here) for any other.
struct FieldTypes(Vec<Option<Names>>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Names, D::Error> {
        json.deserialize_seq(Short(PhantomData)).map(Names)
    }
}

impl<'de> Deserialize<'de> for FieldTypes {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<FieldTypes, D::Error> {
        let types = json.deserialize_seq(Short(PhantomData::<FieldType>))?;
        Ok(FieldTypes(
            types.into_iter().map(|FieldType(t)| t).collect(),
        ))
    }
}

struct Short<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Short<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of field or type names")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut array: S) -> Result<Vec<T>, S::Error> {
        let mut list = Vec::new();
        while let Some(entry) = array.next_element()? {
            if list.len() == NAMES_MAX {
                return Err(S::Error::invalid_length(NAMES_MAX + 1, &self));
            }
            list.push(entry);
        }
        Ok(list)
    }
}

struct FieldType(Option<Names>);

impl<'de> Deserialize<'de> for FieldType {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<FieldType, D::Error> {
        json.deserialize_any(FieldTypeVisitor)
    }
}

struct FieldTypeVisitor;

impl<'de> Visitor<'de> for FieldTypeVisitor {
    type Value = FieldType;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a type's name or a list of names")
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<FieldType, E> {
        Ok(FieldType(None))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, array: S) -> Result<FieldType, S::Error> {
        let names = Short(PhantomData).visit_seq(array)?;
        Ok(FieldType(Some(Names(names))))
    }
}

/// What one number of a node is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NodeField {
    Type,
    Name,
    Id,
    SelfSize,
    EdgeCount,
    Other,
}

/// What one number of an edge is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum EdgeField {
    Type,
    NameOrIndex,
    ToNode,
    Other,
}

/// What a type of edge means for the reader.
#[derive(Clone, Copy)]
pub(super) struct EdgeType {
    pub(super) weak: bool,
    pub(super) kind: EdgeKind,
}

/// The layout of both arrays.
pub(super) struct Layout {
    pub(super) node_fields: Vec<NodeField>,
    pub(super) edge_fields: Vec<EdgeField>,
    /// The kinds of nodes by name.
    pub(super) node_types: Vec<String>,
    pub(super) edge_types: Vec<EdgeType>,
    pub(super) node_count: u64,
    pub(super) edge_count: u64,
}

impl Layout {
    pub(super) fn new(header: &Header) -> Result<Layout, Fault> {
        let meta = &header.meta;
        let node_fields = roles("node_fields", &meta.node_fields.0, &NODE_FIELDS)?;
        let edge_fields = roles("edge_fields", &meta.edge_fields.0, &EDGE_FIELDS)?;
        let node_types = names("node_types", &meta.node_fields, &meta.node_types)?;
        let edge_types = names("edge_types", &meta.edge_fields, &meta.edge_types)?;
        let layout = Layout {
            node_fields: node_fields.into_iter().map(node_field).collect(),
            edge_fields: edge_fields.into_iter().map(edge_field).collect(),
            node_types: node_types.to_vec(),
            edge_types: edge_types.iter().map(|name| edge_type(name)).collect(),
            node_count: header.node_count,
            edge_count: header.edge_count,
        };
        layout.check_counts()?;
        Ok(layout)
    }

    fn check_counts(&self) -> Result<(), Fault> {
        for (what, count) in [("nodes", self.node_count), ("edges", self.edge_count)] {
            if count >= u64::from(u32::MAX) {
                return Err(Fault::TooMany { what, count });
            }
        }
        match self.node_count {
            0 => Err(Fault::NoRoot),
            _ => Ok(()),
        }
    }
}

const NODE_FIELDS: [&str; 5] = ["type", "name", "id", "self_size", "edge_count"];
const EDGE_FIELDS: [&str; 3] = ["type", "name_or_index", "to_node"];

/// For each field present the position in `wanted`, if it is one of those; each wanted one must be there once.
fn roles(
    list: &'static str,
    present: &[String],
    wanted: &[&'static str],
) -> Result<Vec<Option<usize>>, Fault> {
    for field in wanted {
        if present.iter().filter(|name| name == field).count() != 1 {
            return Err(Fault::MissingField { list, field });
        }
    }
    Ok(present
        .iter()
        .map(|name| wanted.iter().position(|field| field == name))
        .collect())
}

/// The names of the enumeration that belongs to the field `type`.
fn names<'a>(
    list: &'static str,
    fields: &Names,
    types: &'a FieldTypes,
) -> Result<&'a [String], Fault> {
    let position = fields.0.iter().position(|name| name == "type");
    match position.and_then(|at| types.0.get(at)) {
        Some(Some(names)) => Ok(&names.0),
        _ => Err(Fault::MissingField {
            list,
            field: "type",
        }),
    }
}

fn node_field(role: Option<usize>) -> NodeField {
    match role {
        Some(0) => NodeField::Type,
        Some(1) => NodeField::Name,
        Some(2) => NodeField::Id,
        Some(3) => NodeField::SelfSize,
        Some(4) => NodeField::EdgeCount,
        _ => NodeField::Other,
    }
}

fn edge_field(role: Option<usize>) -> EdgeField {
    match role {
        Some(0) => EdgeField::Type,
        Some(1) => EdgeField::NameOrIndex,
        Some(2) => EdgeField::ToNode,
        _ => EdgeField::Other,
    }
}

fn edge_type(name: &str) -> EdgeType {
    EdgeType {
        weak: name == "weak",
        kind: EdgeKind::of(name),
    }
}
