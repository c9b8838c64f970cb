//! The leak detector on the managed heap: each class of leak seeded and told from the others, and innocents beside them.
#![cfg(feature = "heap")]

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use exuvia_core::object::{List, Value};
use exuvia_core::{Gc, Heap, Root, Trace};
use exuvia_harness::leak::{LeakCheck, LeakClass, LeakReport, Verdict};

#[derive(Trace)]
struct Node {
    edges: RefCell<Vec<Gc<Node>>>,
    leaf: Gc<Leaf>,
}

#[derive(Trace)]
struct Leaf(u64);

#[derive(Trace)]
struct Cache {
    by_key: RefCell<HashMap<u64, Gc<Node>>>,
}

fn node(heap: &Heap) -> Gc<Node> {
    let leaf = heap.alloc(Leaf(7));
    heap.alloc(Node {
        edges: RefCell::new(Vec::new()),
        leaf,
    })
}

fn check(body: impl FnMut(&Heap)) -> LeakReport {
    let check = LeakCheck::new().iterations(4_096);
    check.budget(Duration::from_secs(60)).run(body)
}

/// The one finding: class, last part of the type's name, rate.
fn only(report: &LeakReport) -> (LeakClass, &str, f64) {
    let [finding] = &report.findings[..] else {
        panic!("{report}")
    };
    let name = finding.type_name.rsplit("::").next().expect("a name");
    (finding.class, name, finding.rate)
}

fn is(found: (LeakClass, &str, f64), class: LeakClass, name: &str, rate: f64) -> bool {
    found.0 == class && found.1 == name && (found.2 - rate).abs() < 0.01
}

#[test]
fn garbage_of_all_kinds_is_clean() {
    let report = check(|heap| {
        let pair = [node(heap), node(heap)];
        pair[0].edges.borrow_mut().push(pair[1].clone());
        pair[1].edges.borrow_mut().push(pair[0].clone());
        assert_eq!(pair[0].leaf.0, 7);
        let weak = Gc::downgrade(&pair[1]);
        drop(pair);
        drop(weak);
    });
    report.assert_clean();
    assert!(
        matches!(report.verdict(), Verdict::Clean { .. }),
        "{report}"
    );
}

#[test]
fn a_forgotten_handle_is_a_count_leak_of_its_type_alone() {
    let report = check(|heap| {
        let node = node(heap);
        node.edges.borrow_mut().push(node.clone());
        std::mem::forget(node);
    });
    assert!(
        is(only(&report), LeakClass::CountLeak, "Node", 1.0),
        "{report}"
    );
}

#[test]
fn a_lost_decrement_on_a_shared_object_is_found_although_no_object_is_added() {
    let mut shared: Option<Root<Leaf>> = None;
    let report = check(|heap| {
        let leaf = shared.get_or_insert_with(|| heap.root("shared", heap.alloc(Leaf(1))));
        std::mem::forget(Gc::clone(leaf));
    });
    assert!(
        is(only(&report), LeakClass::CountLeak, "Leaf", 1.0),
        "{report}"
    );
}

#[test]
fn references_that_are_lost_out_of_a_stock_are_found_although_no_count_moves() {
    let mut stock: Option<Root<Cache>> = None;
    let report = check(|heap| {
        let stock = stock.get_or_insert_with(|| {
            let by_key = (0..20_000).map(|key| (key, node(heap))).collect();
            let by_key = RefCell::new(by_key);
            heap.root("stock", heap.alloc(Cache { by_key }))
        });
        let mut nodes = stock.by_key.borrow_mut();
        let next = nodes.len() as u64 - 1;
        std::mem::forget(nodes.remove(&next));
    });
    assert!(
        is(only(&report), LeakClass::CountLeak, "Node", 1.0),
        "{report}"
    );
}

