//! Strongly connected components (Tarjan 1972) without recursion.

use super::graph::{Graph, NONE};

struct Search<'a> {
    graph: &'a Graph,
    /// Order of discovery; `NONE` before it.
    index: Vec<u32>,
    low: Vec<u32>,
    /// Discovered, component not closed.
    open: Vec<u32>,
    is_open: Vec<bool>,
    /// The way down: node and its next edge.
    way: Vec<(u32, u32)>,
    next_index: u32,
    found: Vec<Vec<u32>>,
}

pub(super) fn cycles(graph: &Graph) -> Vec<Vec<u32>> {
    let nodes = graph.nodes();
    let mut search = Search {
        graph,
        index: vec![NONE; nodes],
        low: vec![0; nodes],
        open: Vec::new(),
        is_open: vec![false; nodes],
        way: Vec::new(),
        next_index: 0,
        found: Vec::new(),
    };
    for node in 0..nodes as u32 {
        if search.index[node as usize] == NONE {
            search.explore(node);
        }
    }
    search.found
}

impl Search<'_> {
    fn explore(&mut self, start: u32) {
        self.discover(start);
        while let Some((node, edge)) = self.way.last_mut() {
            let node = *node;
            if *edge < self.graph.end_edge(node) {
                let target = self.graph.target(*edge);
                *edge += 1;
                self.meet(node, target);
            } else {
                self.way.pop();
                self.leave(node);
            }
        }
    }

    fn discover(&mut self, node: u32) {
        self.index[node as usize] = self.next_index;
        self.low[node as usize] = self.next_index;
        self.next_index += 1;
        self.open.push(node);
        self.is_open[node as usize] = true;
        self.way.push((node, self.graph.first_edge(node)));
    }

    fn meet(&mut self, node: u32, target: u32) {
        if self.index[target as usize] == NONE {
            self.discover(target);
        } else if self.is_open[target as usize] {
            self.lower(node, self.index[target as usize]);
        }
    }

    fn lower(&mut self, node: u32, low: u32) {
        let own = &mut self.low[node as usize];
        *own = low.min(*own);
    }

    fn leave(&mut self, node: u32) {
        let low = self.low[node as usize];
        if let Some(&(above, _)) = self.way.last() {
            self.lower(above, low);
        }
        if low == self.index[node as usize] {
            self.close(node);
        }
    }

    fn close(&mut self, first: u32) {
        let at = self.open.iter().rposition(|&node| node == first);
        let mut group = self
            .open
            .split_off(at.expect("an open node stands in the list"));
        for &node in &group {
            self.is_open[node as usize] = false;
        }
        if group.len() > 1 || self.graph.targets_of(first).contains(&first) {
            group.sort_unstable();
            self.found.push(group);
        }
    }
}
