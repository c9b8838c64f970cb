//! What CPython's own tests ask of the heap, one test per row of the list in
//! `rows.txt`, named after the test that it mirrors. Rows that another test
//! file holds already name that test there.
//!
//! `docs/conformance.md` is written from `rows.txt` and what exists:
//! `UPDATE_CONFORMANCE=1 cargo test -p exuvia-core --test conformance`.

mod collections;
mod collector;
mod finalization;
mod leaks;
mod memory;
mod model;
mod surface;
mod table;
mod threads;
mod weak;

use std::cell::RefCell;
use std::rc::Rc;

use exuvia_core::{Callback, Finalize, Gc, GcAny, Heap, Trace};

pub(crate) type Action = Rc<dyn Fn(&Gc<Node>)>;

/// A container whose finalizer does what a test says.
#[derive(Trace)]
#[trace(finalize)]
pub(crate) struct Node {
    pub(crate) edges: RefCell<Vec<GcAny>>,
    #[trace(leaf)]
    pub(crate) action: RefCell<Option<Action>>,
}

impl Finalize for Node {
    fn finalize(this: &Gc<Self>) {
        let action = this.action.borrow().clone();
        if let Some(action) = action {
            action(this);
        }
    }
}

/// A weak callback that does what a test says.
#[derive(Trace)]
pub(crate) struct Calls {
    pub(crate) edges: RefCell<Vec<GcAny>>,
    #[trace(leaf)]
    pub(crate) run: Rc<dyn Fn(&Heap)>,
}

impl Callback for Calls {
    fn call(&self, heap: &Heap) {
        (self.run)(heap);
    }
}

/// A heap whose collections are all asked for.
pub(crate) fn quiet() -> Heap {
    let heap = Heap::new();
    heap.disable();
    heap
}

pub(crate) fn node(heap: &Heap) -> Gc<Node> {
    heap.alloc(Node {
        edges: RefCell::default(),
        action: RefCell::default(),
    })
}

pub(crate) fn link(from: &Gc<Node>, to: &GcAny) {
    from.edges.borrow_mut().push(to.clone());
}

pub(crate) fn any(node: &Gc<Node>) -> GcAny {
    Gc::erase(node.clone())
}

pub(crate) fn on_death(node: &Gc<Node>, run: impl Fn(&Gc<Node>) + 'static) {
    *node.action.borrow_mut() = Some(Rc::new(run));
}

pub(crate) fn calls(heap: &Heap, run: impl Fn(&Heap) + 'static) -> Gc<Calls> {
    heap.alloc(Calls {
        edges: RefCell::default(),
        run: Rc::new(run),
    })
}

/// `len` nodes, each with an edge to the next.
pub(crate) fn ring(heap: &Heap, len: usize) -> Vec<Gc<Node>> {
    let nodes: Vec<Gc<Node>> = (0..len).map(|_| node(heap)).collect();
    for (at, from) in nodes.iter().enumerate() {
        link(from, &any(&nodes[(at + 1) % len]));
    }
    nodes
}

/// A log that several closures write.
#[derive(Clone, Default)]
pub(crate) struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    pub(crate) fn note(&self, text: impl Into<String>) {
        self.0.borrow_mut().push(text.into());
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.borrow_mut())
    }
}

/// Where finalizers put what they resurrect.
pub(crate) type Saved = Rc<RefCell<Vec<Gc<Node>>>>;

pub(crate) fn resurrects(node: &Gc<Node>, log: &Log, saved: &Saved) {
    let (log, saved) = (log.clone(), saved.clone());
    on_death(node, move |this| {
        log.note("del");
        saved.borrow_mut().push(this.clone());
    });
}

pub(crate) fn cuts(node: &Gc<Node>, log: &Log) {
    let log = log.clone();
    on_death(node, move |this| {
        log.note("del");
        let edges = this.edges.take();
        drop(edges);
    });
}

pub(crate) fn notes(node: &Gc<Node>, log: &Log) {
    let log = log.clone();
    on_death(node, move |_| log.note("del"));
}
