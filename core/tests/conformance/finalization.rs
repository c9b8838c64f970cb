//! Section 2: finalization after PEP 442 (`test_finalization`).

use exuvia_core::{Finalize, Gc, Trace};
use std::cell::RefCell;
use std::rc::Rc;

use crate::{Log, Saved, any, calls, cuts, link, node, notes, quiet, resurrects, ring};

#[test]
fn simple_finalization_test_test_simple() {
    let heap = quiet();
    let log = Log::default();
    let object = node(&heap);
    notes(&object, &log);
    let weak = Gc::downgrade(&object);
    drop(object);
    assert_eq!(log.take(), ["del"]);
    assert!(weak.is_dead());
    assert_eq!(heap.collect_all(), 0);
    assert!(log.take().is_empty());
}

#[test]
fn simple_finalization_test_test_simple_resurrect() {
    let heap = quiet();
    let (log, saved) = (Log::default(), Saved::default());
    let object = node(&heap);
    resurrects(&object, &log, &saved);
    let weak = Gc::downgrade(&object);
    drop(object);
    assert_eq!(log.take(), ["del"]);
    assert!(!weak.is_dead(), "a reference without callback stays alive");
    saved.borrow_mut().clear();
    assert!(log.take().is_empty());
    assert!(weak.is_dead());
}

/// A leaf: no part in cycles, as an object without a header in CPython.
#[derive(Trace)]
#[trace(finalize)]
struct Leaf {
    #[trace(leaf)]
    saved: Rc<RefCell<Vec<Gc<Leaf>>>>,
    #[trace(leaf)]
    log: Log,
}

impl Finalize for Leaf {
    fn finalize(this: &Gc<Self>) {
        this.log.note("del");
        this.saved.borrow_mut().push(this.clone());
    }
}

#[test]
fn simple_finalization_test_test_non_gc_resurrect() {
    let heap = quiet();
    let (log, saved) = (Log::default(), Rc::new(RefCell::new(Vec::new())));
    let leaf = heap.alloc(Leaf {
        saved: saved.clone(),
        log: log.clone(),
    });
    drop(leaf);
    assert_eq!(log.take(), ["del"]);
    let risen = saved.borrow_mut().pop();
    assert!(risen.is_some());
    drop(risen);
    assert!(log.take().is_empty(), "once, also without a header");
}

#[test]
fn self_cycle_finalization_test_test_simple_resurrect_suicide() {
    let heap = quiet();
    let (log, saved) = (Log::default(), Saved::default());
    let simple = ring(&heap, 1);
    notes(&simple[0], &log);
    drop(simple);
    assert_eq!(heap.collect_all(), 1);
    assert_eq!(log.take(), ["del"]);

    let rising = ring(&heap, 1);
    resurrects(&rising[0], &log, &saved);
    let plain = Gc::downgrade(&rising[0]);
    let called = log.clone();
    let back = calls(&heap, move |_| called.note("callback"));
    let watched = Gc::downgrade_with(&rising[0], back);
    drop(rising);
    assert_eq!(heap.collect_all(), 0);
    assert_eq!(log.take(), ["callback", "del"]);
    assert!(
        plain.is_dead() && watched.is_dead(),
        "3.13 clears both kinds"
    );
    saved.borrow_mut().clear();
    assert_eq!(heap.collect_all(), 1);
    assert!(log.take().is_empty());

    let suicide = ring(&heap, 1);
    cuts(&suicide[0], &log);
    drop(suicide);
    heap.collect_all();
    assert_eq!(log.take(), ["del"]);
    assert_eq!(heap.collect_all(), 0);
}

#[test]
fn cycle_chain_finalization_test_test_homogenous_resurrect_suicidal() {
    let heap = quiet();
    let (log, saved) = (Log::default(), Saved::default());
    let plain = ring(&heap, 3);
    plain.iter().for_each(|member| notes(member, &log));
    drop(plain);
    assert_eq!(heap.collect_all(), 3);
    assert_eq!(log.take().len(), 3);

    let rising = ring(&heap, 3);
    rising
        .iter()
        .for_each(|member| resurrects(member, &log, &saved));
    drop(rising);
    assert_eq!(heap.collect_all(), 0);
    assert_eq!((log.take().len(), saved.borrow().len()), (3, 3));
    assert!(
        saved
            .borrow()
            .iter()
            .all(|member| member.edges.borrow().len() == 1)
    );
    saved.borrow_mut().clear();
    assert_eq!(heap.collect_all(), 3);
    assert!(log.take().is_empty());

    let suicidal = ring(&heap, 3);
    suicidal.iter().for_each(|member| cuts(member, &log));
    drop(suicidal);
    heap.collect_all();
    assert_eq!(log.take().len(), 3);
    assert_eq!(heap.memory().live_blocks, 0);
}

#[test]
fn cycle_chain_finalization_test_test_heterogenous() {
    let heap = quiet();
    let (log, saved) = (Log::default(), Saved::default());
    // One that cuts among plain ones, then two.
    for cutting in [1, 2] {
        let mixed = ring(&heap, 3);
        mixed.iter().for_each(|member| notes(member, &log));
        mixed[..cutting]
            .iter()
            .for_each(|member| cuts(member, &log));
        drop(mixed);
        heap.collect_all();
        assert_eq!(log.take().len(), 3);
        assert_eq!(heap.collect_all(), 0);
    }
    // One that resurrects keeps the whole ring.
    for rising in [1, 2, 3] {
        let mixed = ring(&heap, 3);
        mixed.iter().for_each(|member| notes(member, &log));
        mixed[..rising]
            .iter()
            .for_each(|m| resurrects(m, &log, &saved));
        drop(mixed);
        assert_eq!(heap.collect_all(), 0);
        assert_eq!((log.take().len(), saved.borrow().len()), (3, rising));
        saved.borrow_mut().clear();
        assert_eq!(heap.collect_all(), 3);
        assert!(log.take().is_empty());
    }
    // A member outside of the ring sees sane links.
    let (tail, members) = (node(&heap), ring(&heap, 2));
    link(&members[0], &any(&tail));
    notes(&tail, &log);
    drop((tail, members));
    assert_eq!(heap.collect_all(), 3);
    assert_eq!(log.take(), ["del"]);
}
