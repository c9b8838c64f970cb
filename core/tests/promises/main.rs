//! What the heap promises whatever user code does meanwhile: moving handles, panicking, borrowing, collecting, dying early.
//!
//! Tests with `for_ever` in their names leak on purpose: a leak checker is run with `--skip for_ever`.
//!
//! This file has the nodes whose every hook a test can set; each module is one kind of interruption.

mod counts;
mod lifetimes;
mod moves;
mod nested;
mod panics;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use exuvia_core::{Callback, Finalize, Gc, Heap, Mode, Trace};

pub(crate) fn each_mode(run: impl Fn(&Heap)) {
    for mode in [Mode::Pages, Mode::System, Mode::Debug] {
        let heap = Heap::builder().mode(mode).build();
        heap.disable();
        run(&heap);
        heap.verify().unwrap();
    }
}

/// What a hook does, exchangeable from outside.
pub(crate) type Action = Rc<RefCell<Box<dyn FnMut()>>>;

pub(crate) fn action(run: impl FnMut() + 'static) -> Action {
    Rc::new(RefCell::new(Box::new(run)))
}

/// A node whose every hook runs an action of the test's choice.
#[derive(Trace)]
#[trace(finalize)]
pub(crate) struct Node {
    pub(crate) edges: RefCell<Vec<Gc<Node>>>,
    #[trace(leaf)]
    pub(crate) finalizer: RefCell<Option<Action>>,
    #[trace(leaf)]
    pub(crate) dropped: Dropped,
}

impl Finalize for Node {
    fn finalize(this: &Gc<Self>) {
        let run = this.finalizer.borrow().clone();
        if let Some(run) = run {
            (run.borrow_mut())();
        }
    }
}

/// A field with a `Drop` of its own.
#[derive(Default)]
pub(crate) struct Dropped(pub(crate) RefCell<Option<Action>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        if let Some(run) = self.0.take() {
            (run.borrow_mut())();
        }
    }
}

/// A weak callback that runs an action.
#[derive(Trace)]
pub(crate) struct Calls {
    #[trace(leaf)]
    pub(crate) run: Action,
}

impl Callback for Calls {
    fn call(&self, _: &Heap) {
        (self.run.borrow_mut())();
    }
}

pub(crate) fn node(heap: &Heap, edges: Vec<Gc<Node>>) -> Gc<Node> {
    heap.alloc(Node {
        edges: RefCell::new(edges),
        finalizer: RefCell::new(None),
        dropped: Dropped::default(),
    })
}

/// Nodes in a ring, each with an edge to the next.
pub(crate) fn ring(heap: &Heap, len: usize) -> Vec<Gc<Node>> {
    let nodes: Vec<Gc<Node>> = (0..len).map(|_| node(heap, Vec::new())).collect();
    for (index, node) in nodes.iter().enumerate() {
        node.edges
            .borrow_mut()
            .push(nodes[(index + 1) % len].clone());
    }
    nodes
}

pub(crate) fn set_finalizer(node: &Gc<Node>, run: impl FnMut() + 'static) {
    *node.finalizer.borrow_mut() = Some(action(run));
}

pub(crate) fn set_drop(node: &Gc<Node>, run: impl FnMut() + 'static) {
    *node.dropped.0.borrow_mut() = Some(action(run));
}

pub(crate) fn counter() -> (Rc<Cell<u32>>, impl Fn() -> Rc<Cell<u32>>) {
    let count = Rc::new(Cell::new(0));
    let again = count.clone();
    (count, move || again.clone())
}

pub(crate) fn bump(count: &Cell<u32>) {
    count.set(count.get() + 1);
}
