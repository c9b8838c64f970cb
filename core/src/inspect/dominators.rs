//! Immediate dominators by the semi-NCA method (Georgiadis, "Linear-Time Algorithms for Dominators and Related Problems",
//! 2005), iterative, in linear memory.
//!
//! A node's dominator is the last object that every path to it goes through: what would die with it. Nodes are renumbered by
//! depth-first discovery; number 0 is a root in front of all seeds. 32 bytes a node and 8 an edge while it runs.

use super::graph::{Graph, NONE};

/// The root in front of all seeds.
const ROOT: u32 = 0;

/// The dominator tree of what some seeds reach.
///
/// ```
/// use exuvia_core::Graph;
/// let mut graph = Graph::new();
/// graph.push_node([1, 2]); // 0 -> 1, 2 -> 3
/// graph.push_node([3]);
/// graph.push_node([3]);
/// graph.push_node([]);
/// let dominators = graph.dominators(&[0]);
/// assert_eq!(dominators.of(3), Some(0), "neither 1 nor 2 alone holds it");
/// assert_eq!(dominators.retained(|_| 10), [40, 10, 10, 10]);
/// ```
#[derive(Clone, Debug)]
pub struct Dominators {
    /// Discovery number by node, `NONE` for unreached ones.
    numbers: Vec<u32>,
    /// Node by number; entry 0 is the root, no node.
    nodes: Vec<u32>,
    /// Dominator's number by number.
    immediate: Vec<u32>,
}

impl Dominators {
    /// The immediate dominator of a node; `None` for unreached nodes, and for nodes that only the seeds together hold.
    #[must_use]
    pub fn of(&self, node: u32) -> Option<u32> {
        let number = self.numbers[node as usize];
        if number == NONE {
            return None;
        }
        let dominator = self.immediate[number as usize];
        (dominator != ROOT).then(|| self.nodes[dominator as usize])
    }

    /// Retained sizes by node: its own and of all that only it keeps alive; 0 for unreached nodes. O(nodes).
    #[must_use]
    pub fn retained(&self, size: impl Fn(u32) -> u64) -> Vec<u64> {
        let mut retained = vec![0; self.numbers.len()];
        for number in (1..self.nodes.len()).rev() {
            let node = self.nodes[number];
            retained[node as usize] += size(node);
            let dominator = self.immediate[number];
            if dominator != ROOT {
                retained[self.nodes[dominator as usize] as usize] += retained[node as usize];
            }
        }
        retained
    }

    /// Retained bytes of each group together: a node that another one of its group dominates counts once.
    ///
    /// O(nodes x groups along a path), in practice O(nodes).
    pub(super) fn retained_by_group(
        &self,
        retained: &[u64],
        group: impl Fn(u32) -> Option<usize>,
        groups: usize,
    ) -> Vec<u64> {
        let mut sums = vec![0; groups];
        // The nearest group above each number: discovery numbers grow downwards.
        let mut above = vec![NONE; self.nodes.len()];
        for number in 1..self.nodes.len() {
            let inherited = above[self.immediate[number] as usize];
            above[number] = inherited;
            if let Some(own) = group(self.nodes[number]) {
                if inherited != own as u32 {
                    sums[own] += retained[self.nodes[number] as usize];
                }
                above[number] = own as u32;
            }
        }
        sums
    }
}

pub(super) fn dominators(graph: &Graph, seeds: &[u32]) -> Dominators {
    let mut search = Search::new(graph, seeds);
    search.discover_all();
    let Search {
        numbers,
        nodes,
        parents,
        ..
    } = search;
    let semi = semi_dominators(graph, seeds, &numbers, &nodes, &parents);
    Dominators {
        immediate: nearest_common(parents, &semi),
        numbers,
        nodes,
    }
}

/// Depth-first discovery.
struct Search<'a> {
    graph: &'a Graph,
    seeds: &'a [u32],
    numbers: Vec<u32>,
    nodes: Vec<u32>,
    parents: Vec<u32>,
    /// The next edge of each discovered node on the way down.
    way: Vec<(u32, u32)>,
}

