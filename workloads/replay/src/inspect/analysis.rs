//! Everything that is counted in a snapshot.

use std::collections::HashMap;

use exuvia_core::{Dominators, Graph, Paths, without_numbers};
use serde::Serialize;

use super::since::Change;
use super::slots::{self, SlotsSaving};
use super::types::Types;
use crate::snapshot::{EdgeKind, Labels, Snapshot};

/// Steps shown at either end of a long path.
const PATH_ENDS: usize = 6;

/// What a snapshot holds, in numbers and words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspection {
    /// Always `snapshot`.
    pub kind: &'static str,
    /// Nodes of the file, the root included.
    pub nodes: usize,
    /// Edges of the file, weak ones included.
    pub edges: usize,
    /// Recorded bytes of all nodes.
    pub bytes: u64,
    /// Nodes that the root does not reach over strong edges.
    pub garbage_nodes: usize,
    /// Their recorded bytes.
    pub garbage_bytes: u64,
    /// Every type, most retained bytes first.
    pub types: Vec<TypeRow>,
    /// The nodes that hold most, most retained bytes first.
    pub largest: Vec<NodeRow>,
    /// Groups of nodes that reach each other over strong edges.
    pub cycles: Cycles,
    /// What classes would save with slots, most first.
    pub slots: Vec<SlotsSaving>,
    /// What changed since an older snapshot, by type; `None` when there is none to compare with.
    pub since: Option<Vec<Change>>,
}

/// Nodes of one type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TypeRow {
    /// Class, or the kind of node in parentheses.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Nodes.
    pub objects: u64,
    /// Their recorded bytes.
    pub bytes: u64,
    /// Bytes that would be freed with all of them.
    pub retained_bytes: u64,
    /// Those that the root does not reach.
    pub garbage: u64,
    /// Where most of the reached ones hang, on shortest paths: `list[*]`, `Session.user`.
    pub holder: Option<String>,
    /// How many hang there.
    pub held: u64,
}

/// One node that holds much.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeRow {
    /// The node's id in the file.
    pub id: u64,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its own recorded bytes.
    pub bytes: u64,
    /// Bytes that would be freed with it.
    pub retained_bytes: u64,
    /// The shortest path from the root.
    pub path: String,
}

/// Strongly connected groups of more than one node, or of one that refers to itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cycles {
    /// Groups.
    pub groups: usize,
    /// Nodes in them.
    pub nodes: usize,
    /// Nodes of the largest.
    pub largest: usize,
    /// Groups that the root does not reach.
    pub garbage_groups: usize,
    /// Their nodes.
    pub garbage_nodes: usize,
    /// The types of the largest unreachable groups, each with its number of groups, most first: `a -> b`.
    pub garbage_types: Vec<(String, usize)>,
}

impl Inspection {
    /// Counts everything; `shown` nodes, cycle types and classes with slots at most.
    pub fn of(snapshot: &Snapshot, labels: &Labels, shown: usize) -> Inspection {
        let types = Types::of(snapshot, labels);
        let graph = strong_graph(snapshot);
        let paths = graph.shortest_paths([0]);
        let dominators = graph.dominators(&[0]);
        let retained = dominators.retained(|node| snapshot.recorded_bytes(node as usize));
        let view = View {
            snapshot,
            labels,
            types: &types,
            paths: &paths,
        };
        let unreached = || (0..snapshot.nodes()).filter(|&node| !paths.reaches(node as u32));
        Inspection {
            kind: "snapshot",
            nodes: snapshot.nodes(),
            edges: snapshot.edges(),
            bytes: snapshot.total_recorded_bytes(),
            garbage_nodes: unreached().count(),
            garbage_bytes: unreached().map(|node| snapshot.recorded_bytes(node)).sum(),
            types: view.types(&retained_by_type(&dominators, &types, &retained, &paths)),
            largest: view.largest(&retained, shown),
            cycles: view.cycles(&graph, shown),
            slots: slots::savings(snapshot, labels, &types, shown),
            since: None,
        }
    }
}

