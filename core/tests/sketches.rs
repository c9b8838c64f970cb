//! A sketch moves with everything that a survey counts, and with nothing that comes and goes.

use std::cell::RefCell;

use exuvia_core::object::{Class, List, Str, Value};
use exuvia_core::{Gc, Heap, Mode, NativeHandle, Root, Trace};
use fastrand::Rng;

#[derive(Trace)]
struct Node {
    edges: RefCell<Vec<Gc<Node>>>,
}

#[derive(Trace)]
struct Large {
    #[trace(leaf)]
    _bytes: [u8; 10_000],
    edge: Gc<Node>,
}

fn node(heap: &Heap) -> Gc<Node> {
    heap.alloc(Node {
        edges: RefCell::default(),
    })
}

/// All that a sketch stands for, object by object.
#[derive(PartialEq, Debug)]
struct Known {
    types: Vec<(String, u64, u64)>,
    unbalanced: Vec<(usize, i64)>,
    pins: Vec<usize>,
}

fn known(heap: &Heap) -> Known {
    let counted = |row: exuvia_core::TypeRow| (row.name, row.objects, row.bytes);
    let audit = heap.audit();
    let unbalanced = audit.findings.iter().filter(|found| found.surplus != 0);
    let roots = heap.roots();
    let roots = roots.iter().map(|(_, object)| object.address());
    let mut pins: Vec<usize> = roots
        .chain(audit.pins.iter().map(|pin| pin.address))
        .collect();
    pins.sort_unstable();
    Known {
        types: heap.survey().types.into_iter().map(counted).collect(),
        unbalanced: unbalanced
            .map(|found| (found.address, found.surplus))
            .collect(),
        pins,
    }
}

fn heaps() -> [Heap; 3] {
    [Mode::Pages, Mode::System, Mode::Debug].map(|mode| Heap::builder().mode(mode).build())
}

/// One step of a program that moves references about, frees, makes anew, and loses some.
fn step(
    rng: &mut Rng,
    heap: &Heap,
    kept: &mut Vec<Root<Node>>,
    lost: &mut Vec<Gc<Node>>,
    natives: &mut Vec<NativeHandle<Node>>,
) {
    let some = |rng: &mut Rng, kept: &[Root<Node>]| Gc::clone(&kept[rng.usize(..kept.len())]);
    match rng.u32(0..11) {
        0 => kept.push(heap.root("kept", node(heap))),
        1 if kept.len() > 1 => drop(kept.swap_remove(rng.usize(..kept.len()))),
        2 => lost.push(some(rng, kept)),
        3 => drop(lost.pop()),
        4 => some(rng, kept).edges.borrow_mut().push(some(rng, kept)),
        5 => drop(some(rng, kept).edges.borrow_mut().pop()),
        // An edge becomes a reference that nobody holds: no count moves.
        6 => lost.extend(some(rng, kept).edges.borrow_mut().pop()),
        // Churn, and nothing else.
        7 => (0..rng.u32(0..20)).for_each(|_| {
            let (a, b) = (node(heap), node(heap));
            a.edges.borrow_mut().push(b.clone());
            b.edges.borrow_mut().push(a);
        }),
        8 => natives.push(heap.native("library", some(rng, kept))),
        9 => drop(natives.pop()),
        _ => {
            let edge = some(rng, kept);
            drop(heap.alloc(Large {
                _bytes: [0; 10_000],
                edge,
            }));
        }
    }
}

#[test]
fn a_sketch_moves_exactly_when_an_audit_or_a_census_does() {
    let (mut same, mut other) = (0, 0);
    for seed in 0..30 {
        for heap in heaps() {
            let mut rng = Rng::with_seed(seed);
            let (mut kept, mut lost, mut natives) = (Vec::new(), Vec::new(), Vec::new());
            kept.push(heap.root("kept", node(&heap)));
            let mut past = Vec::new();
            for _ in 0..40 {
                step(&mut rng, &heap, &mut kept, &mut lost, &mut natives);
                heap.collect_all();
                let (known, sketch) = (known(&heap), heap.sketch());
                for (known_then, sketch_then) in &past {
                    let is_same = *known_then == known;
                    assert_eq!(sketch == *sketch_then, is_same, "seed {seed}");
                    *(if is_same { &mut same } else { &mut other }) += 1;
                }
                past.push((known, sketch));
            }
        }
    }
    assert!(
        same > 5_000 && other > 5_000,
        "{same} pairs alike, {other} not"
    );
}

#[test]
fn instances_are_told_apart_by_their_class() {
    let heap = Heap::new();
    let class = |name: &str| Class::builder(&heap, name).slots(["x"]).build();
    let (a, b) = (class("A"), class("B"));
    let held = heap.root("held", List::new(&heap));
    let put = |class: &Gc<Class>| {
        held.clear();
        held.push(&heap, Value::from(Class::instantiate(class, &heap)));
        heap.collect_all();
        heap.sketch()
    };
    let (with_a, with_b) = (put(&a), put(&b));
    assert!(with_a.types.iter().any(|row| row.0 == "A" && row.1 == 1));
    assert_ne!(with_a.types, with_b.types);
    assert_eq!(put(&a).types, with_a.types);
}

#[test]
fn saved_garbage_and_immortal_objects_are_accounted_for() {
    let heap = Heap::new();
    let held = heap.root("held", List::new(&heap));
    let word = Str::new(&heap, "a word of more than a few letters");
    let before = heap.sketch();
    held.push(&heap, Value::from(word.clone()));
    drop(held.pop());
    assert_eq!(heap.sketch(), before);
    drop(word);
    assert_ne!(heap.sketch().types, before.types);
    heap.set_debug(exuvia_core::DebugFlags::SAVEALL);
    let (x, y) = (node(&heap), node(&heap));
    x.edges.borrow_mut().push(y.clone());
    y.edges.borrow_mut().push(x.clone());
    drop((x, y));
    let balanced = heap.sketch().imbalance;
    heap.collect_all();
    assert_eq!(heap.garbage().len(), 2);
    assert_eq!(heap.sketch().imbalance, balanced, "gc.garbage holds them");
}