impl<'a> Search<'a> {
    fn new(graph: &'a Graph, seeds: &'a [u32]) -> Search<'a> {
        Search {
            graph,
            seeds,
            numbers: vec![NONE; graph.nodes()],
            nodes: vec![NONE],
            parents: vec![ROOT],
            way: Vec::new(),
        }
    }

    fn discover_all(&mut self) {
        for &seed in self.seeds {
            self.discover(seed, ROOT);
            self.descend();
        }
    }

    fn discover(&mut self, node: u32, parent: u32) {
        if self.numbers[node as usize] != NONE {
            return;
        }
        self.numbers[node as usize] = self.nodes.len() as u32;
        self.nodes.push(node);
        self.parents.push(parent);
        self.way.push((node, self.graph.first_edge(node)));
    }

    fn descend(&mut self) {
        while let Some((node, edge)) = self.way.last_mut() {
            if *edge == self.graph.end_edge(*node) {
                self.way.pop();
                continue;
            }
            let target = self.graph.target(*edge);
            let parent = self.numbers[*node as usize];
            *edge += 1;
            self.discover(target, parent);
        }
    }
}

/// Edges reversed, in discovery numbers: predecessors of number k stand at `starts[k] .. starts[k + 1]`.
struct Predecessors {
    starts: Vec<u32>,
    all: Vec<u32>,
}

impl Predecessors {
    fn of(graph: &Graph, seeds: &[u32], numbers: &[u32], nodes: &[u32]) -> Predecessors {
        let mut starts = vec![0_u32; nodes.len() + 1];
        let edges = || {
            let from_root = seeds.iter().map(|&seed| (ROOT, numbers[seed as usize]));
            let from_nodes = (1..nodes.len()).flat_map(|number| {
                let targets = graph.targets_of(nodes[number]).iter();
                targets.map(move |&target| (number as u32, numbers[target as usize]))
            });
            from_root.chain(from_nodes)
        };
        for (_, to) in edges() {
            starts[to as usize] += 1;
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut all = vec![0; sum as usize];
        for (from, to) in edges() {
            let place = &mut starts[to as usize];
            *place -= 1;
            all[*place as usize] = from;
        }
        Predecessors { starts, all }
    }

    fn of_number(&self, number: u32) -> &[u32] {
        let number = number as usize;
        &self.all[self.starts[number] as usize..self.starts[number + 1] as usize]
    }
}

fn semi_dominators(
    graph: &Graph,
    seeds: &[u32],
    numbers: &[u32],
    nodes: &[u32],
    parents: &[u32],
) -> Vec<u32> {
    let predecessors = Predecessors::of(graph, seeds, numbers, nodes);
    let count = nodes.len() as u32;
    let mut forest = Forest {
        ancestors: parents.to_vec(),
        labels: (0..count).collect(),
        semi: (0..count).collect(),
        way: Vec::new(),
    };
    for number in (1..count).rev() {
        let mut semi = parents[number as usize];
        for &from in predecessors.of_number(number) {
            semi = semi.min(forest.evaluate(from, number));
        }
        forest.semi[number as usize] = semi;
        forest.labels[number as usize] = number;
    }
    forest.semi
}

/// The processed part of the discovery tree, with paths compressed (numbers above the one in work are linked).
struct Forest {
    ancestors: Vec<u32>,
    labels: Vec<u32>,
    semi: Vec<u32>,
    way: Vec<u32>,
}

impl Forest {
    /// The least semi-dominator on the processed path above `from`; `from` itself when it is not processed.
    fn evaluate(&mut self, from: u32, last_linked: u32) -> u32 {
        if from <= last_linked {
            return from;
        }
        self.compress(from, last_linked);
        self.semi[self.labels[from as usize] as usize]
    }

