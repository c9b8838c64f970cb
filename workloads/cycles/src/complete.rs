//! A complete graph: as many edges as there can be, so that tracing costs far more than allocating.
//!
//! Stresses the visits of edges; `n` objects hold `n * (n - 1)` references to each other in buffers on the heap.

use std::cell::RefCell;

use exuvia_core::{Gc, Heap, HeapVec, Trace};
use exuvia_harness::Workload;

use crate::scene::{Scene, payload_sum};

#[derive(Trace)]
struct Vertex {
    payload: u64,
    neighbours: RefCell<HeapVec<Gc<Vertex>>>,
}

/// A graph in which everything refers to everything else.
pub(crate) fn complete_graph(w: &mut Workload) {
    w.ask("What does an edge cost when everything refers to everything, collected or taken apart by the program?");
    w.param("n", [30, 100, 300]).seed(6);
    w.leak_at([("n", 5)]).ops(|p| p["n"] * (p["n"] - 1));
    w.expect(|p| (p["n"] - 1) * payload_sum(p["n"]) + p["n"]);
    w.variant("collected", Scene::new, |scene| scene.run(collected));
    w.variant("cut", Scene::new, |scene| scene.run(cut));
}

fn collected(heap: &Heap, payloads: &[u64]) -> u64 {
    let sum = read(&build(heap, payloads));
    heap.collect_all();
    sum
}

fn cut(heap: &Heap, payloads: &[u64]) -> u64 {
    let vertices = build(heap, payloads);
    let sum = read(&vertices);
    for vertex in &vertices {
        drop(vertex.neighbours.take());
    }
    drop(vertices);
    heap.collect_all();
    sum
}

fn build(heap: &Heap, payloads: &[u64]) -> Vec<Gc<Vertex>> {
    let vertex = |payload: &u64| {
        heap.alloc(Vertex {
            payload: *payload,
            neighbours: RefCell::new(HeapVec::with_capacity(heap, payloads.len() - 1)),
        })
    };
    let vertices: Vec<_> = payloads.iter().map(vertex).collect();
    for vertex in &vertices {
        let others = vertices.iter().filter(|other| !Gc::ptr_eq(vertex, other));
        for other in others {
            vertex.neighbours.borrow_mut().push(heap, other.clone());
        }
    }
    vertices
}

/// What every object reads from its neighbours.
fn read(vertices: &[Gc<Vertex>]) -> u64 {
    let sum_around = |vertex: &Gc<Vertex>| -> u64 {
        let neighbours = vertex.neighbours.borrow();
        neighbours.iter().map(|neighbour| neighbour.payload).sum()
    };
    vertices.iter().map(sum_around).sum()
}
