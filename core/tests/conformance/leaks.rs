//! `-R 3:3` of CPython's regression runs: a test that is repeated leaves
//! nothing. After three warm-ups three runs are measured by the references, the
//! objects and the blocks that the heap then has more than before.

use std::cell::RefCell;

use exuvia_core::object::{
    ByteArray, Class, Dict, Finalizer, Frame, Function, Generator, List, MemoryView, Set, Step,
    Str, Tuple, Value, WeakKeyDictionary, WeakRef, WeakSet, WeakValueDictionary,
};
use exuvia_core::{Ephemeron, Gc, Heap, Trace};

use crate::{Log, Saved, any, calls, cuts, link, node, quiet, resurrects, ring};

const WARM_UPS: usize = 3;
const RUNS: usize = 3;

type Test = (&'static str, fn(&Heap));

/// More references, objects, blocks than before.
type Growth = [isize; 3];

fn totals(heap: &Heap) -> Growth {
    let tracked = heap.objects(None).expect("all generations");
    // Each is held once more by the list just made.
    let references: usize = tracked.iter().map(|object| object.ref_count() - 1).sum();
    drop(tracked);
    let counts = [references, heap.live_objects(), heap.allocated_blocks()];
    counts.map(usize::cast_signed)
}

/// What each measured run of a test left behind.
fn growth(heap: &Heap, test: &mut dyn FnMut(&Heap)) -> [Growth; RUNS] {
    let mut run = || {
        test(heap);
        heap.collect_all();
        totals(heap)
    };
    for _ in 0..WARM_UPS {
        run();
    }
    let mut before = run();
    [(); RUNS].map(|()| {
        let now = run();
        let more = [0, 1, 2].map(|at| now[at] - before[at]);
        before = now;
        more
    })
}

#[derive(Trace)]
struct Endless(Value);

impl Frame for Endless {
    fn resume(&mut self, _: &Heap, _: Value) -> Step {
        Step::Yield(self.0.clone())
    }
}

fn containers(heap: &Heap) {
    let list = List::from_iter(heap, (0..40).map(Value::small));
    let dict = Dict::new(heap);
    for at in 0..40 {
        let key = Value::str(heap, &format!("key {at}"));
        dict.insert(heap, key, Value::from(&list));
    }
    let set = Set::new(heap);
    set.add(heap, Value::small(1));
    list.push(heap, Value::from(&dict));
    list.push(heap, Value::from(set));
    let both = [Value::from(&list), Value::from(dict)];
    list.push(heap, Value::from(Tuple::new(heap, both.into_iter())));
}

fn instances(heap: &Heap) {
    let class = Class::builder(heap, "C").build();
    let slots = Class::builder(heap, "S").slots(["a"]).build();
    let name = Str::intern(heap, "a");
    for class in [&class, &slots] {
        let instance = Class::instantiate(class, heap);
        let itself = Value::from(&instance);
        instance.set_attr(heap, &name, itself).expect("a place");
        drop(instance.dict(heap));
    }
}

fn finalizers(heap: &Heap) {
    let (log, saved) = (Log::default(), Saved::default());
    let nodes = ring(heap, 5);
    resurrects(&nodes[0], &log, &saved);
    cuts(&nodes[3], &log);
    drop(nodes);
    heap.collect_all();
    saved.borrow_mut().clear();
    let object = node(heap);
    let noting = Function::new(heap, "f", |_| Value::NONE, []);
    let watched = Value::from(List::new(heap));
    let finalizer = Finalizer::new(heap, &watched, noting, [Value::small(1)]);
    drop((finalizer, watched, object));
}

fn weak_references(heap: &Heap) {
    let nodes = ring(heap, 3);
    let weak = Gc::downgrade_with(&nodes[0], calls(heap, |_| {}));
    let pair = Ephemeron::new(&nodes[1], nodes[2].clone());
    link(&nodes[0], &Ephemeron::erase(pair));
    link(&nodes[0], &any(&nodes[0]));
    let (keys, values, set) = (
        WeakKeyDictionary::new(heap),
        WeakValueDictionary::new(heap),
        WeakSet::new(heap),
    );
    for at in 0..10 {
        let object = Value::from(List::new(heap));
        keys.insert(heap, &object, Value::small(at))
            .expect("a list");
        values
            .insert(heap, Value::small(at), &object)
            .expect("a list");
        set.add(heap, &object).expect("a list");
    }
    let shared = WeakRef::of(&Value::from(&keys));
    drop((nodes, weak, shared));
}

fn generators_and_buffers(heap: &Heap) {
    let local = List::new(heap);
    let generator = Generator::new(heap, Endless(Value::from(&local)));
    generator.next(heap).expect("a step");
    local.push(heap, Value::from(generator));
    let array = ByteArray::new(heap, &[7; 3000]);
    let view = MemoryView::new(heap, &Value::from(&array)).expect("bytes");
    let slice = view.slice(heap, Some(10), None, 2).expect("a slice");
    local.push(heap, Value::from(slice));
}

fn a_generation_frozen(heap: &Heap) {
    let nodes = ring(heap, 4);
    heap.freeze();
    drop(nodes);
    heap.unfreeze();
}

#[test]
fn regression_runs_with_r_3_3_leave_nothing() {
    let tests: [Test; 6] = [
        ("containers", containers),
        ("instances", instances),
        ("finalizers", finalizers),
        ("weak references", weak_references),
        ("generators and buffers", generators_and_buffers),
        ("a frozen generation", a_generation_frozen),
    ];
    let heap = quiet();
    for (name, mut test) in tests {
        assert_eq!(growth(&heap, &mut test), [[0; 3]; RUNS], "{name}");
    }
    heap.verify().expect("a sound heap");
}

#[test]
fn regression_runs_with_r_3_3_find_a_reference_and_an_object_that_leak() {
    let heap = quiet();
    let object = node(&heap);
    let held = RefCell::new(Vec::new());
    let mut a_reference = |_: &Heap| held.borrow_mut().push(object.clone());
    assert_eq!(growth(&heap, &mut a_reference), [[1, 0, 0]; RUNS]);
    let nodes = RefCell::new(Vec::new());
    let mut an_object = |heap: &Heap| nodes.borrow_mut().push(node(heap));
    for run in growth(&heap, &mut an_object) {
        assert_eq!(run, [1, 1, 1]);
    }
}