    fn compress(&mut self, from: u32, last_linked: u32) {
        let mut node = from;
        while self.ancestors[node as usize] > last_linked {
            self.way.push(node);
            node = self.ancestors[node as usize];
        }
        while let Some(below) = self.way.pop() {
            let above = self.ancestors[below as usize];
            let (own, best) = (self.labels[below as usize], self.labels[above as usize]);
            if self.semi[best as usize] < self.semi[own as usize] {
                self.labels[below as usize] = best;
            }
            self.ancestors[below as usize] = self.ancestors[above as usize];
        }
    }
}

/// The nearest common ancestor of parent and semi-dominator in the dominator tree that is there so far.
fn nearest_common(parents: Vec<u32>, semi: &[u32]) -> Vec<u32> {
    let mut immediate = parents;
    for number in 1..immediate.len() {
        let mut dominator = immediate[number];
        while dominator > semi[number] {
            dominator = immediate[dominator as usize];
        }
        immediate[number] = dominator;
    }
    immediate
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By definition: a node's dominators are those without which it is not reached.
    fn by_definition(graph: &Graph, seeds: &[u32]) -> Vec<Option<u32>> {
        let nodes = graph.nodes() as u32;
        let reached = |without: Option<u32>| {
            let mut seen = vec![false; nodes as usize];
            let mut stack: Vec<u32> = seeds.to_vec();
            while let Some(node) = stack.pop() {
                if Some(node) != without && !std::mem::replace(&mut seen[node as usize], true) {
                    stack.extend(graph.targets_of(node));
                }
            }
            seen
        };
        let all = reached(None);
        let without: Vec<Vec<bool>> = (0..nodes).map(|node| reached(Some(node))).collect();
        let dominates =
            |a: u32, b: u32| a != b && all[b as usize] && !without[a as usize][b as usize];
        (0..nodes)
            .map(|node| {
                let above: Vec<u32> = (0..nodes).filter(|&a| dominates(a, node)).collect();
                // The immediate one is dominated by all others.
                above
                    .iter()
                    .copied()
                    .find(|&a| above.iter().all(|&b| a == b || dominates(b, a)))
            })
            .collect()
    }

    #[test]
    fn dominators_are_those_of_the_definition_on_random_graphs() {
        let mut rng = fastrand::Rng::with_seed(7);
        for round in 0..300 {
            let nodes = rng.u32(1..24);
            let mut graph = Graph::new();
            for _ in 0..nodes {
                let edges = rng.u32(0..4);
                graph.push_node((0..edges).map(|_| rng.u32(0..nodes)).collect::<Vec<_>>());
            }
            let seeds: Vec<u32> = (0..rng.u32(1..3)).map(|_| rng.u32(0..nodes)).collect();
            let found = graph.dominators(&seeds);
            let expected = by_definition(&graph, &seeds);
            let found: Vec<_> = (0..nodes).map(|node| found.of(node)).collect();
            assert_eq!(found, expected, "round {round}: {graph:?} from {seeds:?}");
        }
    }

    #[test]
    fn a_list_of_a_million_nodes_needs_no_deep_stack() {
        const NODES: u32 = 1_000_000;
        let mut graph = Graph::new();
        (0..NODES).for_each(|node| graph.push_node((node + 1 < NODES).then_some(node + 1)));
        let dominators = graph.dominators(&[0]);
        assert_eq!(dominators.of(NODES - 1), Some(NODES - 2));
        assert_eq!(dominators.retained(|_| 1)[0], u64::from(NODES));
    }

    #[test]
    fn a_group_counts_what_it_retains_once() {
        let mut graph = Graph::new();
        for targets in [vec![1, 3], vec![2], vec![], vec![]] {
            graph.push_node(targets);
        }
        let dominators = graph.dominators(&[0]);
        let retained = dominators.retained(|_| 1);
        let sums = dominators.retained_by_group(&retained, |node| (node > 0).then_some(0), 1);
        assert_eq!(sums, [3], "1 retains 2, and 3 stands beside");
    }
}
