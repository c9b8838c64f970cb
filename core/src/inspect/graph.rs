//! An object graph in two flat arrays, and the walks over it that need no heap.
//!
//! ```text
//!   ends:    [ 2, 2, 5, ..]      edges of node k: targets[ends[k-1] .. ends[k]]
//!   targets: [ 7, 1 | | 0, 4, 4 ..]
//! ```
//!
//! 4 bytes a node and 4 an edge. Everything else here is linear in both, and iterative: a list of 10^7 nodes is as
//! welcome as a tree.

use std::ops::Range;

use super::arrays::{fetch, reserve, with_room};

/// An object graph: nodes are numbers, edges stand in the order in which they were added.
///
/// ```
/// use exuvia_core::Graph;
///
/// let mut graph = Graph::new();
/// graph.push_node([1, 2]); // 0 -> 1, 2
/// graph.push_node([2]);
/// graph.push_node([]);
/// let dominators = graph.dominators(&[0]);
/// assert_eq!(dominators.of(2), Some(0)); // two ways lead to 2
/// assert_eq!(dominators.retained(|_| 10), [30, 10, 10]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    ends: Vec<u32>,
    targets: Vec<u32>,
}

/// How many edges ahead their ends are fetched.
const AHEAD: usize = 16;

/// No node.
pub(super) const NONE: u32 = u32::MAX;
/// In `Paths::parents`: a node where a walk began.
pub(super) const SEED: u32 = u32::MAX - 1;

impl Graph {
    /// A graph without nodes.
    #[must_use]
    pub fn new() -> Graph {
        Graph::default()
    }

    pub(super) fn with_capacity(nodes: usize) -> Graph {
        Graph {
            ends: with_room(nodes),
            targets: with_room(nodes),
        }
    }

    /// Adds the next node with its edges; edges may lead to nodes that are added later.
    ///
    /// # Panics
    /// With 2^32 edges or more.
    pub fn push_node(&mut self, targets: impl IntoIterator<Item = u32>) {
        self.targets.extend(targets);
        self.end_node(0);
    }

    /// Adds edges of the next node.
    pub(super) fn push_edges(&mut self, targets: &[u32]) {
        reserve(&mut self.targets, targets.len());
        self.targets.extend_from_slice(targets);
    }

    /// Adds the next node, whose edges were pushed but for the last `pending`.
    #[inline]
    pub(super) fn end_node(&mut self, pending: usize) {
        let end = self.targets.len() + pending;
        self.ends
            .push(u32::try_from(end).expect("fewer than 2^32 edges"));
    }

    /// Adds the nodes of another graph, whose edges are numbered as this one's.
    ///
    /// # Panics
    /// With 2^32 edges or more.
    pub(super) fn append(&mut self, part: &Graph) {
        let before = u32::try_from(self.targets.len()).expect("fewer than 2^32 edges");
        self.push_edges(&part.targets);
        let ends = part.ends.iter().map(|end| before.checked_add(*end));
        self.ends
            .extend(ends.map(|end| end.expect("fewer than 2^32 edges")));
    }

    /// Takes out edges that lead to `NONE`.
    pub(super) fn drop_missing(&mut self) {
        let Graph { ends, targets } = self;
        let (mut kept, mut edge) = (0, 0);
        for end in ends {
            while edge < *end {
                let target = targets[edge as usize];
                edge += 1;
                if target != NONE {
                    targets[kept as usize] = target;
                    kept += 1;
                }
            }
            *end = kept;
        }
        targets.truncate(kept as usize);
    }

    /// Names the nodes anew in all edges; their order stays.
    pub(super) fn rename(&mut self, names: &[u32]) {
        for edge in 0..self.targets.len() {
            if let Some(&soon) = self.targets.get(edge + AHEAD) {
                fetch(names, soon as usize);
            }
            self.targets[edge] = names[self.targets[edge] as usize];
        }
    }

