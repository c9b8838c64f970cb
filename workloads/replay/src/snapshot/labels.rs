//! What a snapshot says about its nodes and edges beyond the graph: types, names, ids.
//!
//! Kept on request only ([`Snapshot::open_labelled`](super::Snapshot::open_labelled)): 14 bytes a node, 6 an edge, and the strings.

/// What an edge's name or number means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EdgeKind {
    /// A position in an array.
    Element,
    /// An attribute or a key.
    Property,
    /// A variable that a closure captured.
    Context,
    /// A reference of the runtime itself, with a name.
    Internal,
    /// A reference of the runtime itself, with a number.
    Hidden,
    /// Any other one with a name.
    #[default]
    Named,
}

impl EdgeKind {
    pub(super) fn of(name: &str) -> EdgeKind {
        match name {
            "element" => EdgeKind::Element,
            "property" => EdgeKind::Property,
            "context" => EdgeKind::Context,
            "internal" => EdgeKind::Internal,
            "hidden" => EdgeKind::Hidden,
            _ => EdgeKind::Named,
        }
    }

    /// Whether `name_or_index` is an index into `strings`.
    pub(super) fn is_named(self) -> bool {
        !matches!(self, EdgeKind::Element | EdgeKind::Hidden)
    }
}

/// Names of one snapshot, in columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    pub(super) kinds: Vec<u16>,
    pub(super) names: Vec<u32>,
    pub(super) ids: Vec<u64>,
    pub(super) edges: Vec<(EdgeKind, u32)>,
    pub(super) strings: Vec<Box<str>>,
    /// Name of each kind of node.
    pub(super) kind_names: Vec<String>,
}

impl Labels {
    /// The kind of a node: `object`, `array`, `string`, ...
    ///
    /// # Panics
    /// If there is no such node.
    pub fn kind(&self, node: usize) -> &str {
        &self.kind_names[usize::from(self.kinds[node])]
    }

    /// A node's name: its class, or what it is.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn name(&self, node: usize) -> &str {
        &self.strings[self.names[node] as usize]
    }

    /// A number that the node keeps from snapshot to snapshot of one process.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn id(&self, node: usize) -> u64 {
        self.ids[node]
    }

    /// An edge's kind and its name, which is empty where it has a number.
    ///
    /// # Panics
    /// If there is no such edge; edges are numbered through the file.
    pub fn edge(&self, edge: usize) -> (EdgeKind, &str) {
        let (kind, name) = self.edges[edge];
        match kind.is_named() {
            true => (kind, &self.strings[name as usize]),
            false => (kind, ""),
        }
    }

    /// The position that an edge of kind element or hidden carries.
    ///
    /// # Panics
    /// If there is no such edge.
    pub fn position(&self, edge: usize) -> u32 {
        self.edges[edge].1
    }
}
