//! Immediate dominators by the semi-NCA method (Georgiadis, "Linear-Time Algorithms for Dominators and Related Problems",
//! 2005), iterative, in linear memory.
//!
//! A node's dominator is the last object that every path to it goes through: what would die with it. Nodes are renumbered by
//! depth-first discovery; number 0 is a root in front of all seeds. Neighbours in that order lie near each other in all
//! arrays but those of the graph, and what is read next is fetched ahead.
//!
//! At most 28 bytes a node and 4 an edge while it runs, or 20 and 8: the graph is given up half-way.

use std::borrow::Cow;

use super::arrays::{fetch, filled, with_room};
use super::bits::Bits;
use super::graph::{Graph, NONE};

/// The root in front of all seeds.
const ROOT: u32 = 0;

/// How many nodes ahead the ends of edges are fetched.
const AHEAD: u32 = 8;

/// Edges of one node whose ends are fetched.
const FETCHED: usize = 16;

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
        let nodes = 0..self.numbers.len() as u32;
        let by_number = self.retained_by_number(|add| nodes.for_each(|node| add(node, size(node))));
        let of = |&number: &u32| by_number.get(number as usize).copied().unwrap_or(0);
        self.numbers.iter().map(of).collect()
    }

    /// Retained sizes by discovery number; `each_size` hands over every node's own size.
    pub(super) fn retained_by_number(
        &self,
        each_size: impl FnOnce(&mut dyn FnMut(u32, u64)),
    ) -> Vec<u64> {
        let mut retained = filled(self.nodes.len(), 0);
        each_size(&mut |node, size| {
            if let Some(own) = retained.get_mut(self.numbers[node as usize] as usize) {
                *own = size;
            }
        });
        for number in (1..self.nodes.len()).rev() {
            retained[self.immediate[number] as usize] += retained[number];
        }
        retained
    }

    /// Retained bytes of each group together: a node that another one of its group dominates counts once. `retained` is
    /// by discovery number.
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
        let mut above = filled(self.nodes.len(), NONE);
        for number in 1..self.nodes.len() {
            let inherited = above[self.immediate[number] as usize];
            above[number] = inherited;
            if let Some(own) = group(self.nodes[number]) {
                if inherited != own as u32 {
                    sums[own] += retained[number];
                }
                above[number] = own as u32;
            }
        }
        sums
    }
}

/// A borrowed graph is copied, and given up as soon as its edges are reversed.
pub(super) fn dominators(graph: Cow<'_, Graph>, seeds: &[u32]) -> Dominators {
    let (numbers, nodes, parents) = discover(&graph, seeds);
    let predecessors = Predecessors::of(graph.into_owned(), seeds, &numbers, nodes.len());
    let semi = semi_dominators(&predecessors, &parents);
    drop(predecessors);
    Dominators {
        immediate: nearest_common(parents, &semi),
        numbers,
        nodes,
    }
}

/// Numbers by node, and nodes and parents by number.
fn discover(graph: &Graph, seeds: &[u32]) -> (Vec<u32>, Vec<u32>, Vec<u32>) {
    let mut search = Search::new(graph);
    seeds.iter().for_each(|&seed| search.discover_from(seed));
    (search.numbers, search.nodes, search.parents)
}

/// Depth-first discovery. The way back is in the parents, and each node knows its next edge: no stack.
struct Search<'a> {
    graph: &'a Graph,
    numbers: Vec<u32>,
    nodes: Vec<u32>,
    parents: Vec<u32>,
    /// The next edge to follow by number.
    next: Vec<u32>,
}

impl<'a> Search<'a> {
    fn new(graph: &'a Graph) -> Search<'a> {
        let with_root = |entry| {
            let mut entries = with_room(graph.nodes() + 1);
            entries.push(entry);
            entries
        };
        Search {
            graph,
            numbers: filled(graph.nodes(), NONE),
            nodes: with_root(NONE),
            parents: with_root(ROOT),
            next: with_root(NONE),
        }
    }

    fn discover_from(&mut self, seed: u32) {
        if self.numbers[seed as usize] != NONE {
            return;
        }
        let mut at = self.discover(seed, ROOT);
        while at != ROOT {
            at = match self.undiscovered(at) {
                Some(node) => self.discover(node, at),
                None => self.parents[at as usize],
            };
        }
    }

    fn discover(&mut self, node: u32, parent: u32) -> u32 {
        let number = self.nodes.len() as u32;
        self.numbers[node as usize] = number;
        self.nodes.push(node);
        self.parents.push(parent);
        self.next.push(self.graph.first_edge(node));
        for &end in self.graph.targets_of(node).iter().take(FETCHED) {
            fetch(&self.numbers, end as usize);
            self.graph.fetch_range(end);
        }
        number
    }

    /// The end of the next edge that leads to something new.
    fn undiscovered(&mut self, number: u32) -> Option<u32> {
        let next = &mut self.next[number as usize];
        let end = self.graph.end_edge(self.nodes[number as usize]);
        let found = (*next..end).find(|&edge| {
            let node = self.graph.target(edge);
            self.numbers[node as usize] == NONE
        });
        *next = found.map_or(end, |edge| edge + 1);
        found.map(|edge| self.graph.target(edge))
    }
}

/// Edges reversed, in discovery numbers: predecessors of number k stand at `starts[k] .. starts[k + 1]`. A node with one
/// incoming edge has none here: the edge is the one from its parent.
struct Predecessors {
    starts: Vec<u32>,
    all: Vec<u32>,
}

impl Predecessors {
    /// `count` numbers were given, the root's included.
    fn of(mut graph: Graph, seeds: &[u32], numbers: &[u32], count: usize) -> Predecessors {
        graph.rename(numbers);
        let mut starts = filled(count + 1, 0);
        each_edge(&graph, seeds, numbers, |_, to, soon| {
            fetch(&starts, soon as usize);
            starts[to as usize] += 1;
        });
        let several = sum_up(&mut starts);
        let mut all = filled(starts[count] as usize, ROOT);
        each_edge(&graph, seeds, numbers, |from, to, soon| {
            fetch(&starts, soon as usize);
            if several.has(to) {
                let place = &mut starts[to as usize];
                *place -= 1;
                all[*place as usize] = from;
            }
        });
        Predecessors { starts, all }
    }

