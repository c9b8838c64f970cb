//! Handles that move while their objects are examined.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use exuvia_core::{Finalize, Gc, Trace, Weak};

use crate::{Calls, Node, action, each_mode, node, ring, set_finalizer};

#[test]
fn finalizers_find_their_weak_references_dead_and_may_link_newborns() {
    each_mode(|heap| {
        let live = node(heap, Vec::new());
        let nodes = ring(heap, 6);
        let weak: Vec<Weak<Node>> = nodes.iter().map(Gc::downgrade).collect();
        // Weak references are cleared before finalizers run.
        for (index, node) in nodes.iter().enumerate() {
            let (live, heap) = (live.clone(), heap.clone());
            let me: Rc<RefCell<Option<Weak<Node>>>> = Rc::default();
            *me.borrow_mut() = Some(Gc::downgrade(node));
            set_finalizer(node, move || {
                assert!(me.borrow().as_ref().is_some_and(Weak::is_dead));
                let newborn = crate::node(&heap, Vec::new());
                if index == 2 {
                    live.edges.borrow_mut().push(newborn);
                } else {
                    drop(newborn);
                }
            });
        }
        drop(nodes);
        assert_eq!(heap.collect_all(), 6);
        assert!(weak.iter().all(Weak::is_dead));
        assert_eq!(live.edges.borrow().len(), 1);
        assert_eq!(heap.take_errors(), []);
    });
}

/// Gives its neighbour away when it is finalized.
#[derive(Trace)]
#[trace(finalize)]
struct Giver {
    next: RefCell<Option<Gc<Giver>>>,
    shelf: Gc<Shelf>,
    gives: Cell<bool>,
}

#[derive(Trace)]
struct Shelf {
    slot: RefCell<Vec<Gc<Giver>>>,
}

impl Finalize for Giver {
    fn finalize(this: &Gc<Self>) {
        if this.gives.get() {
            let moved = this.next.borrow_mut().take();
            this.shelf.slot.borrow_mut().extend(moved);
        }
    }
}

#[test]
fn a_moved_edge_saves_exactly_what_it_leads_to() {
    each_mode(|heap| {
        let shelf = heap.alloc(Shelf {
            slot: RefCell::new(Vec::new()),
        });
        let giver = |gives| {
            heap.alloc(Giver {
                next: RefCell::new(None),
                shelf: shelf.clone(),
                gives: Cell::new(gives),
            })
        };
        // a -> b -> c -> a; b gives c away, and with it a (through c), then b (through a).
        let (a, b, c) = (giver(false), giver(true), giver(false));
        *a.next.borrow_mut() = Some(b.clone());
        *b.next.borrow_mut() = Some(c.clone());
        *c.next.borrow_mut() = Some(a.clone());
        // d -> e -> d; e gives d away: e follows d to the shelf.
        let (d, e) = (giver(false), giver(true));
        *d.next.borrow_mut() = None;
        *e.next.borrow_mut() = Some(e.clone());
        drop((a, b, c));
        assert_eq!(heap.collect_all(), 0);
        assert_eq!(shelf.slot.borrow().len(), 1);
        heap.verify().unwrap();
        drop(e);
        assert_eq!(heap.collect_all(), 0, "it gave itself away");
        drop(d);
        let saved = std::mem::take(&mut *shelf.slot.borrow_mut());
        assert_eq!(saved.len(), 2);
        assert_eq!(
            saved
                .iter()
                .filter(|giver| giver.next.borrow().is_none())
                .count(),
            1
        );
        drop(saved);
        // The chain c -> a -> b dies by count, e has no edge left.
        assert_eq!(heap.collect_all(), 0);
        assert_eq!(heap.live_objects(), 1, "the shelf");
    });
}

#[test]
fn weak_callbacks_and_collection_callbacks_may_move_handles_of_live_objects() {
    each_mode(|heap| {
        let (left, right) = (node(heap, Vec::new()), node(heap, Vec::new()));
        let shuttle = ring(heap, 2);
        left.edges.borrow_mut().extend(shuttle);
        let moves = {
            let (left, right) = (left.clone(), right.clone());
            move || {
                let mut moved = std::mem::take(&mut *left.edges.borrow_mut());
                std::mem::swap(&mut moved, &mut *right.edges.borrow_mut());
                *left.edges.borrow_mut() = moved;
            }
        };
        let call = heap.alloc(Calls {
            run: action(moves.clone()),
        });
        let id = heap.add_callback(move |_, _| moves.clone()());
        let trash = ring(heap, 3);
        let watch: Vec<Weak<Node>> = trash
            .iter()
            .map(|t| Gc::downgrade_with(t, call.clone()))
            .collect();
        drop((trash, call));
        assert_eq!(heap.collect_all(), 3);
        assert!(watch.iter().all(Weak::is_dead));
        // Two collection callbacks and three weak ones: five moves.
        assert_eq!(
            (left.edges.borrow().len(), right.edges.borrow().len()),
            (0, 2)
        );
        assert!(heap.remove_callback(id));
        drop(watch);
        right.edges.borrow_mut().clear();
        assert_eq!(heap.collect_all(), 2);
        assert_eq!(heap.live_objects(), 2);
    });
}