#[test]
fn an_unbounded_cache_is_reachable_growth_held_by_the_cache() {
    let mut cache: Option<Root<Cache>> = None;
    let mut key = 0;
    let report = check(|heap| {
        let empty = || Cache {
            by_key: RefCell::default(),
        };
        let cache = cache.get_or_insert_with(|| heap.root("cache", heap.alloc(empty())));
        key += 1;
        cache.by_key.borrow_mut().insert(key / 2, node(heap));
    });
    assert!(
        is(only(&report), LeakClass::ReachableGrowth, "Node", 0.5),
        "{report}"
    );
    let holder = report.findings[0].holder.as_deref().expect("a holder");
    assert!(
        holder.starts_with("root \"cache\" -> Cache.by_key[") && holder.ends_with("] => Node"),
        "{holder}"
    );
    if cfg!(feature = "sites") {
        let site = report.findings[0].site.as_deref().expect("a site");
        assert!(site.contains("leaks_on_the_heap.rs:"), "{site}");
    }
    assert!(
        report.findings[0]
            .bytes_per_iteration
            .is_some_and(|bytes| bytes >= 16.0)
    );
}

#[test]
fn a_cache_of_bounded_size_is_clean() {
    let mut cache: Option<Root<Cache>> = None;
    let mut key = 0;
    let report = check(|heap| {
        let empty = || Cache {
            by_key: RefCell::default(),
        };
        let cache = cache.get_or_insert_with(|| heap.root("cache", heap.alloc(empty())));
        key = (key + 1) % 300;
        cache.by_key.borrow_mut().insert(key, node(heap));
    });
    report.assert_clean();
    assert!(
        matches!(report.verdict(), Verdict::Clean { .. }),
        "{report}"
    );
}

#[test]
fn roots_that_pile_up_are_a_native_pin() {
    let mut roots = Vec::new();
    let report = check(|heap| roots.push(heap.root("one more", node(heap))));
    assert!(
        is(only(&report), LeakClass::NativePin, "Node", 1.0),
        "{report}"
    );
}

#[test]
fn a_buffer_that_grows_without_objects_is_named_by_its_owner() {
    let mut log = None;
    let report = check(|heap| {
        let log = log.get_or_insert_with(|| heap.root("log", List::new(heap)));
        log.push(heap, Value::small(1));
    });
    let finding = &report.findings[0];
    assert_eq!(finding.type_name, "(bytes)", "{report}");
    let holder = finding.holder.as_deref().unwrap_or_default();
    assert!(
        holder.starts_with("the buffer of root \"log\" -> list, "),
        "{report}"
    );
}

#[test]
fn cycles_out_of_the_collectors_reach_are_uncollected_cycles() {
    let report = check(|heap| {
        let node = node(heap);
        node.edges.borrow_mut().push(node.clone());
        drop(node);
        heap.freeze();
    });
    assert!(
        report
            .findings
            .iter()
            .any(|f| f.class == LeakClass::UncollectedCycle && f.type_name.ends_with("Node")),
        "{report}"
    );
    assert!(
        report
            .findings
            .iter()
            .all(|f| f.class == LeakClass::UncollectedCycle),
        "{report}"
    );
}

#[test]
fn the_same_defect_has_the_same_fingerprint_in_another_program() {
    let found = |report: &LeakReport| report.findings[0].fingerprint.clone();
    let once = check(|heap| std::mem::forget(heap.alloc(Leaf(1))));
    let thrice = check(|heap| (0..3).for_each(|_| std::mem::forget(heap.alloc(Leaf(2)))));
    assert_eq!(found(&once), found(&thrice));
    let other = check(|heap| std::mem::forget(node(heap)));
    assert_ne!(found(&once), found(&other));
}

#[test]
fn growth_that_is_meant_is_named_by_its_type() {
    let mut log: Option<Root<Cache>> = None;
    let mut key = 0;
    let check = LeakCheck::new()
        .iterations(4_096)
        .expect_growth("Node")
        .expect_growth("Leaf");
    let report = check.run(|heap| {
        let empty = || Cache {
            by_key: RefCell::default(),
        };
        let log = log.get_or_insert_with(|| heap.root("log", heap.alloc(empty())));
        key += 1;
        log.by_key.borrow_mut().insert(key, node(heap));
    });
    report.assert_clean();
}