fn strong_graph(snapshot: &Snapshot) -> Graph {
    let mut graph = Graph::new();
    for node in 0..snapshot.nodes() {
        let strong = snapshot.edges_of(node).filter(|edge| !edge.weak);
        graph.push_node(strong.map(|edge| edge.target as u32));
    }
    graph
}

/// Bytes retained by all nodes of a type together: what lies below another one of its type counts once.
fn retained_by_type(
    dominators: &Dominators,
    types: &Types,
    retained: &[u64],
    paths: &Paths,
) -> Vec<u64> {
    let children = children_of(dominators, paths, retained.len());
    let mut sums = vec![0; types.names.len()];
    let mut open = vec![0_u32; types.names.len()];
    // A node is left when it comes up the second time.
    let mut stack: Vec<(u32, bool)> = vec![(0, false)];
    while let Some((node, is_left)) = stack.pop() {
        let of = types.of[node as usize] as usize;
        if is_left {
            open[of] -= 1;
            continue;
        }
        if open[of] == 0 {
            sums[of] += retained[node as usize];
        }
        open[of] += 1;
        stack.push((node, true));
        stack.extend(
            children
                .targets_of(node)
                .iter()
                .map(|&child| (child, false)),
        );
    }
    sums
}

/// The dominator tree downwards.
fn children_of(dominators: &Dominators, paths: &Paths, nodes: usize) -> Graph {
    let mut children: Vec<Vec<u32>> = vec![Vec::new(); nodes];
    for &node in paths.order() {
        if let Some(above) = dominators.of(node) {
            children[above as usize].push(node);
        }
    }
    let mut graph = Graph::new();
    children.into_iter().for_each(|own| graph.push_node(own));
    graph
}

/// A snapshot with what was found out about it.
struct View<'a> {
    snapshot: &'a Snapshot,
    labels: &'a Labels,
    types: &'a Types,
    paths: &'a Paths,
}