    /// Nodes.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.ends.len()
    }

    /// Edges.
    #[must_use]
    pub fn edges(&self) -> usize {
        self.targets.len()
    }

    /// What a node refers to, with repeats.
    ///
    /// # Panics
    /// If there is no such node.
    #[inline]
    #[must_use]
    pub fn targets_of(&self, node: u32) -> &[u32] {
        let edges = self.edges_of(node);
        &self.targets[edges.start as usize..edges.end as usize]
    }

    /// The numbers of a node's edges.
    #[inline]
    pub(super) fn edges_of(&self, node: u32) -> Range<u32> {
        self.first_edge(node)..self.end_edge(node)
    }

    /// Fetches what [`Graph::edges_of`] reads.
    #[inline]
    pub(super) fn fetch_range(&self, node: u32) {
        fetch(&self.ends, node as usize);
    }

    /// Fetches what [`Graph::targets_of`] reads at first.
    #[inline]
    pub(super) fn fetch_edges(&self, node: u32) {
        let first = self.first_edge(node) as usize;
        if first < self.targets.len() {
            fetch(&self.targets, first);
        }
    }

    #[inline]
    pub(super) fn first_edge(&self, node: u32) -> u32 {
        match node {
            0 => 0,
            node => self.ends[node as usize - 1],
        }
    }

    #[inline]
    pub(super) fn end_edge(&self, node: u32) -> u32 {
        self.ends[node as usize]
    }

    #[inline]
    pub(super) fn target(&self, edge: u32) -> u32 {
        self.targets[edge as usize]
    }

    /// The end of an edge some places behind this one.
    #[inline]
    pub(super) fn target_soon(&self, edge: u32) -> Option<u32> {
        self.targets.get(edge as usize + AHEAD).copied()
    }

    /// Shortest paths from the seeds, by breadth: the first seed that reaches a node as closely as any has it.
    ///
    /// O(nodes + edges), 8 bytes a node.
    #[must_use]
    pub fn shortest_paths(&self, seeds: impl IntoIterator<Item = u32>) -> Paths {
        let mut paths = Paths {
            parents: vec![NONE; self.nodes()],
            order: Vec::new(),
        };
        paths.extend(self, seeds);
        paths
    }

    /// Reference counts: edges that lead to each node. O(nodes + edges).
    #[must_use]
    pub fn incoming(&self) -> Vec<u32> {
        let mut incoming = vec![0; self.nodes()];
        for &target in &self.targets {
            incoming[target as usize] += 1;
        }
        incoming
    }

    /// Strongly connected groups of more than one node, or of one that refers to itself; each in ascending order.
    ///
    /// O(nodes + edges); Tarjan 1972, with an explicit stack.
    #[must_use]
    pub fn cycles(&self) -> Vec<Vec<u32>> {
        super::cycles::cycles(self)
    }

    /// Immediate dominators, seen from the seeds together.
    #[must_use]
    pub fn dominators(&self, seeds: &[u32]) -> super::dominators::Dominators {
        super::dominators::dominators(std::borrow::Cow::Borrowed(self), seeds)
    }
}

/// Shortest paths from some seeds.
///
/// ```
/// use exuvia_core::Graph;
/// let mut graph = Graph::new();
/// graph.push_node([1, 2]); // 0 -> 1, 2 -> 3
/// graph.push_node([3]);
/// graph.push_node([3]);
/// graph.push_node([]);
/// let paths = graph.shortest_paths([1]);
/// assert_eq!(paths.to(3), [1, 3]);
/// assert!(!paths.reaches(2));
/// ```
#[derive(Clone, Debug)]
pub struct Paths {
    /// The node before each; `SEED` where a walk began, `NONE` where nothing leads.
    pub(super) parents: Vec<u32>,
    pub(super) order: Vec<u32>,
}

impl Paths {
    /// Walks on from more seeds; what was reached before keeps its path.
    pub fn extend(&mut self, graph: &Graph, seeds: impl IntoIterator<Item = u32>) {
        let mut next = self.order.len();
        for seed in seeds {
            self.reach(seed, SEED);
        }
        while next < self.order.len() {
            let node = self.order[next];
            next += 1;
            for &target in graph.targets_of(node) {
                self.reach(target, node);
            }
        }
    }

    fn reach(&mut self, node: u32, from: u32) {
        let parent = &mut self.parents[node as usize];
        if *parent == NONE {
            *parent = from;
            self.order.push(node);
        }
    }

    /// Whether any seed reaches the node.
    #[must_use]
    pub fn reaches(&self, node: u32) -> bool {
        self.parents[node as usize] != NONE
    }

    /// The node before this one on its path; `None` at a seed, and where nothing leads.
    #[must_use]
    pub fn parent(&self, node: u32) -> Option<u32> {
        Some(self.parents[node as usize]).filter(|&parent| parent < SEED)
    }

    /// The reached nodes, each after its parent.
    #[must_use]
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// The path to a node, seed first; empty where nothing leads.
    #[must_use]
    pub fn to(&self, node: u32) -> Vec<u32> {
        if !self.reaches(node) {
            return Vec::new();
        }
        let mut path: Vec<u32> =
            std::iter::successors(Some(node), |&node| self.parent(node)).collect();
        path.reverse();
        path
    }
}
