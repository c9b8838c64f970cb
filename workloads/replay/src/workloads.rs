//! The workloads: real heaps rebuilt and collected, a real program's allocations replayed.

use std::cell::LazyCell;
use std::rc::Rc;

use exuvia_core::Heap;
use exuvia_harness::{Params, Suite, Workload};

use crate::embedded::{self, Cut};
use crate::snapshot::{self, Rebuilt, Snapshot, Spread};
use crate::trace::Trace;
use crate::trace::backend::{self, Backend, Private};
use crate::trace::play::{self, Player};

/// Adds the workloads of this crate.
pub fn register(suite: &mut Suite) {
    for cut in embedded::SNAPSHOTS {
        suite.workload(&format!("replay/snapshot_{}", cut.name), |w| {
            declare_snapshot(w, cut);
        });
    }
    suite.workload("replay/trace", declare_trace);
}

/// Input that is read when a measured process first needs it, and not in every process that lists the suite.
type Lazy<T> = Rc<LazyCell<T, Box<dyn FnOnce() -> T>>>;

fn lazy<T>(read: impl FnOnce() -> T + 'static) -> Lazy<T> {
    Rc::new(LazyCell::new(Box::new(read)))
}

/// Name, whether collections run by themselves while a graph is built, and where it stands before the one asked for.
const VARIANTS: [(&str, bool, Spread); 3] = [
    ("young", false, Spread::AsLoaded),
    ("generations", false, Spread::Generations),
    ("automatic", true, Spread::AsLoaded),
];

/// A snapshot and the heap that it is rebuilt on.
struct Graph {
    heap: Heap,
    snapshot: Lazy<Snapshot>,
    spread: Spread,
    copies: u64,
}

/// Stress: counted references in a real shape, cyclic garbage beside live objects, death of a whole graph by count.
fn declare_snapshot(w: &mut Workload, cut: &'static Cut) {
    let snapshot = lazy(|| cut.snapshot());
    let counts = cut.counts();
    let (nodes, garbage) = (counts.nodes as u64, counts.garbage_nodes as u64);
    w.ask("What does a real program's garbage cost when all of it is young, spread over the generations, or met by collections while it is built?");
    w.tags(["real", "collector"]).seed(1);
    w.param("copies", [1, 3])
        .elements(move |p| p["copies"] * nodes);
    w.ops(move |p| p["copies"] * nodes);
    w.expect(move |p| p["copies"] * checksum(garbage, nodes - garbage));
    for (name, enabled, spread) in VARIANTS {
        let snapshot = Rc::clone(&snapshot);
        w.variant(
            name,
            move |p: &Params, _| {
                LazyCell::force(&snapshot);
                Graph {
                    heap: p.heap_with(|builder| builder.enabled(enabled)),
                    snapshot: Rc::clone(&snapshot),
                    spread,
                    copies: p["copies"],
                }
            },
            |graph| graph.build_collect_drop(),
        );
    }
}

impl Graph {
    fn build_collect_drop(&mut self) -> u64 {
        let found_before = found_unreachable(&self.heap);
        let roots: Vec<_> = (0..self.copies).filter_map(|_| self.build()).collect();
        self.heap.collect_all();
        // Garbage of one copy may be found while the next is built: all collections count.
        let freed = found_unreachable(&self.heap) - found_before;
        let kept = self.heap.live_objects();
        drop(roots);
        self.heap.collect_all();
        checksum(freed, (kept - self.heap.live_objects()) as u64)
    }

    fn build(&self) -> Option<Rebuilt> {
        snapshot::rebuild(&self.snapshot, &self.heap, self.spread, |_| Ok::<_, ()>(())).ok()
    }
}

fn found_unreachable(heap: &Heap) -> u64 {
    heap.stats().iter().map(|stats| stats.collected).sum()
}

/// Nodes found unreachable, and nodes that went with the root; linear, so that copies multiply it.
fn checksum(freed_nodes: u64, kept_nodes: u64) -> u64 {
    freed_nodes * (1 << 32) + kept_nodes
}

/// Stress: the allocators alone, with the sizes and lifetimes of a real interpreter.
fn declare_trace(w: &mut Workload) {
    let trace = lazy(embedded::trace);
    let events = embedded::trace_counts().events as u64;
    w.ask("Which allocator serves a real interpreter's requests fastest, and in the least memory?");
    w.tags(["real", "allocator"]).seed(1).rss();
    w.param("events", [events / 10, events]);
    w.ops(|p| p["events"]).elements(|p| p["events"]);
    let expected = Rc::clone(&trace);
    w.expect(move |p| play::expected_checksum(&expected.events()[..p["events"] as usize]));
    add_backend(w, "pages", &trace, |p| Private(p.heap()));
    add_backend(w, "system", &trace, |_| backend::system());
    add_backend(w, "mimalloc", &trace, |_| backend::mimalloc());
    for instrument in ["heap", "leaks"] {
        w.blind(
            "mimalloc",
            instrument,
            "mimalloc asks the kernel itself: its bytes are in the resident memory",
        );
    }
}

fn add_backend<B: Backend + 'static>(
    w: &mut Workload,
    name: &str,
    trace: &Lazy<Trace>,
    backend: impl Fn(&Params) -> B + 'static,
) {
    let trace = Rc::clone(trace);
    w.variant(
        name,
        move |p: &Params, _| {
            let player = Player::new(backend(p), trace.ids());
            (player, Rc::clone(&trace), p["events"] as usize)
        },
        |(player, trace, events)| player.play(&trace.events()[..*events]) + player.free_rest(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_copies_multiply_the_checksum_in_every_variant() {
        let cut = &embedded::SNAPSHOTS[0];
        let counts = cut.counts();
        let (nodes, garbage) = (counts.nodes as u64, counts.garbage_nodes as u64);
        let snapshot = lazy(|| cut.snapshot());
        for (name, enabled, spread) in VARIANTS {
            let mut graph = Graph {
                heap: Heap::builder().enabled(enabled).build(),
                snapshot: Rc::clone(&snapshot),
                spread,
                copies: 3,
            };
            let expected = 3 * checksum(garbage, nodes - garbage);
            assert_eq!(graph.build_collect_drop(), expected, "{name}");
            assert_eq!(graph.heap.memory().live_blocks, 0, "{name}");
        }
    }
}