impl View<'_> {
    fn types(&self, retained: &[u64]) -> Vec<TypeRow> {
        let row = |(name, &retained_bytes): (&String, &u64)| TypeRow {
            type_name: name.clone(),
            objects: 0,
            bytes: 0,
            retained_bytes,
            garbage: 0,
            holder: None,
            held: 0,
        };
        let mut rows: Vec<TypeRow> = self.types.names.iter().zip(retained).map(row).collect();
        // By type, holding type, and name of the edge.
        let mut holders: HashMap<(u32, u32, String), u64> = HashMap::new();
        for node in 0..self.snapshot.nodes() {
            let of = self.types.of[node];
            let row = &mut rows[of as usize];
            row.objects += 1;
            row.bytes += self.snapshot.recorded_bytes(node);
            row.garbage += u64::from(!self.paths.reaches(node as u32));
            if let Some(parent) = self.paths.parent(node as u32) {
                let edge = self.edge_text(parent as usize, node, Position::Any);
                let key = (of, self.types.of[parent as usize], edge);
                *holders.entry(key).or_default() += 1;
            }
        }
        for ((of, holder, edge), held) in holders {
            let row = &mut rows[of as usize];
            let text = || Some(self.types.names[holder as usize].clone() + &edge);
            // Of two that hold as many, the first by name, so that two runs say the same.
            if held > row.held || (held == row.held && text() < row.holder) {
                (row.held, row.holder) = (held, text());
            }
        }
        rows.sort_by(|a, b| {
            (b.retained_bytes, b.bytes)
                .cmp(&(a.retained_bytes, a.bytes))
                .then_with(|| a.type_name.cmp(&b.type_name))
        });
        rows
    }

    /// The nodes that retain most, without those that only pass on what the one above them has.
    fn largest(&self, retained: &[u64], shown: usize) -> Vec<NodeRow> {
        let mut nodes: Vec<usize> = (1..self.snapshot.nodes()).collect();
        nodes.sort_by_key(|&node| (std::cmp::Reverse(retained[node]), node));
        nodes.truncate(shown);
        nodes.retain(|&node| retained[node] > 0);
        let row = |node: usize| NodeRow {
            id: self.labels.id(node),
            type_name: self.types.name(node).to_owned(),
            bytes: self.snapshot.recorded_bytes(node),
            retained_bytes: retained[node],
            path: self.path(node),
        };
        nodes.into_iter().map(row).collect()
    }

    fn path(&self, node: usize) -> String {
        let way = self.paths.to(node as u32);
        let mut steps = vec!["root".to_owned()];
        for pair in way.windows(2) {
            let (holder, held) = (pair[0] as usize, pair[1] as usize);
            let edge = self.edge_text(holder, held, Position::Exact);
            let last = steps.last_mut().expect("the root is there");
            *last += &edge;
            steps.push(self.types.name(held).to_owned());
        }
        if steps.len() > 2 * PATH_ENDS + 1 {
            let left_out = steps.len() - 2 * PATH_ENDS;
            steps.splice(
                PATH_ENDS..steps.len() - PATH_ENDS,
                [format!("({left_out} more)")],
            );
        }
        steps.join(" -> ")
    }

    /// The strong edge from one node to another, as it is written behind the holder's type.
    fn edge_text(&self, holder: usize, held: usize, position: Position) -> String {
        let first = self.snapshot.first_edge(holder);
        let mut edges = self.snapshot.edges_of(holder).enumerate();
        let found = edges.find(|(_, edge)| edge.target == held && !edge.weak);
        let Some((index, _)) = found else {
            return String::new();
        };
        let number = first + index;
        match self.labels.edge(number) {
            (EdgeKind::Element, _) => match position {
                Position::Exact => format!("[{}]", self.labels.position(number)),
                Position::Any => "[*]".to_owned(),
            },
            (EdgeKind::Hidden, _) => ".(hidden)".to_owned(),
            (EdgeKind::Internal, name) => match position {
                Position::Exact => format!(".({name})"),
                Position::Any => format!(".({})", without_numbers(name, '*')),
            },
            // Entries of a dict are keys, and there may be as many as objects.
            (_, name) if self.types.name(holder) == "dict" => match position {
                Position::Exact => format!("[{name:?}]"),
                Position::Any => "[*]".to_owned(),
            },
            (_, name) => match position {
                Position::Exact => format!(".{name}"),
                Position::Any => format!(".{}", without_numbers(name, '*')),
            },
        }
    }

    fn cycles(&self, graph: &Graph, shown: usize) -> Cycles {
        let groups = graph.cycles();
        let is_garbage = |group: &&Vec<u32>| !self.paths.reaches(group[0]);
        let garbage: Vec<&Vec<u32>> = groups.iter().filter(is_garbage).collect();
        let mut by_types: HashMap<String, usize> = HashMap::new();
        for group in &garbage {
            *by_types.entry(self.types_in(group)).or_default() += 1;
        }
        let mut garbage_types: Vec<(String, usize)> = by_types.into_iter().collect();
        garbage_types.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        garbage_types.truncate(shown);
        Cycles {
            groups: groups.len(),
            nodes: groups.iter().map(Vec::len).sum(),
            largest: groups.iter().map(Vec::len).max().unwrap_or(0),
            garbage_groups: garbage.len(),
            garbage_nodes: garbage.iter().map(|group| group.len()).sum(),
            garbage_types,
        }
    }

    /// The types of a group, each once, in the order of their names.
    fn types_in(&self, group: &[u32]) -> String {
        const NAMED: usize = 5;
        let mut names: Vec<&str> = group.iter().map(|&n| self.types.name(n as usize)).collect();
        names.sort_unstable();
        names.dedup();
        let more = names.len().saturating_sub(NAMED);
        names.truncate(NAMED);
        let text = names.join(", ");
        match more {
            0 => text,
            more => format!("{text} and {more} more types"),
        }
    }
}

/// Whether a path says at which position.
#[derive(Clone, Copy)]
enum Position {
    Exact,
    Any,
}