    fn of_number(&self, number: u32) -> &[u32] {
        let number = number as usize;
        &self.all[self.starts[number] as usize..self.starts[number + 1] as usize]
    }
}

/// The edges between reached nodes in the order of the nodes: where from and where to, and another end that is coming soon,
/// all in discovery numbers. `graph` is named by these.
fn each_edge(graph: &Graph, seeds: &[u32], numbers: &[u32], mut visit: impl FnMut(u32, u32, u32)) {
    for &seed in seeds {
        visit(ROOT, numbers[seed as usize], ROOT);
    }
    for (node, &from) in numbers.iter().enumerate() {
        if from == NONE {
            continue;
        }
        for edge in graph.edges_of(node as u32) {
            let soon = graph.target_soon(edge).filter(|&end| end != NONE);
            visit(from, graph.target(edge), soon.unwrap_or(ROOT));
        }
    }
}

/// Makes of the numbers of edges to each node where its places end, without those that only one leads to; returns the
/// others.
fn sum_up(counts: &mut [u32]) -> Bits {
    let mut several = Bits::new(counts.len());
    let mut sum = 0;
    for (number, count) in counts.iter_mut().enumerate() {
        if *count > 1 {
            several.add(number as u32);
            sum += *count;
        }
        *count = sum;
    }
    several
}

fn semi_dominators(predecessors: &Predecessors, parents: &[u32]) -> Vec<u32> {
    let count = parents.len() as u32;
    let mut semi = filled(parents.len(), ROOT);
    let mut forest = Forest {
        links: (0..)
            .zip(parents)
            .map(|(best, &above)| Link { above, best })
            .collect(),
        way: Vec::new(),
    };
    let unlinked = |(best, &above)| Link { above, best };
    forest.links.extend((0..).zip(parents).map(unlinked));
    for number in (1..count).rev() {
        if let Some(soon) = number.checked_sub(AHEAD) {
            for &from in predecessors.of_number(soon).iter().take(FETCHED) {
                fetch(&forest.links, from as usize);
            }
        }
        let mut least = parents[number as usize];
        for &from in predecessors.of_number(number) {
            least = least.min(forest.evaluate(from, number));
        }
        forest.links[number as usize].best = least;
        semi[number as usize] = least;
    }
    semi
}

/// A node of the forest.
#[derive(Clone, Copy)]
struct Link {
    /// Its ancestor, or one further up.
    above: u32,
    /// The least semi-dominator from it up to that ancestor, which is left out.
    best: u32,
}

/// The processed part of the discovery tree, with paths compressed (numbers above the one in work are linked).
struct Forest {
    links: Vec<Link>,
    way: Vec<u32>,
}

impl Forest {
    /// The least semi-dominator on the processed path above `from`; `from` itself when it is not processed.
    fn evaluate(&mut self, from: u32, last_linked: u32) -> u32 {
        if from <= last_linked {
            return from;
        }
        self.compress(from, last_linked);
        self.links[from as usize].best
    }

    fn compress(&mut self, from: u32, last_linked: u32) {
        let mut node = from;
        while self.links[node as usize].above > last_linked {
            self.way.push(node);
            node = self.links[node as usize].above;
        }
        let mut top = self.links[node as usize];
        while let Some(below) = self.way.pop() {
            let link = &mut self.links[below as usize];
            link.above = top.above;
            link.best = link.best.min(top.best);
            top = *link;
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
        let retained = dominators.retained_by_number(|add| (0..4).for_each(|node| add(node, 1)));
        let sums = dominators.retained_by_group(&retained, |node| (node > 0).then_some(0), 1);
        assert_eq!(sums, [3], "1 retains 2, and 3 stands beside");
    }
}
