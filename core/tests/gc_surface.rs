//! The debugging switches of the collector and what they tell; memory tables.

use std::cell::RefCell;
use std::rc::Rc;

use exuvia_core::object::{List, Value};
use exuvia_core::{DebugFlags, Gc, Heap};

fn told(heap: &Heap) -> Rc<RefCell<Vec<String>>> {
    let lines = Rc::new(RefCell::new(Vec::new()));
    let sink = lines.clone();
    heap.set_debug_sink(move |line| sink.borrow_mut().push(line.to_owned()));
    lines
}

fn ring(heap: &Heap) {
    let list = List::new(heap);
    list.push(heap, Value::from(&list));
}

#[test]
fn statistics_name_the_generation_and_the_counts() {
    let heap = Heap::new();
    let lines = told(&heap);
    let kept = List::new(&heap);
    heap.freeze();
    let young = List::new(&heap);
    ring(&heap);
    heap.set_debug(DebugFlags::STATS);
    heap.collect(1).unwrap();
    heap.set_debug(DebugFlags::NONE);
    heap.collect_all();
    let lines = lines.take();
    assert_eq!(lines[0], "gc: collecting generation 1...");
    assert_eq!(lines[1], "gc: objects in each generation: 2 0 0");
    assert_eq!(lines[2], "gc: objects in permanent generation: 1");
    assert!(lines[3].starts_with("gc: done, 1 unreachable, 0 uncollectable, 0."));
    assert!(lines[3].ends_with("s elapsed") && lines.len() == 4);
    drop((kept, young));
}

#[test]
fn collectable_objects_are_named_and_still_freed() {
    let heap = Heap::new();
    let lines = told(&heap);
    ring(&heap);
    heap.set_debug(DebugFlags::COLLECTABLE);
    assert_eq!(heap.collect_all(), 1);
    let lines = lines.take();
    assert!(
        lines.len() == 1 && lines[0].starts_with("gc: collectable <list 0x"),
        "{lines:?}"
    );
    assert_eq!(heap.live_objects(), 0);
    heap.verify().unwrap();
}

#[test]
fn a_sink_that_uses_the_heap_is_safe() {
    let heap = Heap::new();
    let list = List::new(&heap);
    list.push(&heap, Value::from(&list));
    let weak = Gc::downgrade(&list);
    drop(list);
    let (inside, reference) = (heap.clone(), weak.clone());
    let raised = Rc::new(RefCell::new(Vec::new()));
    let found = raised.clone();
    heap.set_debug_sink(move |_| {
        inside.collect_all();
        found.borrow_mut().extend(reference.upgrade());
        drop(List::new(&inside));
        panic!("a sink that fails");
    });
    heap.set_debug(DebugFlags::COLLECTABLE);
    assert_eq!(heap.collect_all(), 1);
    assert!(raised.borrow().is_empty() && weak.is_dead());
    let errors = heap.take_errors();
    assert!(
        errors[0].to_string().contains("a sink that fails"),
        "{errors:?}"
    );
    heap.set_debug_sink(|_| {}); // The old sink held the heap.
}

#[test]
fn saveall_keeps_identity_counts_no_uncollectable_and_tells_at_exit() {
    let heap = Heap::new();
    let lines = told(&heap);
    let list = List::new(&heap);
    list.push(&heap, Value::from(&list));
    let address = Gc::address(&list);
    drop(list);
    heap.set_debug(DebugFlags::LEAK);
    assert!(
        heap.debug()
            .contains(DebugFlags::SAVEALL | DebugFlags::COLLECTABLE)
    );
    assert_eq!(heap.collect_all(), 1);
    assert_eq!(heap.stats()[2].uncollectable, 0);
    let garbage = heap.garbage();
    assert!(garbage.len() == 1 && garbage[0].address() == address);
    drop(garbage);
    lines.take();
    drop(heap);
    let lines = lines.take();
    let shutdown = "gc: 1 uncollectable objects at shutdown:";
    assert!(lines.iter().any(|line| line == shutdown), "{lines:?}");
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("gc: uncollectable <list 0x"))
    );
}

#[test]
fn the_memory_table_agrees_with_the_counters() {
    let heap = Heap::new();
    let lists: Vec<_> = (0..1000)
        .map(|_| List::repeat(&heap, &Value::NONE, 4))
        .collect();
    let text = heap.debug_malloc_stats();
    let objects = text
        .lines()
        .find(|line| line.starts_with("objects"))
        .unwrap();
    let cells: Vec<&str> = objects.split_whitespace().collect();
    assert_eq!(cells[1], "32");
    let blocks = heap.allocated_blocks().to_string();
    let line = text
        .lines()
        .find(|line| line.starts_with("blocks in use"))
        .unwrap();
    assert!(line.ends_with(&blocks), "{text}");
    drop(lists);
}
